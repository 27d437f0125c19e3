package terraform

import (
	"bytes"
	"path"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
)

// continuation matches a line that goes on with a condition, as Terraform reads it only within parentheses.
var continuation = regexp.MustCompile(`\n([ \t]*)([?:])`)

// joinConditions writes conditions over several lines on one, and keeps the number of each line that follows.
func joinConditions(text []byte) []byte {
	var out bytes.Buffer
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		out.Write(line)
		lines := 1
		for {
			next, after, _ := bytes.Cut(rest, []byte("\n"))
			trimmed := bytes.TrimLeft(next, " \t")
			if len(trimmed) == 0 || trimmed[0] != '?' && trimmed[0] != ':' {
				break
			}
			out.WriteByte(' ')
			out.Write(trimmed)
			rest = after
			lines++
		}
		out.WriteString(strings.Repeat("\n", lines))
		text = rest
	}
	return out.Bytes()
}

func (c *Configuration) readNative(f File) {
	parsed, diags := hclsyntax.ParseConfig(f.Text, f.Name, hcl.InitialPos)
	c.addDiagnostics(f.Name, diags)
	if diags.HasErrors() && continuation.Match(f.Text) {
		if mended, again := hclsyntax.ParseConfig(joinConditions(f.Text), f.Name, hcl.InitialPos); len(again) < len(diags) {
			parsed = mended
		}
	}
	if parsed == nil {
		return
	}
	body, is := parsed.Body.(*hclsyntax.Body)
	if !is {
		return
	}
	m := c.moduleOf(f.Name)
	for _, b := range body.Blocks {
		m.addBlock(b.Type, b.Labels, b.TypeRange, readNativeBody(b.Body), readNativeBlocks(b.Body))
	}
}

// quotedText matches what a diagnostic quotes.
var quotedText = regexp.MustCompile(`"(\\.|[^"\\])*" ?`)

// addDiagnostics notes what does not parse. A diagnostic's detail may quote the file, and so is left out; what its
// summary quotes is taken out.
func (c *Configuration) addDiagnostics(name string, diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		at := hcl.Range{Filename: name, Start: hcl.InitialPos}
		if d.Subject != nil {
			at = *d.Subject
		}
		c.Problems = append(c.Problems, makeProblem(at, quotedText.ReplaceAllString(d.Summary, "")))
	}
}

// moduleOf returns the module that a file belongs to.
func (c *Configuration) moduleOf(name string) *module {
	folder := path.Dir(name)
	if c.modules[folder] == nil {
		c.modules[folder] = &module{
			folder: folder, declared: map[string]*variable{}, locals: map[string]hcl.Expression{}, outputs: map[string]hcl.Expression{},
		}
	}
	return c.modules[folder]
}

func readNativeBody(body *hclsyntax.Body) map[string]hcl.Expression {
	attrs := map[string]hcl.Expression{}
	for name, attr := range body.Attributes {
		attrs[name] = attr.Expr
	}
	return attrs
}

func readNativeBlocks(body *hclsyntax.Body) []*block {
	var inner []*block
	for _, b := range body.Blocks {
		inner = append(inner, &block{kind: b.Type, attrs: readNativeBody(b.Body), inner: readNativeBlocks(b.Body), at: b.TypeRange})
	}
	return inner
}

// labelled lists the blocks of Terraform that are read, and how many labels each has.
var labelled = map[string]int{"variable": 1, "locals": 0, "output": 1, "module": 1, "resource": 2, "data": 2, "provider": 1}

// addBlock adds a block of a file. What has not its labels is left out: Terraform refuses it.
func (m *module) addBlock(kind string, labels []string, at hcl.Range, attrs map[string]hcl.Expression, inner []*block) {
	if count, known := labelled[kind]; !known || len(labels) != count {
		return
	}
	for _, name := range sortedKeys(attrs) {
		m.all = append(m.all, attrs[name])
	}
	m.all = append(m.all, listExpressions(inner)...)
	b := &block{kind: kind, attrs: attrs, inner: inner, at: at}
	if len(labels) > 0 {
		b.name = labels[len(labels)-1]
	}
	if len(labels) > 1 {
		b.typ = labels[0]
	}
	switch kind {
	case "variable":
		m.declared[b.name] = newVariable(b)
	case "locals":
		for name, e := range attrs {
			m.locals[name] = e
		}
	case "output":
		m.outputs[b.name] = attrs["value"]
	case "module":
		m.calls = append(m.calls, b)
	case "resource":
		m.resources = append(m.resources, b)
	case "data":
		m.data = append(m.data, b)
	case "provider":
		m.providers = append(m.providers, b)
	}
}

func listExpressions(blocks []*block) (all []hcl.Expression) {
	for _, b := range blocks {
		for _, name := range sortedKeys(b.attrs) {
			all = append(all, b.attrs[name])
		}
		all = append(all, listExpressions(b.inner)...)
	}
	return all
}

// readJSON reads a file in JSON syntax (https://developer.hashicorp.com/terraform/language/syntax/json).
func (c *Configuration) readJSON(f File) {
	parsed, diags := hcljson.Parse(f.Text, f.Name)
	c.addDiagnostics(f.Name, diags)
	if parsed == nil {
		return
	}
	schema := &hcl.BodySchema{}
	for _, kind := range sortedKeys(labelled) {
		schema.Blocks = append(schema.Blocks, hcl.BlockHeaderSchema{Type: kind, LabelNames: []string{"type", "name"}[2-labelled[kind]:]})
	}
	content, _, diags := parsed.Body.PartialContent(schema)
	c.addDiagnostics(f.Name, diags)
	m := c.moduleOf(f.Name)
	for _, b := range content.Blocks {
		attrs, _ := b.Body.JustAttributes()
		read := map[string]hcl.Expression{}
		for name, attr := range attrs {
			if name != "//" {
				read[name] = attr.Expr
			}
		}
		m.addBlock(b.Type, b.Labels, b.DefRange, read, nil)
	}
}
