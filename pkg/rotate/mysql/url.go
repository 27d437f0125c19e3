package mysql

import (
	"errors"
	"regexp"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

const rootCert = "ssl-ca"

// NewSyntax returns how a source writes a login of MariaDB or MySQL.
func NewSyntax() sqluser.Syntax {
	return sqluser.Syntax{Port: "3306", OptionalDatabase: true, Parse: parseText, ReadEncryption: readEncryption}
}

// scheme is that of a driver of Ruby, Python, Prisma or MySQL itself: mysql://, mysql2://, mysql+pymysql://.
var scheme = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(mysql2?|mariadb)(\+[a-z0-9_]+)?$`)
})

// connection is a connection string of MariaDB or MySQL.
type connection struct{ *dsn.String }

// parseText reads a URL, a connection string of JDBC or ADO.NET, or a data source name of the Go driver.
func parseText(text string) (sqluser.Text, error) {
	c, err := dsn.ParseOpen(text)
	if errors.Is(err, dsn.ErrUnknown) || err == nil && !isMySQL(c) {
		return nil, errors.New("it is neither a URL that begins with mysql:// or mariadb://, " +
			"nor user:password@tcp(host:port)/database, nor a connection string of JDBC or ADO.NET for MySQL or MariaDB")
	}
	return connection{c}, err
}

// isMySQL reports whether a connection string could be for MariaDB or MySQL.
func isMySQL(c *dsn.String) bool {
	switch c.Dialect {
	case dsn.URL:
		return scheme().MatchString(c.Scheme)
	case dsn.JDBC:
		return c.Scheme == "mysql" || c.Scheme == "mariadb"
	case dsn.GoMySQL:
		return c.Scheme == "tcp"
	case dsn.ADONET:
		return true
	default:
		return false
	}
}

// ReadLogin implements sqluser.Text.
func (c connection) ReadLogin() (l sqluser.Login, err error) {
	if l, err = NewSyntax().ReadText(c.String); err != nil {
		return l, err
	}
	l.Encryption, err = readOptions(c.Options, chooseVocabulary(c.String))
	return l, errors.Join(err, checkOneHost(l))
}

// checkOneHost refuses a list of hosts, which these drivers do not know.
func checkOneHost(l sqluser.Login) error {
	if len(l.Hosts) != 1 {
		return errors.New("it names several hosts")
	}
	return nil
}
