package terraform

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// addTo adds a name to the set of a place.
func (in *instance) addTo(f *findings, b *block, s set, name, value hcl.Expression) {
	text, is := textOf(in.evaluate(name))
	if _, known := writeVariables(text); !is || !known && len(findTokens(ofInput, text)) == 0 {
		in.lose(b.at, "the name in "+b.address(), in.explain(name))
		return
	}
	held, known := textOf(in.evaluate(value))
	if value == nil || !known {
		in.lose(b.at, quoteName(text)+" of "+b.address(), in.explain(value))
		return
	}
	if f.sets[s.id] == nil {
		s.values, s.at = map[string]string{}, b.at
		f.sets[s.id] = &s
	}
	f.sets[s.id].values[text] = held
}

// readGitHub notes a secret of GitHub Actions.
func (in *instance) readGitHub(f *findings, b *block) {
	repository, known := in.evaluateText(b.attrs["repository"])
	if !known {
		in.lose(b.at, b.address(), "its repository is not known")
		return
	}
	environment, known := in.evaluateText(b.attrs["environment"])
	if !known && b.attrs["environment"] != nil {
		in.lose(b.at, b.address(), "its environment is not known")
		return
	}
	s := set{
		name: "github-" + lastPart(repository), where: place{kind: "github", repository: repository, environment: environment},
		id: in.path + "github " + b.typ + " " + describeExpression(b.attrs["repository"]) + lastPart(repository),
	}
	value := cmp.Or(b.attrs["plaintext_value"], b.attrs["value"])
	if value == nil {
		in.lose(b.at, b.address(), "its value is encrypted already, or not there")
		return
	}
	in.addTo(f, b, s, b.attrs["secret_name"], value)
}

// vercelSet returns an empty set of a project's variables.
func (in *instance) vercelSet(b *block) set {
	project, known := in.evaluateText(b.attrs["project_id"])
	if !known {
		project = nameFromAddress(in.readAddress(b.attrs["project_id"]))
		if named, is := in.findBlockAt(in.readAddress(b.attrs["project_id"])); is {
			if name, known := named.in.evaluateText(named.b.attrs["name"]); known {
				project = name
			}
		}
	}
	return set{
		name: "vercel-" + project, id: in.path + "vercel " + project,
		where: place{kind: "vercel", project: project, targets: []string{"production"}},
	}
}

// findBlockAt returns the block of an address in this module.
func (in *instance) findBlockAt(address string) (placed, bool) {
	for _, b := range slices.Concat(in.module.resources, in.module.data) {
		if in.path+b.address() == address {
			return placed{in, b}, true
		}
	}
	return placed{}, false
}

// readVercel notes a variable of a project.
func (in *instance) readVercel(f *findings, b *block) {
	s := in.vercelSet(b)
	if targets := in.readTexts(b.attrs["target"]); len(targets) > 0 {
		s.where.targets = targets
	}
	in.addTo(f, b, s, b.attrs["key"], b.attrs["value"])
}

// readTexts returns the texts of a list.
func (in *instance) readTexts(e hcl.Expression) (all []string) {
	if e == nil {
		return nil
	}
	return listTexts(in.evaluate(e))
}

// listTexts returns the texts of a value with elements, sorted.
func listTexts(value cty.Value) (all []string) {
	if !value.IsKnown() || value.IsNull() || !value.CanIterateElements() {
		return nil
	}
	for it := value.ElementIterator(); it.Next(); {
		_, element := it.Element()
		if text, is := textOf(element); is {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return all
}

// readVercelList notes the variables of a resource that holds several.
func (in *instance) readVercelList(f *findings, b *block) {
	s := in.vercelSet(b)
	e := b.attrs["variables"]
	if e == nil {
		return
	}
	list := in.evaluate(e)
	if !list.IsKnown() || list.IsNull() || !list.CanIterateElements() {
		in.lose(exprRange(e), "variables of "+b.address(), in.explain(e))
		return
	}
	for it := list.ElementIterator(); it.Next(); {
		_, element := it.Element()
		if !element.IsKnown() || element.IsNull() || !isCollection(element.Type()) {
			continue
		}
		of := element.AsValueMap()
		name, named := textOf(of["key"])
		held, known := textOf(of["value"])
		if !named || !known {
			in.lose(exprRange(e), "a variable of "+b.address(), in.explain(e))
			continue
		}
		if target, has := of["target"]; has {
			s.where.targets = listTexts(target)
		}
		if f.sets[s.id] == nil {
			s.values, s.at = map[string]string{}, b.at
			f.sets[s.id] = &s
		}
		f.sets[s.id].values[name] = held
	}
}
