package github_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	stand "github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func TestDrift(t *testing.T) {
	w := newWorld(t)
	b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1", "C": "canary-1"})
	w.mustRoll(b)
	w.clock.Advance(time.Hour)
	w.server.SetSecretByHand(repo, "prod/eu", "A", "canary-by-hand")
	w.server.DeleteSecretByHand(repo, "prod/eu", "C")
	seen := w.mustSee()
	if seen.Running != "" || !cmp.Equal(seen.Drift, []string{"A", "C"}) || !cmp.Equal(seen.InPlay, []string{"v1"}) {
		t.Errorf("after a change by hand: %+v", seen)
	}
	w.tap.Reset()
	w.mustRoll(b)
	w.wantWrites("PATCH ROTARY_RECEIPT", "PUT A", "PUT C", "PATCH ROTARY_RECEIPT")
	w.wantConverged(b)
}

// What a person wrote over a secret may be the very credential that is to be retired.
func TestRunsThatMayHoldWhatSomebodyWroteByHandAreWaitedFor(t *testing.T) {
	w := newWorld(t)
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.mustRoll(b)
	w.clock.Advance(time.Hour)
	w.server.SetSecretByHand(repo, "prod/eu", "A", "canary-by-hand")
	run := w.server.StartRun(repo, stand.InProgress, "prod/eu")
	w.mustRoll(b)
	if seen := w.mustSee(); seen.Running != "v1" || seen.Settled {
		t.Errorf("with a run on what was written by hand: %+v", seen)
	}
	w.server.FinishRun(repo, run)
	w.wantConverged(b)
}

func TestThereAndBack(t *testing.T) {
	w := newWorld(t)
	first := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.mustRoll(first)
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2"}))
	run := w.server.StartRun(repo, stand.InProgress)
	w.mustRoll(first)
	if diff := cmp.Diff([]string{"v1", "v2"}, w.mustSee().InPlay); diff != "" {
		t.Errorf("in play: %s", diff)
	}
	w.server.FinishRun(repo, run)
	w.wantConverged(first)
}

// Two versions on, after the first of them stopped half-way: everything that may still be there is in play.
func TestTheNextVersionOverAnUnfinishedOne(t *testing.T) {
	w := newWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"}))
	w.breakFromWrite(2, sim.Denied)
	if err := w.openScope().Roll(t.Context(), w.addVersion("v2", map[string]string{"A": "canary-2", "B": "canary-2"})); err == nil {
		t.Fatal("nothing broke")
	}
	w.breakFromWrite(1, sim.Denied)
	b := w.addVersion("v3", map[string]string{"A": "canary-2", "B": "canary-1"})
	if err := w.openScope().Roll(t.Context(), b); err == nil {
		t.Fatal("nothing broke")
	}
	w.tap.OnCall(nil)
	seen := w.mustSee()
	if diff := cmp.Diff([]string{"v1", "v2", "v3"}, seen.InPlay); diff != "" || seen.Settled || seen.Waiting == "" {
		t.Errorf("in play: %s, %+v", diff, seen)
	}
	w.mustRoll(b)
	w.wantSecrets(map[string]string{"A": "canary-2", "B": "canary-1"})
	w.wantConverged(b)
}

func TestQueuedRunsHoldTheOldVersion(t *testing.T) {
	w := newWorld(t)
	w.consumer.GitHub.Environment = ""
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.clock.Advance(24 * time.Hour)
	run := w.server.StartRun(repo, stand.Queued)
	b := w.addVersion("v2", map[string]string{"A": "canary-2"})
	w.mustRoll(b)
	pushed := w.clock.Now()
	w.clock.Advance(2 * time.Minute)
	w.server.StartRun(repo, stand.InProgress) // reads the new value

	seen := w.mustSee()
	if seen.Running != "v2" || seen.Settled || !cmp.Equal(seen.InPlay, []string{"v1", "v2"}) || seen.Waiting == "" {
		t.Errorf("with a queued run: %+v", seen)
	}
	if d := seen.WaitTill.Sub(pushed); d < 6*time.Hour-10*time.Second || d > 6*time.Hour {
		t.Errorf("it waits %v after the push", d)
	}
	w.server.MoveRun(repo, run, stand.InProgress)
	if seen := w.mustSee(); seen.Settled {
		t.Errorf("with a run in progress: %+v", seen)
	}
	w.server.FinishRun(repo, run)
	if seen := w.mustSee(); !seen.Settled || !cmp.Equal(seen.InPlay, []string{"v2"}) {
		t.Errorf("with the run completed: %+v", seen)
	}
	w.wantConverged(b)
}

func TestTheDrainBoundsTheWait(t *testing.T) {
	w := newWorld(t)
	w.consumer.GitHub.Drain = manifest.Duration(time.Hour)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.server.StartRun(repo, stand.Waiting)
	b := w.addVersion("v2", map[string]string{"A": "canary-2"})
	w.mustRoll(b)
	w.clock.Advance(59 * time.Minute)
	if w.mustSee().Settled {
		t.Error("settled before the drain is over")
	}
	w.clock.Advance(time.Minute)
	w.tap.Reset()
	w.wantConverged(b)
	for _, c := range w.tap.Calls() {
		if strings.HasSuffix(c.Operation, "/runs") {
			t.Error("it asks for runs after the drain")
		}
	}
	w.mustRoll(w.addVersion("v3", map[string]string{"A": "canary-3"}))
	if diff := cmp.Diff([]string{"v2"}, listKeys(w.readReceipt()["previous"])); diff != "" {
		t.Errorf("the receipt remembers: %s", diff)
	}
}

// Runs from before the first push may hold what an adopted secret was.
func TestAdoptionDrains(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "prod/eu", "A", "canary-0")
	w.consumer.GitHub.Adopt = []string{"A"}
	run := w.server.StartRun(repo, stand.InProgress, "prod/eu")
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.mustRoll(b)
	if seen := w.mustSee(); seen.Settled || seen.Running != "v1" || !cmp.Equal(seen.InPlay, []string{"v1"}) {
		t.Errorf("with a run from before: %+v", seen)
	}
	w.server.FinishRun(repo, run)
	w.wantConverged(b)
}

func listKeys(m any) (out []string) {
	object, _ := m.(map[string]any)
	for key := range object {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

func TestReceiptsThatAreNotOurs(t *testing.T) {
	w := newWorld(t)
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	for _, text := range []string{"canary", `{}`, `{"environment":"dev","version":"v1","done":true,"names":{},"more":1}`} {
		w.server.SetVariableByHand(repo, "prod/eu", "ROTARY_RECEIPT", text)
		if seen := w.mustSee(); seen.Unknown == "" || seen.Settled || seen.Running != "" {
			t.Errorf("an unreadable receipt: %+v", seen)
		}
		w.wantRefusal(b, "ROTARY_RECEIPT")
	}
	w.server.SetVariableByHand(repo, "prod/eu", "ROTARY_RECEIPT", `{"environment":"production","version":"v1","done":true,"names":{}}`)
	if _, err := w.openScope().Status(t.Context()); err == nil || !strings.Contains(err.Error(), "share one scope") {
		t.Errorf("Status = %v", err)
	}
	w.wantRefusal(b, `environment "production"`, "share one scope")
}

// A run keeps the version that it may have read, and none that was replaced before it was created.
func TestARunKeepsOnlyWhatItMayHaveRead(t *testing.T) {
	w := newWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2"}))
	w.clock.Advance(time.Hour)
	w.server.StartRun(repo, stand.Queued)
	w.mustRoll(w.addVersion("v3", map[string]string{"A": "canary-3"}))
	if diff := cmp.Diff([]string{"v2", "v3"}, w.mustSee().InPlay); diff != "" {
		t.Errorf("in play: %s", diff)
	}
}

// Runs that end while they are listed move others to a page that was read already.
func TestARunThatEndsBetweenTwoPagesHidesNoOlderOne(t *testing.T) {
	w := newWorld(t)
	newest := w.twoVersionsOn(100)
	pages := 0
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if strings.HasSuffix(c.Operation, "/runs") {
			if pages++; pages == 6 { // the second page of those in progress
				w.server.FinishRun(repo, newest)
			}
		}
		return sim.Fault{}
	})
	if diff := cmp.Diff([]string{"v1", "v2", "v3"}, w.mustSee().InPlay); diff != "" || pages < 6 {
		t.Errorf("after %d pages, in play: %s", pages, diff)
	}
}

func TestMoreRunsThanGitHubListsHoldEverything(t *testing.T) {
	w := newWorld(t)
	w.twoVersionsOn(1000)
	if diff := cmp.Diff([]string{"v1", "v2", "v3"}, w.mustSee().InPlay); diff != "" {
		t.Errorf("in play: %s", diff)
	}
}

// twoVersionsOn goes from v1 to v3 with one run that has v1 and n newer ones, which have v2; it returns the newest.
func (w *world) twoVersionsOn(n int) (newest int64) {
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.server.StartRun(repo, stand.InProgress)
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2"}))
	w.clock.Advance(time.Hour)
	for range n {
		newest = w.server.StartRun(repo, stand.InProgress)
	}
	w.mustRoll(w.addVersion("v3", map[string]string{"A": "canary-3"}))
	return newest
}
