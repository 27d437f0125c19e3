package consume

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoWaitsBetweenCalls(t *testing.T) {
	injected := errors.New("injected")
	at := Endpoints{Pause: func(context.Context, time.Duration) error { return injected }}
	if err := at.waitFor(t.Context(), time.Hour); !errors.Is(err, injected) {
		t.Errorf("wait = %v", err)
	}
	for name, c := range map[string]struct {
		wait func(context.Context, time.Duration) error
		long bool
	}{
		"by the clock":        {Endpoints{}.waitFor, true},
		"between writes":      {Endpoints{}.pauseBetweenWrites, true},
		"where nobody counts": {Endpoints{NoPause: true}.pauseBetweenWrites, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			if err := c.wait(t.Context(), time.Hour); err != nil || (time.Since(began) >= time.Hour) != c.long {
				t.Errorf("%s: it returned %v after %v", name, err, time.Since(began))
			}
		})
	}
}
