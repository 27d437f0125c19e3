package terraform

import (
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// evaluate returns what an expression gives, and unknown for what cannot be known. The arguments of a merge and the
// items of an object are evaluated one by one, so that what is left out is no more than it has to be.
//
//	expression                    | where a part cannot be evaluated
//	------------------------------|------------------------------------
//	merge(a, b)                   | the part is left out, and reported
//	{NAME = value}                | NAME is left out, and reported
//	(a), sensitive(a), tomap(a)   | as of a
//	jsonencode(a)                 | as of a
//	anything else                 | unknown
func (in *instance) evaluate(e hcl.Expression) cty.Value {
	switch e := e.(type) {
	case nil:
		return unknown
	case *hclsyntax.ParenthesesExpr:
		return in.evaluate(e.Expression)
	case *hclsyntax.ObjectConsExpr:
		return in.evaluateObject(e)
	case *hclsyntax.FunctionCallExpr:
		switch {
		case e.Name == "merge" && !e.ExpandFinal:
			return in.evaluateMerge(e)
		case slices.Contains([]string{"sensitive", "nonsensitive", "tomap"}, e.Name) && len(e.Args) == 1:
			return in.evaluate(e.Args[0])
		case e.Name == "jsonencode" && len(e.Args) == 1:
			return encodeJSON(in.evaluate(e.Args[0]))
		}
	}
	value, diags := in.evaluateWhole(e)
	if diags.HasErrors() {
		return unknown
	}
	return value
}

// encodeJSON returns a value as JSON.
func encodeJSON(v cty.Value) cty.Value {
	if !v.IsWhollyKnown() {
		return unknown
	}
	text, err := stdlib.JSONEncode(v)
	if err != nil {
		return unknown
	}
	return text
}

// evaluateMerge merges what of the arguments is known.
func (in *instance) evaluateMerge(call *hclsyntax.FunctionCallExpr) cty.Value {
	var known []cty.Value
	for _, arg := range call.Args {
		value := in.evaluate(arg)
		switch {
		case value.IsNull():
			continue
		case !value.IsKnown() || !isCollection(value.Type()):
			in.lose(exprRange(arg), describeExpression(arg), in.explain(arg))
			continue
		}
		known = append(known, value)
	}
	if len(known) == 0 {
		return cty.EmptyObjectVal
	}
	value, err := stdlib.Merge(known...)
	if err != nil {
		return unknown
	}
	return value
}

// evaluateObject evaluates the items of an object.
func (in *instance) evaluateObject(e *hclsyntax.ObjectConsExpr) cty.Value {
	all := map[string]cty.Value{}
	for _, item := range e.Items {
		key, diags := in.evaluateWhole(item.KeyExpr)
		name, is := textOf(key)
		if diags.HasErrors() || !is {
			in.lose(exprRange(item.KeyExpr), "an item whose name is computed", in.explain(item.KeyExpr))
			continue
		}
		value := in.evaluate(item.ValueExpr)
		if !value.IsKnown() {
			in.lose(exprRange(item.KeyExpr), quoteName(name), in.explain(item.ValueExpr))
			continue
		}
		all[name] = value
	}
	return cty.ObjectVal(all)
}

// moreKeys is how often an expression is evaluated again because it takes another key of an input.
const moreKeys = 1000

// evaluateWhole evaluates an expression with HCL's evaluator. Where it takes a key of an input by its name, the input
// has that key from then on.
func (in *instance) evaluateWhole(e hcl.Expression) (cty.Value, hcl.Diagnostics) {
	for range moreKeys {
		value, diags := e.Value(in.newContext(e))
		if !diags.HasErrors() || !in.learnKey(diags) {
			return value, diags
		}
		clear(in.done)
	}
	return unknown, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Too many keys"}}
}

// learnKey notes the key of an input that an expression takes and that was not known, and reports whether there is one.
func (in *instance) learnKey(diags hcl.Diagnostics) bool {
	for _, d := range diags {
		input, key := findMissingKey(d)
		if input == "" || in.known[input][key] || in.missing[secretID(input, key)] {
			continue
		}
		if in.known[input] == nil {
			in.known[input] = map[string]bool{}
		}
		in.known[input][key] = true
		in.forgetValues()
		return true
	}
	return false
}

// forgetValues drops what this instance and those that call it have evaluated.
func (in *instance) forgetValues() {
	clear(in.done)
	for _, arg := range in.args {
		if arg.in != in {
			arg.in.forgetValues()
		}
	}
}

// findMissingKey returns the input and the key of an index that fails.
func findMissingKey(d *hcl.Diagnostic) (input, key string) {
	if d.Expression == nil || d.EvalContext == nil {
		return "", ""
	}
	switch e := d.Expression.(type) {
	case *hclsyntax.IndexExpr:
		from, bad := e.Collection.Value(d.EvalContext)
		index, worse := e.Key.Value(d.EvalContext)
		if name, is := textOf(index); is && !bad.HasErrors() && !worse.HasErrors() {
			return findInput(from), name
		}
	case *hclsyntax.ScopeTraversalExpr:
		return findMissingStep(e.Traversal, d.EvalContext)
	}
	return "", ""
}

func findMissingStep(t hcl.Traversal, ctx *hcl.EvalContext) (input, key string) {
	for n := 2; n < len(t); n++ {
		from, diags := t[:n].TraverseAbs(ctx)
		if diags.HasErrors() {
			return "", ""
		}
		if input := findInput(from); input != "" {
			switch step := t[n].(type) {
			case hcl.TraverseAttr:
				return input, step.Name
			case hcl.TraverseIndex:
				key, _ := textOf(step.Key)
				return input, key
			}
		}
	}
	return "", ""
}

// newContext returns what an expression refers to.
func (in *instance) newContext(e hcl.Expression) *hcl.EvalContext {
	roots := map[string]map[string]cty.Value{}
	put := func(root, name string, value cty.Value) {
		if roots[root] == nil {
			roots[root] = map[string]cty.Value{}
		}
		roots[root][name] = value
	}
	resources := map[string]*reference{}
	for _, t := range e.Variables() {
		switch root, name := readTraversal(t); root {
		case "var":
			put(root, name, in.findWithKey(t, in.findVariable))
		case "local":
			put(root, name, in.findWithKey(t, in.findLocal))
		case "module":
			put(root, name, in.findModule(name))
		case "each":
			put(root, "key", in.findEach("key"))
			put(root, "value", in.findEach("value"))
		case "count":
			put(root, "index", cty.Zero)
		case "path":
			put(root, name, cty.StringVal("."))
		case "terraform":
			put(root, "workspace", cty.StringVal(in.env))
		default:
			addReference(resources, t)
		}
	}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: makeFunctions(in.findSecret)}
	for root, values := range roots {
		ctx.Variables[root] = cty.ObjectVal(values)
	}
	for root, r := range resources {
		ctx.Variables[root] = in.resolve(r)
	}
	return ctx
}

// findWithKey returns the value that a reference begins with. The key that it takes of an input is known from then on,
// so that try and can see it.
func (in *instance) findWithKey(t hcl.Traversal, find func(name string) cty.Value) cty.Value {
	_, name := readTraversal(t)
	value := find(name)
	input := findInput(value)
	if input == "" || len(t) < 3 {
		return value
	}
	key := ""
	switch step := t[2].(type) {
	case hcl.TraverseAttr:
		key = step.Name
	case hcl.TraverseIndex:
		key, _ = textOf(step.Key)
	}
	if key == "" || in.known[input][key] {
		return value
	}
	in.makeSecret(input, key)
	in.forgetValues()
	return find(name)
}

// reference is a tree of what an expression takes of resources: a type, names, attributes and indexes.
type reference struct {
	path  []string
	index bool // the names under it are indexes
	under map[string]*reference
}

// addReference adds a traversal to the references of an expression.
func addReference(all map[string]*reference, t hcl.Traversal) {
	at := all[t.RootName()]
	if at == nil {
		at = &reference{path: []string{t.RootName()}, under: map[string]*reference{}}
		all[t.RootName()] = at
	}
	for _, step := range t[1:] {
		name, index := "", false
		switch step := step.(type) {
		case hcl.TraverseAttr:
			name = step.Name
		case hcl.TraverseIndex:
			index = true
			if text, is := textOf(step.Key); is {
				name = text
			}
		default:
			return
		}
		at.index = at.index || index
		if at.under[name] == nil {
			at.under[name] = &reference{path: append(slices.Clone(at.path), name), under: map[string]*reference{}}
		}
		at = at.under[name]
	}
}

// depthOf returns how many names a resource's address has: data.type.name, or type.name.
func depthOf(root string) int {
	if root == "data" {
		return 3
	}
	return 2
}

// resolve returns what a reference to resources stands for.
func (in *instance) resolve(r *reference) cty.Value {
	if len(r.path) < depthOf(r.path[0]) {
		values := map[string]cty.Value{}
		for name, inner := range r.under {
			values[name] = in.resolve(inner)
		}
		return cty.ObjectVal(values)
	}
	b := in.findBlock(r.path)
	if b == nil {
		return unknown
	}
	return in.resolveAttributes(b, r)
}

func (in *instance) findBlock(names []string) *block {
	blocks, typ, name := in.module.resources, names[0], names[1]
	if names[0] == "data" {
		blocks, typ, name = in.module.data, names[1], names[2]
	}
	for _, b := range blocks {
		if b.typ == typ && b.name == name {
			return b
		}
	}
	return nil
}

// resolveAttributes returns what is taken of a resource: an object of attributes, or one for each key or index.
func (in *instance) resolveAttributes(b *block, r *reference) cty.Value {
	names := []string{"arn", "id", "name"} // for [*] and for expressions
	wanted := []*reference{r}
	for _, inner := range r.under {
		wanted = append(wanted, inner)
	}
	for _, w := range wanted {
		if !w.index {
			names = append(names, sortedKeys(w.under)...)
		}
	}
	switch {
	case b.attrs["for_each"] != nil:
		all := map[string]cty.Value{}
		for _, each := range in.listEach(b) {
			key, _ := textOf(each["key"])
			all[key] = in.withEach(each).takeAttributes(b, names, key)
		}
		return cty.ObjectVal(all)
	case b.attrs["count"] != nil:
		return cty.TupleVal([]cty.Value{in.takeAttributes(b, names, "")})
	}
	return in.takeAttributes(b, names, "")
}

// withEach returns an instance that evaluates the block of one key.
func (in *instance) withEach(each map[string]cty.Value) *instance {
	if each == nil {
		return in
	}
	one := *in
	one.each, one.done = each, map[string]cty.Value{}
	return &one
}

func (in *instance) takeAttributes(b *block, names []string, key string) cty.Value {
	values := map[string]cty.Value{}
	for _, name := range names {
		values[name] = in.findAttribute(b, name, key)
	}
	return cty.ObjectVal(values)
}

// madeAtRandom lists the attributes that hold what a resource made at random
// (https://registry.terraform.io/providers/hashicorp/random, …/tls).
var madeAtRandom = map[string][]string{
	"random_password": {"result"}, "random_string": {"result"}, "random_id": {"hex", "b64_std", "b64_url", "dec"},
	"random_bytes": {"hex", "base64"}, "random_uuid": {"result"}, "tls_private_key": {"private_key_pem", "private_key_openssh"},
}

// findAttribute returns an attribute of a resource: what its block says, a token for its identity or for a secret that
// it made, and else unknown.
func (in *instance) findAttribute(b *block, name, key string) cty.Value {
	at := in.path + b.address()
	if key != "" {
		at += "[" + key + "]"
	}
	switch {
	case slices.Contains(madeAtRandom[b.typ], name):
		return in.makeSecret(at+"."+name, "")
	case b.typ == "aws_region":
		return cty.StringVal(makeToken(ofRegion, ""))
	case b.typ == "aws_caller_identity" && name == "account_id":
		return cty.StringVal(makeToken(ofAccount, ""))
	case slices.Contains([]string{"arn", "id", "secret_id", "task_definition_arn"}, name):
		return cty.StringVal(makeToken(ofResource, at))
	case b.attrs[name] != nil:
		return in.evaluateOnce(b.address()+"."+name, func() cty.Value { return in.evaluate(b.attrs[name]) })
	case name == "name":
		return cty.StringVal(makeToken(ofResource, at))
	}
	return unknown
}

func (in *instance) findLocal(name string) cty.Value {
	return in.evaluateOnce("local."+name, func() cty.Value {
		if in.module.locals[name] == nil {
			return unknown
		}
		return in.evaluate(in.module.locals[name])
	})
}

func (in *instance) findEach(name string) cty.Value {
	if value, is := in.each[name]; is {
		return value
	}
	return unknown
}

// findModule returns the outputs of a call.
func (in *instance) findModule(name string) cty.Value {
	return in.evaluateOnce("module."+name, func() cty.Value {
		instances, keyed := in.listInstances(name)
		if len(instances) == 0 {
			return unknown
		}
		all := map[string]cty.Value{}
		for _, called := range instances {
			outputs := map[string]cty.Value{}
			for _, output := range sortedKeys(called.module.outputs) {
				outputs[output] = called.evaluate(called.module.outputs[output])
			}
			if !keyed {
				return cty.ObjectVal(outputs)
			}
			key, _ := textOf(called.each["key"])
			all[key] = cty.ObjectVal(outputs)
		}
		return cty.ObjectVal(all)
	})
}

// deepest is how deep modules call each other.
const deepest = 20

// listInstances returns the instances of a call, and whether it is made for each of several keys.
func (in *instance) listInstances(name string) (all []*instance, keyed bool) {
	i := slices.IndexFunc(in.module.calls, func(b *block) bool { return b.name == name })
	if i < 0 || strings.Count(in.path, "module.") >= deepest {
		return nil, false
	}
	call := in.module.calls[i]
	keyed = call.attrs["for_each"] != nil
	if instances, is := in.called[name]; is {
		return instances, keyed
	}
	source, _ := literalText(call.attrs["source"])
	m := in.config.modules[path.Join(in.module.folder, source)]
	if m == nil || m == in.module {
		in.lose(call.at, call.address(), "its module is not among the files: give its folder too")
		return nil, false
	}
	for _, each := range in.listEach(call) {
		called := in.newInstance(m, in.path+call.address()+".")
		called.each, called.args = each, map[string]lazyInput{}
		caller := in.withEach(each)
		for arg, e := range call.attrs {
			called.args[arg] = lazyInput{caller, e}
		}
		all = append(all, called)
	}
	in.called[name] = all
	return all, keyed
}

// listEach returns each.key and each.value of every instance of a block; one that is nil where there is no for_each.
func (in *instance) listEach(b *block) (all []map[string]cty.Value) {
	e := b.attrs["for_each"]
	if e == nil {
		return []map[string]cty.Value{nil}
	}
	value := in.evaluate(e)
	if !value.IsKnown() || value.IsNull() || !value.CanIterateElements() {
		in.lose(exprRange(e), "for_each of "+b.address(), in.explain(e))
		return nil
	}
	for it := value.ElementIterator(); it.Next(); {
		key, element := it.Element()
		if value.Type().IsSetType() {
			key = element
		}
		all = append(all, map[string]cty.Value{"key": key, "value": element})
	}
	return all
}
