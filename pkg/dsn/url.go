package dsn

import (
	"errors"
	"strings"
)

// A URL is scheme://user:password@host:port,host2/database?name=value. Drivers of all languages take it:
//
//   - libpq, and what follows it (https://www.postgresql.org/docs/current/libpq-connect.html, 32.1.1.2): several
//     hosts, percent-encoding in every part, user and password also as parameters
//   - SQLAlchemy (https://docs.sqlalchemy.org/en/20/core/engines.html#database-urls): scheme+driver
//   - MySQL (https://dev.mysql.com/doc/refman/8.4/en/connecting-using-uri-or-key-value-pairs.html)
//   - Ecto, PostGIS of Rails, Redis, MongoDB, AMQP, and more
//
// In parameters, libpq takes + as it is and others as a space: in a user or password there it must be encoded.

var errPlus = errors.New("it has a + or a space in the user or the password: write %2B or %20")

// parseURL reads what stands behind scheme://, which begins at the given byte of the text.
func parseURL(scheme, rest string, begin int) (*String, error) {
	if strings.ContainsAny(rest, "#\t\r\n") {
		return nil, errors.New("it has a character that must be percent-encoded: # is %23")
	}
	c := cutURL(rest, begin)
	if strings.Contains(c.hosts, "(") {
		return nil, errAmbiguous // a DSN of Go begins like this where a password begins with //
	}
	s := &String{Dialect: URL, Scheme: scheme}
	all, err := c.readLogin()
	if err != nil {
		return nil, err
	}
	r := form{decode: decodePercent}
	if strings.HasPrefix(scheme, "mysql") || strings.HasPrefix(scheme, "mariadb") {
		r.decode = decodeForm
	}
	parameters, err := r.readParameters(c.query, c.queryAt)
	if err != nil {
		return nil, err
	}
	for _, p := range parameters {
		if roleInURL(p.name) != roleOption && strings.ContainsAny(c.cutValue(p), "+ ") {
			return nil, errPlus
		}
	}
	if _, err = s.assignRoles(append(all, parameters...), roleInURL); errors.Is(err, errNoLogin) {
		err = c.explainNoLogin()
	}
	if err != nil {
		return nil, err
	}
	if s.noLogin != nil {
		s.noLogin = c.explainNoLogin()
	}
	if s.Database, err = c.readDatabase(decodePercent); err != nil {
		return nil, err
	}
	s.Hosts, err = splitHosts(c.hosts, cutEncodedHost)
	return s, err
}

// urlParts are the parts of a URL as they are written, and where some of them begin.
type urlParts struct {
	login, hosts, path, query string // path with its /
	loginAt, queryAt          int
	hasLogin                  bool
}

// cutURL cuts what stands behind the scheme.
func cutURL(rest string, begin int) (c urlParts) {
	c.loginAt = begin
	rest, c.query, _ = strings.Cut(rest, "?")
	c.queryAt = begin + len(rest) + 1
	c.hosts = rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		c.hosts, c.path = rest[:i], rest[i:]
	}
	if login, hosts, found := strings.Cut(c.hosts, "@"); found {
		c.login, c.hosts, c.hasLogin = login, hosts, true
	}
	return c
}

// cutValue returns the value of a parameter of the query as it is written.
func (c urlParts) cutValue(p parameter) string {
	return c.query[p.at.start-c.queryAt : p.at.end-c.queryAt]
}

// readLogin reads user:password, or one of them, before the host.
func (c urlParts) readLogin() (all []parameter, err error) {
	switch {
	case strings.Contains(c.hosts, "@"):
		return nil, c.explainNoLogin()
	case strings.Contains(c.path, "@") && c.hasLogin:
		return nil, errors.New("there is an @ behind the host: a / or ? in a password must be percent-encoded")
	case strings.Contains(c.path, "@"):
		return nil, c.explainNoLogin()
	case !c.hasLogin:
		return nil, nil
	}
	name, secretText, found := strings.Cut(c.login, ":")
	p, err := decodePercent(name)
	if err != nil {
		return nil, err
	}
	at := place{c.loginAt, c.loginAt + len(name), Encode}
	all = append(all, parameter{"user", p, at})
	if !found {
		return all, nil
	}
	if p, err = decodePercent(secretText); err != nil {
		return nil, err
	}
	at = place{at.end + 1, at.end + 1 + len(secretText), Encode}
	return append(all, parameter{"password", p, at}), nil
}

// explainNoLogin returns the error of a URL in which no login was found.
func (c urlParts) explainNoLogin() error {
	if c.hasLogin && !strings.Contains(c.hosts, "@") {
		return errors.New("it needs a user and a password before the host")
	}
	return errors.New("it needs user:password@ before the host, with every other @ as %40, / as %2F and ? as %3F")
}

// readDatabase decodes the path.
func (c urlParts) readDatabase(decode func(string) (string, error)) (string, error) {
	name := strings.TrimPrefix(c.path, "/")
	if strings.Contains(name, "/") {
		return "", errors.New("its path is not the name of one database")
	}
	return decode(name)
}

// roleInURL returns the role of a parameter of a URL. Hosts stand elsewhere.
func roleInURL(name string) role {
	switch name {
	case "user":
		return roleUser
	case "password":
		return rolePassword
	}
	return roleOption
}

// cutEncodedHost cuts host:port, of which the host may be percent-encoded.
func cutEncodedHost(entry string) (h Host, err error) {
	if h, err = cutHost(entry); err == nil {
		h.Name, err = decodePercent(h.Name)
	}
	return h, err
}

// form reads name=value&name=value.
type form struct {
	decode func(string) (string, error) // of a value; a + in a name is a +
	raw    bool                         // neither names nor values are encoded
}

// readParameters reads the parameters of a query, which begins at the given byte of the text.
func (f form) readParameters(query string, begin int) (all []parameter, err error) {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		end := begin + len(pair)
		p := parameter{name, value, place{end - len(value), end, func(v string) string { return v }}}
		if !f.raw {
			p.at.write = Encode
			if p.name, err = decodePercent(name); err != nil {
				return nil, err
			}
			if p.value, err = f.decode(value); err != nil {
				return nil, err
			}
		}
		if pair != "" {
			all = append(all, p)
		}
		begin = end + 1
	}
	return all, nil
}
