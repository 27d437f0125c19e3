package arch

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// moving are the calls that move a label, put a version or start a rotation.
var moving = []string{"Move", "Put", "UpdateSecretVersionStage", "PutSecretValue", "RotateSecret", "CancelRotateSecret"}

// consolePeople are the only places of the simulation and the rehearsal that make such a call: people who bypass
// rotary in the console or with the AWS CLI, and Secrets Manager's own schedule. What people do through rotary goes
// through pkg/operate; steps, retirements and passes through pkg/rotate and pkg/reconcile.
var consolePeople = []string{"internal/simulation/console.go"}

// TestWhatIsPlayedIsWhatPeopleDo keeps the protocols of operators from being written a second time.
func TestWhatIsPlayedIsWhatPeopleDo(t *testing.T) {
	all, used := read(t), map[string]bool{}
	for _, f := range all.all {
		if f.test || !matches(f.folder, "internal/simulation", "internal/rehearsal") {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is {
				return true
			}
			selector, is := call.Fun.(*ast.SelectorExpr)
			if !is || !slices.Contains(moving, selector.Sel.Name) || throughOperate(selector) {
				return true
			}
			used[f.name] = true
			if !slices.Contains(consolePeople, f.name) {
				t.Errorf("%s: %s: let pkg/operate do it, or name who bypasses rotary in consolePeople", all.at(n), selector.Sel.Name)
			}
			return true
		})
	}
	for _, name := range consolePeople {
		if !used[name] {
			t.Errorf("%s bypasses rotary no more: take it from consolePeople", name)
		}
	}
}

// throughOperate reports whether a call is one of an operate.Operator, which the simulation names o.
func throughOperate(selector *ast.SelectorExpr) bool {
	x, is := selector.X.(*ast.Ident)
	return is && strings.EqualFold(x.Name, "o")
}
