package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// rollback is rotary rollback dev a, where no pipeline is deployed, at a machine whose clock is wrong.
func (d *desk) rollback(wrong time.Duration, given string) (*rollback, error) {
	d.app.now = func() time.Time { return d.stage.Clock.Now().Add(wrong) }
	o := d.newOperator()
	o.Rotator = d.newDirect(d.store)
	found, err := o.FindRollback(d.t.Context(), d.source("a"), given)
	return &rollback{session: d.session, operator: o, Rollback: found, end: d.now().Add(time.Hour), ahead: found.Now.Sub(d.now())}, err
}

// rotatedDesk returns a desk on which a has been rotated once, and the version before.
func rotatedDesk(t *testing.T) (d *desk, before string) {
	d = newDesk(t)
	current, _ := d.history("a").Current()
	d.planned("a")
	d.stage.Advance(time.Minute)
	return d, current.ID
}

func TestARollbackWaitsBySecretsManagersClock(t *testing.T) {
	for _, wrong := range []time.Duration{0, -5 * time.Hour, 5 * time.Hour} {
		d, before := rotatedDesk(t)
		r, err := d.rollback(wrong, "")
		d.must(err)
		start := d.stage.Clock.Now()
		d.must(r.takeSteps())
		if took := d.stage.Clock.Now().Sub(start); took < rotate.Outlast || took > rotate.Outlast+time.Minute {
			t.Errorf("a clock that is %v ahead: it took %v", wrong, took)
		}
		if h := d.history("a"); !h.Versions[0].Has(history.AWSCurrent) || h.Versions[0].ID != before {
			t.Error("the version before is not current")
		}
	}
}

func TestARollbackFindsWhatToGoBackTo(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*desk)
		given   string
		says    string // "": it goes back to the version that was first
		bad     bool   // what says is about the input
	}{
		"the only owed version":              {},
		"it by name":                         {given: "first"},
		"the one before, of several":         {prepare: another},
		"none of that name":                  {given: "00000000", says: "does not owe the retirement of that version", bad: true},
		"somebody has begun":                 {prepare: func(d *desk) { d.label("a", history.Rollback, history.AWSPrevious) }},
		"somebody has begun with another":    {prepare: func(d *desk) { d.label("a", history.Rollback, history.AWSCurrent) }, given: "first", says: "there is one at a time", bad: true},
		"the one before is retired, of none": {prepare: retired, says: "no older credential of it is known to live; to go forward: rotary rotate dev a"},
	} {
		t.Run(name, func(t *testing.T) {
			d, before := rotatedDesk(t)
			if c.prepare != nil {
				c.prepare(d)
			}
			if c.given == "first" {
				c.given = history.Short(before)
			}
			r, err := d.rollback(0, c.given)
			if _, is := errors.AsType[*operate.Invalid](err); (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) || is != c.bad {
				t.Fatalf("error %v, want %q", err, c.says)
			}
			if err == nil && r.Back.Version != before {
				t.Errorf("it goes back to %s, want %s", r.Back.Version, before)
			}
		})
	}
}

// another makes a second version owed that AWSPREVIOUS is not on.
func another(d *desk) {
	d.t.Helper()
	d.must(d.store.Put(d.t.Context(), d.source("a").Secret, newID(), d.value("a"), history.Live+"another0"))
}

// retired takes LIVE off what is owed.
func retired(d *desk) {
	d.t.Helper()
	for _, v := range d.history("a").Owed() {
		d.must(d.store.Move(d.t.Context(), d.source("a").Secret, d.history("a").LabelFor(history.Live, v.ID), "", v.ID))
	}
}

func TestAnErrorSaysWhetherARollbackStands(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*desk)
		fault   sim.Outcome
		stands  bool
	}{
		"it cannot begin":                      {fault: sim.Denied},
		"it has begun, and its answer is lost": {fault: sim.Lost, stands: true},
		"it is refused":                        {prepare: retired},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := rotatedDesk(t)
			r, err := d.rollback(0, "")
			d.must(err)
			if c.prepare != nil {
				c.prepare(d)
			}
			d.stage.Tap.OnCall(func(call sim.Call) sim.Fault {
				if call.Operation == "UpdateSecretVersionStage" {
					return sim.Fault{Outcome: c.fault}
				}
				return sim.Fault{}
			})
			err = r.takeSteps()
			if err == nil || strings.Contains(err.Error(), "keeps ROLLBACK, a veto on its retirement; rotary rollback dev a goes on") != c.stands {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestARollbackDoesNotAskWithoutAPause(t *testing.T) {
	d, _ := rotatedDesk(t)
	r, err := d.rollback(0, "")
	d.must(err)
	asked := 0
	r.operator.Rotator = hasty(func() rotate.Progress {
		asked++
		return rotate.Progress{Until: d.stage.Clock.Now().Add(-time.Second), Done: asked == 5}
	})
	start := d.stage.Clock.Now()
	d.must(r.takeSteps())
	if took := d.stage.Clock.Now().Sub(start); asked != 5 || took < 4*time.Second {
		t.Errorf("asked %d times within %v", asked, took)
	}
}

// hasty is a rotate function that wants to be asked again at once.
type hasty func() rotate.Progress

func (h hasty) Rollback(context.Context, rotate.Back) (rotate.Progress, error) { return h(), nil }
