package plan

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// debt is an owed version of a source, with what finds out who carries a credential that it ends.
type debt struct {
	source   Source
	version  history.Version
	replaced []credential.Credential // that no key of the current version moves on with
	keys     []string                // of the version, whose values the current version does not have any more
	wanted   credential.Matcher
	judged   map[judgedVersion]bool
}

// judgedVersion names a bucket's version that a debt has been compared with.
type judgedVersion struct{ bucket, version string }

// newDebt returns the debt of an owed version.
func newDebt(source Source, v history.Version) debt {
	d := debt{source: source, version: v, keys: source.replacedKeys(v), judged: map[judgedVersion]bool{}}
	if source.Manifest.Symmetric() == "" {
		d.replaced = source.replacedCredentials(v)
	}
	d.wanted = credential.NewMatcher(d.replaced)
	return d
}

// isEmpty reports whether the version ends nothing: its content and the current one are known, and everything that it
// gives its target is still given. Keys under config are settings and no credential.
func (d debt) isEmpty() bool {
	used, exists := d.source.inUse()
	owed, now := d.source.Contents[d.version.ID], d.source.Contents[used.ID]
	return exists && owed.Values != nil && now.Values != nil && len(d.replaced) == 0 &&
		!slices.ContainsFunc(d.keys, func(key string) bool { return !slices.Contains(d.source.Manifest.Config, key) })
}

// mayBeCarried reports whether a version that a consumer of bucket b has carries a credential of the debt: of b, or of
// another bucket that the manifest had it on before. One that no bucket has may hold anything that feeds b.
func (d debt) mayBeCarried(s State, b Bucket, id string) bool {
	for _, other := range slices.Concat([]Bucket{b}, s.Buckets) {
		if v, known := other.findVersion(id); known {
			return d.isCarried(other, v)
		}
	}
	return true
}

// findVersion returns a version of the bucket, with a label or without.
func (b Bucket) findVersion(id string) (history.Version, bool) {
	if v, known := b.Version(id); known {
		return v, true
	}
	return history.History{Versions: b.Made}.Version(id)
}

// isCarried reports whether bucket version bv carries a credential of the debt: one of its values holds it, under
// whatever name. What its content alone cannot tell:
//
//	bucket version           | carried
//	-------------------------|-------------------------------------------------------------
//	has no value             | no
//	cannot be read           | yes, if the source feeds it by the present rules, or if it was written under others
//	of an owed version that  | the same
//	  cannot be read         |
//	of one that is malformed | no by the present rules: nothing was computed from it; else yes
//
// A value that is weak, or of a symmetric secret, is found by the names that the rules give its key; in a version that
// was written under other rules it counts under any name.
func (d debt) isCarried(b Bucket, bv history.Version) bool {
	at := judgedVersion{b.Want.Name, bv.ID}
	carried, known := d.judged[at]
	if !known {
		carried = d.judgeVersion(b, bv)
		d.judged[at] = carried
	}
	return carried
}

func (d debt) judgeVersion(b Bucket, bv history.Version) bool {
	made, owed := b.Contents[bv.ID], d.source.Contents[d.version.ID]
	sameRules := bucket.Rules(bv.ID) == bucket.Rules(b.Want.Version) ||
		made.Values != nil && equalContent(made.Values, b.Want.Values)
	_, exists := d.source.Current()
	switch {
	case bv.Empty || made.Absent:
		return false
	case owed.Malformed || owed.Absent || d.version.Empty:
		return !sameRules
	case made.Values == nil || owed.Values == nil || !exists:
		return !sameRules || b.isFedBy(d.source.Name)
	}
	return slices.Contains(d.wanted.FindCarried(made.Values), true) ||
		slices.ContainsFunc(d.keys, func(key string) bool {
			return b.holdsValue(made, d.source.Name, key, owed.Values[key], sameRules)
		})
}

// replacedKeys returns the keys of v whose values the version in use does not have any more, sorted.
func (s Source) replacedKeys(v history.Version) []string {
	used, _ := s.inUse()
	return credential.FindReplacedKeys(s.Contents[v.ID].Values, s.Contents[used.ID].Values)
}

// replacedCredentials returns the credentials of v of which a key has another value in the version in use.
func (s Source) replacedCredentials(v history.Version) []credential.Credential {
	used, _ := s.inUse()
	return credential.FindReplaced(s.Manifest, s.Contents[v.ID].Values, s.Contents[used.ID].Values)
}

// holdsValue reports whether made holds v's value of key: under the names that the present rules give the key, or,
// where they do not speak for bv, under any name.
func (b Bucket) holdsValue(made Content, source, key string, value secret.Value, sameRules bool) bool {
	for name, held := range made.Values {
		if held.Equal(value) && (!sameRules || b.givesName(name, source, key)) {
			return true
		}
	}
	return false
}

// givesName reports whether the present rules take a name's value from this key.
func (b Bucket) givesName(name, source, key string) bool {
	return slices.ContainsFunc(b.Entries, func(e manifest.Entry) bool {
		return e.Name == name && e.Source == source && e.Key == key
	})
}

func (b Bucket) isFedBy(source string) bool {
	return slices.ContainsFunc(b.Entries, func(e manifest.Entry) bool { return e.Source == source })
}

// listReach returns the buckets that can give a credential of the debt to somebody: those with a labelled version that
// carries it, and those that the source feeds by the present rules.
func (d debt) listReach(s State) []Bucket {
	var all []Bucket
	for _, b := range s.Buckets {
		if b.isFedBy(d.source.Name) ||
			slices.ContainsFunc(b.Versions, func(bv history.Version) bool { return d.isCarried(b, bv) }) {
			all = append(all, b)
		}
	}
	return all
}

// listReaders returns who reads the source itself, and who runs on a bucket in reach.
func (d debt) listReaders(s State) []Consumer {
	all := slices.Clone(d.source.Consumers)
	for _, b := range d.listReach(s) {
		all = append(all, s.readersOf(b)...)
	}
	return all
}

// consumersOf returns the consumers of source itself, and those of the buckets that hold, or may still hold, its values.
func (s State) consumersOf(source Source) []Consumer {
	all := slices.Clone(source.Consumers)
	for _, b := range s.Buckets {
		if b.isFedBy(source.Name) || s.owesIn(source, b) {
			all = append(all, b.Consumers...)
		}
	}
	return all
}

// owesIn reports whether a labelled version of the bucket carries what the source owes.
func (s State) owesIn(source Source, b Bucket) bool {
	return slices.ContainsFunc(s.debts, func(d debt) bool {
		return d.source.Name == source.Name &&
			slices.ContainsFunc(b.Versions, func(bv history.Version) bool { return d.isCarried(b, bv) })
	})
}
