package parallel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotary-secrets/rotary/pkg/parallel"
)

// inFlight counts how many tasks are under way.
type inFlight struct {
	mu        sync.Mutex
	now, most int
}

func (f *inFlight) enter() (leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now++
	f.most = max(f.most, f.now)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now--
	}
}

func TestTasksRunTogetherUpToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f inFlight
		began := time.Now()
		errs := parallel.Gather(t.Context(), 3*parallel.AtOnce, func(context.Context, int) error {
			defer f.enter()()
			<-time.After(time.Second)
			return nil
		})
		if err := errors.Join(errs...); err != nil || len(errs) != 3*parallel.AtOnce {
			t.Errorf("%d errors: %v", len(errs), err)
		}
		if took := time.Since(began); took != 3*time.Second || f.most != parallel.AtOnce {
			t.Errorf("it took %s with %d at once; want 3s with %d", took, f.most, parallel.AtOnce)
		}
	})
}

// Whoever is first with an error, the errors come in the order of the declaration.
func TestErrorsComeInTheOrderOfTheTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := func(_ context.Context, i int) error {
			<-time.After(time.Duration(10-i) * time.Second)
			return fmt.Errorf("task %d", i)
		}
		got := fmt.Sprint(parallel.Gather(t.Context(), 4, fail))
		if want := "[task 0 task 1 task 2 task 3]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		atOnce := func(_ context.Context, i int) error { return fail(t.Context(), 10-i%2) }
		if err := parallel.All(t.Context(), 4, atOnce); err == nil || err.Error() != "task 10" {
			t.Errorf("got %v, want that of the first of those that fail", err)
		}
	})
}

func TestTheFirstErrorEndsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var begun []int
		broken := errors.New("broken")
		err := parallel.All(t.Context(), 5*parallel.AtOnce, func(ctx context.Context, i int) error {
			mu.Lock()
			begun = append(begun, i)
			mu.Unlock()
			if i == 3 {
				return broken
			}
			<-ctx.Done()
			return fmt.Errorf("cut off: %w", ctx.Err())
		})
		if !errors.Is(err, broken) || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if len(begun) > parallel.AtOnce {
			t.Errorf("%d tasks began", len(begun))
		}
	})
}

func TestACallersEndIsItsOwnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := parallel.Do(ctx,
		func(ctx context.Context) error { return ctx.Err() },
		func(context.Context) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := parallel.All(ctx, 2, func(context.Context, int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("tasks that pass over the end of their context hide it: %v", err)
	}
}

func TestASchedulerOfTheContextRunsTheTasks(t *testing.T) {
	var order []int
	ctx := parallel.WithScheduler(t.Context(), parallel.InOrder{})
	for _, err := range parallel.Gather(ctx, 5, func(_ context.Context, i int) error {
		order = append(order, i)
		return nil
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	if !slices.IsSorted(order) || len(order) != 5 {
		t.Errorf("they ran in the order %v", order)
	}
}
