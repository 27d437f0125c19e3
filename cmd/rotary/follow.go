package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// pollEvery is how often a followed environment is looked at.
const pollEvery = 5 * time.Second

// follow looks until done says so, and tells every change of what is seen.
func (s *session) follow(timeout time.Duration, done func(plan.Report) bool) error {
	deadline := time.After(timeout)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := ""
	for {
		report, err := s.look()
		if err != nil {
			return err
		}
		last = s.tell(report, last)
		if done(report) {
			return s.finished(report)
		}
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-deadline:
			return errors.Join(s.finished(report), unfinished{fmt.Sprintf("%s has not converged after %v; rotary status %s says what it waits for", s.env.Name, timeout, s.env.Name)})
		case <-tick.C:
		}
	}
}

func (s *session) finished(r plan.Report) error {
	if s.json {
		return s.print(r)
	}
	return nil
}

// tell prints what is going on, once for each change, on standard error where standard output is for a program.
func (s *session) tell(r plan.Report, last string) string {
	var lines []string
	for _, step := range r.Steps {
		lines = append(lines, step.String())
	}
	for _, w := range r.Waits {
		w.Until = time.Time{}
		lines = append(lines, "waiting: "+waiting(w, r.At))
	}
	if len(lines) == 0 {
		lines = []string{"converged: every consumer was seen on the current version, and nothing is owed"}
	}
	text := strings.Join(lines, "\n")
	if text == last {
		return last
	}
	out := s.out
	if s.json {
		out = s.err
	}
	fmt.Fprintf(out, "%s  %s\n", r.At.Format(time.TimeOnly), strings.Join(lines, "\n          "))
	return text
}

// confirm asks before a protected environment is changed. Only the environment's name typed in full is a yes.
func (s *session) confirm(yes bool, what string) error {
	if yes || !s.env.Protected {
		return nil
	}
	fmt.Fprintf(s.err, "%s is protected. To %s, type its name: ", s.env.Name, what)
	answer, _ := bufio.NewReader(s.in).ReadString('\n')
	if strings.TrimSpace(answer) != s.env.Name {
		return invalid{fmt.Errorf("not confirmed, nothing was changed; --yes confirms without asking")}
	}
	return nil
}

// missing says whether a Lambda does not exist.
func missing(err error) bool {
	_, is := errors.AsType[*types.ResourceNotFoundException](err)
	return is
}
