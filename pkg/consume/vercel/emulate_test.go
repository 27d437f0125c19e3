package vercel

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	contract "github.com/rotary-secrets/rotary/internal/contract/vercel"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// emulated is the driver on emulate's project dashboard, and what a person does there.
type emulated struct {
	*testing.T
	*contract.Emulate
	*Project
	adapter *faithful
}

func newEmulated(t *testing.T, targets ...string) *emulated {
	t.Helper()
	e := &emulated{T: t, Emulate: contract.Start(t), adapter: &faithful{RoundTripper: http.DefaultTransport}}
	e.openProject(true, targets...)
	return e
}

func (e *emulated) openProject(protected bool, targets ...string) {
	e.Helper()
	config := manifest.Vercel{Project: "dashboard", Team: "acme", Targets: map[string][]string{"production": targets}}
	p, err := New(manifest.Consumer{Name: "dashboard", Vercel: &config}, manifest.Environment{Name: "production", Protected: protected},
		secret.New("tok"), WithBaseURL(e.URL), WithTransport(e.adapter))
	if err != nil {
		e.Fatal(err)
	}
	e.Project = p
}

// callServer is a call without the adapter. Its path begins at the version; the project is dashboard's.
func (e *emulated) callServer(method, path, body string) (int, map[string]any) {
	e.Helper()
	path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "slug=acme"
	return e.callServerAs("tok", method, path, body)
}

func (e *emulated) callServerAs(token, method, path, body string) (int, map[string]any) {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), method, e.URL+path, strings.NewReader(body))
	if err != nil {
		e.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		e.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	out := map[string]any{}
	_ = json.Unmarshal(text, &out) // a 404 can be text
	return resp.StatusCode, out
}

// pushCommit deploys a commit as git would, and returns the deployment's id.
func (e *emulated) pushCommit(sha string) string {
	e.Helper()
	status, out := e.callServer("POST", "/v13/deployments", `{"name":"dashboard","target":"production","gitSource":{"type":"github","repoId":7,"ref":"main","sha":"`+sha+`"}}`)
	id, _ := out["id"].(string)
	if status != http.StatusOK || id == "" {
		e.Fatalf("emulate answers a deployment with %d", status)
	}
	return id
}

// listVariables returns every variable as emulate has it: it shows values, and of sensitive ones too.
func (e *emulated) listVariables() []map[string]any {
	e.Helper()
	_, out := e.callServer("GET", "/v10/projects/dashboard/env?decrypt=true&limit=100", "")
	var envs []map[string]any
	for _, v := range out["envs"].([]any) {
		envs = append(envs, v.(map[string]any))
	}
	return envs
}

func (e *emulated) findVariable(key, target string) map[string]any {
	e.Helper()
	i := slices.IndexFunc(e.listVariables(), func(v map[string]any) bool { return v["key"] == key && fmt.Sprint(v["target"]) == "["+target+"]" })
	if i < 0 {
		e.Fatalf("there is no %s for %s", key, target)
	}
	return e.listVariables()[i]
}

// wantState wants the variables "KEY [target] type value comment".
func (e *emulated) wantState(want ...string) {
	e.Helper()
	var got []string
	for _, v := range e.listVariables() {
		got = append(got, fmt.Sprint(v["key"], " ", v["target"], " ", v["type"], " ", v["value"], " ", v["comment"]))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		e.Errorf("emulate's variables (-want +got):\n%s", diff)
	}
}

func (e *emulated) mustRoll(c bucket.Bucket, writes ...string) {
	e.Helper()
	e.Advance(e.T, time.Hour)
	e.adapter.writes = nil
	if err := e.Roll(e.Context(), c); err != nil {
		e.Fatal(err)
	}
	if diff := cmp.Diff(writes, e.adapter.writes, cmpopts.EquateEmpty()); diff != "" {
		e.Errorf("writes (-want +got):\n%s", diff)
	}
}

func (e *emulated) wantRunning(version string, names ...string) {
	e.Helper()
	got, err := e.Status(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	if diff := cmp.Diff(plan.Seen{Running: version, Names: names, InPlay: []string{version}, Settled: true}, got, essential, cmpopts.EquateEmpty()); diff != "" {
		e.Errorf("Status (-want +got):\n%s", diff)
	}
}

const (
	upserted = "POST /v10/projects/dashboard/env"
	deployed = "POST /v13/deployments"
)

func TestOnEmulateTheVariablesAndTheDeploymentAreWhatWasRolled(t *testing.T) {
	e := newEmulated(t, production, preview)
	first := e.pushCommit("c1")
	e.mustRoll(newVersion("v1", "A=a1", "B=b1"), upserted, upserted, deployed)
	e.wantState("A [preview] sensitive a1 rotary production v1", "A [production] sensitive a1 rotary production v1",
		"B [preview] sensitive b1 rotary production v1", "B [production] sensitive b1 rotary production v1")
	e.wantRunning("v1", "A", "B")
	_, out := e.callServer("GET", "/v9/projects/dashboard", "")
	live := out["targets"].(map[string]any)[production].(map[string]any)["id"].(string)
	_, out = e.callServer("GET", "/v13/deployments/"+live, "")
	if git := out["gitSource"].(map[string]any); live == first || git["sha"] != "c1" || out["meta"].(map[string]any)["rotary"] != "rotary production v1" {
		t.Errorf("live is %s of %v", live, git["sha"])
	}

	e.mustRoll(newVersion("v1", "A=a1", "B=b1"))
	e.mustRoll(newVersion("v2", "A=a2", "C=c2"), upserted, "DELETE "+e.variablePath("B", preview), upserted, "DELETE "+e.variablePath("B", production), deployed)
	e.wantState("A [preview] sensitive a2 rotary production v2", "A [production] sensitive a2 rotary production v2",
		"C [preview] sensitive c2 rotary production v2", "C [production] sensitive c2 rotary production v2")
	e.wantRunning("v2", "A", "C")
}

func (e *emulated) variablePath(key, target string) string {
	e.Helper()
	return "/v9/projects/dashboard/env/" + e.findVariable(key, target)["id"].(string)
}

func TestOnEmulateWhatAPersonDoesIsMendedOrLeftAlone(t *testing.T) {
	e := newEmulated(t, production)
	e.pushCommit("c1")
	c := newVersion("v1", "A=a1", "B=b1")
	e.mustRoll(c, upserted, deployed)
	e.callServer("POST", "/v10/projects/dashboard/env", `{"key":"THEIRS","value":"x","type":"encrypted","target":["production"]}`)
	e.wantRunning("v1", "A", "B")

	e.Advance(t, time.Hour)
	e.callServer("PATCH", e.variablePath("A", production), `{"value":"by hand"}`)
	if s, err := e.Status(t.Context()); err != nil || !slices.Equal(s.Drift, []string{"A"}) || s.Running != "" {
		t.Errorf("after a change by hand: drift %v, running %q, %v", s.Drift, s.Running, err)
	}
	e.mustRoll(c, upserted, deployed)
	e.callServer("DELETE", e.variablePath("B", production), "")
	e.mustRoll(c, upserted, deployed)
	e.wantState("A [production] sensitive a1 rotary production v1", "B [production] sensitive b1 rotary production v1", "THEIRS [production] encrypted x ")
	e.wantRunning("v1", "A", "B")

	e.adapter.writes = nil
	if err := e.Roll(t.Context(), newVersion("v2", "A=a2", "THEIRS=t2")); err == nil || !strings.Contains(err.Error(), "THEIRS") || len(e.adapter.writes) != 0 {
		t.Errorf("a foreign variable: %v, %v", err, e.adapter.writes)
	}
	e.mustRoll(newVersion("v2", "A=a2"), upserted, "DELETE "+e.variablePath("B", production), deployed)
	e.wantState("A [production] sensitive a2 rotary production v2", "THEIRS [production] encrypted x ")
	theirs := e.pushCommit("c2") // a person's deployment of the new variables
	e.mustRoll(newVersion("v2", "A=a2"))
	if s, err := e.Status(t.Context()); err != nil || s.Running != "v2" || !strings.Contains(s.Detail, theirs) {
		t.Errorf("running %q, %q, %v", s.Running, s.Detail, err)
	}
}

func TestOnEmulateReceiptsAndTypesAreChangedOneByOneWhereAnUpsertDoesNot(t *testing.T) {
	e := newEmulated(t, production)
	e.openProject(false, production, development)
	e.pushCommit("c1")
	e.mustRoll(newVersion("v1", "A=a1", "B=b1"), upserted, upserted, deployed)
	e.adapter.commentsStay = true
	e.mustRoll(newVersion("v2", "A=a2", "B=b2"), upserted, "PATCH "+e.variablePath("A", development), "PATCH "+e.variablePath("B", development),
		upserted, "PATCH "+e.variablePath("A", production), "PATCH "+e.variablePath("B", production), deployed)
	e.wantState("A [development] encrypted a2 rotary production v2", "A [production] encrypted a2 rotary production v2",
		"B [development] encrypted b2 rotary production v2", "B [production] encrypted b2 rotary production v2")
	e.wantRunning("v2", "A", "B")

	e.adapter.commentsStay = false
	e.openProject(true, production, development)
	e.mustRoll(newVersion("v3", "A=a3", "B=b3"), upserted, upserted, "DELETE "+e.variablePath("A", production), upserted, "DELETE "+e.variablePath("B", production), upserted, deployed)
	e.wantState("A [development] encrypted a3 rotary production v3", "A [production] sensitive a3 rotary production v3",
		"B [development] encrypted b3 rotary production v3", "B [production] sensitive b3 rotary production v3")
	e.wantRunning("v3", "A", "B")
}

func TestOnEmulateATokenThatIsNotTheProjectsReadsNothing(t *testing.T) {
	e := newEmulated(t, production)
	e.api.token = secret.New("other")
	if _, err := e.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "403 forbidden") {
		t.Errorf("another token: %v", err)
	}
}
