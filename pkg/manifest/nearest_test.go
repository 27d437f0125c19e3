package manifest_test

import (
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func TestTheNearestName(t *testing.T) {
	known := []string{"api-secrets", "dashboard-secrets", "db", "production", "worker-a", "worker-b"}
	for wrote, want := range map[string]string{
		"prod": "production", "prodution": "production", "Production": "production", "poduction": "production",
		"api": "api-secrets", "api-secret": "api-secrets", "worker_a": "worker-a", "worker": "worker-a", "DB": "db",
		"bd": "", "d": "", "": "", "staging": "", "x": "", "secrets": "", "wxrkxr-x": "",
	} {
		if got := manifest.FindNearest(wrote, known); got != want {
			t.Errorf("%q is taken for %q, want %q", wrote, got, want)
		}
	}
	for wrote, want := range map[string]string{
		"staging": "; it has dev, production", "prod": "; did you mean production? It has dev, production",
	} {
		if got := manifest.DescribeKnown(wrote, []string{"dev", "production"}); got != want {
			t.Errorf("%q: %q", wrote, got)
		}
	}
	if got := manifest.DescribeKnown("dev", nil); got != "; it has none" {
		t.Errorf("%q", got)
	}
}
