package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// checkShared objects where a credential of the debt is somebody's: another source has it in a version that is current,
// pending or retained, or the source itself does under a key that has not moved. It is found by text, whatever the keys
// are called. Its retirement would end what is in use, and a person would be told to revoke it. No emergency opens this
// gate: the other one has not leaked, or is rotated too.
//
// Of a symmetric secret the present version holds the value before by right. What another source owes itself is no
// objection: whoever runs on that is asked by the other gates, and two that owe the same would wait for each other.
func checkShared(s State, _ Plan, d debt) (Wait, bool) {
	if len(d.replaced) == 0 {
		return Wait{}, false
	}
	used, _ := d.source.inUse()
	if key, held := d.source.findHolder(d.wanted, used); held {
		return Wait{Reason: Shared, Detail: fmt.Sprintf("its current version still holds it, under %s: "+
			"move that key too (url: takes several), or put another value there", d.source.Manifest.DescribeKeys([]string{key}))}, true
	}
	for _, other := range s.Sources {
		if other.Name == d.source.Name {
			continue
		}
		used, _ := other.inUse()
		for _, v := range other.Versions {
			if !v.Claimed() && v.ID != used.ID {
				continue
			}
			if key, held := other.findHolder(d.wanted, v); held {
				return Wait{Reason: Shared, Detail: fmt.Sprintf("source %s holds it now, under %s: "+
					"make them one source, or give each a credential of its own", other.Name, other.Manifest.DescribeKeys([]string{key}))}, true
			}
		}
	}
	return Wait{}, false
}

// Claimed returns the versions of a source that matter while something is owed: what it owes itself, and what somebody
// counts on. A copy without a value is none of them.
func (s Source) Claimed() []history.Version {
	owed := s.Owed()
	return slices.DeleteFunc(slices.Clone(s.Versions), func(v history.Version) bool {
		owes := slices.ContainsFunc(owed, func(o history.Version) bool { return o.ID == v.ID })
		return v.Empty || !owes && !v.Claimed()
	})
}

// findHolder returns the first key of a version of s whose value holds a wanted credential, or its first key where only
// the version as a whole holds one.
func (s Source) findHolder(wanted credential.Matcher, v history.Version) (key string, held bool) {
	values := s.Contents[v.ID].Values
	if !slices.Contains(wanted.FindCarried(values), true) {
		return "", false
	}
	keys := slices.Sorted(maps.Keys(values))
	for _, key := range keys {
		if slices.Contains(wanted.FindCarried(map[string]secret.Value{key: values[key]}), true) {
			return key, true
		}
	}
	return keys[0], true
}
