package operate

import (
	"context"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Tester asks whatever accepts a version of a source. It changes nothing.
type Tester interface {
	Test(ctx context.Context, t plan.Test) plan.Outcome
}

// NotAccepted is the error for a value that its target refuses, or about which nobody answers. Where Current is false,
// nothing was changed.
type NotAccepted struct {
	Source  string
	Outcome plan.Outcome
	Current bool // it is the source's first value, and so is current already; no bucket gets it while it is refused
}

func (n *NotAccepted) Error() string {
	text := fmt.Sprintf("the target of %s refuses this value", n.Source)
	if n.Outcome.Answer != plan.Refused {
		text = fmt.Sprintf("nobody knows whether the target of %s accepts this value", n.Source)
	}
	if n.Outcome.Why != "" {
		text += ": " + n.Outcome.Why
	}
	if n.Current {
		return text + "; as its first value it is current, and no bucket gets it: put another one"
	}
	return text + "; nothing was changed"
}

// testChange asks about a version that was put and is not current yet, and puts TAKEN on it where it is accepted.
// Otherwise it takes LIVE off again, and fails with a *NotAccepted.
func (o Operator) testChange(ctx context.Context, c Change, version, live string) error {
	outcome := o.Tester.Test(ctx, plan.Test{Source: c.source.Name, Version: version})
	if outcome.Answer == plan.Accepted {
		if !c.history.HasRoom(newLabels) {
			return nil // the next pass asks again
		}
		label := c.history.LabelFor(history.Taken, version)
		return o.Secrets.Move(ctx, c.source.Secret, label, version, "")
	}
	if err := o.forgetVersion(ctx, c.source.Secret, version, live); err != nil {
		return err
	}
	return &NotAccepted{Source: c.source.Name, Outcome: outcome}
}

// forgetVersion takes LIVE off a version that was put and never current. SEEN moves over it before, so that no pass marks
// it again: not while another version is unseen, which SEEN would hide.
func (o Operator) forgetVersion(ctx context.Context, name, version, live string) error {
	h, err := o.Secrets.LookAll(ctx, name)
	if err != nil {
		return err
	}
	if seen, _ := h.Labelled(history.Seen); len(h.Unseen()) == 0 && seen.ID != version {
		if err := o.Secrets.Move(ctx, name, history.Seen, version, seen.ID); err != nil {
			return err
		}
	}
	return o.Secrets.Move(ctx, name, live, "", version)
}

// testFirst asks about a source's first version, which is current by being put.
func (o Operator) testFirst(ctx context.Context, c Change, version string) error {
	outcome := o.Tester.Test(ctx, plan.Test{Source: c.source.Name, Version: version})
	if outcome.Answer == plan.Refused {
		return &NotAccepted{Source: c.source.Name, Outcome: outcome, Current: true}
	}
	return nil // the next pass takes it
}

// newLabels is how many labels a put adds at most: LIVE, TAKEN, and AWSPREVIOUS the first time.
const newLabels = 3

// Acceptance is the current version of a source that a person says is right, whatever its target answers.
type Acceptance struct {
	Source  manifest.Source
	Version string
	Done    bool // buckets are computed from it already, and nobody asks about it any more: there is nothing to do
}

// FindAcceptable returns the current version of a source. It changes nothing. The error is an *Invalid where there is
// none, or where buckets are computed from whatever is current.
func (o Operator) FindAcceptable(ctx context.Context, source manifest.Source) (Acceptance, error) {
	a := Acceptance{Source: source}
	if !o.Environment.IsTaken(source) {
		return a, newInvalid("nobody is asked whether a value of %s is accepted: buckets get what is current",
			source.Name)
	}
	h, err := o.Secrets.Look(ctx, source.Secret)
	if err != nil {
		return a, err
	}
	current, exists := h.Current()
	if !exists {
		return a, newInvalid("source %s has no value yet: there is nothing to accept", source.Name)
	}
	taken, some := h.Taken()
	_, asked := current.TimeOf(history.Ask)
	a.Version, a.Done = current.ID, some && taken.ID == current.ID && !asked
	return a, nil
}

// Accept puts TAKEN on the version and takes ASK off: the next pass rolls it out, and nobody asks about it again.
func (o Operator) Accept(ctx context.Context, a Acceptance) error {
	h, err := o.Secrets.Look(ctx, a.Source.Secret)
	if err != nil {
		return err
	}
	v, _ := h.Version(a.Version)
	if !v.Has(history.AWSCurrent) {
		return &Refused{"accepting version " + history.Short(a.Version) + " of " + a.Source.Name,
			"another version has become current since"}
	}
	if _, has := v.Label(history.Taken); !has {
		if err := o.Secrets.Move(ctx, h.Secret, h.LabelFor(history.Taken, v.ID), v.ID, ""); err != nil {
			return err
		}
	}
	for _, p := range h.Placements(history.Ask) {
		if err := o.Secrets.Move(ctx, h.Secret, p.Label, "", p.Version); err != nil {
			return err
		}
	}
	return nil
}
