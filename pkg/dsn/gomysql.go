package dsn

import (
	"errors"
	"regexp"
	"strings"
	"sync"
)

// The Go driver for MySQL takes user:password@network(address)/database?name=value
// (https://github.com/go-sql-driver/mysql#dsn-data-source-name). User and password are not encoded: the driver cuts at
// the last slash, the last @ before it, and the first colon, so that a user has no colon. Database and values are
// percent-encoded.

var (
	network = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`@[A-Za-z0-9+]+\(`)
	})
	address = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([A-Za-z0-9+]+)\(([^()]+)\)$`)
	})
)

// parseGoMySQL reads a text. The error is ErrUnknown if it has not this form.
func parseGoMySQL(text string) (*String, error) {
	if !network().MatchString(text) {
		return nil, ErrUnknown
	}
	slash := strings.LastIndex(text, "/")
	at := strings.LastIndex(text[:max(slash, 0)], "@")
	if at < 0 {
		return nil, errors.New("it needs a / before the database, and every other / behind that as %2F")
	}
	where := address().FindStringSubmatch(text[at+1 : slash])
	if where == nil {
		return nil, errors.New("it has no address like tcp(host:port)")
	}
	s := &String{Dialect: GoMySQL, Scheme: where[1]}
	name, word, _ := strings.Cut(text[:at], ":")
	asItIs := func(value string) string { return value }
	all := []parameter{
		{"user", name, place{0, len(name), asItIs}}, {"password", word, place{at - len(word), at, asItIs}},
	}
	if _, err := s.assignRoles(all, roleInURL); err != nil {
		return nil, err
	}
	rest, query, _ := strings.Cut(text[slash+1:], "?")
	options, err := form{decode: decodeForm}.readParameters(query, 0)
	if err != nil {
		return nil, err
	}
	for _, p := range options {
		s.Options = append(s.Options, Option{p.name, p.value})
	}
	if s.Database, err = decodePercent(rest); err != nil {
		return nil, err
	}
	s.Hosts, err = splitHosts(where[2], cutEncodedHost)
	return s, err
}
