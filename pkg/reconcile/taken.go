package reconcile

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// SignIn asks the sink of a consumer whether it accepts what rotary signs in there with. o.Key has the values in
// question. It reads only.
type SignIn func(ctx context.Context, c manifest.Consumer, o Opening) plan.Outcome

// testsTimeout bounds the tests of one pass together: what is not asked within it is asked by the next pass.
const testsTimeout = 3 * time.Minute

// takeVersions asks the targets of sources whose current version they have not accepted yet, and replaces what buckets
// are computed from where that is not the current version. A pass that only looks asks nobody.
func (o observer) takeVersions(ctx context.Context, s plan.State) error {
	inner, cancel := context.WithTimeout(ctx, testsTimeout)
	defer cancel()
	for i := range s.Sources {
		source := &s.Sources[i]
		declared, _ := o.Environment.Source(source.Name)
		source.Tested = o.Environment.IsTaken(declared)
		if !source.Tested {
			continue
		}
		source.Carried = o.carriesCurrent(source.Name)
		if !o.DryRun && o.Environment.Mode != manifest.Observe {
			o.askTests(inner, s.Now, source)
		}
		if err := o.takeVersion(ctx, source); err != nil {
			return err
		}
	}
	return nil
}

// askTests asks for one test after the other, until none is due.
func (o observer) askTests(ctx context.Context, now time.Time, source *plan.Source) {
	source.Outcomes = map[string]plan.Outcome{}
	for {
		t, due := source.NextTest(now)
		if !due {
			return
		}
		if checkTimeLeft(ctx) != nil {
			source.Outcomes[t.Version] = plan.Outcome{Answer: plan.Deferred, Why: "this pass had no time left"}
			return
		}
		source.Outcomes[t.Version] = o.askTest(ctx, *source, t)
	}
}

// takeVersion reads the version that buckets are computed from, where that is not the current one.
func (o observer) takeVersion(ctx context.Context, source *plan.Source) error {
	current, exists := source.Current()
	taken, some := source.Take()
	switch {
	case exists && !some:
		o.sources[source.Name] = bucket.Source{}
		return nil
	case !exists || taken.ID == current.ID:
		return nil
	}
	values, err := o.readSourceVersion(ctx, *source, taken.ID)
	if err != nil {
		return err
	}
	o.sources[source.Name] = values
	source.Contents[taken.ID] = plan.Content{Values: maps.Clone(values)}
	return nil
}

// readSourceVersion returns what a version of a source holds.
func (o observer) readSourceVersion(ctx context.Context, source plan.Source, version string) (bucket.Source, error) {
	if read := source.Contents[version]; read.Values != nil {
		return maps.Clone(read.Values), nil
	}
	text, has, err := o.Store.Value(ctx, source.Secret, version)
	if err == nil && !has {
		err = fmt.Errorf("read %s: the version under TAKEN has no value", source.Secret)
	}
	if err != nil {
		return nil, err
	}
	values, _, err := bucket.ReadSource(source.Manifest, text)
	return values, err
}

// askTest asks the rotate function, where the source's rotator tests, and then whatever rotary signs in to with the
// source. The first that does not accept it decides.
func (o observer) askTest(ctx context.Context, source plan.Source, t plan.Test) plan.Outcome {
	if source.Manifest.Rotate.IsTested() {
		outcome, err := o.Advancer.Test(ctx, t)
		if err != nil {
			outcome = plan.Outcome{Answer: plan.Unknown, Why: err.Error()}
		}
		if outcome.Answer != plan.Accepted {
			return outcome
		}
	}
	return o.askSignIns(ctx, source, t)
}

func (o observer) askSignIns(ctx context.Context, source plan.Source, t plan.Test) plan.Outcome {
	if o.SignIn == nil {
		return plan.Outcome{Answer: plan.Accepted}
	}
	for _, c := range o.Environment.SignsInWith(source.Manifest) {
		values, err := o.readSourceVersion(ctx, source, t.Version)
		if err != nil {
			return plan.Outcome{Answer: plan.Unknown, Why: err.Error()}
		}
		at := o.openSecret(source.History)
		at.Key = func(key string) secret.Value {
			if source.Manifest.Declares(key) {
				return values[key]
			}
			return o.valueOfKey(key)
		}
		if outcome := o.SignIn(ctx, c, at); outcome.Answer != plan.Accepted {
			return outcome
		}
	}
	return plan.Outcome{Answer: plan.Accepted}
}

// carriesCurrent reports whether every bucket that a source feeds carries the values of its current version.
func (o observer) carriesCurrent(source string) bool {
	some := false
	for _, definition := range o.Environment.Buckets {
		text, has := o.texts[definition.Secret]
		held, err := parseBucket(definition.Secret, text)
		if !has || err != nil {
			held = nil
		}
		carries, gives := plan.CarriesSource(o.Environment.Entries(definition), held, source, o.sources[source])
		if gives && !carries {
			return false
		}
		some = some || gives
	}
	return some
}
