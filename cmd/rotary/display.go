package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// watched describes standard error, where progress is shown.
type watched struct {
	screen.Screen
	Height  int  // lines; 0 where that is unknown
	Redrawn bool // it is a terminal on which lines can be drawn over
}

// display shows the progress of changes: on a terminal one board that is drawn over itself, elsewhere a line for each
// event; to a program an object for each.
type display struct {
	*app
	environment string
	drawn       []string // the lines that stand on the terminal
	words       string   // below the board, until the next drawing
}

// showsBoard reports whether a board is drawn.
func (d *display) showsBoard() bool { return !d.json && d.watched().Redrawn }

// showEvents prints events where there is no board: a line for each, or an object for a program.
func (d *display) showEvents(news []operate.Event) error {
	for _, e := range news {
		switch {
		case d.json:
			if err := d.printLine(e); err != nil {
				return err
			}
		case !d.showsBoard():
			fmt.Fprintln(d.err, d.watched().Text(describeNews(e, d.environment)))
		}
	}
	return nil
}

// showWord shows a word that is no event: below the board, or as a line of its own.
func (d *display) showWord(words string) {
	switch {
	case d.json:
	case d.showsBoard():
		d.words = words
	default:
		fmt.Fprintln(d.err, formatClock(d.now())+" "+words)
	}
}

// drawBoard draws the board over the one before.
func (d *display) drawBoard(items []item) {
	if !d.showsBoard() {
		return
	}
	where := d.watched()
	drawn := drawItems(where.Screen, d.environment, items)
	if d.words != "" {
		drawn += "\n" + where.Fill("", d.words)
		d.words = ""
	}
	lines := strings.Split(drawn, "\n")
	if where.Height > 1 && len(lines) > where.Height-1 { // what has scrolled away cannot be drawn over
		room := where.Height - 2
		lines = append(lines[:room:room], where.Text(fmt.Sprintf("… and %d more lines", len(lines)-room)))
	}
	drawOver(d.err, d.drawn, lines, where.Columns())
	d.drawn = lines
}

// drawOver writes lines over those before, which may have become more since because the terminal is narrower now. None
// is wrapped (DECAWM off): what is longer is cut.
func drawOver(out io.Writer, before, lines []string, columns int) {
	up := 0
	for _, line := range before {
		up += max(1, (text.StringWidthWithoutEscSequences(line)+columns-1)/columns)
	}
	var b strings.Builder
	if up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	b.WriteString("\r\x1b[J\x1b[?7l")
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	b.WriteString("\x1b[?7h")
	_, _ = io.WriteString(out, b.String())
}

// leaveBoard lets the board stand, so that what comes next is printed below it.
func (d *display) leaveBoard() { d.drawn = nil }
