package main

import (
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

type planCmd struct {
	Env string `arg:"" name:"ENV" help:"The environment."`
}

func (planCmd) Help() string {
	return "Asks the deployed propagate Lambda for a dry run, so that you need no right to read a value; where no pipeline is deployed, it looks from here with your own credentials. Names and ids only. Exit code 0 even where there is something to do: rotary status tells that apart."
}

func (c planCmd) Run(a *app) error {
	s, err := a.open(c.Env)
	if err != nil {
		return err
	}
	report, err := s.look()
	if err != nil {
		return err
	}
	if a.json {
		return a.print(report)
	}
	a.printPlan(report)
	return nil
}

func (a *app) printPlan(r plan.Report) {
	if len(r.Steps) == 0 {
		fmt.Fprintf(a.out, "%s: nothing to do\n", r.Environment)
	} else {
		fmt.Fprintf(a.out, "%s: %d steps\n", r.Environment, len(r.Steps))
	}
	for _, step := range r.Steps {
		fmt.Fprintf(a.out, "  %s\n", step)
	}
	a.printWaits(r)
	if r.Mode != "retire" {
		fmt.Fprintf(a.out, "mode %s: nothing is retired%s\n", r.Mode, map[bool]string{true: ", and nothing is written"}[r.Mode == "observe"])
	}
}

func (a *app) printWaits(r plan.Report) {
	if len(r.Waits) > 0 {
		fmt.Fprintln(a.out, "waiting")
	}
	for _, w := range r.Waits {
		fmt.Fprintf(a.out, "  %s\n", waiting(w, r.At))
	}
}

// waiting says a wait in one line.
func waiting(w plan.Wait, now time.Time) string {
	text := w.Subject
	if w.Version != "" {
		text += " " + plan.Short(w.Version)
	}
	text += ": " + string(w.Reason)
	if w.Detail != "" {
		text += " (" + w.Detail + ")"
	}
	if w.Until.After(now) {
		text += ", " + w.Until.Sub(now).Round(time.Second).String() + " more"
	}
	return text
}
