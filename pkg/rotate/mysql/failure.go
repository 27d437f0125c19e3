package mysql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"

	driver "github.com/go-sql-driver/mysql"
)

// errRefused is a login that the server refuses because of its user or its password.
var errRefused = errors.New("the server refuses the login")

// Numbers of errors that decide something
// (https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-codes/).
const (
	accessDenied  = 1045
	unknownThread = 1094
)

// meanings are what the errors mean here that a person can do something about.
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

// explain replaces an error of the driver by one that holds no name, address or statement: it says what was being done
// and what the server or the network answered.
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, cause(err))
}

func cause(err error) error {
	if answer, is := errors.AsType[*driver.MySQLError](err); is {
		return serverError(answer.Number)
	}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	if errno, is := errors.AsType[syscall.Errno](err); is {
		return errno
	}
	return errors.New(network(err))
}

// serverError is what the server answers.
type serverError uint16

func (n serverError) Error() string {
	if meaning := meanings[uint16(n)]; meaning != "" {
		return fmt.Sprintf("the server answers %d: %s", uint16(n), meaning)
	}
	return fmt.Sprintf("the server answers %d", uint16(n))
}

// Is says that 1045 is errRefused.
func (n serverError) Is(target error) bool { return n == accessDenied && target == errRefused }

// network says what went wrong before the server could answer.
func network(err error) string {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, other := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	name, lookup := errors.AsType[*net.DNSError](err)
	timeout, slow := errors.AsType[net.Error](err)
	switch {
	case unknown:
		return "the server's certificate is of an authority that is not trusted: name its file with ssl-ca"
	case other:
		return "the server's certificate is for another host: name the host that it is for, or use ssl-mode=VERIFY_CA"
	case invalid:
		return "the server's certificate is not valid"
	case record || errors.Is(err, driver.ErrNoTLS):
		return "the server speaks no TLS: switch it on there, or write ssl-mode=DISABLED to send everything in the clear"
	case errors.Is(err, driver.ErrUnknownPlugin), errors.Is(err, driver.ErrCleartextPassword), errors.Is(err, driver.ErrOldPassword):
		return "the server wants a way of logging in that rotary does not know"
	case lookup && name.IsNotFound:
		return "there is no such host"
	case slow && timeout.Timeout():
		return "the server does not answer in time"
	}
	return "the connection fails"
}
