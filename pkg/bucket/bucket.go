// Package bucket derives the buckets of an environment from its sources. It is pure, and it is where all that a
// consumer will ever see is decided: ReadSource and WriteSource read and write the secret of a source, Compute merges,
// Encode writes a bucket, Token names the version.
package bucket

import (
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Source is the content of a source: its values by canonical name.
type Source map[string]secret.Value

// Bucket is the content of one derived secret.
type Bucket struct {
	Name    string                  // in the manifest: api-secrets
	Secret  string                  // in Secrets Manager: api-secrets-dev
	ARN     string                  // of the secret, where it has been looked up
	Version string                  // the version id that this content has, or gets when it is written
	Values  map[string]secret.Value // by the name that readers see
	Origin  map[string]Origin       // where each name's value comes from
}

// Origin is where a value comes from.
type Origin struct {
	Layer  string // originals, a mapping's name, only, computed
	Source string // "" for computed
	Key    string // canonical name; "" for computed
}

// Names returns the names in b, sorted.
func (b Bucket) Names() []string { return slices.Sorted(maps.Keys(b.Values)) }
