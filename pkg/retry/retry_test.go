package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotary-secrets/rotary/pkg/retry"
)

func TestBackoffDoubles(t *testing.T) {
	for try, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 10: 512 * time.Second, 99: 512 * time.Second} {
		if got := retry.Backoff(try); got != want {
			t.Errorf("after try %d: %v, want %v", try, got, want)
		}
	}
}

func TestSleep(t *testing.T) {
	for _, c := range []struct {
		name     string
		deadline time.Duration // of the context; 0: none
		cancel   time.Duration // when the context is cancelled; 0: never
		sleep    time.Duration
		want     error
		atLeast  time.Duration // how long it takes
		atMost   time.Duration
	}{
		{"to the end", 0, 0, time.Minute, nil, time.Minute, 66 * time.Second},
		{"not at all", 0, 0, 0, nil, 0, 0},
		{"time enough", time.Hour, 0, time.Minute, nil, time.Minute, 66 * time.Second},
		{"no time left", time.Hour, 0, 2 * time.Hour, context.DeadlineExceeded, 0, 0},
		{"cancelled meanwhile", 0, 20 * time.Second, time.Minute, context.Canceled, 20 * time.Second, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				if c.cancel > 0 {
					defer time.AfterFunc(c.cancel, cancel).Stop()
				}
				began := time.Now()
				err := retry.Sleep(ctx, c.sleep)
				if took := time.Since(began); !errors.Is(err, c.want) || took < c.atLeast || took > c.atMost {
					t.Errorf("it took %v and returned %v", took, err)
				}
			})
		})
	}
}

func TestNobodyWaitsForAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, wait := range map[string]func(context.Context, time.Duration) error{"Sleep": retry.Sleep, "Skip": retry.Skip} {
		if err := wait(ctx, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v", name, err)
		}
	}
	if err := retry.Skip(t.Context(), 24*time.Hour); err != nil {
		t.Errorf("Skip = %v", err)
	}
}

func TestSleepersDoNotWakeTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := map[time.Duration]bool{}
		for range 20 {
			began := time.Now()
			if err := retry.Sleep(t.Context(), time.Hour); err != nil {
				t.Fatal(err)
			}
			woken[time.Since(began)] = true
		}
		if len(woken) < 2 {
			t.Error("20 waits of an hour take equally long")
		}
	})
}
