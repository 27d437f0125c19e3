package mysql

import (
	"errors"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// MySQL's words for how a connection is encrypted
// (https://dev.mysql.com/doc/refman/8.0/en/connection-options.html#option_general_ssl-mode).
const (
	disabled       = "DISABLED"
	preferred      = "PREFERRED"
	required       = "REQUIRED"
	verifyCA       = "VERIFY_CA"
	verifyIdentity = "VERIFY_IDENTITY"
)

// readEncryption reads a mode in MySQL's words or in the manifest's, in small letters or capitals.
//
//	mode            | authority | encrypted | certificate signed by       | for the host
//	----------------|-----------|-----------|-----------------------------|-------------
//	DISABLED        | none      | no        |                             |
//	none, PREFERRED | none      | yes       | anybody                     | any
//	REQUIRED        | none      | yes       | anybody                     | any
//	any of these    | a file    | yes       | the file's authorities      | any
//	VERIFY_CA       | none      | yes       | the system's authorities    | any
//	VERIFY_CA       | a file    | yes       | the file's authorities      | any
//	VERIFY_IDENTITY | either    | yes       | the file's or the system's  | this one
//
// Where a client of MySQL would go on without encryption (PREFERRED), or look past the file (REQUIRED), rotary does
// not.
func readEncryption(word, authority string) (sqluser.Encryption, error) {
	var mode sqluser.Mode
	switch strings.ReplaceAll(strings.ToUpper(word), "-", "_") {
	case "", preferred, "PREFER", required, "REQUIRE":
		mode = sqluser.Required
	case disabled, "DISABLE":
		mode = sqluser.Disabled
	case verifyCA:
		mode = sqluser.VerifyCA
	case verifyIdentity, "VERIFY_FULL":
		mode = sqluser.VerifyFull
	default:
		return sqluser.Encryption{},
			errors.New("it asks for an encryption that rotary does not know: " +
				"write DISABLED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY")
	}
	if authority != "" && mode == sqluser.Disabled {
		return sqluser.Encryption{}, errors.New("it names an authority for certificates, and no encryption")
	}
	return sqluser.NewEncryption(mode, authority), nil
}
