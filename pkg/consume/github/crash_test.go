package github_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// A Roll from one version to another is broken at every one of its writes, in every way, and finished by the next.
func TestACrashAtAnyWriteIsFinishedByTheNextRoll(t *testing.T) {
	for _, outcome := range []sim.Outcome{sim.Dropped, sim.Lost, sim.Unavailable, sim.Denied, sim.Throttled} {
		for n := range 6 {
			t.Run(fmt.Sprintf("outcome %d at write %d", outcome, n+1), func(t *testing.T) {
				w := newWorld(t)
				w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1", "C": "canary-1", "D": "canary-1"}))
				b := w.addVersion("v2", map[string]string{"A": "canary-2", "B": "canary-2", "C": "canary-2", "E": "canary-2"})
				w.breakFromWrite(n, outcome)
				err := w.openScope().Roll(t.Context(), b)
				if err == nil {
					t.Fatal("nothing broke")
				}
				w.wantWords(err)
				w.tap.OnCall(nil)
				if seen := w.mustSee(); seen.Running == "v2" || seen.Settled && seen.Running != "v1" || !slices.Contains(seen.InPlay, "v1") {
					t.Errorf("between: %+v", seen)
				}
				w.mustRoll(b)
				w.wantSecrets(map[string]string{"A": "canary-2", "B": "canary-2", "C": "canary-2", "E": "canary-2"})
				w.wantConverged(b)
			})
		}
	}
}

// One answer is lost, at any write: trying again is enough, except for the creation of the receipt.
func TestOneLostAnswer(t *testing.T) {
	for n := range 6 {
		w := newWorld(t)
		w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1", "C": "canary-1", "D": "canary-1"}))
		b := w.addVersion("v2", map[string]string{"A": "canary-2", "B": "canary-2", "C": "canary-2"})
		w.tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Write {
				n--
			}
			if c.Write && n == -1 {
				return sim.Fault{Outcome: sim.Lost}
			}
			return sim.Fault{}
		})
		w.mustRoll(b)
		w.tap.OnCall(nil)
		w.wantSecrets(w.versions["v2"])
		w.wantConverged(b)
	}
}

func TestACrashBetweenADeletionAndItsProof(t *testing.T) {
	w := newWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"}))
	b := w.addVersion("v2", map[string]string{"A": "canary-1"})
	w.breakFromWrite(2, sim.Dropped)
	if err := w.openScope().Roll(t.Context(), b); err == nil {
		t.Fatal("nothing broke")
	}
	w.tap.OnCall(nil)
	w.tap.Reset()
	w.mustRoll(b)
	w.wantWrites("PATCH ROTARY_RECEIPT")
	w.wantConverged(b)
}

func TestACrashOnTheFirstPush(t *testing.T) {
	for n := range 4 {
		w := newWorld(t)
		b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"})
		w.breakFromWrite(n, sim.Lost)
		if err := w.openScope().Roll(t.Context(), b); err == nil {
			t.Fatal("nothing broke")
		}
		w.tap.OnCall(nil)
		w.mustRoll(b)
		w.wantConverged(b)
	}
}

// A Roll that is cut short each time still ends, because the receipt is written on the way.
func TestProgressSurvives(t *testing.T) {
	w := newWorld(t)
	texts := map[string]string{}
	for i := range 50 {
		texts[fmt.Sprintf("N%02d", i)] = "canary"
	}
	b := w.addVersion("v1", texts)
	for range 2 {
		w.breakFromWrite(23, sim.Denied)
		if err := w.openScope().Roll(t.Context(), b); err == nil {
			t.Fatal("nothing broke")
		}
	}
	w.tap.OnCall(nil)
	w.tap.Reset()
	w.mustRoll(b)
	if got := len(w.listWrites()); got != 11 {
		t.Errorf("the third Roll made %d writes, want 10 secrets and the receipt", got)
	}
	w.wantSecrets(texts)
	w.wantConverged(b)
}
