package manifest_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestThePackageIsPure: decisions are functions of values. The schema generator stays outside, so no Lambda links it.
func TestThePackageIsPure(t *testing.T) {
	paths, _ := filepath.Glob("*.go")
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			first, _, _ := strings.Cut(name, "/")
			if slices.Contains([]string{"os", "net", "context", "log"}, first) || strings.Contains(name, "jsonschema") {
				t.Errorf("%s imports %s", path, name)
			}
		}
	}
}
