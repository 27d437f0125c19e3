package sqluser

import (
	"errors"
	"net/url"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// URL is a connection URL cut at its delimiters, each part as it is written. net/url and the drivers read some URLs in
// different ways, and quote what they cannot read: here everything that is not plain is refused, in own words.
type URL struct {
	Scheme         string // with its ://
	User, Password string
	Hosts          string // with their ports
	Path           string // with its /
	Query          string // with its ?
}

// CutURL cuts what stands behind a scheme.
func CutURL(scheme, rest string) (URL, error) {
	if strings.ContainsAny(rest, "#\t\r\n\x00") {
		return URL{}, errors.New("it has a character that must be percent-encoded: # is %23")
	}
	u := URL{Scheme: scheme}
	rest, u.Query = CutBefore(rest, "?")
	rest, u.Path = CutBefore(rest, "/")
	login, hosts, found := strings.Cut(rest, "@")
	switch {
	case !found || strings.Contains(hosts, "@"):
		return URL{}, errors.New("it needs user:password@ before the host, with every other @ as %40, " +
			"/ as %2F and ? as %3F")
	case strings.Contains(u.Path, "@"):
		return URL{}, errors.New("there is an @ behind the host: a / or ? in a password must be percent-encoded")
	}
	u.Hosts = hosts
	var err error
	u.User, u.Password, err = CutLogin(login)
	return u, err
}

// CutLogin cuts user:password.
func CutLogin(login string) (user, password string, err error) {
	user, password, _ = strings.Cut(login, ":")
	if user == "" || password == "" {
		return "", "", errors.New("it needs a user and a password before the host")
	}
	return user, password, nil
}

// CutBefore cuts text before the first of a delimiter.
func CutBefore(text, delimiter string) (head, tail string) {
	if i := strings.Index(text, delimiter); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// ReplaceLogin implements Text.
func (u URL) ReplaceLogin(user, password string) string {
	return u.Scheme + Encode(user) + ":" + Encode(password) + "@" + u.Hosts + u.Path + u.Query
}

// ReadWhere reads all but the query.
func (u URL) ReadWhere(s Syntax) (l Login, err error) {
	database := strings.TrimPrefix(u.Path, "/")
	if strings.Contains(database, "/") {
		return Login{}, errors.New("its path is not the name of one database")
	}
	var password string
	for _, part := range []struct {
		text string
		into *string
	}{{u.User, &l.User}, {u.Password, &password}, {database, &l.Database}} {
		if *part.into, err = Decode(part.text); err != nil {
			return Login{}, err
		}
	}
	l.Password = secret.New(password)
	l.Hosts, err = s.ReadHosts(u.Hosts)
	return l, err
}

// Encode percent-encodes all that is not unreserved (RFC 3986, section 2.3).
func Encode(text string) string {
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

// Decode takes percent-encoding off. + is no space.
func Decode(text string) (string, error) {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return "", errors.New("it has a % that is not followed by two hexadecimal digits: % itself is %25")
	}
	return plain, nil
}
