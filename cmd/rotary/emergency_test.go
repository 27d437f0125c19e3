package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// situations are what an emergency may find.
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
func (d *desk) ask() (version string, err error) {
	deadline := time.Hour
	e, err := rotateCmd{Emergency: true, Deadline: &deadline}.prepare(d.session, d.source("a"))
	if err != nil {
		return "", err
	}
	return d.begin(e)
}

// TestAnEmergencyEndsInTheSamePlaceAfterACrash ends the program before and after every call that changes something, and
// asks again.
func TestAnEmergencyEndsInTheSamePlaceAfterACrash(t *testing.T) {
	for name, find := range situations {
		t.Run(name, func(t *testing.T) {
			dry := newDesk(t)
			find(dry)
			count := dry.broken(0, sim.Works)
			_, err := dry.ask()
			dry.must(err)
			if *count < 2 {
				t.Fatalf("only %d calls change something", *count)
			}
			for nth := 1; nth <= *count; nth++ {
				for _, outcome := range []sim.Outcome{sim.Dropped, sim.Lost} {
					crashed(t, find, nth, outcome)
				}
			}
			t.Logf("%d points of a crash", 2**count)
		})
	}
}

func crashed(t *testing.T, find func(*desk), nth int, outcome sim.Outcome) {
	t.Helper()
	d := newDesk(t)
	find(d)
	before, _ := d.history("a").Current()
	d.broken(nth, outcome)
	if _, err := d.ask(); err == nil || !strings.Contains(err.Error(), "ask again, and it goes on from there") {
		t.Fatalf("call %d: error %v", nth, err)
	}
	d.whole()
	version, err := d.ask()
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

func TestAnEmergencyThatSecretsManagerRefusesLeavesNoDeadline(t *testing.T) {
	d := newDesk(t)
	d.planned("a")
	d.stage.Advance(time.Minute)
	deadline := time.Hour
	e, err := rotateCmd{Emergency: true, Deadline: &deadline}.prepare(d.session, d.source("a"))
	d.must(err)
	d.planned("a") // by a schedule, just now
	if _, err := d.begin(e); err == nil || !strings.Contains(err.Error(), "A previous rotation isn't complete") {
		t.Errorf("error %v", err)
	}
	if left := d.history("a").Placements(history.Deadline); len(left) > 0 {
		t.Errorf("what nobody has replaced would die: %v", left)
	}
}

func TestADeadlineThatPassedBeforeItWasConfirmedIsNotSet(t *testing.T) {
	d := newDesk(t)
	deadline := time.Minute
	e, err := rotateCmd{Emergency: true, Deadline: &deadline}.prepare(d.session, d.source("a"))
	d.must(err)
	d.stage.Advance(time.Minute)
	before := d.history("a")
	_, err = d.begin(e)
	if _, is := errors.AsType[declined](err); !is {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(before, d.history("a")); diff != "" {
		t.Errorf("something was changed:\n%s", diff)
	}
}

// at is a version made so many minutes after nine.
func at(minute int, id string, labels ...string) history.Version {
	return history.Version{ID: id, Created: nine.Add(time.Duration(minute) * time.Minute), Labels: labels}
}

func TestAnEmergencyUnderWayIsGoneOnWithAndWhatIsLeftOfOthersIsNot(t *testing.T) {
	const live, old, made, next = history.Live, "old00000-", "made0000-", "next0000-"
	none := func(id string) string { return history.DeadlineLabel(time.Time{}, id) }
	for name, c := range map[string]struct {
		versions       []history.Version
		again          bool
		going, stopped string
		left           int
	}{
		"no emergency": {versions: []history.Version{at(0, old, live, history.AWSCurrent)}},
		"a rotation of a schedule is stopped": {
			versions: []history.Version{at(0, old, live, history.AWSCurrent), at(1, made, history.AWSPending)}, stopped: made,
		},
		"one never began": {versions: []history.Version{at(0, old, live, history.AWSCurrent, none(made))}, left: 1},
		"one never began, beside a rotation of a schedule": {
			versions: []history.Version{at(0, old, live, history.AWSCurrent, none(made)), at(1, next, history.AWSPending)}, left: 1, stopped: next,
		},
		"one begins":                      {versions: []history.Version{at(0, old, live, history.AWSCurrent, none(made)), at(1, made, history.AWSPending)}, going: made},
		"one has made its version":        {versions: []history.Version{at(0, old, live, history.AWSCurrent), at(1, made, live, history.AWSPending, none(made))}, going: made},
		"one is current, and old is owed": {versions: []history.Version{at(0, old, live), at(1, made, live, history.AWSCurrent, none(made))}, going: made},
		"one has moved on to the next of its versions": {
			versions: []history.Version{at(0, old), at(1, made, live), at(2, next, live, history.AWSCurrent, none(made))}, going: made,
		},
		"one is over": {versions: []history.Version{at(0, old), at(1, made, live, history.AWSCurrent, none(made))}},
		"one was refused, and made nothing": {
			versions: []history.Version{at(-1, next, live), at(0, old, live, history.AWSCurrent, none(made)), at(1, made)}, left: 1,
		},
		"one was overtaken": {
			versions: []history.Version{at(0, old, live), at(1, made, live, none(made)), at(2, next, live, history.AWSCurrent)},
		},
		"another one is asked for while one begins": {
			versions: []history.Version{at(0, old, live, history.AWSCurrent, none(made)), at(1, made, history.AWSPending)}, again: true, stopped: made,
		},
		"another one is asked for": {versions: []history.Version{at(0, old, live), at(1, made, live, history.AWSCurrent, none(made))}, again: true},
		"two, of which one begins": {
			versions: []history.Version{at(0, old, live), at(1, made, live, history.AWSCurrent, none(made), none(next)), at(2, next, history.AWSPending)}, going: next,
		},
		"AWSPENDING that a crash left on the current version": {versions: []history.Version{at(0, old, live, history.AWSCurrent, history.AWSPending)}},
	} {
		t.Run(name, func(t *testing.T) {
			e := emergency{source: manifest.Source{Name: "a", Secret: "s"}, history: history.History{Secret: "s", Versions: c.versions}}
			e.current, _ = e.history.Current()
			e.sort(c.again)
			if e.going.ID != c.going || e.stopped.ID != c.stopped || len(e.left) != c.left {
				t.Errorf("goes on with %q, stops %q, takes off %v", e.going.ID, e.stopped.ID, e.left)
			}
		})
	}
}

func TestADeadlineComesOnlyNearer(t *testing.T) {
	for name, c := range map[string]struct{ has, asked, want time.Time }{
		"none, none asked":      {},
		"none, one asked":       {asked: nine, want: nine},
		"one, none asked":       {has: nine, want: nine},
		"one, an earlier asked": {has: nine.Add(time.Hour), asked: nine, want: nine},
		"one, a later asked":    {has: nine, asked: nine.Add(time.Hour), want: nine},
	} {
		const made = "made0000-"
		e := emergency{source: manifest.Source{Name: "a"}, until: c.asked, history: history.History{Versions: []history.Version{
			at(0, "old00000-", history.Live), at(1, made, history.Live, history.AWSCurrent, history.DeadlineLabel(c.has, made)),
		}}}
		e.current, _ = e.history.Current()
		if e.sort(false); !e.until.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, e.until, c.want)
		}
	}
}

func TestAnEmergencyIsRefusedBeforeAnythingIsChanged(t *testing.T) {
	owed, current := at(0, "owed0000-", history.Live), at(1, "now00000-", history.Live, history.AWSCurrent)
	kept := at(0, "kept0000-", history.Live, history.Retain)
	for name, c := range map[string]struct {
		with     string
		versions []history.Version
		off      bool
		says     string
	}{
		"no value":                          {says: "it has no value yet: rotary put dev a"},
		"no rotation":                       {versions: []history.Version{current}, off: true, says: "rotation is not enabled"},
		"a rollback":                        {versions: []history.Version{at(0, "back0000-", history.Live, history.Rollback), current}, says: "finish it with rotary rollback dev a"},
		"a retained user":                   {with: manifest.Postgres, versions: []history.Version{kept, current}, says: "would take the place of version ept0000-, which is retained"},
		"a retained user of MySQL":          {with: manifest.MySQL, versions: []history.Version{kept, current}, says: "which is retained"},
		"a retained key":                    {with: manifest.AWSAccessKey, versions: []history.Version{kept, current}, says: "which is retained"},
		"a retained value":                  {with: manifest.Random, versions: []history.Version{kept, current}},
		"a key whose slot is not needed":    {with: manifest.AWSAccessKey, versions: []history.Version{at(-1, "older000-", history.Live), kept, current}},
		"an owed user":                      {with: manifest.Postgres, versions: []history.Version{owed, current}},
		"a retained version that is in use": {with: manifest.Postgres, versions: []history.Version{at(1, "now00000-", history.Live, history.AWSCurrent, history.Retain)}},
	} {
		t.Run(name, func(t *testing.T) {
			e := emergency{source: manifest.Source{Name: "a", Rotate: manifest.Rotate{With: c.with}}, history: history.History{Versions: c.versions, RotationEnabled: !c.off}}
			e.current, _ = e.history.Current()
			e.sort(false)
			err := e.refused("dev")
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}
