// Package parallel does things that do not depend on each other at the same time. How they share the time is the
// context's: goroutines, unless a Scheduler is in it. A simulation puts one there, so that a seed decides whose call comes
// next, and the same seed plays the same order again.
package parallel

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// AtOnce is how many tasks of one group run at the same time, where nothing else is said: as many as an SDK's client keeps
// connections to one host.
const AtOnce = 10

// Scheduler runs a group of tasks: each once, with at most limit of them begun and not ended, and returns when all have
// ended. Tasks may run groups of their own.
type Scheduler interface {
	Run(limit int, tasks []func())
}

type schedulerKey struct{}

// WithScheduler returns a context in which s runs the groups.
func WithScheduler(ctx context.Context, s Scheduler) context.Context {
	return context.WithValue(ctx, schedulerKey{}, s)
}

// InOrder is the Scheduler that runs one task after the other, in the order in which they are declared.
type InOrder struct{}

// Run implements Scheduler.
func (InOrder) Run(_ int, tasks []func()) {
	for _, task := range tasks {
		task()
	}
}

// goroutines is the Scheduler of a context without one.
type goroutines struct{}

func (goroutines) Run(limit int, tasks []func()) {
	var g errgroup.Group
	g.SetLimit(limit)
	for _, task := range tasks {
		g.Go(func() error { task(); return nil })
	}
	_ = g.Wait() // no task returns an error
}

// Gather calls do for 0 to n-1, AtOnce at a time, and returns when all have ended: with their errors, by number. None
// stops the others.
func Gather(ctx context.Context, n int, do func(ctx context.Context, i int) error) []error {
	errs := make([]error, n)
	tasks := make([]func(), n)
	for i := range n {
		tasks[i] = func() { errs[i] = do(ctx, i) }
	}
	runTasks(ctx, tasks)
	return errs
}

// errOther is the cause of the end of a context that another task of the group has ended.
var errOther = errors.New("another task of the group failed")

// All calls do for 0 to n-1, AtOnce at a time, and returns when all have ended. The first that fails ends the context of
// the others, and those that have not begun do not begin. The error is that of the failed task with the lowest number:
// which one it is does not depend on who came first, but for tasks that the end of their context kept from failing.
func All(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := Gather(inner, n, func(ctx context.Context, i int) error {
		if isCutOff(ctx) {
			return errOther
		}
		err := do(ctx, i)
		switch {
		case err == nil:
		case isCutOff(ctx) && errors.Is(err, context.Canceled):
			return errOther
		default:
			cancel(errOther)
		}
		return err
	})
	for _, err := range errs {
		if err != nil && !errors.Is(err, errOther) {
			return err
		}
	}
	return ctx.Err()
}

// isCutOff reports whether another task of the group has ended ctx.
func isCutOff(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errOther) }

// Do calls each of these functions as All does.
func Do(ctx context.Context, all ...func(ctx context.Context) error) error {
	return All(ctx, len(all), func(ctx context.Context, i int) error { return all[i](ctx) })
}

func runTasks(ctx context.Context, tasks []func()) {
	s, has := ctx.Value(schedulerKey{}).(Scheduler)
	switch {
	case len(tasks) == 1:
		tasks[0]()
	case len(tasks) == 0:
	case has:
		s.Run(AtOnce, tasks)
	default:
		goroutines{}.Run(AtOnce, tasks)
	}
}
