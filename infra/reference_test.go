package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// The manifests that are synthesized: the repository's own, the same with what only infra knows, and one of secrets
// that were there before rotary.
const (
	example    = "../rotary.yaml"
	reference  = "testdata/reference.yaml"
	brownfield = "../pkg/manifest/testdata/examples/brownfield.yaml"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheReferenceManifestIsTheExampleAndMore: nothing but reference services, sandboxes and metrics is added.
func TestTheReferenceManifestIsTheExampleAndMore(t *testing.T) {
	added := map[string]int{}
	rest := slices.DeleteFunc(strings.SplitAfter(readText(t, reference), "\n"), func(line string) bool {
		field, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		only := slices.Contains([]string{"reference_services", "sandboxes", "metrics"}, field)
		if only {
			added[field]++
		}
		return only
	})
	text := strings.Replace(strings.Join(rest, ""), "$schema=../../rotary.schema.json", "$schema=./rotary.schema.json", 1)
	if text != readText(t, example) {
		t.Error("without its reference services, sandboxes and metrics it is not rotary.yaml: copy the change")
	}
	if added["reference_services"] != 2 || added["sandboxes"] != 1 || added["metrics"] != 1 {
		t.Errorf("it adds %v", added)
	}
}

// TestTheExampleCostsWhatTheDocsSay: the table of docs/cost.md names every stack, and counts what is in them.
func TestTheExampleCostsWhatTheDocsSay(t *testing.T) {
	a := synthesizeText(t, readText(t, example), "dev")
	if want := []string{"rotary-dev-access", "rotary-dev-pipeline", "rotary-dev-schedules", "rotary-dev-secrets"}; !slices.Equal(a.names(), want) {
		t.Errorf("the example has the stacks %v, want %v", a.names(), want)
	}
	sources, buckets := 0, 0
	for _, r := range a.of("AWS::SecretsManager::Secret") {
		if strings.HasPrefix(r.property("Name").(string), "source/") {
			sources++
		} else {
			buckets++
		}
	}
	alarms, metrics := len(a.of("AWS::CloudWatch::Alarm")), len(metric.All(readEnvironment(t, example, "dev")))
	secrets, watched := float64(sources+buckets)*0.40, float64(metrics)*0.30
	for _, row := range []string{
		fmt.Sprintf("| secrets | a KMS key; %d sources and %d buckets, empty, with policies | $1 + %d × $0.40 = $%.2f |",
			sources, buckets, sources+buckets, 1+secrets),
		fmt.Sprintf("| pipeline | Lambdas, queues, rules, %d alarms, %d metrics | $%.2f + %d × $0.30 = $%.2f;",
			alarms, metrics, float64(alarms)*0.10, metrics, float64(alarms)*0.10+watched),
	} {
		if !strings.Contains(readText(t, "../docs/cost.md"), "\n"+row) {
			t.Errorf("docs/cost.md has no row %q", row)
		}
	}
}

// TestEachChoiceOfMetricsDeploysWhatItCosts: the alarms that pkg/metric lists, under the same logical id and name with each
// choice that has them, and a dashboard with all alone.
func TestEachChoiceOfMetricsDeploysWhatItCosts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rotary.yaml")
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, choice := range choices {
		env := readEnvironment(t, path, "dev")
		env.Infra.Metrics = choice
		a := synthesizeText(t, strings.Replace(small, "region: us-east-1}", "region: us-east-1, infra: {metrics: "+choice+"}}", 1), "dev")
		var got, want []string
		for _, r := range a.of("AWS::CloudWatch::Alarm") {
			got = append(got, r.id+" "+r.property("AlarmName").(string))
		}
		for _, name := range metric.ListAlarms(env) {
			want = append(want, "Alarm"+strings.ReplaceAll(name, "-", "")+" rotary-dev-"+name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("alarms with %s are %q, want %q", choice, got, want)
		}
		if dashboards := len(a.of("AWS::CloudWatch::Dashboard")); dashboards == 1 != (choice == manifest.MetricsAll) {
			t.Errorf("%d dashboards with %s", dashboards, choice)
		}
	}
}

func readEnvironment(t *testing.T, path, name string) *manifest.Environment {
	t.Helper()
	file, err := manifest.Parse(path, []byte(readText(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment(name)
	if err != nil {
		t.Fatal(err)
	}
	return env
}
