package postgres

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

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	clone       = "_clone"
	longestName = 63 // bytes: PostgreSQL cuts the rest off without an error (NAMEDATALEN)
	defaultPort = "5432"
)

// login is what a version says of who logs in where.
type login struct {
	user     string
	password secret.Value
	hosts    []host
	database string // "": it names none
	encryption
	options, channelBinding string // as in libpq
}

type host struct{ name, port string }

// refusal is an error for which a rotation does not start at all.
type refusal string

func (r refusal) Error() string   { return string(r) }
func (r refusal) Refusal() string { return string(r) }

// other returns the user that takes turns with this one.
func other(user string) (string, error) {
	original, cloned := strings.CutSuffix(user, clone)
	switch {
	case cloned && original == "":
		return "", errors.New("its user's name is nothing but " + clone)
	case len(user) > longestName:
		return "", fmt.Errorf("its user's name has more than %d bytes, the rest of which PostgreSQL ignores", longestName)
	case cloned:
		return original, nil
	case len(user)+len(clone) > longestName:
		return "", fmt.Errorf("its user's name with %s behind it has more than the %d bytes that PostgreSQL keeps: take a name of at most %d bytes", clone, longestName, longestName-len(clone))
	}
	return user + clone, nil
}

// login reads a version of the source. No error holds anything of it.
func (r *Rotator) login(v rotate.Values) (login, error) {
	f := r.source.Rotate.Fields
	if f == nil {
		return readURL(r.source.Rotate.URL, v)
	}
	l := login{user: secret.Reveal(v[f.Username]), password: v[f.Password], database: secret.Reveal(v[f.DBName])}
	names, ports := secret.Reveal(v[f.Host]), secret.Reveal(v[f.Port])
	for _, key := range []string{f.Username, f.Password, f.Host} {
		if secret.Reveal(v[key]) == "" {
			return login{}, fmt.Errorf("%s is missing or empty", key)
		}
	}
	var err error
	if l.hosts, err = pairs(names, ports); err != nil {
		return login{}, fmt.Errorf("%s: %w", f.Host, err)
	}
	l.encryption = encryption{mode: cmp.Or(f.SSLMode, verifyFull), authority: f.SSLRootCert}
	return l, l.check()
}

// pairs are the hosts of two lists. One port is that of all hosts.
func pairs(names, ports string) (hosts []host, err error) {
	n, p := strings.Split(names, ","), strings.Split(ports, ",")
	if len(p) == 1 {
		p = slices.Repeat(p, len(n))
	}
	if len(p) != len(n) {
		return nil, errors.New("as many ports as hosts are needed, or one")
	}
	for i, name := range n {
		h, err := newHost(name, p[i])
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

func newHost(name, port string) (host, error) {
	switch {
	case name == "":
		return host{}, errors.New("it names no host")
	case name[0] == '/' || name[0] == '@':
		return host{}, errors.New("a Unix socket is not a host that rotary can reach")
	case strings.ContainsAny(name, " \t\r\n\x00"):
		return host{}, errors.New("a host's name has a space in it")
	}
	port = cmp.Or(port, defaultPort)
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return host{}, errors.New("a port is not a number from 1 to 65535")
	}
	return host{strings.TrimSuffix(strings.ToLower(name), "."), port}, nil
}

// check reports what no server would take, or not as it is written.
func (l login) check() error {
	if strings.ContainsRune(l.user+l.database+secret.Reveal(l.password), 0) {
		return errors.New("it has a zero byte")
	}
	return l.encryption.check()
}

// readURL reads the URL under a key.
func readURL(key string, v rotate.Values) (login, error) {
	text := secret.Reveal(v[key])
	if text == "" {
		return login{}, fmt.Errorf("%s is missing or empty", key)
	}
	u, err := parse(text)
	if err != nil {
		return login{}, fmt.Errorf("%s: %w", key, err)
	}
	l, err := u.login()
	if err != nil {
		return login{}, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

// with returns a version's content with another login in it.
func (r *Rotator) with(v rotate.Values, user string, password secret.Value) (rotate.Values, error) {
	next, at := maps.Clone(v), r.source.Rotate
	if f := at.Fields; f != nil {
		next[f.Username], next[f.Password] = secret.New(user), password
		return next, nil
	}
	u, err := parse(secret.Reveal(v[at.URL]))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.URL, err)
	}
	next[at.URL] = secret.New(u.with(user, secret.Reveal(password)))
	return next, nil
}

// administrator reads the administrator's URL.
func (r *Rotator) administrator(ctx context.Context) (login, error) {
	v, err := r.admin(ctx)
	if err != nil {
		return login{}, fmt.Errorf("read the administrator's source %s: %w", r.source.Rotate.Admin, err)
	}
	if len(v) != 1 {
		return login{}, fmt.Errorf("the administrator's source %s holds %d keys: keep its URL alone there", r.source.Rotate.Admin, len(v))
	}
	l, err := readURL(slices.Sorted(maps.Keys(v))[0], v)
	if err != nil {
		return login{}, fmt.Errorf("the administrator's source %s: %w", r.source.Rotate.Admin, err)
	}
	return l, nil
}

// serves says whether all of these hosts are the administrator's, or declared to serve the same users.
func (r *Rotator) serves(admin login, hosts []host) bool {
	for _, h := range hosts {
		if !slices.Contains(admin.hosts, h) && !slices.ContainsFunc(r.source.Rotate.Replicas, func(text string) bool { return admin.names(text, h) }) {
			return false
		}
	}
	return true
}

// names says whether an entry of replicas is this host. Without a port it is at the administrator's.
func (l login) names(entry string, h host) bool {
	name, port, err := net.SplitHostPort(entry)
	if err != nil {
		name, port = strings.Trim(entry, "[]"), l.hosts[0].port
	}
	declared, err := newHost(name, port)
	return err == nil && declared == h
}

// at is where the administrator sees the login's user: at the hosts that both name, as the login says, or else at the
// administrator's, as the administrator's says.
func (l login) at(admin login) login {
	var both []host
	for _, h := range l.hosts {
		if slices.Contains(admin.hosts, h) {
			both = append(both, h)
		}
	}
	if len(both) > 0 {
		l.hosts = both
		return l
	}
	l.hosts, l.encryption, l.options, l.channelBinding = admin.hosts, admin.encryption, admin.options, admin.channelBinding
	return l
}
