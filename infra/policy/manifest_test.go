package policy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// environments reads a manifest: every environment of it, those that people may look into, and the protected ones.
func environments(t *testing.T, path string) (all map[string]*manifest.Environment, open, closed []*manifest.Environment) {
	t.Helper()
	return environmentsAs(t, path, strings.NewReplacer())
}

// environmentsAs reads a manifest after it was rewritten.
func environmentsAs(t *testing.T, path string, as *strings.Replacer) (all map[string]*manifest.Environment, open, closed []*manifest.Environment) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := manifest.Parse(path, []byte(as.Replace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	all = map[string]*manifest.Environment{}
	for _, name := range file.Names() {
		if all[name], err = file.Environment(name); err != nil {
			t.Fatal(err)
		}
		if all[name].Protected {
			closed = append(closed, all[name])
		} else {
			open = append(open, all[name])
		}
	}
	return all, open, closed
}
