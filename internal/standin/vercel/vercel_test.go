package vercel

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	contract "github.com/rotary-secrets/rotary/internal/contract/vercel"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// recorded are the calls that the stand-in accepted in all tests, and its answers. What it refuses may be anything.
var recorded = contract.Recorder{Keep: func(c contract.Call) bool { return c.Status < 300 }}

func TestMain(m *testing.M) { os.Exit(contract.Main(m, &recorded)) }

// bench is a server with one project of one team.
type bench struct {
	*testing.T
	*Server
	clock *sim.Clock
	tap   *sim.Tap
	http  *http.Client
}

type accepts map[string]string

func (a accepts) Accepts(target, credential string) bool { return a[target] == credential }

func (a accepts) WouldAccept(target, credential string) bool { return a[target] == credential }

func newBench(t *testing.T) *bench {
	clock := sim.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	tap := sim.NewTap(clock)
	s := New(Config{Clock: clock, Tap: tap, Targets: accepts{"db": "new"}})
	s.AddToken("tok", "acme")
	s.AddProject(Project{Name: "dashboard", Team: "acme", RepoID: 7, Head: "c1", Domain: "dash.example.com", Hook: "hook1",
		Presents: []Presented{{Env: "DB_KEY", Target: "db"}}})
	return &bench{t, s, clock, tap, &http.Client{Transport: recorded.Over(sim.Transport{Handler: s})}}
}

// sendRequest sends a request with the team's token and returns the status and the decoded answer.
func (b *bench) sendRequest(method, path, body string) (int, map[string]any) {
	b.Helper()
	return b.requestAs("tok", method, path+map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]+"teamId=acme", body)
}

func (b *bench) requestAs(token, method, path, body string) (int, map[string]any) {
	b.Helper()
	req, err := http.NewRequest(method, "https://api.vercel.com"+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := b.http.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		b.Fatal(err)
	}
	return resp.StatusCode, out
}

func errorCode(out map[string]any) any {
	fields, _ := out["error"].(map[string]any)
	return fields["code"]
}

const envPath = "/v10/projects/dashboard/env?upsert=true"

func variableJSON(key, value, kind, target string) string {
	b, _ := json.Marshal(map[string]any{"key": key, "value": value, "type": kind, "target": []string{target}, "comment": "c"})
	return string(b)
}

func TestWhoMayCall(t *testing.T) {
	b := newBench(t)
	b.AddToken("personal", "")
	for name, c := range map[string]struct {
		token, path string
		want        int
	}{
		"a wrong token":            {"nope", "/v9/projects/dashboard?teamId=acme", 403},
		"a token of nobody's team": {"personal", "/v9/projects/dashboard?teamId=acme", 403},
		"no team":                  {"tok", "/v9/projects/dashboard", 404},
		"an unknown project":       {"tok", "/v9/projects/other?slug=acme", 404},
		"the team by slug":         {"tok", "/v9/projects/prj_dashboard?slug=acme", 200},
	} {
		if got, _ := b.requestAs(c.token, "GET", c.path, ""); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}
	b.RevokeToken("tok")
	if got, _ := b.sendRequest("GET", "/v9/projects/dashboard", ""); got != 403 {
		t.Errorf("a revoked token: status %d, want 403", got)
	}
}

func TestUpsertsAnArrayAndAnObject(t *testing.T) {
	b := newBench(t)
	status, out := b.sendRequest("POST", envPath, variableJSON("A", "1", "encrypted", "production"))
	if _, one := out["created"].(map[string]any); status != 201 || !one {
		t.Errorf("an object: status %d, created is an object: %v", status, one)
	}
	status, out = b.sendRequest("POST", envPath, "["+variableJSON("A", "2", "encrypted", "production")+","+variableJSON("VERCEL_URL", "x", "encrypted", "production")+"]")
	created, _ := out["created"].([]any)
	failed, _ := out["failed"].([]any)
	if status != 201 || len(created) != 1 || len(failed) != 1 {
		t.Fatalf("an array: status %d, %d created, %d failed", status, len(created), len(failed))
	}
	if got := errorCode(failed[0].(map[string]any)); got != "KEY_RESERVED" {
		t.Errorf("the reserved name failed with %v", got)
	}
	vars := b.Variables("dashboard")
	if len(vars) != 1 || vars[0].Value != "2" {
		t.Errorf("after the upsert the project has %d variables", len(vars))
	}
}

func TestRefusesWhatVercelRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		code string
	}{
		"sensitive in development": {variableJSON("A", "1", "sensitive", "development"), "bad_request"},
		"an unknown type":          {variableJSON("A", "1", "secret", "production"), "bad_request"},
		"an unknown target":        {variableJSON("A", "1", "plain", "staging"), "bad_request"},
		"a key with a space":       {variableJSON("A B", "1", "plain", "production"), "KEY_INVALID_CHARACTERS"},
		"a reserved key":           {variableJSON("AWS_SECRET_KEY", "1", "plain", "production"), "KEY_RESERVED"},
		"too long a value":         {variableJSON("A", strings.Repeat("x", 65537), "plain", "production"), "VALUE_INVALID_LENGTH"},
		"another target list":      {variableJSON("BOTH", "1", "plain", "production"), "ENV_CONFLICT"},
		"no value":                 {`{"key":"A","type":"plain","target":["production"]}`, "bad_request"},
	} {
		b := newBench(t)
		b.sendRequest("POST", envPath, `{"key":"BOTH","value":"1","type":"plain","target":["production","preview"]}`)
		status, out := b.sendRequest("POST", envPath, c.body)
		if status != 400 || errorCode(out) != c.code {
			t.Errorf("%s: %d %v, want 400 %s", name, status, errorCode(out), c.code)
		}
	}
}

func TestASensitiveValueIsNeverReadable(t *testing.T) {
	b := newBench(t)
	_, out := b.sendRequest("POST", envPath, variableJSON("A", "hush", "sensitive", "production"))
	_, list := b.sendRequest("GET", "/v10/projects/dashboard/env", "")
	for where, answer := range map[string]any{"create": out, "list": list} {
		text, _ := json.Marshal(answer)
		if strings.Contains(string(text), "hush") {
			t.Errorf("the answer to %s has the value", where)
		}
	}
}

func TestEditsAndDeletes(t *testing.T) {
	b := newBench(t)
	_, out := b.sendRequest("POST", envPath, variableJSON("A", "1", "encrypted", "production"))
	path := "/v9/projects/dashboard/env/" + out["created"].(map[string]any)["id"].(string)
	if status, _ := b.sendRequest("PATCH", path, `{"comment":"moved"}`); status != 200 {
		t.Fatalf("edit: status %d", status)
	}
	v := b.Variables("dashboard")[0]
	if v.Comment != "moved" || v.Value != "1" || !v.UpdatedAt.After(v.CreatedAt) {
		t.Errorf("after the edit the comment is %q", v.Comment)
	}
	first, _ := b.sendRequest("DELETE", path, "")
	second, _ := b.sendRequest("DELETE", path, "")
	if first != 200 || second != 404 {
		t.Errorf("delete twice: %d, %d", first, second)
	}
}

const gitBody = `{"name":"dashboard","project":"prj_dashboard","target":"production","gitSource":{"type":"github","repoId":7,"ref":"main","sha":"c1"},"meta":{"k":"v"}}`

// createAndFinish creates a deployment and lets it finish.
func (b *bench) createAndFinish(body string) string {
	b.Helper()
	status, out := b.sendRequest("POST", "/v13/deployments?forceNew=1", body)
	if status != 200 || out["readyState"] != "QUEUED" {
		b.Fatalf("deploy: status %d, state %v", status, out["readyState"])
	}
	b.clock.Advance(BuildTime)
	return out["id"].(string)
}

func TestADeploymentKeepsTheValuesItWasCreatedWith(t *testing.T) {
	b := newBench(t)
	b.SetByHand("dashboard", "DB_KEY", "production", "old")
	first := b.createAndFinish(gitBody)
	b.SetByHand("dashboard", "DB_KEY", "production", "new")

	again := b.createAndFinish(`{"name":"dashboard","target":"production","deploymentId":"` + first + `"}`)
	want := []Refusal{{Project: "dashboard", Deployment: again, Env: "DB_KEY", Target: "db"}}
	if diff := cmp.Diff(want, b.Present()); diff != "" {
		t.Errorf("a redeployment inherits the old value:\n%s", diff)
	}
	fresh := b.createAndFinish(gitBody)
	if live, _ := b.Live("dashboard"); live != fresh || len(b.Present()) != 0 {
		t.Errorf("live is %s with %d refusals, want the fresh %s", live, len(b.Present()), fresh)
	}
	if status, _ := b.sendRequest("POST", "/v13/deployments", `{"name":"dashboard","deploymentId":"dpl_none"}`); status != 404 {
		t.Errorf("an unknown deployment: status %d, want 404", status)
	}
}

func TestStates(t *testing.T) {
	b := newBench(t)
	id := b.Push("dashboard", "c2")
	state := func() any {
		_, out := b.sendRequest("GET", "/v13/deployments/"+id, "")
		return out["readyState"]
	}
	var got []any
	for _, d := range []time.Duration{0, queueTime, BuildTime - queueTime} {
		b.clock.Advance(d)
		got = append(got, state())
	}
	if diff := cmp.Diff([]any{"QUEUED", "BUILDING", "READY"}, got); diff != "" {
		t.Error(diff)
	}
	b.FailNextBuild("dashboard", "CANCELED")
	id = b.Push("dashboard", "c3")
	b.clock.Advance(BuildTime)
	if state() != "CANCELED" {
		t.Errorf("the failed build is %v", state())
	}
}

func TestInstantRollbackKeepsNewDeploymentsOffTheDomain(t *testing.T) {
	b := newBench(t)
	first, second := b.createAndFinish(gitBody), b.createAndFinish(gitBody)
	b.InstantRollback("dashboard", first)
	third := b.createAndFinish(gitBody)
	live := func() any {
		_, out := b.sendRequest("GET", "/v9/projects/dashboard", "")
		return out["targets"].(map[string]any)["production"].(map[string]any)["id"]
	}
	if live() != first {
		t.Errorf("live is %v, want the rolled back %s", live(), first)
	}
	_, out := b.sendRequest("GET", "/v7/deployments?projectId=prj_dashboard&target=production&limit=2", "")
	var got [][2]any
	for _, d := range out["deployments"].([]any) {
		d := d.(map[string]any)
		got = append(got, [2]any{d["uid"], d["readySubstate"]})
	}
	if diff := cmp.Diff([][2]any{{third, "STAGED"}, {second, "PROMOTED"}}, got); diff != "" {
		t.Error(diff)
	}
	b.Promote("dashboard", third)
	if live() != third {
		t.Errorf("live is %v, want the promoted %s", live(), third)
	}
}

func TestDeployHookNeedsNoToken(t *testing.T) {
	b := newBench(t)
	status, _ := b.requestAs("", "POST", "/v1/integrations/deploy/prj_dashboard/hook1", "")
	wrong, _ := b.requestAs("", "POST", "/v1/integrations/deploy/prj_dashboard/hook2", "")
	b.clock.Advance(BuildTime)
	if live, _ := b.Live("dashboard"); status != 201 || wrong != 404 || live == "" {
		t.Errorf("hook %d, wrong hook %d, live %q", status, wrong, live)
	}
	for _, c := range b.tap.Calls() {
		if strings.Contains(c.Operation+c.Resource, "hook1") {
			t.Errorf("the journal has the hook's address: %s", c.Operation)
		}
	}
}

func TestOutcomes(t *testing.T) {
	b := newBench(t)
	for outcome, want := range map[sim.Outcome][2]any{
		sim.Throttled: {429, "rate_limited"}, sim.Unavailable: {500, "internal_server_error"}, sim.Denied: {403, "forbidden"}, sim.Works: {201, nil},
	} {
		b.tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: outcome} })
		status, out := b.sendRequest("POST", envPath, variableJSON("A", "1", "plain", "production"))
		if got := [2]any{status, errorCode(out)}; got != want {
			t.Errorf("outcome %d: %v, want %v", outcome, got, want)
		}
	}
	b.tap.OnCall(nil)
	if n := len(b.Variables("dashboard")); n != 1 {
		t.Errorf("%d variables, want the one of the call that worked", n)
	}
}

func TestRefusesLoudlyWhatItDoesNotDo(t *testing.T) {
	b := newBench(t)
	for _, c := range [][3]string{
		{"GET", "/v2/user", ""},
		{"GET", "/v10/projects/dashboard/env?decrypt=true", ""},
		{"POST", "/v13/deployments", `{"name":"dashboard","files":[]}`},
		{"POST", "/v13/deployments", `{"name":"dashboard","withLatestCommit":true}`},
		{"POST", envPath, `{"key":"A","value":"1","type":"plain","target":["preview"],"customEnvironmentIds":["env_x"]}`},
	} {
		if status, _ := b.sendRequest(c[0], c[1], c[2]); status != 501 {
			t.Errorf("%s %s: status %d, want 501", c[0], c[1], status)
		}
	}
}
