package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// DroppedSource is a source that buckets remember and the manifest does not have, or has with another secret.
type DroppedSource struct {
	Relation
	history.History        // of its secret
	Unread          string // why it is not known, in words
}

// FindDepartures returns the places where the consumers of a bucket were, and are not any more by its manifest: they are
// looked at like its consumers.
func (b Bucket) FindDepartures() []Relation {
	return slices.DeleteFunc(ParseMemory(b.Tags), func(r Relation) bool {
		return r.Kind != Reads || slices.ContainsFunc(b.Relations, r.isSame)
	})
}

// FindDroppedSources returns the sources that buckets remember and whose secrets the manifest does not have, sorted and
// each secret once.
func (s State) FindDroppedSources() []Relation {
	var dropped []Relation
	for _, b := range s.Buckets {
		for _, r := range ParseMemory(b.Tags) {
			if r.Kind == Feeds && !s.hasSecret(r.Secret()) {
				dropped = append(dropped, r)
			}
		}
	}
	slices.SortFunc(dropped, compareRelations)
	return slices.CompactFunc(dropped, Relation.isSame)
}

// hasSecret reports whether the manifest has a source with this secret, read or not.
func (s State) hasSecret(name string) bool {
	return slices.ContainsFunc(s.Sources, func(source Source) bool {
		return source.Secret == name || source.Manifest.Secret == name
	})
}

// Remember returns what was seen at a place where the manifest does not have a consumer of the bucket any more. Whatever
// the place shows of other buckets is not this one's: the manifest may have it on one of those.
func (s State) Remember(b Bucket, r Relation, c Consumer) Consumer {
	seen := c.Seen
	seen.NotRolled, seen.Drift, seen.Names, seen.Failed = "", nil, nil, nil
	if seen.Absent != "" {
		seen = Seen{Consumer: seen.Consumer, Settled: true, Absent: seen.Absent, Detail: seen.Absent, Deployable: seen.Deployable}
	}
	if c.Drain > 0 && !r.Left.IsZero() && !r.Left.Add(c.Drain).After(s.Now) {
		seen = Seen{Consumer: seen.Consumer, Settled: true, Detail: "drained"}
	}
	isOthers := func(id string) bool { return s.isOfAnotherBucket(b, id) }
	seen.InPlay = slices.DeleteFunc(slices.Clone(seen.InPlay), isOthers)
	seen.Deployable = slices.DeleteFunc(slices.Clone(seen.Deployable), isOthers)
	return Consumer{Name: r.Label(), Kind: c.Kind, Remembered: true, Relation: r, Drain: c.Drain, RunsTasks: c.RunsTasks, Seen: seen}
}

// isOfAnotherBucket reports whether a version is known as another bucket's, and not as one of b.
func (s State) isOfAnotherBucket(b Bucket, id string) bool {
	_, own := b.findVersion(id)
	return !own && slices.ContainsFunc(s.Buckets, func(other Bucket) bool {
		_, has := other.findVersion(id)
		return has && other.Want.Name != b.Want.Name
	})
}

// isOver reports whether a relation that the manifest does not have may be forgotten: nothing that was sent before it left
// can land any more, and the last look saw nothing of it.
//
//	relation | comes off
//	---------|------------------------------------------------------------------------------------
//	a source | at once where the manifest has its secret; else when it owes nothing, and
//	         |   LateWrite after it left
//	a reader | when all of its place was seen with nothing of the bucket in play or deployable,
//	         |   LateWrite, and its drain, after it left
func (s State) isOver(b Bucket, r Relation) bool {
	late := !r.Left.IsZero() && !r.settleAt(s).After(s.Now)
	if r.Kind == Feeds {
		i := slices.IndexFunc(s.Dropped, func(d DroppedSource) bool { return d.isSame(r) })
		return s.hasSecret(r.Secret()) || late && i >= 0 && s.Dropped[i].Unread == "" && len(s.Dropped[i].Owed()) == 0
	}
	i := slices.IndexFunc(b.Consumers, func(c Consumer) bool { return c.Remembered && c.Relation.isSame(r) })
	if i < 0 || !late {
		return false
	}
	c := b.Consumers[i]
	drained := !r.Left.Add(c.Drain).After(s.Now)
	return drained && !c.isUnseen() && c.Settled && len(c.InPlay)+len(c.Deployable) == 0
}

// awaitRemembered waits for whoever the tags of a bucket remember and the manifest does not have there.
func (p *Plan) awaitRemembered(s State, b Bucket, c Consumer) {
	wait, relation := Wait{Subject: c.Name, Until: c.WaitTill}, c.Relation
	forget := fmt.Sprintf("rotary forget %s %s", s.Environment, relation.Name)
	switch {
	case c.isUnseen():
		wait.Reason = Unreadable
		wait.Detail = fmt.Sprintf("%s; bucket %s remembers it: if nothing runs there any more, %s", c.Unknown, b.Want.Name, forget)
	case !c.Settled:
		wait.Reason, wait.Detail = Draining, firstNonEmpty(c.Waiting, c.Foreign, "not settled")
	case len(c.InPlay) > 0 && c.Drain > 0:
		wait.Reason, wait.Detail = Draining, "it left the manifest, and may still use what it has read"
	case len(c.InPlay) > 0:
		wait.Reason = InUse
		wait.Detail = fmt.Sprintf("it left the manifest and still runs on bucket %s: remove it there, or %s", b.Want.Name, forget)
	case len(c.Deployable) > 0: // until the bucket has changed, and that version is withdrawn
		return
	case relation.settleAt(s).After(s.Now):
		wait.Reason, wait.Until = Settling, relation.settleAt(s)
		wait.Detail = "it left the manifest, and nothing of bucket " + b.Want.Name + " is there: its tag comes off last"
	default:
		return
	}
	p.Waits = append(p.Waits, wait)
}

// settleAt returns when a relation may come off at the earliest.
func (r Relation) settleAt(s State) time.Time {
	if r.Left.IsZero() {
		return s.Now.Add(history.LateWrite)
	}
	return r.Left.Add(history.LateWrite)
}

// awaitDropped waits for the sources that left the manifest and owe something.
func (p *Plan) awaitDropped(s State) {
	for _, d := range s.Dropped {
		forget := fmt.Sprintf("rotary forget %s --source %s", s.Environment, d.Name)
		if d.Unread != "" {
			p.Waits = append(p.Waits, Wait{Subject: d.Name, Reason: LeftManifest, Detail: fmt.Sprintf(
				"source %s left the manifest, and whether it owes something is not known: %s; put it back, or %s",
				d.Name, d.Unread, forget)})
			continue
		}
		if at := d.settleAt(s); len(d.Owed()) == 0 && at.After(s.Now) {
			p.Waits = append(p.Waits, Wait{Subject: d.Name, Reason: Settling, Until: at, Detail: fmt.Sprintf(
				"source %s left the manifest, and owes nothing: its tag comes off last", d.Name)})
		}
		for _, v := range d.Owed() {
			p.Waits = append(p.Waits, Wait{Subject: d.Name, Version: v.ID, Reason: LeftManifest, Detail: d.describeDebt(forget)})
		}
	}
}

// alarmsOfDropped returns the sources that left the manifest and owe something: no pass retires that.
func (s State) alarmsOfDropped() []Alarm {
	var all []Alarm
	for _, d := range s.Dropped {
		for _, v := range d.Owed() {
			all = append(all, Alarm{RetirementOwed, d.Name, fmt.Sprintf("version %s: %s", history.Short(v.ID),
				d.describeDebt(fmt.Sprintf("rotary forget %s --source %s", s.Environment, d.Name)))})
		}
	}
	return all
}

// describeDebt returns what is to be done about what a dropped source owes.
func (d DroppedSource) describeDebt(forget string) string {
	return fmt.Sprintf("source %s, whose secret is %s, left the manifest and owes this version: put it back until that is "+
		"retired, or revoke the credential and %s", d.Name, d.Relation.Secret(), forget)
}

// isTagging objects to a retirement, and to a label that comes off, while the readers of a bucket are being tagged: a
// version of rotary that did not tag them may have been here.
func (p Plan) isTagging() (Wait, bool) {
	return Wait{Reason: PendingWork, Detail: "the readers of a bucket are being tagged"}, slices.ContainsFunc(p.Tags, Tag.changesMemory)
}

// changesMemory reports whether t changes what a bucket remembers of its readers.
func (t Tag) changesMemory() bool {
	return slices.ContainsFunc(t.listKeys(), func(key string) bool { return isMemoryKey(key) || key == checkKey })
}

// lacksTags reports whether the relations of the bucket could not be remembered.
func (p Plan) lacksTags(b Bucket) bool {
	return slices.ContainsFunc(p.Waits, func(w Wait) bool { return w.Reason == TagsFull && w.Subject == b.Want.Name })
}
