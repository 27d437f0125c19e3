package terraform

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// variable is an input of a module.
type variable struct {
	name       string
	standard   cty.Value // its default; cty.NilVal where it has none, or one that depends on something
	kind       cty.Type  // cty.DynamicPseudoType where none is declared
	sensitive  bool
	validation []hcl.Expression
	at         hcl.Range
}

func newVariable(b *block) *variable {
	v := &variable{name: b.name, kind: cty.DynamicPseudoType, at: b.at}
	if e := b.attrs["default"]; e != nil {
		if value, diags := e.Value(nil); !diags.HasErrors() {
			v.standard = value
		}
	}
	if e := b.attrs["type"]; e != nil {
		if kind, _, diags := typeexpr.TypeConstraintWithDefaults(e); !diags.HasErrors() {
			v.kind = kind
		}
	}
	if e := b.attrs["sensitive"]; e != nil {
		value, diags := e.Value(nil)
		v.sensitive = !diags.HasErrors() && value.IsKnown() && !value.IsNull() && value.Type() == cty.Bool && value.True()
	}
	for _, inner := range b.inner {
		if condition := inner.attrs["condition"]; inner.kind == "validation" && condition != nil {
			v.validation = append(v.validation, condition)
		}
	}
	return v
}

// role is what an input of the root module stands for.
type role int

const (
	secretText  role = iota // a secret
	secretMap               // secrets by name
	environment             // the name of the environment
	region                  // the region
	setting                 // a value of the configuration
)

// nameOf are names of variables that are read as what they are called.
var (
	environmentNames = []string{"environment", "env", "env_name", "environment_name", "stage"}
	regionNames      = []string{"region", "aws_region"}
	namesOfSecrets   = regexp.MustCompile(`(?i)(secrets|credentials|passwords|tokens|env_vars|environment_variables)$`)
	namesOfSecret    = regexp.MustCompile(`(?i)(secret|password|passwd|token|credential|private_key|api_?key|access_key|signing_key)`)
)

// classify returns what a root input stands for. A value that may be a secret is taken for one: the draft then holds its
// name, and never a text.
func (v *variable) classify() role {
	switch {
	case slices.Contains(environmentNames, v.name):
		return environment
	case slices.Contains(regionNames, v.name):
		return region
	}
	holds := v.standard != cty.NilVal && !v.standard.IsNull()
	collection := isCollection(v.kind) || holds && isCollection(v.standard.Type()) || v.kind == cty.DynamicPseudoType && !holds && namesOfSecrets.MatchString(v.name)
	switch {
	case collection && (v.sensitive || !holds || v.standard.LengthInt() == 0 || !isHarmless(v.standard)):
		return secretMap
	case collection:
		return setting
	case v.sensitive || !holds || namesOfSecret.MatchString(v.name) || !isHarmless(v.standard):
		return secretText
	}
	return setting
}

// classifyGiven returns what a value of a file stands for whose variable may be a setting: numbers, truth values, and names
// of names are one, and texts may be secrets.
func classifyGiven(v cty.Value) role {
	switch {
	case v.IsNull(), v.Type() == cty.Bool, v.Type() == cty.Number, len(readPairs(v)) > 0:
		return setting
	case isCollection(v.Type()):
		return secretMap
	}
	return secretText
}

func isCollection(t cty.Type) bool { return t.IsMapType() || t.IsObjectType() }

// isHarmless reports whether nothing in a default looks like a secret.
func isHarmless(v cty.Value) bool {
	harmless := true
	_ = cty.Walk(v, func(_ cty.Path, inner cty.Value) (bool, error) {
		if text, is := textOf(inner); is && secret.LooksLike(text) {
			harmless = false
		}
		return true, nil
	})
	return harmless
}

// textOf returns a known text, or a number or truth value as one.
func textOf(v cty.Value) (string, bool) {
	if v == cty.NilVal || v.IsMarked() || v.IsNull() || !v.IsKnown() {
		return "", false
	}
	switch v.Type() {
	case cty.String:
		return v.AsString(), true
	case cty.Number:
		return v.AsBigFloat().Text('f', -1), true
	case cty.Bool:
		if v.True() {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// listNames returns the names of a map's or an object's elements, sorted.
func listNames(v cty.Value) []string {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || !isCollection(v.Type()) {
		return nil
	}
	return slices.Sorted(maps.Keys(v.AsValueMap()))
}

// variables are the values of one file.
type variables struct {
	file   string
	values map[string]cty.Value
	at     map[string]hcl.Range
}

// isValuesFile reports whether a file gives values to variables.
func isValuesFile(name string) bool {
	return strings.HasSuffix(name, ".tfvars") || strings.HasSuffix(name, ".tfvars.json")
}

// readVariables reads a file of values as far as it goes.
func readVariables(f File) (variables, []Problem) {
	c := &Configuration{}
	out := variables{file: f.Name, values: map[string]cty.Value{}, at: map[string]hcl.Range{}}
	var parsed *hcl.File
	var diags hcl.Diagnostics
	if path.Ext(f.Name) == ".json" {
		parsed, diags = hcljson.Parse(f.Text, f.Name)
	} else {
		parsed, diags = hclsyntax.ParseConfig(f.Text, f.Name, hcl.InitialPos)
	}
	c.addDiagnostics(f.Name, diags)
	if parsed == nil {
		return out, c.Problems
	}
	attrs, diags := parsed.Body.JustAttributes()
	c.addDiagnostics(f.Name, diags)
	for name, attr := range attrs {
		value, diags := attr.Expr.Value(nil)
		c.addDiagnostics(f.Name, diags)
		if !diags.HasErrors() {
			out.values[name], out.at[name] = value, attr.NameRange
		}
	}
	return out, sortProblems(c.Problems)
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
