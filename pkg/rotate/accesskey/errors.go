package accesskey

import (
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/awserr"
)

// What AWS answers to a key that it does not accept
// (https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html).
const (
	unknownKey  = "InvalidClientTokenId" // or one that is Inactive
	wrongSecret = "SignatureDoesNotMatch"
)

// refusal is the error for a rotation that may not start.
type refusal string

func (r refusal) Error() string { return string(r) }

// Refusal returns why the rotation may not start.
func (r refusal) Refusal() string { return string(r) }

// noUser is the refusal for a user that does not exist: whatever keys it had are gone.
type noUser string

func (n noUser) Error() string { return string(n) }

// Refusal returns why the rotation may not start.
func (n noUser) Refusal() string { return string(n) }

// wrapError returns the error of a call. Of an answer only the code is kept, because answers hold secrets.
func wrapError(doing string, err error) error {
	if code := awserr.Code(err); code != "" {
		return fmt.Errorf("%s: AWS answered %s", doing, code)
	}
	return fmt.Errorf("%s: %w", doing, awserr.Legible(err))
}
