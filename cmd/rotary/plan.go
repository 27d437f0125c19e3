package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

type planCmd struct {
	Env      string `arg:"" name:"ENV" help:"The environment."`
	Markdown bool   `help:"Print it as Markdown, for a comment on a pull request."`
}

func (planCmd) Help() string {
	return `Asks the deployed propagate Lambda for a dry run, so that you need no right to read a value; where no pipeline is deployed, it looks from here with your own credentials. Names and ids only; nothing is changed. Exit code 0 even where there is something to do: rotary status --exit-code tells that apart.

The signs: ~ + - before a bucket for names that change, are new, or go; > a consumer is rolled; . its own pipeline deploys it; - an old credential is retired; ! a person has to do something; … it waits. --json lists every step, labels and tags too.

With the manifest of a change that is not deployed yet (--manifest) it also says what that takes away although it is still needed.

Examples:
  rotary plan dev
  rotary plan dev --json | jq '.steps[].do'
  rotary --manifest NEW plan production --markdown | gh pr comment --body-file -`
}

func (c planCmd) Run(a *app) error {
	if c.Markdown && a.json {
		return invalid{errors.New("plan: --markdown and --json are two forms of the same: leave one out")}
	}
	s, err := a.openSession(c.Env)
	if err != nil {
		return err
	}
	report, err := s.lookNow()
	if err != nil {
		return err
	}
	if c.Markdown {
		_, err := fmt.Fprint(s.out, s.newPage(report).renderMarkdown())
		return err
	}
	return s.printPlan(report)
}

func (s *session) printPlan(r plan.Report) error {
	if s.json {
		return s.printReport(r)
	}
	_, err := fmt.Fprintln(s.out, s.newPage(r).renderPlan())
	return err
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
