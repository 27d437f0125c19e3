// Package httpapi rotates credentials that a vendor's API makes, by calls that are described in the manifest. See
// vendorapi.API and docs/adr/0012.
package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/retry"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Reach holds the means by which a Rotator reaches its vendor.
type Reach struct {
	Environment string
	// Admin reads the source of the administrator afresh. It is not called for a source that names none.
	Admin func(context.Context) (rotate.Values, error)
	// Transport carries the requests; nil: the network, TLS 1.2 or later, without reusing a connection.
	Transport http.RoundTripper
	// Pause waits between two tries; nil: retry.Sleep.
	Pause func(context.Context, time.Duration) error
}

// longestMethod bounds the time of one method. It ends before rotate.Timeout, in time to put the new credential.
const longestMethod = rotate.Timeout - 20*time.Second

// New returns the rotator of a source whose description is resolved, as an Environment's are. It is rotate.Unrepeatable
// where the description has neither a repeatable create nor a way to find what an earlier try has made.
func New(source manifest.Source, reach Reach) rotate.Rotator {
	api := *source.Rotate.HTTP.Calls
	r := &Rotator{
		source: source, api: api, environment: reach.Environment, admin: reach.Admin, caller: newCaller(reach),
	}
	if api.Find == nil && !api.Create.Repeatable {
		return unrepeatable{r}
	}
	return r
}

// Rotator makes credentials with one call of a vendor's API and revokes them with another.
type Rotator struct {
	source      manifest.Source
	api         vendorapi.API
	environment string
	admin       func(context.Context) (rotate.Values, error)
	caller      httpcall.Caller
}

// unrepeatable is a Rotator whose create must not be tried twice.
type unrepeatable struct{ *Rotator }

// MayHaveMade reports whether the vendor may have made a credential. It returns false only where the vendor was not
// reached or has refused: an answer of 4xx, or one that asks to come back later.
func (unrepeatable) MayHaveMade(err error) bool {
	failed, is := errors.AsType[*httpcall.Error](err)
	return !is || !failed.NothingDone
}

// Create asks the vendor for a credential. What earlier tries of this rotation have made is found by its name, which
// has the version's id in it, and revoked before. The error never holds anything that the vendor has answered.
func (r *Rotator) Create(ctx context.Context, s rotate.Start) (rotate.Values, error) {
	ctx, cancel := context.WithTimeout(ctx, longestMethod)
	defer cancel()
	n := r.namesFor(s.Current)
	n.version, n.since = s.Version, s.Since
	if err := r.revokeLeftovers(ctx, n); err != nil {
		return nil, err
	}
	create := r.api.Create
	answer, err := r.callVendor(ctx, create.Call, n, nil)
	if err != nil {
		return nil, err
	}
	fresh, err := answer.selectValues(create.Set)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(s.Current)
	for name, value := range fresh {
		next[r.source.Rotate.HTTP.KeyFor(name)] = value
	}
	if r.Same(next, s.Current) {
		return nil, answer.failBecause("it answers with the credential that is current")
	}
	return next, nil
}

// revokeLeftovers revokes what earlier tries have made, and lists it again to see that it is gone.
func (r *Rotator) revokeLeftovers(ctx context.Context, n templateNames) error {
	if r.api.Find == nil {
		return nil
	}
	for range 2 {
		left, err := r.findLeftovers(ctx, n)
		if err != nil || len(left) == 0 {
			return err
		}
		for _, owed := range left {
			n.owed = owed
			if _, err := r.callVendor(ctx, r.api.Revoke.Call, n, r.api.Revoke.Gone); err != nil {
				return err
			}
		}
	}
	left, err := r.findLeftovers(ctx, n)
	if err == nil && len(left) > 0 {
		err = &httpcall.Error{
			Doing:  n.describePlace(r.api.Find.Call),
			Reason: "it still lists what an earlier try has made, although it was asked to revoke it",
		}
	}
	return err
}

// findLeftovers lists what earlier tries of this rotation have made, as far as Revoke needs to know it.
func (r *Rotator) findLeftovers(ctx context.Context, n templateNames) ([]rotate.Values, error) {
	find := r.api.Find
	answer, err := r.callVendor(ctx, find.Call, n, nil)
	if err != nil {
		return nil, err
	}
	entries, err := answer.selectList(find.Entries, find.More)
	if err != nil {
		return nil, err
	}
	var left []rotate.Values
	for _, entry := range entries {
		name, err := entry.selectText(find.Name)
		if err != nil {
			return nil, err
		}
		if name != n.markerText() {
			continue
		}
		found, err := entry.selectValues(find.Set)
		if err != nil {
			return nil, err
		}
		left = append(left, r.toSourceKeys(found))
	}
	return left, nil
}

// toSourceKeys returns values that a description names under the source's keys.
func (r *Rotator) toSourceKeys(named rotate.Values) rotate.Values {
	values := rotate.Values{}
	for name, value := range named {
		values[r.source.Rotate.HTTP.KeyFor(name)] = value
	}
	return values
}

// Set does nothing: the vendor accepts what it has made.
func (r *Rotator) Set(context.Context, rotate.Change) error { return nil }

// Test asks the vendor whether it accepts a credential, a few times where it does not know a new one yet, and compares
// what the answer has of it with the source.
func (r *Rotator) Test(ctx context.Context, pending rotate.Values) error {
	ctx, cancel := context.WithTimeout(ctx, longestMethod)
	defer cancel()
	accepted, answer, err := r.askUntil(ctx, true, pending)
	switch {
	case err != nil:
		return err
	case !accepted:
		return fmt.Errorf("%w: %w", answer.failBecause("it refuses the credential"), rotate.ErrNotAccepted)
	}
	said, err := answer.selectValues(r.api.Test.Same)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if !said[name].Equal(pending[r.source.Rotate.HTTP.KeyFor(name)]) {
			return answer.failBecause("what the source holds as " + r.source.Rotate.HTTP.KeyFor(name) +
				" is of another credential")
		}
	}
	return nil
}

// askUntil asks whether the vendor accepts a credential, until the answer is wanted or the tries are used up: one
// machine of the vendor's may learn later what another has done.
func (r *Rotator) askUntil(
	ctx context.Context, wanted bool, v rotate.Values,
) (accepted bool, a answer, err error) {
	test := r.api.Test
	for try := 1; ; try++ {
		a, err = r.callVendor(ctx, test.Call, r.namesFor(v), test.Refused)
		accepted = test.Succeeds(a.status)
		if err != nil || accepted == wanted || try == tries || r.caller.Wait(ctx, retry.Backoff(try)) != nil {
			return accepted, a, err
		}
	}
}

// Retire revokes the owed credential with the current one, or with the administrator's, and then sees the vendor
// refuse it. Where the vendor still accepts it that is an error, and the next try asks again: a LIVE label comes off
// only for what is dead. Without a revoke in the description it only looks whether the credential has ended. A version
// that holds no credential has nothing to revoke. Where the vendor tells of a use that vetoes it, nothing is revoked.
func (r *Rotator) Retire(ctx context.Context, e rotate.End) (rotate.Values, error) {
	if !r.holdsCredential(e.Owed) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, longestMethod)
	defer cancel()
	if err := r.judgeUse(ctx, e); err != nil {
		return nil, err
	}
	if revoke := r.api.Revoke; revoke != nil {
		n := r.namesFor(e.Current)
		n.owed = e.Owed
		if _, err := r.callVendor(ctx, revoke.Call, n, revoke.Gone); err != nil {
			return nil, err
		}
	}
	accepted, answer, err := r.askUntil(ctx, false, e.Owed)
	switch {
	case err != nil:
		return nil, err
	case accepted && r.api.Revoke == nil:
		return nil, answer.failBecause("it still accepts the credential, and no call is described that revokes it: " +
			"it ends by itself, or a person ends it at the vendor")
	case accepted:
		return nil, answer.failBecause("it still accepts the credential that it was told to revoke")
	}
	return nil, nil
}

// credentialKeys returns the source's keys of which a credential consists: what Create sets and Test sends.
func (r *Rotator) credentialKeys() []string {
	var keys []string
	for _, name := range r.api.Test.Keys() {
		if _, made := r.api.Create.Set[name]; made {
			keys = append(keys, r.source.Rotate.HTTP.KeyFor(name))
		}
	}
	return keys
}

// holdsCredential reports whether v has every key of a credential.
func (r *Rotator) holdsCredential(v rotate.Values) bool {
	for _, key := range r.credentialKeys() {
		if secret.Reveal(v[key]) == "" {
			return false
		}
	}
	return true
}

// Identity returns a digest of the credential, which has no other name.
func (r *Rotator) Identity(v rotate.Values) string {
	sum := sha256.New()
	for _, key := range r.credentialKeys() {
		value := sha256.Sum256([]byte(secret.Reveal(v[key])))
		sum.Write(value[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Same reports whether both hold one credential: then they have one identity.
func (r *Rotator) Same(a, b rotate.Values) bool { return r.Identity(a) == r.Identity(b) }

func (r *Rotator) namesFor(own rotate.Values) templateNames {
	admin := &administrator{source: r.source.Rotate.Admin(), read: r.admin}
	return templateNames{source: r.source, env: r.environment, own: own, admin: admin}
}
