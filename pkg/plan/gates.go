package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
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
	RolloutFailed Reason = "rollout-failed" // this very rollout failed before
	Confirming    Reason = "confirming"     // what an emergency has made is tested each minute for a while
	TagsFull      Reason = "tags-full"      // the secret has no room for the tags that remember who reads it
	LostMemory    Reason = "lost-memory"    // somebody took those tags off
	LeftManifest  Reason = "left-manifest"  // a source that the manifest does not have any more owes something
	Paused        Reason = "paused"         // a person has paused the environment: passes only look

	// What is not retired: the gates, in order. NotRolled and Draining are also reasons of consumers.
	Mode           Reason = "mode"            // the environment's mode forbids it
	Retained       Reason = "retained"        // a person, or a rollback in progress, holds it
	PendingWork    Reason = "pending-work"    // this pass still marks, writes or rolls something that carries it
	NotAccepted    Reason = "not-accepted"    // the target has not accepted the current version
	Shared         Reason = "shared"          // somebody else's current credential is the same one
	UnseenConsumer Reason = "unseen-consumer" // who may have it could not be seen completely
	Stranger       Reason = "stranger"        // something that may have it runs, and stands in no manifest
	NotRolled      Reason = "not-rolled"      // its pipeline has to deploy, or the manifest has to say more
	InUse          Reason = "in-use"          // a consumer runs, or could go back to, a version that carries it
	Draining       Reason = "draining"        // readers of a version that carries it may still be there
	Deployable     Reason = "deployable"      // somebody could still start on a version that carries it
	Witness        Reason = "witness"         // the target sees it used
	Trail          Reason = "trail"           // CloudTrail was not read as far as somebody could have read it
	Settling       Reason = "settling"        // something that carries it was withdrawn or deployed too recently
	ByHand         Reason = "by-hand"         // everything is ready: a person revokes it at the vendor
)

// A gate reports why the owed version of d may not be retired yet; false means that it objects to nothing.
type gate func(s State, p Plan, d debt) (Wait, bool)

// gates are asked in this order; the first that objects is what people are shown first.
var gates = []gate{
	checkMode,
	checkRetained,
	checkFrozen,
	checkPendingWork,
	checkNotAccepted,
	checkShared,
	checkFrozenBucket,
	checkUnseenConsumer,
	checkStranger,
	checkNotRolled,
	checkInUse,
	checkDraining,
	checkDeployable,
	checkTrail,
	checkWitness,
	checkSettling,
	checkByHand,
	checkRetryLater,
}

// vetoes are the gates that an emergency's deadline does not open.
var vetoes = []gate{checkMode, checkRetained, checkFrozen, checkRoom, checkShared, checkByHand}

// Gates returns every objection against retiring v, in the gates' order. None means that v may be retired now. Where an
// emergency's deadline for v has passed, only the vetoes are asked: RETAIN wins over a deadline.
// p is the plan of the same pass as far as it is made: marks, writes, rolls, withdrawals and drops.
func Gates(s State, p Plan, source Source, v history.Version) []Wait {
	return s.askGates(p, newDebt(source, v))
}

func (s State) askGates(p Plan, d debt) []Wait {
	asked := gates
	if s.isOverdue(d) {
		asked = vetoes
	}
	var waits []Wait
	for _, ask := range asked {
		if wait, objects := ask(s, p, d); objects {
			wait.Subject, wait.Version = d.source.Name, d.version.ID
			waits = append(waits, wait)
		}
	}
	return waits
}

// isOverdue reports whether an emergency's deadline for the debt has passed.
func (s State) isOverdue(d debt) bool {
	at, some := d.source.Dies(d.version)
	return some && !at.After(s.Now)
}

func checkMode(s State, _ Plan, _ debt) (Wait, bool) {
	return Wait{Reason: Mode, Detail: fmt.Sprintf("mode %s never retires", s.Mode)}, s.Mode != manifest.Retire
}

func checkRetained(_ State, _ Plan, d debt) (Wait, bool) {
	for _, label := range []string{history.Retain, history.Rollback} {
		if d.version.Has(label) {
			return Wait{Reason: Retained, Detail: "it carries " + label}, true
		}
	}
	return Wait{}, false
}

// checkPendingWork objects while the pass still changes something that the debt is about: a label of the owed version,
// or of a bucket version that carries the credential; an emergency of the source; a bucket whose current version
// carries it; a consumer that may have it. The next version of a symmetric secret is made only while nothing of its
// source changes, nor a bucket in reach. What else changes in the environment is no objection.
func checkPendingWork(s State, p Plan, d debt) (Wait, bool) {
	if wait, tagging := p.isTagging(); tagging {
		return wait, true
	}
	detail := p.findPendingMark(d)
	for _, b := range d.listReach(s) {
		detail = firstNonEmpty(detail, p.findPendingWork(b, d))
	}
	for _, b := range s.Buckets {
		for _, c := range b.Consumers {
			if p.plansRoll(c.Name) && slices.ContainsFunc(c.InPlay, func(id string) bool { return d.mayBeCarried(s, b, id) }) {
				detail = firstNonEmpty(detail, "consumer "+c.Name+" is being rolled")
			}
		}
	}
	return Wait{Reason: PendingWork, Detail: detail}, detail != ""
}

// findPendingMark describes a label of the source that this pass moves; "" for none.
func (p Plan) findPendingMark(d debt) string {
	all := d.source.Manifest.Symmetric() != ""
	if slices.ContainsFunc(p.Marks, func(m Mark) bool {
		touches := all || m.To == d.version.ID || m.From == d.version.ID || strings.HasPrefix(m.Label, history.Deadline)
		return m.Secret == d.source.Secret && touches
	}) {
		return "its versions are being marked"
	}
	return ""
}

// findPendingWork describes what this pass changes about a bucket in reach; "" for nothing.
func (p Plan) findPendingWork(b Bucket, d debt) string {
	carries := func(id string) bool {
		v, known := b.findVersion(id)
		return known && d.isCarried(b, v)
	}
	all := d.source.Manifest.Symmetric() != ""
	switch {
	case slices.ContainsFunc(p.Marks, func(m Mark) bool { return m.Secret == b.Secret && (all || carries(m.To)) }):
		return "versions of bucket " + b.Want.Name + " are being marked"
	case slices.ContainsFunc(p.Writes, func(w Write) bool { return w.Bucket.Name == b.Want.Name && (all || carries(w.From)) }):
		return "bucket " + b.Want.Name + " is being written"
	}
	return ""
}

// plansRoll reports whether this pass rolls a consumer.
func (p Plan) plansRoll(consumer string) bool {
	return slices.ContainsFunc(p.Rolls, func(r Roll) bool { return r.Consumer == consumer })
}

// checkUnseenConsumer objects while a reader of the source, or of a bucket in reach, is not seen completely: what it
// runs could be anything.
func checkUnseenConsumer(s State, _ Plan, d debt) (Wait, bool) {
	for _, c := range d.listReaders(s) {
		if c.isUnseen() {
			return Wait{Reason: UnseenConsumer, Detail: "consumer " + c.Name + ": " + c.Unknown}, true
		}
	}
	return Wait{}, false
}

// checkStranger objects while something that stands in no manifest may have the credential, or has read it (readers: veto), or
// nobody knows whether anything does; until a person has dismissed it.
func checkStranger(s State, _ Plan, d debt) (Wait, bool) {
	for _, t := range s.Strangers {
		if s.holdsDebt(t, d) {
			return Wait{Reason: Stranger, Detail: t.Name + ": " + t.describe(s)}, true
		}
	}
	return s.objectReading(d)
}

// checkNotRolled objects while a consumer of a bucket in reach is not rolled by rotary and has no version of the bucket,
// or has names of the bucket that nobody has adopted: it may have the credential from elsewhere. One that has a version is for checkInUse.
func checkNotRolled(s State, _ Plan, d debt) (Wait, bool) {
	for _, c := range d.listReaders(s) {
		why := firstNonEmpty(c.NotRolled, DescribeLeft(s.Environment, c.Name, c.Left))
		if why != "" && (len(c.InPlay) == 0 || len(c.Left) > 0) && !c.Leaving {
			return Wait{Reason: NotRolled, Detail: "consumer " + c.Name + ": " + why}, true
		}
	}
	return Wait{}, false
}

// checkInUse objects while a consumer of any bucket runs, is rolling to, or could go back to a version that carries the
// credential. What else is unfinished there is no objection.
func checkInUse(s State, _ Plan, d debt) (Wait, bool) {
	c, some := d.findUser(s, func(c Consumer) bool { return c.Drain == 0 })
	detail := "consumer " + c.Name + " may still use it"
	if words := firstNonEmpty(c.Waiting, c.Foreign); !c.Settled && words != "" {
		detail += ": " + words
	}
	return Wait{Reason: InUse, Detail: detail, Until: c.WaitTill}, some
}

// checkDraining is checkInUse of readers without a receipt: until their time is over.
func checkDraining(s State, _ Plan, d debt) (Wait, bool) {
	c, some := d.findUser(s, func(c Consumer) bool { return c.Drain > 0 })
	detail := "consumer " + c.Name + ": " + firstNonEmpty(c.Waiting, "may still use it")
	return Wait{Reason: Draining, Detail: detail, Until: c.WaitTill}, some
}

// findUser returns the first consumer of which something in play may carry the credential, or that has read the owed
// version itself.
func (d debt) findUser(s State, asked func(Consumer) bool) (Consumer, bool) {
	for _, c := range d.source.Consumers {
		if asked(c) && c.hasInPlay(d.version.ID) {
			return c, true
		}
	}
	for _, b := range s.Buckets {
		for _, c := range b.Consumers {
			if asked(c) && slices.ContainsFunc(c.InPlay, func(id string) bool { return d.mayBeCarried(s, b, id) }) {
				return c, true
			}
		}
	}
	return Consumer{}, false
}

// checkDeployable objects while a bucket version that carries the credential is current or may be started on, by its
// label, or by a revision that anybody could deploy.
func checkDeployable(s State, _ Plan, d debt) (Wait, bool) {
	for _, b := range s.Buckets {
		for _, bv := range b.Versions {
			if (bv.Has(history.AWSCurrent) || stageOf(bv) == isHeld || stageOf(bv) == isPast) && d.isCarried(b, bv) {
				detail := "bucket " + b.Want.Name + " still keeps a version that carries it"
				return Wait{Reason: Deployable, Detail: detail}, true
			}
		}
		for _, c := range b.Consumers {
			if slices.ContainsFunc(c.Deployable, func(id string) bool { return d.mayBeCarried(s, b, id) }) {
				detail := "consumer " + c.Name + " has an ACTIVE task definition that carries it"
				return Wait{Reason: Deployable, Detail: detail}, true
			}
		}
	}
	return Wait{}, false
}

// checkSettling objects until nothing can come back that carries the credential.
func checkSettling(s State, _ Plan, d debt) (Wait, bool) {
	until := d.settlesAt(s)
	return Wait{Reason: Settling, Until: until, Detail: "what was withdrawn or replaced a short time ago could still start"},
		until.After(s.Now)
}

// checkByHand objects for ever where no rotator can revoke, or the version is a placeholder that never was a credential
// of its kind: a person does, and says so. It names what may be revoked: a
// value that the current version has too is still in use.
func checkByHand(s State, _ Plan, d debt) (Wait, bool) {
	manual := !d.source.Manifest.Rotate.IsScheduled()
	malformed := d.source.Contents[d.version.ID].Malformed
	wrongKind := d.checkKind()
	what := "safe to revoke at the vendor now: the old " + d.source.Manifest.DescribeKeys(d.keys)
	switch {
	case malformed:
		what = "what it holds is not a JSON object of texts, and no bucket was made from it; see what it was"
	case wrongKind != nil:
		what = "it never was a credential that rotary could retire: " + wrongKind.Error()
	case len(d.keys) == 0:
		what = "nothing to revoke: the current version holds the same values"
	}
	detail := what + "; then: " + d.source.retireCommand(s.Environment, d.version)
	return Wait{Reason: ByHand, Detail: detail}, manual || malformed || wrongKind != nil
}

// checkKind returns why the owed version never was a credential of its kind; nil where it may have been one.
func (d debt) checkKind() error {
	values := d.source.Contents[d.version.ID].Values
	if values == nil {
		return nil
	}
	return credential.CheckKind(d.source.Manifest, values)
}

// settlesAt returns when nothing can come back any more that carries the credential of the debt: the one wait of a
// retirement.
//
//	since the latest of                                  | waits for
//	-----------------------------------------------------|-----------------------------------------
//	the owed version was seen not to be current          | history.LateWrite
//	a bucket version that carries it was withdrawn, or   | history.Deregistered, or longer where a pipeline takes
//	  seen not to be current, and the environment has    |   longer from a copy to its deployment; LateWrite where
//	  or a deployment onto or away from one was created  |   nothing of the bucket can be deregistered
//	  or ended                                           |
func (d debt) settlesAt(s State) time.Time {
	at := d.source.SeenPast(d.version).Add(history.LateWrite)
	wait := s.settlingTime()
	for _, b := range s.Buckets {
		if left := d.leftAt(s, b); !left.IsZero() {
			at = laterOf(at, left.Add(wait))
		}
	}
	return at
}

// settlingTime returns how long what was withdrawn from a bucket could still be started. Any task of the environment
// counts: the manifest may have moved one away from the bucket, and its former task definitions were deregistered.
func (s State) settlingTime() time.Duration {
	wait := history.LateWrite
	for _, c := range s.allConsumers() {
		if c.RunsTasks {
			wait = max(wait, history.Deregistered, c.DeploysTake)
		}
	}
	return wait
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

// firstNonEmpty returns the first text that is not blank.
func firstNonEmpty(texts ...string) string {
	i := slices.IndexFunc(texts, func(t string) bool { return strings.TrimSpace(t) != "" })
	return texts[max(i, 0)]
}
