package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/store"
)

func TestLookAllAsksAgainWhereADescriptionIsOutOfDate(t *testing.T) {
	w, stale := newMovedSecret(t)
	w.Tap.OnCall(func(c sim.Call) sim.Fault {
		stale--
		if c.Operation == "DescribeSecret" && stale >= 0 {
			return sim.Fault{Outcome: sim.Stale}
		}
		return sim.Fault{}
	})
	got, err := w.store.LookAll(t.Context(), name)
	w.must(err)
	if !got.Changed.Equal(w.Clock.Now()) || len(got.Owed()) != 1 {
		t.Errorf("it says that the secret changed at %s, and that %d versions are owed", got.Changed, len(got.Owed()))
	}
}

// Two labels have changed places: each version carries as many as before.
func TestLookAllAsksAgainWhereLabelsHaveChangedPlaces(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one", "two")
	_, err := w.store.LookAll(t.Context(), name)
	w.must(err)
	w.Advance(time.Minute)
	w.mustMove(history.AWSCurrent, versionID("one"), versionID("two"))
	looks := 0
	w.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation != "DescribeSecret" {
			return sim.Fault{}
		}
		if looks++; looks == 1 {
			return sim.Fault{Outcome: sim.Stale}
		}
		return sim.Fault{}
	})
	got, err := w.store.LookAll(t.Context(), name)
	w.must(err)
	if current, _ := got.Current(); current.ID != versionID("one") || !got.Changed.Equal(w.Clock.Now()) || looks != 2 {
		t.Errorf("after %d looks %s is current, and the secret changed at %s", looks, current.ID, got.Changed)
	}
}

func TestLookAllFailsWhereTheAnswersNeverAgree(t *testing.T) {
	w, _ := newMovedSecret(t)
	w.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "DescribeSecret" {
			return sim.Fault{Outcome: sim.Stale}
		}
		return sim.Fault{}
	})
	w.Tap.Reset()
	_, err := w.store.LookAll(t.Context(), name)
	if !errors.Is(err, store.ErrUnsteady) {
		t.Errorf("got %v", err)
	}
	if n := w.countCalls("DescribeSecret"); n != 3 {
		t.Errorf("it looked %d times, and should give up after three", n)
	}
}

// newMovedSecret returns a world with a secret that was read, and has changed since. stale is the description before.
func newMovedSecret(t *testing.T) (w *world, stale int) {
	w = newWorld(t)
	w.seedSecret(name, "one", "two")
	_, err := w.store.LookAll(t.Context(), name)
	w.must(err)
	w.Advance(time.Minute)
	w.mustMove("LIVE-one", versionID("one"), "")
	return w, 1
}
