package stage

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/fnv"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Fit returns value as the check of a key wants it, however it is encoded there; of a number only a digest of value is
// left, and of a truth value nothing.
// Where a pattern is met by no text that begins or ends with value, it returns a text that meets it, or value.
func Fit(check manifest.Check, value string) string {
	switch {
	case check.Pattern != "":
		return fitPattern(check.Pattern, value)
	case check.Word == "url":
		return "x://" + base64.RawURLEncoding.EncodeToString([]byte(value))
	case check.Word == "json":
		return quoteJSON(value)
	case check.Word == "pem":
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte(value)}))
	case check.Word == "int":
		sum := fnv.New64a()
		_, _ = sum.Write([]byte(value))
		return fmt.Sprint(binary.BigEndian.Uint64(sum.Sum(nil)))
	case check.Word == "bool":
		return "true"
	}
	return value
}

// quoteJSON returns value as a text of JSON.
func quoteJSON(value string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // a text always encodes
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func fitPattern(pattern, value string) string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	wanted, other := regexp.Compile(pattern)
	if err != nil || other != nil {
		return value
	}
	var least strings.Builder
	writeLeast(&least, tree.Simplify())
	for _, text := range []string{value, least.String() + value, value + least.String(), least.String()} {
		if wanted.MatchString(text) {
			return text
		}
	}
	return value
}

// writeLeast writes a short text that a regular expression matches.
func writeLeast(out *strings.Builder, tree *syntax.Regexp) {
	switch tree.Op {
	case syntax.OpLiteral:
		out.WriteString(string(tree.Rune))
	case syntax.OpCharClass:
		out.WriteRune(tree.Rune[0])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteByte('x')
	case syntax.OpAlternate, syntax.OpCapture, syntax.OpPlus:
		writeLeast(out, tree.Sub[0])
	case syntax.OpConcat:
		for _, part := range tree.Sub {
			writeLeast(out, part)
		}
	default: // what may stand there not at all, or has no width
	}
}
