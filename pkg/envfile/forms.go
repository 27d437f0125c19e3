package envfile

import (
	"regexp"
	"strings"
)

// form writes a value; fits is false for one that it cannot hold. A form may be wrong about that only where the grammar
// of the reader notices.
type form func(value string) (text string, fits bool)

// listForms returns the forms of r, the one that is read most easily first.
func (r Reader) listForms() []form {
	switch r {
	case Docker:
		return []form{writeRaw}
	case Shell:
		return []form{writeBare, writeShell}
	case Compose:
		return []form{writeBare, writeSingle, writeCompose}
	case Pydantic, Python:
		return []form{writeBare, writePython, writePlain}
	case Godotenv:
		return []form{writeBare, writeSingle, writeGodotenv, writePlain}
	case Next:
		return []form{writeBare, escapeDollars(writeSingle), escapeDollars(writeDouble),
			escapeDollars(quoteIn('`')), escapeDollars(writePlain)}
	case Dotenv:
		return []form{writeBare, writeSingle, writeDouble, quoteIn('`'), writePlain}
	case Node:
		return []form{writeBare, writeSingle, quoteIn('`'), quoteIn('"'), writePlain}
	default:
		return []form{writeBare, writeSingle, quoteIn('"'), writeDouble, writePlain}
	}
}

// bareShape matches values that every reader, and the shell, reads unquoted as they stand.
var bareShape = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-][A-Za-z0-9_./:@%+,=-]*$`)

func writeBare(value string) (string, bool) { return value, bareShape.MatchString(value) }

// writeRaw writes a value as it is, for a reader that knows no quotes: one line, whose end is not a line's.
func writeRaw(value string) (string, bool) {
	return value, !strings.Contains(value, "\n") && !strings.HasSuffix(value, "\r")
}

// plainShape is one line without a comment and without a quote at its beginning; what is between may be anything.
var plainShape = regexp.MustCompile("^[^#'\"`\\x00-\\x20\u0085\u00a0\u2028\u2029\ufeff]" + //nolint:gocritic // the ranges are meant
	"([^#\\x00-\\x1f\u0085\u2028\u2029]*[^\\s#\\x00-\\x1f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff])?$")

func writePlain(value string) (string, bool) { return value, plainShape.MatchString(value) }

// quoteIn quotes without escapes. A backslash before the closing quote would be taken for one.
func quoteIn(quote byte) form {
	q := string(quote)
	return func(value string) (string, bool) {
		return q + value + q, !strings.Contains(value, q) && !strings.HasSuffix(value, `\`) && !strings.Contains(value, "\r")
	}
}

func writeSingle(value string) (string, bool) { return quoteIn('\'')(value) }

// writeDouble is for readers that know \n and \r in double quotes, and no other escapes.
func writeDouble(value string) (string, bool) {
	escaped := strings.ReplaceAll(value, "\r", `\r`)
	known := strings.Contains(value, `\n`) || strings.Contains(value, `\r`)
	return `"` + escaped + `"`, !known && !strings.Contains(value, `"`) && !strings.HasSuffix(value, `\`)
}

// escapeDollars is a form for a reader that expands $ after it has taken the quotes off, and not after a backslash.
func escapeDollars(inner form) form {
	return func(value string) (string, bool) { return inner(strings.ReplaceAll(value, "$", `\$`)) }
}

// Of the characters that a backslash escapes in double quotes, the readers agree on these.
var (
	composeEscapes  = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\r", `\r`, "\n", `\n`)
	godotenvEscapes = composeEscapes
	pythonEscapes   = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", `\r`, "\n", `\n`, "${", pythonDollar)
)

// pythonDollar is read as ${: it is the default of a variable without a name, which cannot be set. python-dotenv expands
// ${X} in every kind of quotes, and has no escape for it.
const pythonDollar = "${:-${}"

// pythonNothing is an expansion to nothing. It keeps a backslash and the quote after it apart: python-dotenv takes \\"
// for an escaped quote if there is another quote further down in the file.
const pythonNothing = "${:-}"

func writePython(value string) (string, bool) {
	text := pythonEscapes.Replace(value)
	if strings.HasSuffix(text, `\`) {
		text += pythonNothing
	}
	return `"` + text + `"`, true
}

func writeCompose(value string) (string, bool) {
	return `"` + composeEscapes.Replace(value) + `"`, true
}

// writeGodotenv fails for a quote at an end, which godotenv takes off with its own, and for a backslash before the
// closing quote.
func writeGodotenv(value string) (string, bool) {
	bad := strings.HasSuffix(value, `"`) || strings.HasSuffix(value, `\`)
	return `"` + godotenvEscapes.Replace(value) + `"`, !bad
}

func writeShell(value string) (string, bool) {
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'", true
}
