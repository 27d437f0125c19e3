package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type waitCmd struct {
	Env     string        `arg:"" name:"ENV" help:"The environment."`
	Source  string        `arg:"" optional:"" name:"SOURCE" help:"The source; without one, whatever is under way."`
	For     operate.Goal  `enum:"followed,dead" default:"dead" help:"What to wait for: followed, until every consumer runs the new credential; dead, until the old one is retired too."`
	Timeout time.Duration `placeholder:"D" help:"How long to wait; default: twice the time that it takes as a rule."`
}

func (waitCmd) Help() string {
	return `Shows how whatever is under way goes: rotations, and values that were put; who started them does not matter. Changes nothing, and may be interrupted and run again at any time. On a terminal the board is drawn over itself; elsewhere each change is a line; with --json each is an object on a line, and the last has "event": "end".

Exit code 0 once what is waited for has come about, and where nothing is under way. 3 where the time is up, or where only a person can end it: a credential that has to be revoked at its vendor, RETAIN, a rollout that failed, a value that its target has not accepted. That is not waited for: it says what to do. 1 where it cannot look any more. Ctrl-C ends the watching alone: exit code 3.

Examples:
  rotary wait production
  rotary wait production app-db --for followed
  rotary wait production --timeout 30m`
}

func (c waitCmd) Run(a *app) error {
	env, err := c.checkArguments(a)
	if err != nil {
		return err
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	report, err := s.lookUntil(s.now().Add(time.Minute))
	if err != nil {
		return err
	}
	w := &watch{
		session: s, done: "changed", goal: c.For, sources: c.chooseSources(report), timeout: c.Timeout,
		look: replayFirst(report, s.lookNow),
	}
	if len(w.sources) == 0 {
		return c.printIdle(s, report)
	}
	if w.isRotation() {
		w.done = "rotated"
	}
	w.title = countThings(len(w.sources))
	if c.Source != "" {
		w.title = "wait " + c.Source
	}
	return w.run()
}

func (c waitCmd) checkArguments(a *app) (*manifest.Environment, error) {
	switch {
	case c.Timeout < 0:
		return nil, invalid{fmt.Errorf("--timeout %s is before now", c.Timeout)}
	case c.Source == "":
		return a.readEnvironment(c.Env)
	}
	env, _, err := a.findSource(c.Env, c.Source)
	return env, err
}

// chooseSources returns whose changes are under way, and Everything where a bucket or a consumer is behind without one.
func (c waitCmd) chooseSources(r plan.Report) []string {
	if c.Source != "" {
		if p := operate.Measure(r, c.Source); p.Phase == operate.Arrived {
			return nil
		}
		return []string{c.Source}
	}
	sources := operate.ListUnderWay(r)
	if len(sources) == 0 && operate.Measure(r, operate.Everything).Phase != operate.Arrived {
		sources = append(sources, operate.Everything)
	}
	return sources
}

// printIdle prints that there is nothing to wait for.
func (c waitCmd) printIdle(s *session, r plan.Report) error {
	if s.json {
		return s.printLine(lastLine{
			At: r.At, Event: "end", Environment: s.env.Name, Reached: true, Converged: r.Converged,
			Sources: []changeState{}, Report: withLists(r),
		})
	}
	_, err := fmt.Fprintf(s.out, "%s: nothing is on its way, and nothing is owed.\n", cmp.Or(c.Source, s.env.Name))
	return err
}

// countThings returns how many things are on their way.
func countThings(n int) string {
	if n == 1 {
		return "1 thing is on its way"
	}
	return fmt.Sprintf("%d things are on their way", n)
}

// replayFirst returns a look that returns report once, and then looks.
func replayFirst(report plan.Report, look func() (plan.Report, error)) func() (plan.Report, error) {
	first := true
	return func() (plan.Report, error) {
		if first {
			first = false
			return report, nil
		}
		return look()
	}
}
