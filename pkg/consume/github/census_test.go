package github_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// newCensusWorld is an organization with a repository that a consumer has, and the census of it.
func newCensusWorld(t *testing.T) (*world, *github.Census) {
	w := newOrganizationWorld(t)
	w.consumer.GitHub = &manifest.GitHub{Repository: repo, Environment: "prod/eu", SignIn: manifest.GitHubSignIn{Token: "TOKEN"}}
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	census := w.openCensus()
	return w, census
}

func (w *world) openCensus() *github.Census {
	env := &manifest.Environment{Name: w.environment, Consumers: []manifest.Consumer{w.consumer}}
	return github.NewCensus(env, github.URL("https://github.standin"), github.Transport(sim.Transport{Handler: w.server}), github.Clock(w.clock.Now, w.recordWait))
}

func (w *world) keyOf(name string) secret.Value {
	if name == "APP" {
		return secret.New(w.appID)
	}
	return secret.New(w.token)
}

// lookAround lets the census look in as many passes, five minutes apart, and returns the locations that it has seen.
func (w *world) lookAround(c *github.Census, passes int) (locations []string) {
	w.Helper()
	for range passes {
		locations = nil
		found, err := c.Look(w.Context(), w.keyOf, w.clock.Now())
		if err != nil {
			w.Fatal(err)
		}
		for _, s := range found {
			locations = append(locations, s.Location)
		}
		w.clock.Advance(5 * time.Minute)
	}
	return locations
}

// rollElsewhere writes what the consumer has, at another place: a manifest forgot it.
func (w *world) rollElsewhere(at manifest.GitHub) {
	w.Helper()
	own := w.consumer.GitHub
	w.consumer.GitHub = &at
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2"}))
	w.consumer.GitHub = own
}

func TestReceiptsOfForgottenPlacesAreFound(t *testing.T) {
	w, c := newCensusWorld(t)
	w.server.AddRepository("example/site", "blue")
	if got := w.lookAround(c, 1); got != nil {
		t.Errorf("before there is any: %v", got)
	}
	w.rollElsewhere(manifest.GitHub{Repository: "example/site"})
	w.rollElsewhere(manifest.GitHub{Repository: "example/site", Environment: "blue"})
	w.rollElsewhere(manifest.GitHub{Organization: organization, Repositories: manifest.RepositoryAccess{Visibility: "all"}})
	w.environment = "production"
	w.rollElsewhere(manifest.GitHub{Repository: "example/other"}) // another environment's
	w.environment = "dev"
	want := []string{"github-org:example", "github:example/site", "github:example/site:blue"}
	if diff := cmp.Diff(want, w.lookAround(c, 14)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	w.server.DeleteVariableByHand("example/site", "", "ROTARY_RECEIPT")
	if diff := cmp.Diff([]string{"github-org:example", "github:example/site:blue"}, w.lookAround(c, 1)); diff != "" {
		t.Errorf("after one was deleted, in the next pass (-want +got):\n%s", diff)
	}
}

// What a receipt names is what may be held there, and when it was seen is said.
func TestASightingNamesItsVersions(t *testing.T) {
	w, c := newCensusWorld(t)
	w.rollElsewhere(manifest.GitHub{Repository: "example/site"})
	w.clock.Advance(time.Hour)
	w.consumer.GitHub.Environment, w.consumer.GitHub.Repository = "", "example/site"
	w.mustRoll(w.addVersion("v3", map[string]string{"A": "canary-3"}))
	w.consumer.GitHub.Repository = repo
	at := w.clock.Now()
	found, err := c.Look(t.Context(), w.keyOf, at)
	i := slices.IndexFunc(found, func(s github.Sighting) bool { return s.Location == "github:example/site" })
	if err != nil || i < 0 || !slices.Equal(found[i].Versions, []string{"v2", "v3"}) || !found[i].SeenAt.Equal(at) {
		t.Errorf("%+v, %v", found, err)
	}
}

// A pass costs a few calls however many repositories there are, and all of them are looked at in turn.
func TestACensusIsPaced(t *testing.T) {
	w, c := newCensusWorld(t)
	w.addRepositories(240)
	w.rollElsewhere(manifest.GitHub{Repository: "example/more-230"})
	most, found := 0, -1
	for pass := range 70 {
		w.tap.Reset()
		got := w.lookAround(c, 1)
		most = max(most, len(w.tap.Calls()))
		if found < 0 && slices.Contains(got, "github:example/more-230") {
			found = pass
		}
	}
	if found < 0 || most > 10+3 {
		t.Errorf("found in pass %d; %d calls in a pass", found, most)
	}
	w.tap.Reset()
	small, few := newCensusWorld(t)
	small.lookAround(few, 1)
	small.tap.Reset()
	small.lookAround(few, 11)
	if n := len(small.tap.Calls()); n > 0 {
		t.Errorf("%d calls within the hour where everything was looked at", n)
	}
}

// An App looks at what it is installed on.
func TestACensusOfAnApp(t *testing.T) {
	w, _ := newCensusWorld(t)
	w.rollElsewhere(manifest.GitHub{Repository: "example/site"})
	w.rollElsewhere(manifest.GitHub{Repository: "example/other"})
	w.useApp(7, repo, "example/site")
	w.consumer.GitHub.SignIn = manifest.GitHubSignIn{AppID: "APP", PrivateKey: "KEY"}
	if diff := cmp.Diff([]string{"github:example/site"}, w.lookAround(w.openCensus(), 2)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// Where a token may not look, nobody does, and nothing fails; where GitHub does not answer, what was seen stays.
func TestACensusThatMayNotLookOrGetsNoAnswer(t *testing.T) {
	w, c := newCensusWorld(t)
	w.rollElsewhere(manifest.GitHub{Repository: "example/site"})
	w.server.LimitToken(token, "environments=write", "actions=read")
	if got := w.lookAround(c, 3); got != nil {
		t.Errorf("without the permission: %v", got)
	}
	w.server.AddToken(token, organization, repo, "example/site")
	w.clock.Advance(2 * time.Hour)
	if got := w.lookAround(c, 3); len(got) != 1 {
		t.Fatalf("with it: %v", got)
	}
	w.tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: sim.Unavailable} })
	found, err := c.Look(t.Context(), w.keyOf, w.clock.Now())
	if len(found) != 1 || err == nil || !strings.Contains(err.Error(), "look for receipts at GitHub (example)") || strings.Contains(err.Error(), "canary") {
		t.Errorf("in an outage: %+v, %v", found, err)
	}
	w.tap.OnCall(nil)
	w.server.RevokeToken(token)
	if found, err := c.Look(t.Context(), w.keyOf, w.clock.Now()); len(found) != 1 || err == nil {
		t.Errorf("without a token: %+v, %v", found, err)
	}
}

func TestAReceiptThatIsNoneIsNoSighting(t *testing.T) {
	w, c := newCensusWorld(t)
	for n, text := range []string{"", "{}", `{"environment":"dev"}`} {
		name := fmt.Sprintf("example/odd-%d", n)
		w.server.AddRepository(name)
		w.server.SetVariableByHand(name, "", "ROTARY_RECEIPT", text)
	}
	w.server.AddToken(token, organization, repo, "example/odd-0", "example/odd-1", "example/odd-2")
	if got := w.lookAround(c, 3); got != nil {
		t.Errorf("found %v", got)
	}
}
