package credential

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	shortestWord     = 8  // characters of material that counts as a word beside its user
	shortestAnywhere = 16 // characters of material that counts wherever it stands
)

// common lists placeholder and default values, in lower case and with letters and digits only. A text that has one does
// not show that a credential is in use.
var common = []string{
	"admin", "administrator", "changeit", "changeme", "changethis", "default", "development", "disabled", "dummy",
	"enabled", "example", "examplepassword", "false", "fixme", "foobar", "insecure", "letmein", "localhost",
	"localhost8080", "mariadb", "mypassword", "mysecret", "none", "null", "passw0rd", "password", "password1",
	"password123", "placeholder", "postgres", "postgresql", "production", "public", "qwertyuiop", "redacted",
	"replaceme", "replacethis", "root", "secret", "secretkey", "staging", "supersecret", "test", "testing",
	"testpassword", "topsecret", "true", "undefined", "unknown", "username", "yourapikey", "yourpassword",
	"yoursecret", "yourtoken",
}

// IsWeak reports whether a value is never looked for by itself: it has less than 8 characters, or is one that stands in
// many places, such as CHANGE_ME, one character many times, or digits in a row.
func IsWeak(value secret.Value) bool {
	text := strings.TrimSpace(secret.Reveal(value))
	if utf8.RuneCountInString(text) < shortestWord {
		return true
	}
	bare := strings.Map(keepAlphanumeric, strings.ToLower(text))
	return slices.Contains(common, bare) || isSequence(text, 0) || isSequence(bare, 1)
}

// isCommon reports whether a value is a placeholder or a default.
func isCommon(value secret.Value) bool {
	return slices.Contains(common, strings.Map(keepAlphanumeric, strings.ToLower(secret.Reveal(value))))
}

func keepAlphanumeric(c rune) rune {
	if c < utf8.RuneSelf && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
		return -1
	}
	return c
}

// isSequence reports whether each character follows the one before by a step: 0 in xxxx, 1 in 1234567890.
func isSequence(text string, step byte) bool {
	for i := 1; i < len(text); i++ {
		wraps := step == 1 && text[i-1] == '9' && text[i] == '0'
		if text[i] != text[i-1]+step && !wraps {
			return false
		}
	}
	return true
}
