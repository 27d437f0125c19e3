package vercel

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	contract "github.com/rotary-secrets/rotary/internal/contract/vercel"
)

const someEnv = "/v10/projects/dashboard/env"

// deviations are where emulate 0.12.2 does not do what Vercel's documentation, its SDK or its users' reports say. One
// that is gone fails its test: then take it out of here, and out of the adapter.
var deviations = []struct {
	what, vercel string
	shown        func(*emulated) bool // whether emulate still does it
}{
	{"answers an upsert with 200 and envs", "201 with created and failed (@vercel/sdk, createProjectEnv)", func(e *emulated) bool {
		status, out := e.callServer("POST", someEnv+"?upsert=true", variableJSON("A", "x", "encrypted", "production"))
		return status == http.StatusOK && out["envs"] != nil && out["created"] == nil
	}},
	{"replaces the targets of a variable that shares one", "400 ENV_CONFLICT (getsentry/sentry#118490)", func(e *emulated) bool {
		e.callServer("POST", someEnv, variableJSON("B", "x", "encrypted", "production", "preview"))
		status, _ := e.callServer("POST", someEnv+"?upsert=true", variableJSON("B", "y", "encrypted", "production"))
		return status == http.StatusOK && len(e.listVariables()) == 1 && e.findVariable("B", "production")["value"] == "y"
	}},
	{"gives an existing variable another type", "the type stays (trigger.dev#3666)", func(e *emulated) bool {
		e.callServer("POST", someEnv, variableJSON("A", "x", "encrypted", "production"))
		e.callServer("POST", someEnv+"?upsert=true", variableJSON("A", "x", "sensitive", "production"))
		return e.findVariable("A", "production")["type"] == "sensitive"
	}},
	{"keeps what stands before a conflict in the same request", "each item is in created or in failed", func(e *emulated) bool {
		e.callServer("POST", someEnv, variableJSON("B", "x", "encrypted", "production"))
		status, out := e.callServer("POST", someEnv, "["+variableJSON("A", "x", "encrypted", "production")+","+variableJSON("B", "y", "encrypted", "production")+"]")
		return status == http.StatusConflict && codeOf(out) == "env_already_exists" && len(e.listVariables()) == 2
	}},
	{"takes a branch's variable for a conflict with the one of all previews", "both may be there; the branch's overrides", func(e *emulated) bool {
		e.callServer("POST", someEnv, variableJSON("A", "x", "encrypted", "preview"))
		status, _ := e.callServer("POST", someEnv, `{"key":"A","value":"y","type":"encrypted","target":["preview"],"gitBranch":"topic"}`)
		return status == http.StatusConflict
	}},
	{"shows a sensitive value", "nobody can read it", func(e *emulated) bool {
		e.callServer("POST", someEnv, variableJSON("A", "hidden", "sensitive", "production"))
		return e.findVariable("A", "production")["value"] == "hidden"
	}},
	{"makes a sensitive variable readable in place", "it stays sensitive", func(e *emulated) bool {
		e.callServer("POST", someEnv, variableJSON("A", "x", "sensitive", "production"))
		status, _ := e.callServer("PATCH", e.variablePath("A", "production"), `{"type":"plain"}`)
		return status == http.StatusOK && e.findVariable("A", "production")["type"] == "plain"
	}},
	{"takes a sensitive variable for development", "400", func(e *emulated) bool {
		status, _ := e.callServer("POST", someEnv, variableJSON("A", "x", "sensitive", "development"))
		return status == http.StatusOK
	}},
	{"takes the type secret", "it is none any more (@vercel/sdk, createProjectEnv)", func(e *emulated) bool {
		status, _ := e.callServer("POST", someEnv, variableJSON("A", "x", "secret", "production"))
		return status == http.StatusOK
	}},
	{"refuses a variable of custom environments alone", "it needs no target (@vercel/sdk, createProjectEnv)", func(e *emulated) bool {
		status, _ := e.callServer("POST", someEnv, `{"key":"A","value":"x","type":"encrypted","customEnvironmentIds":["env_1"]}`)
		return status == http.StatusBadRequest
	}},
	{"takes names that are none", "KEY_INVALID_CHARACTERS", func(e *emulated) bool {
		status, _ := e.callServer("POST", someEnv, variableJSON("1 bad key", "x", "encrypted", "production"))
		return status == http.StatusOK
	}},
	{"takes reserved names", "KEY_RESERVED", func(e *emulated) bool {
		status, _ := e.callServer("POST", someEnv, variableJSON("VERCEL_URL", "x", "encrypted", "production"))
		return status == http.StatusOK
	}},
	{"takes 70,000 bytes", "64 KB for all variables of a deployment", func(e *emulated) bool {
		status, _ := e.callServer("POST", someEnv, variableJSON("A", strings.Repeat("x", 70_000), "encrypted", "production"))
		return status == http.StatusOK
	}},
	{"shows 20 variables at a time", "all of them: the call has no page parameter", func(e *emulated) bool {
		for n := range 21 {
			e.callServer("POST", someEnv, variableJSON(fmt.Sprint("A", n), "x", "encrypted", "production"))
		}
		_, out := e.callServer("GET", someEnv, "")
		return len(out["envs"].([]any)) == 20
	}},
	{"takes any token", "403 with invalidToken", func(e *emulated) bool {
		status, _ := e.callServerAs("nobody's", "GET", someEnv+"?slug=acme", "")
		return status == http.StatusOK
	}},
	{"reads without a token", "403 with invalidToken", func(e *emulated) bool {
		status, _ := e.callServerAs("", "GET", someEnv+"?slug=acme", "")
		return status == http.StatusOK
	}},
	{"deploys a deployment that is not there again", "404", func(e *emulated) bool {
		status, out := e.callServer("POST", "/v13/deployments?forceNew=1", `{"name":"dashboard","target":"production","deploymentId":"dpl_none"}`)
		return status == http.StatusOK && out["source"] == "cli"
	}},
	{"finishes a deployment in the call that starts it", "QUEUED, then BUILDING", func(e *emulated) bool {
		_, out := e.callServer("GET", "/v13/deployments/"+e.pushCommit("c1"), "")
		return out["readyState"] == "READY"
	}},
	{"takes no project's name to list deployments", "id or name (@vercel/sdk, getDeployments)", func(e *emulated) bool {
		e.pushCommit("c1")
		_, out := e.callServer("GET", "/v7/deployments?projectId=dashboard", "")
		return len(out["deployments"].([]any)) == 0
	}},
	{"has no GET of one variable under /v1", "GET /v1/projects/{idOrName}/env/{id} (@vercel/sdk, getProjectEnv)", func(e *emulated) bool {
		e.callServer("POST", someEnv, variableJSON("A", "x", "encrypted", "production"))
		status, _ := e.callServer("GET", strings.Replace(e.variablePath("A", "production"), "/v9/", "/v1/", 1), "")
		return status == http.StatusNotFound
	}},
	{"has no deploy hooks", "POST /v1/integrations/deploy/{project}/{hook}", func(e *emulated) bool {
		status, _ := e.callServerAs("", "POST", "/v1/integrations/deploy/prj_dashboard/hook", "")
		return status == http.StatusNotFound
	}},
}

func TestEmulateStillDeviates(t *testing.T) {
	e := newEmulated(t, production)
	for _, d := range deviations {
		for _, v := range e.listVariables() {
			e.callServer("DELETE", "/v9/projects/dashboard/env/"+v["id"].(string), "")
		}
		if !d.shown(e) {
			t.Errorf("emulate no longer %s; Vercel: %s", d.what, d.vercel)
		}
	}
}

// emulate's answers to these operations are none that the SDK takes. The stand-in's are.
func TestEmulatesAnswersStillDeviateFromTheContract(t *testing.T) {
	e := newEmulated(t, production)
	var made contract.Recorder
	e.pushCommit("c1")
	WithTransport(&faithful{RoundTripper: made.Over(http.DefaultTransport)})(e.Project)
	e.mustRoll(newVersion("v1", "A=a1"))
	if _, err := e.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	wrong, err := contract.Check(t.Context(), made.Calls())
	if err != nil {
		t.Fatal(err)
	}
	var operations []string
	for _, w := range wrong {
		operation, what, _ := strings.Cut(w, ", answered with 200: ")
		if !strings.HasPrefix(what, "request") {
			operations = append(operations, operation)
		}
	}
	slices.Sort(operations)
	want := []string{"projectsCreateProjectEnv", "projectsFilterProjectEnvs", "projectsGetProject"}
	if diff := cmp.Diff(want, slices.Compact(operations)); diff != "" {
		t.Errorf("operations whose answers deviate (-want +got):\n%s\n%s", diff, strings.Join(wrong, "\n"))
	}
}

func variableJSON(key, value, kind string, targets ...string) string {
	body, err := json.Marshal(map[string]any{"key": key, "value": value, "type": kind, "target": targets})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func codeOf(out map[string]any) any {
	fields, _ := out["error"].(map[string]any)
	return fields["code"]
}
