package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// SignIn asks the sink of a consumer whether it accepts what rotary signs in there with. o.Key has the values in
// question. It reads only.
type SignIn func(ctx context.Context, c manifest.Consumer, o Opening) plan.Outcome

// TargetTester asks whether a source's target accepts a version: the rotate function does, or a rotate.Job.
type TargetTester interface {
	Test(ctx context.Context, t plan.Test) (plan.Outcome, error)
}

// Tester asks everybody who can tell whether a version of a source is accepted: the source's target, where its rotator
// tests, and then whatever rotary signs in to with the source.
type Tester struct {
	Environment *manifest.Environment
	Store       Reader
	Target      TargetTester
	SignIn      SignIn // may be nil: then nobody asks about what rotary signs in with
}

// Test returns the first answer that is not accepted, or accepted. It never fails: whoever does not answer is unknown.
func (a Tester) Test(ctx context.Context, t plan.Test) plan.Outcome {
	outcome, err := a.askAll(ctx, t)
	if err != nil {
		return plan.Outcome{Answer: plan.Unknown, Why: err.Error()}
	}
	return outcome
}

func (a Tester) askAll(ctx context.Context, t plan.Test) (plan.Outcome, error) {
	source, known := a.Environment.Source(t.Source)
	if !known {
		return plan.Outcome{}, fmt.Errorf("source %s is none of environment %s", t.Source, a.Environment.Name)
	}
	if source.Rotate.IsTested() {
		outcome, err := a.Target.Test(ctx, t)
		if err != nil || outcome.Answer != plan.Accepted {
			return outcome, err
		}
	}
	return a.askSignIns(ctx, source, t)
}

// askSignIns asks one sink for each sign-in that takes a key of the source.
func (a Tester) askSignIns(ctx context.Context, source manifest.Source, t plan.Test) (plan.Outcome, error) {
	accepted := plan.Outcome{Answer: plan.Accepted}
	consumers := a.Environment.SignsInWith(source)
	if a.SignIn == nil || len(consumers) == 0 {
		return accepted, nil
	}
	values, err := a.readVersion(ctx, source, t.Version)
	if err != nil {
		return plan.Outcome{}, err
	}
	for _, c := range consumers {
		at := Opening{Environment: a.Environment, Now: a.Store.Now(), Key: a.overlayKeys(ctx, source, values)}
		if outcome := a.askSignIn(ctx, c, at); outcome.Answer != plan.Accepted {
			return outcome, nil
		}
	}
	return accepted, nil
}

func (a Tester) askSignIn(ctx context.Context, c manifest.Consumer, at Opening) plan.Outcome {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	return a.SignIn(ctx, c, at)
}

// overlayKeys returns a function that reads a key from these values of a source, or from what another source has in use.
func (a Tester) overlayKeys(
	ctx context.Context, source manifest.Source, values bucket.Source,
) func(key string) secret.Value {
	return func(key string) secret.Value {
		if source.Declares(key) {
			return values[key]
		}
		other, _ := a.Environment.SourceOf(key)
		h, err := a.Store.LookAll(ctx, other.Secret)
		if err != nil {
			return secret.Value{}
		}
		used, _ := h.InUse()
		read, err := a.readVersion(ctx, other, used.ID)
		if err != nil {
			return secret.Value{}
		}
		return read[key]
	}
}

func (a Tester) readVersion(ctx context.Context, source manifest.Source, version string) (bucket.Source, error) {
	text, has, err := a.Store.Value(ctx, source.Secret, version)
	if err == nil && !has {
		err = fmt.Errorf("read %s: the version has no value", source.Secret)
	}
	if err != nil {
		return nil, err
	}
	values, _, err := bucket.ReadSource(source, text)
	return values, err
}

// testsTimeout bounds the tests of one pass together: what is not asked within it is asked by the next pass.
const testsTimeout = 3 * time.Minute
