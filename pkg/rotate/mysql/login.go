package mysql

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
	defaultPort = "3306"
)

// login is what a version says of who logs in where.
type login struct {
	user     string
	password secret.Value
	host
	database string // "": it names none
	encryption
}

type host struct{ name, port string }

func (h host) address() string { return net.JoinHostPort(h.name, h.port) }

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
	case cloned:
		return original, nil
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
	for _, part := range []struct{ key, text string }{
		{f.Username, l.user}, {f.Password, secret.Reveal(l.password)}, {f.Host, secret.Reveal(v[f.Host])},
	} {
		if part.text == "" {
			return login{}, fmt.Errorf("%s is missing or empty", part.key)
		}
	}
	var err error
	if l.host, err = newHost(secret.Reveal(v[f.Host]), secret.Reveal(v[f.Port])); err != nil {
		return login{}, fmt.Errorf("%s: %w", f.Host, err)
	}
	if l.encryption, err = newEncryption(cmp.Or(f.SSLMode, "verify-full"), f.SSLRootCert); err != nil {
		return login{}, err
	}
	return l, l.check()
}

func newHost(name, port string) (host, error) {
	switch {
	case name == "":
		return host{}, errors.New("it names no host")
	case strings.ContainsAny(name, "/,@()[] \t\r\n\x00"):
		return host{}, errors.New("it does not name one host; a socket is none that rotary can reach")
	}
	port = cmp.Or(port, defaultPort)
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return host{}, errors.New("its port is not a number from 1 to 65535")
	}
	return host{strings.TrimSuffix(strings.ToLower(name), "."), port}, nil
}

// check reports what no server would take.
func (l login) check() error {
	if strings.ContainsRune(l.user+l.database+secret.Reveal(l.password), 0) {
		return errors.New("it has a zero byte")
	}
	return nil
}

// readURL reads the connection URL, or Go's data source name, under a key.
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
	if err == nil {
		err = l.check()
	}
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
	name := r.source.Rotate.Admin
	v, err := r.admin(ctx)
	if err != nil {
		return login{}, fmt.Errorf("read the administrator's source %s: %w", name, err)
	}
	if len(v) != 1 {
		return login{}, fmt.Errorf("the administrator's source %s holds %d keys: keep its URL alone there", name, len(v))
	}
	for key := range v {
		l, err := readURL(key, v)
		if err != nil {
			return login{}, fmt.Errorf("the administrator's source %s: %w", name, err)
		}
		return l, nil
	}
	panic("unreachable")
}

// serves says whether a host is the administrator's, or declared to serve the same users.
func (r *Rotator) serves(admin login, h host) bool {
	return h == admin.host || slices.ContainsFunc(r.source.Rotate.Replicas, func(entry string) bool { return admin.names(entry, h) })
}

// names says whether an entry of replicas is this host. Without a port it is at the administrator's.
func (l login) names(entry string, h host) bool {
	name, port, err := net.SplitHostPort(entry)
	if err != nil {
		name, port = strings.Trim(entry, "[]"), l.port
	}
	declared, err := newHost(name, port)
	return err == nil && declared == h
}

// at is where the administrator sees the login's user: at the administrator's host, as the login says where it names
// that host too, or else as the administrator's URL says. It names no database.
func (l login) at(admin login) login {
	if l.host != admin.host {
		l.host, l.encryption = admin.host, admin.encryption
	}
	l.database = ""
	return l
}
