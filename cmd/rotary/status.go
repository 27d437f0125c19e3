package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type statusCmd struct {
	Env string `arg:"" name:"ENV" help:"The environment."`
}

func (statusCmd) Help() string {
	return `Changes nothing. Shows each source with the age of its current version, each consumer with what it was seen running, each owed retirement with every gate that blocks it, and what a person has to look at. Exit code 0 where everything has converged, 3 where something is still on its way.

A consumer is current, rolling, behind, draining, failed or unknown. An owed version is an old credential that its target may still accept: it dies when no gate blocks it any more, or at an emergency's deadline. An alarm has the name of its runbook in docs/runbook. --json has everything.

Example, in a deploy pipeline:
  rotary status production --json > status.json || echo "not converged yet"`
}

func (c statusCmd) Run(a *app) error {
	s, err := a.openSession(c.Env)
	if err != nil {
		return err
	}
	report, err := s.lookNow()
	if err != nil {
		return err
	}
	if err := a.printStatus(report); err != nil {
		return err
	}
	if !report.Converged {
		return unfinished{describeStanding(report) + "; rotary plan " + report.Environment + " lists them"}
	}
	return nil
}

func (a *app) printStatus(r plan.Report) error {
	if a.json {
		return a.printReport(r)
	}
	a.printUnbuilt(r)
	fmt.Fprintf(a.out, "%s\n\n%s\n", sourceTable(r), consumerTable(r))
	if owed := owedTable(r); owed != "" {
		fmt.Fprintf(a.out, "\n%s\n", owed)
	}
	r.Waits = describeElsewhere(r)
	if len(r.Waits)+len(r.Alarms)+len(listNotices(r)) > 0 {
		fmt.Fprintln(a.out)
	}
	a.printWaits(r)
	a.printNotices(r)
	return nil
}

// describeElsewhere returns the waits that no line of the table of owed retirements tells.
func describeElsewhere(r plan.Report) []plan.Wait {
	told := map[string]bool{}
	for _, s := range r.Sources {
		for _, o := range s.Owed {
			told[s.Name+" "+o.Version] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(r.Waits), func(w plan.Wait) bool { return told[w.Subject+" "+w.Version] })
}

func sourceTable(r plan.Report) string {
	t := newTable("source", "rotator", "version", "age", "state")
	for _, s := range r.Sources {
		t.AppendRow(table.Row{
			s.Name, s.Rotator, orDash(history.Short(s.Version)), formatAge(s.Since, r.At), sourceState(s),
		})
	}
	return renderTable(t)
}

func sourceState(s plan.SourceReport) string {
	var parts []string
	if s.Frozen != "" {
		parts = append(parts, "frozen")
	}
	if s.Pending != "" {
		parts = append(parts, "rotating to "+history.Short(s.Pending))
	}
	if n := len(s.Owed); n > 0 {
		parts = append(parts, fmt.Sprintf("%d owed", n))
	}
	parts = append(parts, s.Kept...)
	return strings.Join(parts, ", ")
}

// owedTable returns a table with a line for each owed retirement; "" where there is none.
func owedTable(r plan.Report) string {
	t := newTable("owed", "version", "for", "dies", "waits for")
	for _, s := range r.Sources {
		for _, o := range s.Owed {
			t.AppendRow(table.Row{
				s.Name, history.Short(o.Version), formatAge(o.Since, r.At), formatDeath(o, r.At), listGates(o, r.At),
			})
		}
	}
	if t.Length() == 0 {
		return ""
	}
	return renderTable(t)
}

// formatDeath returns when an emergency retires a version; without an emergency, its consumers decide that.
func formatDeath(o plan.OwedReport, now time.Time) string {
	switch {
	case o.Dies.IsZero():
		return "-"
	case !o.Dies.After(now):
		return "overdue"
	}
	return formatLeft(o.Dies, now)
}

// listGates returns the detail of the first closed gate, and the names of the others.
func listGates(o plan.OwedReport, now time.Time) string {
	if len(o.Blocked) == 0 {
		return "nothing: the next pass retires it"
	}
	text := describeReason(o.Blocked[0], now)
	var more []string
	for _, w := range o.Blocked[1:] {
		more = append(more, string(w.Reason))
	}
	if len(more) > 0 {
		text += "; then " + strings.Join(more, ", ")
	}
	return text
}

func consumerTable(r plan.Report) string {
	t := newTable("consumer", "reads", "runs", "state", "detail")
	for _, c := range r.Consumers {
		t.AppendRow(table.Row{c.Name, c.Reads(), orDash(history.Short(c.Running)), c.State, text.WrapSoft(c.Detail, 60)})
	}
	return renderTable(t)
}

func newTable(columns ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	style.Options = table.OptionsNoBordersAndSeparators
	t.SetStyle(style)
	t.AppendHeader(columns)
	return t
}

// renderTable draws a table without the blanks that would make every line as long as the longest.
func renderTable(t table.Writer) string {
	var lines []string
	for line := range strings.Lines(t.Render()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// formatAge returns how long ago t was, in minutes, hours and minutes, or days.
func formatAge(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	}
}
