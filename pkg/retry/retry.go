// Package retry has what every retry of rotary's shares: how long to wait, and the waiting itself.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff returns how long to wait after the given try, counted from 1: 1, 2, 4, … seconds. Sleep adds the jitter.
func Backoff(try int) time.Duration { return time.Second << (min(try, 10) - 1) }

// Sleep waits for d, and up to a tenth longer by chance, so that callers that were refused together do not come back
// together. It returns the context's error as soon as ctx ends, and context.DeadlineExceeded at once where ctx ends
// before d is over: the caller has other things to finish in that time.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d += rand.N(d/10 + 1) //nolint:gosec // nobody gains by guessing it
	if end, bounded := ctx.Deadline(); bounded && time.Until(end) < d {
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Skip returns at once, with the context's error where ctx has ended. It replaces Sleep where nobody counts the calls.
func Skip(ctx context.Context, _ time.Duration) error { return ctx.Err() }
