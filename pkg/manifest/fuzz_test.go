package manifest_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// FuzzParse: any input gives a file or *Problems, never both and never a panic. A refusal names the place, and quotes
// nothing of the input that is not shaped like a name. What is accepted is read the same twice and from JSON, and
// resolves in every environment.
func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/problems/*.yaml")
	for _, path := range append(paths, "../../rotary.yaml") {
		f.Add(readFile(f, path))
	}
	for _, text := range []string{
		"", "a", "[", "{", "a: &x {a: *x}", "? a", "- - -", "\ufeff{}", "a: |\n  b", "%YAML 1.2\n---\n{}",
		"{\"environments\":{}}", "a: !!binary x",
		"<<: {}", "\x00", "\xff", "a:\tb", "---\n---\n", "a: 'hunter2 hunter2", "%YAML hunter2/hunter2\n---\n{}",
		"a: !hunter2/hunter2 {}", "a: *hunter2/hunter2",
		"environments: {dev: {account: \"hunter2/hunter2\", region: \"hunter2/hunter2\", vars: {a: \"${hunter2/hunter2}\"}}}",
		"sources: {a: {keys: [\"hunter2/hunter2\"], rotate: {\"hunter2/hunter2\": {}, every: \"hunter2/hunter2\"}}}",
		"\"hunter2/hunter2\": 1",
		"environments: {dev: {account: \"111111111111\", region: us-east-1, vars: {v: \"${env} $${x} é \\u2028\"}}}\nsources: {s: {keys: [K]}}\nbuckets: {b: {originals: true, computed: [{C: \"<&> ${v}\"}]}}\n",
	} {
		f.Add([]byte(text))
	}
	for name, vendor := range manifest.Vendors() {
		f.Add([]byte(writeVendorManifest(name, vendor)))
	}
	f.Add([]byte(ownDescription))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := manifest.Parse("f", data)
		again, errAgain := manifest.Parse("f", data)
		if !cmp.Equal(file, again, cmpopts.IgnoreUnexported(manifest.File{})) || (err == nil) != (errAgain == nil) || err != nil &&
			err.Error() != errAgain.Error() {
			t.Fatal("read twice it is not the same")
		}
		if err != nil {
			checkRefusal(t, data, file, err)
			return
		}
		checkResolves(t, file)
		checkSameAsJSON(t, file)
	})
}

var problemLine = regexp.MustCompile(`^f:[1-9][0-9]*:[1-9][0-9]*: [^\n]+; [^\n]+$`)

func checkRefusal(t *testing.T, data []byte, file *manifest.File, err error) {
	t.Helper()
	var problems *manifest.Problems
	if !errors.As(err, &problems) || len(problems.List) == 0 || file != nil {
		t.Fatal("an error that is not *Problems alone")
	}
	for _, problem := range problems.List {
		if !problemLine.MatchString(problem.Error()) {
			t.Fatal("a problem without position or words")
		}
	}
	for _, piece := range longWords(string(data)) {
		if strings.Contains(err.Error(), piece) {
			t.Fatal("a problem quotes text that is not a name")
		}
	}
}

// nameLike matches names, paths of names and rotary's own words.
var nameLike = regexp.MustCompile(`^[A-Za-z0-9_.,:;()\[\]{}"$'-]*$`)

// longWords returns the words of a text that are too long to be there by chance and are no names.
func longWords(text string) []string {
	var out []string
	for _, word := range strings.Fields(text) {
		if len(word) > 12 && !nameLike.MatchString(word) {
			out = append(out, word)
		}
	}
	return append(out, "hunter2/hunter2")
}

func checkResolves(t *testing.T, file *manifest.File) {
	t.Helper()
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
}

func checkSameAsJSON(t *testing.T, file *manifest.File) {
	t.Helper()
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal("a file that was read cannot be written")
	}
	again, err := manifest.Parse("f.json", text)
	if err != nil {
		t.Fatalf("its JSON is refused: %v", err)
	}
	if diff := cmp.Diff(file, again, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(manifest.File{})); diff != "" {
		t.Fatalf("its JSON says something else (-YAML +JSON):\n%s", diff)
	}
}

func TestDeepOrLargeInputIsRefusedQuickly(t *testing.T) {
	for name, text := range map[string]string{
		"lists": strings.Repeat("[", 1<<16), "mappings": strings.Repeat("{a: ", 1<<14),
		"dashes": strings.Repeat("- ", 1<<15),
		"large":  strings.Repeat("a: b\n", 1<<17), "closed": strings.Repeat("[", 1<<12) + strings.Repeat("]", 1<<12),
	} {
		if _, err := manifest.Parse("f", []byte(text)); err == nil || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: not refused at once", name)
		}
	}
}
