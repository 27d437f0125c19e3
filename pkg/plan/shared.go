package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// checkShared objects where a credential of v is somebody's current one: another source holds it, or the source itself
// does under a key that has not moved. It is found by text, whatever the keys are called. Its retirement would end what
// is in use, and a person would be told to revoke it. No emergency opens this gate: the other one has not leaked, or is
// rotated too.
//
// Of a symmetric secret the present version holds the value before by right.
func checkShared(s State, _ Plan, source Source, v history.Version) (Wait, bool) {
	replaced := source.replacedCredentials(v)
	if len(replaced) == 0 {
		return Wait{}, false
	}
	wanted := credential.NewMatcher(replaced)
	if key, held := source.findHolder(wanted); held && source.Manifest.Symmetric() == "" {
		return Wait{Reason: Shared, Detail: fmt.Sprintf("its current version still holds it, under %s: "+
			"move that key too (url: takes several), or put another value there", source.listKeys([]string{key}))}, true
	}
	for _, other := range s.Sources {
		if other.Name == source.Name {
			continue
		}
		if key, held := other.findHolder(wanted); held {
			return Wait{Reason: Shared, Detail: fmt.Sprintf("source %s holds it now, under %s: "+
				"make them one source, or give each a credential of its own", other.Name, other.listKeys([]string{key}))}, true
		}
	}
	return Wait{}, false
}

// replacedCredentials returns the credentials of v of which a key has another value in the current version.
func (s Source) replacedCredentials(v history.Version) []credential.Credential {
	replaced := s.replacedKeys(v)
	return slices.DeleteFunc(credential.Of(s.Manifest, s.Contents[v.ID].Values), func(c credential.Credential) bool {
		return !slices.ContainsFunc(c.Keys, func(key string) bool { return slices.Contains(replaced, key) })
	})
}

// findHolder returns the first key of the current version of s whose value holds a wanted credential, or its first key
// where only the version as a whole holds one.
func (s Source) findHolder(wanted credential.Matcher) (key string, held bool) {
	current, _ := s.Current()
	values := s.Contents[current.ID].Values
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
