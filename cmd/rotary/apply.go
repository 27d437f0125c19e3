package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type applyCmd struct {
	Env            string        `arg:"" name:"ENV" help:"The environment."`
	Direct         bool          `help:"Run the passes here; only where no pipeline is deployed, because an environment has one writer."`
	AcceptRemovals []string      `placeholder:"NAME" help:"Names that a bucket may lose although the manifest still maps them."`
	Timeout        time.Duration `help:"How long to follow." default:"30m"`
	Yes            bool          `help:"Do not ask where the environment is protected."`
}

func (applyCmd) Help() string {
	return "Asks the deployed propagate Lambda for a pass, and follows until no step is left. Exit code 0 where every consumer has followed, 3 where something still waits; what waits goes on by itself."
}

func (c applyCmd) Run(a *app) error {
	s, err := a.open(c.Env)
	if err != nil {
		return err
	}
	deployed, err := s.deployed()
	if err != nil {
		return err
	}
	if err := s.confirm(c.Yes, "apply "+s.env.Name); err != nil {
		return err
	}
	switch {
	case c.Direct && deployed:
		return fmt.Errorf("apply %s --direct: a pipeline is deployed, and it is the only writer; leave --direct out", s.env.Name)
	case c.Direct:
		return s.applyHere(c)
	case !deployed:
		return fmt.Errorf("apply %s: %w: deploy it, or run the passes here with --direct", s.env.Name, pipeline.ErrNotDeployed)
	}
	request := event.Request{Rotary: "apply", Environment: s.env.Name, Execution: strconv.FormatInt(time.Now().UnixNano(), 36), AcceptRemovals: c.AcceptRemovals}
	if err := pipeline.Ask(s.ctx, s.env, sqs.NewFromConfig(s.cfg), request); err != nil {
		return err
	}
	return s.follow(c.Timeout, noSteps)
}

// noSteps ends following once nothing is left to do but wait for time or people.
func noSteps(r plan.Report) bool { return len(r.Steps) == 0 && !r.Rolling() }

// applyHere runs passes here until nothing is left but to wait for time or people.
func (s *session) applyHere(c applyCmd) error {
	deadline := time.Now().Add(c.Timeout)
	last := ""
	for {
		report, err := s.pass(c.AcceptRemovals, false).Run(s.ctx)
		if report.Environment != "" {
			last = s.tell(report, last)
		}
		if err != nil {
			return err
		}
		if noSteps(report) {
			return errors.Join(s.finished(report), remaining(report))
		}
		if time.Now().After(deadline) {
			return errors.Join(s.finished(report), unfinished{fmt.Sprintf("%s has not converged after %v; run it again to go on", s.env.Name, c.Timeout)})
		}
		if err := s.pause(len(report.Steps) == 0); err != nil {
			return err
		}
	}
}

// pause waits between passes, and not at all after one that did something.
func (s *session) pause(idle bool) error {
	if !idle {
		return s.ctx.Err()
	}
	select {
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}

func remaining(r plan.Report) error {
	if r.Converged {
		return nil
	}
	return unfinished{fmt.Sprintf("%s: nothing to do now, %d things to wait for", r.Environment, len(r.Waits))}
}
