package manifest_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

var update = flag.Bool("update", false, "rewrite the expected files; read the difference before you commit it")

// TestProblems parses each manifest under testdata/problems and compares everything that Parse finds wrong with the
// .want file beside it.
func TestProblems(t *testing.T) {
	paths, _ := filepath.Glob("testdata/problems/*.yaml")
	if len(paths) == 0 {
		t.Fatal("no cases")
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			_, err := manifest.Parse("rotary.yaml", readFile(t, path))
			got := problemLines(t, err)
			wanted := strings.TrimSuffix(path, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(wanted, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(readFile(t, wanted)), got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if strings.Contains(got, "hunter2") {
				t.Error("a problem quotes text that is not a name")
			}
		})
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func problemLines(t *testing.T, err error) string {
	t.Helper()
	var problems *manifest.Problems
	if !errors.As(err, &problems) || len(problems.List) == 0 {
		t.Fatal("Parse does not return *Problems")
	}
	if !slices.IsSortedFunc(problems.List, func(a, b manifest.Problem) int { return (a.Line-b.Line)*10_000 + a.Col - b.Col }) {
		t.Error("the problems are not in the order of the file")
	}
	return err.Error() + "\n"
}

func TestParseTwiceReportsTheSame(t *testing.T) {
	data := readFile(t, "testdata/problems/sources.yaml")
	_, first := manifest.Parse("x", data)
	for range 5 {
		if _, again := manifest.Parse("x", bytes.Clone(data)); again.Error() != first.Error() {
			t.Fatal("the order of problems changes")
		}
	}
}
