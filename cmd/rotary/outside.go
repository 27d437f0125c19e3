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

func keyboard() bool {
	info, err := os.Stdin.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
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
