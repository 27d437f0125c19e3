package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// cmdAccepts checks that a JSON Schema accepts a manifest: accepts SCHEMA MANIFEST.
func cmdAccepts(ts *testscript.TestScript, neg bool, args []string) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(ts.ReadFile(args[0]))))
	ts.Check(err)
	compiler := jsonschema.NewCompiler()
	ts.Check(compiler.AddResource(args[0], schema))
	compiled, err := compiler.Compile(args[0])
	ts.Check(err)
	text, err := yaml.YAMLToJSON([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	ts.Check(err)
	if err := compiled.Validate(document); (err == nil) == neg {
		ts.Fatalf("%s against %s: %v", args[1], args[0], err)
	}
}

// TestWriteFileReplacesOnlyWhenItMay: a file that came meanwhile stays, and nothing is left beside it.
func TestWriteFileReplacesOnlyWhenItMay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct {
		data    string
		replace bool
		want    string
		err     error
	}{
		{"first", false, "first", nil},
		{"second", false, "first", fs.ErrExist},
		{"third", true, "third", nil},
	} {
		err := writeFile(path, []byte(c.data), c.replace)
		have, readErr := os.ReadFile(path)
		if !errors.Is(err, c.err) || readErr != nil || string(have) != c.want {
			t.Errorf("%s: %v, and the file holds %q, %v; want %q, %v", c.data, err, have, readErr, c.want, c.err)
		}
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(files) != 1 {
			t.Errorf("%s: the folder holds %v, %v", c.data, files, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
}
