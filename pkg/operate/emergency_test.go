package operate

import (
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// versionAt is a version made so many minutes after nine.
func versionAt(minute int, id string, labels ...string) history.Version {
	return history.Version{ID: id, Created: nine.Add(time.Duration(minute) * time.Minute), Labels: labels}
}

// nine is when the tests begin.
var nine = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

// seenEmergency is an emergency as it is found two minutes after nine.
func seenEmergency(source manifest.Source, again bool, until time.Time, versions ...history.Version) Emergency {
	e := Emergency{Source: source, Now: nine.Add(2 * time.Minute), Until: until, History: history.History{
		Secret: "s", RotationEnabled: true, Versions: versions,
	}}
	e.ask = asked{version: "own00000-", until: until, again: again}
	e.Current, _ = e.History.Current()
	e.classifyLabels()
	return e
}

func TestAnEmergencyUnderWayIsGoneOnWithAndWhatIsLeftOfOthersIsNot(t *testing.T) {
	const live, old, made, next = history.Live, "old00000-", "made0000-", "next0000-"
	none := func(id string) string { return history.DeadlineLabel(time.Time{}, id) }
	for name, c := range map[string]struct {
		versions               []history.Version
		again                  bool
		going, joined, stopped string
		left                   int
	}{
		"no emergency": {versions: []history.Version{versionAt(0, old, live, history.AWSCurrent)}},
		"a rotation of a schedule is joined": {
			versions: []history.Version{versionAt(0, old, live, history.AWSCurrent), versionAt(1, made, history.AWSPending)}, joined: made,
		},
		"so is one that has made its version": {
			versions: []history.Version{versionAt(0, old, live, history.AWSCurrent), versionAt(1, made, live, history.AWSPending)}, joined: made,
		},
		"one that has leaked is stopped": {
			versions: []history.Version{versionAt(0, old, live, history.AWSCurrent), versionAt(1, made, history.AWSPending)}, again: true, stopped: made,
		},
		"one that nobody tries any more is stopped": {
			versions: []history.Version{versionAt(-20, old, live, history.AWSCurrent), versionAt(-15, made, history.AWSPending)}, stopped: made,
		},
		"one that may have made what cannot be asked for again is stopped": {
			versions: []history.Version{versionAt(0, old, live, history.AWSCurrent, history.MakingLabel(made)), versionAt(1, made, history.AWSPending)}, stopped: made,
		},
		"one that a put has overtaken is stopped": {
			versions: []history.Version{versionAt(0, old, live), versionAt(1, made, live, history.AWSPending), versionAt(2, next, live, history.AWSCurrent)}, stopped: made,
		},
		"one that made its version beside what is owed is stopped": {
			versions: []history.Version{versionAt(-1, next, live), versionAt(0, old, live, history.AWSCurrent), versionAt(1, made, live, history.AWSPending)}, stopped: made,
		},
		"one that has made no version yet is joined beside what is owed": {
			versions: []history.Version{versionAt(-1, next, live), versionAt(0, old, live, history.AWSCurrent), versionAt(1, made, history.AWSPending)}, joined: made,
		},
		"one that was joined is current, and its label is not carried over yet": {
			versions: []history.Version{versionAt(0, old, live, none(made)), versionAt(1, made, live, history.AWSCurrent)}, going: made,
		},
		"its own label is no other's": {versions: []history.Version{versionAt(0, old, live, history.AWSCurrent, none("own00000-"))}},
		"one never began":             {versions: []history.Version{versionAt(0, old, live, history.AWSCurrent, none(made))}, left: 1},
		"one never began, beside a rotation of a schedule": {
			versions: []history.Version{versionAt(0, old, live, history.AWSCurrent, none(made)), versionAt(1, next, history.AWSPending)}, left: 1, joined: next,
		},
		"one begins":                      {versions: []history.Version{versionAt(0, old, live, history.AWSCurrent, none(made)), versionAt(1, made, history.AWSPending)}, going: made},
		"one has made its version":        {versions: []history.Version{versionAt(0, old, live, history.AWSCurrent), versionAt(1, made, live, history.AWSPending, none(made))}, going: made},
		"one is current, and old is owed": {versions: []history.Version{versionAt(0, old, live), versionAt(1, made, live, history.AWSCurrent, none(made))}, going: made},
		"one has moved on to the next of its versions": {
			versions: []history.Version{versionAt(0, old), versionAt(1, made, live), versionAt(2, next, live, history.AWSCurrent, none(made))}, going: made,
		},
		"one is over": {versions: []history.Version{versionAt(0, old), versionAt(1, made, live, history.AWSCurrent, none(made))}},
		"one was refused, and made nothing": {
			versions: []history.Version{versionAt(-1, next, live), versionAt(0, old, live, history.AWSCurrent, none(made)), versionAt(1, made)}, left: 1,
		},
		"one was overtaken": {
			versions: []history.Version{versionAt(0, old, live), versionAt(1, made, live, none(made)), versionAt(2, next, live, history.AWSCurrent)},
		},
		"another one is asked for while one begins": {
			versions: []history.Version{versionAt(0, old, live, history.AWSCurrent, none(made)), versionAt(1, made, history.AWSPending)}, again: true, stopped: made,
		},
		"another one is asked for": {versions: []history.Version{versionAt(0, old, live), versionAt(1, made, live, history.AWSCurrent, none(made))}, again: true},
		"two, of which one begins": {
			versions: []history.Version{versionAt(0, old, live), versionAt(1, made, live, history.AWSCurrent, none(made), none(next)), versionAt(2, next, history.AWSPending)}, going: next,
		},
		"AWSPENDING that a crash left on the current version": {versions: []history.Version{versionAt(0, old, live, history.AWSCurrent, history.AWSPending)}},
	} {
		t.Run(name, func(t *testing.T) {
			e := seenEmergency(manifest.Source{Name: "a", Secret: "s"}, c.again, time.Time{}, c.versions...)
			if e.Going.ID != c.going || e.Joined.ID != c.joined || e.Stopped.ID != c.stopped || len(e.left) != c.left {
				t.Errorf("goes on with %q, joins %q, stops %q, takes off %v", e.Going.ID, e.Joined.ID, e.Stopped.ID, e.left)
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
		e := seenEmergency(manifest.Source{Name: "a"}, false, c.asked, versionAt(0, "old00000-", history.Live),
			versionAt(1, made, history.Live, history.AWSCurrent, history.DeadlineLabel(c.has, made)))
		if !e.Until.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, e.Until, c.want)
		}
	}
}

func TestAnEmergencyIsRefusedBeforeAnythingIsChanged(t *testing.T) {
	owed, current := versionAt(0, "owed0000-", history.Live), versionAt(1, "now00000-", history.Live, history.AWSCurrent)
	kept := versionAt(0, "kept0000-", history.Live, history.Retain)
	for name, c := range map[string]struct {
		with     string
		versions []history.Version
		off      bool
		says     string
	}{
		"no value":                          {says: "it has no value yet: rotary put dev a"},
		"no rotation":                       {versions: []history.Version{current}, off: true, says: "rotation is not enabled"},
		"a rollback":                        {versions: []history.Version{versionAt(0, "back0000-", history.Live, history.Rollback), current}, says: "finish it with rotary rollback dev a"},
		"a retained user":                   {with: manifest.Postgres, versions: []history.Version{kept, current}, says: "would take the place of version ept0000-, which is retained"},
		"a retained user of MySQL":          {with: manifest.MySQL, versions: []history.Version{kept, current}, says: "which is retained"},
		"a retained key":                    {with: manifest.AWSAccessKey, versions: []history.Version{kept, current}, says: "which is retained"},
		"a retained value":                  {with: manifest.Random, versions: []history.Version{kept, current}},
		"a key whose slot is not needed":    {with: manifest.AWSAccessKey, versions: []history.Version{versionAt(-1, "older000-", history.Live), kept, current}},
		"an owed user":                      {with: manifest.Postgres, versions: []history.Version{owed, current}},
		"a retained version that is in use": {with: manifest.Postgres, versions: []history.Version{versionAt(1, "now00000-", history.Live, history.AWSCurrent, history.Retain)}},
	} {
		t.Run(name, func(t *testing.T) {
			e := seenEmergency(manifest.Source{Name: "a", Rotate: manifest.RotateWith(c.with)}, false, time.Time{}, c.versions...)
			e.History.RotationEnabled = !c.off
			err := e.checkAllowed("dev")
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

// What would die has to be what a person was told: somebody may have put a value since.
func TestAnEmergencyEndsNoMoreThanWasTold(t *testing.T) {
	source := manifest.Source{Name: "a", Rotate: manifest.Rotate{Postgres: &manifest.RotatePostgres{}}}
	current := versionAt(1, "now00000-", history.Live, history.AWSCurrent)
	told := seenEmergency(source, false, time.Time{}, current)
	now := seenEmergency(source, false, time.Time{}, versionAt(0, "owed0000-", history.Live), current)
	if id, more := now.findUntold(told); !more || id != "owed0000-" {
		t.Errorf("%q, %v", id, more)
	}
	if id, more := now.findUntold(now); more {
		t.Errorf("%q was told", id)
	}
	stopping := seenEmergency(source, true, time.Time{}, current, versionAt(2, "made0000-", history.AWSPending))
	made := seenEmergency(source, true, time.Time{}, current, versionAt(2, "made0000-", history.Live))
	if id, more := made.findUntold(stopping); more {
		t.Errorf("%q is what the rotation made of which it was told that it is stopped", id)
	}
}

func TestMySQLKeepsTheOldLoginUntilNothingCanLand(t *testing.T) {
	for with, want := range map[string]time.Duration{manifest.Postgres: 0, manifest.AWSAccessKey: 0, manifest.MySQL: 7 * time.Minute} {
		if got := SoonestDeadline(manifest.Source{Rotate: manifest.RotateWith(with)}); got != want {
			t.Errorf("%s: %v, want %v", with, got, want)
		}
	}
}
