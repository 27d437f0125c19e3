package dsn

import (
	"errors"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// parameter is a name and a value, decoded, and where the value stands.
type parameter struct {
	name, value string
	at          place
}

// role is the meaning of a parameter: a part of the login, a host, or an option.
type role int

const (
	roleOption role = iota
	roleUser
	rolePassword
	roleHost
	rolePort
	roleDatabase
	roles // their number
)

// roleNames are those of errors.
var roleNames = [roles]string{
	roleUser: "the user", rolePassword: "the password", roleHost: "the host", rolePort: "the port",
	roleDatabase: "the database",
}

// assignRoles sorts parameters by their roles. Of each role there is one at most, but for options; user and password
// are not empty, and where the password or both are missing, noLogin is set.
func (s *String) assignRoles(all []parameter, roleOf func(name string) role) (values [roles]string, err error) {
	var found [roles]bool
	for _, p := range all {
		r := roleOf(p.name)
		if r == roleOption {
			s.Options = append(s.Options, Option{p.name, p.value})
			continue
		}
		if found[r] {
			return values, errors.New("it says " + roleNames[r] + " twice")
		}
		found[r], values[r] = true, p.value
		if r == roleUser {
			s.userAt = p.at
		}
		if r == rolePassword {
			s.secretAt = p.at
		}
	}
	switch hasUser, hasPassword := values[roleUser] != "", values[rolePassword] != ""; {
	case hasUser && hasPassword:
	case found[rolePassword] || found[roleUser] && !hasUser:
		return values, errNoLogin
	default:
		s.noLogin = errNoLogin
	}
	s.User, s.Password = values[roleUser], secret.New(values[rolePassword])
	return values, nil
}

// splitHosts cuts a list of hosts with cut.
func splitHosts(list string, cut func(entry string) (Host, error)) (hosts []Host, err error) {
	for entry := range strings.SplitSeq(list, ",") {
		h, err := cut(entry)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// cutHost cuts host:port. An IPv6 address stands in brackets.
func cutHost(entry string) (Host, error) {
	if end := strings.Index(entry, "]"); strings.HasPrefix(entry, "[") && end > 0 {
		port := entry[end+1:]
		if port != "" && port[0] != ':' {
			return Host{}, errors.New("a host's address in brackets is followed by something that is no port")
		}
		return Host{entry[1:end], strings.TrimPrefix(port, ":")}, nil
	}
	name, port, _ := strings.Cut(entry, ":")
	return Host{name, port}, nil
}

// pairPorts gives hosts that have none the ports of a list, which is as long or has one port for all.
func pairPorts(hosts []Host, list string) error {
	ports := strings.Split(list, ",")
	if len(ports) != 1 && len(ports) != len(hosts) {
		return errors.New("as many ports as hosts are needed, or one")
	}
	for i := range hosts {
		if hosts[i].Port == "" {
			hosts[i].Port = ports[i%len(ports)]
		}
	}
	return nil
}
