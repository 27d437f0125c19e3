package main

import (
	"context"
	"os"
	"time"

	"golang.org/x/term"
)

// outside is the time, the keyboard and the screen. Tests replace it, so that none of them sleeps.
type outside struct {
	now   func() time.Time
	wait  func(context.Context, time.Duration) error // returns early, with ctx's error, where ctx ends
	typed func() bool                                // standard input is somebody's keyboard
	shown func() bool                                // standard output is somebody's screen
	// hidden reads a line from the keyboard without showing it.
	hidden func(context.Context) (hiddenLine, error)
}

// newOutside is the outside of a program that runs.
func newOutside() outside {
	return outside{now: time.Now, wait: sleepUntil, typed: isKeyboard, shown: isScreen, hidden: readHiddenLine}
}

// isKeyboard reports whether standard input is a terminal. What cron and CI give is none.
func isKeyboard() bool { return isTerminal(os.Stdin) }

// isScreen reports whether standard output is a terminal that understands cursor movements.
func isScreen() bool { return isTerminal(os.Stdout) && os.Getenv("TERM") != "dumb" }

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) } //nolint:gosec // a file descriptor

func sleepUntil(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
