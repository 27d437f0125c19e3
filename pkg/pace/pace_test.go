package pace_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotary-secrets/rotary/pkg/pace"
)

var modify = pace.Class{Name: "ECS task definition modify", Burst: 20, PerSecond: 1}

// exact waits without jitter.
func exact(ctx context.Context, d time.Duration) error {
	if end, bounded := ctx.Deadline(); bounded && time.Until(end) < d {
		return context.DeadlineExceeded
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// takeTurns returns how long n goroutines with one call each have to wait together.
func takeTurns(t *testing.T, p *pace.Pace, n int) time.Duration {
	t.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if err := p.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return time.Since(began).Round(time.Millisecond)
}

func TestCallsComeAtTheDocumentedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(modify, exact)
		if took := takeTurns(t, p, 20); took != 0 {
			t.Errorf("a burst took %s", took)
		}
		if took := takeTurns(t, p, 30); took != 30*time.Second {
			t.Errorf("30 calls after the burst took %s", took)
		}
	})
}

func TestARefusalHalvesTheRateAndTimeBringsItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Class{Name: "reads", Burst: 100, PerSecond: 20}, exact)
		for range 10 { // calls that went out together
			p.NoteThrottled()
		}
		if took := takeTurns(t, p, 11); took < 900*time.Millisecond || took > 1100*time.Millisecond {
			t.Errorf("after a refusal 11 calls took %s, want a second: half as many, and no burst", took)
		}
		<-time.After(10 * time.Second)
		takeTurns(t, p, 1)
		<-time.After(10 * time.Second)
		if took := takeTurns(t, p, 100); took != 0 {
			t.Errorf("long after it a burst took %s", took)
		}
		for range 40 {
			<-time.After(2 * time.Second)
			for range 3 {
				p.NoteThrottled()
				p.NoteThrottled()
			}
		}
		if took := takeTurns(t, p, 3); took > 3*time.Second {
			t.Errorf("however often it is refused, a call comes again: 3 took %s", took)
		}
	})
}

// A turn that comes too late is given back, and nobody waits for it.
func TestATurnAfterTheEndIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(modify, exact)
		takeTurns(t, p, 20)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		began := time.Now()
		for range 5 {
			err := p.Wait(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), modify.Name) {
				t.Errorf("got %v", err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it waited %s", took)
		}
		if took := takeTurns(t, p, 1); took != time.Second {
			t.Errorf("the next turn comes after %s", took)
		}
	})
}
