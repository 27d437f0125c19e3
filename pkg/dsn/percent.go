package dsn

import (
	"errors"
	"strings"
)

var errPercent = errors.New("it has a % that is not followed by two hexadecimal digits: % itself is %25")

// Encode percent-encodes all that is not unreserved (RFC 3986, section 2.3), so that every reader decodes it alike.
func Encode(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

// decodePercent takes percent-encoding off. + is no space.
func decodePercent(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		c, is := byte(0), i+2 < len(text)
		if is {
			c, is = readHex(text[i+1], text[i+2])
		}
		if !is {
			return "", errPercent
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String(), nil
}

// decodeForm takes the encoding of forms off: percent-encoding, and + for a space.
func decodeForm(text string) (string, error) {
	return decodePercent(strings.ReplaceAll(text, "+", " "))
}

// readHex returns the byte that two hexadecimal digits stand for.
func readHex(high, low byte) (c byte, is bool) {
	const digits = "0123456789abcdef0123456789ABCDEF"
	for _, d := range []byte{high, low} {
		n := strings.IndexByte(digits, d)
		if n < 0 {
			return 0, false
		}
		c = c<<4 | byte(n%16)
	}
	return c, true
}
