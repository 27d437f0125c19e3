package terraform

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Value is a value that a file of values gives to a variable, or to a key of one.
type Value struct {
	Name     string // the key, or the variable
	Variable string // the variable
	Value    secret.Value
	Line     int // of the variable
}

// ReadValues reads a file of values, *.tfvars or *.tfvars.json: each variable that is a text, a number or a truth value,
// and each such element of a map, sorted by place. What is null is left out. A list, and what is nested deeper, is a
// problem, and so is what does not parse: then nobody should rely on the rest.
//
// Terraform normalizes texts to Unicode's NFC, and so does this: the values are those that it has deployed.
func ReadValues(f File) ([]Value, []Problem) {
	read, problems := readVariables(f)
	var all []Value
	for _, name := range sortedKeys(read.values) {
		values, wrong := listValues(name, read.values[name], read.at[name])
		all, problems = append(all, values...), append(problems, wrong...)
	}
	slices.SortStableFunc(all, func(a, b Value) int { return a.Line - b.Line })
	return all, sortProblems(problems)
}

func listValues(name string, v cty.Value, at hcl.Range) (all []Value, problems []Problem) {
	if v.IsNull() {
		return nil, nil
	}
	if text, is := textOf(v); is {
		return []Value{{name, name, secret.New(text), at.Start.Line}}, nil
	}
	if !v.IsKnown() || !isCollection(v.Type()) {
		return nil, []Problem{makeProblem(at, quoteName(name)+" is a list: it is no value of a secret")}
	}
	for _, key := range listNames(v) {
		element := v.AsValueMap()[key]
		text, is := textOf(element)
		switch {
		case is:
			all = append(all, Value{key, name, secret.New(text), at.Start.Line})
		case !element.IsNull():
			problems = append(problems, makeProblem(at, quoteName(key)+" of "+quoteName(name)+" is a list or an object: it is no value of a secret"))
		}
	}
	return all, problems
}

// NamesEnvironment reports whether a variable of this name holds the name of the environment.
func NamesEnvironment(variable string) bool { return slices.Contains(environmentNames, variable) }
