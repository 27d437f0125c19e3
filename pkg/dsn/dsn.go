// Package dsn reads the connection strings of databases, as the drivers of several languages take them, and writes
// another user and password into them. Everything else of the text stays as it is, byte for byte: order, case, quotes,
// parameters that nobody here knows, white space around it. Each dialect has a file, which cites the rules it follows.
//
// A text that two readers could understand in two ways is refused. No error quotes anything of a text.
package dsn

import (
	"errors"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Dialect is a family of connection strings that share their rules.
type Dialect string

// The dialects.
const (
	URL       Dialect = "URL"          // scheme://user:password@host/database?name=value
	JDBC      Dialect = "JDBC"         // jdbc:product://host/database?user=…&password=…
	SQLServer Dialect = "SQL Server"   // jdbc:sqlserver://host;user=…;password=…
	ADONET    Dialect = "ADO.NET"      // Host=…;Username=…;Password=…
	Libpq     Dialect = "libpq"        // host=… user=… password=…
	GoMySQL   Dialect = "Go for MySQL" // user:password@tcp(host:port)/database?name=value
)

// ErrUnknown is the error of a text that is a connection string of none of the dialects.
var ErrUnknown = errors.New("it is not a connection string that rotary knows")

// ErrNotWritable is the error of a login that a dialect has no way to write.
var ErrNotWritable = errors.New("the user or the password cannot be written in this kind of connection string")

var (
	errNoLogin   = errors.New("it needs a user and a password")
	errAmbiguous = errors.New("it can be read as connection strings of two kinds: put the password in quotes, " +
		"or write a URL")
)

// String is a connection string that was understood. What it holds is decoded, but not checked: a host may be no name
// and a port no number. User and Password are empty where ParseOpen found none.
type String struct {
	Dialect  Dialect
	Scheme   string // before the ://, of JDBC without the jdbc:; the network of a Go DSN; "": the dialect has none
	User     string
	Password secret.Value
	Hosts    []Host
	Database string   // "": it names none
	Options  []Option // all other parameters, in their order

	text     secret.Value
	userAt   place // without write: there is none
	secretAt place
	noLogin  error // why it is not whole: it has no user, or no password
}

// Host is a host's name, an IPv6 address without its brackets, and a port, or "" where none is written.
type Host struct{ Name, Port string }

// Option is a parameter of a connection string. The name is as it is written.
type Option struct{ Name, Value string }

// place is where a value stands in a text, and how another value is written there.
type place struct {
	start, end int
	write      func(value string) string
}

// shiftBy moves a place to the right.
func (p *place) shiftBy(n int) { p.start, p.end = p.start+n, p.end+n }

// blanks are the characters around a text that are not part of it.
const blanks = " \t\r\n\v\f"

// Parse reads a connection string. It needs a user and a password that are not empty, each once. The error is
// ErrUnknown where the text has the form of no dialect.
func Parse(text string) (*String, error) {
	s, err := ParseOpen(text)
	if err == nil {
		err = s.CheckLogin()
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ParseOpen reads a connection string as Parse does, beside which the driver may be given the password, or the user and
// the password. What is there must not be empty. The Go driver for MySQL knows no such string.
func ParseOpen(text string) (*String, error) {
	start := len(text) - len(strings.TrimLeft(text, blanks))
	bare := strings.Trim(text, blanks)
	if strings.ContainsRune(bare, 0) {
		return nil, errors.New("it has a zero byte")
	}
	s, err := parseBare(bare)
	if err != nil {
		return nil, err
	}
	s.text = secret.New(text)
	s.userAt.shiftBy(start)
	s.secretAt.shiftBy(start)
	return s, nil
}

// CheckLogin returns an error where s has no user or no password.
func (s *String) CheckLogin() error { return s.noLogin }

// parseBare reads a text that has no white space around it. One that has a login in one dialect is of that one,
// whatever it would be without a login.
func parseBare(text string) (*String, error) {
	if head, rest, found := cutScheme(text); found {
		if product, is := strings.CutPrefix(head, "jdbc:"); is {
			return parseJDBC(product, rest, len(text)-len(rest))
		}
		return parseURL(head, rest, len(text)-len(rest))
	}
	var found, open []*String
	problem := ErrUnknown
	for _, parse := range []func(string) (*String, error){parseADONET, parseLibpq, parseGoMySQL} {
		s, err := parse(text)
		switch {
		case err == nil && s.noLogin != nil:
			open = append(open, s)
		case err == nil:
			found = append(found, s)
		case !errors.Is(err, ErrUnknown):
			problem = err
		}
	}
	if len(found) == 0 {
		found = open
	}
	switch len(found) {
	case 0:
		return nil, problem
	case 1:
		return found[0], nil
	}
	return nil, errAmbiguous
}

// cutScheme cuts scheme://, or jdbc:product://, off a text.
func cutScheme(text string) (scheme, rest string, found bool) {
	scheme, rest, found = strings.Cut(text, "://")
	if !found || scheme == "" {
		return "", "", false
	}
	colon := strings.HasPrefix(scheme, "jdbc:")
	for i, c := range []byte(scheme) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || strings.IndexByte("0123456789+-._", c) < 0) && (c != ':' || !colon) {
			return "", "", false
		}
	}
	return scheme, rest, true
}

// PasswordPlace returns where in the text the password is written: what begins and ends it there belongs to it.
func (s *String) PasswordPlace() (start, end int) { return s.secretAt.start, s.secretAt.end }

// WithLogin returns the text with another user and password, each where the text has one. A value that does not change
// stays as it is written. The error is ErrNotWritable.
func (s *String) WithLogin(user, password string) (string, error) {
	before := secret.Reveal(s.Password)
	if s.userAt.write == nil {
		user = ""
	}
	if s.secretAt.write == nil {
		password = ""
	}
	next := secret.Reveal(s.text)
	if s.userAt.start < s.secretAt.start { // from the end, so that places before it stay where they are
		next = s.secretAt.replaceIn(next, before, password)
		next = s.userAt.replaceIn(next, s.User, user)
	} else {
		next = s.userAt.replaceIn(next, s.User, user)
		next = s.secretAt.replaceIn(next, before, password)
	}
	if again, err := ParseOpen(next); err != nil || !again.differsInLoginOnly(s, user, password) {
		return "", ErrNotWritable
	}
	return next, nil
}

// replaceIn returns text with another value at p, if it is another one.
func (p place) replaceIn(text, before, after string) string {
	if before == after {
		return text
	}
	return text[:p.start] + p.write(after) + text[p.end:]
}

// differsInLoginOnly reports whether a string has this login, and otherwise what another one has.
func (s *String) differsInLoginOnly(from *String, user, password string) bool {
	return s.User == user && s.Password.Equal(secret.New(password)) &&
		s.Dialect == from.Dialect && s.Scheme == from.Scheme && s.Database == from.Database &&
		slices.Equal(s.Hosts, from.Hosts) && slices.Equal(s.Options, from.Options)
}
