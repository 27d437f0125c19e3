package operate

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Tracker follows changes of sources in report after report, and remembers when something was first seen. It may begin
// with any report: what was so already in the first one has no time.
type Tracker struct {
	last    map[string]Progress
	watches map[string]*Watch
	began   map[string]time.Time
}

// Start says that a rotation was asked for at a time: until it shows, its source has not changed yet.
func (t *Tracker) Start(w Watch, at time.Time) {
	t.Begin(w.Source, at)
	t.watches[w.Source] = &w
}

// Begin says when the change of a source began.
func (t *Tracker) Begin(source string, at time.Time) {
	if t.watches == nil {
		t.watches, t.began = map[string]*Watch{}, map[string]time.Time{}
	}
	t.began[source] = at
}

// Last returns what the reports so far have shown of a source.
func (t *Tracker) Last(source string) (Progress, bool) {
	p, known := t.last[source]
	return p, known
}

// Note notes a report, and returns how far the changes of these sources have come, and what is news.
func (t *Tracker) Note(r plan.Report, sources []string) ([]Progress, []Event) {
	if t.last == nil {
		t.last = map[string]Progress{}
	}
	var all []Progress
	var news []Event
	for _, name := range sources {
		now := Measure(r, name)
		before, known := t.last[name]
		if now.Pending != "" && t.watches[name] == nil {
			t.Start(Watch{Source: name, Before: now.Version, Version: now.Pending}, time.Time{})
		}
		if started := t.watches[name]; started != nil {
			now.CameToNought = started.Look(r)
			if !now.CameToNought && now.Version == started.Before && now.Phase == Arrived {
				now.Phase, now.Step, now.Left = Making, 1, r.Source(name).Pace.Total()
			}
			if !known && !t.began[name].IsZero() {
				before, known = Progress{Source: name, Version: started.Before, Phase: Making, At: t.began[name]}, true
			}
			before.Replaced = appendNew(before.Replaced, started.Before)
		}
		before.Began = firstTime(t.began[name], before.Began)
		now.remember(before, known, r.Source(name))
		t.last[name] = now
		all, news = append(all, now), append(news, compareProgress(before, now, known)...)
	}
	return all, news
}

// remember adds the times that earlier reports have shown.
func (p *Progress) remember(before Progress, known bool, s plan.SourceReport) {
	p.Replaced = slices.Clone(before.Replaced)
	for _, o := range p.Owed {
		p.Replaced = appendNew(p.Replaced, o.Version)
	}
	p.Began = before.Began
	if p.Began.IsZero() && p.Step == 1 && p.Phase != Arrived && p.Phase != Making {
		p.Began = s.Since
	}
	same := before.Version == p.Version
	if p.before = before.before; !same {
		p.before = before.held
	}
	if p.Phase != Making {
		p.Made = s.Since
	}
	isAfter := func(phase Phase) bool { return known && (!same || before.isBefore(phase)) }
	p.Written = first(same, before.Written, isAfter(Following) && !p.isBefore(Following), p.At)
	p.FollowedAt = first(same, before.FollowedAt, isAfter(Retiring) && !p.isBefore(Retiring), p.At)
	if p.FollowedAt.IsZero() && !p.isBefore(Retiring) {
		p.FollowedAt = s.Followed
	}
	p.RetiredAt = first(same, before.RetiredAt, isAfter(Arrived) && p.Phase == Arrived, p.At)
	for i, f := range p.Followers {
		was := before.follower(f.Name)
		if f.HasFollowed {
			p.Followers[i].At = first(same && was.HasFollowed, was.At, known && !(same && was.HasFollowed), p.At)
			p.Followers[i].At = firstTime(p.Followers[i].At, f.Since)
		}
	}
}

// first returns what was known before, where that still holds, or else now where it has just come about.
func first(holds bool, before time.Time, comes bool, now time.Time) time.Time {
	switch {
	case holds && !before.IsZero():
		return before
	case comes:
		return now
	}
	return time.Time{}
}

func (p Progress) follower(name string) Follower {
	for _, f := range p.Followers {
		if f.Name == name {
			return f
		}
	}
	return Follower{}
}

// isBefore reports whether the version has not come as far as a phase.
func (p Progress) isBefore(phase Phase) bool {
	order := []Phase{Making, Writing, Following, Retiring, Arrived}
	return slices.Index(order, p.Phase) < slices.Index(order, phase)
}

func appendNew(list []string, text string) []string {
	if text == "" || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}
