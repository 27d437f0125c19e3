package terraform

import (
	"slices"
	"strings"
)

// guessSets takes locals that nobody refers to, and that hold secrets, for what readers see.
func (in *instance) guessSets(f *findings) {
	if slices.ContainsFunc(sortedKeys(f.sets), func(id string) bool { return in.path != "" && strings.HasPrefix(id, in.path) }) {
		return
	}
	used := in.listUsed()
	for _, name := range sortedKeys(in.module.locals) {
		value := in.findLocal(name)
		if used[name] || !value.IsKnown() || value.IsNull() || !isCollection(value.Type()) {
			continue
		}
		s := &set{
			id: in.path + "local." + name, values: map[string]string{}, at: exprRange(in.module.locals[name]),
			name: dashed(strings.TrimPrefix(name, "final_")), guess: "what reads local." + quoteName(name) + " is not among the files",
		}
		if in.path != "" {
			s.name = nameFromAddress(strings.TrimSuffix(in.path, "."))
		}
		secrets := false
		for entry, held := range value.AsValueMap() {
			if text, is := textOf(held); is {
				s.values[entry] = text
				secrets = secrets || len(findTokens(ofSecret, text)) > 0
			}
		}
		if secrets {
			f.sets[s.id] = s
		}
	}
}

// listUsed returns the locals that some expression of the module refers to.
func (in *instance) listUsed() map[string]bool {
	used := map[string]bool{}
	for _, e := range in.module.all {
		for _, t := range e.Variables() {
			if root, name := readTraversal(t); root == "local" {
				used[name] = true
			}
		}
	}
	return used
}
