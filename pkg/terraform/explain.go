package terraform

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// quoteName returns a name as messages may show it.
func quoteName(name string) string {
	if secret.IsShown(name) {
		return name
	}
	return secret.QuoteName(name)
}

// describeExpression returns an expression as far as messages may show it: a reference, or the kind of thing it is.
func describeExpression(e hcl.Expression) string {
	if native, is := e.(*hclsyntax.ScopeTraversalExpr); is {
		if root, attr := readTraversal(native.Traversal); attr != "" {
			return quoteName(root) + "." + quoteName(attr)
		}
	}
	if call, is := e.(*hclsyntax.FunctionCallExpr); is {
		return quoteName(call.Name) + "(…)"
	}
	return "an expression"
}

// explain returns why an expression cannot be evaluated.
func (in *instance) explain(e hcl.Expression) string {
	if reason := in.explainOnce(e, map[string]bool{}); reason != "" {
		return reason
	}
	return "Terraform would have to compute it"
}

// explainOnce looks for a reason in an expression and in the locals that it refers to.
func (in *instance) explainOnce(e hcl.Expression, seen map[string]bool) string {
	if e == nil {
		return "it is not there"
	}
	functions := makeFunctions(in.findSecret)
	if native, is := e.(hclsyntax.Node); is {
		unread := ""
		_ = hclsyntax.VisitAll(native, func(n hclsyntax.Node) hcl.Diagnostics {
			if call, is := n.(*hclsyntax.FunctionCallExpr); is && unread == "" {
				if _, known := functions[call.Name]; !known {
					unread = "it calls " + quoteName(call.Name)
				}
			}
			return nil
		})
		if unread != "" {
			return unread
		}
	}
	for _, t := range e.Variables() {
		root, name := readTraversal(t)
		switch local := in.module.locals[name]; {
		case root == "local" && local != nil && !seen[name]:
			seen[name] = true
			if reason := in.explainOnce(local, seen); reason != "" {
				return reason
			}
		case root == "module", root == "var", root == "local", root == "each", root == "count", root == "path", root == "terraform":
		case strings.Contains(root, "_") || root == "data":
			return "it comes from " + quoteName(root) + "." + quoteName(name)
		}
	}
	return ""
}
