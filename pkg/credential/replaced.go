package credential

import (
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// FindReplaced returns the credentials of a version of a source of which a key has another value, or none, in the version
// that took its place. What both have is not replaced.
func FindReplaced(source manifest.Source, before, after map[string]secret.Value) []Credential {
	replaced := FindReplacedKeys(before, after)
	return slices.DeleteFunc(Of(source, before), func(c Credential) bool {
		return !slices.ContainsFunc(c.Keys, func(key string) bool { return slices.Contains(replaced, key) })
	})
}

// FindReplacedKeys returns the keys of a version, sorted, that have another value, or none, in the version that took its
// place.
func FindReplacedKeys(before, after map[string]secret.Value) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(before)), func(key string) bool {
		now, kept := after[key]
		return kept && now.Equal(before[key])
	})
}
