package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Reason is why something is not done now. Tests, status, alarms and runbooks share these names.
type Reason string

// The reasons of a Wait.
const (
	// What is not written or rolled.
	Brake         Reason = "brake"          // a bucket would lose a name that is still mapped
	LabelsFull    Reason = "labels-full"    // the secret has no room for another label
	WriteRate     Reason = "write-rate"     // the bucket was written too often within a day
	NoContent     Reason = "no-content"     // the bucket has no value yet
	Unreadable    Reason = "unreadable"     // a sink did not answer
	Foreign       Reason = "foreign"        // somebody else's rollout is in progress
	Rolling       Reason = "rolling"        // a rollout is under way
	Draining      Reason = "draining"       // readers of the version before may still be there
	RolloutFailed Reason = "rollout-failed" // this very rollout failed before

	// What is not retired: the gates, in order.
	NotRetiring Reason = "mode"     // the environment's mode forbids it
	Retained    Reason = "retained" // a person, or a rollback in progress, holds it
	Unseen      Reason = "unseen"   // this pass still marks, writes or rolls something of this source
	Unknown     Reason = "unknown"  // a consumer could not be seen completely
	Unfinished  Reason = "rolling"  // a consumer is not settled
	InUse       Reason = "in-use"   // a consumer runs, or could go back to, a version that carries it
	Deployable  Reason = "held"     // somebody could still start on a version that carries it
	Settling    Reason = "quiet"    // something changed too recently
	ByHand      Reason = "by-hand"  // everything is ready: a person revokes it at the vendor
)

// A gate says why version v of a source may not be retired yet; the zero Wait means that it may.
type gate func(s State, p Plan, source Source, v history.Version) (Wait, bool)

// gates are asked in this order; the first that objects is what people are shown first.
var gates = []gate{mode, retained, planned, complete, settled, unused, undeployable, quiet, byHand}

// vetoes are the gates that an emergency's deadline does not open.
var vetoes = []gate{mode, retained, byHand}

// Gates returns every objection against retiring v, in the gates' order. None means that v may be retired now. Where an
// emergency's deadline for v has passed, only the vetoes are asked: RETAIN wins over a deadline.
// p is the plan of the same pass as far as it is made: marks, writes, rolls and drops.
func Gates(s State, p Plan, source Source, v history.Version) []Wait {
	asked := gates
	if s.overdue(source, v) {
		asked = vetoes
	}
	var waits []Wait
	for _, ask := range asked {
		if wait, objects := ask(s, p, source, v); objects {
			wait.Subject, wait.Version = source.Name, v.ID
			waits = append(waits, wait)
		}
	}
	return waits
}

// overdue says whether an emergency's deadline for v has passed.
func (s State) overdue(source Source, v history.Version) bool {
	at, some := source.Dies(v)
	return some && !at.After(s.Now)
}

func mode(s State, _ Plan, _ Source, _ history.Version) (Wait, bool) {
	return Wait{Reason: NotRetiring, Detail: fmt.Sprintf("mode %s never retires", s.Mode)}, s.Mode != manifest.Retire
}

func retained(_ State, _ Plan, _ Source, v history.Version) (Wait, bool) {
	for _, label := range []string{history.Retain, history.Rollback} {
		if v.Has(label) {
			return Wait{Reason: Retained, Detail: "it carries " + label}, true
		}
	}
	return Wait{}, false
}

// planned objects while the pass still has work that touches the source.
func planned(s State, p Plan, source Source, _ history.Version) (Wait, bool) {
	for _, m := range p.Marks {
		if m.Secret == source.Secret {
			return Wait{Reason: Unseen, Detail: "its versions are being marked"}, true
		}
	}
	for _, b := range s.fedBy(source) {
		for _, w := range p.Writes {
			if w.Bucket.Name == b.Want.Name {
				return Wait{Reason: Unseen, Detail: "bucket " + b.Want.Name + " is being written"}, true
			}
		}
		for _, r := range p.Rolls {
			if r.Bucket.Name == b.Want.Name {
				return Wait{Reason: Unseen, Detail: "consumer " + r.Consumer + " is being rolled"}, true
			}
		}
		if wait, refused := b.refused(s); refused {
			return Wait{Reason: Unseen, Detail: "bucket " + b.Want.Name + " is not written: " + string(wait.Reason)}, true
		}
	}
	return Wait{}, false
}

// complete objects while any consumer of the environment is not seen completely: what it runs could be anything.
func complete(s State, _ Plan, _ Source, _ history.Version) (Wait, bool) {
	for _, b := range s.Buckets {
		for _, c := range b.Consumers {
			if c.Unknown != "" || c.Unread {
				return Wait{Reason: Unknown, Detail: "consumer " + c.Name + ": " + c.Unknown}, true
			}
		}
	}
	for _, c := range s.Strangers {
		return Wait{Reason: Unknown, Detail: c.Consumer + ": " + c.Unknown}, true
	}
	return Wait{}, false
}

// settled objects while a consumer of a bucket that the source feeds has something unfinished.
func settled(s State, _ Plan, source Source, _ history.Version) (Wait, bool) {
	for _, c := range s.consumers(source) {
		if !c.Settled || c.Foreign != "" {
			return Wait{Reason: c.unfinished(), Detail: "consumer " + c.Name + ": " + first(c.Waiting, c.Foreign, "not settled"), Until: c.WaitTill}, true
		}
	}
	return Wait{}, false
}

// unfinished is the reason for a consumer that is not settled.
func (c Consumer) unfinished() Reason {
	if c.Drain > 0 {
		return Draining
	}
	return Unfinished
}

// unused objects while a consumer runs, or could go back to, a bucket version that carries v.
func unused(s State, _ Plan, source Source, v history.Version) (Wait, bool) {
	for _, b := range s.Buckets {
		for _, c := range b.Consumers {
			for _, id := range c.InPlay {
				if b.carriesID(source, v, id) {
					return Wait{Reason: InUse, Detail: "consumer " + c.Name + " may still use it"}, true
				}
			}
		}
	}
	return Wait{}, false
}

// undeployable objects while a bucket version that carries v is current or HELD.
func undeployable(s State, _ Plan, source Source, v history.Version) (Wait, bool) {
	for _, b := range s.Buckets {
		for _, bv := range b.Versions {
			_, held := bv.Label(history.Held)
			if (held || bv.Has(history.AWSCurrent)) && b.carries(source, v, bv) {
				until, _ := s.quiet()
				return Wait{Reason: Deployable, Detail: "bucket " + b.Want.Name + " still keeps a version that carries it", Until: until}, true
			}
		}
	}
	return Wait{}, false
}

func quiet(s State, _ Plan, _ Source, _ history.Version) (Wait, bool) {
	until, quiet := s.quiet()
	return Wait{Reason: Settling, Detail: "something changed less than " + Quiet.String() + " ago", Until: until}, !quiet
}

// byHand objects for ever where no rotator can revoke: a person does, and says so. It names what may be revoked: a
// value that the current version has too is still in use.
func byHand(s State, _ Plan, source Source, v history.Version) (Wait, bool) {
	manual := slices.Contains([]string{manifest.Manual, manifest.Never, manifest.Managed}, source.With)
	what := "safe to revoke at the vendor now: the old " + source.name(source.replaced(v))
	switch {
	case source.Contents[v.ID].Malformed:
		what = "what it holds is not a JSON object of texts, and no bucket was made from it; see what it was"
	case len(source.replaced(v)) == 0:
		what = "nothing to revoke: the current version holds the same values"
	}
	return Wait{Reason: ByHand, Detail: what + "; then: rotary retire " + s.Environment + " " + source.Name + " --revoked"}, manual || source.Contents[v.ID].Malformed
}

// name lists keys for people. One that the source does not declare is only counted: it may be a value in the wrong
// place.
func (s Source) name(keys []string) string {
	declared := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !slices.Contains(s.Keys, key) })
	if n := len(keys) - len(declared); n > 0 {
		declared = append(declared, fmt.Sprintf("%d that it does not declare", n))
	}
	return strings.Join(declared, ", ")
}

// quiet says whether nothing has changed for the quiet period, and if not, until when to wait.
func (s State) quiet() (until time.Time, quiet bool) {
	last := time.Time{}
	for _, t := range s.changes() {
		if t.After(last) {
			last = t
		}
	}
	until = last.Add(Quiet)
	return until, !until.After(s.Now)
}

func (s State) changes() []time.Time {
	var ts []time.Time
	for _, source := range s.Sources {
		ts = append(ts, source.Changed)
	}
	for _, b := range s.Buckets {
		ts = append(ts, b.Changed)
		for _, c := range b.Consumers {
			ts = append(ts, c.Seen.Changed)
		}
	}
	return ts
}

// fedBy returns the buckets that hold, or may still hold, values of source.
func (s State) fedBy(source Source) []Bucket {
	var fed []Bucket
	for _, b := range s.Buckets {
		if b.fedBy(source.Name) || b.carriesAny(source) {
			fed = append(fed, b)
		}
	}
	return fed
}

func (b Bucket) fedBy(source string) bool {
	return slices.ContainsFunc(b.Entries, func(e manifest.Entry) bool { return e.Source == source })
}

func (b Bucket) carriesAny(source Source) bool {
	return slices.ContainsFunc(b.Versions, func(bv history.Version) bool {
		return slices.ContainsFunc(source.Owed(), func(v history.Version) bool { return b.carries(source, v, bv) })
	})
}

func (s State) consumers(source Source) []Consumer {
	var cs []Consumer
	for _, b := range s.fedBy(source) {
		cs = append(cs, b.Consumers...)
	}
	return cs
}

// carriesID is carries for a version known by its id alone. One that is not in the history, or whose content is
// not known, may hold anything.
func (b Bucket) carriesID(source Source, v history.Version, id string) bool {
	bv, known := b.Version(id)
	return !known || b.carries(source, v, bv)
}

// carries says whether bucket version bv holds a value that only owed version v of the source explains: v's value
// for a key in which v differs from the source's current version. In a version written under other rules such a
// value counts under any name. The decision is by value, so labels and ids cannot fool it.
func (b Bucket) carries(source Source, v, bv history.Version) bool {
	made, owed := b.Contents[bv.ID], source.Contents[v.ID]
	sameRules := bucket.Rules(bv.ID) == bucket.Rules(b.Want.Version) || made.Values != nil && equal(made.Values, b.Want.Values)
	_, ok := source.Current()
	switch {
	case bv.Empty || made.Absent:
		return false
	case owed.Malformed || owed.Absent || v.Empty:
		return !sameRules // nothing is computed from such a version now; what others did, nobody knows
	case made.Values == nil || owed.Values == nil || !ok:
		return true // unknown content may hold anything
	}
	return slices.ContainsFunc(source.replaced(v), func(key string) bool {
		return b.holds(made, source.Name, key, owed.Values[key], sameRules)
	})
}

// replaced returns the keys of v whose values the current version does not have any more, sorted.
func (s Source) replaced(v history.Version) []string {
	current, _ := s.Current()
	values := s.Contents[v.ID].Values
	return slices.DeleteFunc(slices.Sorted(maps.Keys(values)), func(key string) bool {
		now, kept := s.Contents[current.ID].Values[key]
		return kept && now.Equal(values[key])
	})
}

// holds says whether made holds v's value of key: under the names that the present rules give the key, or, where
// they do not speak for bv, under any name.
func (b Bucket) holds(made Content, source, key string, value secret.Value, sameRules bool) bool {
	for name, held := range made.Values {
		if held.Equal(value) && (!sameRules || b.gives(name, source, key)) {
			return true
		}
	}
	return false
}

// gives says whether the present rules take a name's value from this key.
func (b Bucket) gives(name, source, key string) bool {
	return slices.ContainsFunc(b.Entries, func(e manifest.Entry) bool {
		return e.Name == name && e.Source == source && e.Key == key
	})
}

func first(texts ...string) string {
	i := slices.IndexFunc(texts, func(t string) bool { return strings.TrimSpace(t) != "" })
	return texts[max(i, 0)]
}
