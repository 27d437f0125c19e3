package github_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	stand "github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
)

func (w *world) loseReceipt() { w.server.DeleteVariableByHand(repo, "prod/eu", "ROTARY_RECEIPT") }

// Without its receipt nobody knows whose the secrets are: as on the first day, a person lists which rotary takes over.
func TestALostReceiptMakesEverySecretForeign(t *testing.T) {
	w := newWorld(t)
	b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"})
	w.mustRoll(b)
	w.loseReceipt()
	if seen := w.mustSee(); seen.Running != "" || seen.InPlay != nil || !strings.HasSuffix(seen.Detail, "; not rotary's: A, B") {
		t.Errorf("without a receipt: %+v", seen)
	}
	w.wantRefusal(b, "A, B: delete them, or list them under adopt")
	w.consumer.GitHub.Adopt = []string{"A", "B"}
	run := w.server.StartRun(repo, stand.InProgress, "prod/eu")
	w.tap.Reset()
	w.mustRoll(b)
	w.wantWrites("POST", "PUT A", "PUT B", "PATCH ROTARY_RECEIPT")
	if w.mustSee().Settled {
		t.Error("a run that may hold what the lost receipt spoke of is not waited for")
	}
	w.server.FinishRun(repo, run)
	w.wantConverged(b)
}

// A person deletes the receipt while secrets are written: the proof is not written into nothing.
func TestAReceiptThatIsLostDuringARollIsNotProof(t *testing.T) {
	w := newWorld(t)
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.tap.OnDone(func(c sim.Call) {
		if strings.HasSuffix(c.Resource, "/secrets/A") {
			w.loseReceipt()
		}
	})
	err := w.openScope().Roll(t.Context(), b)
	if err == nil {
		t.Fatal("it counts as rolled")
	}
	w.wantWords(err, "written: A", "update the receipt: status 404")
	if seen := w.mustSee(); seen.Running != "" {
		t.Errorf("between: %+v", seen)
	}
	w.tap.OnDone(nil)
	w.consumer.GitHub.Adopt = []string{"A"}
	w.mustRoll(b)
	w.wantConverged(b)
}

// An earlier receipt is put back. It is wrong about the secrets that were written since, which shows as drift.
func TestAStaleReceiptIsNoProof(t *testing.T) {
	w := newWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"}))
	stale, _ := w.server.Variable(repo, "prod/eu", "ROTARY_RECEIPT")
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2", "B": "canary-1"}))
	w.server.SetVariableByHand(repo, "prod/eu", "ROTARY_RECEIPT", stale)
	seen := w.mustSee()
	if diff := cmp.Diff([]string{"A"}, seen.Drift); diff != "" || seen.Running != "" {
		t.Errorf("by a stale receipt: %s, running %q", diff, seen.Running)
	}
	run := w.server.StartRun(repo, stand.InProgress, "prod/eu") // on v2, of which the receipt knows nothing
	b := w.addVersion("v3", map[string]string{"A": "canary-3", "B": "canary-1"})
	w.mustRoll(b)
	w.wantSecrets(w.versions["v3"])
	if seen := w.mustSee(); seen.Running != "v3" || seen.Settled {
		t.Errorf("while a run holds what nobody knows: %+v", seen)
	}
	w.server.FinishRun(repo, run)
	w.wantConverged(b)
}

// What is edited into a receipt is either seen not to be true, or makes rotary write more than it had to.
func TestAnEditedReceipt(t *testing.T) {
	for why, c := range map[string]struct {
		edit   func(string) string
		drift  []string
		writes []string // of the next Roll
	}{
		"another version": {
			func(text string) string { return strings.Replace(text, `"v1"`, `"v9"`, 1) }, nil,
			[]string{"PATCH ROTARY_RECEIPT", "PUT A", "PUT B", "PATCH ROTARY_RECEIPT"},
		},
		"another time": {
			func(text string) string {
				return strings.Replace(text, `"A":"2026-01-01T00:00:02Z"`, `"A":"2026-01-01T00:00:01Z"`, 1)
			}, []string{"A"},
			[]string{"PATCH ROTARY_RECEIPT", "PUT A", "PATCH ROTARY_RECEIPT"},
		},
		"done no longer": {
			func(text string) string { return strings.Replace(text, `"done":true`, `"done":false`, 1) }, nil,
			[]string{"PATCH ROTARY_RECEIPT"},
		},
		"a name that is not there": {
			func(text string) string {
				return strings.Replace(text, `"names":{`, `"names":{"GONE":"2026-01-01T00:00:02Z",`, 1)
			}, []string{"GONE"},
			[]string{"PATCH ROTARY_RECEIPT"},
		},
	} {
		w := newWorld(t)
		b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"})
		w.mustRoll(b)
		text, _ := w.server.Variable(repo, "prod/eu", "ROTARY_RECEIPT")
		edited := c.edit(text)
		if edited == text {
			t.Fatalf("%s: nothing was edited in %s", why, text)
		}
		w.server.SetVariableByHand(repo, "prod/eu", "ROTARY_RECEIPT", edited)
		seen := w.mustSee()
		if diff := cmp.Diff(c.drift, seen.Drift); diff != "" || seen.Running == "v1" {
			t.Errorf("%s: running %q, drift %s", why, seen.Running, diff)
		}
		w.tap.Reset()
		w.mustRoll(b)
		w.wantWrites(c.writes...)
		w.wantSecrets(w.versions["v1"])
		w.wantConverged(b)
	}
}

// A repository and its environments are scopes of their own, each with its receipt.
func TestScopesOfOneRepositoryDoNotTouchEachOther(t *testing.T) {
	w := newWorld(t)
	w.server.AddRepository(repo, "staging")
	for i, environment := range []string{"", "prod/eu", "staging"} {
		w.consumer.GitHub.Environment = environment
		w.mustRoll(w.addVersion(fmt.Sprintf("v1-%d", i), map[string]string{"A": "canary-" + environment, "B": "canary-1"}))
		w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-" + environment}))
		if i == 0 {
			w.clock.Advance(2 * github.DefaultDrain)
		}
	}
	for _, environment := range []string{"", "prod/eu", "staging"} {
		w.consumer.GitHub.Environment = environment
		w.wantSecrets(map[string]string{"A": "canary-" + environment})
	}
}

// A run that is started again keeps the time of its creation, and reads secrets anew.
func TestARunThatIsStartedAgain(t *testing.T) {
	for _, environment := range []string{"", "prod/eu"} {
		w := newWorld(t)
		w.consumer.GitHub.Environment = environment
		old := w.server.StartRun(repo, stand.Completed, "prod/eu")
		other := w.server.StartRun(repo, stand.Completed, "prod/eu")
		w.clock.Advance(24 * time.Hour)
		w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
		w.clock.Advance(24 * time.Hour)
		w.server.RerunRun(repo, old, stand.InProgress) // has v1
		w.clock.Advance(time.Hour)
		w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2"}))
		w.clock.Advance(time.Hour)
		w.server.RerunRun(repo, other, stand.InProgress) // has v2
		w.clock.Advance(time.Hour)
		w.mustRoll(w.addVersion("v3", map[string]string{"A": "canary-3"}))
		if diff := cmp.Diff([]string{"v1", "v2", "v3"}, w.mustSee().InPlay); diff != "" {
			t.Errorf("%q, both run again: %s", environment, diff)
		}
		w.server.FinishRun(repo, old)
		if diff := cmp.Diff([]string{"v2", "v3"}, w.mustSee().InPlay); diff != "" {
			t.Errorf("%q, the older one is done: %s", environment, diff)
		}
		w.server.FinishRun(repo, other)
		if diff := cmp.Diff([]string{"v3"}, w.mustSee().InPlay); diff != "" {
			t.Errorf("%q, both are done: %s", environment, diff)
		}
		w.clock.Advance(2 * time.Minute)
		w.server.RerunRun(repo, old, stand.Queued) // has, or will have, v3
		if seen := w.mustSee(); !seen.Settled || seen.Running != "v3" {
			t.Errorf("%q: a run that started after the last write is waited for: %+v", environment, seen)
		}
	}
}
