package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// product is which of the two servers it is.
type product int

const (
	mariaDB product = iota
	mySQL
)

// oldest are the first versions that have all that is asked of them: ACCOUNT UNLOCK and PASSWORD EXPIRE; SET PASSWORD
// TO RANDOM, FAILED_LOGIN_ATTEMPTS and print_identified_with_as_hex.
var oldest = map[product][]int{mariaDB: {10, 4, 3}, mySQL: {8, 0, 19}}

const unsupported = sqluser.Refusal("the server is neither MariaDB 10.4.3 or later nor MySQL 8.0.19 or later")

// parseProduct reads VERSION(): 10.11.14-MariaDB-0+deb12u2-log, 8.0.36, 8.4.3-3. MariaDB may say 5.5.5- first, and
// others say that they are MySQL and are not.
func parseProduct(version string) (product, error) {
	p := mySQL
	if strings.Contains(version, "MariaDB") {
		p, version = mariaDB, strings.TrimPrefix(version, "5.5.5-")
	}
	v := make([]int, 3)
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil || slices.Compare(v, oldest[p]) < 0 ||
		strings.Contains(version, "TiDB") {
		return 0, unsupported
	}
	return p, nil
}

// hasOption reports whether a limit or policy is one of this server's.
func (p product) hasOption(name string) bool {
	if p == mariaDB {
		return strings.HasPrefix(name, "MAX_") || name == "PASSWORD EXPIRE"
	}
	return name != "MAX_STATEMENT_TIME"
}

// canHash reports whether a password's hash can be computed here for a plugin.
func (p product) canHash(plugin string) bool {
	return plugin == native || p == mySQL && plugin == cachingSHA2
}

// writePassword returns the part of a statement that sets a password by its hash: none says the password itself.
func (p product) writePassword(plugin, hash string) string {
	if p == mariaDB {
		return "IDENTIFIED BY PASSWORD " + literal(hash)
	}
	return "IDENTIFIED WITH " + literal(plugin) + " AS " + literal(hash)
}

// writeSetInitial returns the statement that sets the roles that an account has from its login on.
func (p product) writeSetInitial(roles, account string) string {
	if p == mariaDB {
		return "SET DEFAULT ROLE " + roles + " FOR " + account
	}
	return "SET DEFAULT ROLE " + roles + " TO " + account
}

// writeReadable returns the statements that make the server show hashes in hexadecimal: MySQL's hashes contain bytes
// that are no valid string.
func (p product) writeReadable() []string {
	if p == mariaDB {
		return nil
	}
	return []string{"SET SESSION print_identified_with_as_hex = ON"}
}

// writeScramble returns the statement that gives the account that is logged in a password that nobody knows. MariaDB
// takes a hash; MySQL lets nobody set his own by hash without CREATE USER, and makes a random one itself, which goes
// into no log (https://dev.mysql.com/doc/refman/8.0/en/password-management.html#random-password-generation).
func (p product) writeScramble(hash string) string {
	if p == mariaDB {
		return "SET PASSWORD = " + literal(hash)
	}
	return "SET PASSWORD TO RANDOM"
}
