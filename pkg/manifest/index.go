package manifest

import (
	"slices"
	"sync"
)

// index holds what Entries, Refused, Readers and Source look up, so that each call costs what it returns, however large
// the environment is.
type index struct {
	owners   map[string]string          // source of a canonical key
	sources  map[string]Source          // by name
	apart    map[string]bool            // sources that originals: true leaves out
	privates map[string][]string        // names of the buckets to which a source is private, in their order
	readers  map[string][]Consumer      // by bucket
	feeds    func() map[string][]string // sources of a bucket, when first asked
}

// Indexed returns an environment like e that answers Entries, Refused, Readers and Source without going through all of
// it: for many calls. Making it costs as much as one of them does without. Neither is to be changed afterwards.
func (e *Environment) Indexed() *Environment {
	if e.index != nil {
		return e
	}
	indexed := *e
	indexed.index = &index{
		owners: e.mapOwners(), apart: e.mapSetApart(), privates: e.mapPrivates(),
		sources: make(map[string]Source, len(e.Sources)), readers: map[string][]Consumer{},
	}
	for _, s := range slices.Backward(e.Sources) {
		indexed.index.sources[s.Name] = s
	}
	for _, c := range e.Consumers {
		if c.Bucket != "" {
			indexed.index.readers[c.Bucket] = append(indexed.index.readers[c.Bucket], c)
		}
	}
	indexed.index.feeds = sync.OnceValue(func() map[string][]string {
		feeds := make(map[string][]string, len(indexed.Buckets))
		for _, b := range indexed.Buckets {
			feeds[b.Name] = indexed.Entries(b).Feeds()
		}
		return feeds
	})
	return &indexed
}

// findFeeds returns the sources that values of a bucket of e come from, sorted, each once.
func (e *Environment) findFeeds(b Bucket) []string {
	if e.index != nil {
		return e.index.feeds()[b.Name]
	}
	return e.Entries(b).Feeds()
}

// mapOwners returns the source of each canonical key. The first one declares it where two do, which Parse refuses.
func (e *Environment) mapOwners() map[string]string {
	if e.index != nil {
		return e.index.owners
	}
	keys := 0
	for _, source := range e.Sources {
		keys += len(source.KeyNames())
	}
	owners := make(map[string]string, keys)
	for _, source := range slices.Backward(e.Sources) {
		for _, key := range source.KeyNames() {
			owners[key] = source.Name
		}
	}
	return owners
}

// mapSetApart returns the sources that `originals: true` leaves out.
func (e *Environment) mapSetApart() map[string]bool {
	if e.index != nil {
		return e.index.apart
	}
	apart := map[string]bool{}
	for _, b := range e.Buckets {
		for _, source := range b.Only {
			apart[source] = true
		}
	}
	for _, s := range e.Sources {
		apart[s.Rotate.Admin()] = true
	}
	return apart
}

// mapPrivates returns the names of the buckets to which each source is private.
func (e *Environment) mapPrivates() map[string][]string {
	if e.index != nil {
		return e.index.privates
	}
	privates := map[string][]string{}
	for _, b := range e.Buckets {
		for _, source := range b.Only {
			privates[source] = append(privates[source], b.Name)
		}
	}
	return privates
}
