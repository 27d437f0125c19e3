package main

import (
	"context"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/rotary-secrets/rotary/pkg/screen"
)

// outside is the time, the keyboard and the screen. Tests replace it, so that none of them sleeps.
type outside struct {
	now   func() time.Time
	wait  func(context.Context, time.Duration) error // returns early, with ctx's error, where ctx ends
	typed func() bool                                // standard input is somebody's keyboard
	shown func() bool                                // standard output is somebody's screen
	view  func() screen.Screen                       // what that screen, or a pipe, shows
	// watched is where progress is shown, as it is now: standard error.
	watched func() watched
	// hidden reads a line from the keyboard without showing it.
	hidden func(context.Context) (hiddenLine, error)
}

// newOutside is the outside of a program that runs.
func newOutside() outside {
	return outside{
		now: time.Now, wait: sleepUntil, typed: isKeyboard, shown: isScreen, hidden: readHiddenLine, view: describeScreen,
		watched: describeWatched,
	}
}

// isKeyboard reports whether standard input is a terminal. What cron and CI give is none.
func isKeyboard() bool { return isTerminal(os.Stdin) }

// isScreen reports whether standard output is a terminal that understands cursor movements.
func isScreen() bool { return isTerminal(os.Stdout) && os.Getenv("TERM") != "dumb" }

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

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

// describeScreen returns the screen of standard output as it is now: people resize it.
func describeScreen() screen.Screen {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		width = 0
	}
	return screen.New(isTerminal(os.Stdout), width, os.Getenv)
}

// describeWatched returns what standard error shows as it is now: people resize it.
func describeWatched() watched {
	width, height, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil {
		return watched{Screen: screen.New(false, 0, os.Getenv)}
	}
	return watched{
		Screen: screen.New(true, width, os.Getenv), Height: height, Redrawn: os.Getenv("TERM") != "dumb",
	}
}
