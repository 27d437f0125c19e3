package reconcile

import (
	"context"
	"maps"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// takeVersions asks the targets of sources whose current version they have not accepted yet, and replaces what buckets
// are computed from where that is not the current version. A pass that only looks asks nobody.
func (o observer) takeVersions(ctx context.Context, s plan.State) error {
	inner, cancel := context.WithTimeout(ctx, testsTimeout)
	defer cancel()
	for i := range s.Sources {
		source := &s.Sources[i]
		declared, _ := o.Environment.Source(source.Name)
		source.Tested = o.Environment.IsTaken(declared)
		if !source.Tested || source.Frozen != "" {
			continue
		}
		source.Carried = o.carriesCurrent(source.Name)
		if !o.DryRun && !s.LooksOnly() {
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
		source.Outcomes[t.Version] = o.newTester().Test(ctx, t)
	}
}

func (p Pass) newTester() Tester {
	return Tester{Environment: p.Environment, Store: p.Store, Target: p.Advancer, SignIn: p.SignIn}
}

// takeVersion reads the version that buckets are computed from, where that is not the current one.
func (o observer) takeVersion(ctx context.Context, source *plan.Source) error {
	current, exists := source.Current()
	taken, some := source.Take()
	switch {
	case exists && !some: // buckets keep what they carry of it
		delete(o.sources, source.Name)
		o.frozen[source.Name] = true
		return nil
	case !exists || taken.ID == current.ID:
		return nil
	}
	values, err := o.newTester().readVersion(ctx, source.Manifest, taken.ID)
	if why, alone := explainFrozen(err); alone {
		source.Frozen, o.frozen[source.Name] = why, true
		delete(o.sources, source.Name)
		return nil
	}
	if err != nil {
		return err
	}
	o.sources[source.Name] = values
	source.Contents[taken.ID] = plan.Content{Values: maps.Clone(values)}
	return nil
}

// carriesCurrent reports whether every bucket that a source feeds carries the values of its current version.
func (o observer) carriesCurrent(source string) bool {
	some := false
	for _, definition := range o.Environment.Buckets {
		text, has := o.texts[definition.Secret]
		held, err := bucket.ReadBucket(definition.Secret, text)
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
