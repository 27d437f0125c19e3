// Package random rotates values that nobody but their readers know: session keys, webhook secrets, handshakes.
package random

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type values = rotate.Values

// Rotator makes new values from crypto/rand.
//
// With also, the secret is symmetric: one side sends K, the other accepts K or ALSO. It then moves in three
// versions, each put only when the one before was seen everywhere, so that in no order of readers anybody sends
// what somebody else does not accept:
//
//	{K: old, ALSO: old} → {K: old, ALSO: new} → {K: new, ALSO: old} → {K: new, ALSO: new}
//
// The first comes from Create, the other two from Retire. A value put by hand enters through ALSO the same way.
type Rotator struct {
	keys  []string // the keys that get a new value each; with also, the one K
	also  string
	bytes int
}

// defaultBytes is the entropy of a new value where the manifest names none.
const defaultBytes = 32

// New returns the rotator of one source.
func New(s manifest.Source) *Rotator {
	r := &Rotator{also: s.Rotate.Also, bytes: s.Rotate.Bytes}
	if r.bytes == 0 {
		r.bytes = defaultBytes
	}
	for _, key := range s.Keys {
		if key != r.also && (s.Rotate.Key == "" || s.Rotate.Key == key) {
			r.keys = append(r.keys, key)
		}
	}
	return r
}

// Create returns current with new values; with also, with a new ALSO. It starts only from K = ALSO.
func (r *Rotator) Create(_ context.Context, s rotate.Start) (values, error) {
	current := s.Current
	next := maps.Clone(current)
	if r.also == "" {
		for _, key := range r.keys {
			next[key] = r.fresh()
		}
		return next, nil
	}
	k, also := current[r.keys[0]], current[r.also]
	if !k.Equal(also) && !s.Emergency {
		return nil, unfinished(r.keys[0] + " and " + r.also + " differ: an earlier change is not finished; where nothing is owed any more, put the value that everybody accepts in both")
	}
	next[r.also] = r.fresh()
	return next, nil
}

// unfinished is the error for a source that is between two of its three versions.
type unfinished string

func (u unfinished) Error() string { return string(u) }

// Refusal says why the rotation may not start.
func (u unfinished) Refusal() string { return string(u) }

// Set does nothing: the readers are the target.
func (r *Rotator) Set(context.Context, values, values) error { return nil }

// Test checks that every key has a value.
func (r *Rotator) Test(_ context.Context, pending values) error {
	for _, key := range append(slices.Clone(r.keys), r.also) {
		if key != "" && secret.Reveal(pending[key]) == "" {
			return errors.New("key " + key + " has no value")
		}
	}
	return nil
}

// Retire returns the next of the three versions of a symmetric secret. Everybody runs current, and nobody owed:
//
//	current      | owed      | next
//	-------------|-----------|---------------------------------------------------
//	{new, new}   | any       | – (done)
//	{old, new}   | K is old  | {new, old}: everybody accepts new, so it is sent
//	{new, old}   | K differs | {new, new}: everybody sends new, so old is dropped
func (r *Rotator) Retire(_ context.Context, e rotate.End) (values, error) {
	owed, current := e.Owed, e.Current
	if r.also == "" {
		return nil, nil
	}
	k, also := current[r.keys[0]], current[r.also]
	switch {
	case k.Equal(also):
		return nil, nil
	case owed[r.keys[0]].Equal(k):
		return r.with(current, also, k), nil
	}
	return r.with(current, k, k), nil
}

func (r *Rotator) with(current values, k, also secret.Value) values {
	next := maps.Clone(current)
	next[r.keys[0]], next[r.also] = k, also
	return next
}

func (r *Rotator) fresh() secret.Value {
	b := make([]byte, r.bytes)
	_, _ = rand.Read(b) // never fails: https://pkg.go.dev/crypto/rand#Read
	return secret.New(base64.RawURLEncoding.EncodeToString(b))
}
