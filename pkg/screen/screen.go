// Package screen lays out what people read: signs, headings, paragraphs and tables that fit a width. It is pure: the
// Screen is a value, and everything here returns text.
package screen

import (
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Screen is where people read. The zero Screen has the default width, Unicode and no colours.
type Screen struct {
	Width int  // columns; 0 means DefaultWidth
	ASCII bool // signs are written with ASCII alone
	Color bool // signs and states have colours, as a second cue
}

// DefaultWidth is how many columns a line has where nothing is known of the screen.
const DefaultWidth = 80

// narrowest is the least width that anything is laid out for.
const narrowest = 30

// Sign stands before a line and tells what kind of thing it is about.
type Sign string

// The signs. Those that are not ASCII have another form for screens that show nothing else: Screen.Text.
const (
	Done      Sign = "✓" // done, and seen to be
	Busy      Sign = "…" // under way
	Attention Sign = "!" // a person has to look, or it is held back
	Failed    Sign = "✗"
	Changed   Sign = "~"
	Added     Sign = "+"
	Removed   Sign = "-"
	Rolled    Sign = ">" // a consumer is rolled
	Deployed  Sign = "." // its own pipeline deploys it
	Same      Sign = "="
)

// ascii has the ASCII form of every character outside ASCII that rotary's texts contain.
var ascii = strings.NewReplacer(string(Done), "ok", string(Busy), "..", string(Failed), "x", "·", "-", "→", "->")

// paints are the colours of the signs, as parameters of the escape sequence SGR.
var paints = map[Sign]string{
	Done: "32", Busy: "33", Attention: "33", Failed: "31", Changed: "33", Added: "32", Removed: "31", Rolled: "36",
}

// New returns the screen of a command. terminal reports whether standard output is one, and width is how many columns
// it has; 0 where that is unknown. COLUMNS, TERM, NO_COLOR and the locale count as they do for other programs.
func New(terminal bool, width int, getenv func(string) string) Screen {
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		width = n
	}
	dumb := getenv("TERM") == "dumb"
	return Screen{
		Width: width, ASCII: dumb || !showsUnicode(getenv), Color: terminal && !dumb && getenv("NO_COLOR") == "",
	}
}

// showsUnicode reports whether the locale has UTF-8, or no locale is set: logs of CI have none, and show it.
func showsUnicode(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return true
}

// Columns returns how many columns a line has.
func (s Screen) Columns() int {
	if s.Width == 0 {
		return DefaultWidth
	}
	return max(s.Width, narrowest)
}

// Sign returns a sign with its colour, followed by the blanks that make all signs equally wide.
func (s Screen) Sign(sign Sign) string {
	return s.Paint(sign, string(sign)) + strings.Repeat(" ", s.signWidth()-measureWidth(s.Text(string(sign))))
}

func (s Screen) signWidth() int {
	if s.ASCII {
		return 2
	}
	return 1
}

// Paint returns a text in the colour of a sign, in the characters that the screen shows.
func (s Screen) Paint(sign Sign, words string) string {
	words = s.Text(words)
	if code := paints[sign]; s.Color && code != "" && words != "" {
		return "\x1b[" + code + "m" + words + "\x1b[0m"
	}
	return words
}

// Text returns a text in the characters that the screen shows.
func (s Screen) Text(words string) string {
	if s.ASCII {
		return ascii.Replace(words)
	}
	return words
}

// measureWidth returns how many columns a line of text takes.
func measureWidth(line string) int { return text.StringWidthWithoutEscSequences(line) }
