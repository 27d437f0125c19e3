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
			if diff := cmp.Diff(plan.Seen{Consumer: "ci", Settled: true}, w.mustSee(), ignoreDetail); diff != "" {
				t.Errorf("an untouched scope: %s", diff)
			}
			texts := map[string]string{"A": "canary-1", "B": "canary ü"}
			b := w.addVersion("v1", map[string]string{"a": "canary-1", "B": "canary ü"})
			w.mustRoll(b)
			w.wantWrites("POST", "PUT A", "PUT B", "PATCH ROTARY_RECEIPT")
			w.wantSecrets(texts)
			seen := w.mustSee()
			want := plan.Seen{Consumer: "ci", Running: "v1", Names: []string{"A", "B"}, InPlay: []string{"v1"}, Settled: true, Changed: start.Add(4 * time.Second), Since: start.Add(4 * time.Second)}
			if diff := cmp.Diff(want, seen, ignoreDetail); diff != "" {
				t.Errorf("after the push: %s", diff)
			}
			w.wantConverged(b)
		})
	}
}

var ignoreDetail = cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Detail" }, cmp.Ignore())

func TestChangeOneKey(t *testing.T) {
	w := newWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1", "c": "canary-1"}))
	w.tap.Reset()
	b := w.addVersion("v2", map[string]string{"A": "canary-1", "B": "canary-2", "c": "canary-1"})
	w.mustRoll(b)
	w.wantWrites("PATCH ROTARY_RECEIPT", "PUT B", "PATCH ROTARY_RECEIPT")
	w.wantConverged(b)

	same := w.addVersion("v3", w.versions["v2"])
	w.mustRoll(same)
	w.wantWrites("PATCH ROTARY_RECEIPT")
	w.wantConverged(same)
}

func TestEverythingIsPutWhereThePreviousVersionIsGone(t *testing.T) {
	w := newWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"}))
	delete(w.versions, "v1")
	w.tap.Reset()
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-1", "B": "canary-1"}))
	w.wantWrites("PATCH ROTARY_RECEIPT", "PUT A", "PUT B", "PATCH ROTARY_RECEIPT")
}

func TestAnUnreadablePreviousVersionFailsTheRoll(t *testing.T) {
	w := newWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	broken := errors.New("no answer")
	s, err := github.New(w.consumer, "dev", secret.New(token), "", github.Transport(sim.Transport{Handler: w.server}), github.Clock(w.clock.Now, w.recordWait),
		github.Previous(func(context.Context, string) (map[string]secret.Value, error) { return nil, broken }))
	if err != nil {
		t.Fatal(err)
	}
	w.tap.Reset()
	if err := s.Roll(t.Context(), w.addVersion("v2", map[string]string{"A": "canary-2"})); !errors.Is(err, broken) {
		t.Errorf("Roll = %v", err)
	}
	w.wantWrites()
}

func TestOnlyOwnedNamesAreDeleted(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "prod/eu", "THEIRS", "canary-theirs")
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"}))
	w.tap.Reset()
	b := w.addVersion("v2", map[string]string{"A": "canary-1"})
	w.mustRoll(b)
	w.wantWrites("PATCH ROTARY_RECEIPT", "DELETE B", "PATCH ROTARY_RECEIPT")
	w.wantSecrets(map[string]string{"A": "canary-1", "THEIRS": "canary-theirs"})
	w.wantConverged(b)

	w.mustRoll(w.addVersion("v3", map[string]string{"A": "canary-1", "B": "canary-3"}))
	w.server.DeleteSecretByHand(repo, "prod/eu", "B")
	w.tap.Reset()
	w.mustRoll(b)
	w.wantWrites("PATCH ROTARY_RECEIPT")
	w.wantConverged(b)
}

func TestForeignSecretsAreNeverOverwritten(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "prod/eu", "THEIRS", "canary-theirs")
	b := w.addVersion("v1", map[string]string{"A": "canary-1", "theirs": "canary-1"})
	w.wantRefusal(b, "consumer ci", "THEIRS", "adopt")
	w.wantSecrets(map[string]string{"THEIRS": "canary-theirs"})

	w.consumer.GitHub.Adopt = []string{"Theirs"}
	w.mustRoll(b)
	w.wantSecrets(map[string]string{"A": "canary-1", "THEIRS": "canary-1"})
	w.wantConverged(b)
}

func TestWhatGitHubRefusesIsRefusedBeforeAnyWrite(t *testing.T) {
	w := newWorld(t)
	large := strings.Repeat("x", 48_000)
	w.mustRoll(w.addVersion("v0", map[string]string{"A": large}))
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
			w.wantRefusal(w.addVersion("v1", c.texts), c.says)
		})
	}
}

func TestWithdrawChangesNothing(t *testing.T) {
	w := newWorld(t)
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.mustRoll(b)
	w.tap.Reset()
	if err := w.openScope().Withdraw(t.Context(), []string{"v1"}); err != nil {
		t.Error(err)
	}
	w.wantWrites()
	w.wantConverged(b)
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
	b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1", "C": "canary-1"})
	err := w.openScope().Roll(t.Context(), b)
	if err == nil {
		t.Fatal("a value put by hand counts as rotary's")
	}
	w.wantWords(err, "somebody wrote A")
	if seen := w.mustSee(); seen.Running != "" || seen.Settled {
		t.Errorf("between: %+v", seen)
	}
	w.tap.OnCall(nil)
	w.mustRoll(b)
	w.wantSecrets(w.versions["v1"])
	w.wantConverged(b)
}
