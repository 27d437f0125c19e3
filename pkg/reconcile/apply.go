package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/parallel"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// applyPlan carries a plan out in its order. Tags, Marks and Writes stop at the first error that is not one secret's own
// (see history.Unreadable); one secret's own trouble stops what follows for that secret, and for the buckets that it
// feeds. What comes then is independent: each Roll is of another consumer, and the plan drops no label and retires no
// credential that another step of the same plan touches. So what fails there is gathered, and the rest goes on. Where a
// tag or a mark could not be set, no label is dropped and nothing is retired: the environment may have forgotten
// somebody.
//
// What is of different secrets, or different consumers, goes on at the same time within each of these:
//
//	step        | at the same time           | one after the other, because
//	------------|----------------------------|------------------------------------------------------------------
//	Tags        | –                          | until when the trail was read stands behind whom it has shown
//	Marks       | secrets                    | SEEN moves last, and a label that takes another's place comes first
//	Writes      | buckets                    | a version has its HELD before it is current, and is current before the
//	            |                            |   one before it gets PAST
//	Rolls       | kinds, consumers of a kind | a consumer's own calls: its driver knows why
//	Withdrawals | the consumers of a version | its label moves when none of them can start on it any more
//	Drops       | –                          | few, and a label's removal is what nobody can undo
//	Advances    | –                          | each is allowed by a look that is newer than the one before it
//
// And each step waits for the one above it: every source's labels stand before a bucket has its values, a bucket is
// current before a consumer follows, who follows is withdrawn from nothing in the same plan, and what is retired was
// withdrawn before.
func (p Pass) applyPlan(ctx context.Context, d look, consumers map[string]openConsumer) error {
	all := steps{stuck: map[string]bool{}}
	for _, t := range d.Tags {
		if err := all.changeSecret(t.Secret, func() error { return p.changeTags(ctx, t) }); err != nil {
			return err
		}
	}
	if err := p.moveLabels(ctx, d.Marks, &all); err != nil {
		return err
	}
	remembered := len(all.stuck) == 0
	if err := p.writeBuckets(ctx, d.Writes, &all); err != nil {
		return err
	}
	inner, cancel := contextEndingBefore(ctx)
	defer cancel()
	for _, c := range d.Confirms {
		all.takeStep(ctx, func() error { return p.confirmSource(inner, c) })
	}
	rollConsumers(ctx, inner, d.Rolls, consumers, &all)
	p.withdrawVersions(ctx, inner, d, consumers, &all)
	if remembered {
		p.endOwed(ctx, inner, &d, &all)
	}
	return all.joinErrors()
}

// moveLabels moves the labels of several secrets at the same time, those of one secret in their order.
func (p Pass) moveLabels(ctx context.Context, marks []plan.Mark, all *steps) error {
	var secrets []string
	bySecret := map[string][]plan.Mark{}
	for _, m := range marks {
		if bySecret[m.Secret] == nil {
			secrets = append(secrets, m.Secret)
		}
		bySecret[m.Secret] = append(bySecret[m.Secret], m)
	}
	return all.changeSecrets(ctx, secrets, func(name string) error {
		for _, m := range bySecret[name] {
			if err := p.moveLabel(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeBuckets writes the buckets of which no source is stuck.
func (p Pass) writeBuckets(ctx context.Context, writes []plan.Write, all *steps) error {
	var secrets []string
	bySecret := map[string]plan.Write{}
	for _, w := range writes {
		if p.isFedBy(w.Bucket, all.stuck) {
			all.stuck[w.Bucket.Secret] = true
		}
		secrets, bySecret[w.Bucket.Secret] = append(secrets, w.Bucket.Secret), w
	}
	return all.changeSecrets(ctx, secrets, func(name string) error { return p.writeBucket(ctx, bySecret[name]) })
}

// withdrawVersions carries out the withdrawals, and tells which owed versions every consumer has left with them.
func (p Pass) withdrawVersions(ctx, inner context.Context, d look, consumers map[string]openConsumer, all *steps) {
	withdrawn := map[plan.WithdrawalID]bool{}
	for _, w := range d.Withdrawals {
		if all.stuck[w.Mark.Secret] {
			continue
		}
		all.takeStep(ctx, func() error {
			err := p.withdrawVersion(ctx, inner, w, consumers)
			withdrawn[w.ID()] = err == nil
			return err
		})
	}
	p.noteFollows(d.Follows, withdrawn)
}

// endOwed drops the labels that nobody needs, and takes the next step with each owed version that may take one.
func (p Pass) endOwed(ctx, inner context.Context, d *look, all *steps) {
	for _, m := range d.Drops {
		if !all.stuck[m.Secret] {
			all.takeStep(ctx, func() error { return p.moveLabel(inner, m) })
		}
	}
	for _, a := range d.Advances {
		all.takeStep(ctx, func() error { return p.advanceFresh(ctx, inner, d, a) })
	}
}

// isFedBy reports whether one of these secrets is that of a source with a value in b.
func (p Pass) isFedBy(b bucket.Bucket, secrets map[string]bool) bool {
	for _, origin := range b.Origin {
		if source, known := p.Environment.Source(origin.Source); known && secrets[source.Secret] {
			return true
		}
	}
	return false
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
	stuck   map[string]bool // secrets at which a tag, mark or write failed
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

// changeSecret changes a secret that is not stuck. Where that fails for a reason of the secret's own, the secret is stuck
// and there is no error.
func (s *steps) changeSecret(name string, change func() error) error {
	if s.stuck[name] {
		return nil
	}
	err := change()
	if _, own := errors.AsType[*history.Unreadable](err); own {
		s.stuck[name], s.failed = true, append(s.failed, err)
		return nil
	}
	return err
}

// changeSecrets changes several secrets at the same time, each as changeSecret does. After an error no other change begins,
// and those that have begun are not cut off: what is written by half has to be found out by the next pass. The error is that
// of the first secret in the list that has one.
func (s *steps) changeSecrets(ctx context.Context, names []string, change func(name string) error) error {
	var over atomic.Bool
	own := make([]error, len(names))
	errs := parallel.Gather(ctx, len(names), func(_ context.Context, i int) error {
		if over.Load() || s.stuck[names[i]] {
			return nil
		}
		err := change(names[i])
		if isUnreadable(err) {
			own[i] = err
			return nil
		}
		if err != nil {
			over.Store(true)
		}
		return err
	})
	for i, err := range own {
		if err != nil {
			s.stuck[names[i]], s.failed = true, append(s.failed, err)
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *steps) joinErrors() error { return errors.Join(s.stopped, laggingError(s.failed)) }

// moveLabel moves a label, and takes the labels off whose place it takes.
func (p Pass) moveLabel(ctx context.Context, m plan.Mark) error {
	put := func() error {
		if err := checkTimeLeft(ctx); err != nil {
			return err
		}
		return p.Store.Move(ctx, m.Secret, m.Label, m.To, m.From)
	}
	if !m.Full {
		if err := put(); err != nil {
			return err
		}
	}
	for _, label := range m.Off {
		if err := checkTimeLeft(ctx); err != nil {
			return err
		}
		if err := p.Store.Move(ctx, m.Secret, label, "", m.To); err != nil {
			return err
		}
	}
	if m.Full {
		return put()
	}
	return nil
}

// writeBucket puts the content under HELD, swaps AWSCURRENT against the version that was seen, and marks since when that
// is past: by the time of the answer to the swap. The first version of a secret becomes current by being put.
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
	if err := p.Store.Move(ctx, b.Secret, history.AWSCurrent, b.Version, w.From); err != nil {
		return err
	}
	return p.moveLabel(ctx, plan.Mark{
		Secret: b.Secret, Bucket: b.Name, To: w.From, Off: []string{w.Past},
		Label: history.PastLabel(p.Store.Now(), strings.TrimPrefix(w.Past, history.Held)),
	})
}

func disownNames(ctx context.Context, c Consumer, r plan.Roll) error {
	d, can := c.(Disowner)
	if !can {
		return fmt.Errorf("disown %s: a consumer of its kind gives nothing back", r.Consumer)
	}
	if err := d.Disown(ctx, r.Disown); err != nil {
		return fmt.Errorf("disown %s: %w", r.Consumer, err)
	}
	return nil
}

// withdrawVersion makes sure that no consumer can start on a bucket version any more, and puts its label then, as of an
// answer of Secrets Manager's after the last consumer's. It asks the consumers at the same time, within inner, as long as
// ctx leaves the time for another: those of the bucket, and those that could be deployed with the version though the
// manifest has them elsewhere now. The error is that of the first of them by name.
func (p Pass) withdrawVersion(
	ctx, inner context.Context, w plan.Withdrawal, consumers map[string]openConsumer,
) error {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(consumers)), func(name string) bool {
		c := consumers[name]
		return c.bucket != w.Bucket && !slices.Contains(c.deployable, w.Version)
	})
	err := parallel.All(inner, len(names), func(inner context.Context, i int) error {
		if err := checkTimeLeft(ctx); err != nil {
			return err
		}
		if err := consumers[names[i]].Withdraw(inner, []string{w.Version}); err != nil {
			return fmt.Errorf("withdraw version %s from %s: %w", history.Short(w.Version), names[i], err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := p.Store.Look(inner, w.Mark.Secret); err != nil { // for the time of its answer
		return err
	}
	if err := checkTimeLeft(ctx); err != nil {
		return err
	}
	return p.moveLabel(inner, w.MarkAt(p.Store.Now()))
}

// noteFollows tells of every Follow whose withdrawals are done. A withdrawal that fails is planned again, and its Follow
// with it.
func (p Pass) noteFollows(follows []plan.Follow, withdrawn map[plan.WithdrawalID]bool) {
	for _, f := range follows {
		left := slices.ContainsFunc(f.After, func(id plan.WithdrawalID) bool { return !withdrawn[id] })
		if p.Followed != nil && !left {
			p.Followed(f)
		}
	}
}

// confirmSource makes sure that the target of a source accepts what is current.
func (p Pass) confirmSource(ctx context.Context, c plan.Confirm) error {
	if err := p.Advancer.Confirm(ctx, c); err != nil {
		return fmt.Errorf("confirm version %s of %s: %w", history.Short(c.Version), c.Source, err)
	}
	return nil
}

// look is a plan and when the look began that it was made from, by Secrets Manager's clock.
type look struct {
	plan.Plan
	taken time.Time
}

// advanceFresh takes an owed version's next step, if the look is not older than history.LookFresh. Where it is, it looks
// again, and leaves the step to the next pass where the new look does not allow it.
func (p Pass) advanceFresh(ctx, inner context.Context, d *look, a plan.Advance) error {
	source, _ := p.Environment.Source(a.Source)
	if _, err := p.Store.Look(inner, source.Secret); err != nil { // for the time of its answer
		return err
	}
	if p.Store.Now().Sub(d.taken) > history.LookFresh {
		seen, err := p.observe(inner, true)
		if err != nil {
			return fmt.Errorf("look again before retiring version %s of %s: %w", history.Short(a.Version), a.Source, err)
		}
		*d = look{plan.Make(seen.State), seen.Now}
		if err := checkTimeLeft(ctx); err != nil {
			return err
		}
	}
	if !slices.Contains(d.Advances, a) {
		return nil
	}
	return p.advanceSource(inner, a)
}

// advanceSource takes an owed version's next step.
func (p Pass) advanceSource(ctx context.Context, a plan.Advance) error {
	err := p.Advancer.Advance(ctx, a)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("retire version %s of %s: %w", history.Short(a.Version), a.Source, err)
	return errors.Join(err, p.noteFailure(ctx, a, err))
}

// checkTimeLeft fails with ErrOutOfTime where the deadline could cut off what is started now.
func checkTimeLeft(ctx context.Context) error {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) < Margin {
		return ErrOutOfTime
	}
	return ctx.Err()
}
