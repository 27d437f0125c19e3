package accesskey

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/aws/smithy-go"
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

// codeShape is what the code of an AWS error looks like.
var codeShape = regexp.MustCompile(`^[A-Za-z0-9.]{1,100}$`)

// errorCode is the code of AWS's error; "" where it is none.
func errorCode(err error) string {
	if api, answered := errors.AsType[smithy.APIError](err); answered {
		return api.ErrorCode()
	}
	return ""
}

// wrapError says what failed. Of an answer only the code is kept, because answers hold secrets.
func wrapError(doing string, err error) error {
	if c := errorCode(err); codeShape.MatchString(c) {
		return fmt.Errorf("%s: AWS answered %s", doing, c)
	}
	_, garbled := errors.AsType[*smithy.DeserializationError](err)
	if garbled || errorCode(err) != "" {
		return errors.New(doing + ": AWS's answer cannot be read")
	}
	return fmt.Errorf("%s: %w", doing, err)
}
