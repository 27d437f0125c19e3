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

// world is the outside of a program that runs.
func world() outside { return outside{now: time.Now, wait: sleep, typed: keyboard, shown: screen} }

// keyboard says whether standard input is a device, and not the one that stands for nothing: cron and CI give that.
func keyboard() bool { return device(os.Stdin) }

// screen says the same of standard output, and that it moves its cursor when it is told to.
func screen() bool { return device(os.Stdout) && os.Getenv("TERM") != "dumb" }

func device(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nothing, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, nothing)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
