package terraform

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// pair is a key and the name that readers see.
type pair struct{ key, name string }

// layering finds the layers of one bucket.
type layering struct {
	*drafting
	id     string
	chains map[string][]string // of each name, the keys that it may have, the one that wins first
	texts  map[string]string   // of each name, the text that it always has
}

// listBuckets makes a bucket of every set of names.
func (d *drafting) listBuckets() {
	for _, env := range d.envs {
		d.Environments = append(d.Environments, d.describeEnvironment(env))
	}
	ids := map[string]bool{}
	for _, f := range d.found {
		for id, s := range f.sets {
			ids[id] = ids[id] || !s.text
		}
	}
	for _, id := range sortedKeys(ids) {
		if ids[id] {
			d.addBucket(id)
		}
	}
	d.addUnusedMappings()
}

// addBucket makes a bucket of one set, unless another one has the same layers already.
func (d *drafting) addBucket(id string) {
	l := layering{drafting: d, id: id, chains: map[string][]string{}, texts: map[string]string{}}
	s := l.readEntries()
	if s == nil || len(l.chains)+len(l.texts) == 0 {
		return
	}
	b := Bucket{Name: d.freeName(s.name), Guess: s.guess, of: id}
	b.Bucket = l.findLayers()
	named := d.generalize(d.perEnvironment(func(f *findings) string {
		if s := f.sets[id]; s != nil {
			return s.secret
		}
		return ""
	}), s.name+"_secret")
	if base, is := strings.CutSuffix(named, "-${env}"); is && s.where.kind == "" && isPlainName(base) {
		b.Name = d.freeName(base)
	}
	b.Bucket.Secret = named
	if s.where.kind != "" {
		d.places = append(d.places, placement{b.Name, id})
		if i := slices.IndexFunc(d.Buckets, func(other Bucket) bool { return hasSameLayers(other.Bucket, b.Bucket) }); i >= 0 {
			d.places[len(d.places)-1].bucket = d.Buckets[i].Name
			return
		}
	}
	for name, chain := range l.chains {
		for _, key := range chain {
			b.pairs = append(b.pairs, pair{key, name})
		}
	}
	d.Buckets = append(d.Buckets, b)
}

// hasSameLayers reports whether two buckets have the same names with the same values.
func hasSameLayers(a, b manifest.Bucket) bool {
	a.Secret, b.Secret = "", ""
	return reflect.DeepEqual(a, b)
}

func isPlainName(name string) bool { return name != "" && dashed(name) == name }

// freeName returns a name that no bucket has.
func (d *drafting) freeName(name string) string {
	for slices.ContainsFunc(d.Buckets, func(b Bucket) bool { return b.Name == name }) {
		name += "-2"
	}
	return name
}

// readEntries sorts the names of the set by what they have, in all environments. It returns the set.
func (l *layering) readEntries() (first *set) {
	names := map[string]bool{}
	for _, env := range l.envs {
		if s := l.found[env].sets[l.id]; s != nil {
			if first == nil {
				first = s
			}
			for name := range s.values {
				names[name] = true
			}
		}
	}
	for _, name := range sortedKeys(names) {
		if _, is := readToken(ofInput, name); is || strings.Contains(name, tokenStart) {
			continue
		}
		l.readEntry(first, name)
	}
	return first
}

// readEntry reads what a name has.
func (l *layering) readEntry(s *set, name string) {
	texts := l.perEnvironment(func(f *findings) string {
		if s := f.sets[l.id]; s != nil {
			return s.values[name]
		}
		return ""
	})
	values := slices.Compact(slices.Sorted(maps.Values(texts)))
	id, isSecret := readToken(ofSecret, values[0])
	switch {
	case !isCanonical(name):
		l.lose(s, name, "no bucket may have such a name")
	case slices.Contains(values, ""):
		l.lose(s, name, "not every environment has it")
	case isSecret && len(values) == 1 && l.names[id] != "":
		l.chains[name] = []string{l.names[id]}
		for _, below := range l.depends[l.id+" "+name] {
			l.chains[name] = append(l.chains[name], l.names[below])
		}
	case isSecret && len(values) == 1:
		l.lose(s, name, "its key is no name that a manifest may have")
	case slices.ContainsFunc(values, func(text string) bool { return len(findTokens(ofSecret, text)) > 0 }):
		l.lose(s, name, "a secret is a part of it: make the whole text a value of a source")
	default:
		l.readText(s, name, texts)
	}
}

// readText reads a text. One that may be a secret does not come into the manifest: it becomes a key.
func (l *layering) readText(s *set, name string, texts map[string]string) {
	written := map[string]string{}
	for env, text := range texts {
		plain, is := writeVariables(text)
		if !is {
			l.lose(s, name, "it names something that Terraform makes")
			return
		}
		if secret.LooksLike(text) || namesOfSecret.MatchString(name) {
			l.lose(s, name, "its text may be a secret that stands in the configuration: put it into a source, and map it")
			return
		}
		written[env] = plain
	}
	l.texts[name] = l.generalize(written, name)
}

// lose notes that a name is left out.
func (l *layering) lose(s *set, name, why string) {
	l.lost[makeProblem(s.at, "not carried: "+quoteName(name)+" of "+quoteName(s.name)+": "+why)] = true
}

// takesWhole returns the inputs whose keys all have their own names in the set.
func (l *layering) takesWhole() map[string]bool {
	whole := map[string]bool{}
	if s := l.found[l.envs[0]].sets[l.id]; s != nil {
		for name := range s.values {
			if input, is := readToken(ofInput, name); is {
				whole[input] = true
			}
		}
	}
	return whole
}

// findLayers returns a bucket whose layers give what the set has: mappings that the configuration declares where all
// their pairs are in it, sources whose keys keep their names, and mappings of its own for the rest. A name that several
// keys may have needs the layers in their order, and stands under override.
func (l *layering) findLayers() manifest.Bucket {
	rest := map[pair]bool{}
	for name, chain := range l.chains {
		for _, key := range chain {
			rest[pair{key, name}] = true
		}
	}
	chosen := l.chooseMappings(rest)
	var b manifest.Bucket
	b.Originals.List = l.takeOriginals(rest)
	for _, m := range l.orderMappings(chosen) {
		b.Mappings = append(b.Mappings, manifest.MappingLayer{Name: m.Name})
	}
	for _, own := range l.stackRest(rest) {
		b.Mappings = append(b.Mappings, manifest.MappingLayer{Own: own})
	}
	if len(l.texts) > 0 {
		b.Computed = []manifest.ComputedLayer{{Own: l.texts}}
	}
	b.Override = l.listOverrides(chosen)
	return b
}

// chooseMappings returns declared mappings all of whose pairs are still to be given, and takes those pairs away. A pair
// whose name has a text goes under it.
func (l *layering) chooseMappings(rest map[pair]bool) (chosen []Mapping) {
	all := slices.Clone(l.mappings)
	slices.SortStableFunc(all, func(a, b Mapping) int { return len(b.Pairs) - len(a.Pairs) })
	for _, m := range all {
		fits, pairs := true, listPairs(m.Pairs)
		for _, p := range pairs {
			_, text := l.texts[p.name]
			fits = fits && (rest[p] || text) && l.isBottom(p)
		}
		if !fits {
			continue
		}
		for _, p := range pairs {
			delete(rest, p)
		}
		chosen = append(chosen, m)
	}
	return chosen
}

// isBottom reports whether a pair is not above another one. Those that are stand in the bucket itself, in their order.
func (l *layering) isBottom(p pair) bool {
	chain := l.chains[p.name]
	return len(chain) == 0 || chain[len(chain)-1] == p.key
}

func listPairs(m manifest.Mapping) (all []pair) {
	for _, key := range sortedKeys(m) {
		for _, name := range m[key] {
			all = append(all, pair{key, name})
		}
	}
	return all
}

// takeOriginals returns the sources, and the keys, that keep their names, and takes those pairs away.
func (l *layering) takeOriginals(rest map[pair]bool) (list []string) {
	whole := l.takesWhole()
	for _, s := range l.Sources {
		all := true
		var kept []string
		for _, key := range s.Keys {
			p := pair{key, key}
			keeps := rest[p] && l.isBottom(p)
			all = all && keeps
			if keeps {
				kept = append(kept, key)
				delete(rest, p)
			}
		}
		switch {
		case all && (len(whole) > 0 || len(kept) > 1):
			list = append(list, s.Name)
		default:
			list = append(list, kept...)
		}
	}
	return list
}

// orderMappings returns mappings in the order of their names: what one gives no other does.
func (l *layering) orderMappings(chosen []Mapping) []Mapping {
	return slices.SortedFunc(slices.Values(chosen), func(a, b Mapping) int { return strings.Compare(a.Name, b.Name) })
}

// stackRest returns mappings for the pairs that are left, from the lowest.
func (l *layering) stackRest(rest map[pair]bool) (stack []manifest.Mapping) {
	for p := range rest {
		chain := l.chains[p.name]
		height := len(chain) - 1 - slices.Index(chain, p.key)
		for len(stack) <= height {
			stack = append(stack, manifest.Mapping{})
		}
		stack[height][p.key] = append(stack[height][p.key], p.name)
	}
	for _, own := range stack {
		for key := range own {
			slices.Sort(own[key])
		}
	}
	return slices.DeleteFunc(stack, func(own manifest.Mapping) bool { return len(own) == 0 })
}

// listOverrides returns the names that several layers have.
func (l *layering) listOverrides(chosen []Mapping) []string {
	names := map[string]bool{}
	for name, chain := range l.chains {
		if len(chain) > 1 {
			names[name] = true
		}
	}
	for _, m := range chosen {
		for _, p := range listPairs(m.Pairs) {
			if _, text := l.texts[p.name]; text {
				names[p.name] = true
			}
		}
	}
	return sortedKeys(names)
}

// addUnusedMappings makes a bucket of each mapping that nothing in the configuration refers to: whatever reads it is
// elsewhere.
func (d *drafting) addUnusedMappings() {
	for _, m := range d.listUnused() {
		d.Buckets = append(d.Buckets, Bucket{
			Name: d.freeName(m.Name), Guess: "the files do not say what reads this mapping", pairs: listPairs(m.Pairs),
			Bucket: manifest.Bucket{Mappings: []manifest.MappingLayer{{Name: m.Name}}},
		})
	}
}

// listUnused returns the mappings that nothing refers to.
func (d *drafting) listUnused() []Mapping {
	used := map[string]bool{}
	for _, m := range d.config.modules {
		for _, e := range m.all {
			for _, t := range e.Variables() {
				_, name := readTraversal(t)
				used[shortenMapping(name)] = true
			}
		}
	}
	for p := range d.guessed {
		if _, name, is := strings.Cut(p.What, readAs); is {
			used[shortenMapping(name)] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(d.mappings), func(m Mapping) bool { return used[m.Name] })
}
