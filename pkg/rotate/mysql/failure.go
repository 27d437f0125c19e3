package mysql

import (
	"errors"
	"fmt"

	driver "github.com/go-sql-driver/mysql"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// Numbers of errors that decide something (https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html,
// https://mariadb.com/kb/en/mariadb-error-codes/).
const (
	accessDenied   = 1045
	unknownThread  = 1094
	optionPrevents = 1290
	notValid       = 1819
	accountLocked  = 4151 // MariaDB's
)

// meanings explains the server's errors, by number, that a person can do something about.
var meanings = map[uint16]string{
	1040: "it has too many connections",
	1044: "the account may not use that database, or what is granted there may not be passed on by the administrator",
	1049: "there is no such database",
	1095: "the right to end others' sessions is missing (CONNECTION ADMIN, CONNECTION_ADMIN)",
	1129: "it has blocked this host after too many failures",
	1130: "it lets nobody in from here",
	1142: "the privilege is missing",
	1146: "there is no such table; grants on one that was dropped stay until they are revoked, and cannot be copied",
	1203: "the account has its maximum of connections",
	1205: "somebody else holds a lock",
	1226: "the account has used up one of its limits",
	1227: "the privilege is missing",
	1290: "an option of the server forbids it: read-only, or strict_password_validation, under which no hash is taken",
	1396: "there is such an account, or none",
	1698: "the account does not log in with a password",
	1819: "its policy for passwords forbids it",
	1820: "the account's password has expired",
	1836: "it is read-only",
	1862: "the account's password has expired",
	3118: "the account is locked",
	3159: "it wants TLS",
	3891: "the account must say its password again to change it (PASSWORD REQUIRE CURRENT)",
	4151: "the account is locked",
}

// locked are the errors of a login to which no password helps, until one is set: the account is locked, or its password
// has expired.
var locked = map[serverError]bool{1820: true, 1862: true, 3118: true, 3955: true, 4151: true}

// failures returns how the driver's errors are explained.
func failures() sqluser.Failures {
	return sqluser.Failures{
		ReadAnswer: readAnswer, DescribeNetwork: describeNetwork,
		Authority: rootCert, AnyHost: "ssl-mode=VERIFY_CA", Plain: "ssl-mode=DISABLED",
	}
}

// readAnswer returns what the server has answered, or nil.
func readAnswer(err error) error {
	if answer, is := errors.AsType[*driver.MySQLError](err); is {
		return serverError(answer.Number)
	}
	return nil
}

// serverError is the number of an error that the server answers.
type serverError uint16

func (n serverError) Error() string {
	if meaning := meanings[uint16(n)]; meaning != "" {
		return fmt.Sprintf("the server answers %d: %s", uint16(n), meaning)
	}
	return fmt.Sprintf("the server answers %d", uint16(n))
}

// Is reports whether the answer is sqluser.ErrRefused, sqluser.ErrLocked, or either of them as rotate.ErrNotAccepted.
func (n serverError) Is(target error) bool {
	switch target {
	case sqluser.ErrRefused:
		return n == accessDenied
	case sqluser.ErrLocked:
		return locked[n]
	case rotate.ErrNotAccepted:
		return n == accessDenied || locked[n]
	}
	return false
}

// describeNetwork returns what the driver alone knows of a connection that failed.
func describeNetwork(err error) string {
	switch {
	case errors.Is(err, driver.ErrNoTLS):
		return failures().DescribePlain()
	case errors.Is(err, driver.ErrUnknownPlugin), errors.Is(err, driver.ErrCleartextPassword),
		errors.Is(err, driver.ErrOldPassword):
		return "the server wants a way of logging in that rotary does not know"
	}
	return ""
}
