package main

import (
	"context"
	"os"
	"time"
)

// outside is the time and the keyboard. Tests replace it, so that none of them sleeps.
type outside struct {
	now   func() time.Time
	wait  func(context.Context, time.Duration) error // returns early, with ctx's error, where ctx ends
	typed func() bool                                // standard input is somebody's keyboard
}

// world is the outside of a program that runs.
func world() outside { return outside{now: time.Now, wait: sleep, typed: keyboard} }

// keyboard says whether standard input is a device, and not the one that stands for nothing: cron and CI give that.
func keyboard() bool {
	info, err := os.Stdin.Stat()
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
