// Package random rotates credentials that only their readers know: session keys, webhook secrets, handshakes, and key
// pairs.
package random

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type values = rotate.Values

// Rotator makes new credentials from crypto/rand: texts, or key pairs.
//
// With also, one side sends the credential that stands first, and the other accepts the first or the second. It then
// moves in three versions, each put only when the one before was seen everywhere, so that in no order of readers
// anybody sends what somebody else does not accept:
//
//	{old, old} → {old, new} → {new, old} → {new, new}
//
// Of a symmetric secret, first is K and second is ALSO. Of a key pair, whose private half is sent as a signature, first
// is K with its public half PUBLIC, and second is NEXT with ALSO: signers sign with K, verifiers accept PUBLIC or ALSO,
// and nobody needs NEXT.
//
// The first move comes from Create, the other two from Retire. A value put by hand enters through the second place the
// same way.
type Rotator struct {
	places [][]string // each gets a new credential of its own: a key, or the two keys of a pair
	second []string   // with also: the keys of the second credential of the one place
	fresh  func() (credential, error)
}

// credential is a text, or the private and the public half of a key pair.
type credential []secret.Value

// New returns the rotator of one source.
func New(s manifest.Source) *Rotator {
	r := &Rotator{fresh: textMaker(s.Random())}
	if s.Symmetric() != "" {
		r.second = []string{s.Symmetric()}
	}
	for _, key := range s.Fresh() {
		r.places = append(r.places, []string{key})
	}
	if s.Random().Pair == "" {
		return r
	}
	r.fresh = keyPairMaker(s.Random().Pair)
	r.places = [][]string{{s.Fresh()[0], s.Random().Public}}
	if s.Symmetric() != "" {
		r.second = []string{s.Random().Next, s.Symmetric()}
	}
	return r
}

// Create returns current with new credentials; with also, with a new second one. Then it is a refusal where first and
// second differ and it is no emergency, or where a key has no value.
func (r *Rotator) Create(_ context.Context, s rotate.Start) (values, error) {
	places := r.places
	if r.second != nil {
		if why := r.startRefusal(s); why != "" {
			return nil, why
		}
		places = [][]string{r.second}
	}
	next := values{}
	maps.Copy(next, s.Current)
	for _, keys := range places {
		made, err := r.fresh()
		if err != nil {
			return nil, err
		}
		putCredential(next, keys, made)
	}
	return next, nil
}

// startRefusal returns why a credential that moves in several versions cannot start to move; "" where it can.
func (r *Rotator) startRefusal(s rotate.Start) refusal {
	for i, key := range r.places[0] {
		other := r.second[i]
		if !s.Current[key].Equal(s.Current[other]) && !s.Emergency {
			return refusal(key + " and " + other + " differ: an earlier change is not finished; " +
				"where nothing is owed any more, put the value that everybody accepts in both")
		}
		if isEmptyValue(s.Current[key]) {
			return refusal(key + " has no value: put one first")
		}
	}
	return ""
}

// refusal is the error for a source from which the rotation cannot start.
type refusal string

func (r refusal) Error() string { return string(r) }

// Refusal returns why the rotation may not start.
func (r refusal) Refusal() string { return string(r) }

// Set does nothing: the readers are the target.
func (r *Rotator) Set(context.Context, rotate.Change) error { return nil }

// Test fails where a key has no value, or where a public key does not belong to the private key beside it. It accepts a
// private key that it cannot read.
func (r *Rotator) Test(_ context.Context, pending values) error {
	for _, keys := range append(slices.Clone(r.places), r.second) {
		for _, key := range keys {
			if isEmptyValue(pending[key]) {
				return errors.New("key " + key + " has no value")
			}
		}
		if c := credentialIn(pending, keys); !c.withPublicHalf().equal(c) {
			return errors.New("key " + keys[1] + " does not hold the public half of " + keys[0])
		}
	}
	return nil
}

// Retire returns the next of the versions in which a credential moves; nil where it has arrived. Everybody runs
// current, and nobody owed:
//
//	current                                           | next
//	--------------------------------------------------|-----------------------------------------------------
//	{a, a}                                            | – (done)
//	{a, nothing}, {nothing, a}, or halves that do not | {a, a}, or the public halves of the private ones: a
//	belong together                                   | person has put that
//	{a, b}, b on its way in                           | {b, a}: everybody accepts b, so it is sent
//	{a, b}, b was sent before a                       | {a, a}: everybody sends a, so b is dropped
func (r *Rotator) Retire(ctx context.Context, e rotate.End) (values, error) {
	if r.second == nil {
		return nil, nil
	}
	first, second := credentialIn(e.Current, r.places[0]), credentialIn(e.Current, r.second)
	if first.equal(second) {
		return nil, nil
	}
	if a, b := repairCredentials(first, second); !a.equal(first) || !b.equal(second) {
		return r.withCredentials(e.Current, a, b), nil
	}
	others, err := e.Others(ctx)
	if err != nil {
		return nil, err
	}
	if r.isEntering(first[0], second[0], others) {
		return r.withCredentials(e.Current, second, first), nil
	}
	return r.withCredentials(e.Current, first, first), nil
}

// isEntering reports whether b, second to a, is on its way in: in the versions since a last stood in both places,
// nobody sent b. Where a never stood in both, as after an emergency, it is on its way in unless somebody sent it.
func (r *Rotator) isEntering(a, b secret.Value, others []rotate.Other) bool {
	for _, o := range slices.Backward(others) {
		sent, waits := o.Values[r.places[0][0]], o.Values[r.second[0]]
		switch {
		case sent.Equal(b):
			return false
		case sent.Equal(a) && waits.Equal(a):
			return true
		}
	}
	return true
}

// repairCredentials completes credentials that a person has put in part: without a first, the second stands for both;
// a second that nobody could send is replaced by the first; then each private key gets its public key.
func repairCredentials(first, second credential) (a, b credential) {
	switch {
	case isEmptyValue(first[0]):
		first = second
	case !second.canBeSent():
		second = first
	}
	return first.withPublicHalf(), second.withPublicHalf()
}

// withCredentials returns current with these two credentials.
func (r *Rotator) withCredentials(current values, first, second credential) values {
	next := maps.Clone(current)
	putCredential(next, r.places[0], first)
	putCredential(next, r.second, second)
	return next
}

// credentialIn returns the credential under these keys.
func credentialIn(v values, keys []string) credential {
	c := make(credential, len(keys))
	for i, key := range keys {
		c[i] = v[key]
	}
	return c
}

// putCredential sets these keys to a credential. It never adds a key without a value.
func putCredential(v values, keys []string, c credential) {
	for i, key := range keys {
		if _, has := v[key]; has || !isEmptyValue(c[i]) {
			v[key] = c[i]
		}
	}
}

func (c credential) equal(other credential) bool {
	return slices.EqualFunc(c, other, secret.Value.Equal)
}

func isEmptyValue(v secret.Value) bool { return v.Equal(secret.Value{}) }
