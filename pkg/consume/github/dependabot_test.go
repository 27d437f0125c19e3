package github_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	stand "github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func newDependabotWorld(t *testing.T) *world {
	w := newWorld(t)
	w.consumer.GitHub = &manifest.GitHub{Repository: repo, Dependabot: true}
	return w
}

func (w *world) wantDependabot(texts map[string]string) {
	w.Helper()
	if got := w.server.DependabotSecrets(repo); !cmp.Equal(got, texts) {
		w.Errorf("Dependabot has %d secrets, and not those of the version", len(got))
	}
}

// Dependabot's secrets are written along with those of Actions, each with the key of its own vault.
func TestDependabotSecretsFollow(t *testing.T) {
	w := newDependabotWorld(t)
	for _, version := range []string{"v1", "v2"} {
		b := w.addVersion(version, map[string]string{"A": "canary-" + version, "B": "canary"})
		w.mustRoll(b)
		w.wantSecrets(w.versions[version])
		w.wantDependabot(w.versions[version])
		w.clock.Advance(2 * github.DefaultDrain)
		w.wantConverged(b)
	}
	w.tap.Reset()
	w.mustRoll(w.addVersion("v3", map[string]string{"A": "canary-3", "B": "canary"}))
	w.wantWrites("PATCH ROTARY_RECEIPT", "PUT A", "PUT A", "PATCH ROTARY_RECEIPT")
}

// A run that Dependabot has started holds the old value until it ends.
func TestRunsOfDependabotCount(t *testing.T) {
	w := newDependabotWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.clock.Advance(time.Hour)
	run := w.server.StartDependabotRun(repo, stand.InProgress)
	if held, ok := w.server.RunSecret(repo, run, "A"); !ok || held != "canary-1" {
		t.Fatal("the run has not read Dependabot's secret")
	}
	w.clock.Advance(time.Hour)
	b := w.addVersion("v2", map[string]string{"A": "canary-2"})
	w.mustRoll(b)
	if seen := w.mustSee(); !slices.Contains(seen.InPlay, "v1") {
		t.Errorf("it is overlooked: %+v", seen)
	}
	w.server.FinishRun(repo, run)
	w.wantConverged(b)
}

// The word is added to the manifest, and taken out again: what rotary wrote comes and goes, what it did not stays.
func TestDependabotComesAndGoes(t *testing.T) {
	w := newDependabotWorld(t)
	w.server.SetDependabotSecretByHand(repo, "THEIRS", "canary-theirs")
	w.consumer.GitHub.Dependabot = false
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.mustRoll(b)
	w.wantDependabot(map[string]string{"THEIRS": "canary-theirs"})
	w.wantConverged(b)

	w.consumer.GitHub.Dependabot = true
	if seen := w.mustSee(); seen.Running != "" || seen.Settled || !strings.Contains(seen.Waiting, "Dependabot") {
		t.Errorf("before they are written: %+v", seen)
	}
	w.mustRoll(b)
	w.wantDependabot(map[string]string{"A": "canary-1", "THEIRS": "canary-theirs"})
	w.wantConverged(b)

	w.consumer.GitHub.Dependabot = false
	if seen := w.mustSee(); seen.Running != "" || seen.Settled || !slices.Contains(seen.InPlay, "v1") {
		t.Errorf("before they are deleted: %+v", seen)
	}
	w.mustRoll(b)
	w.wantDependabot(map[string]string{"THEIRS": "canary-theirs"})
	w.wantConverged(b)
}

func TestADependabotSecretThatAPersonHasIsRefusedUntilItIsAdopted(t *testing.T) {
	w := newDependabotWorld(t)
	w.server.SetDependabotSecretByHand(repo, "A", "canary-theirs")
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.wantRefusal(b, "dependabot:A", "adopt")
	w.consumer.GitHub.Adopt = []string{"A"}
	w.mustRoll(b)
	w.wantDependabot(w.versions["v1"])
	w.clock.Advance(time.Hour)
	w.server.SetDependabotSecretByHand(repo, "A", "canary-theirs")
	if diff := cmp.Diff([]string{"dependabot:A"}, w.mustSee().Drift); diff != "" {
		t.Errorf("drift: %s", diff)
	}
	w.mustRoll(b)
	w.wantDependabot(w.versions["v1"])
}

// Without the permission nothing is written; without the word nobody asks for it.
func TestDependabotNeedsItsPermission(t *testing.T) {
	w := newDependabotWorld(t)
	w.server.LimitToken(token, "secrets=write", "actions_variables=write", "actions=read")
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.wantRefusal(b, "list Dependabot secrets", "dependabot_secrets=read")
	w.consumer.GitHub.Dependabot = false
	w.mustRoll(b)
	w.wantConverged(b)
}
