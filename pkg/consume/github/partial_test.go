package github_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
)

// newRefusal answers one kind of request with a status, as GitHub would.
func newRefusal(route route, status int) *forged {
	return &forged{route: route, status: status, header: parseHeaders(dated), body: `{"message":"canary","documentation_url":"https://docs.github.com/rest"}`}
}

// newHalfRolledWorld is a scope with A to D of v1, and v2, which changes A to C, adds E and has no D.
func newHalfRolledWorld(t *testing.T) (*world, bucket.Bucket) {
	w := newWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1", "C": "canary-1", "D": "canary-1"}))
	w.tap.Reset()
	b := w.addVersion("v2", map[string]string{"A": "canary-2", "B": "canary-2", "C": "canary-2", "E": "canary-2"})
	return w, b
}

func TestASecretThatGitHubRefusesDoesNotStopTheOthers(t *testing.T) {
	for _, status := range []int{400, 409, 413, 422, 500, 503} {
		w, b := newHalfRolledWorld(t)
		bad := newRefusal(route{"PUT", "/secrets/B$"}, status)
		err := w.rollThrough(bad, b)
		if err == nil {
			t.Fatalf("%d: a half-written scope counts as rolled", status)
		}
		w.wantWords(err, "written: A, C, E", "not written: B", "not deleted: D", "put secret B")
		w.wantWrites("PATCH ROTARY_RECEIPT", "PUT A", "PUT C", "PUT E", "PATCH ROTARY_RECEIPT")
		w.wantSecrets(map[string]string{"A": "canary-2", "B": "canary-1", "C": "canary-2", "D": "canary-1", "E": "canary-2"})
		seen := w.mustSee()
		if diff := cmp.Diff([]string{"v1", "v2"}, seen.InPlay); diff != "" || seen.Running != "" || seen.Settled {
			t.Errorf("%d: in play %s, %+v", status, diff, seen)
		}
		if !strings.HasSuffix(seen.Waiting, "not all written yet: B, D") {
			t.Errorf("%d: it waits for %q", status, seen.Waiting)
		}

		w.tap.Reset()
		if err := w.rollThrough(bad, b); err == nil {
			t.Errorf("%d: the second time it counts as rolled", status)
		}
		w.wantWrites() // but what is refused

		w.mustRoll(b)
		w.wantWrites("PUT B", "DELETE D", "PATCH ROTARY_RECEIPT")
		w.wantSecrets(w.versions["v2"])
		w.wantConverged(b)
	}
}

// What is refused is about the token, the scope or all of GitHub: the next request would fare no better.
func TestARefusalThatIsNotOfOneNameEndsTheRoll(t *testing.T) {
	for _, c := range []struct {
		status int
		path   string
		writes []string
	}{
		{401, "/secrets/[A-E]$", []string{"PUT A"}}, {403, "/secrets/[A-E]$", []string{"PUT A"}}, {404, "/secrets/[A-E]$", []string{"PUT A"}},
		{301, "/secrets/[A-E]$", []string{"PUT A"}}, {422, "/secrets/[A-E]$", []string{"PUT A", "PUT B", "PUT C", "PUT E"}},
		{501, "/secrets/[A-E]$", []string{"PUT A", "PUT B"}},
	} {
		w, b := newHalfRolledWorld(t)
		bad := newRefusal(route{"PUT", c.path}, c.status)
		err := w.rollThrough(bad, b)
		if err == nil {
			t.Fatalf("%d: it counts as rolled", c.status)
		}
		w.wantWords(err, "not written: A, B, C, E; not deleted: D: put secret A")
		if diff := cmp.Diff(append([]string{"PATCH ROTARY_RECEIPT"}, c.writes...), bad.writes); diff != "" {
			t.Errorf("%d: %s", c.status, diff)
		}
		w.mustRoll(b)
		w.wantConverged(b)
	}
}

func TestADeletionThatGitHubRefusesIsNotProven(t *testing.T) {
	w, b := newHalfRolledWorld(t)
	delete(b.Values, "C")
	err := w.rollThrough(newRefusal(route{"DELETE", "/secrets/C$"}, http.StatusConflict), b)
	if err == nil {
		t.Fatal("a scope with a secret too many counts as rolled")
	}
	w.wantWords(err, "written: A, B, E; deleted: D; not deleted: C: delete secret C")
	w.wantWrites("PATCH ROTARY_RECEIPT", "PUT A", "PUT B", "PUT E", "DELETE D", "PATCH ROTARY_RECEIPT")
	if seen := w.mustSee(); seen.Running != "" || seen.Settled {
		t.Errorf("between: %+v", seen)
	}
	w.tap.Reset()
	w.mustRoll(b)
	w.wantWrites("PATCH ROTARY_RECEIPT", "DELETE C", "PATCH ROTARY_RECEIPT")
	w.wantConverged(b)
}

// Many secrets, of which some are refused in each part of the work: the others are written and recorded all the same.
func TestRefusedSecretsAmongMany(t *testing.T) {
	w := newWorld(t)
	b := w.manyValues("v1", 50, "canary")
	err := w.rollThrough(newRefusal(route{"PUT", "/secrets/N(03|21|49)$"}, http.StatusUnprocessableEntity), b)
	if err == nil {
		t.Fatal("a half-written scope counts as rolled")
	}
	w.wantWords(err, "not written: N03, N21, N49:")
	w.tap.Reset()
	w.mustRoll(b)
	w.wantWrites("PUT N03", "PUT N21", "PUT N49", "PATCH ROTARY_RECEIPT")
	w.wantConverged(b)
}

// A rotated key and a refused name both answer 422.
func TestARefusedNameWhileTheKeyIsReplaced(t *testing.T) {
	w, b := newHalfRolledWorld(t)
	replaced := false
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if strings.HasSuffix(c.Resource, "/C") && !replaced {
			replaced = true
			w.server.RotatePublicKey(repo, "prod/eu")
		}
		return sim.Fault{}
	})
	if err := w.rollThrough(newRefusal(route{"PUT", "/secrets/A$"}, http.StatusUnprocessableEntity), b); err == nil {
		t.Fatal("a half-written scope counts as rolled")
	} else {
		w.wantWords(err, "written: B, C, E; not written: A; not deleted: D")
	}
	w.mustRoll(b)
	w.wantConverged(b)
}
