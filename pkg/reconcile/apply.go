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

// apply carries a plan out in its order. Tags, Marks and Writes stop at the first error. What follows is independent: each
// Roll is of another consumer, and the plan drops no label and retires no credential that another step of the same
// plan touches. So what fails there is gathered, and the rest goes on.
func (p Pass) apply(ctx context.Context, d plan.Plan, consumers map[string]openConsumer) error {
	for _, t := range d.Tags {
		if err := p.changeTags(ctx, t); err != nil {
			return err
		}
	}
	for _, m := range d.Marks {
		if err := p.moveLabel(ctx, m); err != nil {
			return err
		}
	}
	for _, w := range d.Writes {
		if err := p.writeBucket(ctx, w); err != nil {
			return err
		}
	}
	var all steps
	inner, cancel := contextEndingBefore(ctx)
	defer cancel()
	for _, c := range d.Confirms {
		all.takeStep(ctx, func() error { return p.confirmSource(inner, c) })
	}
	for _, r := range d.Rolls {
		all.takeStep(ctx, func() error { return rollConsumer(inner, r, consumers) })
	}
	for _, m := range d.Drops {
		all.takeStep(ctx, func() error { return p.dropLabel(ctx, inner, m, consumers) })
	}
	for _, a := range d.Advances {
		all.takeStep(ctx, func() error { return p.advanceSource(inner, a) })
	}
	return all.joinErrors()
}

// contextEndingBefore returns a context that ends a little before ctx does: a step that takes longer than Margin is cut
// off in time to tell.
func contextEndingBefore(ctx context.Context) (context.Context, context.CancelFunc) {
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

func (s *steps) takeStep(ctx context.Context, step func() error) {
	if s.stopped != nil {
		return
	}
	if s.stopped = checkTimeLeft(ctx); s.stopped != nil {
		return
	}
	switch err := step(); {
	case errors.Is(err, ErrOutOfTime):
		s.stopped = err
	case err != nil:
		s.failed = append(s.failed, err)
	}
}

func (s *steps) joinErrors() error { return errors.Join(s.stopped, laggingError(s.failed)) }

func (p Pass) moveLabel(ctx context.Context, m plan.Mark) error {
	if err := checkTimeLeft(ctx); err != nil {
		return err
	}
	return p.Store.Move(ctx, m.Secret, m.Label, m.To, m.From)
}

// writeBucket puts the content under HELD and then swaps AWSCURRENT against the version that was seen. The first
// version of a secret becomes current by being put.
func (p Pass) writeBucket(ctx context.Context, w plan.Write) error {
	if err := checkTimeLeft(ctx); err != nil {
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

func rollConsumer(ctx context.Context, r plan.Roll, consumers map[string]openConsumer) error {
	if err := consumers[r.Consumer].Roll(ctx, r.Bucket); err != nil {
		return fmt.Errorf("roll %s: %w", r.Consumer, err)
	}
	return nil
}

// dropLabel takes HELD off a bucket version once no consumer of the bucket can start on it any more. It withdraws the
// version from one consumer after the other within inner, as long as ctx leaves the time for another.
func (p Pass) dropLabel(ctx, inner context.Context, m plan.Mark, consumers map[string]openConsumer) error {
	for _, name := range slices.Sorted(maps.Keys(consumers)) {
		c := consumers[name]
		if c.bucket != m.Bucket {
			continue
		}
		if err := checkTimeLeft(ctx); err != nil {
			return err
		}
		if err := c.Withdraw(inner, []string{m.From}); err != nil {
			return fmt.Errorf("withdraw version %s from %s: %w", history.Short(m.From), name, err)
		}
	}
	if err := checkTimeLeft(ctx); err != nil {
		return err
	}
	return p.moveLabel(inner, m)
}

// confirmSource makes sure that the target of a source accepts what is current.
func (p Pass) confirmSource(ctx context.Context, c plan.Confirm) error {
	if err := p.Advancer.Confirm(ctx, c); err != nil {
		return fmt.Errorf("confirm version %s of %s: %w", history.Short(c.Version), c.Source, err)
	}
	return nil
}

// advanceSource takes an owed version's next step.
func (p Pass) advanceSource(ctx context.Context, a plan.Advance) error {
	if err := p.Advancer.Advance(ctx, a); err != nil {
		return fmt.Errorf("retire version %s of %s: %w", history.Short(a.Version), a.Source, err)
	}
	return nil
}

// checkTimeLeft fails with ErrOutOfTime where the deadline could cut off what is started now.
func checkTimeLeft(ctx context.Context) error {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) < Margin {
		return ErrOutOfTime
	}
	return ctx.Err()
}
