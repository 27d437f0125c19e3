package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/operate"
)

// glass is a screen as somebody sees it. It understands three control sequences, and cuts long lines while wrapping is
// off.
type glass struct {
	lines []string
	width int
}

func (g *glass) print(t *testing.T, printed string) {
	t.Helper()
	wraps, row := true, len(g.lines)-1
	for printed != "" {
		var n int
		switch {
		case strings.HasPrefix(printed, "\x1b[?7l"):
			wraps, printed = false, printed[5:]
		case strings.HasPrefix(printed, "\x1b[?7h"):
			wraps, printed = true, printed[5:]
		case strings.HasPrefix(printed, "\x1b[J"):
			g.lines, printed = append(g.lines[:row:row], ""), printed[3:]
		case strings.HasPrefix(printed, "\x1b[K"):
			g.lines[row], printed = "", printed[3:]
		case strings.HasPrefix(printed, "\x1b["):
			if _, err := fmt.Sscanf(printed, "\x1b[%dA", &n); err != nil {
				t.Fatalf("a sequence that screens need not know: %q", printed)
			}
			row -= n
			printed = printed[strings.Index(printed, "A")+1:]
		case printed[0] == '\r':
			printed = printed[1:]
		case printed[0] == '\n':
			row++
			if row == len(g.lines) {
				g.lines = append(g.lines, "")
			}
			printed = printed[1:]
		case len(g.lines[row]) == g.width && wraps:
			g.lines, row = append(g.lines, ""), row+1
		case len(g.lines[row]) == g.width:
			printed = printed[1:]
		default:
			g.lines[row], printed = g.lines[row]+printed[:1], printed[1:]
		}
	}
}

func TestOnAScreenOneTableIsDrawnOverItself(t *testing.T) {
	rows := []rowView{{Source: "a", State: operate.Rotating, Version: "v-11111111"}, {Source: "b", State: operate.Waiting}}
	b := newBoard(true, rows)
	g := &glass{lines: []string{"$ rotary rotate dev --all", ""}, width: 40}
	draw := func(draw func(*bytes.Buffer)) {
		var out bytes.Buffer
		draw(&out)
		g.print(t, out.String())
	}
	draw(func(out *bytes.Buffer) { b.drawRows(out, nine, rows) })
	rows[0].State = operate.Rotated
	rows[1].State, rows[1].Detail = operate.Failed, "version 22222222 is still current, and the new one is not pending any more"
	draw(func(out *bytes.Buffer) { b.drawRows(out, nine, rows) })
	want := []string{
		"$ rotary rotate dev --all",
		" source  state    version   detail",
		" a       rotated  11111111",
		" b       failed   -         version 2222",
		"",
	}
	if diff := cmp.Diff(want, g.lines); diff != "" {
		t.Errorf("the screen shows (-want +got):\n%s", diff)
	}
	draw(func(out *bytes.Buffer) { b.drawLast(out, rows) })
	if all := strings.Join(g.lines, ""); !strings.HasPrefix(all, "$ rotary rotate dev --all source") || !strings.Contains(all, "is not pending any more") {
		t.Errorf("at the end the screen shows %q", g.lines)
	}
}

func TestATableThatDoesNotFitShowsWhatMoves(t *testing.T) {
	var rows []rowView
	for i := range 40 {
		rows = append(rows, rowView{Source: fmt.Sprintf("s%02d", i), State: operate.Waiting})
	}
	rows[30].State = operate.Rotating
	rows[35].State = operate.Rotated
	var out bytes.Buffer
	newBoard(true, rows).drawRows(&out, nine, rows)
	for _, want := range []string{" s30 ", " s35 ", " s13 ", "(and 24 more)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not show %q", want)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != onScreen+2 {
		t.Errorf("%d lines, want %d rows, a heading and a remainder", n, onScreen)
	}
	out.Reset()
	newBoard(true, rows).drawLast(&out, rows)
	if n := strings.Count(out.String(), "\n"); n != 41 {
		t.Errorf("at the end %d lines, want all", n)
	}
}

func TestElsewhereEachChangeIsALine(t *testing.T) {
	rows := []rowView{{Source: "a", State: operate.Declined, Detail: "said before"}, {Source: "b", State: operate.Waiting}}
	b := newBoard(false, rows)
	var out bytes.Buffer
	b.drawRows(&out, nine, rows)
	rows[1].State = operate.Rotating
	rows[1].Version = "v-11111111"
	b.drawRows(&out, nine, rows)
	b.drawRows(&out, nine.Add(time.Second), rows)
	rows[1].State, rows[1].Detail = operate.Declined, "no"
	b.drawRows(&out, nine.Add(time.Minute), rows)
	want := "09:00:00  b: rotating, version 11111111\n09:01:00  b: refused, version 11111111: no\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMeterIsWrittenOverOnAScreenOnly(t *testing.T) {
	var out bytes.Buffer
	m := &meter{out: &out}
	m.showLine(nine, "2m0s more")
	m.showLine(nine.Add(time.Minute), "1m0s more")
	m.endLine()
	if out.String() != "09:00:00  2m0s more\n09:01:00  1m0s more\n" || m.showEvery() != time.Minute {
		t.Errorf("elsewhere: every %v, %q", m.showEvery(), out.String())
	}
	out.Reset()
	m = &meter{out: &out, screen: true}
	m.showLine(nine, "2m0s more, and a lot of words that do not fit")
	m.showLine(nine.Add(time.Second), "1m59s more")
	m.endLine()
	g := &glass{lines: []string{""}, width: 30}
	g.print(t, out.String())
	if diff := cmp.Diff([]string{"09:00:01  1m59s more", ""}, g.lines); diff != "" || m.showEvery() != time.Second {
		t.Errorf("on a screen (-want +got):\n%s", diff)
	}
}
