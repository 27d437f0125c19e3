package envfile

import (
	"errors"
	"regexp"
	"strings"
)

// token is a value as a reader reads it.
type token struct {
	value   string
	length  int  // in bytes of its text
	dynamic bool // the reader would expand something in it; value is then its text
}

// grammar reads the value at the beginning of text, which starts after NAME= and what may stand there, and goes on to
// the end of the file. It fails where nobody should rely on what the reader makes of the text.
type grammar func(text string) (token, error)

var (
	errUnclosed  = errors.New("has a quote that is not closed")
	errAfter     = errors.New("has something after the closing quote")
	errCommand   = errors.New("has a command, or an expansion, that rotary does not read")
	errAfterWord = errors.New("has something after its value")
)

// findGrammar returns what r reads. That of Any is npm's dotenv's: what all read alike, each of them reads.
func (r Reader) findGrammar() grammar {
	switch r {
	case Docker:
		return readRaw
	case Shell:
		return readShell
	case Compose:
		return quotes{`'"`, isEscapedOnce, cutComposeComment, decodeCompose}.readQuoted
	case Pydantic, Python:
		return quotes{`'"`, isAfterBackslash, cutBlankComment, decodePython}.readQuoted
	case Godotenv:
		return quotes{`'"`, isAfterBackslash, cutGodotenvComment, decodeGodotenv}.readQuoted
	case Next:
		return quotes{"'\"`", isAfterBackslash, cutComment, decodeNext}.readQuoted
	case Node:
		return quotes{"'\"`", isNeverEscaped, cutNodeComment, decodeNode}.readQuoted
	default:
		return quotes{"'\"`", isAfterBackslash, cutComment, decodeDotenv}.readQuoted
	}
}

func readRaw(text string) (token, error) {
	line, _, _ := strings.Cut(text, "\n")
	return token{value: line, length: len(line)}, nil
}

// quotes is the grammar of a reader whose value is one quoted text, or the rest of a line.
type quotes struct {
	marks      string                   // the quotes that it knows
	isEscaped  func(before string) bool // reports whether a quote after this text does not close
	cutComment func(line string) string // takes the comment off a line, and the blanks before it
	decode     func(quote byte, raw string) (value string, dynamic bool)
}

func (q quotes) readQuoted(text string) (token, error) {
	if text == "" || !strings.ContainsRune(q.marks, rune(text[0])) {
		line, _, _ := strings.Cut(text, "\n")
		line = q.cutComment(line)
		value, dynamic := q.decode(0, line)
		return token{value, len(line), dynamic}, nil
	}
	end := findClosing(text, q.isEscaped)
	if end < 0 {
		return token{}, errUnclosed
	}
	if !afterValue.MatchString(text[end+1:]) {
		return token{}, errAfter
	}
	value, dynamic := q.decode(text[0], text[1:end])
	return token{value, end + 1, dynamic}, nil
}

// afterValue matches the rest of a line behind a value: blanks and a comment.
var afterValue = regexp.MustCompile(`^[ \t]*(#[^\n]*)?(\r?\n|$)`)

// findClosing returns where the first quote closes that the text begins with, or -1.
func findClosing(text string, isEscaped func(before string) bool) int {
	for i := 1; i < len(text); i++ {
		if text[i] == text[0] && !isEscaped(text[1:i]) {
			return i
		}
	}
	return -1
}

func isNeverEscaped(string) bool { return false }

// isAfterBackslash is for readers that do not see whether the backslash itself is escaped.
func isAfterBackslash(before string) bool { return strings.HasSuffix(before, `\`) }

func isEscapedOnce(before string) bool {
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}

var (
	blankComment   = regexp.MustCompile(`\s+#.*`)
	composeComment = regexp.MustCompile(` #.*`)
	lastComment    = regexp.MustCompile(`^(.*[ \t\v\f\r])#.*$`)
)

func trimBlanks(line string) string { return strings.TrimRight(line, " \t") }

func cutComment(line string) string {
	before, _, _ := strings.Cut(line, "#")
	return trimBlanks(before)
}
func cutBlankComment(line string) string { return trimBlanks(blankComment.ReplaceAllString(line, "")) }
func cutComposeComment(line string) string {
	return trimBlanks(composeComment.ReplaceAllString(line, ""))
}
func cutGodotenvComment(line string) string {
	return trimBlanks(lastComment.ReplaceAllString(line, "$1"))
}

// cutNodeComment leaves tabs: node takes only spaces for blanks.
func cutNodeComment(line string) string {
	before, _, _ := strings.Cut(line, "#")
	return strings.TrimRight(before, " ")
}

// decodeDotenv decodes as npm's dotenv does: \n and \r in double quotes, and nothing else.
func decodeDotenv(quote byte, raw string) (string, bool) {
	if quote != '"' {
		return raw, false
	}
	return strings.ReplaceAll(strings.ReplaceAll(raw, `\n`, "\n"), `\r`, "\r"), false
}

// decodeNode is decodeDotenv without \r.
func decodeNode(quote byte, raw string) (string, bool) {
	raw = strings.ReplaceAll(raw, "\r", "")
	if quote == '"' {
		raw = strings.ReplaceAll(raw, `\n`, "\n")
	}
	return raw, false
}

// freeDollar is a $ that is not escaped.
var freeDollar = regexp.MustCompile(`(^|[^\\])\$`)

// decodeNext decodes as npm's dotenv, and expands $ afterwards, whatever the quotes.
func decodeNext(quote byte, raw string) (string, bool) {
	value, _ := decodeDotenv(quote, raw)
	if freeDollar.MatchString(value) {
		return raw, true
	}
	return strings.ReplaceAll(value, `\$`, "$"), false
}

var (
	singleEscape = regexp.MustCompile(`\\[\\']`)
	doubleEscape = regexp.MustCompile(`\\[\\'"abfnrtv]`)
	pythonCodes  = map[string]string{
		"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", `\`: `\`, "'": "'", `"`: `"`,
	}
)

// decodePython decodes as python-dotenv does: escapes by the kind of quotes, then ${…} in all of them.
func decodePython(quote byte, raw string) (string, bool) {
	value := raw
	unescape := func(escape string) string { return pythonCodes[escape[1:]] }
	switch quote {
	case '\'':
		value = singleEscape.ReplaceAllStringFunc(raw, unescape)
	case '"':
		value = doubleEscape.ReplaceAllStringFunc(raw, unescape)
	}
	if strings.Contains(pythonLiterals.Replace(value), "${") {
		return raw, true
	}
	return pythonTexts.Replace(value), false
}

// What is no expansion of a variable, taken off and as it is read.
var (
	pythonLiterals = strings.NewReplacer(pythonDollar, "", pythonNothing, "")
	pythonTexts    = strings.NewReplacer(pythonDollar, "${", pythonNothing, "")
)

var (
	composeEscape = regexp.MustCompile(`\\(?:[abcfnrtv$"\\]|0\d{0,3})`)
	composeCodes  = map[string]string{"n": "\n", "r": "\r", "t": "\t", `"`: `"`, `\`: `\`, "a": "\a", "b": "\b",
		"f": "\f", "v": "\v", "$": "$$"}
)

// decodeCompose decodes as compose does: nothing but the quote itself in single quotes; escapes, then $ with $$ for one,
// in double quotes; $ alone without quotes.
func decodeCompose(quote byte, raw string) (string, bool) {
	value := raw
	switch quote {
	case '\'':
		return strings.ReplaceAll(raw, `\'`, "'"), false
	case '"':
		unknown := false
		value = composeEscape.ReplaceAllStringFunc(raw, func(escape string) string {
			code, known := composeCodes[escape[1:]]
			unknown = unknown || !known
			return code
		})
		if unknown {
			return raw, true
		}
	}
	if strings.Contains(strings.ReplaceAll(value, "$$", ""), "$") {
		return raw, true
	}
	return strings.ReplaceAll(value, "$$", "$"), false
}

var (
	anyEscape      = regexp.MustCompile(`\\.`)
	godotenvEscape = regexp.MustCompile(`\\([^$])`)
)

// decodeGodotenv decodes as godotenv does: nothing in single quotes; in double quotes escapes, and $ unless it is
// escaped; $ alone without quotes. It takes quotes off both ends of the text, and not only the outermost.
func decodeGodotenv(quote byte, raw string) (string, bool) {
	value := raw
	if quote != 0 {
		value = strings.Trim(raw, string(quote))
	}
	if quote == '\'' {
		return value, false
	}
	if quote == '"' {
		value = anyEscape.ReplaceAllStringFunc(value, func(escape string) string {
			switch escape {
			case `\n`:
				return "\n"
			case `\r`:
				return "\r"
			}
			return escape
		})
		value = godotenvEscape.ReplaceAllString(value, "$1")
	}
	if freeDollar.MatchString(value) {
		return raw, true
	}
	return strings.ReplaceAll(value, `\$`, "$"), false
}
