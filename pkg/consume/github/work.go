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

// limits are GitHub's rules for secrets, and for a variable's size.
func limits() manifest.Limit { return manifest.Limits("github") }

// work is what a Roll has to do, in this order.
type work struct {
	receipt  receipt  // the intent, which becomes the proof
	push     []string // sorted
	remove   []string // sorted
	complete bool     // everything is pushed and removed
}

func (w work) writes() bool { return len(w.push)+len(w.remove) > 0 }

// nothing says whether old is already the proof of all this, and of no other name.
func (w work) nothing(old *receipt) bool {
	return !w.writes() && old != nil && old.Done && old.Version == w.receipt.Version && len(old.Names) == len(w.receipt.Names)
}

// sinkValues are the bucket's values under GitHub's names, checked against GitHub's rules.
func sinkValues(b bucket.Bucket) (map[string]secret.Value, error) {
	if b.Version == "" || len(b.Values) == 0 {
		return nil, errors.New("the bucket has no content")
	}
	if problems := problems(b); len(problems) > 0 {
		return nil, errors.New("the bucket " + strings.Join(problems, "; it "))
	}
	return upper(b.Values), nil
}

func problems(b bucket.Bucket) []string {
	out, sizes := limits().RefusesAll(b.Names()), map[string]int{}
	for _, name := range b.Names() {
		if why := limits().Refuses(name); why != "" {
			out = append(out, "has "+name+", which "+why)
		}
		if sizes[name] = len(secret.Reveal(b.Values[name])); sizes[name] == 0 {
			out = append(out, "has "+name+", which is empty, and rotary overwrites nothing with nothing")
		}
	}
	return append(out, limits().RefusesSizes(sizes)...)
}

// upper turns names into GitHub's, which do not tell upper from lower case.
func upper(values map[string]secret.Value) map[string]secret.Value {
	if values == nil {
		return nil
	}
	out := make(map[string]secret.Value, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out[strings.ToUpper(name)] = values[name]
	}
	return out
}

// decide compares what the scope shows with what it should have.
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
func (s *Scope) decide(l look, version string, values, before map[string]secret.Value) (work, error) {
	if err := s.refuse(l, values); err != nil {
		return work{}, err
	}
	old := receipt{Version: version}
	if l.receipt != nil {
		old = *l.receipt
	}
	w := work{receipt: receipt{Environment: s.environment, Version: version, Names: map[string]time.Time{}, Previous: s.outgoing(l, old, version, values)}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if old.proves(name, l.secrets) && (old.Version == version || holds(before, name, values[name])) {
			w.receipt.Names[name] = old.Names[name]
			continue
		}
		w.receipt.Names[name] = time.Time{}
		w.push = append(w.push, name)
	}
	for _, name := range old.names() {
		_, wanted := values[name]
		if _, there := l.secrets[name]; there && !wanted {
			w.receipt.Names[name] = time.Time{}
			w.remove = append(w.remove, name)
		}
	}
	return w, nil
}

func holds(values map[string]secret.Value, name string, v secret.Value) bool {
	held, known := values[name]
	return known && held.Equal(v)
}

// refuse names what stands in the way of every write.
func (s *Scope) refuse(l look, values map[string]secret.Value) error {
	var foreign []string
	all := len(l.secrets)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, there := l.secrets[name]; !there {
			all++
		} else if !l.owned(name) && !slices.Contains(s.adopt, name) {
			foreign = append(foreign, name)
		}
	}
	if len(foreign) > 0 {
		return fmt.Errorf("it has secrets that rotary did not make: %s: delete them, or list them under adopt", strings.Join(foreign, ", "))
	}
	if allowed := limits().Count; all > allowed {
		return fmt.Errorf("it would hold %d secrets and GitHub allows %d", all, allowed)
	}
	return nil
}

func (l look) owned(name string) bool {
	if l.receipt == nil {
		return false
	}
	_, owned := l.receipt.Names[name]
	return owned
}

// outgoing are the versions that workflow runs may hold once version is written: the one before, and those before
// it whose drain is not over. What somebody else wrote, adopted or by hand, counts as a version without a name.
func (s *Scope) outgoing(l look, old receipt, version string, values map[string]secret.Value) map[string]time.Time {
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
		if _, there := l.secrets[name]; there && !l.owned(name) {
			out[unmanaged] = time.Time{}
		}
	}
	if len(old.drift(l.secrets)) > 0 {
		out[unmanaged] = time.Time{}
	}
	delete(out, version)
	return out
}

// finish turns the intent into the proof: what was removed is forgotten, and what was replaced is replaced now.
func (r *receipt) finish(removed []string, now time.Time) {
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
