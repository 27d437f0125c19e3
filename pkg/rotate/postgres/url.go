package postgres

import (
	"cmp"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// parts is a connection URL cut at its delimiters, each part as it is written. net/url and the driver read some URLs in
// different ways, and both quote what they cannot read: here everything that is not plain is refused, in own words.
type parts struct {
	scheme         string // postgres:// or alike
	user, password string
	hosts          string
	path           string // with its /
	query          string // with its ?
}

// scheme is that of libpq, or of a driver for SQLAlchemy, which knows postgresql+asyncpg.
var scheme = regexp.MustCompile(`^postgres(ql)?(\+[a-z0-9_]+)?$`)

func parse(text string) (parts, error) {
	name, rest, found := strings.Cut(text, "://")
	if !found || !scheme.MatchString(name) {
		return parts{}, errors.New("it is not a URL that begins with postgres:// or postgresql://")
	}
	if strings.ContainsAny(rest, "#\t\r\n\x00") {
		return parts{}, errors.New("it has a character that must be percent-encoded: # is %23")
	}
	u := parts{scheme: name + "://"}
	rest, u.query = before(rest, "?")
	rest, u.path = before(rest, "/")
	login, hosts, found := strings.Cut(rest, "@")
	switch {
	case !found || strings.Contains(hosts, "@"):
		return parts{}, errors.New("it needs user:password@ before the host, with every other @ as %40, / as %2F and ? as %3F")
	case strings.Contains(u.path, "@"):
		return parts{}, errors.New("there is an @ behind the host: a / or ? in a password must be percent-encoded")
	}
	u.hosts = hosts
	u.user, u.password, found = strings.Cut(login, ":")
	if !found || u.user == "" || u.password == "" {
		return parts{}, errors.New("it needs a user and a password before the host")
	}
	return u, nil
}

// before cuts text before the first of a delimiter.
func before(text, delimiter string) (head, tail string) {
	if i := strings.Index(text, delimiter); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// with returns the URL with another user and password. Everything else stays as it is.
func (u parts) with(user, password string) string {
	return u.scheme + encode(user) + ":" + encode(password) + "@" + u.hosts + u.path + u.query
}

// encode percent-encodes all that is not unreserved (RFC 3986, section 2.3).
func encode(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

// decode takes percent-encoding off. As in libpq, + is no space.
func decode(text string) (string, error) {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return "", errors.New("it has a % that is not followed by two hexadecimal digits: % itself is %25")
	}
	return plain, nil
}

func (u parts) login() (l login, err error) {
	database := strings.TrimPrefix(u.path, "/")
	if strings.Contains(database, "/") {
		return login{}, errors.New("its path is not the name of one database")
	}
	var password string
	for _, part := range []struct {
		text string
		into *string
	}{{u.user, &l.user}, {u.password, &password}, {database, &l.database}} {
		if *part.into, err = decode(part.text); err != nil {
			return login{}, err
		}
	}
	l.password = secret.New(password)
	if err := l.readHosts(u.hosts); err != nil {
		return login{}, err
	}
	if err := l.readQuery(strings.TrimPrefix(u.query, "?")); err != nil {
		return login{}, err
	}
	return l, l.check()
}

// readHosts reads a list of hosts with their ports. An IPv6 address stands in brackets.
func (l *login) readHosts(list string) error {
	for entry := range strings.SplitSeq(list, ",") {
		name, port, _ := strings.Cut(entry, ":")
		if end := strings.Index(entry, "]"); strings.HasPrefix(entry, "[") && end > 0 {
			name, port = entry[1:end], entry[end+1:]
			if port != "" && port[0] != ':' {
				return errors.New("a host's address in brackets is followed by something that is no port")
			}
			port = strings.TrimPrefix(port, ":")
		}
		name, err := decode(name)
		if err != nil {
			return err
		}
		h, err := newHost(name, port)
		if err != nil {
			return err
		}
		l.hosts = append(l.hosts, h)
	}
	return nil
}

// readQuery reads the parameters that say how to log in (https://www.postgresql.org/docs/current/libpq-connect.html).
// What other drivers and the application's session are told there is not rotary's.
func (l *login) readQuery(query string) error {
	seen := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, err := parameter(pair)
		if err != nil {
			return err
		}
		if _, twice := seen[key]; twice && known[key] != ignored {
			return errors.New("its query says " + key + " twice")
		}
		seen[key] = value
		switch {
		case known[key] == misplaced:
			return errors.New("its query has " + key + ": rotary reads who logs in where from what stands before the ?")
		case known[key] == unsupported && value != "":
			return errors.New("its query has " + key + ": rotary cannot log in like that")
		}
	}
	l.encryption = encryption{mode: cmp.Or(seen["sslmode"], prefer), authority: seen["sslrootcert"], negotiation: seen["sslnegotiation"]}
	l.options, l.channelBinding = seen["options"], seen["channel_binding"]
	return nil
}

func parameter(pair string) (key, value string, err error) {
	key, value, _ = strings.Cut(pair, "=")
	if key, err = decode(key); err != nil {
		return "", "", err
	}
	value, err = decode(value)
	return key, value, err
}

type meaning int

const (
	ignored meaning = iota
	understood
	misplaced
	unsupported
)

// known are the parameters that change who logs in where, and how.
var known = map[string]meaning{
	"sslmode": understood, "sslrootcert": understood, "sslnegotiation": understood, "options": understood, "channel_binding": understood,
	"user": misplaced, "password": misplaced, "passfile": misplaced, "host": misplaced, "hostaddr": misplaced, "port": misplaced,
	"dbname": misplaced, "database": misplaced, "service": misplaced, "servicefile": misplaced,
	"sslcert": unsupported, "sslkey": unsupported, "sslpassword": unsupported,
}
