package plan

import "slices"

// KeepKnown returns those of versions that a bucket has, with a label or without. Whatever carries something that is owed
// has a label; a version that no bucket knows is another deployment's, whose environment has the same name.
func (s State) KeepKnown(versions []string) []string {
	return slices.DeleteFunc(slices.Clone(versions), func(id string) bool {
		return !slices.ContainsFunc(s.Buckets, func(b Bucket) bool { _, known := b.findVersion(id); return known })
	})
}

// IsDeparture reports whether a bucket remembers a consumer at a location where the manifest has none: it is looked at.
func (s State) IsDeparture(is func(location string) bool) bool {
	return slices.ContainsFunc(s.Buckets, func(b Bucket) bool {
		return slices.ContainsFunc(b.FindDepartures(), func(r Relation) bool { return is(r.Location) })
	})
}

// hasUnknownStranger reports whether something runs that stands in no manifest, and nobody knows which versions it has.
func (s State) hasUnknownStranger() bool {
	return slices.ContainsFunc(s.Strangers, func(c Seen) bool { return len(c.InPlay) == 0 })
}
