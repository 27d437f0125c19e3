package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v92/github"

	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

func TestWhoMayLook(t *testing.T) {
	w := newWorld(t)
	w.server.AddRepository("example/other")
	for _, c := range []struct {
		why, token, repository string
		want                   int
	}{
		{"its own repository", token, "app", 200},
		{"a repository it does not see", token, "other", 404},
		{"no repository", token, "nothing", 404},
		{"an unknown token", "ghp_other", "app", 401},
		{"no token", "", "app", 401},
	} {
		_, resp, err := w.clientFor(c.token).Actions.ListRepoSecrets(t.Context(), "example", c.repository, nil)
		if got := statusOf(t, resp, err); got != c.want {
			t.Errorf("%s: %d, want %d", c.why, got, c.want)
		}
	}
	w.server.RevokeToken(token)
	if _, resp, err := w.client.Actions.ListRepoSecrets(t.Context(), "example", "app", nil); statusOf(t, resp, err) != 401 {
		t.Error("a revoked token still works")
	}
}

func TestApp(t *testing.T) {
	w := newWorld(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w.server.AddApp(7, &key.PublicKey, repo)
	sign := func(key *rsa.PrivateKey, issuer string, life time.Duration) *gh.Client {
		now := w.clock.Now()
		signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": issuer, "iat": now.Unix(), "exp": now.Add(life).Unix()}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return w.clientFor(signed)
	}
	for why, client := range map[string]*gh.Client{
		"another key": sign(other, "7", time.Minute), "another app": sign(key, "8", time.Minute),
		"a long life": sign(key, "7", time.Hour), "no life": sign(key, "7", 0), "a PAT": w.client,
	} {
		if _, resp, err := client.Apps.GetRepositoryInstallation(t.Context(), "example", "app"); statusOf(t, resp, err) != 401 {
			t.Errorf("%s: %d, want 401", why, resp.StatusCode)
		}
	}
	client := sign(key, "7", time.Minute)
	installation, _, err := client.Apps.GetRepositoryInstallation(t.Context(), "example", "app")
	if err != nil {
		t.Fatal(err)
	}
	if _, resp, err := client.Apps.CreateInstallationToken(t.Context(), installation.GetID(), &gh.InstallationTokenOptions{Repositories: []string{"other"}}); statusOf(t, resp, err) != 422 {
		t.Error("a token for a repository without the App")
	}
	got, _, err := client.Apps.CreateInstallationToken(t.Context(), installation.GetID(), &gh.InstallationTokenOptions{Repositories: []string{"app"}})
	if err != nil {
		t.Fatal(err)
	}
	see := func() int {
		_, resp, err := w.clientFor(got.GetToken()).Actions.ListRepoSecrets(t.Context(), "example", "app", nil)
		return statusOf(t, resp, err)
	}
	w.server.RevokeAppKey(7)
	if _, resp, err := client.Apps.GetRepositoryInstallation(t.Context(), "example", "app"); statusOf(t, resp, err) != 401 {
		t.Errorf("with a revoked key: %d, want 401", resp.StatusCode)
	}
	before := see()
	w.clock.Advance(time.Hour)
	if before != 200 || see() != 401 {
		t.Errorf("the token that it got before answers %d, and %d after its hour; want 200 and 401", before, see())
	}
}

func TestLimitsAndFaults(t *testing.T) {
	w := newWorld(t)
	get := func() (*gh.Response, error) {
		_, resp, err := w.client.Actions.ListRepoSecrets(t.Context(), "example", "app", nil)
		return resp, err
	}
	resp, err := get()
	if err != nil || resp.Rate.Limit != 5000 || resp.Rate.Remaining != 4999 || resp.Header.Get("Date") != "Thu, 01 Jan 2026 00:00:00 GMT" {
		t.Errorf("headers = %v, %v", resp.Header, err)
	}
	outcome := sim.Throttled
	w.tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: outcome} })
	_, err = get()
	var secondary *gh.AbuseRateLimitError
	if !errors.As(err, &secondary) || secondary.GetRetryAfter() != time.Minute {
		t.Errorf("throttled = %v", err)
	}
	for o, want := range map[sim.Outcome]int{sim.Unavailable: 502, sim.Denied: 403} {
		outcome = o
		if resp, err := get(); statusOf(t, resp, err) != want {
			t.Errorf("outcome %d = %d, want %d", o, resp.StatusCode, want)
		}
	}
	outcome = sim.Works
	for range github.HourlyLimit - 1 {
		if _, err := get(); err != nil {
			t.Fatal(err)
		}
	}
	_, err = get()
	var primary *gh.RateLimitError
	if !errors.As(err, &primary) || !primary.Rate.Reset.Equal(gh.Timestamp{Time: start.Add(time.Hour)}) {
		t.Errorf("the 5001st request = %v", err)
	}
	w.clock.Advance(time.Hour)
	if _, err := get(); err != nil {
		t.Error(err)
	}
}

func TestJournalAndTheUnknown(t *testing.T) {
	w := newWorld(t)
	w.put("A", "x")
	_, resp, err := w.client.Issues.ListByRepo(t.Context(), "example", "app", nil)
	if got := statusOf(t, resp, err); got != http.StatusNotImplemented {
		t.Errorf("an unknown route = %d, want 501", got)
	}
	var got []string
	for _, c := range w.tap.Calls() {
		got = append(got, fmt.Sprint(c.Service, " ", c.Operation, " ", c.Write, " ", c.Status))
	}
	want := []string{
		"github GET /repos/{owner}/{repo}/actions/secrets/public-key false 200",
		"github PUT /repos/{owner}/{repo}/actions/secrets/{name} true 201",
		"github GET /repos/example/app/issues false 501",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("journal: %s", diff)
	}
	req, err := w.client.NewRequest(t.Context(), "PUT", "repos/example/app/actions/secrets/A", map[string]any{"visibility": "all"})
	if err != nil {
		t.Fatal(err)
	}
	resp, err = w.client.Do(req, nil)
	if got := statusOf(t, resp, err); got != http.StatusNotImplemented {
		t.Errorf("an unknown parameter = %d, want 501", got)
	}
}

func TestALimitedTokenIsToldWhatItLacks(t *testing.T) {
	w := newWorld(t)
	w.server.LimitToken(token, "secrets=read", "environments=write")
	for _, c := range []struct{ method, path, lacks string }{
		{"GET", "actions/secrets", ""},
		{"DELETE", "actions/secrets/A", "secrets=write"},
		{"GET", "actions/variables/A", "actions_variables=read"},
		{"GET", "actions/runs", "actions=read"},
		{"GET", "environments/dev/secrets", ""},
		{"GET", "environments/dev/variables", ""},
		{"GET", "environments", "actions=read"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "https://github.standin/repos/example/app/"+c.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := sim.Transport{Handler: w.server}.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("X-Accepted-GitHub-Permissions"); got != c.lacks || (resp.StatusCode == 403) != (c.lacks != "") {
			t.Errorf("%s %s = %d, lacks %q, want %q", c.method, c.path, resp.StatusCode, got, c.lacks)
		}
	}
}
