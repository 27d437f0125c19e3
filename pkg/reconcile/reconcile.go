// Package reconcile is the loop: observe, compute, plan, apply. It is the same in the Lambda and on the command
// line. Rolls start work and do not wait for it: the next pass looks again, and verifying is a pass whose plan is
// empty.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Store lists the Secrets Manager calls of a pass; pkg/store implements it and documents what each method promises.
type Store interface {
	Reader
	Put(ctx context.Context, name, version string, text secret.Value, labels ...string) error
	Move(ctx context.Context, name, label, to, from string) error
	Tag(ctx context.Context, name string, tags map[string]string) error
	Untag(ctx context.Context, name string, keys []string) error
}

// Reader is the half of a Store that changes nothing.
type Reader interface {
	Look(ctx context.Context, name string) (history.History, error)
	LookAll(ctx context.Context, name string) (history.History, error)
	Versions(ctx context.Context, name string) ([]history.Version, error)
	Current(ctx context.Context, names []string) (versions map[string]string, texts map[string]secret.Value, err error)
	Value(ctx context.Context, name, version string) (text secret.Value, has bool, err error)
	Now() time.Time
}

// Consumer is whatever runs on a bucket, or reads a source.
type Consumer interface {
	// Status looks at the sink, once and afresh. What it could not learn it says in Seen.Unknown; an error means
	// that it learned nothing.
	Status(ctx context.Context) (plan.Seen, error)
	// Roll starts to bring the consumer onto b and does not wait for it. Repeatable: what is already there, or
	// under way, is not started again.
	Roll(ctx context.Context, b bucket.Bucket) error
	// Withdraw makes sure that nobody can start on these versions of the bucket any more. Repeatable. It fails where
	// somebody has started on one of them since the last look.
	Withdraw(ctx context.Context, versions []string) error
}

// Disowner is a Consumer that can give adopted names back.
type Disowner interface {
	// Disown starts to give these names back to where the consumer had them before, all that are adopted where names is
	// empty, and does not wait for it. Repeatable: after an error it goes on where it was.
	Disown(ctx context.Context, names []string) error
}

// Census finds whatever runs on the environment's secrets, whatever the manifest says. It only reads.
type Census interface {
	// Prepare looks at everything, once and afresh, before the consumers are asked: their Status may answer from that.
	// What could not be learned, and of which place, Status and Strangers tell.
	Prepare(ctx context.Context, now time.Time, remembered []plan.Remembered)
	// Strangers returns what runs on one of these secrets and is no consumer of it, and every place of which nobody
	// knows, sorted by name. It is of the last Prepare.
	Strangers(ctx context.Context, secrets []history.History) []plan.SeenStranger
}

// ReceiptCensus finds what carries a receipt of rotary's at the sinks and is no consumer.
type ReceiptCensus interface {
	// Receipts returns such places. It looks at some of them and remembers the others. It can object to a retirement, and
	// never permits one: where it cannot look, the error is for people, and what it has found comes with it. key returns the
	// value of a canonical key.
	Receipts(ctx context.Context, key func(string) secret.Value, now time.Time) ([]plan.Receipt, error)
}

// Advancer takes an owed version's next step. It waits until the step is done.
type Advancer interface {
	Advance(ctx context.Context, a plan.Advance) error
	// Confirm makes sure that the target accepts the current version, and sets it again where it does not.
	Confirm(ctx context.Context, c plan.Confirm) error
	TargetTester
}

// Opening holds what a consumer's driver is opened with beside its manifest entry.
type Opening struct {
	Environment *manifest.Environment
	Secret      history.History               // of the bucket it runs on, or the source it reads: its ARN, its labels
	Key         func(key string) secret.Value // the current value of a canonical key: tokens are read afresh each pass
	Now         time.Time
	Adopt       []string                                                                   // names of the manifest's adopt that a person asks this pass to adopt
	Revisions   bool                                                                       // Seen.Deployable is asked for: something is owed, or is to be withdrawn
	Hints       bool                                                                       // Seen.Detail is for people who look: it may cost calls
	Content     func(ctx context.Context, version string) (map[string]secret.Value, error) // of a version of its bucket
}

// Opener makes the driver of one consumer. It calls nothing.
type Opener func(c manifest.Consumer, o Opening) (Consumer, error)

// Pass is one pass over one environment.
type Pass struct {
	Environment    *manifest.Environment
	Store          Store
	Open           Opener
	Census         Census        // may be nil: then nobody looks for what the manifest has forgotten
	Receipts       ReceiptCensus // may be nil: then nobody looks for receipts at places that the manifest has forgotten
	Trail          Trail         // may be nil: then nobody reads CloudTrail
	Memory         *Memory       // of the passes before; may be nil: then each look reads everything
	Advancer       Advancer
	SignIn         SignIn              // may be nil: then nobody asks sinks about what rotary signs in with
	Followed       func(plan.Follow)   // is called once the withdrawals of a Follow are done; may be nil
	AcceptRemovals []string            // names that a bucket may lose although their mapping still stands
	Adopt, Disown  map[string][]string // names that a person asks to adopt, or to give back, by consumer; all where it names none
	DryRun         bool                // look and plan, change nothing
}

// Margin is how much of its time a pass keeps back: it starts no write with less left.
const Margin = 20 * time.Second

// ErrOutOfTime is returned by a pass that stopped before it was done. What it did stands; the next pass goes on.
var ErrOutOfTime = errors.New("out of time: the next pass goes on")

// Lagging is the error of a pass in which everything was done but what some consumers, or the retirement of some
// sources, refused. The other ones followed; the next pass tries the rest again.
type Lagging struct{ Errs []error }

func (l *Lagging) Error() string { return errors.Join(l.Errs...).Error() }

// Unwrap returns what was refused.
func (l *Lagging) Unwrap() []error { return l.Errs }

// laggingError returns a *Lagging of errs, or nil where there are none.
func laggingError(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return &Lagging{errs}
}

// maxLooks is how often a pass looks again because a source changed while it was looking.
const maxLooks = 3

// lookFor looks and decides: from a look that reuses what the memory has, where that may decide (mayReuse), or else from a
// whole one.
func (p Pass) lookFor(ctx context.Context, mayRemember bool) (observation, error) {
	whole := p.Memory == nil || !mayRemember
	for {
		seen, err := p.observe(ctx, whole)
		for again := 1; errors.Is(err, errMoving) && again < maxLooks; again++ {
			seen, err = p.observe(ctx, true)
		}
		if err != nil {
			return seen, err
		}
		seen.plan = plan.Make(seen.State)
		if seen.reused == reusedNothing || mayReuse(seen.plan, seen.reused == reusedBuckets) {
			return seen, nil
		}
		whole = true
	}
}

// Run does one pass and reports what it saw and did. It may be repeated at any time, and after a crash at any
// point; a pass over a converged environment writes nothing. A failed read, an invalid bucket or a lost
// compare-and-swap ends the pass before its next write. A consumer that fails does not keep the others from
// following: its error comes back with the report, as a *Lagging.
//
// A pass over an environment in mode observe, or that a person has paused, looks, plans and changes nothing. One that
// would change something fails with a *manifest.UnbuiltError, and reads nothing, where the manifest asks for
// what this version does not do.
func (p Pass) Run(ctx context.Context) (plan.Report, error) {
	p.Environment = p.Environment.Indexed()
	looksOnly := p.DryRun || p.Environment.Mode == manifest.Observe
	if err := p.Environment.CheckBuilt(); err != nil && !looksOnly {
		return plan.Report{}, err
	}
	seen, err := p.lookFor(ctx, !looksOnly)
	if err != nil {
		p.Memory.keepLook(plan.State{}, false, false)
		return plan.Report{}, fmt.Errorf("environment %s: %w", p.Environment.Name, err)
	}
	state, consumers, decided := seen.State, seen.consumers, look{seen.plan, seen.Now}
	report := plan.Describe(state, decided.Plan)
	p.Memory.keepLook(state, seen.reused != reusedNothing, report.Converged && decided.Empty())
	report.Unbuilt = p.Environment.ListUnbuilt()
	if looksOnly || state.LooksOnly() {
		return report, nil
	}
	err = p.applyPlan(ctx, decided, consumers)
	if _, lagging := errors.AsType[*Lagging](err); err == nil || lagging {
		p.keepTrail(state.Trail.Until)
	}
	if err != nil {
		return report, fmt.Errorf("environment %s: %w", p.Environment.Name, err)
	}
	return report, nil
}
