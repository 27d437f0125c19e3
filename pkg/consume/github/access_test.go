package github_test

import (
	"net/http"
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

// Each permission that the documentation of New asks for is missed by name, at once, and before anything is written.
func TestAMissingPermissionIsNamed(t *testing.T) {
	repository := []string{"secrets=write", "actions_variables=write", "actions=read"}
	environment := []string{"environments=write", "actions=read"}
	for _, c := range []struct {
		environment string
		all         []string
		missing     string
		doing       string
	}{
		{"", repository, "secrets=write", "list secrets"},
		{"", repository, "actions_variables=write", "read the receipt"},
		{"", repository, "actions=read", "list workflow runs"},
		{"prod/eu", environment, "environments=write", "list secrets"},
		{"prod/eu", environment, "actions=read", "list workflow runs"},
	} {
		w := newWorld(t)
		w.consumer.GitHub.Environment = c.environment
		w.server.LimitToken(token, c.all...)
		w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
		w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2"})) // now runs count
		w.server.LimitToken(token, slices.DeleteFunc(slices.Clone(c.all), func(p string) bool { return p == c.missing })...)
		w.waited = nil
		_, err := w.openScope().Status(t.Context())
		if err == nil {
			t.Errorf("without %s: it looks all the same", c.missing)
			continue
		}
		name, _, _ := strings.Cut(c.missing, "=")
		w.wantWords(err, c.doing, "status 403", "lacks one of the permissions "+name+"=read")
		if len(w.waited) > 0 {
			t.Errorf("without %s: it tries again", c.missing)
		}
	}
}

func TestATokenThatOnlyReadsIsRefusedBeforeTheFirstSecret(t *testing.T) {
	w := newWorld(t)
	w.server.LimitToken(token, "environments=read", "actions=read")
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	err := w.openScope().Roll(t.Context(), b)
	if err == nil {
		t.Fatal("it writes")
	}
	w.wantWords(err, "create the receipt", "lacks one of the permissions environments=write")
	w.wantSecrets(nil)
	w.server.LimitToken(token, "environments=write", "actions=read")
	w.mustRoll(b)
	w.wantConverged(b)
}

func TestWhyATokenIsNotEnough(t *testing.T) {
	for header, says := range map[string]string{
		"X-GitHub-SSO: required; url=https://example.com/canary": "the organization's single sign-on",
		"X-Accepted-GitHub-Permissions: secrets=write":           "lacks one of the permissions secrets=write",
		"X-Accepted-GitHub-Permissions: a=read,b=write; c=read":  "lacks one of the permissions a=read,b=write; c=read",
		"X-Accepted-GitHub-Permissions: canary <&>":              "does not allow it",
		"Server: github.com":                                     "does not allow it",
	} {
		w := newSettledWorld(t, nil)
		_, err := w.seeThrough(&forged{route: routes[0], status: http.StatusForbidden, header: parseHeaders(header), body: `{"message":"canary"}`})
		if err == nil {
			t.Fatalf("%s: it looks all the same", header)
		}
		w.wantWords(err, says)
	}
}

func TestAnExpiredOrRevokedTokenIsNotTriedAgain(t *testing.T) {
	for why, end := range map[string]func(*world){
		"expired": func(w *world) { w.server.ExpireToken(token, w.clock.Now()) },
		"revoked": func(w *world) { w.server.RevokeToken(token) },
	} {
		w := newWorld(t)
		b := w.addVersion("v1", map[string]string{"A": "canary-1"})
		w.mustRoll(b)
		end(w)
		w.waited = nil
		w.wantRefusal(w.addVersion("v2", map[string]string{"A": "canary-2"}), "status 401", "the token is not valid, or no longer")
		if len(w.waited) > 0 {
			t.Errorf("%s: it waited to try again", why)
		}
		w.server.AddToken(token, repo)
		w.wantConverged(b)
	}
}

// An App's installation can lose the repository, and its tokens die within the hour; a pass gets its own.
func TestAnAppThatIsNotInstalledThereIsSaidSo(t *testing.T) {
	w := newWorld(t)
	w.useApp(7, "example/other")
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.wantRefusal(b, "list secrets: find the App's installation: status 404", "does not exist, or the token does not see it")
	w.useApp(7, repo)
	w.mustRoll(b)
	w.wantConverged(b)
	w.server.RevokeAppKey(7)
	w.wantRefusal(b, "find the App's installation: status 401", "not valid")
}

func TestAnArchivedRepositoryIsReadAndSaidSo(t *testing.T) {
	w := newWorld(t)
	first := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.mustRoll(first)
	w.server.ArchiveRepository(repo)
	if seen := w.mustSee(); seen.Running != "v1" || !seen.Settled {
		t.Errorf("archived: %+v", seen)
	}
	b := w.addVersion("v2", map[string]string{"A": "canary-2"})
	err := w.openScope().Roll(t.Context(), b)
	if err == nil {
		t.Fatal("an archived repository is written to")
	}
	w.wantWords(err, "update the receipt: status 403", "the repository is archived")
	w.wantSecrets(w.versions["v1"])
	w.server.UnarchiveRepository(repo)
	w.mustRoll(b)
	w.wantConverged(b)
}

// A renamed repository answers 301 to a look and 307 to a write. Neither is followed: the name may be somebody else's
// tomorrow, and the address another host's.
func TestARenamedRepositoryIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1"}))
	b := w.addVersion("v2", map[string]string{"A": "canary-2", "B": "canary-2"})
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if strings.HasSuffix(c.Resource, "/secrets/B") {
			w.tap.OnCall(nil)
			w.server.RenameRepository(repo, "example/renamed")
		}
		return sim.Fault{}
	})
	hosts := map[string]bool{}
	s := w.openOver(roundTrip(func(r *http.Request) (*http.Response, error) {
		hosts[r.URL.Host+" "+strings.Split(r.URL.Path, "/")[1]] = true
		return sim.Transport{Handler: w.server}.RoundTrip(r)
	}))
	err := s.Roll(t.Context(), b)
	if err == nil {
		t.Fatal("a redirected write counts as done")
	}
	w.wantWords(err, "written: A; not written: B", "put secret B: status 307", "renamed or moved: name it anew")
	if _, err = s.Status(t.Context()); err == nil {
		t.Fatal("a redirected look counts")
	}
	w.wantWords(err, "list secrets: status 301", "renamed or moved")
	if diff := cmp.Diff(map[string]bool{"github.standin repos": true}, hosts); diff != "" {
		t.Errorf("where requests went: %s", diff)
	}
	w.consumer.GitHub.Repository = "example/renamed"
	if err := w.openScope().Roll(t.Context(), b); err != nil {
		t.Error(err)
	}
	if held, _, _ := w.server.Secret("example/renamed", "prod/eu", "B"); held != "canary-2" {
		t.Error("B is not written under the new name")
	}
}

func TestARepositoryThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.consumer.GitHub.Repository = "example/gone"
	w.wantRefusal(w.addVersion("v1", map[string]string{"A": "canary-1"}), "list secrets: status 404", "does not exist, or the token does not see it")
	w = newWorld(t)
	w.consumer.GitHub.Environment = "none"
	w.wantRefusal(w.addVersion("v1", map[string]string{"A": "canary-1"}), "example/app, environment none", "list secrets: status 404")
}

func TestOddEnvironmentNames(t *testing.T) {
	for _, name := range []string{
		"a/b/c", "//", "/a/", "prod eu", "100%", "%2F", "50%2Foff", "a?b=c", "a#b", "a&b;c", "a+b", "grün", "秘密", "a:b@c", "...", "a/./b", "a/..b", `a"b\c`, "public-key",
	} {
		w := newWorld(t)
		w.server.AddRepository(repo, name)
		w.consumer.GitHub.Environment = name
		b := w.addVersion("v1", map[string]string{"A": "canary-1"})
		w.mustRoll(b)
		w.wantSecrets(w.versions["v1"])
		w.wantConverged(b)
		w.consumer.GitHub.Environment = "prod/eu"
		w.wantSecrets(nil)
	}
	for _, g := range []manifest.GitHub{{Repository: repo, Environment: ".."}, {Repository: repo, Environment: "."}, {Repository: repo, Environment: "a/../b"}, {Repository: "example/.."}, {Repository: "example/."}} {
		c := manifest.Consumer{Name: "ci", GitHub: &g}
		if _, err := github.New(c, "dev", secret.New(token), ""); err == nil || !strings.Contains(err.Error(), "a way in a path") {
			t.Errorf("%q in %q: %v", g.Environment, g.Repository, err)
		}
	}
}

// Headers have how long to wait, in this order.
func TestWhatALimitSaysIsWaitedFor(t *testing.T) {
	const used = dated + "X-RateLimit-Limit: 5000\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: "
	const reset = "1767226230" // half a minute after Date
	for _, c := range []struct {
		why, header string
		waits       []time.Duration
		says        string
	}{
		{"the limit is new soon", used + reset, []time.Duration{31 * time.Second, 31 * time.Second, 31 * time.Second}, "hourly limit is used up until 2026-01-01T00:10:30Z"},
		{"and GitHub asks for more", used + reset + "\nRetry-After: 45", []time.Duration{45 * time.Second, 45 * time.Second, 45 * time.Second}, "hourly limit"},
		{"it is new in an hour", used + "1767229800", nil, "hourly limit is used up until 2026-01-01T01:10:00Z"},
		{"it was new a while ago", used + "1767225600", nil, "hourly limit"},
		{"nobody knows what time it is", strings.TrimPrefix(used, dated) + reset, nil, "hourly limit"},
		{"a secondary limit", dated + "Retry-After: 7", []time.Duration{7 * time.Second, 7 * time.Second, 7 * time.Second}, "a secondary rate limit"},
		{"one that says nothing", dated, []time.Duration{time.Minute, 2 * time.Minute}, "a secondary rate limit"},
	} {
		for _, status := range []int{403, 429} {
			w := newSettledWorld(t, nil)
			w.waited = nil
			limited := &forged{
				route: routes[0], status: status, header: parseHeaders(c.header),
				body: `{"message":"canary","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`,
			}
			_, err := w.seeThrough(limited)
			if err == nil {
				t.Fatalf("%s: it looks all the same", c.why)
			}
			w.wantWords(err, c.says)
			if diff := cmp.Diff(c.waits, w.waited); diff != "" {
				t.Errorf("%s (%d): it waits %s", c.why, status, diff)
			}
		}
	}
}
