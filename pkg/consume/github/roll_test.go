package github_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestFirstPush(t *testing.T) {
	for _, environment := range []string{"", "prod/eu"} {
		t.Run(environment, func(t *testing.T) {
			w := newWorld(t)
			w.consumer.GitHub.Environment = environment
			if diff := cmp.Diff(plan.Seen{Consumer: "ci", Settled: true}, w.status(), ignoreDetail); diff != "" {
				t.Errorf("an untouched scope: %s", diff)
			}
			texts := map[string]string{"A": "canary-1", "B": "canary ü"}
			b := w.version("v1", map[string]string{"a": "canary-1", "B": "canary ü"})
			w.roll(b)
			w.wrote("POST", "PUT A", "PUT B", "PATCH ROTARY_RECEIPT")
			w.holds(texts)
			seen := w.status()
			want := plan.Seen{Consumer: "ci", Running: "v1", Names: []string{"A", "B"}, InPlay: []string{"v1"}, Settled: true, Changed: start.Add(4 * time.Second)}
			if diff := cmp.Diff(want, seen, ignoreDetail); diff != "" {
				t.Errorf("after the push: %s", diff)
			}
			w.converged(b)
		})
	}
}

var ignoreDetail = cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Detail" }, cmp.Ignore())

func TestChangeOneKey(t *testing.T) {
	w := newWorld(t)
	w.roll(w.version("v1", map[string]string{"A": "canary-1", "B": "canary-1", "c": "canary-1"}))
	w.tap.Reset()
	b := w.version("v2", map[string]string{"A": "canary-1", "B": "canary-2", "c": "canary-1"})
	w.roll(b)
	w.wrote("PATCH ROTARY_RECEIPT", "PUT B", "PATCH ROTARY_RECEIPT")
	w.converged(b)

	same := w.version("v3", w.versions["v2"])
	w.roll(same)
	w.wrote("PATCH ROTARY_RECEIPT")
	w.converged(same)
}

func TestEverythingIsPutWhereThePreviousVersionIsGone(t *testing.T) {
	w := newWorld(t)
	w.roll(w.version("v1", map[string]string{"A": "canary-1", "B": "canary-1"}))
	delete(w.versions, "v1")
	w.tap.Reset()
	w.roll(w.version("v2", map[string]string{"A": "canary-1", "B": "canary-1"}))
	w.wrote("PATCH ROTARY_RECEIPT", "PUT A", "PUT B", "PATCH ROTARY_RECEIPT")
}

func TestAnUnreadablePreviousVersionFailsTheRoll(t *testing.T) {
	w := newWorld(t)
	w.roll(w.version("v1", map[string]string{"A": "canary-1"}))
	broken := errors.New("no answer")
	s, err := github.New(w.consumer, "dev", secret.New(token), "", github.Transport(sim.Transport{Handler: w.server}), github.Clock(w.clock.Now, w.wait),
		github.Previous(func(context.Context, string) (map[string]secret.Value, error) { return nil, broken }))
	if err != nil {
		t.Fatal(err)
	}
	w.tap.Reset()
	if err := s.Roll(t.Context(), w.version("v2", map[string]string{"A": "canary-2"})); !errors.Is(err, broken) {
		t.Errorf("Roll = %v", err)
	}
	w.wrote()
}

func TestOnlyOwnedNamesAreDeleted(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "prod/eu", "THEIRS", "canary-theirs")
	w.roll(w.version("v1", map[string]string{"A": "canary-1", "B": "canary-1"}))
	w.tap.Reset()
	b := w.version("v2", map[string]string{"A": "canary-1"})
	w.roll(b)
	w.wrote("PATCH ROTARY_RECEIPT", "DELETE B", "PATCH ROTARY_RECEIPT")
	w.holds(map[string]string{"A": "canary-1", "THEIRS": "canary-theirs"})
	w.converged(b)

	w.roll(w.version("v3", map[string]string{"A": "canary-1", "B": "canary-3"}))
	w.server.DeleteSecretByHand(repo, "prod/eu", "B")
	w.tap.Reset()
	w.roll(b)
	w.wrote("PATCH ROTARY_RECEIPT")
	w.converged(b)
}

func TestForeignSecretsAreNeverOverwritten(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "prod/eu", "THEIRS", "canary-theirs")
	b := w.version("v1", map[string]string{"A": "canary-1", "theirs": "canary-1"})
	w.refused(b, "consumer ci", "THEIRS", "adopt")
	w.holds(map[string]string{"THEIRS": "canary-theirs"})

	w.consumer.GitHub.Adopt = []string{"Theirs"}
	w.roll(b)
	w.holds(map[string]string{"A": "canary-1", "THEIRS": "canary-1"})
	w.converged(b)
}

func TestWhatGitHubRefusesIsRefusedBeforeAnyWrite(t *testing.T) {
	w := newWorld(t)
	large := strings.Repeat("x", 48_000)
	w.roll(w.version("v0", map[string]string{"A": large}))
	many := map[string]string{}
	for i := range 101 {
		many[fmt.Sprintf("N%d", i)] = "canary"
	}
	for why, c := range map[string]struct {
		texts map[string]string
		says  string
	}{
		"a prefix":    {map[string]string{"A": "canary", "github_token": "canary"}, "github_token"},
		"a character": {map[string]string{"A": "canary", "A-B": "canary"}, "A-B"},
		"a digit":     {map[string]string{"1A": "canary"}, "1A"},
		"twice":       {map[string]string{"a": "canary", "A": "canary"}, "one name to GitHub"},
		"empty":       {map[string]string{"A": "canary", "B": ""}, "has B, which is empty"},
		"too large":   {map[string]string{"A": large + "x"}, "48001 bytes"},
		"too many":    {many, "100"},
		"nothing":     {map[string]string{}, "no content"},
	} {
		t.Run(why, func(t *testing.T) {
			w.T = t
			w.refused(w.version("v1", c.texts), c.says)
		})
	}
}

func TestWithdrawChangesNothing(t *testing.T) {
	w := newWorld(t)
	b := w.version("v1", map[string]string{"A": "canary-1"})
	w.roll(b)
	w.tap.Reset()
	if err := w.scope().Withdraw(t.Context(), []string{"v1"}); err != nil {
		t.Error(err)
	}
	w.wrote()
	w.converged(b)
}

var _ interface {
	Status(context.Context) (plan.Seen, error)
	Roll(context.Context, bucket.Bucket) error
	Withdraw(context.Context, []string) error
} = (*github.Scope)(nil)

// A person writes a secret between rotary's write of it and the look that proves it.
func TestASecretThatSomebodyWritesMeanwhileIsNotProven(t *testing.T) {
	w := newWorld(t)
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if strings.HasPrefix(c.Operation, "PUT") && strings.HasSuffix(c.Resource, "/C") {
			w.server.SetSecretByHand(repo, "prod/eu", "A", "canary-by-hand")
		}
		return sim.Fault{}
	})
	b := w.version("v1", map[string]string{"A": "canary-1", "B": "canary-1", "C": "canary-1"})
	err := w.scope().Roll(t.Context(), b)
	if err == nil {
		t.Fatal("a value put by hand counts as rotary's")
	}
	w.says(err, "somebody wrote A")
	if seen := w.status(); seen.Running != "" || seen.Settled {
		t.Errorf("between: %+v", seen)
	}
	w.tap.OnCall(nil)
	w.roll(b)
	w.holds(w.versions["v1"])
	w.converged(b)
}
