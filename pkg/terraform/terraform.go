// Package terraform reads a Terraform configuration that renames secrets into maps, as far as it can be read, and drafts
// a manifest from which rotary computes the same maps. It is pure: texts in, values and problems out; no program and no
// provider is called.
//
// Expressions are evaluated by HCL's own evaluator. In the place of each secret stands a token; the name under which a
// token comes out is the name that a reader sees. What cannot be evaluated without Terraform, such as what a resource
// computes, is left out and reported.
package terraform

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// File is a file of a configuration: *.tf, *.tf.json, or *.tfvars, of which only the names are used.
type File struct {
	Name string // its path, with slashes; files of one folder are one module
	Text []byte
}

// MaxBytes is the size of the largest file that is read.
const MaxBytes = 4 << 20

// Problem is something about a place of a file. It quotes names, and no other text of the file.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1
	Col  int    `json:"column"`
	What string `json:"what"`
}

// Error returns "file:line:col: what".
func (p Problem) Error() string { return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.What) }

// makeProblem returns a problem of a place.
func makeProblem(at hcl.Range, what string) Problem {
	return Problem{at.Filename, max(at.Start.Line, 1), max(at.Start.Column, 1), what}
}

// sortProblems sorts by place, and keeps each once.
func sortProblems(all []Problem) []Problem {
	slices.SortFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.What, b.What))
	})
	return slices.Compact(all)
}

// Configuration is what the files declare.
type Configuration struct {
	files    []string
	modules  map[string]*module // by folder
	values   []variables        // of each file of values
	Problems []Problem          // what does not parse: Terraform refuses it too
}

// module is what the files of one folder declare.
type module struct {
	folder    string
	declared  map[string]*variable
	locals    map[string]hcl.Expression
	outputs   map[string]hcl.Expression
	calls     []*block // module "x" {…}
	resources []*block
	data      []*block
	providers []*block
	all       []hcl.Expression // every expression, to see who refers to what
}

// block is a block with labels, and its attributes and inner blocks.
type block struct {
	kind  string // resource, data or module
	typ   string // "" of a module
	name  string
	attrs map[string]hcl.Expression
	inner []*block
	at    hcl.Range
}

// address returns how Terraform calls a block within its module.
func (b *block) address() string {
	switch b.kind {
	case "module":
		return "module." + b.name
	case "data":
		return "data." + b.typ + "." + b.name
	}
	return b.typ + "." + b.name
}

// Read reads files. It goes on past what does not parse, which is in Problems.
func Read(files []File) *Configuration {
	c := &Configuration{modules: map[string]*module{}}
	for _, f := range files {
		c.files = append(c.files, f.Name)
		switch {
		case isValuesFile(f.Name):
			values, problems := readVariables(f)
			c.values, c.Problems = append(c.values, values), append(c.Problems, problems...)
		case path.Ext(f.Name) == ".json":
			c.readJSON(f)
		default:
			c.readNative(f)
		}
	}
	c.Problems = sortProblems(c.Problems)
	return c
}

// Count returns how many files were read, and how many of them have errors.
func (c *Configuration) Count() (files, faulty int) {
	bad := map[string]bool{}
	for _, p := range c.Problems {
		bad[p.File] = true
	}
	return len(c.files), len(bad)
}

// roots returns the folders of the modules that no other module calls, sorted.
func (c *Configuration) roots() []string {
	called := map[string]bool{}
	for folder, m := range c.modules {
		for _, call := range m.calls {
			if source, known := literalText(call.attrs["source"]); known {
				called[path.Join(folder, source)] = true
			}
		}
	}
	return slices.DeleteFunc(sortedKeys(c.modules), func(folder string) bool { return called[folder] })
}

// literalText returns the text of an expression that is one and depends on nothing.
func literalText(e hcl.Expression) (string, bool) {
	if e == nil {
		return "", false
	}
	value, diags := e.Value(nil)
	if diags.HasErrors() {
		return "", false
	}
	return textOf(value)
}

// exprRange returns where an expression stands.
func exprRange(e hcl.Expression) hcl.Range {
	if native, is := e.(hclsyntax.Expression); is {
		return native.Range()
	}
	return e.Range()
}
