package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// pastEvent is one thing that happened to a source: a version was made, or something was reached of which no version
// tells any more.
type pastEvent struct {
	Source  string    `json:"source"`
	At      time.Time `json:"at"`
	What    string    `json:"what"` // the constants below
	Version string    `json:"version"`
	// Notes are about the version: current, retained, an emergency's.
	Notes []string `json:"notes,omitempty"`
	// Replaced is the version before, where that can be told; Followed is when every consumer had left that, and Dead when
	// its credential was ended.
	Replaced string    `json:"replaced,omitempty"`
	Followed time.Time `json:"followed,omitzero"`
	Dead     time.Time `json:"dead,omitzero"`
	// Accepted: the version before is owed: its target may still accept it.
	Accepted bool `json:"accepted,omitempty"`
}

// What happened.
const (
	pastRotated  = "rotated"
	pastRotating = "rotating" // it has not ended
	pastNext     = "next step"
	pastPut      = "put"
	pastMade     = "made" // how cannot be told
	pastBack     = "rolled back"
	pastFollowed = "followed"
	pastDead     = "dead"
)

// sourcePast has the events of one source.
type sourcePast struct {
	manifest.Source
	versions []history.Version  // oldest first
	logged   []metric.Milestone // oldest first
	steps    map[string]bool    // the versions that retirements have put
}

// listPast returns what happened to a source, in no order. Where its versions cannot be listed, it is what was logged.
//
//	a version                                     | what
//	----------------------------------------------|-----------
//	of which a rotation's end was logged          | rotated
//	is pending, and not current                   | rotating
//	was put by the retirement of another          | next step
//	of a source that people put                   | put
//	in use or once in use, and newer than another | put
//	  line of the source in the log               |
//	any other                                     | made
//
// A milestone about a version that replaced none, or that is not listed any more, is an event of its own, and so is every
// rollback.
func listPast(source manifest.Source, versions []history.Version, logged []metric.Milestone) []pastEvent {
	s := sourcePast{source, versions, logged, rotate.PutByAdvance(versions)}
	var all []pastEvent
	told := map[string]bool{} // versions of whose end an event tells
	for i, v := range versions {
		e := pastEvent{Source: s.Name, At: v.Created, What: s.howMade(v), Version: v.ID, Notes: listVersionNotes(v)}
		if before, some := s.findReplaced(i); some && s.wasUsed(v) && e.What != pastRotating {
			e.Replaced = before.ID
			e.Followed, e.Dead = s.lastOf(metric.Followed, before.ID), s.lastOf(metric.Retired, before.ID)
			_, live := before.Label(history.Live)
			e.Accepted = live && !before.Has(history.AWSCurrent)
			told[before.ID] = true
		}
		all = append(all, e)
	}
	for _, m := range logged {
		if what := s.tellAlone(m, told); what != "" {
			all = append(all, pastEvent{Source: s.Name, At: m.At, What: what, Version: m.Version})
		}
	}
	return all
}

// tellAlone returns what a milestone is as an event of its own; "" where another event tells it.
func (s sourcePast) tellAlone(m metric.Milestone, told map[string]bool) string {
	listed := slices.ContainsFunc(s.versions, func(v history.Version) bool { return v.ID == m.Version })
	switch {
	case m.Kind == metric.RolledBack:
		return pastBack
	case m.Kind == metric.Rotated && !listed:
		return pastRotated
	case m.Kind == metric.Followed && !told[m.Version]:
		return pastFollowed
	case m.Kind == metric.Retired && !told[m.Version]:
		return pastDead
	}
	return ""
}

func (s sourcePast) howMade(v history.Version) string {
	switch {
	case !s.lastOf(metric.Rotated, v.ID).IsZero():
		return pastRotated
	case v.Has(history.AWSPending) && !v.Has(history.AWSCurrent):
		return pastRotating
	case s.steps[v.ID]:
		return pastNext
	case !s.Rotate.IsScheduled() && s.Rotate.Managed == nil:
		return pastPut
	case s.wasUsed(v) && s.isLoggedBefore(v.Created):
		return pastPut
	}
	return pastMade
}

// wasUsed reports whether a version was current at some time, as far as labels and logs tell.
func (s sourcePast) wasUsed(v history.Version) bool {
	return v.Alive() || v.Has(history.AWSPrevious) ||
		slices.ContainsFunc(s.logged, func(m metric.Milestone) bool { return m.Version == v.ID })
}

// isLoggedBefore reports whether the log has a line about the source from before a time: an older rotary logged none.
func (s sourcePast) isLoggedBefore(at time.Time) bool {
	return len(s.logged) > 0 && s.logged[0].At.Before(at)
}

// findReplaced returns the version that a version replaced: the newest older one that was used. What was made and never
// used replaced none: the copy with which Secrets Manager tests a rotation function, or a rotation that failed.
func (s sourcePast) findReplaced(i int) (history.Version, bool) {
	for _, v := range slices.Backward(s.versions[:i]) {
		if s.wasUsed(v) {
			return v, true
		}
	}
	return history.Version{}, false
}

// lastOf returns when a version reached a milestone, the last time; the zero time where the log does not tell.
func (s sourcePast) lastOf(kind metric.MilestoneKind, version string) (at time.Time) {
	for _, m := range s.logged {
		if m.Kind == kind && m.Version == version {
			at = m.At
		}
	}
	return at
}

// listVersionNotes returns what the labels of a version say for people.
func listVersionNotes(v history.Version) (notes []string) {
	for _, note := range []struct{ label, words string }{
		{history.AWSCurrent, "current"}, {history.Deadline, "emergency"}, {history.Retain, "retained"}, {history.Rollback, "being rolled back to"},
	} {
		if slices.ContainsFunc(v.Labels, func(l string) bool {
			return l == note.label || strings.HasSuffix(note.label, "-") && strings.HasPrefix(l, note.label)
		}) {
			notes = append(notes, note.words)
		}
	}
	return notes
}

// keepAsked keeps the events of the asked time, the newest first, and of these as many as are asked for; 0 is all.
func (p *past) keepAsked(limit int) {
	p.Events = slices.DeleteFunc(p.Events, func(e pastEvent) bool { return e.At.Before(p.Since) })
	slices.SortStableFunc(p.Events, func(a, b pastEvent) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Version, b.Version))
	})
	if limit > 0 && len(p.Events) > limit {
		p.Older = len(p.Events) - limit
		p.Events = p.Events[:limit]
	}
	if p.Events == nil {
		p.Events = []pastEvent{}
	}
}
