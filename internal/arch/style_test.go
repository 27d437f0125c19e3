package arch

import (
	"bytes"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
)

const (
	longestFile         = 500 // lines of a file that is not a test: one sitting
	longestArchitecture = 150 // lines of ARCHITECTURE.md: it stays the page that is read first
)

func TestFilesCanBeReadInOneSitting(t *testing.T) {
	for _, f := range read(t).all {
		if !f.test && f.lines > longestFile {
			t.Errorf("%s has %d lines, more than %d: split it by subject", f.name, f.lines, longestFile)
		}
	}
	page, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if n := bytes.Count(page, []byte("\n")); n > longestArchitecture {
		t.Errorf("ARCHITECTURE.md has %d lines, more than %d: move what is detail into docs", n, longestArchitecture)
	}
}

func TestNothingHappensOnImport(t *testing.T) {
	all := read(t)
	for _, f := range all.all {
		for _, d := range f.Decls {
			if function, is := d.(*ast.FuncDecl); is && function.Recv == nil && function.Name.Name == "init" {
				t.Errorf("%s: an init function: let main call what is needed, in the open", all.at(d))
			}
		}
	}
}

// clocks read or wait for the time of day.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// TestDecisionsHaveNoClock: now is a field of plan.State.
func TestDecisionsHaveNoClock(t *testing.T) {
	all := read(t)
	for _, f := range all.all {
		if f.test || !matches(f.folder, offline...) {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			if selector, is := n.(*ast.SelectorExpr); is && slices.Contains(clocks, selector.Sel.Name) {
				if x, is := selector.X.(*ast.Ident); is && x.Name == "time" {
					t.Errorf("%s: time.%s: a decision is given the time", all.at(n), selector.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestEverythingExportedIsDescribed(t *testing.T) {
	all, described := read(t), map[string]bool{}
	for _, f := range all.all {
		if f.test {
			continue
		}
		described[f.folder] = described[f.folder] || f.Doc.Text() != ""
		if matches(f.folder, "pkg/...") {
			for _, name := range undescribed(f.File) {
				t.Errorf("%s: %s has no comment that says what it promises", all.at(name), name.Name)
			}
		}
	}
	for folder, has := range described {
		if !has {
			t.Errorf("package %s has no comment that says what it is", folder)
		}
	}
}

// standard are methods whose contract is the interface they satisfy.
var standard = []string{"Error", "String", "Unwrap", "Is", "MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText", "UnmarshalYAML"}

// undescribed returns the exported names without a comment: of their own, or of the group they stand in.
func undescribed(f *ast.File) []*ast.Ident {
	var names []*ast.Ident
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			method := d.Recv != nil && (slices.Contains(standard, d.Name.Name) || !token.IsExported(receiver(d)))
			if d.Name.IsExported() && !method && d.Doc.Text() == "" {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undescribedSpec(d, spec)...)
			}
		}
	}
	return names
}

func undescribedSpec(d *ast.GenDecl, spec ast.Spec) (names []*ast.Ident) {
	comments := []*ast.CommentGroup{d.Doc}
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		comments, names = append(comments, spec.Doc, spec.Comment), []*ast.Ident{spec.Name}
	case *ast.ValueSpec:
		comments, names = append(comments, spec.Doc, spec.Comment), spec.Names
	}
	if slices.ContainsFunc(comments, func(c *ast.CommentGroup) bool { return c.Text() != "" }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(names), func(n *ast.Ident) bool { return !n.IsExported() })
}

// TestPackageVariablesAreTables: a variable of a package is set where it is declared and then only read. Behaviour
// behind a pointer (a mutex, a sync.OnceValue) is beyond this test; there is no reason for one in what is shipped.
func TestPackageVariablesAreTables(t *testing.T) {
	all := read(t)
	folders := map[string][]*ast.File{}
	for _, f := range all.all {
		if !f.test {
			folders[f.folder] = append(folders[f.folder], f.File)
		}
	}
	for folder, files := range folders {
		uses, variables := resolve(all.files, folder, files)
		for _, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				for _, target := range written(n) {
					if name := rootOf(target); name != nil && variables[uses[name]] {
						t.Errorf("%s: changes the package variable %s: pass it, or hold it in a value", all.at(n), name.Name)
					}
				}
				return true
			})
		}
	}
}

// resolve returns the declaration that each name of a package refers to, and which declarations are its variables.
// Imports stay empty: only names of the package itself matter here, so nothing needs to be built.
func resolve(files *token.FileSet, folder string, parsed []*ast.File) (map[*ast.Ident]types.Object, map[types.Object]bool) {
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: empty{}, Error: func(error) {}}
	checked, _ := config.Check(folder, files, parsed, &info)
	variables := map[types.Object]bool{}
	for _, name := range checked.Scope().Names() {
		if v, is := checked.Scope().Lookup(name).(*types.Var); is {
			variables[v] = true
		}
	}
	return info.Uses, variables
}

type empty struct{}

func (empty) Import(name string) (*types.Package, error) {
	p := types.NewPackage(name, path.Base(name))
	p.MarkComplete()
	return p, nil
}

// written returns the expressions whose value a statement changes, or lets others change.
func written(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.CallExpr:
		if f, is := n.Fun.(*ast.Ident); is && slices.Contains([]string{"delete", "clear", "copy"}, f.Name) {
			return n.Args[:1]
		}
	}
	return nil
}

// rootOf returns the name that an expression starts from: v in v, v.f, v[i] and *v.
func rootOf(x ast.Expr) *ast.Ident {
	switch x := x.(type) {
	case *ast.Ident:
		return x
	case *ast.SelectorExpr:
		return rootOf(x.X)
	case *ast.IndexExpr:
		return rootOf(x.X)
	case *ast.SliceExpr:
		return rootOf(x.X)
	case *ast.StarExpr:
		return rootOf(x.X)
	case *ast.ParenExpr:
		return rootOf(x.X)
	}
	return nil
}
