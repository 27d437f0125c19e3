package envfile

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Outcome is the decision about one variable of a merge.
type Outcome string

// The outcomes. Only the first three change the file.
const (
	Added    Outcome = "added"
	Changed  Outcome = "changed"  // yours is what rotary wrote last; the bucket has another value
	Removed  Outcome = "removed"  // yours is what rotary wrote last; the bucket has it no more
	Same     Outcome = "same"     // yours is what the bucket has
	Kept     Outcome = "kept"     // yours is neither what rotary wrote last nor what the bucket has
	LeftOut  Outcome = "left out" // you removed it; the bucket has it
	Unmapped Outcome = "unmapped" // you changed it, and the bucket has it no more: it is yours from now on
	Yours    Outcome = "yours"    // rotary never wrote it, and the bucket does not have it
	Skipped  Outcome = "skipped"
)

// Change is the outcome of one variable, by its name.
type Change struct {
	Name    string
	Outcome Outcome
	Moved   bool // the bucket has another value than the last time
}

// sides are the three texts of one variable: base, what rotary wrote last; mine, what the file has; theirs, what the
// bucket has.
type sides struct {
	base, mine, theirs       bool // there is one
	mineIsBase, mineIsTheirs bool
}

// decideOutcome is the merge of one variable.
//
//	base  mine  theirs            base  mine   theirs
//	b     b     b     Same        b     –      b or t  LeftOut
//	b     b     t     Changed     –     –      t       Added
//	b     b     –     Removed     –     m      t       Kept
//	b     m     b, t  Kept        –     m      –       Yours
//	b     m     –     Unmapped    any   t      t       Same
//
// Where nothing is left of it on either side there is nothing to decide: "".
func (s sides) decideOutcome() Outcome {
	switch {
	case !s.mine && !s.theirs:
		return ""
	case s.mine && s.theirs && s.mineIsTheirs:
		return Same
	case !s.mine && s.base:
		return LeftOut
	case !s.mine:
		return Added
	case !s.theirs && !s.base:
		return Yours
	case !s.theirs && s.mineIsBase:
		return Removed
	case !s.theirs:
		return Unmapped
	case s.base && s.mineIsBase:
		return Changed
	}
	return Kept
}

// takeTheirs returns the outcome in place of o where the bucket wins (--theirs).
func (o Outcome) takeTheirs() Outcome {
	switch o {
	case Kept:
		return Changed
	case LeftOut:
		return Added
	case Unmapped:
		return Removed
	default:
		return o
	}
}

// Merge describes a merge of a bucket's values into a file.
type Merge struct {
	Base   Base // of this file
	Theirs map[string]secret.Value
	Force  bool     // the bucket wins
	Skip   []string // variables that stay as they are
	Header string   // the comment with which a new file begins
}

// Apply merges the values into f, and returns what becomes of each variable, sorted by name, and the base of the next
// merge. f is then to be written, unless nothing in it changed. The error is a *ParseError or a *NoFormError.
func (m Merge) Apply(f *File) ([]Change, Base, error) {
	next := m.Base.withoutDigests()
	if len(f.segments) == 0 && m.Header != "" {
		f.addComment(m.Header)
	}
	var changes []Change
	for _, name := range m.listNames(f) {
		change := m.decideChange(f, name)
		if err := f.checkUnique(name); err != nil && change.Outcome != Yours {
			return nil, next, err
		}
		if err := m.carryOut(f, change); err != nil {
			return nil, next, err
		}
		m.noteDigest(next, change)
		if change.Outcome != "" {
			changes = append(changes, change)
		}
	}
	return changes, next, m.checkReread(f, changes)
}

// listNames returns every name that base, file or bucket has, sorted.
func (m Merge) listNames(f *File) []string {
	names := slices.Concat(f.Names(), slices.Collect(maps.Keys(m.Base.Digests)), slices.Collect(maps.Keys(m.Theirs)))
	slices.Sort(names)
	return slices.Compact(names)
}

func (m Merge) decideChange(f *File, name string) Change {
	if slices.Contains(m.Skip, name) {
		return Change{Name: name, Outcome: Skipped}
	}
	s := sides{}
	wrote, hasBase := m.Base.Digests[name]
	theirs, hasTheirs := m.Theirs[name]
	s.base, s.theirs = hasBase, hasTheirs
	if i := f.findSegment(name); i >= 0 {
		mine := f.segments[i]
		s.mine = true
		s.mineIsBase = hasBase && !mine.dynamic && m.Base.digestValue(name, mine.value) == wrote
		s.mineIsTheirs = hasTheirs && !mine.dynamic && mine.value.Equal(theirs)
	}
	outcome := s.decideOutcome()
	if m.Force {
		outcome = outcome.takeTheirs()
	}
	return Change{name, outcome, hasBase && hasTheirs && m.Base.digestValue(name, theirs) != wrote}
}

func (m Merge) carryOut(f *File, c Change) error {
	switch c.Outcome {
	case Added, Changed:
		return f.setValue(c.Name, m.Theirs[c.Name])
	case Removed:
		f.removeSegment(c.Name)
	default:
	}
	return nil
}

// noteDigest puts into the next base what the bucket has now, or, of a variable that was skipped, what the base had.
func (m Merge) noteDigest(next Base, c Change) {
	if wrote, is := m.Base.Digests[c.Name]; is && c.Outcome == Skipped {
		next.Digests[c.Name] = wrote
	}
	if theirs, has := m.Theirs[c.Name]; has && c.Outcome != Skipped {
		next.Digests[c.Name] = next.digestValue(c.Name, theirs)
	}
}

// checkReread reads the merged file once more: whatever stands around a variable, its reader has to read what was written.
func (m Merge) checkReread(f *File, changes []Change) error {
	again, err := Parse(f.reader, f.Text())
	if err != nil {
		return fmt.Errorf("the merged file would not be readable: %w", err)
	}
	for _, c := range changes {
		if c.Outcome != Added && c.Outcome != Changed && c.Outcome != Same {
			continue
		}
		i := again.findSegment(c.Name)
		if i < 0 || again.segments[i].dynamic || !again.segments[i].value.Equal(m.Theirs[c.Name]) {
			return fmt.Errorf("%s would not be read as it is, because of what stands around it", c.Name)
		}
	}
	return nil
}

// digestValue returns a keyed hash of a value: who reads a base learns nothing of values that left the file.
func (b Base) digestValue(name string, value secret.Value) string {
	hash := hmac.New(sha256.New, b.Key)
	hash.Write([]byte(name + "\x00" + secret.Reveal(value)))
	return hex.EncodeToString(hash.Sum(nil))
}
