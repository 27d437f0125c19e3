package consume

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestAPauseDoesNotBeginWhereNoTimeIsLeftForIt(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	began := time.Now()
	if err := pause(ctx, 2*time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("pause = %v", err)
	}
	if took := time.Since(began); took > time.Hour/2 {
		t.Errorf("it waited %v for nothing", took)
	}
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, wait := range map[string]func(context.Context, time.Duration) error{
		"a pause": pause, "where none is wanted": Endpoints{NoPause: true}.pauseBetweenWrites,
	} {
		if err := wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v", name, err)
		}
	}
}

func TestNoPauseIsWaitedForWhereNoneIsWanted(t *testing.T) {
	if err := (Endpoints{NoPause: true}).pauseBetweenWrites(t.Context(), 24*time.Hour); err != nil {
		t.Errorf("unhurried = %v", err)
	}
}
