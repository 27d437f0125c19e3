package bench

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestASecretInTheOutputIsAnError lets a value stand where names stand.
func TestASecretInTheOutputIsAnError(t *testing.T) {
	d, err := deploy(t.Context(), Settings{Lambdas: buildLambdas(t), Dir: t.TempDir()}, appSources, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	r := Run{Name: "one-11-1", calls: serialRun("ecs.UpdateService s001")}
	r.sumUp(0, 0, 0)
	if err := d.checkOutput(r); err != nil {
		t.Fatal(err)
	}
	value := d.stage.Values[shared][oneKey]
	r = Run{Name: "one-11-1", calls: serialRun("ecs.UpdateService " + value)}
	r.sumUp(0, 0, 0)
	if err := d.checkOutput(r); err == nil || strings.Contains(err.Error(), value) {
		t.Errorf("the error for a value in the report: %v", err)
	}
}

// TestTheReportForPrograms names the fields that others read.
func TestTheReportForPrograms(t *testing.T) {
	r := Run{Name: "one-50-3", calls: serialRun("ecs.ListTasks x", "ecs.UpdateService s001")}
	r.sumUp(0, 0, latency)
	var read struct {
		Runs []struct {
			Name    string
			Calls   int
			WallMS  *float64 `json:"wall_ms"`
			IdealMS float64  `json:"ideal_ms"`
			Chain   []string
		}
	}
	if err := json.Unmarshal(Report{Runs: []Run{r}}.JSON(), &read); err != nil {
		t.Fatal(err)
	}
	got := read.Runs[0]
	if got.Name != "one-50-3" || got.Calls != 2 || got.WallMS == nil || got.IdealMS != 20 || strings.Join(got.Chain, ", ") != "ecs.ListTasks x, ecs.UpdateService s001" {
		t.Errorf("%+v", got)
	}
	if text := string(Report{}.JSON()); !strings.Contains(text, `"runs": []`) {
		t.Errorf("nothing was measured: %s", text)
	}
}
