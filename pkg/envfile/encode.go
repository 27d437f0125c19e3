package envfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Encoding is a format in which all values are written at once, for programs that know it.
type Encoding string

// The encodings.
const (
	JSON   Encoding = "json"
	YAML   Encoding = "yaml"
	TFVars Encoding = "tfvars" // Terraform's variable environment_secrets
)

// Encode returns the values, sorted by name. The error is for a value that Terraform would change.
func (e Encoding) Encode(values map[string]secret.Value) (secret.Value, error) {
	var out strings.Builder
	names := slices.Sorted(maps.Keys(values))
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for i, name := range names {
		value := secret.Reveal(values[name])
		switch e {
		case JSON:
			fmt.Fprintf(&out, "  %s: %s", quoteJSON(name), quoteJSON(value))
			if i < len(names)-1 {
				out.WriteByte(',')
			}
			out.WriteByte('\n')
		case YAML:
			fmt.Fprintf(&out, "%s: %s\n", quoteYAML(name), quoteYAML(value))
		case TFVars:
			if !norm.NFC.IsNormalString(value) {
				return secret.Value{}, fmt.Errorf("%s has characters in a form that Terraform changes (it is not NFC)", name)
			}
			fmt.Fprintf(&out, "  %-*s = %s\n", width+2, `"`+name+`"`, quoteHCL(value))
		}
	}
	return secret.New(e.frameLines(out.String())), nil
}

func (e Encoding) frameLines(lines string) string {
	switch e {
	case JSON:
		return "{\n" + lines + "}\n"
	case TFVars:
		return "environment_secrets = {\n" + lines + "}\n"
	default:
		if lines == "" {
			return "{}\n"
		}
		return lines
	}
}

func quoteJSON(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic("envfile: a string does not encode") // it always does
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// quoteYAML writes what YAML 1.1 and 1.2 read alike: in double quotes, with escapes for what is not printable there.
func quoteYAML(text string) string {
	var out strings.Builder
	for _, r := range text {
		out.WriteString(escapeRune(r))
	}
	return `"` + out.String() + `"`
}

// quoteHCL writes a string without a template: $ and % before { are doubled, or written as a number where the character
// before is the same one, because the two would be taken for one escape.
func quoteHCL(text string) string {
	var out strings.Builder
	for i, r := range text {
		opens := (r == '$' || r == '%') && strings.HasPrefix(text[i+1:], "{")
		switch {
		case opens && strings.HasSuffix(text[:i], string(r)):
			fmt.Fprintf(&out, `\u%04x`, r)
		case opens:
			out.WriteString(string(r) + string(r))
		default:
			out.WriteString(escapeRune(r))
		}
	}
	return `"` + out.String() + `"`
}

func escapeRune(r rune) string {
	switch {
	case r == '"' || r == '\\':
		return `\` + string(r)
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case unicode.IsPrint(r):
		return string(r)
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
