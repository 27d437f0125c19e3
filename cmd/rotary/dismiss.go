package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/account"
	"github.com/rotary-secrets/rotary/pkg/operate"
)

type dismissCmd struct {
	Env      string `arg:"" name:"ENV" help:"The environment."`
	Stranger string `arg:"" name:"STRANGER" help:"Whom, as rotary status or rotary readers names it."`
	For      string `placeholder:"7d" help:"For how long: 90d at most."`
	Readmit  bool   `help:"End its dismissal now, instead."`
	Yes      bool   `help:"Do not ask where the environment is protected."`
}

func (dismissCmd) Help() string {
	return `A stranger runs on, or reads, one of the environment's secrets and stands in no manifest: the credentials that it may have are not retired. Declare it as a consumer or reader where it stays. This command says that it is of no concern for a time: until then nothing waits for it, and what it has may be refused. Tags of the environment's secrets, rotary:dismissed:STRANGER, record until when, since when and who did it. Exit code 0 where it is dismissed, or readmitted; 2 for a name that is none of a stranger's, and where there is nothing to readmit.

A stranger is ecs:CLUSTER/SERVICE, ecs-family:CLUSTER/FAMILY for tasks that belong to no service, github:OWNER/REPOSITORY[:ENVIRONMENT] or github-org:OWNER for one that has a receipt, the ARN of an IAM role or user, or service:HOST for a service of AWS. Of a name that is too long for a tag, status may show the beginning and a hash: that names it too.

Examples:
  rotary dismiss production ecs:main/canary --for 7d
  rotary dismiss production arn:aws:iam::111122223333:role/engineering --for 30d
  rotary dismiss production ecs:main/canary --readmit`
}

func (c dismissCmd) Run(a *app) error {
	span, err := c.checkSpan()
	if err != nil {
		return err
	}
	s, err := a.openSession(c.Env)
	if err != nil {
		return err
	}
	if c.Readmit {
		return c.readmitStranger(s)
	}
	if err := s.newOperator().CheckStranger(c.Stranger); err != nil {
		return err
	}
	if err := s.confirmProtected(c.Yes, "dismiss "+c.Stranger); err != nil {
		return err
	}
	caller, err := account.FindCaller(s.ctx, s.cfg)
	if err != nil {
		return err
	}
	until, err := s.newOperator().Dismiss(s.ctx, c.Stranger, span, caller)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(map[string]any{"dismissed": c.Stranger, "until": until.UTC().Truncate(time.Second), "by": caller})
	}
	_, err = fmt.Fprintf(s.out, "%s: dismissed until %s; to take that back: rotary dismiss %s %s --readmit\n",
		c.Stranger, until.UTC().Format("2006-01-02 15:04 MST"), s.env.Name, c.Stranger)
	return err
}

// checkSpan returns for how long the stranger is dismissed; 0 where it is readmitted.
func (c dismissCmd) checkSpan() (time.Duration, error) {
	switch {
	case c.Readmit && c.For != "":
		return 0, invalid{errors.New("--readmit ends a dismissal, and --for begins one: give one of them")}
	case c.Readmit:
		return 0, nil
	case c.For == "":
		return 0, invalid{errors.New("say for how long, with --for 7d: a dismissal ends by itself")}
	}
	return operate.ParseDismissalSpan(c.For)
}

func (c dismissCmd) readmitStranger(s *session) error {
	if err := s.newOperator().Readmit(s.ctx, c.Stranger); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(map[string]string{"readmitted": c.Stranger})
	}
	_, err := fmt.Fprintf(s.out, "%s: a stranger again\n", c.Stranger)
	return err
}
