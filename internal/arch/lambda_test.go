package arch

import (
	"go/ast"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// mostBytes is how large the bootstrap of a Lambda may be, as make build-lambda builds it: what a cold start loads. The goal
// is 12 MiB for each. Of propagate, the SDK's clients of ECS, Lambda, EventBridge and Scheduler are a quarter: their packages
// of schemas are linked whole.
var mostBytes = map[string]int64{"propagate": 16_000_000, "rotate": 12 << 20}

// TestABootstrapIsSmall builds what is deployed. The same sources give the same bytes.
func TestABootstrapIsSmall(t *testing.T) {
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "make", "build-lambda", "ROTARY_LAMBDAS="+folder)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build-lambda: %v\n%s", err, out)
	}
	built, err := filepath.Glob(filepath.Join(folder, "*", "bootstrap"))
	if err != nil || len(built) != len(mostBytes) {
		t.Fatalf("%q are built: %v", built, err)
	}
	for _, path := range built {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Base(filepath.Dir(path)); info.Size() > mostBytes[name] {
			t.Errorf("the bootstrap of %s has %d bytes, more than %d: go tool nm -size -sort size, of a build without -s, says what is in it",
				name, info.Size(), mostBytes[name])
		}
	}
}

// TestNoExpressionIsCompiledAtAColdStart: a regular expression that a package of a Lambda compiles when it is initialized
// costs each start its time, used or not. sync.OnceValue compiles it when it is first used.
func TestNoExpressionIsCompiledAtAColdStart(t *testing.T) {
	linked := map[string]bool{}
	for _, p := range golist(t, nil, "-deps", "./lambdas/...") {
		if name, is := ours(p.ImportPath); is {
			linked[name] = true
		}
	}
	seen := 0
	for _, f := range read(t).all {
		if f.test || !linked[f.folder] {
			continue
		}
		seen++
		for _, d := range f.Decls {
			if g, is := d.(*ast.GenDecl); is && compilesExpression(g) {
				t.Errorf("%s compiles a regular expression when it is initialized: wrap it in sync.OnceValue", f.name)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d files are linked into Lambdas", seen)
	}
}

// compilesExpression reports whether a declaration calls regexp.MustCompile, other than in a function.
func compilesExpression(d ast.Node) (found bool) {
	ast.Inspect(d, func(n ast.Node) bool {
		if _, later := n.(*ast.FuncLit); later {
			return false
		}
		if f, is := n.(*ast.SelectorExpr); is && f.Sel.Name == "MustCompile" {
			from, _ := f.X.(*ast.Ident)
			found = found || from != nil && from.Name == "regexp"
		}
		return !found
	})
	return found
}
