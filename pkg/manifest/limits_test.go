package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func TestNamesThatSinksRefuse(t *testing.T) {
	refused := map[string]string{
		"secretsmanager": "1A A-B A.B PATH LD_PRELOAD NODE_OPTIONS",
		"ecs":            "ECS_X AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_EXECUTION_ENV 9 PATH",
		"github":         "GITHUB_TOKEN github_x GitHub_X a-b",
		"vercel":         "VERCEL VERCEL_URL vercel_x TZ NOW_REGION AWS_SECRET_KEY AWS_LAMBDA_FUNCTION_NAME LAMBDA_TASK_ROOT",
	}
	allowed := map[string]string{
		"secretsmanager": "GITHUB_X VERCEL_TOKEN a _ A1", "ecs": "VERCEL_TOKEN GITHUB_X AWS_REGION",
		"github": "VERCEL_TOKEN GH_X",
		"vercel": "AWS_ACCESS_KEY_ID AWS_REGION GITHUB_X NEXT_PUBLIC_X", "reader": "GITHUB_X VERCEL_X ECS_X",
	}
	for kind, names := range refused {
		for _, name := range append(strings.Fields(names), "", strings.Repeat("A", 256)) {
			if manifest.Limits(kind).Refuses(name) == "" {
				t.Errorf("%s takes %q", kind, name)
			}
		}
	}
	for kind, names := range allowed {
		for _, name := range strings.Fields(names) {
			if why := manifest.Limits(kind).Refuses(name); why != "" {
				t.Errorf("%s refuses %q: %s", kind, name, why)
			}
		}
	}
}

func TestCountsAndCases(t *testing.T) {
	names := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("NAME_%d", i))
		}
		return out
	}
	for kind, most := range map[string]int{"github": 100, "ecs": 270, "vercel": 1000} {
		limit := manifest.Limits(kind)
		if len(limit.RefusesAll(names(most))) != 0 || len(limit.RefusesAll(names(most+1))) != 1 {
			t.Errorf("%s does not stop at %d names", kind, most)
		}
	}
	if len(manifest.Limits("github").RefusesAll([]string{"b", "A", "a"})) != 1 ||
		len(manifest.Limits("vercel").RefusesAll([]string{"A", "a"})) != 0 {
		t.Error("only GitHub folds case")
	}
	if len(manifest.Limits("reader").RefusesAll(names(5000))) != 0 {
		t.Error("readers without a receipt have no limit")
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		kind    string
		sizes   map[string]int
		refused int
	}{
		{"github", map[string]int{"A": 48_000, "B": 48_000}, 0},
		{"github", map[string]int{"A": 48_001, "B": 48_001}, 2},
		{"vercel", map[string]int{"A": 31_999, "B": 31_999}, 0},
		{"vercel", map[string]int{"A": 32_000, "B": 31_999}, 1},
		{"ecs", map[string]int{"A": 1 << 20}, 0}, // a pin is as long as its name, whatever the value
		{"reader", map[string]int{"A": 1 << 20}, 0},
	} {
		if got := len(manifest.Limits(c.kind).RefusesSizes(c.sizes)); got != c.refused {
			t.Errorf("%s of %v: %d refusals, want %d", c.kind, c.sizes, got, c.refused)
		}
	}
	long := map[string]int{}
	for i := range 200 {
		long[fmt.Sprintf("%s%03d", strings.Repeat("N", 100), i)] = 1
	}
	if len(manifest.Limits("ecs").RefusesSizes(long)) != 1 {
		t.Error("200 pins of long names fit into a task definition")
	}
	bundle := manifest.Consumer{ECS: &manifest.ECS{Task: manifest.Task{Inject: manifest.InjectBundle}}}.Limit()
	if len(bundle.RefusesSizes(long)) != 0 || bundle.Refuses("ECS_X") == "" {
		t.Error("a bundle is one variable")
	}
}
