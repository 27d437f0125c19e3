package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// pollEvery is how often a pass that is under way is looked at.
const pollEvery = 5 * time.Second

// describeStanding returns in one line what is left to do.
func describeStanding(r plan.Report) string {
	if r.Converged {
		return r.Environment + " has converged"
	}
	return fmt.Sprintf("%s has not converged: %s to do, %s to wait for",
		r.Environment, countNoun(len(r.Steps), "step"), countNoun(len(r.Waits), "thing"))
}

// printReport prints a report as JSON, its lists as lists even where they are empty.
func (a *app) printReport(r plan.Report) error { return a.printJSON(withLists(r)) }

// withLists returns a report whose lists are lists in JSON even where they are empty.
func withLists(r plan.Report) plan.Report {
	r.Steps, r.Waits = append([]plan.Step{}, r.Steps...), append([]plan.Wait{}, r.Waits...)
	r.Consumers, r.Alarms = append([]plan.ConsumerReport{}, r.Consumers...), append([]plan.Alarm{}, r.Alarms...)
	return r
}

// peopleWriter is where people read: standard output, unless that is for a program.
func (a *app) peopleWriter() io.Writer {
	if a.json {
		return a.err
	}
	return a.out
}

// hasScreen reports whether people read a screen, on which lines can be written over.
func (a *app) hasScreen() bool { return !a.json && a.shown != nil && a.shown() }

// confirmProtected asks before a protected environment is changed. Only the environment's name typed in full is a yes.
func (s *session) confirmProtected(yes bool, what string) error {
	return s.app.confirmName(yes || !s.env.Protected, s.env.Name, what)
}

func (a *app) confirmName(yes bool, name, what string) error {
	return a.askForName(yes, name, fmt.Sprintf("%s is protected. To %s, type its name: ", name, what))
}

// confirmAlways asks in every environment: what comes breaks somebody, or may.
func (s *session) confirmAlways(yes bool, what string) error {
	return s.askForName(yes, s.env.Name, fmt.Sprintf("To %s, type the environment's name, %s: ", what, s.env.Name))
}

func (a *app) askForName(yes bool, name, question string) error {
	if yes {
		return nil
	}
	fmt.Fprint(a.err, question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if errors.Is(err, context.Canceled) {
		return err
	}
	if strings.TrimSpace(answer) != name {
		return invalid{errors.New("not confirmed, nothing was changed; --yes confirms without asking")}
	}
	return nil
}
