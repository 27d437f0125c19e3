package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// situations lists the states in which an emergency may find a source.
var situations = map[string]func(*desk){
	"nothing is owed":     func(*desk) {},
	"something is owed":   func(d *desk) { d.planned("a"); d.stage.Advance(time.Minute) },
	"a rotation starts":   func(d *desk) { d.planned("a") },
	"a rotation is stuck": func(d *desk) { d.stuck = "a"; d.planned("a"); d.stage.Advance(10 * time.Second); d.stuck = "" },
	"another one never began": func(d *desk) {
		d.label("a", history.DeadlineLabel(time.Time{}, "00000000-left"), history.AWSCurrent)
	},
}

// ask does what rotary rotate a --emergency --deadline 1h does after it was confirmed.
func (d *desk) ask(again bool) (version string, err error) {
	e, err := d.newOperator().FindEmergency(d.t.Context(), d.source("a"), time.Hour, again)
	if err != nil {
		return "", err
	}
	return d.newOperator().StartEmergency(d.t.Context(), e)
}

// TestAnEmergencyEndsInTheSamePlaceAfterACrash ends the program before and after every call that changes something, and
// asks again.
func TestAnEmergencyEndsInTheSamePlaceAfterACrash(t *testing.T) {
	for name, find := range situations {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, again %v", name, again), func(t *testing.T) {
				dry := newDesk(t)
				find(dry)
				count := dry.broken(0, sim.Works)
				_, err := dry.ask(again)
				dry.must(err)
				if *count < 1 {
					t.Fatal("no call changes something")
				}
				for nth := 1; nth <= *count; nth++ {
					for _, outcome := range []sim.Outcome{sim.Dropped, sim.Lost} {
						crashed(t, find, again, nth, outcome)
					}
				}
				t.Logf("%d points of a crash", 2**count)
			})
		}
	}
}

func crashed(t *testing.T, find func(*desk), again bool, nth int, outcome sim.Outcome) {
	t.Helper()
	d := newDesk(t)
	find(d)
	before, _ := d.history("a").Current()
	d.broken(nth, outcome)
	if _, err := d.ask(again); err == nil || !strings.Contains(err.Error(), "ask again, and it goes on from there") {
		t.Fatalf("call %d: error %v", nth, err)
	}
	d.whole()
	version, err := d.ask(again)
	if err != nil {
		t.Fatalf("after call %d: %v", nth, err)
	}
	d.stage.Advance(time.Minute)
	h := d.history("a")
	current, _ := h.Current()
	marks := h.Placements(history.Deadline)
	if current.ID != version || len(marks) != 1 || marks[0].Version != version {
		t.Fatalf("after call %d: current is %s, want %s; the deadlines are %v", nth, current.ID, version, marks)
	}
	dies := func(v history.Version) bool { _, some := h.Dies(v); return some }
	if old, _ := h.Version(before.ID); !slices.ContainsFunc(h.Owed(), func(v history.Version) bool { return v.ID == old.ID }) || !dies(old) {
		t.Fatalf("after call %d: what was replaced is not owed, or does not die", nth)
	}
}

// racing is Secrets Manager, of which somebody else asks something just before a rotation is started.
type racing struct {
	operate.Secrets
	first func()
}

func (r racing) Rotate(ctx context.Context, name, version string) error {
	r.first()
	return r.Secrets.Rotate(ctx, name, version)
}

func TestAnEmergencyJoinsARotationThatBeginsJustBeforeIt(t *testing.T) {
	d := newDesk(t)
	d.planned("a")
	d.stage.Advance(time.Minute)
	o := d.newOperator()
	o.Secrets = racing{o.Secrets, func() { d.planned("a") }}
	e, err := o.FindEmergency(t.Context(), d.source("a"), time.Hour, false)
	d.must(err)
	version, err := o.StartEmergency(t.Context(), e)
	d.must(err)
	pending, _ := d.history("a").Labelled(history.AWSPending)
	left := d.history("a").Placements(history.Deadline)
	if version != pending.ID || len(left) != 1 || left[0].Label != history.DeadlineLabel(e.Until, pending.ID) {
		t.Errorf("it makes %s, and %s is pending; the deadlines are %v", version, pending.ID, left)
	}
}

func TestAnEmergencyThatSecretsManagerRefusesLeavesNoDeadline(t *testing.T) {
	d := newDesk(t)
	o := d.newOperator()
	e, err := o.FindEmergency(t.Context(), d.source("a"), time.Hour, false)
	d.must(err)
	o.Secrets = refusing{o.Secrets}
	if _, err := o.StartEmergency(t.Context(), e); err == nil || !strings.Contains(err.Error(), "no rotation function; nothing was started") {
		t.Errorf("error %v", err)
	}
	if left := d.history("a").Placements(history.Deadline); len(left) > 0 {
		t.Errorf("what nobody has replaced would die: %v", left)
	}
}

// refusing is Secrets Manager, which starts no rotation.
type refusing struct{ operate.Secrets }

func (refusing) Rotate(context.Context, string, string) error {
	return &store.NotStarted{Reason: "no rotation function"}
}

func TestADeadlineThatPassedBeforeItWasConfirmedIsNotSet(t *testing.T) {
	d := newDesk(t)
	e, err := d.newOperator().FindEmergency(t.Context(), d.source("a"), time.Minute, false)
	d.must(err)
	d.stage.Advance(time.Minute)
	before := d.history("a")
	_, err = d.newOperator().StartEmergency(t.Context(), e)
	if _, is := errors.AsType[*operate.Refused](err); !is {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(before, d.history("a")); diff != "" {
		t.Errorf("something was changed:\n%s", diff)
	}
}
