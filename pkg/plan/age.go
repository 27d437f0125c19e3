package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// stage is how far a bucket version has come to its end. One label carries it, renamed as the version ages.
type stage int

const (
	isFree stage = iota // no label of rotary's
	isHeld              // HELD: current, or it was current when it was seen last
	isPast              // PAST: not current; somebody may still start on it
	isGone              // GONE: withdrawn from every consumer
)

// stageOf returns the stage of a bucket version. Where a crash has left two labels, the newer one counts; HELD counts
// before all: the version may have been current again.
func stageOf(v history.Version) stage {
	_, held := v.Label(history.Held)
	past, isOld := v.TimeOf(history.Past)
	gone, withdrawn := v.TimeOf(history.Gone)
	switch {
	case held:
		return isHeld
	case isOld && (!withdrawn || !past.Before(gone)):
		return isPast
	case withdrawn:
		return isGone
	}
	return isFree
}

// labelKind returns the kind of the labels that carry the stage and a time; false where it has none.
func (s stage) labelKind() (kind string, timed bool) {
	kind, timed = map[stage]string{isPast: history.Past, isGone: history.Gone}[s]
	return kind, timed
}

// agedAt returns the time in the label of a version that is PAST or GONE.
func agedAt(v history.Version) (at time.Time, aged bool) {
	if kind, aged := stageOf(v).labelKind(); aged {
		return v.TimeOf(kind)
	}
	return time.Time{}, false
}

// listStageLabels returns the labels of a bucket version that carry its stage.
func listStageLabels(v history.Version) []string {
	return slices.DeleteFunc(slices.Clone(v.Labels), func(label string) bool {
		return !slices.ContainsFunc([]string{history.Held, history.Past, history.Gone}, func(kind string) bool {
			return strings.HasPrefix(label, kind)
		})
	})
}

// findStageLabel returns the label that counts of a version that is PAST or GONE: the one with the latest time.
func findStageLabel(v history.Version) string {
	kind, _ := stageOf(v).labelKind()
	return latestLabel(v, kind)
}

// pastLabel returns the label of v that carries since when it was seen not to be current; "" for none.
func pastLabel(v history.Version) string { return latestLabel(v, history.Past) }

// latestLabel returns the label of a kind with a time that carries the latest; "" for none.
func latestLabel(v history.Version, kind string) string {
	at, has := v.TimeOf(kind)
	i := slices.IndexFunc(v.Labels, func(label string) bool {
		return has && strings.HasPrefix(label, kind+strconv.FormatInt(at.Unix(), 10)+"-")
	})
	if i < 0 {
		return ""
	}
	return v.Labels[i]
}

// Withdrawal withdraws a bucket version from every consumer that could start on it, and then puts Mark, with the time at
// which that was done.
type Withdrawal struct {
	Bucket  string
	Version string
	Past    string // the version's PAST label
	Mark    Mark   // with the time of the look
}

// MarkAt returns the Mark of a withdrawal that was done at this time. The look is older, by as long as the pass has taken
// and its first answer was out of date: counted from there, the wait would end before ECS refuses what was deregistered.
func (w Withdrawal) MarkAt(at time.Time) Mark {
	m := w.Mark
	m.Label = history.GoneLabel(at, w.Past)
	m.Off = slices.DeleteFunc(slices.Clone(m.Off), func(label string) bool { return label == m.Label })
	return m
}

// ageBucket lets the versions of a bucket age, and drops the labels of those that nothing needs any more.
//
//	bucket version                 | stage      | plan
//	-------------------------------|------------|----------------------------------------------------
//	current                        | PAST, GONE | Mark HELD
//	not current, in play or        | none, GONE | Mark PAST: since it was seen not to be current
//	  deployable                   |            |
//	not current                    | HELD       | Mark PAST; where a crash has left that, Drop HELD
//	not current, a crash has left  | PAST, GONE | Drop the older ones
//	  several                      |            |
//	not current, in play           | PAST       | –
//	not current, a reader unseen,  | PAST       | –
//	  or a stranger may have it    |            |
//	deployable by what is kept     | PAST       | Wait
//	any other                      | PAST       | Withdraw, then Mark GONE
//	the wait is not over           | GONE       | Wait
//	carries what is owed, and the  | GONE       | –
//	  bucket has room for a Write  |            |
//	any other                      | GONE       | Drop
//
// Where the bucket is written in this pass, its current version, the one to be written and what has no label are left
// to marksToHold.
func (p *Plan) ageBucket(s State, b Bucket, writing bool) {
	if s.Mode == manifest.Observe {
		return
	}
	withdrawable := !slices.ContainsFunc(s.readersOf(b), Consumer.isUnseen)
	for _, v := range b.Versions {
		is, startable := stageOf(v), s.isInPlay(v.ID) || s.isDeployable(v.ID)
		switch {
		case writing && (v.Has(history.AWSCurrent) || v.ID == b.Want.Version):
		case v.Has(history.AWSCurrent) && (is != isFree && is != isHeld || len(listStageLabels(v)) > 1):
			p.changeStage(b, v, b.LabelFor(history.Held, v.ID))
		case v.Has(history.AWSCurrent):
		case is == isHeld && v.Has(pastLabel(v)):
			p.changeStage(b, v, pastLabel(v))
		case is == isHeld, startable && is == isGone:
			p.changeStage(b, v, b.TimedLabel(history.Past, pastSince(s, b.History, v), v.ID))
		case len(listStageLabels(v)) > 1:
			p.changeStage(b, v, findStageLabel(v))
		case is == isPast && withdrawable && !s.isInPlay(v.ID) && !s.mayRunUndeclared(b, v.ID):
			p.withdrawOrWait(s, b, v)
		case is == isGone:
			p.dropGone(s, b, v)
		}
	}
	for _, id := range s.listUnlabelled(b) {
		if writing {
			break
		}
		v := history.Version{ID: id}
		p.changeStage(b, v, b.TimedLabel(history.Past, pastSince(s, b.History, v), id))
	}
}

// pastSince returns since when v was seen not to be current: now, where that was not seen before, or since its secret
// changed during this look.
func pastSince(s State, h history.History, v history.Version) time.Time {
	if at, has := v.PastSince(); has {
		return at
	}
	return laterOf(s.Now, h.Changed)
}

// changeStage puts the label of another stage on a bucket version, in the place of those it has.
func (p *Plan) changeStage(b Bucket, v history.Version, label string) {
	m := newStageMark(b, v, label)
	switch {
	case v.Has(label):
		for _, off := range m.Off {
			p.Drops = append(p.Drops, Mark{Secret: b.Secret, Bucket: b.Want.Name, Label: off, From: v.ID})
		}
	case len(m.Off) == 0 && !b.HasRoom(1):
		p.Waits = append(p.Waits, b.waitForLabels())
	default:
		p.Marks = append(p.Marks, m)
	}
}

// newStageMark returns the Mark that puts label on v, and takes the labels of its other stages off.
func newStageMark(b Bucket, v history.Version, label string) Mark {
	off := slices.DeleteFunc(listStageLabels(v), func(l string) bool { return l == label })
	return Mark{Secret: b.Secret, Bucket: b.Want.Name, Label: label, To: v.ID, Off: off, Full: !b.HasRoom(1)}
}

// withdrawOrWait plans that nobody can start on a version any more. What is left to a pipeline holds it up.
func (p *Plan) withdrawOrWait(s State, b Bucket, v history.Version) {
	for _, c := range s.allConsumers() {
		if slices.Contains(c.Kept, v.ID) {
			p.Waits = append(p.Waits, Wait{Subject: b.Want.Name, Version: v.ID, Reason: Deployable, Detail: "consumer " +
				c.Name + " has an ACTIVE task definition on it that rotary did not register, and the manifest says " +
				"withdraw: own; deregister it, or leave withdraw out"})
			return
		}
	}
	past := b.TimedLabel(history.Past, pastSince(s, b.History, v), v.ID)
	p.Withdrawals = append(p.Withdrawals, Withdrawal{
		Bucket: b.Want.Name, Version: v.ID, Past: past, Mark: newStageMark(b, v, history.GoneLabel(s.Now, past)),
	})
}

// dropGone takes the label off a version that was withdrawn, once nothing can start on it any more and nothing is owed
// that it carries. Where the bucket has no room for another Write, the label comes off as soon as nothing can start on
// the version: its time then holds up no retirement any more.
func (p *Plan) dropGone(s State, b Bucket, v history.Version) {
	gone, _ := v.TimeOf(history.Gone)
	full := !b.HasRoom(roomToWrite) && !v.Has(history.AWSPrevious)
	switch until := gone.Add(s.settlingTime()); {
	case until.After(s.Now):
		p.Waits = append(p.Waits, Wait{
			Subject: b.Want.Name, Version: v.ID, Reason: Settling, Until: until,
			Detail: "a version that was withdrawn a short time ago keeps its label",
		})
	case !full && slices.ContainsFunc(s.debts, func(d debt) bool { return d.isCarried(b, v) }):
	default:
		for _, label := range listStageLabels(v) {
			p.Drops = append(p.Drops, Mark{Secret: b.Secret, Bucket: b.Want.Name, Label: label, From: v.ID})
		}
	}
}

// roomToWrite is how many labels a Write needs: HELD and AWSPREVIOUS, and what ages meanwhile.
const roomToWrite = 2 + roomToAge

// IsAgeing reports whether the ages of the bucket's versions matter: it has one besides its current one that has not
// come to its end, or a source feeds it that owes something.
func (s State) IsAgeing(b Bucket) bool {
	owing := slices.ContainsFunc(s.Sources, func(source Source) bool {
		return len(source.Owed()) > 0 && b.isFedBy(source.Name)
	})
	return owing || slices.ContainsFunc(b.Versions, func(v history.Version) bool {
		return stageOf(v) != isFree && !v.Has(history.AWSCurrent)
	})
}

// NeedsRevisions reports whether it matters which versions of buckets somebody could deploy. It does not where no bucket has
// a version besides its current one that has not come to its end, and everything that is owed is only fed to buckets that
// are not written with what replaces it: they carry it, so that nothing is withdrawn or retired whoever could deploy what.
func (s State) NeedsRevisions() bool {
	for _, b := range s.Buckets {
		if slices.ContainsFunc(b.Versions, func(v history.Version) bool { return stageOf(v) != isFree && !v.Has(history.AWSCurrent) }) {
			return true
		}
	}
	return slices.ContainsFunc(s.Sources, func(source Source) bool {
		feeds := slices.DeleteFunc(slices.Clone(s.Buckets), func(b Bucket) bool { return !b.isFedBy(source.Name) })
		isWritten := func(b Bucket) bool { return !b.Stale() }
		return len(source.Owed()) > 0 && (len(feeds) == 0 || slices.ContainsFunc(feeds, isWritten))
	})
}

// HasUnknown reports whether somebody runs, or could deploy, a version that is known of no bucket.
func (s State) HasUnknown() bool {
	isKnown := func(id string) bool {
		return slices.ContainsFunc(s.Buckets, func(b Bucket) bool { _, known := b.findVersion(id); return known })
	}
	for _, t := range s.Strangers {
		for _, h := range t.Holds {
			ofBucket := slices.ContainsFunc(s.Buckets, func(b Bucket) bool { return b.Secret == h.Secret })
			if ofBucket && slices.ContainsFunc(h.Versions, func(id string) bool { return !isKnown(id) }) {
				return true
			}
		}
	}
	for _, b := range s.Buckets { // what reads a source itself has versions of that, which no bucket knows
		for _, c := range b.Consumers {
			for _, id := range slices.Concat(c.InPlay, c.Deployable) {
				if !isKnown(id) {
					return true
				}
			}
		}
	}
	return false
}

// ListInPlay returns the versions of a bucket that carry a label, and those that somebody runs or could deploy.
func (s State) ListInPlay(b Bucket) []history.Version {
	all := slices.Clone(b.Versions)
	for _, id := range s.listUnlabelled(b) {
		all = append(all, history.Version{ID: id})
	}
	return all
}

// listUnlabelled returns the versions of the bucket that somebody runs or could deploy, and that carry no label, so that
// Secrets Manager may delete them.
func (s State) listUnlabelled(b Bucket) []string {
	var ids []string
	for _, v := range b.Made {
		if _, labelled := b.Version(v.ID); !labelled && (s.isInPlay(v.ID) || s.isDeployable(v.ID)) {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// isInPlay reports whether any consumer, or a stranger, runs the version, is rolling to it, or could roll back to it: of
// whatever bucket, because the manifest may have moved it to another one since.
func (s State) isInPlay(version string) bool {
	if s.isHeldUndeclared(version) {
		return true
	}
	return slices.ContainsFunc(s.Buckets, func(b Bucket) bool {
		return slices.ContainsFunc(b.Consumers, func(c Consumer) bool { return c.hasInPlay(version) })
	})
}

// isDeployable reports whether somebody could deploy the version, by a revision of any consumer's family.
func (s State) isDeployable(version string) bool {
	return slices.ContainsFunc(s.Buckets, func(b Bucket) bool {
		return slices.ContainsFunc(b.Consumers, func(c Consumer) bool { return slices.Contains(c.Deployable, version) })
	})
}

// waitForLabels is the Wait of a bucket whose secret has no room for another label.
func (b Bucket) waitForLabels() Wait {
	return Wait{Subject: b.Want.Name, Reason: LabelsFull, Detail: fmt.Sprintf(
		"its secret carries %d labels at most; a consumer that does not follow keeps old ones", history.MaxLabels)}
}
