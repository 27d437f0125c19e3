package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// glass is a terminal as somebody sees it. It understands what a board writes, cuts what is too long while wrapping is
// off, and breaks lines anew when it is made narrower, as most terminals do.
type glass struct {
	t     *testing.T
	width int
	rows  []glassRow
	row   int
	col   int
	wraps bool
	cut   int // characters that did not fit
}

// glassRow is one row; continued: it goes on with the line before.
type glassRow struct {
	text      []rune
	continued bool
}

func newGlass(t *testing.T, width int) *glass {
	return &glass{t: t, width: width, rows: []glassRow{{}}, wraps: true}
}

// The marks that a test writes between what a command does: nothing of them shows.
func markResized(width int) string { return fmt.Sprintf("\x1b]resized %d\x07", width) }

var sequences = regexp.MustCompile(`^\x1b\[(\??)(\d*)([A-Za-z])|^\x1b\]resized (\d+)\x07`)

// print shows what was written.
func (g *glass) print(written string) {
	for written != "" {
		if m := sequences.FindStringSubmatch(written); m != nil {
			g.obey(m)
			written = written[len(m[0]):]
			continue
		}
		r, size := utf8.DecodeRuneInString(written)
		g.put(r)
		written = written[size:]
	}
}

func (g *glass) obey(m []string) {
	n := 0
	_, _ = fmt.Sscan(m[2]+m[4], &n)
	switch m[1] + m[3] {
	case "A":
		if g.row -= n; g.row < 0 {
			g.t.Errorf("the cursor is moved %d rows above the screen", -g.row)
			g.row = 0
		}
	case "J":
		g.rows = g.rows[:g.row+1]
		g.rows[g.row].text = g.rows[g.row].text[:g.col]
	case "m":
	case "?l", "?h":
		g.wraps = m[3] == "h"
	case "":
		g.resize(n)
	default:
		g.t.Errorf("a sequence that terminals need not know: %q", m[0])
	}
}

func (g *glass) put(r rune) {
	switch {
	case r == '\r':
		g.col = 0
	case r == '\n':
		if g.row++; g.row == len(g.rows) {
			g.rows = append(g.rows, glassRow{})
		}
	case g.col == g.width && !g.wraps:
		g.cut++
	default:
		if g.col == g.width {
			g.rows, g.row, g.col = append(g.rows[:g.row+1], glassRow{continued: true}), g.row+1, 0
		}
		row := &g.rows[g.row]
		row.text = append(row.text[:g.col], r)
		g.col++
	}
}

// resize breaks the lines anew.
func (g *glass) resize(width int) {
	var rows []glassRow
	for i := 0; i < len(g.rows); i++ {
		line := g.rows[i].text
		for i+1 < len(g.rows) && g.rows[i+1].continued {
			i++
			line = append(line, g.rows[i].text...)
		}
		continued := false
		for len(line) > width {
			rows = append(rows, glassRow{line[:width:width], continued})
			line, continued = line[width:], true
		}
		rows = append(rows, glassRow{line, continued})
	}
	g.width, g.rows, g.row, g.col = width, rows, len(rows)-1, 0
}

// shown returns what is seen. A row that goes on with the line before has a mark at its beginning.
func (g *glass) shown() string {
	var lines []string
	for _, row := range g.rows {
		line := string(row.text)
		if row.continued {
			line = "\u21b3" + line
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
