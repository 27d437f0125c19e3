package main

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

type statusCmd struct {
	Env string `arg:"" name:"ENV" help:"The environment."`
}

func (statusCmd) Help() string {
	return `Changes nothing. Shows each source with the age of its current version, each consumer with what it was seen running, and each owed retirement with the first gate that blocks it (--json has all of them). Exit code 0 where everything has converged, 3 where something is still on its way.

A consumer is current, rolling, behind, draining, failed or unknown.

Example, in a deploy pipeline:
  rotary status production --json > status.json || echo "not converged yet"`
}

func (c statusCmd) Run(a *app) error {
	s, err := a.open(c.Env)
	if err != nil {
		return err
	}
	report, err := s.look()
	if err != nil {
		return err
	}
	if err := a.printStatus(report); err != nil {
		return err
	}
	if !report.Converged {
		return unfinished{stands(report) + "; rotary plan " + report.Environment + " lists them"}
	}
	return nil
}

func (a *app) printStatus(r plan.Report) error {
	if a.json {
		return a.printReport(r)
	}
	fmt.Fprintf(a.out, "%s\n\n%s\n", sourceTable(r), consumerTable(r))
	if len(r.Waits) > 0 {
		fmt.Fprintln(a.out)
	}
	a.printWaits(r)
	return nil
}

func sourceTable(r plan.Report) string {
	t := newTable("source", "rotator", "version", "age", "owed")
	for _, s := range r.Sources {
		t.AppendRow(table.Row{s.Name, s.Rotator, dash(plan.Short(s.Version)), age(s.Since, r.At), owedText(s, r.At)})
	}
	return t.Render()
}

func owedText(s plan.SourceReport, now time.Time) string {
	switch {
	case len(s.Owed) == 0 && s.Pending != "":
		return "rotation " + plan.Short(s.Pending) + " under way"
	case len(s.Owed) == 0:
		return ""
	}
	oldest := s.Owed[0]
	out := fmt.Sprintf("%s, %s old", plan.Short(oldest.Version), age(oldest.Made, now))
	if len(oldest.Blocked) > 0 {
		out += ": " + string(oldest.Blocked[0].Reason)
	}
	if more := len(s.Owed) - 1; more > 0 {
		out += fmt.Sprintf(" (and %d more)", more)
	}
	return out
}

func consumerTable(r plan.Report) string {
	t := newTable("consumer", "bucket", "runs", "state", "detail")
	for _, c := range r.Consumers {
		t.AppendRow(table.Row{c.Name, c.Bucket, dash(plan.Short(c.Running)), c.State, text.WrapSoft(c.Detail, 60)})
	}
	return t.Render()
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

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// age says how long ago t was, in the two largest units that matter to a person.
func age(t, now time.Time) string {
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
