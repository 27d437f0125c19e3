package screen

import (
	"strings"
)

// whole stands for a blank at which no line is broken.
const whole = "\u00a0"

// Whole returns a text of which no line is broken by this package: a command that people copy.
func Whole(words string) string { return strings.ReplaceAll(words, " ", whole) }

// Place is the environment, account and region that a heading begins with. Empty parts are left out.
type Place struct {
	Environment, Account, Region string
}

// Heading returns the first line of what is said about an environment: where it is, notes with dots between them, and
// at the right end what is done. What does not fit goes on a line of its own.
func (s Screen) Heading(p Place, right string, notes ...string) string {
	left := p.Environment
	if where := strings.TrimSpace(p.Account + " " + p.Region); where != "" {
		left += "  " + Whole(where)
	}
	for _, note := range notes {
		left += " " + Whole("· "+note)
	}
	lines := s.breakLines(left, s.Columns(), s.Columns())
	right = s.Text(right)
	last := len(lines) - 1
	switch gap := s.Columns() - measureWidth(lines[last]) - measureWidth(right); {
	case right == "":
	case gap >= 2:
		lines[last] += strings.Repeat(" ", gap) + right
	default:
		lines = append(lines, s.breakLines(right, s.Columns(), s.Columns())...)
	}
	return joinLines(lines)
}

// Fill returns a paragraph after a lead, in the width of the screen; the lines after the first stand under the text.
// No line is broken inside a word. Line breaks in words are kept.
func (s Screen) Fill(lead, words string) string {
	lead = s.Text(lead)
	hang := measureWidth(lead)
	if hang > s.Columns()/2 {
		hang = 4
	}
	lines := s.breakLines(words, s.Columns()-measureWidth(lead), s.Columns()-hang)
	for i := range lines {
		lines[i] = strings.Repeat(" ", hang) + lines[i]
	}
	lines[0] = lead + lines[0][hang:]
	return joinLines(lines)
}

// breakLines breaks words at blanks into lines, the first of at most first columns and the others of at most rest. A
// word that is longer is a line of its own.
func (s Screen) breakLines(words string, first, rest int) []string {
	var lines []string
	room := first
	add := func(line string) { lines, room = append(lines, restoreBlanks(line)), rest }
	for paragraph := range strings.SplitSeq(s.Text(words), "\n") {
		line, started := "", false
		for word := range strings.SplitSeq(paragraph, " ") {
			switch {
			case !started:
				line, started = word, true
			case measureWidth(line)+1+measureWidth(word) > room:
				add(line)
				line = word
			default:
				line += " " + word
			}
		}
		add(line)
	}
	return lines
}

// restoreBlanks returns a text with ordinary blanks.
func restoreBlanks(words string) string { return strings.ReplaceAll(words, whole, " ") }

func joinLines(lines []string) string {
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}
