package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
)

// rotateInEmergency rotates one source, whatever it owes.
func (c rotateCmd) rotateInEmergency(s *session, source manifest.Source) error {
	report, err := s.lookAtSource(source)
	if err != nil {
		return err
	}
	if why := operate.FindObstacle(report.Source(source.Name), c.OnlyDeclaredKeys); why != "" {
		return refuseRotation(source.Name, why)
	}
	e, err := c.findEmergency(s, source)
	if err != nil {
		return err
	}
	h := operate.Foresee(s.env, e, report)
	fmt.Fprintln(s.peopleWriter(), strings.Join(describeHarm(h, s.env.Name, e.Now), "\n"))
	if err := s.confirmAlways(c.Yes, describeEmergency(e)+" in "+s.env.Name); err != nil {
		return err
	}
	version, err := s.newOperator().StartEmergency(s.ctx, e)
	if err != nil {
		return err
	}
	if !c.Wait {
		return s.printEmergency(e, h, version)
	}
	w := c.newWatch(s, source.Name)
	w.note(report)
	w.tracker.Start(operate.Watch{Source: source.Name, Before: e.Before(), Version: version}, report.At)
	return w.run()
}

// findEmergency decides what an emergency does. It changes nothing.
func (c rotateCmd) findEmergency(s *session, source manifest.Source) (operate.Emergency, error) {
	deadline := time.Duration(0)
	if c.Deadline != nil {
		deadline = *c.Deadline
	}
	e, err := s.newOperator().FindEmergency(s.ctx, source, deadline, c.Again)
	if c.OnlyDeclaredKeys {
		e = e.OnlyDeclared()
	}
	return e, err
}

func describeEmergency(e operate.Emergency) string {
	if e.Going.ID != "" {
		return "go on with this emergency"
	}
	return "begin this emergency"
}

// printEmergency prints that an emergency has started.
func (s *session) printEmergency(e operate.Emergency, h operate.Harm, version string) error {
	switch {
	case s.json:
		return s.printJSON(map[string]any{"source": e.Source.Name, "version": version, "emergency": viewHarm(h)})
	case e.Begins():
		return s.printStarted(e.Source, version)
	}
	_, err := fmt.Fprintf(s.out, "%s: the emergency's version %s is under way; to see who follows: %s\n",
		e.Source.Name, history.Short(version), s.joinCommand(e.Source.Name))
	return err
}
