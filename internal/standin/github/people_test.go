package github_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

func TestAnArchivedRepositoryIsReadOnly(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "", "A", "x")
	key := w.repoKey()
	w.server.ArchiveRepository(repo)
	write := func() int {
		resp, err := w.client.Actions.CreateOrUpdateRepoSecret(t.Context(), "example", "app", "A", w.seal(key, "y"))
		return statusOf(t, resp, err)
	}
	if got := write(); got != http.StatusForbidden {
		t.Errorf("PUT = %d, want 403", got)
	}
	if listed, _, err := w.client.Actions.ListRepoSecrets(t.Context(), "example", "app", nil); err != nil || listed.TotalCount != 1 {
		t.Errorf("it cannot be read: %v", err)
	}
	w.server.UnarchiveRepository(repo)
	if got := write(); got != http.StatusNoContent {
		t.Errorf("PUT when it is archived no longer = %d, want 204", got)
	}
}

func TestAFormerNameIsRedirected(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "dev", "A", "x")
	w.server.RenameRepository(repo, "example/renamed")
	client := &http.Client{
		Transport: sim.Transport{Handler: w.server}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	type redirect struct {
		Status   int
		Location string
	}
	ask := func(method, path, token string) redirect {
		req, err := http.NewRequestWithContext(t.Context(), method, "https://github.standin"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return redirect{resp.StatusCode, resp.Header.Get("Location")}
	}
	w.server.AddToken("elsewhere", "example/other")
	got := []redirect{
		ask("GET", "/repos/example/app/actions/secrets", token),
		ask("DELETE", "/repos/example/app/environments/prod%2Feu/secrets/A", token),
		ask("GET", "/repos/example/app/actions/secrets", "elsewhere"),
		ask("GET", "/repos/example/renamed/actions/secrets", token),
	}
	want := []redirect{
		{301, "https://github.standin/repositories/1000/actions/secrets"},
		{307, "https://github.standin/repositories/1000/environments/prod%2Feu/secrets/A"},
		{404, ""},
		{200, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if names := w.server.Secrets("example/renamed", "dev"); len(names) != 1 {
		t.Errorf("the renamed repository has %v", names)
	}
	w.server.RenameRepository("example/renamed", repo)
	if got := ask("GET", "/repos/example/app/actions/secrets", token); got.Status != 200 {
		t.Errorf("renamed back: %d, want 200", got.Status)
	}
	if got := ask("GET", "/repos/example/renamed/actions/secrets", token); got.Status != 301 {
		t.Errorf("the name it had in between: %d, want 301", got.Status)
	}
}

func TestAnExpiredTokenIsBadCredentials(t *testing.T) {
	w := newWorld(t)
	w.server.ExpireToken(token, start.Add(time.Hour))
	get := func() int {
		_, resp, err := w.client.Actions.ListRepoSecrets(t.Context(), "example", "app", nil)
		return statusOf(t, resp, err)
	}
	before := get()
	w.clock.Advance(time.Hour)
	if after := get(); before != 200 || after != 401 {
		t.Errorf("before its end %d, from then on %d; want 200 and 401", before, after)
	}
}
