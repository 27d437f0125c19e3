package postgres

import (
	"crypto/tls"
	"errors"
	"regexp"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

const (
	longestName = 63 // bytes: PostgreSQL cuts the rest off without an error (NAMEDATALEN)
	rootCert    = "sslrootcert"
	negotiation = "sslnegotiation"
)

// NewSyntax returns how a source writes a login of PostgreSQL.
func NewSyntax() sqluser.Syntax {
	return sqluser.Syntax{
		Port: "5432", Longest: longestName, Parse: parseText, ReadEncryption: readEncryption, CheckStart: checkDatabase,
	}
}

// checkDatabase refuses a connection string without a database: the two users would find themselves in different ones.
func checkDatabase(s manifest.Source, l sqluser.Login) error {
	if l.Database == "" && len(s.Database().URL) > 0 {
		return errors.New("it names no database, and each user would look for one of its own name: write it there")
	}
	return nil
}

// scheme is that of libpq, of a driver for SQLAlchemy, which knows postgresql+asyncpg, or of what follows libpq.
var scheme = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(postgres(ql)?|postgis|ecto|cockroachdb)(\+[a-z0-9_]+)?$`)
})

// connection is a connection string of PostgreSQL.
type connection struct{ *dsn.String }

// parseText reads a URL or a connection string of JDBC, ADO.NET or libpq.
func parseText(text string) (sqluser.Text, error) {
	c, err := dsn.ParseOpen(text)
	if errors.Is(err, dsn.ErrUnknown) || err == nil && !isPostgres(c) {
		return nil, errors.New("it is not a URL that begins with postgres:// or postgresql://, " +
			"nor a connection string of JDBC, ADO.NET or libpq for PostgreSQL")
	}
	return connection{c}, err
}

// isPostgres reports whether a connection string could be for PostgreSQL.
func isPostgres(c *dsn.String) bool {
	switch c.Dialect {
	case dsn.URL:
		return scheme().MatchString(c.Scheme)
	case dsn.JDBC:
		return c.Scheme == "postgresql"
	case dsn.ADONET, dsn.Libpq:
		return true
	default:
		return false
	}
}

// ReadLogin implements sqluser.Text.
func (c connection) ReadLogin() (sqluser.Login, error) {
	l, err := NewSyntax().ReadText(c.String)
	if err != nil {
		return sqluser.Login{}, err
	}
	err = readOptions(&l, c.Dialect, c.Options)
	return l, err
}

// readOptions reads the parameters that say how to log in (https://www.postgresql.org/docs/current/libpq-connect.html).
// What else drivers and the application's session are told there is not rotary's.
func readOptions(l *sqluser.Login, d dsn.Dialect, options []dsn.Option) error {
	seen := map[string]string{}
	for _, o := range options {
		key, value, err := translateOption(d, o)
		if err != nil {
			return err
		}
		if _, twice := seen[key]; twice && known[key] != ignored {
			return errors.New("it says " + key + " twice")
		}
		seen[key] = value
		switch {
		case known[key] == misplaced && (d == dsn.URL || d == dsn.JDBC):
			return errors.New("its query has " + key + ": rotary reads who logs in where from what stands before the ?")
		case known[key] == misplaced:
			return errors.New("it has " + key + ": rotary cannot read from that who logs in where")
		case known[key] == unsupported && value != "":
			return errors.New("it has " + key + ": rotary cannot log in like that")
		}
	}
	if n := seen[negotiation]; n != "" && n != "postgres" && n != "direct" {
		return errors.New("its sslnegotiation is neither postgres nor direct")
	}
	if seen["sslmode"] == "" && d == dsn.JDBC {
		seen["sslmode"] = chooseMode(seen)
	}
	l.Options = seen
	var err error
	l.Encryption, err = readEncryption(seen["sslmode"], seen[rootCert])
	return err
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
	"pghost": misplaced, "pgport": misplaced, "pgdbname": misplaced, // of JDBC
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
