package github_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	stand "github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const organization = "example"

// newOrganizationWorld is an organization with three repositories, and a consumer of its secrets that makes new ones for
// two of them.
func newOrganizationWorld(t *testing.T) *world {
	w := newWorld(t)
	w.server.AddOrganization(organization)
	w.server.AddRepository("example/site")
	w.server.AddRepository("example/other")
	w.server.AddToken(token, organization, repo, "example/site", "example/other")
	w.consumer.GitHub = &manifest.GitHub{Organization: organization, Repositories: manifest.RepositoryAccess{List: []string{"app", "site"}}}
	return w
}

func heldBy(value, visibility string, selected ...string) stand.OrganizationSecret {
	return stand.OrganizationSecret{Value: value, Visibility: visibility, Selected: selected}
}

func (w *world) wantOrganization(dependabot bool, want map[string]stand.OrganizationSecret) {
	w.Helper()
	if got := w.server.OrganizationSecrets(organization, dependabot); !cmp.Equal(got, want) {
		w.Errorf("the organization's secrets (Dependabot: %v) are not what they should be: %d", dependabot, len(got))
		for name, held := range got {
			w.Logf("%s is visible to %s %v, as it should have: %v", name, held.Visibility, held.Selected, held.Value == want[name].Value)
		}
	}
}

// A secret that is there keeps its visibility and its list, whatever the manifest says of new ones.
func TestVisibilityAndRepositoriesAreKept(t *testing.T) {
	w := newOrganizationWorld(t)
	w.consumer.GitHub.Adopt = []string{"FOR_ALL", "FOR_PRIVATE", "FOR_ONE", "FOR_NONE"}
	w.server.SetOrganizationSecretByHand(organization, false, "FOR_ALL", "theirs", "all")
	w.server.SetOrganizationSecretByHand(organization, false, "FOR_PRIVATE", "theirs", "private")
	w.server.SetOrganizationSecretByHand(organization, false, "FOR_ONE", "theirs", "selected", "example/other")
	w.server.SetOrganizationSecretByHand(organization, false, "FOR_NONE", "theirs", "selected")
	for _, version := range []string{"v1", "v2"} {
		texts := map[string]string{"FOR_ALL": "canary-" + version, "FOR_PRIVATE": "canary-" + version, "FOR_ONE": "canary-" + version, "FOR_NONE": "canary-" + version, "MADE": "canary-" + version}
		b := w.addVersion(version, texts)
		w.mustRoll(b)
		w.wantOrganization(false, map[string]stand.OrganizationSecret{
			"FOR_ALL": heldBy(texts["MADE"], "all"), "FOR_PRIVATE": heldBy(texts["MADE"], "private"), "FOR_NONE": heldBy(texts["MADE"], "selected"),
			"FOR_ONE": heldBy(texts["MADE"], "selected", []string{"example/other"}...), "MADE": heldBy(texts["MADE"], "selected", []string{repo, "example/site"}...),
		})
		w.clock.Advance(2 * github.DefaultDrain)
		w.wantConverged(b)
	}
	if value, visibility, ok := w.server.OrganizationVariable(organization, "ROTARY_RECEIPT"); !ok || visibility != "selected" || strings.Contains(value, "canary") {
		t.Errorf("the receipt: visibility %q", visibility)
	}
}

// A person narrows or widens the list between two versions: theirs counts.
func TestAListThatAPersonChangesIsTheirs(t *testing.T) {
	w := newOrganizationWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.server.SelectRepositories(organization, false, "A", "selected", "example/other")
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2"}))
	w.wantOrganization(false, map[string]stand.OrganizationSecret{"A": heldBy("canary-2", "selected", []string{"example/other"}...)})
}

// A secret may be seen by more repositories than fit a page: none of them loses it.
func TestEveryPageOfTheListIsKept(t *testing.T) {
	w := newOrganizationWorld(t)
	all := []string{repo, "example/other", "example/site"}
	for n := range 130 {
		name := fmt.Sprintf("example/many-%03d", n)
		w.server.AddRepository(name)
		all = append(all, name)
	}
	slices.Sort(all)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.server.SelectRepositories(organization, false, "A", "selected", all...)
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2"}))
	w.wantOrganization(false, map[string]stand.OrganizationSecret{"A": heldBy("canary-2", "selected", all...)})
}

// What cannot be read is not written: a list that fails stops the secret that it is of, and nothing else.
func TestAListThatCannotBeReadStopsItsSecret(t *testing.T) {
	w := newOrganizationWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"}))
	b := w.addVersion("v2", map[string]string{"A": "canary-2", "B": "canary-2"})
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if strings.HasSuffix(c.Resource, "/secrets/A/repositories") {
			return sim.Fault{Outcome: sim.Unavailable}
		}
		return sim.Fault{}
	})
	err := w.openScope().Roll(t.Context(), b)
	if err == nil {
		t.Fatal("it was written all the same")
	}
	w.wantWords(err, "list the repositories of secret A", "not written: A")
	both := []string{repo, "example/site"}
	w.wantOrganization(false, map[string]stand.OrganizationSecret{"A": heldBy("canary-1", "selected", both...), "B": heldBy("canary-2", "selected", both...)})
	w.tap.OnCall(nil)
	w.mustRoll(b)
	w.wantOrganization(false, map[string]stand.OrganizationSecret{"A": heldBy("canary-2", "selected", both...), "B": heldBy("canary-2", "selected", both...)})
}

func TestWhoSeesANewSecretIsWhatTheManifestSays(t *testing.T) {
	for word, want := range map[string]stand.OrganizationSecret{"all": heldBy("canary-1", "all"), "private": heldBy("canary-1", "private")} {
		w := newOrganizationWorld(t)
		w.consumer.GitHub.Repositories = manifest.RepositoryAccess{Visibility: word}
		w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
		w.wantOrganization(false, map[string]stand.OrganizationSecret{"A": want})
	}
	w := newOrganizationWorld(t)
	w.consumer.GitHub.Repositories = manifest.RepositoryAccess{List: []string{"nowhere"}}
	w.wantRefusal(w.addVersion("v1", map[string]string{"A": "canary-1"}), "find repository nowhere", "does not exist")
	w.consumer.GitHub.Repositories = manifest.RepositoryAccess{}
	w.wantRefusal(w.addVersion("v1", map[string]string{"A": "canary-1"}), "write repositories")
}

// A run of any repository that can read the secret keeps the old version in play until it ends.
func TestRunsOfEverySelectedRepositoryCount(t *testing.T) {
	for _, visibility := range []string{"selected", "all", "private"} {
		for _, in := range []string{repo, "example/site"} {
			w := newOrganizationWorld(t)
			w.server.LimitToken(token, "organization_secrets=write", "organization_actions_variables=write", "actions=read", "metadata=read", "organization_administration=read")
			if visibility != "selected" {
				w.consumer.GitHub.Repositories = manifest.RepositoryAccess{Visibility: visibility}
			}
			w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
			w.clock.Advance(time.Hour)
			run := w.server.StartRun(in, stand.Queued)
			w.clock.Advance(time.Hour)
			b := w.addVersion("v2", map[string]string{"A": "canary-2"})
			w.mustRoll(b)
			w.clock.Advance(time.Hour)
			if seen := w.mustSee(); !slices.Contains(seen.InPlay, "v1") || seen.Settled || seen.WaitTill.IsZero() {
				t.Errorf("%s: a run of %s is overlooked: %+v", visibility, in, seen)
			}
			w.server.FinishRun(in, run)
			w.wantConverged(b)
		}
	}
}

// A repository that a person takes off the list may have a run that read the secret before.
func TestARepositoryThatLostTheSecretStillCounts(t *testing.T) {
	w := newOrganizationWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.clock.Advance(time.Hour)
	run := w.server.StartRun("example/site", stand.Queued)
	w.clock.Advance(time.Hour)
	w.server.SelectRepositories(organization, false, "A", "selected", repo)
	b := w.addVersion("v2", map[string]string{"A": "canary-2"})
	w.mustRoll(b)
	w.clock.Advance(time.Hour)
	if seen := w.mustSee(); !slices.Contains(seen.InPlay, "v1") {
		t.Errorf("its run is overlooked: %+v", seen)
	}
	w.server.FinishRun("example/site", run)
	w.wantConverged(b)
}

// Where not all runs can be seen, the old version is in play until the drain is over.
func TestRunsThatCannotBeSeenCountUntilTheDrainIsOver(t *testing.T) {
	for why, c := range map[string]struct {
		access  manifest.RepositoryAccess
		prepare func(*world)
	}{
		"a repository that the token does not see": {manifest.RepositoryAccess{List: []string{"app", "site"}}, func(w *world) { w.server.AddToken(token, organization, repo) }},
		"more repositories than are asked":         {manifest.RepositoryAccess{Visibility: "all"}, func(w *world) { w.addRepositories(30) }},
		"more than the token may count": {manifest.RepositoryAccess{Visibility: "private"}, func(w *world) {
			w.server.LimitToken(token, "organization_secrets=write", "organization_actions_variables=write", "actions=read", "metadata=read")
		}},
		"fewer than GitHub counts": {manifest.RepositoryAccess{Visibility: "all"}, func(w *world) { w.server.AddToken(token, organization, repo) }},
	} {
		w := newOrganizationWorld(t)
		w.consumer.GitHub.Repositories = c.access
		w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
		w.clock.Advance(time.Hour)
		b := w.addVersion("v2", map[string]string{"A": "canary-2"})
		w.mustRoll(b)
		c.prepare(w)
		w.clock.Advance(github.DefaultDrain - time.Hour)
		if seen := w.mustSee(); !slices.Contains(seen.InPlay, "v1") || seen.Settled {
			t.Errorf("%s: nobody counts: %+v", why, seen)
		}
		w.clock.Advance(2 * time.Hour)
		w.wantConverged(b)
	}
}

func (w *world) addRepositories(n int) {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("example/more-%02d", i))
		w.server.AddRepository(all[i])
	}
	w.server.AddToken(token, append(all, organization, repo, "example/site", "example/other")...)
}

// A crash at any write, in any way, is finished by the next Roll, for Actions and for Dependabot, and nobody sees more than
// before.
func TestACrashAtAnyWriteOfAnOrganization(t *testing.T) {
	both := []string{repo, "example/site"}
	for _, outcome := range []sim.Outcome{sim.Dropped, sim.Lost, sim.Unavailable, sim.Denied, sim.Throttled} {
		for n := range 9 {
			t.Run(fmt.Sprintf("outcome %d at write %d", outcome, n+1), func(t *testing.T) {
				w := newOrganizationWorld(t)
				w.consumer.GitHub.Dependabot = true
				w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1", "D": "canary-1"}))
				b := w.addVersion("v2", map[string]string{"A": "canary-2", "B": "canary-2", "E": "canary-2"})
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
				want := map[string]stand.OrganizationSecret{"A": heldBy("canary-2", "selected", both...), "B": heldBy("canary-2", "selected", both...), "E": heldBy("canary-2", "selected", both...)}
				w.wantOrganization(false, want)
				w.wantOrganization(true, want)
				w.clock.Advance(2 * github.DefaultDrain)
				w.wantConverged(b)
			})
		}
	}
}

// Each permission that an organization's secrets need is missed by name.
func TestAMissingPermissionOfAnOrganizationIsNamed(t *testing.T) {
	all := []string{"organization_secrets=write", "organization_dependabot_secrets=write", "organization_actions_variables=write", "metadata=read", "actions=read"}
	for missing, doing := range map[string]string{
		"organization_secrets=write": "list secrets", "organization_dependabot_secrets=write": "list Dependabot secrets", "organization_actions_variables=write": "read the receipt",
	} {
		w := newOrganizationWorld(t)
		w.consumer.GitHub.Dependabot = true
		w.server.LimitToken(token, slices.DeleteFunc(slices.Clone(all), func(p string) bool { return p == missing })...)
		name, _, _ := strings.Cut(missing, "=")
		w.wantRefusal(w.addVersion("v1", map[string]string{"A": "canary-1"}), doing, "status 403", "lacks one of the permissions "+name+"=read")
	}
	w := newOrganizationWorld(t)
	w.server.LimitToken(token, "organization_secrets=read", "organization_actions_variables=write", "metadata=read")
	err := w.openScope().Roll(t.Context(), w.addVersion("v1", map[string]string{"A": "canary-1"}))
	if err == nil {
		t.Fatal("a token that only reads writes")
	}
	w.wantWords(err, "put secret A", "organization_secrets=write")
}

// A token that may not see runs at all is said so, as a repository's is.
func TestAMissingPermissionForRunsOfAnOrganizationIsNamed(t *testing.T) {
	w := newOrganizationWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2"}))
	w.server.LimitToken(token, "organization_secrets=write", "organization_actions_variables=write", "metadata=read")
	_, err := w.openScope().Status(t.Context())
	if err == nil {
		t.Fatal("it looks all the same")
	}
	w.wantWords(err, "list workflow runs", "lacks one of the permissions actions=read")
}

// An App is installed on the organization; its token reaches the repositories too.
func TestAnAppOfAnOrganization(t *testing.T) {
	w := newOrganizationWorld(t)
	w.useApp(7, repo)
	w.wantRefusal(w.addVersion("v1", map[string]string{"A": "canary-1"}), "find the App's installation: status 404")
	w.useApp(7, organization, repo, "example/site")
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	b := w.addVersion("v2", map[string]string{"A": "canary-2"})
	w.mustRoll(b)
	w.wantConverged(b)
}

// The organization's receipt of another environment stops everything, as a repository's does.
func TestTwoEnvironmentsDoNotShareAnOrganization(t *testing.T) {
	w := newOrganizationWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	w.environment = "production"
	w.wantRefusal(w.addVersion("v2", map[string]string{"A": "canary-2"}), "two environments share one scope")
}

func TestAnOrganizationHoldsMoreThanARepository(t *testing.T) {
	w := newOrganizationWorld(t)
	for n := range 150 {
		w.server.SetOrganizationSecretByHand(organization, false, fmt.Sprintf("THEIRS_%03d", n), "theirs", "all")
	}
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.mustRoll(b)
	w.wantConverged(b)
	if got := w.mustSee().Detail; !strings.Contains(got, "gets the first 100") {
		t.Errorf("nobody says that a workflow sees 100: %q", got)
	}
}
