package github_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// openAsking opens the consumer, with what a person asks to adopt.
func (w *world) openAsking(names ...string) *github.Scope {
	w.Helper()
	s, err := github.New(w.consumer, w.environment, secret.New(w.token), w.appID, github.URL("https://github.standin"),
		github.Transport(sim.Transport{Handler: w.server}), github.Clock(w.clock.Now, w.recordWait), github.Adopting(names))
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func (w *world) seenBy(s *github.Scope) plan.Seen {
	w.Helper()
	seen, err := s.Status(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return seen
}

func TestASecretIsLeftAloneUntilAPersonAdoptsItAndStaysWhenItIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand("example/app", w.consumer.GitHub.Environment, "A", "theirs")
	w.consumer.GitHub.Adopt = []string{"a"}
	seen := w.seenBy(w.openAsking())
	if len(seen.Left) != 1 || seen.Left[0].Name != "A" || !strings.Contains(seen.NotRolled, "it has A from elsewhere: rotary adopt dev ci") {
		t.Fatalf("before: %+v", seen)
	}
	b := w.addVersion("v1", map[string]string{"A": "canary-a", "B": "canary-b"})
	if err := w.openAsking().Roll(t.Context(), b); err == nil || !strings.Contains(err.Error(), "adopt") {
		t.Errorf("nobody has adopted it: %v", err)
	}
	if err := w.openAsking("a").Roll(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	seen = w.seenBy(w.openAsking())
	if len(seen.Left) > 0 || seen.NotRolled != "" || !slices.Equal(seen.Adopted, []string{"A"}) || !slices.Equal(seen.Names, []string{"A", "B"}) {
		t.Errorf("adopted: %+v", seen)
	}
	for range 2 {
		if err := w.openAsking().Disown(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	seen = w.seenBy(w.openAsking())
	if len(seen.Left) != 1 || len(seen.Adopted) > 0 || !slices.Equal(seen.Names, []string{"B"}) || seen.NotRolled != "" {
		t.Errorf("given up: %+v", seen)
	}
	if value, _, _ := w.server.Secret("example/app", w.consumer.GitHub.Environment, "A"); value != "canary-a" {
		t.Error("its value has changed")
	}
	if err := w.openAsking().Roll(t.Context(), w.addVersion("v2", map[string]string{"B": "canary-b2"})); err != nil {
		t.Fatal(err)
	}
	a, _, _ := w.server.Secret("example/app", w.consumer.GitHub.Environment, "A")
	other, _, _ := w.server.Secret("example/app", w.consumer.GitHub.Environment, "B")
	if a != "canary-a" || other != "canary-b2" {
		t.Error("a Roll without it has changed it")
	}
}
