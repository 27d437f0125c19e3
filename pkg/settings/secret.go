package settings

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrEncode is returned by every encoder in place of a Secret.
var ErrEncode = errors.New("settings: a secret cannot be encoded: reveal it where it is needed")

const redacted = "[secret]"

// Secret is a value that must not be seen. The zero Secret is the empty text. It holds its text in a closure, so that
// printers that walk unexported fields find an address. It cannot be compared with ==, nor be a key of a map.
type Secret struct{ reveal func() string }

// NewSecret returns a Secret that holds text, for tests and for values that do not come from the environment.
func NewSecret(text string) Secret { return Secret{func() string { return text }} }

// Reveal returns the text of s. It is a function and not a method, so that no template and no interface reaches it:
// settings.Reveal is the one word to look for in review.
func Reveal(s Secret) string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsSet reports whether s holds a text that is not empty.
func (s Secret) IsSet() bool { return Reveal(s) != "" }

// String returns a fixed mask.
func (s Secret) String() string { return redacted }

// GoString returns a fixed mask.
func (s Secret) GoString() string { return redacted }

// Format writes a fixed mask for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a fixed mask for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails with ErrEncode.
func (s Secret) MarshalJSON() ([]byte, error) { return nil, ErrEncode }

// MarshalText fails with ErrEncode; it covers XML, YAML and keys of maps too.
func (s Secret) MarshalText() ([]byte, error) { return nil, ErrEncode }

// MarshalBinary fails with ErrEncode.
func (s Secret) MarshalBinary() ([]byte, error) { return nil, ErrEncode }

// GobEncode fails with ErrEncode.
func (s Secret) GobEncode() ([]byte, error) { return nil, ErrEncode }
