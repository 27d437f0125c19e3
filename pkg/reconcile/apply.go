package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// apply carries a plan out in its order. Marks and Writes stop at the first error; Rolls are independent; a label
// comes off, and a credential is retired, only where everything before went well. Advances are of different sources,
// and independent too.
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
	if err := p.rolls(ctx, d.Rolls, consumers); err != nil {
		return err
	}
	for _, m := range d.Drops {
		if err := p.drop(ctx, m, consumers); err != nil {
			return err
		}
	}
	return p.advances(ctx, d.Advances)
}

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
	return p.Store.Move(ctx, b.Secret, plan.AWSCurrent, b.Version, w.From)
}

// rolls starts every roll, whatever becomes of the others.
func (p Pass) rolls(ctx context.Context, rolls []plan.Roll, consumers map[string]opened) error {
	var errs []error
	for _, r := range rolls {
		if err := inTime(ctx); err != nil {
			return errors.Join(err, lagging(errs))
		}
		if err := consumers[r.Consumer].Roll(ctx, r.Bucket); err != nil {
			errs = append(errs, fmt.Errorf("roll %s: %w", r.Consumer, err))
		}
	}
	return lagging(errs)
}

// drop takes HELD off a bucket version once no consumer of the bucket can start on it any more.
func (p Pass) drop(ctx context.Context, m plan.Mark, consumers map[string]opened) error {
	for _, name := range slices.Sorted(maps.Keys(consumers)) {
		c := consumers[name]
		if c.bucket != m.Bucket {
			continue
		}
		if err := inTime(ctx); err != nil {
			return err
		}
		if err := c.Withdraw(ctx, []string{m.From}); err != nil {
			return fmt.Errorf("withdraw version %s from %s: %w", plan.Short(m.From), name, err)
		}
	}
	return p.mark(ctx, m)
}

// advances takes every owed version's next step, whatever becomes of the others.
func (p Pass) advances(ctx context.Context, advances []plan.Advance) error {
	var errs []error
	for _, a := range advances {
		if err := inTime(ctx); err != nil {
			return errors.Join(err, lagging(errs))
		}
		if err := p.Advancer.Advance(ctx, a); err != nil {
			errs = append(errs, fmt.Errorf("retire version %s of %s: %w", plan.Short(a.Version), a.Source, err))
		}
	}
	return lagging(errs)
}

// inTime keeps a pass from starting what its deadline could cut off.
func inTime(ctx context.Context) error {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) < Margin {
		return ErrOutOfTime
	}
	return ctx.Err()
}
