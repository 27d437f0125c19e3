package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// errRefused is a login that the server refuses because of its user or its password.
var errRefused = errors.New("the server refuses the login")

// SQLSTATEs (https://www.postgresql.org/docs/current/errcodes-appendix.html) and what they mean here.
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
)

var meanings = map[string]string{
	invalidPassword:      "the password is refused",
	invalidAuthorization: "it lets nobody in from here, or not like that: see pg_hba.conf, and whether it wants TLS",
	"0LP01":              "that role cannot be granted",
	"25006":              "it is a standby, on which nothing can be changed: let the administrator's URL name the primary",
	"3D000":              "there is no such database",
	"42501":              "the administrator, or the user, lacks the privilege",
	"42704":              "there is no such role or parameter",
	"53300":              "it has too many connections",
	"55P03":              "somebody else holds a lock",
	"57014":              "it took too long",
	"57P03":              "it does not take connections now",
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
	if refused(err) {
		return errRefused
	}
	if server, is := errors.AsType[*pgconn.PgError](err); is {
		return answer(server.Code)
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

// answer says what an error of the server means.
func answer(code string) error {
	if len(code) != 5 || strings.Trim(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return errors.New("the server answers with an error")
	}
	if meaning := meanings[code]; meaning != "" {
		return fmt.Errorf("the server answers %s: %s", code, meaning)
	}
	return fmt.Errorf("the server answers %s", code)
}

// refused says whether the server has looked at a login and refuses its user or its password. 28000 also stands for
// who is not asked for a password at all, because pg_hba.conf refuses the address or a connection without TLS: that says
// nothing about the credential. InitializeSessionUserId is where a role that may not log in is refused.
func refused(err error) bool {
	server, is := errors.AsType[*pgconn.PgError](err)
	return is && (server.Code == invalidPassword || server.Code == invalidAuthorization && server.Routine == "InitializeSessionUserId")
}

// network says what went wrong before the server could answer.
func network(err error) string {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, other := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	name, lookup := errors.AsType[*net.DNSError](err)
	text := err.Error()
	switch {
	case unknown:
		return "the server's certificate is of an authority that is not trusted: name its file with sslrootcert"
	case other:
		return "the server's certificate is for another host: name the host that it is for, or use sslmode=verify-ca"
	case invalid:
		return "the server's certificate is not valid"
	case record || strings.HasSuffix(text, "server refused TLS connection"):
		return "the server speaks no TLS: switch it on there, or write sslmode=disable to send everything in the clear"
	case strings.Contains(text, "authentication method requirement"):
		return "the server does not ask for a password as scram-sha-256 or md5: see pg_hba.conf"
	case lookup && name.IsNotFound:
		return "there is no such host"
	}
	return "the connection fails"
}
