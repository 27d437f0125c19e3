package manifest_test

import (
	"os"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func readExample(t testing.TB) ([]byte, *manifest.File) {
	t.Helper()
	data, err := os.ReadFile("../../rotary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := manifest.Parse("rotary.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return data, file
}

func TestTheExampleIsValid(t *testing.T) {
	_, file := readExample(t)
	for _, name := range file.Names() {
		if _, err := file.Environment(name); err != nil {
			t.Error(err)
		}
	}
}
