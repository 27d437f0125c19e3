package played

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// vendor plays an API that a manifest describes, and the rotator that calls it: what it makes is accepted beside what it
// made before, until that is revoked, or for as long as the description says.
type vendor struct {
	*Backends
	source manifest.Source
	made   map[string]rotate.Values // by version
	ended  map[string]bool          // what it once accepted, by key and value
}

// addVendor makes the vendor of a source, or tells it what the source is now.
func (b *Backends) addVendor(s manifest.Source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.vendors[s.Name] == nil {
		b.vendors[s.Name] = &vendor{Backends: b, made: map[string]rotate.Values{}, ended: map[string]bool{}}
	}
	b.vendors[s.Name].source = s
}

// Create implements rotate.Rotator.
func (v *vendor) Create(_ context.Context, s rotate.Start) (rotate.Values, error) {
	v.mu.Lock()
	fresh, known := v.made[s.Version]
	if !known {
		fresh = rotate.Values{}
		for _, key := range v.source.Writes() {
			fresh[key] = v.Value(key, v.source.Check[key])
		}
		v.made[s.Version] = fresh
	}
	v.mu.Unlock()
	for key, value := range fresh {
		v.Targets.Accept(v.Target(key), secret.Reveal(value))
	}
	if !known {
		v.endBefore(s.Current)
	}
	next := maps.Clone(s.Current)
	maps.Copy(next, fresh)
	return next, nil
}

// endBefore ends the credential before when the vendor does: at once, after some time, or never by itself.
func (v *vendor) endBefore(before rotate.Values) {
	switch overlap := time.Duration(v.source.Overlap()); {
	case v.source.AtOnce():
		v.revokeOwed(before, rotate.Values{})
	case overlap > 0:
		v.Clock.After(overlap, "the credential before at the vendor of "+v.source.Name, func() { v.revokeOwed(before, rotate.Values{}) })
	}
}

// revokeOwed makes the vendor refuse what of a credential another one does not hold.
func (v *vendor) revokeOwed(owed, current rotate.Values) {
	for _, key := range v.source.Writes() {
		if owed[key].Equal(current[key]) {
			continue
		}
		v.Targets.Revoke(v.Target(key), secret.Reveal(owed[key]))
		v.mu.Lock()
		v.ended[key+" "+secret.Reveal(owed[key])] = true
		v.mu.Unlock()
	}
}

// Set implements rotate.Rotator: the vendor accepts what it has made.
func (v *vendor) Set(context.Context, rotate.Change) error { return nil }

// Test implements rotate.Rotator.
func (v *vendor) Test(_ context.Context, pending rotate.Values) error {
	if !v.acceptsValues(pending) {
		return fmt.Errorf("the vendor refuses it: %w", rotate.ErrNotAccepted)
	}
	return nil
}

// acceptsValues reports whether the vendor accepts a credential: whatever it has not ended. A person who puts one has
// just got it there.
func (v *vendor) acceptsValues(values rotate.Values) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !slices.ContainsFunc(v.source.Writes(), func(key string) bool {
		return v.ended[key+" "+secret.Reveal(values[key])]
	})
}

// Retire implements rotate.Rotator. Where the manifest describes no call that revokes, it only looks.
func (v *vendor) Retire(_ context.Context, e rotate.End) (rotate.Values, error) {
	switch {
	case !v.acceptsValues(e.Owed):
		return nil, nil
	case v.source.Rotate.HTTP.Calls.Revoke == nil:
		return nil, errors.New("the vendor still accepts it, and no call is described that revokes it")
	}
	v.revokeOwed(e.Owed, e.Current)
	return nil, nil
}

// Identity implements rotate.Identified: what the rotator writes.
func (v *vendor) Identity(values rotate.Values) (id string) {
	for _, key := range v.source.Writes() {
		id += secret.Reveal(values[key]) + "\n"
	}
	return id
}

// Same implements rotate.Identified.
func (v *vendor) Same(a, b rotate.Values) bool { return v.Identity(a) == v.Identity(b) }
