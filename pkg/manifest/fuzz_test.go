package manifest_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// FuzzParse: any input gives a file or *Problems, never both and never a panic; a file that is accepted can be
// resolved; a long text of the input that is not a name is never quoted.
func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/problems/*.yaml")
	for _, path := range append(paths, "../../rotary.yaml") {
		f.Add(read(f, path))
	}
	for _, text := range []string{"", "a", "[", "{", "a: &x {a: *x}", "? a", "- - -", "\ufeff{}", "a: |\n  b", "%YAML 1.2\n---\n{}", "{\"environments\":{}}", "a: !!binary x", "<<: {}", "\x00", "\xff", "a:\tb", "---\n---\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := manifest.Parse("f", data)
		var problems *manifest.Problems
		if err != nil && (!errors.As(err, &problems) || len(problems.List) == 0 || file != nil) {
			t.Fatal("an error that is not *Problems alone")
		}
		if err != nil {
			for _, problem := range problems.List {
				if problem.Line < 1 || problem.Col < 1 || problem.What == "" || problem.Do == "" {
					t.Fatal("a problem without position or words")
				}
			}
			return
		}
		for _, name := range file.Names() {
			env, err := file.Environment(name)
			if err != nil {
				t.Fatal("Parse accepts what Environment does not")
			}
			for _, bucket := range env.Buckets {
				if len(env.Refused(bucket, env.Entries(bucket))) > 0 {
					t.Fatal("Parse accepts a bucket that is refused")
				}
			}
		}
	})
}

func TestDeepOrLargeInputIsRefusedQuickly(t *testing.T) {
	for name, text := range map[string]string{
		"lists": strings.Repeat("[", 1<<16), "mappings": strings.Repeat("{a: ", 1<<14), "dashes": strings.Repeat("- ", 1<<15),
		"large": strings.Repeat("a: b\n", 1<<17), "closed": strings.Repeat("[", 1<<12) + strings.Repeat("]", 1<<12),
	} {
		if _, err := manifest.Parse("f", []byte(text)); err == nil || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: not refused at once", name)
		}
	}
}
