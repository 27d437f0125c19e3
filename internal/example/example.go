// Package example reads the repository's own manifest for tests.
package example

import (
	"testing"

	"github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Environment returns an environment of rotary.yaml.
func Environment(t testing.TB, name string) *manifest.Environment {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", rotary.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment(name)
	if err != nil {
		t.Fatal(err)
	}
	return env
}
