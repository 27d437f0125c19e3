package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// writeBucket plans the bucket's content and returns what its consumers should run.
func (p *Plan) writeBucket(s State, b Bucket) (target bucket.Bucket, writing bool) {
	current, stale := b.findStale()
	if !stale {
		return b.bucketAt(current), false
	}
	if wait, refused := b.refuseWrite(s); refused {
		p.Waits = append(p.Waits, wait)
		return b.bucketAt(current), false
	}
	p.Marks = append(p.Marks, b.marksToHold(s)...)
	p.Writes = append(p.Writes, Write{
		Bucket: b.Want, From: current.ID, Held: b.LabelFor(history.Held, b.Want.Version),
		Past: b.LabelFor(history.Held, current.ID), Names: CompareNames(b.Contents[current.ID].Values, b.Want.Values),
	})
	return b.Want, true
}

// Stale reports whether the bucket's current version is not what it should hold: only then does Made matter.
func (b Bucket) Stale() bool {
	_, stale := b.findStale()
	return stale
}

// findStale reports whether the bucket's current version is not what it should hold. Content counts, not bytes or ids.
// Of one that is frozen nobody knows what it should hold.
func (b Bucket) findStale() (current history.Version, stale bool) {
	current, exists := b.Current()
	switch {
	case b.Frozen != "":
		return current, false
	case !exists:
		return current, len(b.Want.Values) > 0
	}
	return current, !equalContent(b.Contents[current.ID].Values, b.Want.Values)
}

// bucketAt returns the bucket with the values of one of its versions.
func (b Bucket) bucketAt(v history.Version) bucket.Bucket {
	out := b.Want
	out.Version, out.Values = v.ID, b.Contents[v.ID].Values
	return out
}

// refuseWrite reports whether a changed content may not be written, and returns the Wait that names the reason.
func (b Bucket) refuseWrite(s State) (Wait, bool) {
	current, stale := b.findStale()
	if !stale {
		return Wait{}, false
	}
	if lost := b.lostNames(s, current.ID); len(lost) > 0 {
		return b.waitForRemovals(s, lost), true
	}
	if !b.HasRoom(b.countNewLabels(s) + roomToAge) {
		return b.waitForLabels(), true
	}
	if until, often := b.isWrittenTooOften(s); often {
		return Wait{Subject: b.Want.Name, Reason: WriteRate, Until: until, Detail: fmt.Sprintf(
			"it was written %d times within a day, and Secrets Manager keeps about a hundred versions",
			MaxWrites)}, true
	}
	return Wait{}, false
}

// MaxWrites is how many versions of a bucket are made within a day. Secrets Manager removes versions beyond a
// hundred, but none that carries a label or is younger than a day, and refuses more; it advises against a sustained
// rate of more than one in ten minutes
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html). With the labelled ones,
// which are history.MaxLabels at most, a bucket keeps within a hundred.
const MaxWrites = 100 - history.MaxLabels

const writesWithin = 24 * time.Hour

// isWrittenTooOften reports whether a Write would make another version although there are MaxWrites of the last day,
// and until when.
func (b Bucket) isWrittenTooOften(s State) (until time.Time, often bool) {
	if slices.ContainsFunc(b.Made, func(v history.Version) bool { return v.ID == b.Want.Version }) {
		return time.Time{}, false // nothing is made: the label goes back
	}
	if len(b.Made) < MaxWrites {
		return time.Time{}, false
	}
	until = b.Made[len(b.Made)-MaxWrites].Created.Add(writesWithin)
	return until, until.After(s.Now)
}

// roomToAge is how many labels a Write leaves free on a bucket: a version that ages gets its next label before the one
// that it has comes off.
const roomToAge = 1

// countNewLabels counts the labels that a Write puts where none was: HELD on what is in play and on the new version,
// and AWSPREVIOUS the first time.
func (b Bucket) countNewLabels(s State) int {
	n := 0
	for _, m := range b.marksToHold(s) {
		if m.From == "" && len(m.Off) == 0 {
			n++
		}
	}
	if _, exists := b.Version(b.Want.Version); !exists {
		n++
	}
	if _, some := b.Labelled(history.AWSPrevious); !some {
		n++
	}
	return n
}

// emptyValue is the value of a name whose source was emptied.
var emptyValue = secret.New("")

// hasEntry reports whether the manifest gives the bucket this name.
func (b Bucket) hasEntry(name string) bool {
	return slices.ContainsFunc(b.Entries, func(e manifest.Entry) bool { return e.Name == name })
}

// marksToHold puts HELD on the outgoing version, on everything in play, and on the version to be written where that
// exists already, before AWSCURRENT moves. What is PAST keeps its time.
func (b Bucket) marksToHold(s State) []Mark {
	var marks []Mark
	hold := func(v history.Version) {
		m := newStageMark(b, v, b.LabelFor(history.Held, v.ID))
		if !v.Has(m.Label) {
			marks = append(marks, m)
			return
		}
		for _, label := range m.Off {
			marks = append(marks, Mark{Secret: b.Secret, Bucket: b.Want.Name, Label: label, From: v.ID})
		}
	}
	for _, v := range b.Versions {
		is := stageOf(v)
		next := v.Has(history.AWSCurrent) || v.ID == b.Want.Version
		if next && (is != isHeld || len(listStageLabels(v)) > 1) || s.isInPlay(v.ID) && is == isFree {
			hold(v)
		}
	}
	for _, id := range s.listUnlabelled(b) {
		hold(history.Version{ID: id})
	}
	return marks
}
