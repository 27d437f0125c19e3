package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Receipt is what a place at a sink says that it has, and is no consumer of the manifest.
type Receipt struct {
	Location string // in the form of manifest.Consumer.Location: github:OWNER/REPO, github-org:OWNER
	Versions []string
	SeenAt   time.Time
}

// FindStrangers returns the places whose receipts name a version of one of the environment's buckets, sorted by name. Those
// that a bucket remembers are looked at as its consumers.
func (s State) FindStrangers(receipts []Receipt) []SeenStranger {
	var found []SeenStranger
	for _, r := range receipts {
		isHere := func(location string) bool { return strings.EqualFold(location, r.Location) }
		if holds := s.holdingsOf(r.Versions); len(holds) > 0 && !s.isDeparture(isHere) {
			found = append(found, SeenStranger{
				Name: r.Location, Holds: holds,
				Why:  "it has secrets of this environment by its receipt, seen at " + r.SeenAt.UTC().Format("15:04 on 2 Jan"),
				Stop: "delete its secrets and the variable ROTARY_RECEIPT there",
			})
		}
	}
	slices.SortFunc(found, func(a, b SeenStranger) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// holdingsOf returns what somebody has who has these versions, of whatever buckets. A version that no bucket has, with a
// label or without, is another deployment's, whose environment has the same name: what carries something that is owed has a
// label.
func (s State) holdingsOf(versions []string) []Holding {
	var all []Holding
	for _, b := range s.Buckets {
		known := slices.DeleteFunc(slices.Clone(versions), func(id string) bool { _, has := b.findVersion(id); return !has })
		if len(known) > 0 {
			all = append(all, Holding{Secret: cmp.Or(b.Secret, b.Want.Secret), Versions: slices.Sorted(slices.Values(known))})
		}
	}
	return all
}

// isDeparture reports whether a bucket remembers a consumer at a location where the manifest has none: it is looked at.
func (s State) isDeparture(is func(location string) bool) bool {
	return slices.ContainsFunc(s.Buckets, func(b Bucket) bool {
		return slices.ContainsFunc(b.FindDepartures(), func(r Relation) bool { return is(r.Location) })
	})
}
