package operate

import (
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// News is a kind of Event.
type News string

// The kinds of events, in the order in which they come about.
const (
	NewsMaking   News = "making"   // a version is being made
	NewsMade     News = "made"     // it is current
	NewsWritten  News = "written"  // every bucket has it
	NewsConsumer News = "consumer" // how far a consumer is
	NewsFollows  News = "follows"  // a consumer has followed
	NewsFollowed News = "followed" // every consumer has
	NewsWaiting  News = "waiting"  // what the old version waits for
	NewsAsk      News = "person"   // a person has to do something
	NewsRetired  News = "retired"  // old versions are dead
	NewsDone     News = "done"     // nothing is left of the change
	NewsNothing  News = "nothing"  // the rotation came to nothing
)

// Event is one change of a Progress, for a line of a log or a program.
type Event struct {
	At       time.Time   `json:"at"`
	Source   string      `json:"source,omitempty"`
	Event    News        `json:"event"`
	Step     int         `json:"step,omitempty"`
	Steps    int         `json:"steps,omitempty"`
	Version  string      `json:"version,omitempty"`
	Versions []string    `json:"versions,omitempty"` // that are dead
	Buckets  []string    `json:"buckets,omitempty"`
	Consumer string      `json:"consumer,omitempty"`
	Followed int         `json:"followed,omitempty"`
	Of       int         `json:"of,omitempty"`
	Reason   plan.Reason `json:"reason,omitempty"`
	Detail   string      `json:"detail,omitempty"`
	Until    time.Time   `json:"until,omitzero"`
}

// compareProgress returns what is news in now; where nothing is known of before, how everything stands.
func compareProgress(before, now Progress, known bool) []Event {
	c := comparison{before: before, now: now, fresh: !known}
	c.compareVersion()
	c.compareConsumers()
	c.compareGate()
	c.compareEnd()
	return c.news
}

// comparison collects what is news of one source.
type comparison struct {
	before, now Progress
	fresh       bool // everything is news
	news        []Event
}

func (c *comparison) add(kind News, change func(*Event)) {
	e := Event{At: c.now.At, Source: c.now.Source, Event: kind, Step: c.now.Step, Steps: c.now.Steps}
	change(&e)
	c.news = append(c.news, e)
}

// isNewVersion reports whether another version is current than in the report before.
func (c *comparison) isNewVersion() bool { return c.fresh || c.before.Version != c.now.Version }

// reaches reports whether the version has just come as far as a phase.
func (c *comparison) reaches(p Phase) bool {
	return !c.now.isBefore(p) && (c.isNewVersion() || c.before.isBefore(p))
}

func (c *comparison) compareVersion() {
	now := c.now
	if now.Pending != "" && (c.fresh || now.Pending != c.before.Pending) {
		c.add(NewsMaking, func(e *Event) { e.Version = now.Pending })
	}
	if now.Source == Everything {
		c.compareBuckets()
		return
	}
	made := c.reaches(Writing)
	if now.Phase == Arrived {
		made = !c.fresh && c.isNewVersion()
	}
	if made {
		c.add(NewsMade, func(e *Event) {
			if e.Version = now.Version; now.At.Sub(now.Made) < time.Minute {
				e.At = now.Made
			}
		})
	}
	c.compareBuckets()
}

func (c *comparison) compareBuckets() {
	now := c.now
	if written := now.ListWritten(); c.reaches(Following) && now.Phase != Arrived && len(written) > 0 {
		c.add(NewsWritten, func(e *Event) { e.Version, e.Buckets = now.Version, written })
	}
}

func (c *comparison) compareConsumers() {
	now := c.now
	if now.isBefore(Following) || now.Phase == Arrived && c.fresh {
		return
	}
	all := len(now.Followers)
	for _, f := range now.Followers {
		was := c.before.follower(f.Name)
		switch {
		case f.HasFollowed && (c.isNewVersion() || !was.HasFollowed) && all > 1:
			c.add(NewsFollows, func(e *Event) { e.Consumer, e.Version = f.Name, now.Version })
		case !f.HasFollowed && (c.isNewVersion() || was.Describe() != f.Describe()):
			c.add(NewsConsumer, func(e *Event) { e.Consumer, e.Detail, e.Version = f.Name, f.Describe(), now.Version })
		}
	}
	if behind := len(now.Behind()); behind == 0 && all > 0 && c.reaches(Retiring) {
		c.add(NewsFollowed, func(e *Event) { e.Followed, e.Of, e.Version = all, all, now.Version })
	}
}

func (c *comparison) compareGate() {
	gate, blocked := c.now.Gate()
	was, _ := c.before.Gate()
	known := !c.isNewVersion() && was.Reason == gate.Reason && was.Until.Equal(gate.Until)
	passing := gate.Reason == plan.Deployable || gate.Reason == plan.PendingWork // the next pass sees to it
	if blocked && !known && !passing && c.now.Phase == Retiring && !c.now.Held {
		c.add(NewsWaiting, func(e *Event) {
			e.Version, e.Reason, e.Detail, e.Until = gate.Version, gate.Reason, gate.Detail, gate.Until
		})
	}
	for _, ask := range c.now.Asks {
		if c.fresh || !containsAsk(c.before.Asks, ask) {
			c.add(NewsAsk, func(e *Event) { e.Reason, e.Detail, e.Version = ask.Reason, ask.Do, c.now.Version })
		}
	}
}

func containsAsk(asks []Ask, ask Ask) bool {
	for _, a := range asks {
		if a == ask {
			return true
		}
	}
	return false
}

func (c *comparison) compareEnd() {
	now := c.now
	switch {
	case now.CameToNought && !c.before.CameToNought:
		c.add(NewsNothing, func(e *Event) { e.Version = now.Version })
	case now.Phase == Arrived && !c.fresh && c.before.Phase != Arrived:
		c.add(NewsDone, func(e *Event) { e.Version, e.Versions = now.Version, now.Dead() })
	case len(now.Owed) > 0 && !c.isNewVersion() && len(goneFrom(c.before.Owed, now.Owed)) > 0:
		c.add(NewsRetired, func(e *Event) { e.Version, e.Versions = now.Version, goneFrom(c.before.Owed, now.Owed) })
	}
}

// Dead returns the versions that were replaced and are accepted nowhere any more. Of a change in several versions that
// is the one before the first: the others have what is current too.
func (p Progress) Dead() []string {
	var dead []string
	for i, id := range p.Replaced {
		if id != p.Version && !owes(p.Owed, id) && (i == 0 || p.Steps == 1) {
			dead = append(dead, id)
		}
	}
	return dead
}

// goneFrom returns the versions that were owed and are not any more.
func goneFrom(before, now []plan.OwedReport) []string {
	var gone []string
	for _, o := range before {
		if !owes(now, o.Version) {
			gone = append(gone, o.Version)
		}
	}
	return gone
}

func owes(owed []plan.OwedReport, id string) bool {
	for _, o := range owed {
		if o.Version == id {
			return true
		}
	}
	return false
}

func firstTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}
