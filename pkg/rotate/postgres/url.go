package postgres

import (
	"crypto/tls"
	"errors"
	"regexp"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

const (
	longestName = 63 // bytes: PostgreSQL cuts the rest off without an error (NAMEDATALEN)
	rootCert    = "sslrootcert"
	negotiation = "sslnegotiation"
)

// newSyntax returns how a source writes a login of PostgreSQL.
func newSyntax() sqluser.Syntax {
	return sqluser.Syntax{
		Port: "5432", Longest: longestName, Parse: parseURL, ReadEncryption: readEncryption, CheckStart: checkDatabase,
	}
}

// checkDatabase refuses a URL without a database: the two users would find themselves in different ones.
func checkDatabase(s manifest.Source, l sqluser.Login) error {
	if l.Database == "" && s.Database().Fields == nil {
		return errors.New("its URL names no database, and each user would look for one of its own name: " +
			"write it behind the host")
	}
	return nil
}

// scheme is that of libpq, or of a driver for SQLAlchemy, which knows postgresql+asyncpg.
var scheme = regexp.MustCompile(`^postgres(ql)?(\+[a-z0-9_]+)?$`)

// connectionURL is a URL of libpq.
type connectionURL struct{ sqluser.URL }

func parseURL(text string) (sqluser.Text, error) {
	name, rest, found := strings.Cut(text, "://")
	if !found || !scheme.MatchString(name) {
		return nil, errors.New("it is not a URL that begins with postgres:// or postgresql://")
	}
	u, err := sqluser.CutURL(name+"://", rest)
	return connectionURL{u}, err
}

// ReadLogin implements sqluser.Text.
func (u connectionURL) ReadLogin() (sqluser.Login, error) {
	l, err := u.ReadWhere(newSyntax())
	if err != nil {
		return sqluser.Login{}, err
	}
	err = readQuery(&l, strings.TrimPrefix(u.Query, "?"))
	return l, err
}

// readQuery reads the parameters that say how to log in (https://www.postgresql.org/docs/current/libpq-connect.html).
// What other drivers and the application's session are told there is not rotary's.
func readQuery(l *sqluser.Login, query string) error {
	seen := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, err := readParameter(pair)
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
	if n := seen[negotiation]; n != "" && n != "postgres" && n != "direct" {
		return errors.New("its sslnegotiation is neither postgres nor direct")
	}
	l.Options = seen
	var err error
	l.Encryption, err = readEncryption(seen["sslmode"], seen[rootCert])
	return err
}

func readParameter(pair string) (key, value string, err error) {
	key, value, _ = strings.Cut(pair, "=")
	if key, err = sqluser.Decode(key); err != nil {
		return "", "", err
	}
	value, err = sqluser.Decode(value)
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
	"sslmode": understood, "sslrootcert": understood, "sslnegotiation": understood,
	"options": understood, "channel_binding": understood,
	"user": misplaced, "password": misplaced, "passfile": misplaced,
	"host": misplaced, "hostaddr": misplaced, "port": misplaced,
	"dbname": misplaced, "database": misplaced, "service": misplaced, "servicefile": misplaced,
	"sslcert": unsupported, "sslkey": unsupported, "sslpassword": unsupported,
}

// readEncryption reads the words of sslmode (https://www.postgresql.org/docs/current/libpq-ssl.html).
//
//	disable                no TLS, because it is written
//	allow, prefer, absent  as require: what they leave to the server, rotary does not
//	require                TLS; with sslrootcert as verify-ca
//	verify-ca              and a certificate of that authority, or of one that the system trusts
//	verify-full            and for that host
func readEncryption(mode, authority string) (sqluser.Encryption, error) {
	modes := map[string]sqluser.Mode{
		"disable": sqluser.Disabled, "": sqluser.Required, "allow": sqluser.Required,
		"prefer": sqluser.Required, "require": sqluser.Required,
		"verify-ca": sqluser.VerifyCA, "verify-full": sqluser.VerifyFull,
	}
	known, is := modes[mode]
	switch {
	case !is:
		return sqluser.Encryption{},
			errors.New("its sslmode is none of disable, allow, prefer, require, verify-ca, verify-full")
	case authority == "system" && known != sqluser.VerifyFull:
		return sqluser.Encryption{}, errors.New("its sslrootcert=system needs sslmode=verify-full")
	case authority == "system":
		authority = ""
	}
	return sqluser.NewEncryption(known, authority), nil
}

// configureTLS returns how to talk TLS to a host, or nil for no TLS.
func configureTLS(l sqluser.Login, h sqluser.Host) (*tls.Config, error) {
	c, err := l.Encryption.Config(h.Name, rootCert)
	if c != nil && l.Options[negotiation] == "direct" {
		c.NextProtos = []string{"postgresql"}
	}
	return c, err
}
