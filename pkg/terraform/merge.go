package terraform

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// ErrFlow is the error for a manifest of which a section is written in one line: {…}.
var ErrFlow = errors.New("is written in one line, or in a way that nothing is added to: write a line for each entry")

// Merge returns a manifest with what a draft has and it has not. What it has stays as it is, with its comments and their
// order: an entry with a name that is taken is left out, and so is a key that a source has. kept lists what was left out.
// Merging again adds nothing. The error is that of manifest.Parse where the manifest is not valid, and else says which
// section cannot be added to.
//
//	the draft has            | the manifest has               | added is
//	-------------------------|--------------------------------|-------------------------------------
//	a source                 | some of its keys               | the source with the other keys
//	a bucket, a consumer     | one of its name, or its secret | nothing
//	a mapping                | one of its name, another one   | the mapping, as NAME-2
//	a variable               | the variable                   | nothing
func (d *Draft) Merge(name string, text []byte) (merged []byte, kept []string, err error) {
	file, err := manifest.Parse(name, text)
	if err != nil {
		return nil, nil, err
	}
	rest := d.subtract(file)
	edited := newLines(string(text))
	for _, s := range rest.listSections() {
		if s.name == "environments" {
			err = edited.addVariables(file, rest.Environments)
		} else {
			err = edited.addEntries(s)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %s %w", name, s.name, err)
		}
	}
	out := []byte(strings.Join(edited.all, ""))
	if _, err := manifest.Parse(name, out); err != nil {
		return nil, nil, fmt.Errorf("add what Terraform has to %s: %w", name, err)
	}
	return out, rest.kept, nil
}

// remainder is what of a draft a manifest has not.
type remainder struct {
	Draft
	kept    []string
	renamed map[string]string   // sources and mappings that got another name
	split   map[string][]string // of a source that is not added as it is, the keys
}

func (d *Draft) subtract(file *manifest.File) *remainder {
	r := &remainder{Draft: Draft{SignIn: map[string]string{}}, renamed: map[string]string{}, split: map[string][]string{}}
	r.Environments = d.Environments
	r.subtractSources(d, file)
	r.subtractMappings(d, file)
	for _, b := range d.Buckets {
		if r.hasBucket(file, b) {
			r.kept = append(r.kept, "bucket "+b.Name)
			continue
		}
		r.Buckets = append(r.Buckets, r.rename(b))
	}
	for _, c := range d.Consumers {
		if _, has := file.Consumers[c.Name]; has {
			r.kept = append(r.kept, "consumer "+c.Name)
			continue
		}
		r.Consumers = append(r.Consumers, c)
	}
	for kind, key := range d.SignIn {
		if kind == "github" && file.SignIn.GitHub == (manifest.GitHubSignIn{}) || kind == "vercel" && file.SignIn.Vercel.Token == "" {
			r.SignIn[kind] = key
		}
	}
	r.Mappings = slices.DeleteFunc(r.Mappings, func(m Mapping) bool { return !r.isUsed(m.Name) })
	for _, key := range d.Public {
		if !slices.Contains(file.Public, key) {
			r.Public = append(r.Public, key)
		}
	}
	return r
}

func (r *remainder) subtractSources(d *Draft, file *manifest.File) {
	declared := map[string]bool{}
	for _, s := range file.Sources {
		for _, key := range s.KeyNames() {
			declared[key] = true
		}
	}
	for _, s := range d.Sources {
		all := s.Keys
		s.Keys = slices.DeleteFunc(slices.Clone(all), func(key string) bool { return declared[key] })
		was := s.Name
		for {
			if _, taken := file.Sources[s.Name]; !taken {
				break
			}
			s.Name += "-2"
		}
		switch {
		case len(s.Keys) < len(all):
			r.split[was] = all
		case s.Name != was:
			r.renamed[was] = s.Name
		}
		if len(s.Keys) > 0 {
			r.Sources = append(r.Sources, s)
		}
	}
}

func (r *remainder) subtractMappings(d *Draft, file *manifest.File) {
	for _, m := range d.Mappings {
		was := m.Name
		for {
			have, taken := file.Mappings[m.Name]
			if !taken {
				r.Mappings = append(r.Mappings, m)
			}
			if !taken || reflect.DeepEqual(have, m.Pairs) {
				break
			}
			m.Name += "-2"
		}
		r.renamed["mapping "+was] = m.Name
	}
}

// hasBucket reports whether the manifest has a bucket of this name, or of this secret.
func (r *remainder) hasBucket(file *manifest.File, b Bucket) bool {
	for name, have := range file.Buckets {
		if name == b.Name || have.Secret != "" && have.Secret == b.Bucket.Secret {
			return true
		}
	}
	return false
}

// rename returns a bucket with the names that sources and mappings have now.
func (r *remainder) rename(b Bucket) Bucket {
	var originals []string
	for _, item := range b.Bucket.Originals.List {
		switch name, renamed := r.renamed[item]; {
		case renamed:
			originals = append(originals, name)
		case len(r.split[item]) > 0:
			originals = append(originals, r.split[item]...)
		default:
			originals = append(originals, item)
		}
	}
	b.Bucket.Originals.List = originals
	layers := slices.Clone(b.Bucket.Mappings)
	for i, l := range layers {
		if l.Name != "" {
			layers[i].Name = r.renamed["mapping "+l.Name]
		}
	}
	b.Bucket.Mappings = layers
	return b
}

func (r *remainder) isUsed(mapping string) bool {
	return slices.ContainsFunc(r.Buckets, func(b Bucket) bool {
		return slices.ContainsFunc(b.Bucket.Mappings, func(l manifest.MappingLayer) bool { return l.Name == mapping })
	})
}

// lines are those of a manifest, each with its newline.
type lines struct{ all []string }

func newLines(text string) *lines {
	l := &lines{strings.SplitAfter(text, "\n")}
	if n := len(l.all); l.all[n-1] == "" {
		l.all = l.all[:n-1]
	} else {
		l.all[n-1] += "\n"
	}
	return l
}

var (
	topKey   = regexp.MustCompile(`^("?)([a-z_]+)("?):[ \t]*(#.*)?\r?\n$`)
	anyTop   = regexp.MustCompile(`^[^ \t#\r\n-]`)
	nothing  = regexp.MustCompile(`^[ \t]*(#.*)?\r?\n$`)
	indented = regexp.MustCompile(`^( *)\S`)
)

// findSection returns where the entries of a section stand: from the line after its name to that of its last entry. There
// is none where from is -1.
func (l *lines) findSection(name string) (from, to int, err error) {
	for i, line := range l.all {
		bare := strings.TrimLeft(line, `"`)
		if !strings.HasPrefix(bare, name+":") && !strings.HasPrefix(bare, name+`":`) {
			continue
		}
		if !topKey.MatchString(line) {
			return 0, 0, ErrFlow
		}
		to = i + 1
		for j := i + 1; j < len(l.all) && !anyTop.MatchString(l.all[j]); j++ {
			if !nothing.MatchString(l.all[j]) {
				to = j + 1
			}
		}
		return i + 1, to, nil
	}
	return -1, -1, nil
}

// addEntries adds entries to the end of a section, or the section to the end of the manifest.
func (l *lines) addEntries(s section) error {
	if len(s.entries) == 0 {
		return nil
	}
	from, to, err := l.findSection(s.name)
	if err != nil {
		return err
	}
	text, indent := "", "  "
	if from >= 0 {
		indent = l.indentOf(from, to)
	}
	for _, e := range s.entries {
		for line := range strings.Lines(e.text) {
			text += indent + strings.TrimPrefix(line, "  ")
		}
	}
	if from < 0 {
		l.all = append(l.all, "\n"+comment(s.name+":", s.comment)+"\n"+text)
		return nil
	}
	l.all = slices.Insert(l.all, to, text)
	return nil
}

// indentOf returns what stands before the entries of a section.
func (l *lines) indentOf(from, to int) string {
	for _, line := range l.all[from:to] {
		if match := indented.FindStringSubmatch(line); match != nil && !nothing.MatchString(line) {
			return match[1]
		}
	}
	return "  "
}

// addVariables adds variables to the environments that have them not.
func (l *lines) addVariables(file *manifest.File, environments []Environment) error {
	for _, e := range environments {
		spec, known := file.Environments[e.Name]
		var missing []string
		for _, name := range sortedKeys(e.Vars) {
			if _, has := spec.Vars[name]; !has {
				missing = append(missing, name+": "+scalar(e.Vars[name]))
			}
		}
		if !known || len(missing) == 0 {
			continue
		}
		if err := l.addTo(e.Name, missing); err != nil {
			return err
		}
	}
	return nil
}

// addTo adds variables to one environment: to its vars, or as its vars.
func (l *lines) addTo(env string, fields []string) error {
	flow := strings.Join(fields, ", ")
	from, to, err := l.findSection("environments")
	if err != nil || from < 0 {
		return ErrFlow
	}
	indent := l.indentOf(from, to)
	for i := from; i < to; i++ {
		rest, is := strings.CutPrefix(l.all[i], indent+env+":")
		switch {
		case !is:
			continue
		case nothing.MatchString(rest):
			return l.addToBlock(i+1, to, indent, fields)
		case strings.Contains(rest, "vars: {") && strings.Count(rest, "vars: {") == 1:
			l.all[i] = strings.Replace(l.all[i], "vars: {", "vars: {"+flow+", ", 1)
			return nil
		case strings.HasPrefix(strings.TrimSpace(rest), "{"):
			l.all[i] = strings.Replace(l.all[i], "{", "{vars: {"+flow+"}, ", 1)
			return nil
		}
	}
	return ErrFlow
}

// addToBlock adds variables to an environment that is written over several lines.
func (l *lines) addToBlock(from, to int, indent string, fields []string) error {
	flow, end := strings.Join(fields, ", "), from
	for i := from; i < to; i++ {
		if !nothing.MatchString(l.all[i]) {
			if deep := len(l.all[i]) - len(strings.TrimLeft(l.all[i], " ")); deep <= len(indent) {
				break
			}
			end = i + 1
		}
		rest, is := strings.CutPrefix(strings.TrimSpace(l.all[i]), "vars:")
		switch {
		case !is:
		case strings.HasPrefix(strings.TrimSpace(rest), "{"):
			l.all[i] = strings.Replace(l.all[i], "{", "{"+flow+", ", 1)
			return nil
		case nothing.MatchString(rest + "\n"):
			deeper := l.indentOf(i+1, to)
			l.all = slices.Insert(l.all, i+1, deeper+strings.Join(fields, "\n"+deeper)+"\n")
			return nil
		default:
			return ErrFlow
		}
	}
	deeper := l.indentOf(from, to)
	l.all = slices.Insert(l.all, end, deeper+"vars: {"+flow+"}\n")
	return nil
}
