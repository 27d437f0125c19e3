package github

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// secretLimits returns GitHub's rules for secrets, and for a variable's size.
func secretLimits() manifest.Limit { return manifest.Limits("github") }

// work is the writes of a Roll, in their order.
type work struct {
	receipt  receipt  // the intent, which becomes the proof
	push     []string // sorted
	remove   []string // sorted
	complete bool     // everything is pushed and removed
}

func (w work) hasWrites() bool { return len(w.push)+len(w.remove) > 0 }

// isProvenBy reports whether old is already the proof of all this, and of no other name.
func (w work) isProvenBy(old *receipt) bool {
	return !w.hasWrites() && old != nil && old.Done && old.Version == w.receipt.Version &&
		len(old.Names) == len(w.receipt.Names)
}

// checkedValues returns the bucket's values under GitHub's names, or an error where GitHub's rules forbid one.
func checkedValues(b bucket.Bucket) (map[string]secret.Value, error) {
	if b.Version == "" || len(b.Values) == 0 {
		return nil, errors.New("the bucket has no content")
	}
	if problems := findProblems(b); len(problems) > 0 {
		return nil, errors.New("the bucket " + strings.Join(problems, "; it "))
	}
	return upperNames(b.Values), nil
}

func findProblems(b bucket.Bucket) []string {
	out, sizes := secretLimits().RefusesAll(b.Names()), map[string]int{}
	for _, name := range b.Names() {
		if why := secretLimits().Refuses(name); why != "" {
			out = append(out, "has "+name+", which "+why)
		}
		if sizes[name] = len(secret.Reveal(b.Values[name])); sizes[name] == 0 {
			out = append(out, "has "+name+", which is empty, and rotary overwrites nothing with nothing")
		}
	}
	return append(out, secretLimits().RefusesSizes(sizes)...)
}

// upperNames returns values under GitHub's names, which are upper case: GitHub ignores the case of letters.
func upperNames(values map[string]secret.Value) map[string]secret.Value {
	if values == nil {
		return nil
	}
	out := make(map[string]secret.Value, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out[strings.ToUpper(name)] = values[name]
	}
	return out
}

// decideWork compares what the scope has with what it should have.
//
//	in the bucket | in the receipt                     | in the scope      | do
//	--------------|------------------------------------|-------------------|--------------------
//	yes           | proven, and the value is the same  | yes               | keep
//	yes           | anything else                      | any               | push
//	yes           | no                                 | no, or adopted    | push
//	yes           | no                                 | yes               | refuse everything
//	no            | yes                                | yes               | remove
//	no            | yes                                | no                | forget
//	no            | no                                 | any               | not rotary's
func (s *Scope) decideWork(l scopeState, version string, values, before map[string]secret.Value) (work, error) {
	if err := s.refuseConflicts(l, values); err != nil {
		return work{}, err
	}
	old := receipt{Version: version}
	if l.receipt != nil {
		old = *l.receipt
	}
	w := work{receipt: receipt{
		Environment: s.environment, Version: version, Names: map[string]time.Time{}, Readers: maps.Clone(old.Readers),
		Previous: s.findOutgoingVersions(l, old, version, values),
	}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if old.provesValue(name, l.secrets) && (old.Version == version || hasValue(before, name, values[name])) {
			w.receipt.Names[name] = old.Names[name]
			continue
		}
		w.receipt.Names[name] = time.Time{}
		w.push = append(w.push, name)
	}
	for _, name := range old.ownedNames() {
		_, wanted := values[name]
		if _, there := l.secrets[name]; there && !wanted {
			w.receipt.Names[name] = time.Time{}
			w.remove = append(w.remove, name)
		}
	}
	return w, nil
}

func hasValue(values map[string]secret.Value, name string, v secret.Value) bool {
	held, known := values[name]
	return known && held.Equal(v)
}

// refuseConflicts returns an error for what forbids every write: secrets that are not rotary's, or too many.
func (s *Scope) refuseConflicts(l scopeState, values map[string]secret.Value) error {
	var foreign []string
	all := map[*vault]int{}
	for name := range l.secrets {
		v, _ := s.vaultOf(name)
		all[v]++
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v, own := s.vaultOf(name)
		if _, there := l.secrets[name]; !there {
			all[v]++
		} else if !l.ownsName(name) && !s.adopts(own) {
			foreign = append(foreign, name)
		}
	}
	if len(foreign) > 0 {
		return fmt.Errorf("it has secrets that rotary did not make: %s: delete them, or list them under adopt",
			strings.Join(foreign, ", "))
	}
	for _, held := range all {
		if allowed := s.mostSecrets(); held > allowed {
			return fmt.Errorf("it would hold %d secrets and GitHub allows %d", held, allowed)
		}
	}
	return nil
}

func (l scopeState) ownsName(name string) bool {
	if l.receipt == nil {
		return false
	}
	_, owned := l.receipt.Names[name]
	return owned
}

// findOutgoingVersions returns the versions that workflow runs may hold once version is written: the one before, and
// those before it whose drain is not over. What somebody else wrote, adopted or by hand, counts as a version without a
// name.
func (s *Scope) findOutgoingVersions(
	l scopeState, old receipt, version string, values map[string]secret.Value,
) map[string]time.Time {
	out := map[string]time.Time{}
	for earlier, replaced := range old.Previous {
		if replaced.IsZero() || l.now.Before(replaced.Add(s.drain)) {
			out[earlier] = replaced
		}
	}
	if old.Version != version {
		out[old.Version] = time.Time{}
	}
	for name := range values {
		if _, there := l.secrets[name]; there && !l.ownsName(name) {
			out[unmanaged] = time.Time{}
		}
	}
	if len(old.driftedNames(l.secrets)) > 0 {
		out[unmanaged] = time.Time{}
	}
	delete(out, version)
	return out
}

// markDone turns the intent into the proof: it drops the removed names, and dates what was replaced.
func (r *receipt) markDone(removed []string, now time.Time) {
	for _, name := range removed {
		delete(r.Names, name)
	}
	for version, replaced := range r.Previous {
		if replaced.IsZero() {
			r.Previous[version] = now
		}
	}
	r.Done = true
}
