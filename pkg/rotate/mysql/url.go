package mysql

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const rootCert = "ssl-ca"

// newSyntax returns how a source writes a login of MariaDB or MySQL.
func newSyntax() sqluser.Syntax {
	return sqluser.Syntax{Port: "3306", OptionalDatabase: true, Parse: parseText, ReadEncryption: readEncryption}
}

// A URL begins like a driver's of Ruby, Python, Prisma or MySQL itself: mysql://, mysql2://, mysql+pymysql://.
var scheme = regexp.MustCompile(`^(mysql2?|mariadb)(\+[a-z0-9_]+)?$`)

// A data source name has no scheme (https://github.com/go-sql-driver/mysql#dsn-data-source-name).
var address = regexp.MustCompile(`^tcp\(([^()]+)\)$`)

// parseText reads a connection URL or a data source name.
func parseText(text string) (sqluser.Text, error) {
	if name, rest, found := strings.Cut(text, "://"); found && scheme.MatchString(name) {
		u, err := sqluser.CutURL(name+"://", rest)
		return connectionURL{u}, err
	}
	if !strings.Contains(text, "@tcp(") {
		return nil, errors.New("it is neither a URL that begins with mysql:// or mariadb://, nor user:password@tcp(host:port)/database")
	}
	return parseDSN(text)
}

// connectionURL is a URL such as most drivers know.
type connectionURL struct{ sqluser.URL }

// ReadLogin implements sqluser.Text.
func (u connectionURL) ReadLogin() (l sqluser.Login, err error) {
	if l, err = u.ReadWhere(newSyntax()); err != nil {
		return l, err
	}
	l.Encryption, err = readQuery(strings.TrimPrefix(u.Query, "?"))
	return l, errors.Join(err, checkOneHost(l))
}

// dsn is a data source name of the Go driver, cut at its delimiters, each part as it is written.
type dsn struct {
	user, password string
	host           string // with its port
	database       string
	query          string
	rest           string // all that follows the password
}

// parseDSN cuts where the driver does: at the last slash, the last @ before it, and the first colon.
func parseDSN(text string) (u dsn, err error) {
	slash := strings.LastIndex(text, "/")
	at := strings.LastIndex(text[:max(slash, 0)], "@")
	if at < 0 {
		return dsn{}, errors.New("it needs a / before the database, and every other / behind that as %2F")
	}
	where := address.FindStringSubmatch(text[at+1 : slash])
	if where == nil {
		return dsn{}, errors.New("it has no address like tcp(host:port)")
	}
	u = dsn{host: where[1], rest: text[at:]}
	u.database, u.query = sqluser.CutBefore(text[slash+1:], "?")
	u.user, u.password, err = sqluser.CutLogin(text[:at])
	return u, err
}

// ReplaceLogin implements sqluser.Text. Nothing is encoded: a password of ours needs no encoding, and no user has a
// colon whose name was read from there.
func (u dsn) ReplaceLogin(user, password string) string { return user + ":" + password + u.rest }

// ReadLogin implements sqluser.Text.
func (u dsn) ReadLogin() (l sqluser.Login, err error) {
	l.User, l.Password = u.user, secret.New(u.password)
	if l.Database, err = sqluser.Decode(u.database); err != nil {
		return l, err
	}
	if l.Hosts, err = newSyntax().ReadHosts(u.host); err != nil {
		return l, err
	}
	l.Encryption, err = readQuery(strings.TrimPrefix(u.query, "?"))
	return l, errors.Join(err, checkOneHost(l))
}

// checkOneHost refuses a list of hosts, which these drivers do not know.
func checkOneHost(l sqluser.Login) error {
	if len(l.Hosts) != 1 {
		return errors.New("it names several hosts")
	}
	return nil
}

// readQuery reads the parameters that say how to log in: ssl-mode and ssl-ca, as MySQL has them, however they are
// written (sslMode, ssl_ca); sslaccept, which is Prisma's; and tls, which is the Go driver's. What else drivers and the
// application's session are told there is not rotary's, but another word about encryption, or a second one, is refused.
func readQuery(query string) (sqluser.Encryption, error) {
	var modes, authorities []string
	for pair := range strings.SplitSeq(query, "&") {
		key, value, err := readParameter(pair)
		switch {
		case err != nil:
			return sqluser.Encryption{}, err
		case elsewhere[key]:
			return sqluser.Encryption{},
				fmt.Errorf("its query has %s: rotary reads who logs in where from what stands before the ?", key)
		case key == "sslca":
			authorities = append(authorities, value)
		case dialects[key] != nil:
			modes = append(modes, dialects[key](value))
		case encrypts.MatchString(key):
			return sqluser.Encryption{},
				errors.New("its query has a word about encryption that rotary does not know: write ssl-mode=VERIFY_IDENTITY and ssl-ca=file")
		}
	}
	if len(modes) > 1 || len(authorities) > 1 {
		return sqluser.Encryption{}, errors.New("its query says twice how to encrypt: keep one ssl-mode and one ssl-ca")
	}
	return readEncryption(strings.Join(modes, ""), strings.Join(authorities, ""))
}

// readParameter returns a parameter's name in small letters, without - and _.
func readParameter(pair string) (key, value string, err error) {
	key, value, _ = strings.Cut(pair, "=")
	if key, err = sqluser.Decode(key); err != nil {
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
	"user": true, "username": true, "password": true, "host": true, "hostname": true, "port": true, "socket": true,
	"unixsocket": true, "protocol": true,
}

// encrypts finds other parameters about encryption, and about sending a password without it.
var encrypts = regexp.MustCompile(`ssl|tls|^(trust|verify)|certificate|plaintext|clear|oldpasswords`)

// dialects are the parameters that say how to encrypt, with what their values mean in MySQL's words; "?" means nothing.
var dialects = map[string]func(string) string{
	"sslmode":   func(value string) string { return value },
	"sslaccept": translateWords(map[string]string{"strict": verifyIdentity, "accept_invalid_certs": required}),
	"tls": translateWords(map[string]string{
		"true": verifyIdentity, "skip-verify": required, "preferred": preferred, "false": disabled,
	}),
}

// translateWords returns a function that translates words, and the unknown to "?".
func translateWords(words map[string]string) func(string) string {
	return func(value string) string {
		if word, known := words[value]; known {
			return word
		}
		return "?"
	}
}
