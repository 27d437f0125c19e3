package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// apply carries a plan out in its order. Marks and Writes stop at the first error. What follows is independent: each
// Roll is of another consumer, and the plan drops no label and retires no credential that another step of the same
// plan touches. So what fails there is gathered, and the rest goes on.
func (p Pass) apply(ctx context.Context, d plan.Plan, consumers map[string]opened) error {
	for _, m := range d.Marks {
		if err := p.mark(ctx, m); err != nil {
			return err
		}
	}
	for _, w := range d.Writes {
		if err := p.write(ctx, w); err != nil {
			return err
		}
	}
	var all steps
	early, cancel := early(ctx)
	defer cancel()
	for _, r := range d.Rolls {
		all.try(ctx, func() error { return roll(early, r, consumers) })
	}
	for _, m := range d.Drops {
		all.try(ctx, func() error { return p.drop(early, m, consumers) })
	}
	for _, a := range d.Advances {
		all.try(ctx, func() error { return p.advance(early, a) })
	}
	return all.err()
}

// early ends a little before ctx does: a step that takes longer than Margin is cut off in time to tell.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, has := ctx.Deadline()
	if !has {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-Margin/4))
}

// steps are taken one after the other, whatever becomes of each, until the time is up.
type steps struct {
	failed  []error
	stopped error
}

func (s *steps) try(ctx context.Context, step func() error) {
	if s.stopped != nil {
		return
	}
	if s.stopped = inTime(ctx); s.stopped != nil {
		return
	}
	if err := step(); err != nil {
		s.failed = append(s.failed, err)
	}
}

func (s *steps) err() error { return errors.Join(s.stopped, lagging(s.failed)) }

func (p Pass) mark(ctx context.Context, m plan.Mark) error {
	if err := inTime(ctx); err != nil {
		return err
	}
	return p.Store.Move(ctx, m.Secret, m.Label, m.To, m.From)
}

// write puts the content under HELD and then swaps AWSCURRENT against the version that was seen. The first version
// of a secret becomes current by being put.
func (p Pass) write(ctx context.Context, w plan.Write) error {
	if err := inTime(ctx); err != nil {
		return err
	}
	b := w.Bucket
	if err := p.Store.Put(ctx, b.Secret, b.Version, bucket.Encode(b.Values), w.Held); err != nil {
		return err
	}
	if w.From == "" {
		return nil
	}
	return p.Store.Move(ctx, b.Secret, history.AWSCurrent, b.Version, w.From)
}

func roll(ctx context.Context, r plan.Roll, consumers map[string]opened) error {
	if err := consumers[r.Consumer].Roll(ctx, r.Bucket); err != nil {
		return fmt.Errorf("roll %s: %w", r.Consumer, err)
	}
	return nil
}

// drop takes HELD off a bucket version once no consumer of the bucket can start on it any more.
func (p Pass) drop(ctx context.Context, m plan.Mark, consumers map[string]opened) error {
	for _, name := range slices.Sorted(maps.Keys(consumers)) {
		c := consumers[name]
		if c.bucket != m.Bucket {
			continue
		}
		if err := c.Withdraw(ctx, []string{m.From}); err != nil {
			return fmt.Errorf("withdraw version %s from %s: %w", history.Short(m.From), name, err)
		}
	}
	return p.mark(ctx, m)
}

// advance takes an owed version's next step.
func (p Pass) advance(ctx context.Context, a plan.Advance) error {
	if err := p.Advancer.Advance(ctx, a); err != nil {
		return fmt.Errorf("retire version %s of %s: %w", history.Short(a.Version), a.Source, err)
	}
	return nil
}

// inTime keeps a pass from starting what its deadline could cut off.
func inTime(ctx context.Context) error {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) < Margin {
		return ErrOutOfTime
	}
	return ctx.Err()
}
