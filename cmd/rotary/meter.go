package main

import (
	"fmt"
	"io"
	"time"
)

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
