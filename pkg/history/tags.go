package history

import (
	"encoding/hex"
	"strings"
)

// TagPrefix begins the keys of all tags that rotary puts on a secret.
const TagPrefix = "rotary:"

// The limits of the tags of one secret
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/managing-secrets_tagging.html).
const (
	MaxTags     = 50
	MaxTagKey   = 128 // characters
	MaxTagValue = 256
)

// EscapeTag writes text with the characters that a part of a tag may have: ASCII letters and digits, the characters
// _ . and -, and those in also. Every other byte becomes = and two hexadecimal digits.
func EscapeTag(text, also string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		if isTagByte(b) || strings.IndexByte(also, b) >= 0 {
			out.WriteByte(b)
			continue
		}
		out.WriteString("=" + strings.ToUpper(hex.EncodeToString([]byte{b})))
	}
	return out.String()
}

func isTagByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_' || b == '.' || b == '-'
}

// UnescapeTag returns the text that EscapeTag wrote; ok is false where it wrote no such text.
func UnescapeTag(escaped string) (text string, ok bool) {
	parts := strings.Split(escaped, "=")
	out := []byte(parts[0])
	for _, part := range parts[1:] {
		if len(part) < 2 {
			return "", false
		}
		b, err := hex.DecodeString(part[:2])
		if err != nil {
			return "", false
		}
		out = append(append(out, b[0]), part[2:]...)
	}
	return string(out), true
}
