package cost

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/example"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// TestTheBillOfTheExample: of its environment dev, with the default of infra.metrics, without sandboxes.
func TestTheBillOfTheExample(t *testing.T) {
	bill := Estimate(example.Environment(t, "dev"))
	var got []string
	for _, item := range bill {
		got = append(got, fmt.Sprintf("%d %s $%.2f", item.Count, item.Name, item.Dollars()))
	}
	want := []string{"16 secrets $6.40", "1 key $1.00", "8 metrics $2.40", "15 alarms $1.50", "0 dashboards $0.00",
		"115200 calls to Secrets Manager $0.58"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bill (-want +got):\n%s", diff)
	}
	if sum := fmt.Sprintf("%.2f", bill.Dollars()); sum != "11.88" {
		t.Errorf("it costs $%s", sum)
	}
}

// TestOnlySecretsAndCallsGrow: with few metrics, a source more is a secret and its calls.
func TestOnlySecretsAndCallsGrow(t *testing.T) {
	few, more := Estimate(environmentOf(t, 3, 1, "few")), Estimate(environmentOf(t, 30, 10, "few"))
	for i := range few {
		if grows := more[i].Count > few[i].Count; grows != (few[i].Name == Secrets || few[i].Name == Calls) {
			t.Errorf("%s are %d with 3 sources, %d with 30", few[i].Name, few[i].Count, more[i].Count)
		}
	}
}

// environmentOf returns an environment with so many sources and buckets, and a choice of infra.metrics.
func environmentOf(t *testing.T, sources, buckets int, choice string) *manifest.Environment {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "environments: {dev: {account: \"111111111111\", region: us-east-1, infra: {metrics: %s}}}\nbuckets:\n", choice)
	for n := range buckets {
		fmt.Fprintf(&text, "  b%d: {originals: true}\n", n)
	}
	text.WriteString("sources:\n")
	for n := range sources {
		fmt.Fprintf(&text, "  s%d: {keys: [KEY_%d]}\n", n, n)
	}
	file, err := manifest.Parse("rotary.yaml", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	return env
}
