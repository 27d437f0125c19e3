package mysql

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// parts is a connection URL, or a data source name of the Go driver, cut at its delimiters, each part as it is written.
// net/url and the drivers read some texts in different ways and quote what they cannot read: here everything that is
// not plain is refused, in own words.
type parts struct {
	scheme         string // mysql:// or alike; "" before a data source name
	user, password string
	host           string // with its port
	database       string
	query          string
	rest           string // all that follows the password
}

// A URL begins like a driver's of Ruby, Python, Prisma or MySQL itself: mysql://, mysql2://, mysql+pymysql://.
var scheme = regexp.MustCompile(`^(mysql2?|mariadb)(\+[a-z0-9_]+)?$`)

// A data source name has no scheme (https://github.com/go-sql-driver/mysql#dsn-data-source-name).
var address = regexp.MustCompile(`^tcp\(([^()]+)\)$`)

func parse(text string) (parts, error) {
	if name, rest, found := strings.Cut(text, "://"); found && scheme.MatchString(name) {
		return parseURL(name+"://", rest)
	}
	if !strings.Contains(text, "@tcp(") {
		return parts{}, errors.New("it is neither a URL that begins with mysql:// or mariadb://, nor user:password@tcp(host:port)/database")
	}
	return parseDSN(text)
}

func parseURL(scheme, rest string) (parts, error) {
	if strings.ContainsAny(rest, "#\t\r\n\x00") {
		return parts{}, errors.New("it has a character that must be percent-encoded: # is %23")
	}
	u := parts{scheme: scheme}
	whole := rest
	rest, u.query = before(rest, "?")
	rest, u.database = before(rest, "/")
	login, host, found := strings.Cut(rest, "@")
	switch {
	case !found || strings.Contains(host, "@"):
		return parts{}, errors.New("it needs user:password@ before the host, with every other @ as %40, / as %2F and ? as %3F")
	case strings.Contains(u.database, "@"):
		return parts{}, errors.New("there is an @ behind the host: a / or ? in a password must be percent-encoded")
	}
	u.host, u.database, u.query = host, strings.TrimPrefix(u.database, "/"), strings.TrimPrefix(u.query, "?")
	u.rest = whole[len(login):]
	err := u.cutLogin(login)
	return u, err
}

// parseDSN cuts where the driver does: at the last slash, the last @ before it, and the first colon.
func parseDSN(text string) (parts, error) {
	slash := strings.LastIndex(text, "/")
	at := strings.LastIndex(text[:max(slash, 0)], "@")
	if at < 0 {
		return parts{}, errors.New("it needs a / before the database, and every other / behind that as %2F")
	}
	where := address.FindStringSubmatch(text[at+1 : slash])
	if where == nil {
		return parts{}, errors.New("it has no address like tcp(host:port)")
	}
	u := parts{host: where[1], rest: text[at:]}
	u.database, u.query = before(text[slash+1:], "?")
	u.query = strings.TrimPrefix(u.query, "?")
	err := u.cutLogin(text[:at])
	return u, err
}

func (u *parts) cutLogin(login string) error {
	u.user, u.password, _ = strings.Cut(login, ":")
	if u.user == "" || u.password == "" {
		return errors.New("it needs a user and a password before the host")
	}
	return nil
}

// before cuts text before the first of a delimiter.
func before(text, delimiter string) (head, tail string) {
	if i := strings.Index(text, delimiter); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// with returns the text with another user and password. Everything else stays as it is. In a data source name nothing is
// encoded: a password of ours needs no encoding, and no user has a colon whose name was read from there.
func (u parts) with(user, password string) string {
	if u.scheme != "" {
		user, password = encode(user), encode(password)
	}
	return u.scheme + user + ":" + password + u.rest
}

// encode percent-encodes all that is not unreserved (RFC 3986, section 2.3).
func encode(text string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}

// decode takes percent-encoding off. + is no space.
func decode(text string) (string, error) {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return "", errors.New("it has a % that is not followed by two hexadecimal digits: % itself is %25")
	}
	return plain, nil
}

func (u parts) login() (l login, err error) {
	user, password := u.user, u.password
	if u.scheme != "" {
		if user, err = decode(user); err != nil {
			return login{}, err
		}
		if password, err = decode(password); err != nil {
			return login{}, err
		}
	}
	l.user, l.password = user, secret.New(password)
	if l.database, err = decode(u.database); err != nil {
		return login{}, err
	}
	if l.host, err = readHost(u.host); err != nil {
		return login{}, err
	}
	l.encryption, err = readQuery(u.query)
	return l, err
}

// readHost reads a host and its port. An IPv6 address stands in brackets.
func readHost(text string) (host, error) {
	name, port, _ := strings.Cut(text, ":")
	if end := strings.Index(text, "]"); strings.HasPrefix(text, "[") && end > 0 {
		name, port = text[1:end], text[end+1:]
		if port != "" && port[0] != ':' {
			return host{}, errors.New("its host's address in brackets is followed by something that is no port")
		}
		port = strings.TrimPrefix(port, ":")
	}
	return newHost(name, port)
}

// readQuery reads the parameters that say how to log in: ssl-mode and ssl-ca, as MySQL has them, however they are
// written (sslMode, ssl_ca); sslaccept, which is Prisma's; and tls, which is the Go driver's. What else drivers and the
// application's session are told there is not rotary's, but another word about encryption, or a second one, is refused.
func readQuery(query string) (encryption, error) {
	var modes, authorities []string
	for pair := range strings.SplitSeq(query, "&") {
		key, value, err := parameter(pair)
		switch {
		case err != nil:
			return encryption{}, err
		case elsewhere[key]:
			return encryption{}, fmt.Errorf("its query has %s: rotary reads who logs in where from what stands before the ?", key)
		case key == "sslca":
			authorities = append(authorities, value)
		case dialects[key] != nil:
			modes = append(modes, dialects[key](value))
		case encrypts.MatchString(key):
			return encryption{}, errors.New("its query has a word about encryption that rotary does not know: write ssl-mode=VERIFY_IDENTITY and ssl-ca=file")
		}
	}
	if len(modes) > 1 || len(authorities) > 1 {
		return encryption{}, errors.New("its query says twice how to encrypt: keep one ssl-mode and one ssl-ca")
	}
	return newEncryption(strings.Join(modes, ""), strings.Join(authorities, ""))
}

// parameter returns a parameter's name in small letters, without - and _.
func parameter(pair string) (key, value string, err error) {
	key, value, _ = strings.Cut(pair, "=")
	if key, err = decode(key); err != nil {
		return "", "", err
	}
	value, err = url.QueryUnescape(value)
	if err != nil {
		return "", "", errors.New("its query has a % that is not followed by two hexadecimal digits")
	}
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(key)), value, nil
}

// elsewhere are parameters by which some drivers override what stands before the query.
var elsewhere = map[string]bool{
	"user": true, "username": true, "password": true, "host": true, "hostname": true, "port": true, "socket": true, "unixsocket": true, "protocol": true,
}

// encrypts finds other parameters about encryption, and about sending a password without it.
var encrypts = regexp.MustCompile(`ssl|tls|^(trust|verify)|certificate|plaintext|clear|oldpasswords`)

// dialects are the parameters that say how to encrypt, with what their values mean in MySQL's words; "?" means nothing.
var dialects = map[string]func(string) string{
	"sslmode":   func(value string) string { return value },
	"sslaccept": translate(map[string]string{"strict": verifyIdentity, "accept_invalid_certs": required}),
	"tls":       translate(map[string]string{"true": verifyIdentity, "skip-verify": required, "preferred": preferred, "false": disabled}),
}

func translate(words map[string]string) func(string) string {
	return func(value string) string {
		if word, known := words[value]; known {
			return word
		}
		return "?"
	}
}
