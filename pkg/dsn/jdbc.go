package dsn

import (
	"errors"
	"strings"
)

// Of JDBC each driver has rules of its own:
//
//   - jdbc:postgresql (https://jdbc.postgresql.org/documentation/use/): user and password are parameters; values are
//     decoded as by java.net.URLDecoder, for which + is a space
//   - jdbc:mysql (https://dev.mysql.com/doc/connector-j/en/connector-j-reference-jdbc-url-format.html): so too, and
//     user:password@ before the host; with a parameter permitMysqlScheme it is for the driver of MariaDB
//   - jdbc:mariadb (https://mariadb.com/docs/connectors/mariadb-connector-j/about-mariadb-connector-j): a value is
//     taken as it is written, so that one with & cannot be written; names are not case-sensitive
//
// Between product and // a way to choose among hosts may stand: jdbc:mysql:loadbalance://. The wrapper of AWS
// (jdbc:aws-wrapper:postgresql://) leaves the rest to the product's driver.

// parseJDBC reads what stands behind jdbc:product://, which begins at the given byte of the text.
func parseJDBC(product, rest string, begin int) (*String, error) {
	name, _, _ := strings.Cut(strings.TrimPrefix(product, "aws-wrapper:"), ":")
	f, roleOf := form{decode: decodeForm}, roleInURL
	switch {
	case name == "sqlserver":
		return parseSQLServer(rest, begin)
	case name == "mariadb", name == "mysql" && strings.Contains(rest, "permitMysqlScheme"):
		f, roleOf = form{raw: true}, func(name string) role { return roleInURL(strings.ToLower(name)) }
	case name == "mysql" && strings.Contains(rest, "#"):
		return nil, errors.New("it has a character that must be percent-encoded: # is %23")
	case name != "mysql" && name != "postgresql":
		return nil, ErrUnknown
	}
	s := &String{Dialect: JDBC, Scheme: name}
	err := s.readJDBC(cutURL(rest, begin), f, roleOf)
	return s, err
}

// readJDBC reads hosts, database and parameters.
func (s *String) readJDBC(c urlParts, f form, roleOf func(string) role) error {
	var all []parameter
	if c.hasLogin {
		if s.Scheme != "mysql" || f.raw {
			return errors.New("it has an @ before the database: this driver takes the login from the parameters " +
				"user and password")
		}
		if strings.Contains(c.login, "+") {
			return errPlus
		}
		var err error
		if all, err = c.readLogin(); err != nil {
			return err
		}
	}
	parameters, err := f.readParameters(c.query, c.queryAt)
	if err != nil {
		return err
	}
	for _, p := range parameters {
		if s.Scheme == "mysql" && !f.raw && roleOf(p.name) != roleOption && strings.Contains(c.cutValue(p), " ") {
			return errPlus // the driver takes blanks off the ends
		}
	}
	all = append(all, parameters...)
	if _, err := s.assignRoles(all, roleOf); err != nil {
		return err
	}
	database := f.decode
	if f.raw {
		database = func(text string) (string, error) { return text, nil }
	}
	if s.Database, err = c.readDatabase(database); err != nil {
		return err
	}
	s.Hosts, err = splitHosts(c.hosts, cutHost)
	return err
}
