package github_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	contract "github.com/rotary-secrets/rotary/internal/contract/github"
)

const (
	secrets = "/repos/example/app/environments/prod%2Feu/secrets"
	sealed  = "c2VhbGVkIGNhbmFyeQ=="
)

func TestRequestsOutsideOfTheContractAreFound(t *testing.T) {
	c := contract.Installed(t)
	for _, r := range []struct{ why, method, path, body, says string }{
		{"a secret", "PUT", secrets + "/A", `{"encrypted_value":"` + sealed + `","key_id":"1"}`, ""},
		{"a secret of a repository", "PUT", "/repos/example/app/actions/secrets/A", `{"encrypted_value":"` + sealed + `","key_id":"1"}`, ""},
		{"runs", "GET", "/repos/example/app/actions/runs?status=queued&created=%3C%3D2026-01-01T00:00:00Z&page=2&per_page=100", "", ""},
		{"a variable", "PATCH", "/repos/example/app/actions/variables/A", `{"value":"canary"}`, ""},
		{"an installation token", "POST", "/app/installations/7/access_tokens", `{"repositories":["app"]}`, ""},

		{"nothing", "PUT", secrets + "/A", `{}`, "encrypted_value"},
		{"no body", "PUT", secrets + "/A", ``, "body"},
		{"no key", "PUT", secrets + "/A", `{"encrypted_value":"` + sealed + `"}`, "key_id"},
		{"a key that is a number", "PUT", secrets + "/A", `{"encrypted_value":"` + sealed + `","key_id":1}`, "/key_id"},
		{"not base64", "PUT", secrets + "/A", `{"encrypted_value":"canary!","key_id":"1"}`, "/encrypted_value"},
		{"a field that GitHub does not know", "PUT", secrets + "/A", `{"encrypted_value":"` + sealed + `","key_id":"1","value":"canary"}`, "against properties"},
		{"an environment in two pieces", "PUT", "/repos/example/app/environments/prod/eu/secrets/A", `{"encrypted_value":"` + sealed + `","key_id":"1"}`, "no such call"},
		{"another method", "POST", secrets + "/A", `{}`, "no such call"},
		{"another path", "GET", "/repos/example/app/secrets", "", "no such call"},
		{"a status that is none", "GET", "/repos/example/app/actions/runs?status=canary", "", "status"},
		{"a page that is no number", "GET", secrets + "?page=one", "", "page"},
		{"a parameter that GitHub does not know", "GET", secrets + "?canary=1", "", "no parameter"},
		{"a body that nobody reads", "DELETE", secrets + "/A", `{"value":"canary"}`, "takes no body"},
	} {
		q := httptest.NewRequestWithContext(t.Context(), r.method, "https://github.standin"+r.path, http.NoBody)
		if r.body != "" {
			q.Header.Set("Content-Type", "application/json")
		}
		wantError(t, r.why, c.Request(q, []byte(r.body)), r.says)
	}
}

func TestAnswersOutsideOfTheContractAreFound(t *testing.T) {
	c := contract.Installed(t)
	const entry = `{"name":"A","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}`
	for _, r := range []struct {
		why, method, path string
		status            int
		body, says        string
	}{
		{"a list", "GET", secrets, 200, `{"total_count":1,"secrets":[` + entry + `]}`, ""},
		{"written", "PUT", secrets + "/A", 204, "", ""},
		{"not found", "GET", secrets, 404, `{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}`, ""},
		{"moved", "GET", secrets, 301, `{"message":"Moved Permanently"}`, ""},

		{"no count", "GET", secrets, 200, `{"secrets":[]}`, "total_count"},
		{"no time", "GET", secrets, 200, `{"total_count":1,"secrets":[{"name":"A","created_at":"2026-01-01T00:00:00Z"}]}`, "updated_at"},
		{"a time that is none", "GET", secrets, 200, strings.Replace(`{"total_count":1,"secrets":[`+entry+`]}`, "T00:00:00Z", " canary", 1), "/secrets/0/created_at"},
		{"a status that GitHub does not give", "PUT", secrets + "/A", 200, "{}", "status is not supported"},
		{"an error with a number in it", "GET", secrets, 403, `{"message":7}`, "/message"},
		{"an error that is not JSON", "GET", secrets, 403, `canary`, "not JSON"},
		{"not implemented", "GET", secrets, 501, `{"message":"canary"}`, "nobody implements it"},
		{"a run without most of it", "GET", "/repos/example/app/actions/runs", 200, `{"total_count":1,"workflow_runs":[{"id":1}]}`, "/workflow_runs/0"},
		{"an installation without most of it", "GET", "/repos/example/app/installation", 200, `{"id":1}`, "app_id"},
	} {
		q := httptest.NewRequestWithContext(t.Context(), r.method, "https://github.standin"+r.path, http.NoBody)
		header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
		if r.status == http.StatusMovedPermanently {
			header.Set("Location", "https://github.standin/repositories/1")
		}
		wantError(t, r.why, c.Answer(q, r.status, header, []byte(r.body)), r.says)
	}
}

func wantError(t *testing.T, why string, err error, says string) {
	t.Helper()
	switch {
	case says == "" && err != nil:
		t.Errorf("%s: %v", why, err)
	case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
		t.Errorf("%s: it does not say %q: %v", why, says, err)
	case err != nil && strings.Contains(err.Error(), "canary") && why != "a parameter that GitHub does not know":
		t.Errorf("%s: it quotes what was sent: %v", why, err)
	}
}

// The whole description takes a minute to check; what the driver calls of it must be read in no time.
func TestTheSliceIsSmall(t *testing.T) {
	description, err := os.Stat(filepath.Join(contract.Folder(t), "node_modules", ".slices", "github.json"))
	if err != nil || description.Size() > 1<<20 {
		t.Errorf("the slice has %d bytes, %v", description.Size(), err)
	}
}
