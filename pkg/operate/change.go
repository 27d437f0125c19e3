package operate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Change is a new version of a source that a person puts.
type Change struct {
	source  manifest.Source
	history history.History
	current history.Version         // "" where the source has no value yet
	base    secret.Value            // what the secret holds, as it is; empty where it has no value yet
	before  map[string]secret.Value // of that, what the source declares
	after   map[string]secret.Value
}

// NewChange reads a source and lays the given values over what it holds, as its rotator allows it. The error is an
// *Invalid where the values may never be put. It changes nothing.
func (o Operator) NewChange(
	ctx context.Context, source manifest.Source, given map[string]secret.Value,
) (Change, error) {
	c, err := o.readSource(ctx, source)
	if err != nil {
		return c, err
	}
	return o.layOver(c, given)
}

// NewAddition is NewChange for values that come from elsewhere and may be older: it leaves those out whose key holds
// another value already, and returns these keys, sorted. What was put or rotated since stays.
func (o Operator) NewAddition(
	ctx context.Context, source manifest.Source, given map[string]secret.Value,
) (c Change, kept []string, err error) {
	if c, err = o.readSource(ctx, source); err != nil {
		return c, nil, err
	}
	added := maps.Clone(given)
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if have, holds := c.before[key]; holds && !have.Equal(given[key]) {
			kept = append(kept, key)
			delete(added, key)
		}
	}
	c, err = o.layOver(c, added)
	return c, kept, err
}

// readSource returns a change of a source that changes nothing yet.
func (o Operator) readSource(ctx context.Context, source manifest.Source) (Change, error) {
	c := Change{source: source, before: map[string]secret.Value{}}
	var err error
	if c.history, err = o.Secrets.LookAll(ctx, source.Secret); err != nil {
		return c, err
	}
	c.current, _ = c.history.Current()
	if c.current.ID == "" {
		return c, nil
	}
	if c.base, _, err = o.Secrets.Value(ctx, source.Secret, c.current.ID); err != nil {
		return c, err
	}
	c.before, _, err = bucket.ReadSource(source, c.base)
	return c, err
}

// layOver lays the given values over what a source holds.
func (o Operator) layOver(c Change, given map[string]secret.Value) (Change, error) {
	if err := o.checkGiven(c.source, given); err != nil {
		return c, err
	}
	var err error
	c.after, err = c.mergeValues(given)
	return c, err
}

// checkGiven refuses values that fail the manifest's check, or that no target of their kind could accept. Those that are not given are not looked at: one at a time is
// how a person mends them.
func (o Operator) checkGiven(source manifest.Source, given map[string]secret.Value) error {
	failed := credential.CheckShapes(o.Environment, source, given)
	for _, problem := range bucket.CheckValues(source, given) {
		failed = append(failed, problem.What)
	}
	if len(failed) > 0 {
		return newInvalid("%s", strings.Join(failed, "\n"))
	}
	return nil
}

// mergeValues lays the given values over the present ones as the source's rotator allows it.
func (c Change) mergeValues(given map[string]secret.Value) (map[string]secret.Value, error) {
	after := maps.Clone(c.before)
	maps.Copy(after, given)
	switch {
	case c.source.Rotate.Kind() == manifest.Never && len(c.before) > 0 &&
		!maps.EqualFunc(c.before, after, secret.Value.Equal):
		return nil, newInvalid("source %s is declared rotate: never, because replacing its value would destroy data",
			c.source.Name)
	case c.source.Rotate.Kind() == manifest.Managed:
		return nil, newInvalid("source %s is rotated by AWS itself: nothing may be put", c.source.Name)
	}
	if c.source.Symmetric() != "" {
		var err error
		if after, err = c.mergeSymmetric(after, given); err != nil {
			return nil, err
		}
	}
	return after, c.addPublicHalves(after, given)
}

// addPublicHalves puts the public half of every private key beside it. A person gives private keys alone.
func (c Change) addPublicHalves(after, given map[string]secret.Value) error {
	r := c.source.Random()
	if r.Pair == "" {
		return nil
	}
	if err := c.addPublicHalf(after, r.Key, r.Public); err != nil {
		return err
	}
	switch {
	case r.Also == "":
	case after[r.Next].Equal(after[r.Key]):
		after[r.Also] = after[r.Public] // in the same spelling
	default:
		if err := c.addPublicHalf(after, r.Next, r.Also); err != nil {
			return err
		}
	}
	for _, public := range c.source.Known() {
		if value, is := given[public]; is && !value.Equal(after[public]) {
			return newInvalid("%s is not given: it is the public half of a private key, and rotary puts it there",
				public)
		}
	}
	return nil
}

// addPublicHalf puts one public half beside its private key. What a private key of before has beside it that rotary
// cannot read, only a person knows.
func (c Change) addPublicHalf(after map[string]secret.Value, private, public string) error {
	made, err := random.Public(after[private], c.before[public])
	if err == nil {
		after[public] = made
		return nil
	}
	if !after[private].Equal(c.before[private]) {
		return newInvalid("put %s into %s: %w", c.source.Random().Key, c.source.Name, err)
	}
	return nil
}

// mergeSymmetric lets a new K in through ALSO: every reader accepts it before anybody sends it. A key pair's private
// half enters through NEXT likewise.
//
//	before                  | given                      | after
//	------------------------|----------------------------|-----------------------
//	nothing                 | K                          | {K: new, ALSO: new}
//	{K: a, ALSO: a}         | K                          | {K: a, ALSO: new}
//	{K: a, ALSO: b}         | K = a = ALSO, nothing owed | {K: a, ALSO: a}
//	{K: a, ALSO: b}         | another K                  | refused: a change is not finished
//	any                     | another ALSO               | refused: rotary moves it
func (c Change) mergeSymmetric(after, given map[string]secret.Value) (map[string]secret.Value, error) {
	key, also := c.source.Random().Key, cmp.Or(c.source.Random().Next, c.source.Symmetric())
	k, alsoGiven := after[key], given[also]
	_, direct := given[also]
	switch {
	case secret.Reveal(k) == "":
		return nil, newInvalid("source %s has no %s yet: put that key; %s follows it", c.source.Name, key, also)
	case len(c.before) == 0 && direct && !alsoGiven.Equal(k):
		return nil, newInvalid("%s and %s start with the same value: leave %s out", key, also, also)
	case len(c.before) == 0:
		after[also] = k
		return after, nil
	case direct && alsoGiven.Equal(c.before[key]) && k.Equal(c.before[key]) && len(c.history.Owed()) == 0:
		return after, nil // everybody accepts what everybody sends
	case direct && !alsoGiven.Equal(c.before[also]):
		return nil, newInvalid("%s is moved by rotary: put the new value into %s, and it enters through %s",
			also, key, also)
	case k.Equal(c.before[key]):
		return after, nil
	case !c.before[key].Equal(c.before[also]):
		return nil, fmt.Errorf("put into %s: an earlier change of it is not finished, so %s cannot take another "+
			"value: rotary status says what it waits for; where it owes nothing, put the value of %s into %s",
			c.source.Name, key, key, also)
	}
	after[key], after[also] = c.before[key], k
	return after, nil
}

// IsEmpty reports whether the source holds this already.
func (c Change) IsEmpty() bool {
	return c.current.ID != "" && maps.EqualFunc(c.before, c.after, secret.Value.Equal)
}

// Names returns the keys that differ, sorted.
func (c Change) Names() []string {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(c.after)) {
		if old, had := c.before[key]; !had || !old.Equal(c.after[key]) {
			names = append(names, key)
		}
	}
	return names
}

// Put puts a change over the rest of what the secret holds, under its LIVE label, so that it is never forgotten; asks
// whether its target accepts it; and then makes it current by a compare-and-swap against the version that was read. A
// secret's first version is current by being put. The error is a *NotAccepted where the target refuses it, or where
// nobody knows.
func (o Operator) Put(ctx context.Context, c Change) (version string, err error) {
	version, live, err := o.putVersion(ctx, c)
	tested := o.Tester != nil && o.Environment.IsTaken(c.source)
	switch {
	case err != nil:
		return "", err
	case c.current.ID == "" && tested:
		return version, o.testFirst(ctx, c, version)
	case tested:
		if err := o.testChange(ctx, c, version, live); err != nil {
			return "", err
		}
	}
	return version, o.makeCurrent(ctx, c, version)
}

// PutUntested is Put of a value that a person says is right: its target is not asked.
func (o Operator) PutUntested(ctx context.Context, c Change) (version string, err error) {
	var labels []string
	if o.Environment.IsTaken(c.source) {
		if !c.history.HasRoom(newLabels) {
			return "", &Refused{"putting a value of " + c.source.Name + " untested",
				"its secret has no room for another label: see what is owed"}
		}
		labels = []string{history.Taken}
	}
	version, _, err = o.putVersion(ctx, c, labels...)
	if err != nil {
		return "", err
	}
	return version, o.makeCurrent(ctx, c, version)
}

// putVersion puts the version under LIVE and labels of these further kinds. It returns its id and its LIVE label.
func (o Operator) putVersion(ctx context.Context, c Change, kinds ...string) (version, live string, err error) {
	text, err := bucket.WriteSource(c.source, c.base, c.after)
	if err != nil {
		return "", "", err
	}
	version = o.NewID()
	live = c.history.LabelFor(history.Live, version)
	labels := []string{live}
	for _, kind := range kinds {
		labels = append(labels, c.history.LabelFor(kind, version))
	}
	return version, live, o.Secrets.Put(ctx, c.source.Secret, version, text, labels...)
}

// makeCurrent swaps AWSCURRENT against the version that was read; a first version has it already.
func (o Operator) makeCurrent(ctx context.Context, c Change, version string) error {
	if c.current.ID == "" {
		return nil
	}
	if err := o.Secrets.Move(ctx, c.source.Secret, history.AWSCurrent, version, c.current.ID); err != nil {
		return fmt.Errorf("make the new version of %s current: %w; it was put by somebody else at the same time: "+
			"look, and put again", c.source.Name, err)
	}
	return nil
}
