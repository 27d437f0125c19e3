package github_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// A name that another level has too is told of in the status, and stands in the way of nothing.
func TestShadowedNamesAreTold(t *testing.T) {
	w := newWorld(t)
	w.hints = true
	w.consumer.GitHub.Environment = ""
	w.server.AddRepository(repo, "staging")
	b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1", "C": "canary-1"})
	w.mustRoll(b)
	if got := w.mustSee().Detail; got != "3 secrets in example/app" {
		t.Errorf("where nothing is shadowed: %q", got)
	}
	w.server.ShareOrganizationSecret(repo, "a", "canary-org")
	w.server.ShareOrganizationSecret(repo, "OTHER", "canary-org")
	w.server.SetSecretByHand(repo, "prod/eu", "B", "canary-by-hand")
	w.server.SetSecretByHand(repo, "prod/eu", "C", "canary-by-hand")
	w.server.SetSecretByHand(repo, "prod/eu", "OTHER", "canary-by-hand")
	want := `3 secrets in example/app; it hides the organization's A; environment "prod/eu" has its own B, C, which its jobs get instead`
	if got := w.mustSee().Detail; got != want {
		t.Errorf("of the repository: %q", got)
	}
	w.wantConverged(b)

	w.server.DeleteSecretByHand(repo, "prod/eu", "B")
	w.server.DeleteSecretByHand(repo, "prod/eu", "C")
	w.consumer.GitHub.Environment = "prod/eu"
	own := w.addVersion("v1", map[string]string{"A": "canary-1", "C": "canary-1", "D": "canary-1"})
	w.mustRoll(own)
	want = "3 secrets in example/app, environment prod/eu; not rotary's: OTHER; it hides the organization's A; it hides the repository's A, C"
	if got := w.mustSee().Detail; got != want {
		t.Errorf("of the environment: %q", got)
	}
	w.wantConverged(own)
}

// What a token may not see, and what does not answer, is left out: no error, no waiting.
func TestALevelThatTheTokenDoesNotSeeIsLeftOut(t *testing.T) {
	w := newWorld(t)
	w.hints = true
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.server.LimitToken(token, "environments=write", "actions=read")
	w.server.ShareOrganizationSecret(repo, "A", "canary-org")
	w.server.SetSecretByHand(repo, "", "A", "canary-by-hand")
	w.mustRoll(b)
	w.wantConverged(b)
	if got := w.mustSee().Detail; got != "1 secrets in example/app, environment prod/eu" {
		t.Errorf("without the permission: %q", got)
	}
	for _, outcome := range []sim.Outcome{sim.Throttled, sim.Unavailable, sim.Dropped, sim.Lost} {
		w.server.LimitToken(token, "environments=write", "actions=read", "secrets=read")
		w.tap.OnCall(func(c sim.Call) sim.Fault {
			if strings.HasSuffix(c.Operation, "/organization-secrets") {
				return sim.Fault{Outcome: outcome}
			}
			return sim.Fault{}
		})
		w.waited = nil
		seen := w.mustSee()
		if seen.Running != "v1" || !strings.HasSuffix(seen.Detail, "it hides the repository's A") || len(w.waited) > 0 {
			t.Errorf("outcome %d: %+v, waited %v", outcome, seen, w.waited)
		}
	}
}

func TestManyEnvironmentsAreLookedIntoUpToANumber(t *testing.T) {
	w := newWorld(t)
	w.hints = true
	w.consumer.GitHub.Environment = ""
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.mustRoll(b)
	for i := range 30 {
		name := fmt.Sprintf("env-%02d", i)
		w.server.AddRepository(repo, name)
		w.server.SetSecretByHand(repo, name, "A", "canary-by-hand")
	}
	w.tap.Reset()
	seen := w.mustSee()
	if n := len(w.tap.Calls()); n != 2+2+10 || !strings.Contains(seen.Detail, `environment "env-09"`) {
		t.Errorf("%d calls: %s", n, seen.Detail)
	}
}

// Foreign secrets are named, at most ten, before and after rotary's are there; nothing happens to them.
func TestForeignSecretsAreReportedAndLeft(t *testing.T) {
	w := newWorld(t)
	theirs := map[string]string{"A": "canary-1"}
	for i := range 12 {
		name := fmt.Sprintf("THEIRS_%02d", i)
		theirs[name] = "canary-theirs"
		w.server.SetSecretByHand(repo, "prod/eu", name, "canary-theirs")
	}
	const named = "; not rotary's: THEIRS_00, THEIRS_01, THEIRS_02, THEIRS_03, THEIRS_04, THEIRS_05, THEIRS_06, THEIRS_07, THEIRS_08, THEIRS_09, 2 more"
	if got := w.mustSee().Detail; got != "no receipt in example/app, environment prod/eu"+named {
		t.Errorf("before: %q", got)
	}
	changes := len(w.server.Changes(0))
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.mustRoll(b)
	w.mustRoll(w.addVersion("v2", map[string]string{"B": "canary-2"}))
	w.mustRoll(b)
	if got := w.mustSee().Detail; got != "1 secrets in example/app, environment prod/eu"+named {
		t.Errorf("after: %q", got)
	}
	for _, c := range w.server.Changes(changes) {
		if strings.HasPrefix(c.Name, "THEIRS") {
			t.Errorf("%s was %s by %s", c.Name, c.Did, c.By)
		}
	}
	w.wantSecrets(theirs)
	w.wantConverged(b)
}

// Adopting is done once: from then on the secret is rotary's, whatever the manifest still lists.
func TestAdoptingIsDoneOnce(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "prod/eu", "THEIRS", "canary-theirs")
	w.server.SetSecretByHand(repo, "prod/eu", "OTHER", "canary-theirs")
	w.consumer.GitHub.Adopt = []string{"theirs", "OTHER"}
	b := w.addVersion("v1", map[string]string{"THEIRS": "canary-1"})
	w.mustRoll(b)
	w.wantWrites("POST", "PUT THEIRS", "PATCH ROTARY_RECEIPT")
	w.wantSecrets(map[string]string{"THEIRS": "canary-1", "OTHER": "canary-theirs"})
	w.wantConverged(b)
	if diff := cmp.Diff([]string{""}, listKeys(w.readReceipt()["previous"])); diff != "" {
		t.Errorf("what runs may hold: %s", diff)
	}
	w.consumer.GitHub.Adopt = nil
	w.clock.Advance(time.Hour)
	w.server.SetSecretByHand(repo, "prod/eu", "THEIRS", "canary-by-hand")
	if diff := cmp.Diff([]string{"THEIRS"}, w.mustSee().Drift); diff != "" {
		t.Errorf("drift: %s", diff)
	}
	w.mustRoll(b)
	w.wantSecrets(map[string]string{"THEIRS": "canary-1", "OTHER": "canary-theirs"})
	w.wantConverged(b)

	// Once it left the bucket it is gone, and one of that name is somebody else's again.
	w.mustRoll(w.addVersion("v2", map[string]string{"B": "canary-2"}))
	w.server.SetSecretByHand(repo, "prod/eu", "THEIRS", "canary-theirs")
	w.wantRefusal(b, "THEIRS", "adopt")
}
