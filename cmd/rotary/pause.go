package main

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/rotary-secrets/rotary/pkg/account"
	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/pipeline/queue"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type pauseCmd struct {
	Env string `arg:"" name:"ENV" help:"The environment."`
	For string `placeholder:"4h" default:"4h" help:"For how long: 7d at most; default: 4h."`
	Yes bool   `help:"Do not ask where the environment is protected."`
}

func (pauseCmd) Help() string {
	return `Until the time is over, or rotary resume, passes over the environment look and change nothing: no bucket is written, nobody is rolled, nothing is retired. No rotation starts, by schedule, by a person or in an emergency: Secrets Manager's attempt is refused. A rotation that has made its version ends, and is followed afterwards. Schedules, events and alarms stay as they are. A pass that is under way ends what it has planned, and retires nothing more.

The tag rotary:paused of the environment's secrets records until when, since when and who did it: rotary status shows that. Paused again, the new time counts. Exit code 0 where it is paused; 2 where the mode is observe, and for a time that is none.

Examples:
  rotary pause production                for four hours
  rotary pause production --for 2d       over a weekend`
}

func (c pauseCmd) Run(a *app) error {
	span, err := operate.ParsePauseSpan(c.For)
	if err != nil {
		return err
	}
	s, err := a.openSession(c.Env)
	if err != nil {
		return err
	}
	if err := s.confirmProtected(c.Yes, "pause "+s.env.Name); err != nil {
		return err
	}
	caller, err := account.FindCaller(s.ctx, s.cfg)
	if err != nil {
		return err
	}
	p, err := s.newOperator().Pause(s.ctx, span, caller)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(map[string]any{"environment": s.env.Name, "paused": p})
	}
	_, err = fmt.Fprintf(s.out, "%s: %s; to end that: rotary resume %s\n", s.env.Name, p, s.env.Name)
	return err
}

type resumeCmd struct {
	Env string `arg:"" name:"ENV" help:"The environment."`
	Yes bool   `help:"Do not ask where the environment is protected."`
}

func (resumeCmd) Help() string {
	return `Ends what rotary pause began, and asks for a pass where a pipeline is deployed. Exit code 0 where the environment is not paused any more, also where it was not.

Examples:
  rotary resume production`
}

func (c resumeCmd) Run(a *app) error {
	s, err := a.openSession(c.Env)
	if err != nil {
		return err
	}
	if err := s.confirmProtected(c.Yes, "resume "+s.env.Name); err != nil {
		return err
	}
	paused, err := s.newOperator().Resume(s.ctx)
	if err != nil {
		return err
	}
	asked, err := s.askForPass(event.Request{})
	if err != nil {
		return fmt.Errorf("%s is not paused any more; ask for a pass: %w", s.env.Name, err)
	}
	if s.json {
		return s.printJSON(map[string]any{"environment": s.env.Name, "wasPaused": paused})
	}
	text := "not paused any more"
	if !paused {
		text = "was not paused"
	}
	if asked {
		text += "; to follow what it does now: rotary wait " + s.env.Name
	}
	_, err = fmt.Fprintf(s.out, "%s: %s\n", s.env.Name, text)
	return err
}

// askForPass asks the deployed pipeline for a pass, with what the request has to say besides. asked is false where none
// is deployed.
func (s *session) askForPass(request event.Request) (asked bool, err error) {
	deployed, err := s.isDeployed()
	if err != nil || !deployed {
		return false, err
	}
	request.Rotary, request.Environment = "apply", s.env.Name
	request.Execution = strconv.FormatInt(s.now().UnixNano(), 36)
	return true, queue.AskForPass(s.ctx, s.env, sqs.NewFromConfig(s.cfg), request)
}

// refusePaused returns why what would change the environment is not asked for while it is paused; nil where it is not.
func refusePaused(what string, r plan.Report) error {
	if r.Paused == nil {
		return nil
	}
	return &operate.Refused{What: what, Why: fmt.Sprintf("the environment is %s: rotary resume %s ends that",
		r.Paused, r.Environment)}
}
