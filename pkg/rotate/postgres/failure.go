package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// SQLSTATEs (https://www.postgresql.org/docs/current/errcodes-appendix.html) and what they mean here.
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
	lacksPrivilege       = "42501"
)

var meanings = map[string]string{
	invalidPassword:      "the password is refused",
	invalidAuthorization: "it lets nobody in from here, or not like that: see pg_hba.conf, and whether it wants TLS",
	"0LP01":              "that role cannot be granted",
	"25006": "it is a standby, on which nothing can be changed: " +
		"let the administrator's URL name the primary",
	"3D000":        "there is no such database",
	lacksPrivilege: "the administrator, or the user, lacks the privilege",
	"42704":        "there is no such role or parameter",
	"53300":        "it has too many connections",
	"55P03":        "somebody else holds a lock",
	"57014":        "it took too long",
	"57P03":        "it does not take connections now",
}

// failures returns how the driver's errors are explained.
func failures() sqluser.Failures {
	return sqluser.Failures{
		ReadAnswer: readAnswer, DescribeNetwork: describeNetwork,
		Authority: rootCert, AnyHost: "sslmode=verify-ca", Plain: "sslmode=disable",
	}
}

// readAnswer returns what the server has answered, or nil. 28000 stands for a user that may not log in, which is a
// refused login, and for who is not asked for a password at all, because pg_hba.conf refuses the address or a
// connection without TLS: that says nothing about the credential. InitializeSessionUserId is where a user is refused.
func readAnswer(err error) error {
	answer, is := errors.AsType[*pgconn.PgError](err)
	switch {
	case !is:
		return nil
	case answer.Code == invalidPassword ||
		answer.Code == invalidAuthorization && answer.Routine == "InitializeSessionUserId":
		return sqluser.ErrRefused
	case len(answer.Code) != 5 || strings.Trim(answer.Code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		return errors.New("the server answers with an error")
	}
	return serverError(answer.Code)
}

// serverError is the SQLSTATE that the server answers.
type serverError string

func (code serverError) Error() string {
	if meaning := meanings[string(code)]; meaning != "" {
		return fmt.Sprintf("the server answers %s: %s", string(code), meaning)
	}
	return "the server answers " + string(code)
}

// describeNetwork returns what the driver alone knows of a connection that failed.
func describeNetwork(err error) string {
	text := err.Error()
	switch {
	case strings.HasSuffix(text, "server refused TLS connection"):
		return failures().DescribePlain()
	case strings.Contains(text, "authentication method requirement"):
		return "the server does not ask for a password as scram-sha-256 or md5: see pg_hba.conf"
	}
	return ""
}
