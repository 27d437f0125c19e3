package vercel

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	api       = "https://api.vercel.com"
	variables = api + "/v10/projects/dashboard/env"
	sent      = `[{"key":"A","value":"hush","type":"encrypted","target":["production"],"comment":"c"}]`
	written   = `{"created":[{"id":"env_1","key":"A","type":"encrypted","value":"hush","target":["production"]}],"failed":[{"error":{"code":"ENV_CONFLICT","message":"m","value":"hush"}}]}`
)

// Every row is one thing wrong, but for those without words.
func TestTheSDKFindsWhatIsNotInItsContract(t *testing.T) {
	Require(t)
	rows := []struct {
		call  Call
		words string
	}{
		{Call{"POST", variables + "?upsert=true&slug=acme", sent, 201, written}, ""},
		{Call{"DELETE", api + "/v9/projects/dashboard/env/env_1?teamId=team_1", "", 404, `{"error":{"code":"not_found","message":"m"}}`}, ""},
		{Call{"POST", strings.Replace(variables, "v10", "v9", 1), sent, 201, written}, "the SDK has no POST /v9/projects/dashboard/env"},
		{Call{"GET", api + "/v6/deployments?projectId=prj_1", "", 200, `{}`}, "the SDK has no GET /v6/deployments"},
		{Call{"GET", variables + "?page=2", "", 404, `{"error":{"code":"c","message":"m"}}`}, "asks with the parameters"},
		{Call{"POST", variables, strings.Replace(sent, "encrypted", "secret", 1), 201, written}, "request : invalid_type"},
		{Call{"POST", variables, strings.Replace(sent, `["production"]`, `["hush"]`, 1), 201, written}, "request : invalid_type"},
		{Call{"POST", variables, strings.Replace(sent, `"comment"`, `"visibility":"secret","comment"`, 1), 201, written}, "it does not know all fields"},
		{Call{"POST", variables, sent, 200, written}, "answer the SDK does not take status 200"},
		{Call{"POST", variables, sent, 201, `{"envs":[]}`}, "answer failed: invalid_type"},
		{Call{"POST", variables, sent, 400, `{"error":{"code":"c"}}`}, "an error has a code and a message"},
		{Call{"POST", variables, sent, 400, `{"error":{"code":"c","message":"m","failed":[{"error":7}]}}`}, "answer : invalid_type"},
		{Call{"POST", api + "/v13/deployments", `{"target":"production"}`, 200, `{}`}, "request requestBody.name"},
	}
	var calls []Call
	for _, row := range rows {
		calls = append(calls, row.call)
	}
	found, err := askSDK(t.Context(), calls)
	if err != nil {
		t.Fatal(err)
	}
	wrong := make([]string, len(rows))
	for _, f := range found {
		wrong[f.Line] += f.What + "\n"
	}
	for n, row := range rows {
		switch {
		case row.words == "" && wrong[n] != "", !strings.Contains(wrong[n], row.words):
			t.Errorf("%s %s, want %q:\n%s", row.call.Method, row.call.URL, row.words, wrong[n])
		case strings.Contains(wrong[n], "hush"):
			t.Errorf("%s %s: the finding has a value", row.call.Method, row.call.URL)
		}
	}
}

type fixed string

func (f fixed) RoundTrip(req *http.Request) (*http.Response, error) {
	if f == "" {
		return nil, errors.New("no answer")
	}
	return &http.Response{StatusCode: 200, Request: req, Body: io.NopCloser(strings.NewReader(string(f)))}, nil
}

func TestARecorderKeepsEachAnsweredCallOnceAndPassesItOn(t *testing.T) {
	var r Recorder
	for _, body := range []string{"one", "one", "two", ""} {
		for _, path := range []string{"/v13/deployments", "/v1/integrations/deploy/prj/hook"} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", api+path, strings.NewReader("asked"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := r.Over(fixed(body)).RoundTrip(req)
			if err != nil {
				continue
			}
			got, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if string(got) != body {
				t.Errorf("the answer is %q, want %q", got, body)
			}
		}
	}
	want := []Call{{"POST", api + "/v13/deployments", "asked", 200, "one"}, {"POST", api + "/v13/deployments", "asked", 200, "two"}}
	if diff := cmp.Diff(want, r.Calls()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNotInstalledIsSaidWithHowToInstallIt(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if _, err := Check(t.Context(), nil); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "make contracts") {
		t.Errorf("the error is %v", err)
	}
	for _, all := range []string{"", "1"} {
		t.Setenv("REQUIRE_ALL", all)
		if got := checkRecorded(t.Context(), nil); (len(got) == 0) == (all == "1") || all == "1" && !slices.Contains(got, ErrMissing.Error()) {
			t.Errorf("REQUIRE_ALL=%s: %v", all, got)
		}
	}
}
