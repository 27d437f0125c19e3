package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// printNotices prints a report's notices, and the alarms that a person has to look at.
func (a *app) printNotices(r plan.Report) {
	if notices := listNotices(r); len(notices) > 0 {
		fmt.Fprintf(a.out, "notices\n  %s\n", strings.Join(notices, "\n  "))
	}
	if len(r.Alarms) > 0 {
		fmt.Fprintln(a.out, "alarms")
	}
	for _, alarm := range r.Alarms {
		fmt.Fprintf(a.out, "  %s: %s (%s)\n", alarm.Subject, alarm.Detail, alarm.Name)
	}
}

func listNotices(r plan.Report) []string {
	var all []string
	for _, s := range r.Sources {
		all = append(all, describeKept(s)...)
		for _, o := range s.Obstacles {
			all = append(all, fmt.Sprintf("no rotation of %s starts: %s", s.Name, o.Text))
		}
		if s.AtOnce {
			all = append(all, describeAtOnce(s))
		}
		if s.Undeclared > 0 && !isAlarmed(r, plan.UndeclaredKey, s.Name) {
			all = append(all, fmt.Sprintf("source %s holds %s that nobody declared; rotary keeps what is there", s.Name,
				countNoun(s.Undeclared, "key")))
		}
	}
	return all
}

// describeKept returns a line for each version of a source that carries a veto, and for each whose retirement has failed.
func describeKept(s plan.SourceReport) []string {
	var all []string
	describe := func(version, what string) {
		all = append(all, fmt.Sprintf("version %s of %s: %s", history.Short(version), s.Name, what))
	}
	if len(s.Kept) > 0 {
		describe(s.Version, "it is current, and carries "+strings.Join(s.Kept, ", "))
	}
	for _, o := range s.Owed {
		if len(o.Kept) > 0 {
			describe(o.Version, "it is owed, and carries "+strings.Join(o.Kept, ", "))
		}
		if o.Failed != nil {
			describe(o.Version, o.Failed.String())
		}
	}
	return all
}

// isAlarmed reports whether a report has an alarm of a source.
func isAlarmed(r plan.Report, name, source string) bool {
	return slices.ContainsFunc(r.Alarms, func(a plan.Alarm) bool { return a.Name == name && a.Subject == source })
}

// describeAtOnce returns whom the rotation of a source without overlap refuses, and for how long.
func describeAtOnce(s plan.SourceReport) string {
	return fmt.Sprintf("%s: its rotation ends the old credential at once; refused until they have followed: %s",
		s.Name, consumersOf(s))
}

func consumersOf(s plan.SourceReport) string {
	if len(s.Consumers) == 0 {
		return "nobody, no consumer runs on it"
	}
	return strings.Join(s.Consumers, ", ")
}

// formatInstant returns a time in UTC, to the second.
func formatInstant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// formatLeft returns how long it is to t, or that it is over.
func formatLeft(t, now time.Time) string {
	if d := t.Sub(now).Round(time.Second); d > 0 {
		return "in " + d.String()
	}
	return "now"
}

// describeOutage returns whom a planned rotation refuses although every consumer follows.
func describeOutage(source manifest.Source, s plan.SourceReport) []string {
	switch life := source.Overlap().Std(); {
	case source.AtOnce():
		return []string{describeAtOnce(s)}
	case life > 0:
		return []string{fmt.Sprintf("%s: its vendor ends the old credential %s after the rotation; "+
			"refused then, unless they have followed: %s", s.Name, life, consumersOf(s))}
	}
	return nil
}
