package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// NameChanges lists the names of a bucket that a Write changes, each list sorted.
type NameChanges struct {
	Added   []string `json:"added,omitempty"`
	Changed []string `json:"changed,omitempty"` // get another value
	Removed []string `json:"removed,omitempty"`
	// Unshown counts further names that are removed. They are not repeated: they may be values in the place of a name.
	Unshown int `json:"unshown,omitempty"`
}

// CompareNames returns what becomes of the names of was where is takes its place. It is pure.
func CompareNames(was, is map[string]secret.Value) NameChanges {
	var n NameChanges
	for _, name := range slices.Sorted(maps.Keys(is)) {
		switch old, had := was[name]; {
		case !had:
			n.Added = append(n.Added, name)
		case !old.Equal(is[name]):
			n.Changed = append(n.Changed, name)
		}
	}
	var removed []string
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, kept := is[name]; !kept {
			removed = append(removed, name)
		}
	}
	n.Removed, n.Unshown = splitShown(removed)
	return n
}

// splitShown returns the names that messages may repeat, and the number of the others.
func splitShown(names []string) (shown []string, unshown int) {
	for _, name := range names {
		if secret.IsShown(name) {
			shown = append(shown, name)
		} else {
			unshown++
		}
	}
	return shown, unshown
}

// List returns the names with + for one that is added, ~ for one that gets another value and - for one that is removed.
func (n NameChanges) List() []string {
	var all []string
	for _, group := range []struct {
		sign  string
		names []string
	}{{"+", n.Added}, {"~", n.Changed}, {"-", n.Removed}} {
		for _, name := range group.names {
			all = append(all, group.sign+name)
		}
	}
	if n.Unshown > 0 {
		all = append(all, fmt.Sprintf("-%d not shown", n.Unshown))
	}
	return all
}

// EveryName among the names that may be removed stands for all of them.
const EveryName = "*"

// lostNames returns the names that a Write would take away although nobody has accepted that, sorted: one that the
// manifest still gives, taken away or emptied; and any that is taken away from a bucket that rotary has never written,
// or that a frozen source feeds.
func (b Bucket) lostNames(s State, current string) []string {
	var lost []string
	had, guarded := b.Contents[current].Values, !b.Written() || s.hasFrozenFeed(b)
	if slices.Contains(s.AcceptRemovals, EveryName) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(had)) {
		value, kept := b.Want.Values[name]
		kept = kept && (!value.Equal(emptyValue) || had[name].Equal(emptyValue))
		if !kept && (guarded || b.hasEntry(name)) && !slices.Contains(s.AcceptRemovals, name) {
			lost = append(lost, name)
		}
	}
	return lost
}

// waitForRemovals returns the Wait of a bucket that would lose names, with how they are given up.
func (b Bucket) waitForRemovals(s State, lost []string) Wait {
	shown, unshown := splitShown(lost)
	accept, words := strings.Join(shown, ","), strings.Join(shown, ", ")
	if unshown > 0 {
		accept = "'" + EveryName + "'"
		words = strings.Join(append(shown, fmt.Sprintf("%d more that may be values and are not shown", unshown)), ", ")
	}
	return Wait{Subject: b.Want.Name, Reason: Brake, Names: shown, Detail: fmt.Sprintf(
		"it would lose %s %s; if that is meant: rotary apply %s --accept-removals %s",
		words, b.whyGuarded(lost), s.Environment, accept)}
}

// whyGuarded returns why these names are not taken away without a person's word.
func (b Bucket) whyGuarded(lost []string) string {
	mapped := !slices.ContainsFunc(lost, func(name string) bool { return !b.hasEntry(name) })
	switch {
	case mapped:
		return "although the manifest still maps it"
	case !b.Written():
		return "that the manifest does not give it, and rotary has never written this bucket"
	}
	return "while a source that feeds it is frozen"
}
