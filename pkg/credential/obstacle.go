package credential

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Obstacle is why no rotation starts from a version. The text holds names of declared keys, and what to do.
type Obstacle struct {
	Reason ObstacleReason `json:"reason"`
	Text   string         `json:"text"`
}

// ObstacleReason is the kind of an Obstacle.
type ObstacleReason string

// The reasons of an Obstacle.
const (
	NoCredential ObstacleReason = "no-credential" // it never was a credential of its kind: see CheckKind
	Unmoved      ObstacleReason = "unmoved"       // a key that the rotator does not write holds it too: see FindUnmoved
	Weak         ObstacleReason = "weak"          // nobody can tell which keys hold it: see FindWeak
)

// FindObstacles returns why a rotation of a source in an environment does not start from a version: nil for nothing,
// and for a source that no rotator rotates. values may hold what bucket.ReadEverything adds to the declared ones.
func FindObstacles(environment string, source manifest.Source, values map[string]secret.Value) (all []Obstacle) {
	if !source.Rotate.IsScheduled() {
		return nil
	}
	if err := CheckKind(source, values); err != nil {
		return []Obstacle{{NoCredential, fmt.Sprintf("%v: put a working value first: rotary put %s %s",
			err, environment, source.Name)}}
	}
	if keys := FindUnmoved(source, values); len(keys) > 0 {
		all = append(all, Obstacle{Unmoved, fmt.Sprintf("its rotator writes %s, and the same credential stands under %s, "+
			"which would go on with the old one: let the rotator write that too (url takes several keys, fields stands "+
			"beside it), or put another value there", strings.Join(source.Writes(), ", "), source.DescribeKeys(keys))})
	}
	if keys := FindWeak(source, values); len(keys) > 0 {
		all = append(all, Obstacle{Weak, fmt.Sprintf("what stands under %s is too short or too common to be looked for: "+
			"nobody can tell who else holds it; if nothing but the rotator's own keys does: rotary rotate %s %s "+
			"--only-declared-keys", source.DescribeKeys(keys), environment, source.Name)})
	}
	return all
}

// FindUnmoved returns the keys of a version, sorted, whose values hold a credential that the source's rotator replaces,
// and that it does not write: they would go on with what it retires. Among them are those of bucket.ReadEverything that
// the source does not declare, which are for no message.
func FindUnmoved(source manifest.Source, values map[string]secret.Value) (keys []string) {
	written, replaced := source.Writes(), Of(source, values)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(written, key) {
			continue
		}
		if slices.ContainsFunc(replaced, func(c Credential) bool { return c.standsUnder(values[key]) }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// standsUnder reports whether a value of a version that has the identity of c elsewhere holds c.
func (c Credential) standsUnder(value secret.Value) bool {
	return Carries(map[string]secret.Value{"value": value, "identity": c.Identity}, c)
}

// FindWeak returns the keys, sorted, of the credentials of a version that its target ends and that Holds cannot find by
// their material alone. A rotation that somebody else's copy survives would go unnoticed.
func FindWeak(source manifest.Source, values map[string]secret.Value) (keys []string) {
	for _, c := range Of(source, values) {
		if c.Weak && c.Kind != Plain {
			keys = append(keys, c.Keys...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// FindPasswords returns the passwords that a version of a source has for a user of a database, each once: of
// connection strings under whatever key, and of the keys that hold the parts of a login.
func FindPasswords(source manifest.Source, values map[string]secret.Value, user string) (passwords []secret.Value) {
	v := version{source: source, values: values}
	v.addLoginOfFields()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if l, is := readLogin(values[key]); is && l.chooseKind() == Login {
			v.addCredential(Credential{Kind: Login, Keys: []string{key}, Identity: l.user,
				Material: []secret.Value{l.password}})
		}
	}
	for _, c := range v.found {
		if c.Identity.Equal(secret.New(user)) && !slices.ContainsFunc(passwords, c.Material[0].Equal) {
			passwords = append(passwords, c.Material[0])
		}
	}
	return passwords
}
