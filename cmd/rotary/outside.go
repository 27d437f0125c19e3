package main

import (
	"context"
	"os"
	"time"
)

// outside is the time, the keyboard and the screen. Tests replace it, so that none of them sleeps.
type outside struct {
	now   func() time.Time
	wait  func(context.Context, time.Duration) error // returns early, with ctx's error, where ctx ends
	typed func() bool                                // standard input is somebody's keyboard
	shown func() bool                                // standard output is somebody's screen
}

// newOutside is the outside of a program that runs.
func newOutside() outside {
	return outside{now: time.Now, wait: sleepUntil, typed: isKeyboard, shown: isScreen}
}

// isKeyboard reports whether standard input is a device, and not the one that stands for nothing: cron and CI give
// that.
func isKeyboard() bool { return isDevice(os.Stdin) }

// isScreen reports whether standard output is a terminal that understands cursor movements.
func isScreen() bool { return isDevice(os.Stdout) && os.Getenv("TERM") != "dumb" }

func isDevice(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nothing, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, nothing)
}

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
