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
	NotRolled     Reason = "not-rolled"     // its pipeline has to deploy, or the manifest has to say more
	Draining      Reason = "draining"       // readers of the version before may still be there
	RolloutFailed Reason = "rollout-failed" // this very rollout failed before
	Confirming    Reason = "confirming"     // what an emergency has made is tested each minute for a while

	// What is not retired: the gates, in order. Rolling, Draining and NotRolled are among them.
	Mode           Reason = "mode"            // the environment's mode forbids it
	Retained       Reason = "retained"        // a person, or a rollback in progress, holds it
	PendingWork    Reason = "pending-work"    // this pass still marks, writes or rolls something of this source
	NotAccepted    Reason = "not-accepted"    // the target has not accepted the current version
	Shared         Reason = "shared"          // somebody else's current credential is the same one
	UnseenConsumer Reason = "unseen-consumer" // a consumer could not be seen completely
	InUse          Reason = "in-use"          // a consumer runs, or could go back to, a version that carries it
	Deployable     Reason = "deployable"      // somebody could still start on a version that carries it
	Settling       Reason = "settling"        // something changed too recently
	ByHand         Reason = "by-hand"         // everything is ready: a person revokes it at the vendor
)

// A gate says why version v of a source may not be retired yet; the zero Wait means that it may.
type gate func(s State, p Plan, source Source, v history.Version) (Wait, bool)

// gates are asked in this order; the first that objects is what people are shown first.
var gates = []gate{
	checkMode,
	checkRetained,
	checkPendingWork,
	checkNotAccepted,
	checkShared,
	checkUnseenConsumer,
	checkRolling,
	checkNotRolled,
	checkInUse,
	checkDeployable,
	checkSettling,
	checkByHand,
}

// vetoes are the gates that an emergency's deadline does not open.
var vetoes = []gate{checkMode, checkRetained, checkShared, checkByHand}

// Gates returns every objection against retiring v, in the gates' order. None means that v may be retired now. Where an
// emergency's deadline for v has passed, only the vetoes are asked: RETAIN wins over a deadline.
// p is the plan of the same pass as far as it is made: marks, writes, rolls and drops.
func Gates(s State, p Plan, source Source, v history.Version) []Wait {
	asked := gates
	if s.isOverdue(source, v) {
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

// isOverdue reports whether an emergency's deadline for v has passed.
func (s State) isOverdue(source Source, v history.Version) bool {
	at, some := source.Dies(v)
	return some && !at.After(s.Now)
}

func checkMode(s State, _ Plan, _ Source, _ history.Version) (Wait, bool) {
	return Wait{Reason: Mode, Detail: fmt.Sprintf("mode %s never retires", s.Mode)}, s.Mode != manifest.Retire
}

func checkRetained(_ State, _ Plan, _ Source, v history.Version) (Wait, bool) {
	for _, label := range []string{history.Retain, history.Rollback} {
		if v.Has(label) {
			return Wait{Reason: Retained, Detail: "it carries " + label}, true
		}
	}
	return Wait{}, false
}

// checkPendingWork objects while the pass still has work that touches the source.
func checkPendingWork(s State, p Plan, source Source, _ history.Version) (Wait, bool) {
	for _, m := range p.Marks {
		if m.Secret == source.Secret {
			return Wait{Reason: PendingWork, Detail: "its versions are being marked"}, true
		}
	}
	for _, b := range s.bucketsFedBy(source) {
		for _, w := range p.Writes {
			if w.Bucket.Name == b.Want.Name {
				return Wait{Reason: PendingWork, Detail: "bucket " + b.Want.Name + " is being written"}, true
			}
		}
		for _, r := range p.Rolls {
			if r.Bucket.Name == b.Want.Name {
				return Wait{Reason: PendingWork, Detail: "consumer " + r.Consumer + " is being rolled"}, true
			}
		}
		if wait, refused := b.refuseWrite(s); refused {
			detail := "bucket " + b.Want.Name + " is not written: " + string(wait.Reason)
			return Wait{Reason: PendingWork, Detail: detail}, true
		}
	}
	return Wait{}, false
}

// checkUnseenConsumer objects while any consumer of the environment is not seen completely: what it runs could be
// anything.
func checkUnseenConsumer(s State, _ Plan, _ Source, _ history.Version) (Wait, bool) {
	for _, c := range s.allConsumers() {
		if c.Unknown != "" || c.Unread {
			return Wait{Reason: UnseenConsumer, Detail: "consumer " + c.Name + ": " + c.Unknown}, true
		}
	}
	for _, c := range s.Strangers {
		return Wait{Reason: UnseenConsumer, Detail: c.Consumer + ": " + c.Unknown}, true
	}
	return Wait{}, false
}

// checkRolling objects while a consumer of the source, or of a bucket that it feeds, has something unfinished.
func checkRolling(s State, _ Plan, source Source, _ history.Version) (Wait, bool) {
	for _, c := range s.consumersOf(source) {
		if !c.Settled || c.Foreign != "" {
			detail := "consumer " + c.Name + ": " + firstNonEmpty(c.Waiting, c.Foreign, "not settled")
			return Wait{Reason: c.reasonUnsettled(), Detail: detail, Until: c.WaitTill}, true
		}
	}
	return Wait{}, false
}

// checkNotRolled objects while a consumer of a bucket that the source feeds is not rolled by rotary and has no version of
// the bucket: it may have the credential from elsewhere. One that has a version is for checkInUse.
func checkNotRolled(s State, _ Plan, source Source, _ history.Version) (Wait, bool) {
	for _, c := range s.consumersOf(source) {
		if c.NotRolled != "" && len(c.InPlay) == 0 && !c.Leaving {
			return Wait{Reason: NotRolled, Detail: "consumer " + c.Name + ": " + c.NotRolled}, true
		}
	}
	return Wait{}, false
}

// reasonUnsettled is the reason for a consumer that is not settled.
func (c Consumer) reasonUnsettled() Reason {
	if c.Drain > 0 {
		return Draining
	}
	return Rolling
}

// checkInUse objects while a consumer runs, or could go back to, a bucket version that carries v, or has read v itself.
func checkInUse(s State, _ Plan, source Source, v history.Version) (Wait, bool) {
	for _, c := range source.Consumers {
		if c.hasInPlay(v.ID) {
			return Wait{Reason: InUse, Detail: "consumer " + c.Name + " may still use it"}, true
		}
	}
	for _, b := range s.Buckets {
		for _, c := range b.Consumers {
			for _, id := range c.InPlay {
				if b.mayCarryOwed(source, v, id) {
					return Wait{Reason: InUse, Detail: "consumer " + c.Name + " may still use it"}, true
				}
			}
		}
	}
	return Wait{}, false
}

// checkDeployable objects while a bucket version that carries v is current or HELD.
func checkDeployable(s State, _ Plan, source Source, v history.Version) (Wait, bool) {
	for _, b := range s.Buckets {
		for _, bv := range b.Versions {
			_, held := bv.Label(history.Held)
			if (held || bv.Has(history.AWSCurrent)) && b.carriesOwed(source, v, bv) {
				until, _ := s.quietSince()
				detail := "bucket " + b.Want.Name + " still keeps a version that carries it"
				return Wait{Reason: Deployable, Detail: detail, Until: until}, true
			}
		}
	}
	return Wait{}, false
}

func checkSettling(s State, _ Plan, _ Source, _ history.Version) (Wait, bool) {
	until, quiet := s.quietSince()
	detail := "something changed less than " + Quiet.String() + " ago"
	return Wait{Reason: Settling, Detail: detail, Until: until}, !quiet
}

// checkByHand objects for ever where no rotator can revoke: a person does, and says so. It names what may be revoked: a
// value that the current version has too is still in use.
func checkByHand(s State, _ Plan, source Source, v history.Version) (Wait, bool) {
	manual := !source.Manifest.Rotate.IsScheduled()
	what := "safe to revoke at the vendor now: the old " + source.listKeys(source.replacedKeys(v))
	switch {
	case source.Contents[v.ID].Malformed:
		what = "what it holds is not a JSON object of texts, and no bucket was made from it; see what it was"
	case len(source.replacedKeys(v)) == 0:
		what = "nothing to revoke: the current version holds the same values"
	}
	detail := what + "; then: rotary retire " + s.Environment + " " + source.Name + " --revoked"
	return Wait{Reason: ByHand, Detail: detail}, manual || source.Contents[v.ID].Malformed
}

// listKeys lists keys for people. One that the source does not declare is only counted: it may be a value in the wrong
// place.
func (s Source) listKeys(keys []string) string {
	declared := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !s.Manifest.Declares(key) })
	if n := len(keys) - len(declared); n > 0 {
		declared = append(declared, fmt.Sprintf("%d that it does not declare", n))
	}
	return strings.Join(declared, ", ")
}

// quietSince reports whether nothing has changed for the quiet period, and if not, until when to wait.
func (s State) quietSince() (until time.Time, quiet bool) {
	last := time.Time{}
	for _, t := range s.changeTimes() {
		if t.After(last) {
			last = t
		}
	}
	until = last.Add(Quiet)
	return until, !until.After(s.Now)
}

func (s State) changeTimes() []time.Time {
	var ts []time.Time
	for _, source := range s.Sources {
		ts = append(ts, source.Changed)
	}
	for _, b := range s.Buckets {
		ts = append(ts, b.Changed)
	}
	for _, c := range s.allConsumers() {
		ts = append(ts, c.Seen.Changed)
	}
	return ts
}

// allConsumers returns the consumers of every source and bucket.
func (s State) allConsumers() []Consumer {
	var all []Consumer
	for _, source := range s.Sources {
		all = append(all, source.Consumers...)
	}
	for _, b := range s.Buckets {
		all = append(all, b.Consumers...)
	}
	return all
}

// bucketsFedBy returns the buckets that hold, or may still hold, values of source.
func (s State) bucketsFedBy(source Source) []Bucket {
	var fed []Bucket
	for _, b := range s.Buckets {
		if b.isFedBy(source.Name) || b.carriesAnyOwed(source) {
			fed = append(fed, b)
		}
	}
	return fed
}

func (b Bucket) isFedBy(source string) bool {
	return slices.ContainsFunc(b.Entries, func(e manifest.Entry) bool { return e.Source == source })
}

func (b Bucket) carriesAnyOwed(source Source) bool {
	return slices.ContainsFunc(b.Versions, func(bv history.Version) bool {
		return slices.ContainsFunc(source.Owed(), func(v history.Version) bool { return b.carriesOwed(source, v, bv) })
	})
}

// consumersOf returns the consumers of source itself, and those of the buckets that it feeds.
func (s State) consumersOf(source Source) []Consumer {
	cs := slices.Clone(source.Consumers)
	for _, b := range s.bucketsFedBy(source) {
		cs = append(cs, b.Consumers...)
	}
	return cs
}

// mayCarryOwed is carries for a version known by its id alone. One that is not in the history, or whose content is
// not known, may hold anything.
func (b Bucket) mayCarryOwed(source Source, v history.Version, id string) bool {
	bv, known := b.Version(id)
	return !known || b.carriesOwed(source, v, bv)
}

// carriesOwed reports whether bucket version bv holds a value that only owed version v of the source explains: v's
// value for a key in which v differs from the source's current version. In a version written under other rules such a
// value counts under any name. The decision is by value, so labels and ids cannot fool it.
func (b Bucket) carriesOwed(source Source, v, bv history.Version) bool {
	made, owed := b.Contents[bv.ID], source.Contents[v.ID]
	sameRules := bucket.Rules(bv.ID) == bucket.Rules(b.Want.Version) ||
		made.Values != nil && equalContent(made.Values, b.Want.Values)
	_, ok := source.Current()
	switch {
	case bv.Empty || made.Absent:
		return false
	case owed.Malformed || owed.Absent || v.Empty:
		return !sameRules // nothing is computed from such a version now; what others did, nobody knows
	case made.Values == nil || owed.Values == nil || !ok:
		return true // unknown content may hold anything
	}
	return slices.ContainsFunc(source.replacedKeys(v), func(key string) bool {
		return b.holdsValue(made, source.Name, key, owed.Values[key], sameRules)
	})
}

// replacedKeys returns the keys of v whose values the current version does not have any more, sorted.
func (s Source) replacedKeys(v history.Version) []string {
	current, _ := s.Current()
	values := s.Contents[v.ID].Values
	return slices.DeleteFunc(slices.Sorted(maps.Keys(values)), func(key string) bool {
		now, kept := s.Contents[current.ID].Values[key]
		return kept && now.Equal(values[key])
	})
}

// holdsValue reports whether made holds v's value of key: under the names that the present rules give the key, or,
// where they do not speak for bv, under any name.
func (b Bucket) holdsValue(made Content, source, key string, value secret.Value, sameRules bool) bool {
	for name, held := range made.Values {
		if held.Equal(value) && (!sameRules || b.givesName(name, source, key)) {
			return true
		}
	}
	return false
}

// givesName reports whether the present rules take a name's value from this key.
func (b Bucket) givesName(name, source, key string) bool {
	return slices.ContainsFunc(b.Entries, func(e manifest.Entry) bool {
		return e.Name == name && e.Source == source && e.Key == key
	})
}

func firstNonEmpty(texts ...string) string {
	i := slices.IndexFunc(texts, func(t string) bool { return strings.TrimSpace(t) != "" })
	return texts[max(i, 0)]
}
