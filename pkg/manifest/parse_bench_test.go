package manifest_test

import (
	"os"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// BenchmarkParse reads a manifest and takes an environment of it, as each start of a Lambda does.
func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile("../../rotary.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		file, err := manifest.Parse("rotary.yaml", text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := file.Environment("dev"); err != nil {
			b.Fatal(err)
		}
	}
}
