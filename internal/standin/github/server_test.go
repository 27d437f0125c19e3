package github_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v92/github"
	"golang.org/x/crypto/nacl/box"

	contract "github.com/rotary-secrets/rotary/internal/contract/github"
	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

const (
	repo  = "example/app"
	token = "ghp_token"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

type world struct {
	*testing.T
	clock  *sim.Clock
	tap    *sim.Tap
	server *github.Server
	client *gh.Client
}

func newWorld(t *testing.T) *world {
	clock := sim.NewClock(start)
	tap := sim.NewTap(clock)
	server := github.New(github.Config{Clock: clock, Tap: tap})
	contract.WatchAnswers(t, server)
	server.AddRepository(repo, "dev", "prod/eu")
	server.AddToken(token, repo)
	w := &world{T: t, clock: clock, tap: tap, server: server}
	w.client = w.clientFor(token)
	return w
}

func (w *world) clientFor(token string) *gh.Client {
	w.Helper()
	base := "https://github.standin/"
	options := []gh.ClientOptionsFunc{gh.WithURLs(&base, nil), gh.WithTransport(sim.Transport{Handler: w.server}), gh.WithDisableRateLimitCheck()}
	if token != "" {
		options = append(options, gh.WithAuthToken(token))
	}
	client, err := gh.NewClient(options...)
	if err != nil {
		w.Fatal(err)
	}
	return client
}

func (w *world) seal(key *gh.PublicKey, text string) gh.SecretRequest {
	w.Helper()
	raw, err := base64.StdEncoding.DecodeString(*key.Key)
	if err != nil {
		w.Fatal(err)
	}
	sealed, err := box.SealAnonymous(nil, []byte(text), (*[32]byte)(raw), rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	return gh.SecretRequest{KeyID: *key.KeyID, EncryptedValue: base64.StdEncoding.EncodeToString(sealed)}
}

func (w *world) repoKey() *gh.PublicKey {
	w.Helper()
	key, _, err := w.client.Actions.GetRepoPublicKey(w.Context(), "example", "app")
	if err != nil {
		w.Fatal(err)
	}
	return key
}

// put writes a repository secret and returns the status.
func (w *world) put(name, text string) int {
	w.Helper()
	resp, err := w.client.Actions.CreateOrUpdateRepoSecret(w.Context(), "example", "app", name, w.seal(w.repoKey(), text))
	return statusOf(w.T, resp, err)
}

func statusOf(t *testing.T, resp *gh.Response, err error) int {
	t.Helper()
	if resp == nil {
		t.Fatalf("no answer: %v", err)
	}
	return resp.StatusCode
}

func TestSecretsOfARepository(t *testing.T) {
	w := newWorld(t)
	if got := w.put("token", "one"); got != http.StatusCreated {
		t.Errorf("the first PUT = %d, want 201", got)
	}
	w.clock.Advance(time.Minute)
	if got := w.put("TOKEN", "two ü"); got != http.StatusNoContent {
		t.Errorf("the second PUT = %d, want 204", got)
	}
	text, updated, ok := w.server.Secret(repo, "", "token")
	if !ok || text != "two ü" || !updated.Equal(start.Add(time.Minute)) {
		t.Errorf("Secret = %d bytes at %v, %v", len(text), updated, ok)
	}
	one, _, err := w.client.Actions.GetRepoSecret(t.Context(), "example", "app", "token")
	if err != nil || one.Name != "TOKEN" || !one.CreatedAt.Equal(gh.Timestamp{Time: start}) || !one.UpdatedAt.Equal(gh.Timestamp{Time: updated}) {
		t.Errorf("GetRepoSecret = %+v, %v", one, err)
	}
	resp, err := w.client.Actions.DeleteRepoSecret(t.Context(), "example", "app", "TOKEN")
	if got := statusOf(t, resp, err); got != http.StatusNoContent {
		t.Errorf("DELETE = %d", got)
	}
	resp, err = w.client.Actions.DeleteRepoSecret(t.Context(), "example", "app", "TOKEN")
	if got := statusOf(t, resp, err); got != http.StatusNotFound {
		t.Errorf("the second DELETE = %d, want 404", got)
	}
}

func TestSecretsOfAnEnvironmentWhoseNameHasASlash(t *testing.T) {
	w := newWorld(t)
	key, _, err := w.client.Actions.GetEnvPublicKey(t.Context(), "example", "app", "prod/eu")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.client.Actions.CreateOrUpdateEnvSecret(t.Context(), "example", "app", "prod/eu", "A", w.seal(key, "x"))
	if got := statusOf(t, resp, err); got != http.StatusCreated {
		t.Fatalf("PUT = %d", got)
	}
	listed, _, err := w.client.Actions.ListEnvSecrets(t.Context(), "example", "app", "prod/eu", nil)
	if err != nil || listed.TotalCount != 1 || listed.Secrets[0].Name != "A" {
		t.Errorf("ListEnvSecrets = %+v, %v", listed, err)
	}
	if got := w.server.Secrets(repo, ""); len(got) != 0 {
		t.Errorf("the repository's own secrets = %v", got)
	}
	resp, err = w.client.Actions.CreateOrUpdateEnvSecret(t.Context(), "example", "app", "prod/eu", "A", w.seal(w.repoKey(), "x"))
	if got := statusOf(t, resp, err); got != http.StatusUnprocessableEntity {
		t.Errorf("a box for the repository's key = %d, want 422", got)
	}
	env, _, err := w.client.Repositories.GetEnvironment(t.Context(), "example", "app", "prod/eu")
	if err != nil || env.GetName() != "prod/eu" {
		t.Errorf("GetEnvironment = %v, %v", env, err)
	}
	_, resp, err = w.client.Actions.ListEnvSecrets(t.Context(), "example", "app", "nowhere", nil)
	if got := statusOf(t, resp, err); got != http.StatusNotFound {
		t.Errorf("an unknown environment = %d, want 404", got)
	}
}

func TestRefusedSecrets(t *testing.T) {
	w := newWorld(t)
	good := w.seal(w.repoKey(), "x")
	largest, tooLarge := w.seal(w.repoKey(), strings.Repeat("x", 48<<10)), w.seal(w.repoKey(), strings.Repeat("x", 48<<10+1))
	w.server.RotatePublicKey(repo, "dev")
	for _, c := range []struct {
		why, name string
		body      gh.SecretRequest
		want      int
	}{
		{"the prefix GITHUB_", "github_token", good, 422},
		{"a leading digit", "1A", good, 422},
		{"a character", "A-B", good, 422},
		{"no base64", "A", gh.SecretRequest{KeyID: good.KeyID, EncryptedValue: "%"}, 422},
		{"an unknown key", "A", gh.SecretRequest{KeyID: "1", EncryptedValue: good.EncryptedValue}, 422},
		{"not a box", "A", gh.SecretRequest{KeyID: good.KeyID, EncryptedValue: "AAAA"}, 422},
		{"too large", "A", tooLarge, 422},
		{"the largest", "A", largest, 201},
	} {
		resp, err := w.client.Actions.CreateOrUpdateRepoSecret(t.Context(), "example", "app", c.name, c.body)
		if got := statusOf(t, resp, err); got != c.want {
			t.Errorf("%s: %d, want %d", c.why, got, c.want)
		}
	}
	w.server.RotatePublicKey(repo, "")
	resp, err := w.client.Actions.CreateOrUpdateRepoSecret(t.Context(), "example", "app", "B", good)
	if got := statusOf(t, resp, err); got != 422 {
		t.Errorf("a box for a replaced key: %d, want 422", got)
	}
	for i := range 99 {
		w.server.SetSecretByHand(repo, "", fmt.Sprintf("N%d", i), "x")
	}
	if got := w.put("ONE_TOO_MANY", "x"); got != 422 {
		t.Errorf("the 101st secret: %d, want 422", got)
	}
	if got := w.put("N1", "x"); got != 204 {
		t.Errorf("one of a hundred again: %d, want 204", got)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	for i := range 65 {
		w.server.SetSecretByHand(repo, "", fmt.Sprintf("N%02d", i), "x")
	}
	var names []string
	var sizes []int
	options := &gh.ListOptions{}
	for {
		page, resp, err := w.client.Actions.ListRepoSecrets(t.Context(), "example", "app", options)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.Secrets))
		for _, s := range page.Secrets {
			names = append(names, s.Name)
		}
		if resp.NextPage == 0 {
			break
		}
		options.Page = resp.NextPage
	}
	if diff := cmp.Diff([]int{30, 30, 5}, sizes); diff != "" {
		t.Errorf("page sizes: %s", diff)
	}
	if slices.IsSorted(names) {
		t.Error("the names come in an order that GitHub does not document")
	}
	slices.Sort(names)
	if diff := cmp.Diff(w.server.Secrets(repo, ""), names); diff != "" {
		t.Errorf("names: %s", diff)
	}
	past, _, err := w.client.Actions.ListRepoSecrets(t.Context(), "example", "app", &gh.ListOptions{Page: 1 << 20, PerPage: 100})
	if err != nil || len(past.Secrets) != 0 {
		t.Errorf("a page past the end: %v, %v", past, err)
	}
}

func TestVariables(t *testing.T) {
	w := newWorld(t)
	create := func(name, value string) int {
		resp, err := w.client.Actions.CreateEnvVariable(t.Context(), "example", "app", "dev", gh.ActionsCreateVariableRequest{Name: name, Value: value})
		return statusOf(t, resp, err)
	}
	update := func(value string) int {
		resp, err := w.client.Actions.UpdateEnvVariable(t.Context(), "example", "app", "dev", "A", gh.ActionsUpdateVariableRequest{Value: &value})
		return statusOf(t, resp, err)
	}
	got := []int{update("0"), create("a", "1"), create("A", "2"), update("3"), create("GITHUB_A", "4"), create("B", strings.Repeat("x", 48<<10+1))}
	if diff := cmp.Diff([]int{404, 201, 409, 204, 422, 422}, got); diff != "" {
		t.Errorf("statuses: %s", diff)
	}
	one, _, err := w.client.Actions.GetEnvVariable(t.Context(), "example", "app", "dev", "A")
	if err != nil || one.Value != "3" || one.UpdatedAt == nil {
		t.Errorf("GetEnvVariable = %+v, %v", one, err)
	}
	listed, _, err := w.client.Actions.ListEnvVariables(t.Context(), "example", "app", "dev", nil)
	if err != nil || listed.TotalCount != 1 {
		t.Errorf("ListEnvVariables = %+v, %v", listed, err)
	}
	if _, err := w.client.Actions.DeleteEnvVariable(t.Context(), "example", "app", "dev", "A"); err != nil {
		t.Error(err)
	}
	if _, resp, err := w.client.Actions.GetEnvVariable(t.Context(), "example", "app", "dev", "A"); statusOf(t, resp, err) != 404 {
		t.Error("a deleted variable can be read")
	}
}

func TestRunsAreListedByStatusAndAge(t *testing.T) {
	w := newWorld(t)
	first := w.server.StartRun(repo, github.InProgress)
	w.clock.Advance(time.Hour)
	w.server.StartRun(repo, github.Queued)
	list := func(status, created string) (ids []int64) {
		runs, _, err := w.client.Actions.ListRepositoryWorkflowRuns(t.Context(), "example", "app", &gh.ListWorkflowRunsOptions{Status: status, Created: created})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs.WorkflowRuns {
			ids = append(ids, r.GetID())
		}
		return ids
	}
	w.server.FinishRun(repo, first)
	got := [][]int64{list("", ""), list("queued", ""), list("completed", ""), list("", "<=2026-01-01T00:30:00Z"), list("queued", "2026-01-01T00:00:00Z..2026-01-01T00:30:00Z")}
	if diff := cmp.Diff([][]int64{{2, 1}, {2}, {1}, {1}, nil}, got); diff != "" {
		t.Errorf("runs: %s", diff)
	}
}
