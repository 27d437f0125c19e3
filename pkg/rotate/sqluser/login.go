package sqluser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Clone is how the second user's name ends.
const Clone = "_clone"

// Syntax is how sources write the logins of a product.
type Syntax struct {
	Port    string // where none is written
	Longest int    // bytes of a user's name, of which the product would cut off what is more; 0: the server says it
	// OptionalDatabase reports whether a login can be tried without a database, to which it may have lost the right.
	OptionalDatabase bool
	// Parse reads a connection URL.
	Parse func(text string) (Text, error)
	// ReadEncryption reads the words of rotate.fields: sslmode, and the file of an authority.
	ReadEncryption func(word, authority string) (Encryption, error)
	// CheckStart returns why a source with this login cannot be rotated. nil: no further check.
	CheckStart func(manifest.Source, Login) error
}

// Text is a connection URL, or a data source name, that was understood.
type Text interface {
	// ReadLogin returns who logs in where.
	ReadLogin() (Login, error)
	// ReplaceLogin returns the text with another user and password. Everything else stays as it is.
	ReplaceLogin(user, password string) string
}

// Login is who logs in where, and how.
type Login struct {
	User       string
	Password   secret.Value
	Hosts      []Host
	Database   string // "": it names none
	Encryption Encryption
	Options    map[string]string // of the connection, by the product's own names
}

// Host is a host's name in small letters, and its port.
type Host struct{ Name, Port string }

// Refusal is an error for which a rotation does not start at all.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Refusal returns the reason.
func (r Refusal) Refusal() string { return string(r) }

// partnerOf returns the user that takes turns with this one.
func (r *Rotator[S]) partnerOf(user string) (string, error) {
	original, cloned := strings.CutSuffix(user, Clone)
	longest := r.syntax.Longest
	switch {
	case cloned && original == "":
		return "", errors.New("its user's name is nothing but " + Clone)
	case longest > 0 && len(user) > longest:
		return "", fmt.Errorf("its user's name has more than %d bytes, the rest of which the server ignores", longest)
	case cloned:
		return original, nil
	case longest > 0 && len(user)+len(Clone) > longest:
		return "", fmt.Errorf("its user's name with %s behind it has more than the %d bytes that the server keeps: "+
			"take a name of at most %d bytes", Clone, longest, longest-len(Clone))
	}
	return user + Clone, nil
}

// ReadLogin reads a version of the source. No error holds anything of it.
func (r *Rotator[S]) ReadLogin(v rotate.Values) (Login, error) {
	f := r.source.Database().Fields
	if keys := r.source.Database().URL; len(keys) > 0 {
		return r.syntax.readURL(keys[0], v)
	}
	l := Login{User: secret.Reveal(v[f.Username]), Password: v[f.Password], Database: secret.Reveal(v[f.DBName])}
	for _, key := range []string{f.Username, f.Password, f.Host} {
		if secret.Reveal(v[key]) == "" {
			return Login{}, fmt.Errorf("%s is missing or empty", key)
		}
	}
	var err error
	if l.Hosts, err = r.syntax.pairHosts(secret.Reveal(v[f.Host]), secret.Reveal(v[f.Port])); err != nil {
		return Login{}, fmt.Errorf("%s: %w", f.Host, err)
	}
	if l.Encryption, err = r.syntax.ReadEncryption(cmp.Or(f.SSLMode, "verify-full"), f.SSLRootCert); err != nil {
		return Login{}, err
	}
	return l, l.checkWritable()
}

// readURL reads the URL under a key.
func (s Syntax) readURL(key string, v rotate.Values) (Login, error) {
	text := secret.Reveal(v[key])
	if text == "" {
		return Login{}, fmt.Errorf("%s is missing or empty", key)
	}
	u, err := s.Parse(text)
	if err != nil {
		return Login{}, fmt.Errorf("%s: %w", key, err)
	}
	l, err := u.ReadLogin()
	if err == nil {
		err = l.checkWritable()
	}
	if err != nil {
		return Login{}, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

// checkWritable reports what no server would take, or not as it is written.
func (l Login) checkWritable() error {
	if strings.ContainsRune(l.User+l.Database+secret.Reveal(l.Password), 0) {
		return errors.New("it has a zero byte")
	}
	return nil
}

// pairHosts returns the hosts of two lists. One port is that of all hosts.
func (s Syntax) pairHosts(names, ports string) (hosts []Host, err error) {
	n, p := strings.Split(names, ","), strings.Split(ports, ",")
	if len(p) == 1 {
		p = slices.Repeat(p, len(n))
	}
	if len(p) != len(n) {
		return nil, errors.New("as many ports as hosts are needed, or one")
	}
	for i, name := range n {
		h, err := s.NewHost(name, p[i])
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// NewHost returns a host as it is compared with others. An empty port is the product's own.
func (s Syntax) NewHost(name, port string) (Host, error) {
	switch {
	case name == "":
		return Host{}, errors.New("it names no host")
	case name[0] == '/' || name[0] == '@':
		return Host{}, errors.New("a Unix socket is not a host that rotary can reach")
	case strings.ContainsAny(name, "/,@()[] \t\r\n\x00"):
		return Host{}, errors.New("a host's name has a character in it that no name has")
	}
	port = cmp.Or(port, s.Port)
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return Host{}, errors.New("a port is not a number from 1 to 65535")
	}
	return Host{strings.TrimSuffix(strings.ToLower(name), "."), port}, nil
}

// ReadHosts reads a list of hosts with their ports. An IPv6 address stands in brackets.
func (s Syntax) ReadHosts(list string) (hosts []Host, err error) {
	for entry := range strings.SplitSeq(list, ",") {
		name, port, _ := strings.Cut(entry, ":")
		if end := strings.Index(entry, "]"); strings.HasPrefix(entry, "[") && end > 0 {
			name, port = entry[1:end], entry[end+1:]
			if port != "" && port[0] != ':' {
				return nil, errors.New("a host's address in brackets is followed by something that is no port")
			}
			port = strings.TrimPrefix(port, ":")
		}
		name, err := Decode(name)
		if err != nil {
			return nil, err
		}
		h, err := s.NewHost(name, port)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// replaceLogin returns a version's content with another login in it.
func (r *Rotator[S]) replaceLogin(v rotate.Values, user string, password secret.Value) (rotate.Values, error) {
	next, at := maps.Clone(v), r.source.Database()
	if f := at.Fields; f != nil {
		next[f.Username], next[f.Password] = secret.New(user), password
		return next, nil
	}
	u, err := r.syntax.Parse(secret.Reveal(v[at.URL[0]]))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.URL[0], err)
	}
	next[at.URL[0]] = secret.New(u.ReplaceLogin(user, secret.Reveal(password)))
	return next, nil
}

// readAdministrator reads the administrator's URL.
func (r *Rotator[S]) readAdministrator(ctx context.Context) (Login, error) {
	name := r.source.Rotate.Admin()
	v, err := r.admin(ctx)
	if err != nil {
		return Login{}, fmt.Errorf("read the administrator's source %s: %w", name, err)
	}
	if len(v) != 1 {
		return Login{}, fmt.Errorf("the administrator's source %s holds %d keys: keep its URL alone there",
			name, len(v))
	}
	l, err := r.syntax.readURL(slices.Sorted(maps.Keys(v))[0], v)
	if err != nil {
		return Login{}, fmt.Errorf("the administrator's source %s: %w", name, err)
	}
	return l, nil
}

// serves reports whether all of these hosts are the administrator's, or declared to serve the same users.
func (r *Rotator[S]) serves(admin Login, hosts []Host) bool {
	for _, h := range hosts {
		declared := func(entry string) bool { return r.syntax.isHost(entry, admin.Hosts[0].Port, h) }
		if !slices.Contains(admin.Hosts, h) && !slices.ContainsFunc(r.source.Hosts, declared) {
			return false
		}
	}
	return true
}

// isHost reports whether an entry of replicas is this host. Without a port it is at the given one.
func (s Syntax) isHost(entry, port string, h Host) bool {
	name, own, err := net.SplitHostPort(entry)
	if err != nil {
		name, own = strings.Trim(entry, "[]"), port
	}
	declared, err := s.NewHost(name, own)
	return err == nil && declared == h
}

// moveTo returns a login where the administrator sees its user: at the hosts that both name, as the login says, or else
// at the administrator's, as the administrator's says.
func (r *Rotator[S]) moveTo(admin, l Login) Login {
	if r.syntax.OptionalDatabase {
		l.Database = ""
	}
	var both []Host
	for _, h := range l.Hosts {
		if slices.Contains(admin.Hosts, h) {
			both = append(both, h)
		}
	}
	if len(both) > 0 {
		l.Hosts = both
		return l
	}
	l.Hosts, l.Encryption, l.Options = admin.Hosts, admin.Encryption, admin.Options
	return l
}

// nameHost adds to an error which of several hosts it is about.
func (l Login) nameHost(i int, err error) error {
	if err == nil || len(l.Hosts) == 1 {
		return err
	}
	return fmt.Errorf("host %d of %d: %w", i+1, len(l.Hosts), err)
}
