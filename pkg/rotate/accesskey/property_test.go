package accesskey_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// drawn is a key of the user, and all that a rotation could know of it.
type drawn struct {
	rotate.Values
	status                         string
	used                           bool
	usedAt, made                   time.Time
	current, dead, alive, retained bool // in which versions it is
}

// drawKeys makes up to two keys at random times, before or after a rotation began, in random versions and states.
func drawKeys(t *rapid.T, w *world) (all []*drawn, s rotate.Start) {
	began := w.Clock.Now().Add(time.Hour)
	for n := range rapid.IntRange(0, 2).Draw(t, "keys") {
		w.AdvanceTo(began.Add(time.Duration(rapid.SampledFrom([]int{-3000, -2, -1, 0, 1, 2, 30, 3000}).Draw(t, "made at")) * time.Second))
		d := &drawn{Values: w.createKey(), made: w.Clock.Now()}
		d.current = rapid.Bool().Draw(t, "current") && (n == 0 || !all[0].current)
		d.dead, d.alive = rapid.Bool().Draw(t, "in a dead version"), rapid.Bool().Draw(t, "in a live version")
		d.retained = d.alive && rapid.Bool().Draw(t, "retained")
		if d.used = rapid.Bool().Draw(t, "used"); d.used {
			w.Advance(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds until its use")) * time.Second)
			w.IAM.Use(keyIDIn(d.Values), "s3", "eu-west-1")
			d.usedAt = w.Clock.Now()
		}
		if rapid.IntRange(0, 2).Draw(t, "inactive") == 0 {
			w.setStatus(d.Values, types.StatusTypeInactive)
		}
		d.status = w.keyStatus(d.Values)
		all = append(all, d)
	}
	w.Advance(time.Duration(rapid.SampledFrom([]int{0, 1, 700, 7200}).Draw(t, "asked after")) * time.Second)
	s = w.startFrom(versionWith("AKIANEVERNEVERNEVER0", "x"), retiredVersions(all)...)
	s.Since, s.Emergency = began, rapid.Bool().Draw(t, "emergency")
	for _, d := range all {
		if d.current {
			s.Current = d.Values
		}
	}
	return all, s
}

func retiredVersions(all []*drawn) (versions []rotate.Other) {
	for _, d := range all {
		if d.dead {
			versions = append(versions, rotate.Other{Values: d.Values})
		}
		if d.alive {
			versions = append(versions, rotate.Other{Values: d.Values, Live: true, Retained: d.retained})
		}
	}
	return versions
}

// mayGo reports whether Create may delete a key, in the words of its contract.
func (d drawn) mayGo(s rotate.Start) bool {
	switch {
	case d.current:
		return false
	case d.alive:
		return s.Emergency && !d.retained
	case d.dead:
		return d.status == iam.Inactive
	}
	return !d.used && !d.made.Before(s.Since)
}

func TestCreateTouchesNoKeyThatIsNotItsToTouch(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		theirs := w.createKeyOf("somebody")
		all, s := drawKeys(rt, w)
		next, err := w.newRotator().Create(t.Context(), s)
		starts, room := false, len(all) < 2
		for _, d := range all {
			starts = starts || d.current && d.status == iam.Active
			room = room || d.mayGo(s)
			if now := w.keyStatus(d.Values); now != d.status && (now != "" || !d.mayGo(s) || err != nil) {
				rt.Fatalf("a key of %+v was %s and is %q", d, d.status, now)
			}
		}
		if (err == nil) != (starts && room) || err != nil && refusalOf(err) == "" {
			rt.Fatalf("error is %v; the current key works: %v, there is room: %v", err, starts, room)
		}
		if err == nil && (w.keyStatus(next) != iam.Active || w.newRotator().Test(t.Context(), next) != nil) {
			rt.Fatal("the new key does not work")
		}
		if others := w.IAM.Keys(iam.User{Account: mine.Account, Name: "somebody"}); len(others) != 1 || others[0].ID != keyIDIn(theirs) || others[0].Status != iam.Active {
			rt.Fatal("another user's key was touched")
		}
	})
}

func TestRetireTouchesTheOwedKeyAlone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		all, s := drawKeys(rt, w)
		if len(all) == 0 {
			return
		}
		owed := rapid.SampledFrom(all).Draw(rt, "owed")
		end := rotate.End{Owed: owed.Values, Current: s.Current, Forced: rapid.Bool().Draw(rt, "forced")}
		end.Witness = rotate.Witness{Now: w.Clock.Now(), Proof: w.Clock.Now().Add(-history.LateWrite), Forced: end.Forced}
		next, err := w.newRotator().Retire(t.Context(), end)
		inUse := owed.used && owed.usedAt.After(end.Witness.Proof) && !end.Forced && owed.status == iam.Active
		if next != nil || (err != nil) != (inUse && !owed.current) {
			rt.Fatalf("error is %v", err)
		}
		for _, d := range all {
			want := d.status
			if d == owed && !d.current && err == nil {
				want = iam.Inactive
			}
			if now := w.keyStatus(d.Values); now != want {
				rt.Fatalf("a key was %s and is %q, want %s", d.status, now, want)
			}
		}
	})
}
