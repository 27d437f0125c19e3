package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// mostConsumers is how many consumers a status shows where all of them are current.
const mostConsumers = 12

// renderStatus returns the status as text: heading, verdict, tables, what a person has to do, and the next command.
func (p page) renderStatus(all bool) string {
	parts := []string{p.renderHeading() + "\n" + p.renderVerdict()}
	if unbuilt := p.renderUnbuilt(); unbuilt != "" {
		parts = append(parts, unbuilt)
	}
	for _, table := range []string{p.renderConsumers(all), p.renderSources(all), p.renderOwed(), p.renderOthers()} {
		if table != "" {
			parts = append(parts, table)
		}
	}
	return strings.Join(append(parts, p.renderNext()), "\n\n")
}

func (p page) renderHeading() string {
	return p.Heading(p.place, "", p.describeMode(), p.report.At.UTC().Format("15:04 UTC"))
}

// describeMode returns the environment's mode, and that it is paused.
func (p page) describeMode() string {
	if p.report.Paused != nil {
		return "mode " + p.report.Mode + ", PAUSED"
	}
	return "mode " + p.report.Mode
}

// formatPauseEnd returns when the environment's pause ends.
func (p page) formatPauseEnd() string {
	return p.report.Paused.Until.UTC().Format("2006-01-02 15:04 MST")
}

// renderUnbuilt returns what the manifest asks for and this version does not do; "" for nothing.
func (p page) renderUnbuilt() string {
	if len(p.report.Unbuilt) == 0 {
		return ""
	}
	lines := []string{p.Fill("", p.environmentName()+
		" is not changed: this version of rotary does not do what its manifest asks for")}
	for _, line := range p.report.Unbuilt {
		lines = append(lines, p.Fill(p.Sign(screen.Attention)+" ", line))
	}
	return strings.Join(lines, "\n")
}

// renderVerdict returns in one line whether the environment has converged, and what is missing.
func (p page) renderVerdict() string {
	if p.report.Converged {
		return p.Fill(p.Paint(screen.Done, "CONVERGED")+": ",
			"every consumer runs the current version, and no old credential is owed")
	}
	return p.Fill(p.Paint(screen.Failed, "NOT CONVERGED")+": ", strings.Join(p.listFaults(), "; "))
}

// listFaults returns what keeps the environment from having converged, the worst first.
func (p page) listFaults() []string {
	states, owed := map[string]int{}, 0
	for _, c := range p.report.Consumers {
		states[consumerState(c)]++
	}
	var faults []string
	add := func(n int, one, several string) {
		if n == 1 {
			faults = append(faults, one)
		} else if n > 1 {
			faults = append(faults, fmt.Sprintf(several, n))
		}
	}
	add(states[isBehind], "1 consumer is behind", "%d consumers are behind")
	add(states[isUnknown], "1 consumer could not be seen", "%d consumers could not be seen")
	add(states[isLeft], "1 consumer left the manifest and is still there",
		"%d consumers left the manifest and are still there")
	add(states["rolling"], "1 consumer is rolling", "%d consumers are rolling")
	for _, s := range p.report.Sources {
		owed += len(s.Owed)
		switch {
		case s.Frozen != "":
			faults = append(faults, s.Name+" is frozen")
		case s.Taken != "":
			faults = append(faults, s.Name+" is not accepted by its target")
		case s.Pending != "":
			faults = append(faults, s.Name+" is being rotated")
		}
	}
	add(owed, "1 old credential waits", "%d old credentials wait")
	if len(faults) == 0 {
		add(len(p.report.Steps), "1 step to do", "%d steps to do")
		add(len(p.report.Waits), "1 thing to wait for", "%d things to wait for")
	}
	if len(faults) == 0 {
		return []string{"it cannot be told"}
	}
	return faults
}

// The states of consumers that stand out.
const (
	isBehind  = "BEHIND"
	isUnknown = "UNKNOWN"
	isLeft    = "LEFT" // the manifest does not have it any more
)

// consumerState returns the state of a consumer in the words of a status.
func consumerState(c plan.ConsumerReport) string {
	switch {
	case (c.State == "behind" || c.State == "failed") && !c.Remembered:
		return isBehind
	case c.State == "unknown":
		return isUnknown
	}
	if c.Remembered {
		return isLeft
	}
	return c.State
}

// isStranger reports whether this is the name of a stranger.
func (p page) isStranger(name string) bool {
	return slices.ContainsFunc(p.report.Strangers, func(t plan.StrangerReport) bool { return t.Name == name })
}

// renderConsumers returns the table of consumers: those that are not current first.
func (p page) renderConsumers(all bool) string {
	listed := slices.Clone(p.report.Consumers)
	slices.SortStableFunc(listed, func(a, b plan.ConsumerReport) int { return rankOf(a) - rankOf(b) })
	more := 0
	if !all && len(listed) > mostConsumers {
		shown := slices.IndexFunc(listed, func(c plan.ConsumerReport) bool { return consumerState(c) == "current" })
		if shown >= 0 {
			more, listed = len(listed)-shown, listed[:shown]
		}
	}
	t := screen.Table{Header: []string{"consumer", "kind", "runs", "since", "state", ""}}
	for _, c := range listed {
		t.Rows = append(t.Rows, []string{
			c.Name, c.Kind, orDash(history.Short(c.Running)), p.formatSince(c.Since), p.paintState(c),
			p.keepCommands(p.describeConsumer(c)),
		})
	}
	return joinNonEmpty(p.Table(t), p.describeMore(more, "consumer is current", "consumers are current"))
}

func rankOf(c plan.ConsumerReport) int {
	return slices.Index([]string{isBehind, isUnknown, isLeft, "rolling", "draining", "current"}, consumerState(c))
}

func (p page) paintState(c plan.ConsumerReport) string {
	sign := map[string]screen.Sign{
		isBehind: screen.Failed, isUnknown: screen.Failed, isLeft: screen.Attention,
		"rolling": screen.Busy, "draining": screen.Busy, "current": screen.Done,
	}
	state := consumerState(c)
	return p.Paint(sign[state], state)
}

// describeConsumer returns what else is known of a consumer: a failure first.
func (p page) describeConsumer(c plan.ConsumerReport) string {
	var parts []string
	if c.Source != "" {
		parts = append(parts, "reads source "+c.Source)
	}
	detail := c.Detail
	if f := c.Failed; f != nil {
		detail = strings.TrimSuffix(strings.TrimSuffix(detail, "failed: "+f.Reason), "; ")
		when := ""
		if !f.At.IsZero() {
			when = " " + formatAgo(p.report.At.Sub(f.At))
		}
		parts = append(parts, "rollout failed"+when+": "+f.Reason)
	}
	if c.RollingTo != "" && c.State == "rolling" {
		text := "to " + history.Short(c.RollingTo)
		if !c.RollingSince.IsZero() {
			text += " for " + formatSpan(p.report.At.Sub(c.RollingSince))
		}
		parts = append(parts, text)
	}
	told := strings.Split(detail, "; ")
	if len(told) > 1 && strings.Contains(strings.Join(told[1:], " "), " tasks") {
		told = told[1:] // the rollout tells the tasks too
	}
	for _, part := range told {
		if part != "" && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " · ")
}

// renderSources returns the table of sources: those that need attention, or all.
func (p page) renderSources(all bool) string {
	t := screen.Table{Header: []string{"source", "rotates", "next", "age", "state"}}
	more := 0
	for _, s := range p.report.Sources {
		state := p.describeSource(s)
		if all && s.AtOnce {
			state = joinNonEmpty(state, strings.TrimPrefix(describeAtOnce(s), s.Name+": "))
		}
		if state == "" && !all {
			more++
			continue
		}
		t.Rows = append(t.Rows, []string{
			s.Name, describeRotator(s), p.formatDay(s.Next), p.formatSince(s.Since), p.keepCommands(state),
		})
	}
	if len(t.Rows) == 0 {
		return joinNonEmpty("", strings.TrimSpace(p.describeMore(more, "source is in order", "sources are in order")))
	}
	return joinNonEmpty(p.Table(t), p.describeMore(more, "more is in order", "more are in order"))
}

func (p page) describeMore(n int, one, several string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "  1 " + one + ": --all"
	}
	return fmt.Sprintf("  %d %s: --all", n, several)
}

// describeRotator returns who or what rotates a source.
func describeRotator(s plan.SourceReport) string {
	switch s.Rotator {
	case manifest.Manual:
		return "a person"
	case manifest.Managed:
		return "AWS"
	}
	return s.Rotator
}

// renderNext returns what is true now, and the next command.
func (p page) renderNext() string {
	n := p.countForPeople()
	switch {
	case manifest.Mode(p.report.Mode) == manifest.Observe && !p.report.Converged:
		return p.Fill("", "mode observe: rotary changes nothing here. "+p.describeCommand("plan", "")+" shows what it would do")
	case p.report.Paused != nil:
		return p.Fill("", "Paused: rotary changes nothing here until "+p.formatPauseEnd()+". To end that: "+
			p.describeCommand("resume", ""))
	case p.report.Converged && n == 0:
		return p.Fill("", "Nothing is owed, and nothing waits for a person."+p.describeNextRotation())
	case n > 0:
		need := "1 thing needs"
		if n > 1 {
			need = fmt.Sprintf("%d things need", n)
		}
		return p.Fill("", need+" a person. "+p.describeCommand("plan", "")+" shows what the next pass does")
	}
	return p.Fill("", "Nothing needs a person: it goes on by itself. To follow it: "+p.describeCommand("wait", ""))
}

// describeNextRotation returns which source is rotated next; "" where none is scheduled.
func (p page) describeNextRotation() string {
	var next plan.SourceReport
	for _, s := range p.report.Sources {
		if !s.Next.IsZero() && (next.Next.IsZero() || s.Next.Before(next.Next)) {
			next = s
		}
	}
	if next.Name == "" {
		return ""
	}
	return " Next rotation: " + next.Name + ", " + p.formatDay(next.Next) + "."
}

// formatSince returns how long ago a time was; - for an unknown one.
func (p page) formatSince(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return formatSpan(p.report.At.Sub(t))
}

// formatDay returns the day of a time in UTC: today, 29 Dec, or with its year where that is another one; - for none.
func (p page) formatDay(t time.Time) string {
	at, now := t.UTC(), p.report.At.UTC()
	switch {
	case t.IsZero():
		return "-"
	case at.Format(time.DateOnly) == now.Format(time.DateOnly):
		return "today"
	case at.Year() != now.Year() && at.Sub(now).Abs() > 300*24*time.Hour:
		return at.Format("2 Jan 2006")
	}
	return at.Format("2 Jan")
}

// formatMoment returns a time of day in UTC, with its day where that is another one.
func (p page) formatMoment(t time.Time) string {
	if day := p.formatDay(t); day != "today" {
		return day + " " + t.UTC().Format("15:04")
	}
	return t.UTC().Format("15:04")
}

// joinNonEmpty joins the texts that are not empty, each in lines of its own.
func joinNonEmpty(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), "\n")
}
