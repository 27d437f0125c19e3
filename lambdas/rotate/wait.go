package main

import (
	"context"
	"time"
)

// waitByClock waits by the clock, or until ctx ends.
func waitByClock(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
