package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
)

// board shows the rows of a rotation of everything: on a screen one table that is drawn over itself, elsewhere a line
// for each change.
type board struct {
	screen bool
	height int               // how many lines the table has on the screen
	told   map[string]string // elsewhere: what was said of each source
}

// onScreen is how many rows the table on a screen has at most: more would not fit, and what has scrolled away cannot be
// drawn over.
const onScreen = 16

// drawRows shows the rows as they are now.
func (b *board) drawRows(out io.Writer, now time.Time, rows []rowView) {
	if b.screen {
		b.drawOver(out, "\x1b[?7l"+boardTable(fitRows(rows), firstLine)+describeRemainder(rows)+"\x1b[?7h")
		return
	}
	for _, r := range rows {
		if line := r.describeRow(); b.told[r.Source] != line {
			fmt.Fprintf(out, "%s  %s\n", now.Format(time.TimeOnly), line)
			b.told[r.Source] = line
		}
	}
}

// newBoard returns a board that has told what the rows say already.
func newBoard(screen bool, rows []rowView) *board {
	b := &board{screen: screen, told: map[string]string{}}
	for _, r := range rows {
		b.told[r.Source] = r.describeRow()
	}
	return b
}

// describeRow returns a row as one line.
func (r rowView) describeRow() string {
	line := r.Source + ": " + string(r.State)
	if r.Version != "" {
		line += ", version " + history.Short(r.Version)
	}
	if r.Detail != "" {
		line += ": " + r.Detail
	}
	return line
}

// drawLast shows all rows with all that is known of them, and stays.
func (b *board) drawLast(out io.Writer, rows []rowView) {
	b.drawOver(out, boardTable(rows, func(detail string) string { return text.WrapSoft(detail, 90) }))
	b.height = 0
}

// drawOver draws a text over the one before. What is drawn over has its lines cut where the screen ends (DECAWM off),
// so that each of them is one line there too.
func (b *board) drawOver(out io.Writer, drawn string) {
	if !b.screen {
		fmt.Fprintln(out, drawn)
		return
	}
	up := ""
	if b.height > 0 {
		up = fmt.Sprintf("\x1b[%dA", b.height)
	}
	fmt.Fprintf(out, "%s\r\x1b[J%s\n", up, drawn)
	b.height = strings.Count(drawn, "\n") + 1
}

// fitRows returns the rows that fit on a screen; where some do not, those that rotate come first.
func fitRows(rows []rowView) []rowView {
	if len(rows) <= onScreen {
		return rows
	}
	var first, rest []rowView
	for _, r := range rows {
		if r.State == operate.Rotating || r.State == operate.Rotated {
			first = append(first, r)
		} else {
			rest = append(rest, r)
		}
	}
	return append(first, rest...)[:onScreen]
}

func describeRemainder(rows []rowView) string {
	if n := len(rows) - onScreen; n > 0 {
		return fmt.Sprintf("\n(and %d more)", n)
	}
	return ""
}

func firstLine(detail string) string { return strings.Split(text.WrapSoft(detail, 60), "\n")[0] }

func boardTable(rows []rowView, shorten func(string) string) string {
	t := newTable("source", "state", "version", "detail")
	for _, r := range rows {
		t.AppendRow(table.Row{r.Source, r.State, orDash(history.Short(r.Version)), shorten(r.Detail)})
	}
	return renderTable(t)
}

// meter shows how something goes on: on a screen one line that is written over, elsewhere a line a minute.
type meter struct {
	out    io.Writer
	screen bool
	drawn  bool
}

// showEvery is how often it is worth showing.
func (m *meter) showEvery() time.Duration {
	if m.screen {
		return time.Second
	}
	return time.Minute
}

func (m *meter) showLine(now time.Time, text string) {
	line := now.Format(time.TimeOnly) + "  " + text
	if !m.screen {
		fmt.Fprintln(m.out, line)
		return
	}
	fmt.Fprintf(m.out, "\r\x1b[K\x1b[?7l%s\x1b[?7h", line)
	m.drawn = true
}

func (m *meter) endLine() {
	if m.drawn {
		fmt.Fprintln(m.out)
	}
}
