package manifest

import (
	"reflect"
	"slices"
	"strings"
)

// Parse reads a manifest, YAML or JSON. It is strict: what it does not understand is an error, and the error is a
// *Problems with everything that is wrong, each with its position. name stands in the messages only. Parse does not
// panic on any input and never quotes text of the file other than names.
func Parse(name string, data []byte) (*File, error) {
	r := newReport(name)
	root := r.parseTree(data)
	if root == nil {
		return nil, r.sortedError()
	}
	if u := upgradeTree(root, string(data)); u != nil {
		return nil, r.reportChanges(u)
	}
	file := &File{}
	r.decode(root, "", reflect.ValueOf(file).Elem())
	r.checkFile(file)
	if err := r.sortedError(); err != nil {
		return nil, err
	}
	file.notes, file.unbuilt = sortProblems(r.notes), map[string][]Problem{}
	for env, problems := range r.unbuilt {
		file.unbuilt[env] = sortProblems(problems)
	}
	return file, nil
}

// Notes returns what f asks for that has no effect yet, or that people should know of, in the order of its lines:
// validate shows it.
func (f *File) Notes() []Problem {
	all := map[Problem]bool{}
	for _, problem := range f.notes {
		all[problem] = true
	}
	for _, problems := range f.unbuilt {
		for _, problem := range problems {
			all[problem] = true
		}
	}
	return sortProblems(all)
}

// checkFile reports everything that is wrong with what was read: each environment by itself and then all together.
func (r *report) checkFile(f *File) {
	r.checkEnvironments(f)
	var all []*Environment
	for _, name := range f.Names() {
		expanded := f.expandStrings(name, func(path, variable string) {
			r.add(path, path+" uses variable "+Quote(variable)+", which environment "+Quote(name)+" does not set",
				"set it under vars, or write $${ for a literal ${")
		})
		env := expanded.resolveEnvironment(name).Indexed()
		checker{r, f, expanded, env}.checkReferences()
		all = append(all, env)
	}
	r.checkOverrides(f, all)
	r.checkNamed(f, all)
	r.checkClaims(all)
	r.checkNames(all)
}

// checker checks what one environment sees. Paths and order are those of the file.
type checker struct {
	*report
	written *File        // as written, for what spans environments
	file    *File        // strings expanded, everything still in it
	env     *Environment // `in` applied, defaults filled in
}

func (c checker) checkReferences() {
	c.checkSources()
	c.checkSignIn()
	c.checkPublic()
	c.checkTopic()
	c.checkMappings()
	c.checkComputed()
	c.checkBuckets()
	c.checkConsumers()
	c.checkDrains()
}

// requireValue reports an entry that is missing or empty.
func (r *report) requireValue(path, value, do string) bool {
	if value == "" {
		r.add(path, path+" is missing", do)
	}
	return value != ""
}

// requireOneOf reports a value that is none of a list.
func (r *report) requireOneOf(path, value string, list ...string) {
	if !slices.Contains(list, value) {
		r.add(path, path+" is not one of the words it may be", "write "+strings.Join(list, ", "))
	}
}

// requireUnique reports an item that stands twice in a list.
func (r *report) requireUnique(path string, list []string) {
	for i, item := range list {
		if slices.Contains(list[:i], item) {
			r.add(indexPath(path, i), path+" has "+Quote(item)+" twice", "remove one of them")
		}
	}
}

// requireKnown reports items of a list that are no name of a kind of thing.
func (r *report) requireKnown(path, thing string, list []string, exists func(string) bool) {
	r.requireUnique(path, list)
	for i, item := range list {
		if !exists(item) {
			r.add(indexPath(path, i), "there is no "+thing+" "+Quote(item), "declare it, or correct the name")
		}
	}
}

func keyIn[T any](m map[string]T) func(string) bool {
	return func(name string) bool {
		_, ok := m[name]
		return ok
	}
}
