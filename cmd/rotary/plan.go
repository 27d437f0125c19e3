package main

import (
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type planCmd struct {
	Env string `arg:"" name:"ENV" help:"The environment."`
}

func (planCmd) Help() string {
	return `Asks the deployed propagate Lambda for a dry run, so that you need no right to read a value; where no pipeline is deployed, it looks from here with your own credentials. Names and ids only; nothing is changed. Exit code 0 even where there is something to do: rotary status tells that apart.

A step is mark (a label goes on a source or bucket), write (a bucket gets new content), confirm (what an emergency has made is tested, and set again where its target refuses it), roll (a consumer is brought onto it), drop (a label comes off) or advance (an owed credential is retired). What waits says why: docs and alarms use the same words. Notices say whom a rotation would refuse, alarms what a person has to look at. With the manifest of a change that is not deployed yet it also says what that takes away although it is still needed.

Example:
  rotary plan dev --json | jq '.steps[].do'`
}

func (c planCmd) Run(a *app) error {
	s, err := a.openSession(c.Env)
	if err != nil {
		return err
	}
	report, err := s.lookNow()
	if err != nil {
		return err
	}
	return a.printPlan(report)
}

func (a *app) printPlan(r plan.Report) error {
	if a.json {
		return a.printReport(r)
	}
	a.printUnbuilt(r)
	if len(r.Steps) == 0 {
		fmt.Fprintf(a.out, "%s: nothing to do\n", r.Environment)
	} else {
		fmt.Fprintf(a.out, "%s: %s\n", r.Environment, countNoun(len(r.Steps), "step"))
	}
	for _, step := range r.Steps {
		fmt.Fprintf(a.out, "  %s\n", step)
	}
	a.printWaits(r)
	switch manifest.Mode(r.Mode) {
	case manifest.Observe:
		fmt.Fprintln(a.out, "mode observe: nothing is written")
	case manifest.Propagate:
		fmt.Fprintln(a.out, "mode propagate: nothing is retired")
	case manifest.Retire:
	}
	a.printDepartures(r)
	a.printNotices(r)
	return nil
}

// printDepartures prints what the manifest does not have any more and what is deployed still needs.
func (a *app) printDepartures(r plan.Report) {
	if len(r.Departures) > 0 {
		fmt.Fprintln(a.out, "deploying this manifest is refused")
	}
	for _, d := range r.Departures {
		fmt.Fprintf(a.out, "  %s; or deploy --forget %s\n", d, d.Name)
	}
}

// printUnbuilt prints what the manifest asks for and this version does not do.
func (a *app) printUnbuilt(r plan.Report) {
	if len(r.Unbuilt) == 0 {
		return
	}
	fmt.Fprintf(a.out, "%s is not changed: this version of rotary does not do what its manifest asks for\n", r.Environment)
	for _, line := range r.Unbuilt {
		fmt.Fprintf(a.out, "  %s\n", line)
	}
	fmt.Fprintln(a.out)
}

func (a *app) printWaits(r plan.Report) {
	if len(r.Waits) > 0 {
		fmt.Fprintln(a.out, "waiting")
	}
	for _, w := range r.Waits {
		fmt.Fprintf(a.out, "  %s\n", describeWait(w, r.At))
	}
}

// describeWait returns a wait as one line.
func describeWait(w plan.Wait, now time.Time) string {
	text := w.Subject
	if w.Version != "" {
		text += " " + history.Short(w.Version)
	}
	return text + ": " + describeReason(w, now)
}

// describeReason returns what is waited for, and how much longer where that is known.
func describeReason(w plan.Wait, now time.Time) string {
	text := string(w.Reason)
	if w.Detail != "" {
		text += " (" + w.Detail + ")"
	}
	if w.Until.After(now) {
		text += ", " + w.Until.Sub(now).Round(time.Second).String() + " more"
	}
	return text
}
