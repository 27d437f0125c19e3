package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The layers of a bucket that are not a mapping. No mapping may have one of these names.
const (
	LayerOriginals = "originals"
	LayerOnly      = "only"
	LayerComputed  = "computed"
)

// Entry is one name of a bucket, before any value is known.
type Entry struct {
	Name   string // what readers see
	Layer  string // originals, a mapping's name, only or computed
	Source string // "" for computed
	Key    string // canonical name; "" for computed
	Text   string // the value of a computed name
	Path   string // its place in rotary.yaml
}

// Entries are the names that a bucket may have.
type Entries []Entry

// Entries returns every name that b may have, in the order of its layers and sorted within each; where a name
// stands more than once, the last one counts and the others are refused by Refused unless b overrides the name.
//
//	originals   the keys it lists, all keys of the sources it lists, or with true every key of every source
//	            that is neither some bucket's `only` nor a rotator's `admin`
//	a mapping   for each of its keys that a source of this environment declares, the names it gives it
//	only        all keys of the sources private to b
//	computed    the texts that the manifest itself holds, sets by name and those of the bucket
func (e *Environment) Entries(b Bucket) Entries {
	owners := e.mapOwners()
	entries := e.listOriginalEntries(b, owners)
	for i, layer := range b.Mappings {
		name, mapping, path := layer.Name, e.Mappings[layer.Name], "mappings."+layer.Name
		if layer.Name == "" {
			path = indexPath("buckets."+b.Name+".mappings", i)
			name, mapping = ownLayer(i), layer.Own
		}
		entries = append(entries, listMappedEntries(name, path, mapping, owners)...)
	}
	for i, source := range b.Only {
		entries = append(entries, e.listSourceEntries(source, LayerOnly, indexPath("buckets."+b.Name+".only", i))...)
	}
	for i, layer := range b.Computed {
		texts, path := e.Computed[layer.Name], "computed."+layer.Name
		if layer.Name == "" {
			texts, path = layer.Own, indexPath("buckets."+b.Name+".computed", i)
		}
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			at := joinPath(path, name)
			entries = append(entries, Entry{Name: name, Layer: LayerComputed, Text: texts[name], Path: at})
		}
	}
	return entries
}

// ownLayer returns the name of the i-th mapping of a bucket, where it stands in the bucket itself. No mapping has such a
// name.
func ownLayer(i int) string { return fmt.Sprintf("mappings[%d]", i) }

// Names returns the names, sorted, each once.
func (es Entries) Names() []string {
	names := make(map[string]bool, len(es))
	for _, entry := range es {
		names[entry.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Feeds returns the sources that values come from, sorted, each once.
func (es Entries) Feeds() []string {
	feeds := map[string]bool{}
	for _, entry := range es {
		feeds[entry.Source] = true
	}
	delete(feeds, "")
	return slices.Sorted(maps.Keys(feeds))
}

func (e *Environment) listOriginalEntries(b Bucket, owners map[string]string) []Entry {
	path := "buckets." + b.Name + ".originals"
	var entries []Entry
	if b.Originals.All {
		apart := e.mapSetApart()
		for _, source := range e.Sources {
			if !apart[source.Name] {
				entries = append(entries, e.listSourceEntries(source.Name, LayerOriginals, path)...)
			}
		}
	}
	for i, item := range b.Originals.List {
		if owner, ok := owners[item]; ok {
			entries = append(entries, Entry{Name: item, Layer: LayerOriginals, Source: owner, Key: item,
				Path: indexPath(path, i)})
			continue
		}
		entries = append(entries, e.listSourceEntries(item, LayerOriginals, indexPath(path, i))...)
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries
}

func (e *Environment) listSourceEntries(name, layer, path string) []Entry {
	source, _ := e.Source(name)
	var entries []Entry
	for _, key := range slices.Sorted(slices.Values(source.KeyNames())) {
		entries = append(entries, Entry{Name: key, Layer: layer, Source: name, Key: key, Path: path})
	}
	return entries
}

func listMappedEntries(layer, path string, mapping Mapping, owners map[string]string) []Entry {
	var entries []Entry
	for _, key := range slices.Sorted(maps.Keys(mapping)) {
		owner, ok := owners[key]
		if !ok {
			continue // a source of another environment declares it
		}
		for i, name := range mapping[key] {
			at := indexPath(joinPath(path, key), i)
			entries = append(entries, Entry{Name: name, Layer: layer, Source: owner, Key: key, Path: at})
		}
	}
	return entries
}

// Refusal is a reason why a bucket may not have one of its names.
type Refusal struct {
	Entry Entry
	What  string // what is wrong; quotes names only
	Do    string
}

// Refused returns everything that is wrong with the entries of b, in their order: collisions, keys out of its reach,
// server keys under names that browsers see, and names that one of its sinks refuses. None means that b can be
// written as far as names go.
func (e *Environment) Refused(b Bucket, entries Entries) []Refusal {
	out := e.findCollisions(b, entries)
	limits, privates := e.listLimits(b), e.mapPrivates()
	for _, entry := range entries {
		out = append(out, refuseOutOfReach(b, entry, privates[entry.Source])...)
		out = append(out, e.refuseExposed(b, entry)...)
		out = append(out, refuseBySinks(b, entry, limits)...)
	}
	return out
}

// findCollisions compares each entry with the latest one before it that has the same name.
func (e *Environment) findCollisions(b Bucket, entries []Entry) []Refusal {
	var out []Refusal
	last := make(map[string]int, len(entries))
	for i, entry := range entries {
		earlier, taken := last[entry.Name]
		before := entries[earlier]
		last[entry.Name] = i
		switch {
		case !taken:
		case before.Layer == entry.Layer:
			out = append(out, Refusal{entry, fmt.Sprintf("bucket %s has %s twice in %s", Quote(b.Name),
				Quote(entry.Name), describeLayer(entry.Layer)), "remove one of them"})
		case !slices.Contains(b.Override, entry.Name):
			out = append(out, Refusal{
				entry, fmt.Sprintf("bucket %s has %s in both %s and %s", Quote(b.Name), Quote(entry.Name),
					describeLayer(before.Layer), describeLayer(entry.Layer)),
				"rename one, or list the name under override if the later layer should win",
			})
		}
	}
	return out
}

func describeLayer(name string) string {
	switch name {
	case LayerOriginals, LayerOnly, LayerComputed:
		return name
	}
	if strings.HasSuffix(name, "]") { // an ownLayer
		return "its own " + name
	}
	return "mapping " + Quote(name)
}

// refuseOutOfReach refuses a key of a source that is private to another of these buckets.
func refuseOutOfReach(b Bucket, entry Entry, private []string) []Refusal {
	for _, other := range private {
		if other != b.Name && entry.Source != "" {
			what := fmt.Sprintf("bucket %s takes %s from source %s, which is private to bucket %s", Quote(b.Name),
				Quote(entry.Key), Quote(entry.Source), Quote(other))
			return []Refusal{{entry, what, "take it out of one of the two"}}
		}
	}
	return nil
}

// refuseExposed refuses a server key under a name that a framework puts into the browser's code. A computed value comes
// from the manifest, which is no secret.
func (e *Environment) refuseExposed(b Bucket, entry Entry) []Refusal {
	prefix := BrowserPrefix(entry.Name)
	if prefix == "" || entry.Layer == LayerComputed || slices.Contains(e.Public, entry.Key) {
		return nil
	}
	what := fmt.Sprintf("bucket %s gives %s the name %s, which is built into pages that anyone can read", Quote(b.Name),
		Quote(entry.Key), Quote(entry.Name))
	return []Refusal{{entry, what, "choose a name that does not start with " + prefix +
		", or list the key under public if it is no secret"}}
}

// readerLimit is the limit of one consumer.
type readerLimit struct {
	consumer string
	Limit
}

// listLimits returns what the sinks of b allow: Secrets Manager first, then its consumers. One that is leaving gets
// nothing any more.
func (e *Environment) listLimits(b Bucket) []readerLimit {
	limits := []readerLimit{{"", Limits(SecretsManager)}}
	for _, consumer := range e.Readers(b.Name) {
		if !consumer.Leaving {
			limits = append(limits, readerLimit{consumer.Name, consumer.Limit()})
		}
	}
	return limits
}

func refuseBySinks(b Bucket, entry Entry, limits []readerLimit) []Refusal {
	var out []Refusal
	for _, limit := range limits {
		if why := limit.Refuses(entry.Name); why != "" {
			out = append(out, Refusal{entry, fmt.Sprintf("bucket %s: %s %s", Quote(b.Name), Quote(entry.Name), why),
				"give it another name" + limit.explainReader()})
			break
		}
	}
	return out
}

func (l readerLimit) explainReader() string {
	if l.consumer == "" {
		return ""
	}
	return " (consumer " + Quote(l.consumer) + " reads this bucket)"
}
