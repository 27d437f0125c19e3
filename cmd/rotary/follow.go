package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// pollEvery is how often a followed environment is looked at.
const pollEvery = 5 * time.Second

// pursuit is how an environment is followed.
type pursuit struct {
	look    func() (plan.Report, error)
	done    func(plan.Report) (bool, error)
	timeout time.Duration
}

// followPursuit looks until the pursuit is done, fails or takes too long, and tells every change of what is seen.
func (s *session) followPursuit(p pursuit) error {
	deadline := s.now().Add(p.timeout)
	var report plan.Report
	last := ""
	for {
		seen, err := p.look()
		if seen.Environment != "" {
			report, last = seen, s.printNews(seen, last)
		}
		if err != nil && !isBusy(err) {
			return errors.Join(s.printLastReport(report), err)
		}
		if err == nil {
			if done, err := p.done(report); done || err != nil {
				return errors.Join(s.printLastReport(report), err)
			}
		}
		if !s.now().Before(deadline) {
			return errors.Join(s.printLastReport(report), unfinished{fmt.Sprintf(
				"%s after %v; rotary status %s says what it waits for",
				describeStanding(report), p.timeout, s.env.Name)})
		}
		if err := s.wait(s.ctx, pollEvery); err != nil {
			return errors.Join(s.printLastReport(report), fmt.Errorf("%s: %w", describeStanding(report), err))
		}
	}
}

// describeStanding returns in one line what is left to do.
func describeStanding(r plan.Report) string {
	if r.Converged {
		return r.Environment + " has converged"
	}
	return fmt.Sprintf("%s has not converged: %s to do, %s to wait for",
		r.Environment, countNoun(len(r.Steps), "step"), countNoun(len(r.Waits), "thing"))
}

// printLastReport prints the last report for a program.
func (s *session) printLastReport(r plan.Report) error {
	if s.json && r.Environment != "" {
		return s.printReport(r)
	}
	return nil
}

// printReport prints a report as JSON, its lists as lists even where they are empty.
func (a *app) printReport(r plan.Report) error {
	r.Steps, r.Waits = append([]plan.Step{}, r.Steps...), append([]plan.Wait{}, r.Waits...)
	r.Consumers, r.Alarms = append([]plan.ConsumerReport{}, r.Consumers...), append([]plan.Alarm{}, r.Alarms...)
	return a.printJSON(r)
}

// printNews prints what is going on, once for each change, on standard error where standard output is for a program.
func (s *session) printNews(r plan.Report, last string) string {
	lines := describeNews(r)
	text := strings.Join(lines, "\n")
	if text == last {
		return last
	}
	fmt.Fprintf(s.peopleWriter(), "%s  %s\n", r.At.Format(time.TimeOnly), strings.Join(lines, "\n          "))
	return text
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

// describeNews returns the lines of a report that are printed when they change, without countdowns.
func describeNews(r plan.Report) []string {
	var lines []string
	for _, source := range r.Sources {
		if source.Pending != "" {
			lines = append(lines, "rotating "+source.Name+" to version "+history.Short(source.Pending))
		}
	}
	for _, step := range r.Steps {
		lines = append(lines, step.Line(5))
	}
	for _, w := range r.Waits {
		w.Until = time.Time{}
		lines = append(lines, "waiting: "+describeWait(w, r.At))
	}
	if len(lines) == 0 {
		return []string{"converged: every consumer was seen on the current version, and nothing is owed"}
	}
	return lines
}

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
