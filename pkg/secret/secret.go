// Package secret has the one type that carries a secret value. Nothing can print it and nothing can encode it.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrEncode is returned by every encoder instead of a value. Encoding fails rather than writing a placeholder,
// because a placeholder could end up in a bucket.
var ErrEncode = errors.New("a secret value cannot be encoded: reveal it where it is needed")

// ErrBinary is the error for a value in Secrets Manager that is no text (SecretBinary).
var ErrBinary = errors.New("it holds binary data, which no environment variable can: store it as text")

const redacted = "[secret]"

// Value is a secret string. The zero Value is the empty string. It hides its content behind a closure, so that
// even a printer that walks unexported fields finds a code address and no text.
type Value struct{ reveal func() string }

// New returns a Value that holds s.
func New(s string) Value { return Value{func() string { return s }} }

// Reveal returns the text of v. It is a function and not a method so that no template and no interface can
// reach it: the word to look for in review is secret.Reveal.
func Reveal(v Value) string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// Equal reports whether both hold the same text, in constant time for texts of one length.
func (v Value) Equal(other Value) bool {
	return subtle.ConstantTimeCompare([]byte(Reveal(v)), []byte(Reveal(other))) == 1
}

// String returns a fixed mask.
func (v Value) String() string { return redacted }

// GoString returns a fixed mask.
func (v Value) GoString() string { return redacted }

// Format writes a fixed mask for every verb.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives slog a fixed mask.
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails with ErrEncode.
func (v Value) MarshalJSON() ([]byte, error) { return nil, ErrEncode }

// MarshalText fails with ErrEncode; it covers XML, YAML and map keys too.
func (v Value) MarshalText() ([]byte, error) { return nil, ErrEncode }

// MarshalBinary fails with ErrEncode.
func (v Value) MarshalBinary() ([]byte, error) { return nil, ErrEncode }

// GobEncode fails with ErrEncode.
func (v Value) GobEncode() ([]byte, error) { return nil, ErrEncode }
