// Package arch holds what the layout promises: the direction of imports, what each Lambda links, who may reveal a
// secret, and the rules of style that a reader would otherwise have to check by hand.
package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/rotary-secrets/rotary"
	root   = "../.."
)

// listed holds what go list prints for one package, without its tests.
type listed struct {
	ImportPath string
	Imports    []string
}

// golist returns the packages that match the patterns.
func golist(t *testing.T, env []string, args ...string) []listed {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports", "-tags=lambda.norpc"}, args...)...)
	list.Dir, list.Env = root, append(os.Environ(), env...)
	out, err := list.Output()
	if err != nil {
		if exit, is := errors.AsType[*exec.ExitError](err); is {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatalf("%s: %v", list, err)
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		packages = append(packages, p)
	}
	return packages
}

// ours turns an import path into a folder of this module; it says false for other people's packages.
func ours(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// matches reports whether a package or import path matches one of the patterns. A pattern that ends with /... matches
// everything below; any other matches one package.
func matches(name string, patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		parent, below := strings.CutSuffix(pattern, "/...")
		return name == pattern || below && (name == parent || strings.HasPrefix(name, parent+"/"))
	})
}

// source is one Go file of this module.
type source struct {
	folder string // as pkg/plan
	name   string // as pkg/plan/make.go
	test   bool
	lines  int
	*ast.File
}

// product reports whether the file is part of what is shipped.
func (s source) product() bool {
	return !s.test && !matches(s.folder, suites...) && matches(s.folder, ".", "pkg/...", "lambdas/...", "cmd/...", "events")
}

type tree struct {
	files *token.FileSet
	all   []source
}

// at returns the place of a node as file:line.
func (t tree) at(node ast.Node) string {
	p := t.files.Position(node.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// parsed is every Go file of this module, read once.
var parsed = sync.OnceValues(func() (tree, error) {
	t := tree{files: token.NewFileSet()}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && foreign(name):
			return fs.SkipDir
		case path.Ext(name) != ".go":
			return nil
		}
		return t.add(name)
	})
	return t, err
})

// foreign reports whether a folder holds no packages of this module: fixtures, hidden folders, other modules.
func foreign(name string) bool {
	if name == "." {
		return false
	}
	_, err := os.Stat(filepath.Join(root, name, "go.mod"))
	base := path.Base(name)
	return err == nil || base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

func (t *tree) add(name string) error {
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(t.files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.all = append(t.all, source{
		folder: path.Dir(name), name: name, test: strings.HasSuffix(name, "_test.go"), lines: bytes.Count(text, []byte("\n")), File: file,
	})
	return nil
}

func read(t *testing.T) tree {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all.all) == 0 {
		t.Fatal("no Go file found")
	}
	return all
}
