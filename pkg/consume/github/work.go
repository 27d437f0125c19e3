package github

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// GitHub's rules. Source: https://docs.github.com/en/actions/reference/secrets-reference
const maxSecrets = 100 // of a repository, and of an environment

var goodName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// work is what a Roll has to do, in this order.
type work struct {
	receipt  receipt  // the intent, which becomes the proof
	push     []string // sorted
	remove   []string // sorted
	complete bool     // everything is pushed and removed
}

func (w work) writes() bool { return len(w.push)+len(w.remove) > 0 }

// nothing says whether old is already the proof of all this.
func (w work) nothing(old *receipt) bool {
	return !w.writes() && old != nil && old.Done && old.Version == w.receipt.Version
}

// sinkValues are the bucket's values under GitHub's names, checked against GitHub's rules.
func sinkValues(b bucket.Bucket) (map[string]secret.Value, error) {
	if b.Version == "" || len(b.Values) == 0 {
		return nil, errors.New("the bucket has no content")
	}
	values, err := upper(b.Values)
	if err != nil {
		return nil, err
	}
	var bad []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		bad = append(bad, check(name, len(secret.Reveal(values[name]))))
	}
	return values, errors.Join(bad...)
}

func check(name string, size int) error {
	switch {
	case !goodName.MatchString(name), strings.HasPrefix(name, "GITHUB_"):
		return fmt.Errorf("secret %s: GitHub refuses this name", name)
	case size == 0:
		return fmt.Errorf("secret %s: it is empty, and rotary overwrites nothing with nothing", name)
	case size > maxSize:
		return fmt.Errorf("secret %s: it takes %d bytes and GitHub allows %d", name, size, maxSize)
	}
	return nil
}

// upper turns names into GitHub's, which do not tell upper from lower case.
func upper(values map[string]secret.Value) (map[string]secret.Value, error) {
	out := make(map[string]secret.Value, len(values))
	for _, given := range slices.Sorted(maps.Keys(values)) {
		name := strings.ToUpper(given)
		if _, taken := out[name]; taken {
			return nil, fmt.Errorf("secret %s: the bucket has it in upper and in lower case, and GitHub does not tell them apart", name)
		}
		out[name] = values[given]
	}
	return out, nil
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
	if all > maxSecrets {
		return fmt.Errorf("it would hold %d secrets and GitHub allows %d", all, maxSecrets)
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
// it whose drain is not over. Adopted secrets count as a version without a name.
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
