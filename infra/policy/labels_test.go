package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryLabelHasItsRows: whoever moves any label has a case for each kind of them.
func TestEveryLabelHasItsRows(t *testing.T) {
	kinds := readLabelKinds(t)
	if len(kinds) < 16 {
		t.Fatalf("%d kinds of labels are too few: %v", len(kinds), kinds)
	}
	cases := readCases(t, "testdata")
	for _, mover := range []struct{ who, secret string }{
		{"dev/propagate", "source/dev/vendors"},
		{"dev/propagate", "api-secrets-dev"},
		{"dev/rotate", "source/dev/storage"},
		{"dev/rotate", "api-secrets-dev"},
		{"dev/rotate-network", "source/dev/app-db"},
		{"dev/platform", "source/dev/vendors"},
		{"dev/platform", "api-secrets-dev"},
	} {
		for _, kind := range kinds {
			if !slices.ContainsFunc(cases, func(c testCase) bool {
				label, _ := c.context[aliases["stage"]].([]string)
				return c.who == mover.who && c.resource == expand("secretsmanager:secret:"+mover.secret) &&
					c.action == "secretsmanager:UpdateSecretVersionStage" && len(label) == 1 && isOfKind(label[0], kind)
			}) {
				t.Errorf("no case says whether %s may move %s of %s", mover.who, kind, mover.secret)
			}
		}
	}
}

// isOfKind reports whether a label is of a kind, which ends in "-" where more follows.
func isOfKind(label, kind string) bool {
	return label == kind || strings.HasSuffix(kind, "-") && strings.HasPrefix(label, kind)
}

// readLabelKinds returns the kinds of labels that pkg/history has: its constants of capital letters.
func readLabelKinds(t *testing.T) (kinds []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../pkg/history/labels.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		for _, value := range spec.Values {
			literal, is := value.(*ast.BasicLit)
			if !is || literal.Kind != token.STRING {
				continue
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if text != "" && text == strings.ToUpper(text) {
				kinds = append(kinds, text)
			}
		}
		return true
	})
	return kinds
}
