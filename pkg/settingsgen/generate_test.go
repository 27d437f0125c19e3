package settingsgen_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/settingsgen"
)

var update = flag.Bool("update", false, "write the golden files")

// readManifest reads a manifest of testdata, or one that is given as text.
func readManifest(t *testing.T, text string) *manifest.File {
	t.Helper()
	data := []byte(text)
	if !strings.Contains(text, "\n") {
		var err error
		if data, err = os.ReadFile(text); err != nil {
			t.Fatal(err)
		}
	}
	file, err := manifest.Parse("rotary.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func readKitchen(t *testing.T) settingsgen.Bucket {
	t.Helper()
	bucket, err := settingsgen.Read(readManifest(t, "testdata/kitchen.yaml"), "kitchen", "")
	if err != nil {
		t.Fatal(err)
	}
	return bucket
}

// generate returns the files of the kitchen in a language.
func generate(t *testing.T, language string) []settingsgen.File {
	t.Helper()
	files, err := settingsgen.Generate(readKitchen(t), language, settingsgen.Options{
		Command: "rotary settings kitchen --lang " + language, Package: "config"})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestGeneratedFiles(t *testing.T) {
	extensions := map[string]string{"go": ".go.txt", "python": ".py", "typescript": ".ts", "schema": ".json"}
	for _, language := range settingsgen.Languages() {
		for _, file := range generate(t, language) {
			path := filepath.Join("testdata", "kitchen"+file.Suffix+extensions[language])
			if *update {
				if err := os.WriteFile(path, file.Text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(want, file.Text) {
				t.Errorf("%s is not what is generated (%v): look at the difference after go test ./pkg/settingsgen -update", path, err)
			}
			if !bytes.HasSuffix(file.Text, []byte("\n")) || bytes.HasSuffix(file.Text, []byte("\n\n")) {
				t.Errorf("%s does not end with one line's end", path)
			}
		}
	}
}

func TestALanguageThatIsNotKnown(t *testing.T) {
	_, err := settingsgen.Generate(readKitchen(t), "cobol", settingsgen.Options{})
	if err == nil || err.Error() != `there is no language "cobol": it is one of go, python, typescript, schema` {
		t.Error(err)
	}
}

// TestABucketOfAnyShape: what has only one kind of setting has no file that does not compile; the languages' own tests
// compile the kitchen, and this one at least parses Go.
func TestABucketOfAnyShape(t *testing.T) {
	for _, s := range []settingsgen.Setting{
		{Name: "A"}, {Name: "A", Secret: true}, {Name: "NEXT_PUBLIC_A", Browser: true}, {Name: "A__B__C", Required: true},
		{Name: "A", Check: settingsgen.Check{Word: "json"}}, {Name: "A", Check: settingsgen.Check{Pattern: "`\"'\\\\"}},
	} {
		for _, language := range settingsgen.Languages() {
			files, err := settingsgen.Generate(settingsgen.Bucket{Name: "b", Settings: []settingsgen.Setting{s}}, language,
				settingsgen.Options{Command: "rotary settings b", Package: "config"})
			if err != nil || len(files) != 1 || files[0].Suffix != "" {
				t.Errorf("%s of %+v: %v", language, s, err)
			}
		}
	}
}
