package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// historyPage is a past that people read.
type historyPage struct {
	screen.Screen
	place screen.Place
	about string // the source and how it rotates; "" for all sources
	past  past
}

func (s *session) newHistoryPage(p past) historyPage {
	page := historyPage{place: placeOf(s.env), past: p}
	if source, known := s.env.Source(p.Source); known {
		page.about = source.Name + " (" + describeSourceRotation(source) + ")"
	}
	if s.view != nil {
		page.Screen = s.view()
	}
	return page
}

// describeSourceRotation returns who or what rotates a source, and how often.
func describeSourceRotation(s manifest.Source) string {
	text := describeRotator(plan.SourceReport{Rotator: s.Rotate.Kind()})
	if every := s.Rotate.Every; every > 0 {
		text += ", every " + every.String()
	}
	return text
}

func (p historyPage) renderPage(c historyCmd) string {
	var notes []string
	if p.about != "" {
		notes = []string{p.about}
	}
	parts := []string{p.Heading(p.place, "", notes...)}
	if len(p.past.Events) == 0 {
		parts = append(parts, p.Fill("", "Nothing is known of the last "+c.Since.String()+"."))
	} else {
		parts = append(parts, p.renderEvents())
	}
	for _, line := range p.past.Unread {
		parts = append(parts, p.Fill(p.Sign(screen.Attention)+" ", "not read: "+line))
	}
	return strings.Join(append(parts, p.renderLimits(c)), "\n")
}

func (p historyPage) renderEvents() string {
	t := screen.Table{Header: []string{"when (UTC)", "source", "what", "consumers", "the old one", ""}}
	for _, e := range p.past.Events {
		source := e.Source
		if p.about != "" {
			source = ""
		}
		t.Rows = append(t.Rows, []string{
			p.formatWhen(e.At), source, describePast(e), formatFollowed(e), formatDead(e), strings.Join(e.Notes, ", "),
		})
	}
	return p.Table(t)
}

func describePast(e pastEvent) string {
	short := history.Short(e.Version)
	switch e.What {
	case pastBack:
		return "back to " + short
	case pastFollowed:
		return "all had left " + short
	case pastDead:
		return short + " was ended"
	}
	return e.What + " " + short
}

// formatFollowed returns how long it took until every consumer had left the version before.
func formatFollowed(e pastEvent) string {
	if e.Followed.IsZero() {
		return ""
	}
	return "followed in " + formatWithin(e.Followed.Sub(e.At))
}

// formatDead returns what became of the credential of the version before.
func formatDead(e pastEvent) string {
	switch {
	case !e.Dead.IsZero():
		return "dead after " + formatWithin(e.Dead.Sub(e.At))
	case e.Accepted:
		return "still accepted"
	case e.Replaced != "":
		return "not owed"
	}
	return ""
}

// renderLimits returns what cannot be seen here, and how to see more.
func (p historyPage) renderLimits(c historyCmd) string {
	var more string
	if p.past.Older > 0 {
		more = fmt.Sprintf("%d older ones: %s. ", p.past.Older, screen.Whole("--limit 0"))
	}
	return p.Fill("", more+"Only the last "+c.Since.String()+" ("+screen.Whole("--since 26w")+" for more). "+
		"Secrets Manager forgets versions without a label, and logs are kept for a year. What people end (rotary retire) "+
		"is not logged. Who did it is in CloudTrail.")
}

// formatWhen returns a point in time, with its year where that is not the present one.
func (p historyPage) formatWhen(at time.Time) string {
	at = at.UTC()
	if at.Year() != p.past.At.UTC().Year() {
		return at.Format("02 Jan 2006 15:04")
	}
	return at.Format("02 Jan 15:04")
}

// formatWithin returns how long something took: 36s, 2m36s, 14m, 5h, 3d. Two clocks may differ a little: never less than
// nothing.
func formatWithin(d time.Duration) string {
	switch d = max(d, 0).Round(time.Second); {
	case d == 0:
		return "0s"
	case d < 10*time.Minute && d > time.Minute && d%time.Minute != 0:
		return d.String()
	}
	return formatSpan(d)
}
