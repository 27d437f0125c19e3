package terraform

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// world is one environment in which a root module is evaluated.
type world struct {
	config  *Configuration
	env     string
	known   map[string]map[string]bool // of each input of secrets, the keys that are known
	missing map[string]bool            // ids of secrets that are not there
	inputs  map[string]role            // var.x of the root: what it is
	losses  map[Problem]bool           // what was left out
	guesses map[Problem]bool           // what was guessed
}

// instance is a module as one call of it sees its inputs.
type instance struct {
	*world
	module *module
	path   string                 // module.api. or ""
	args   map[string]lazyInput   // of a called module
	values map[string]cty.Value   // of the root
	done   map[string]cty.Value   // what was evaluated
	under  map[string]bool        // what is being evaluated
	each   map[string]cty.Value   // each.key and each.value of the call
	called map[string][]*instance // its instances of each call
}

// lazyInput is an argument of a call, evaluated in the calling module.
type lazyInput struct {
	in *instance
	e  hcl.Expression
}

// newRoot returns the root module of a folder.
func (w *world) newRoot(folder string) *instance {
	in := w.newInstance(w.config.modules[folder], "")
	in.values = map[string]cty.Value{}
	for _, file := range w.config.values {
		if env, known := file.findEnvironment(); path.Dir(file.file) != folder && len(w.config.roots()) > 1 || known && env != w.env {
			continue
		}
		for name, value := range file.values {
			in.values[name] = value
		}
	}
	return in
}

// findEnvironment returns the environment that a file of values names.
func (v variables) findEnvironment() (string, bool) {
	for _, name := range environmentNames {
		if text, is := textOf(v.values[name]); is {
			return text, true
		}
	}
	return "", false
}

func (w *world) newInstance(m *module, at string) *instance {
	return &instance{
		world: w, module: m, path: at, done: map[string]cty.Value{}, under: map[string]bool{}, called: map[string][]*instance{},
	}
}

// lose notes that something was left out.
func (w *world) lose(at hcl.Range, what, why string) {
	w.losses[makeProblem(at, "not carried: "+what+": "+why)] = true
}

// guess notes that something was guessed.
func (w *world) guess(at hcl.Range, what string) { w.guesses[makeProblem(at, what)] = true }

// unknown is the value of what cannot be known.
var unknown = cty.DynamicVal

// evaluateOnce evaluates something by its name, once. What depends on itself is unknown.
func (in *instance) evaluateOnce(name string, evaluate func() cty.Value) cty.Value {
	if value, is := in.done[name]; is {
		return value
	}
	if in.under[name] {
		return unknown
	}
	in.under[name] = true
	value := evaluate()
	delete(in.under, name)
	in.done[name] = value
	return value
}

// findVariable returns the value of an input.
func (in *instance) findVariable(name string) cty.Value {
	return in.evaluateOnce("var."+name, func() cty.Value {
		v := in.module.declared[name]
		if in.path == "" {
			return in.findRootVariable(name, v)
		}
		if arg, given := in.args[name]; given {
			return arg.in.evaluate(arg.e)
		}
		if v != nil && v.standard != cty.NilVal {
			return v.standard
		}
		switch {
		case slices.Contains(environmentNames, name):
			return cty.StringVal(in.env)
		case slices.Contains(regionNames, name):
			return cty.StringVal(makeToken(ofRegion, ""))
		}
		if v == nil || isCollection(v.kind) || namesOfSecrets.MatchString(name) {
			in.guess(in.firstUse(name), fmt.Sprintf("nobody gives var.%s a value in %s: read as empty", quoteName(name), strings.TrimSuffix(in.path, ".")))
			return cty.EmptyObjectVal
		}
		return unknown
	})
}

// firstUse returns where an input is declared or, where it is not, the first place that refers to it.
func (in *instance) firstUse(name string) hcl.Range {
	if v := in.module.declared[name]; v != nil {
		return v.at
	}
	for _, e := range in.module.all {
		for _, t := range e.Variables() {
			if root, attr := readTraversal(t); root == "var" && attr == name {
				return t.SourceRange()
			}
		}
	}
	return hcl.Range{Filename: in.module.folder, Start: hcl.InitialPos}
}

// findRootVariable returns what stands for an input of the root module.
func (in *instance) findRootVariable(name string, v *variable) cty.Value {
	given, has := in.values[name]
	if v == nil {
		if similar := in.findSimilar(name); similar != nil && !has {
			in.guess(in.firstUse(name), fmt.Sprintf("var.%s is not declared: %s%s", quoteName(name), readAs, quoteName(similar.name)))
			return in.findVariable(similar.name)
		}
		v = &variable{name: name, kind: cty.DynamicPseudoType, at: in.firstUse(name)}
		if has {
			v.kind = given.Type()
		}
	}
	id := "var." + name
	in.inputs[id] = v.classify()
	if in.inputs[id] == setting && has {
		in.inputs[id] = classifyGiven(given)
	}
	switch in.inputs[id] {
	case environment:
		return cty.StringVal(in.env)
	case region:
		return cty.StringVal(makeToken(ofRegion, ""))
	case secretText:
		return in.makeSecret(id, "")
	case secretMap:
		return in.makeSecrets(id, v, given)
	case setting:
		if has {
			return given
		}
	}
	return v.standard
}

// readAs stands before the variable that is taken for one that is not declared.
const readAs = "read as var."

// findSimilar returns the one variable whose name has all words of a name that is not declared.
func (in *instance) findSimilar(name string) *variable {
	var similar []*variable
	words := strings.Split(name, "_")
	if len(words) < 2 {
		return nil
	}
	for _, other := range sortedKeys(in.module.declared) {
		have := strings.Split(other, "_")
		if !slices.ContainsFunc(words, func(word string) bool { return !slices.Contains(have, word) }) {
			similar = append(similar, in.module.declared[other])
		}
	}
	if len(similar) != 1 {
		return nil
	}
	return similar[0]
}

// makeSecret returns what stands for a secret: its token, or null where it is missing.
func (w *world) makeSecret(input, key string) cty.Value {
	id := secretID(input, key)
	if key != "" {
		if w.known[input] == nil {
			w.known[input] = map[string]bool{}
		}
		w.known[input][key] = true
	}
	if w.missing[id] {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(makeToken(ofSecret, id))
}

// makeSecrets returns what stands for an input of secrets: a token for each key that is known, and one for all others.
func (w *world) makeSecrets(input string, v *variable, given cty.Value) cty.Value {
	keys := append(listNames(v.standard), listNames(given)...)
	if v.kind.IsObjectType() {
		keys = append(keys, sortedKeys(v.kind.AttributeTypes())...)
	}
	if w.known[input] == nil {
		w.known[input] = map[string]bool{}
	}
	for _, key := range keys {
		w.known[input][key] = true
	}
	all := map[string]cty.Value{makeToken(ofInput, input): cty.StringVal(makeToken(ofInput, input))}
	for key := range w.known[input] {
		if !w.missing[secretID(input, key)] {
			all[key] = w.makeSecret(input, key)
		}
	}
	return cty.ObjectVal(all)
}

// findSecret returns what an input holds under a key that is looked up in it.
func (w *world) findSecret(input, key string) (cty.Value, bool) {
	if value := w.makeSecret(input, key); !value.IsNull() {
		return value, true
	}
	return cty.NilVal, false
}

// readTraversal returns the first two names of a reference: var and x of var.x["key"].
func readTraversal(t hcl.Traversal) (root, attr string) {
	if t.IsRelative() || len(t) == 0 {
		return "", ""
	}
	if len(t) > 1 {
		if step, is := t[1].(hcl.TraverseAttr); is {
			attr = step.Name
		}
	}
	return t.RootName(), attr
}
