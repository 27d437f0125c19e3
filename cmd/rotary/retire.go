package main

import (
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type retireCmd struct {
	Env     string `arg:"" name:"ENV" help:"The environment."`
	Source  string `arg:"" name:"SOURCE" help:"The source."`
	Revoked bool   `help:"You have revoked the old credential at its vendor."`
	Version string `placeholder:"ID" help:"Which owed version, or the end of its id; needed only where several are owed."`
	Yes     bool   `help:"Do not ask where the environment is protected."`
}

func (retireCmd) Help() string {
	return `For sources that a person rotates: takes an owed version off the list once you have revoked its credential at the vendor. It is refused while a consumer could still need it, so look before you revoke: rotary status says "safe to revoke at the vendor now". It moves one label, and revokes nothing itself. Exit code 0 where it is retired, 1 where a consumer could still need it, 2 where it is not owed.

Example:
  rotary retire dev vendors --revoked`
}

func (c retireCmd) Run(a *app) error {
	env, source, err := a.findSource(c.Env, c.Source)
	if err != nil {
		return err
	}
	if err := refuseUnbuilt(env); err != nil {
		return err
	}
	if !c.Revoked {
		return invalid{errors.New("retire takes your word for it that the credential is revoked at its vendor: " +
			"say --revoked")}
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	report, err := s.lookNow()
	if err != nil {
		return err
	}
	owed, err := operate.FindRetirable(report, source.Name, c.Version)
	if blocked, is := errors.AsType[*operate.Blocked](err); is {
		return fmt.Errorf("version %s of %s cannot be retired by hand now: %s; nothing was changed",
			history.Short(owed.Version), source.Name, describeBlock(blocked.Owed, report))
	}
	if err != nil {
		return err
	}
	what := fmt.Sprintf("retire version %s of %s", history.Short(owed.Version), source.Name)
	if err := s.confirmProtected(c.Yes, what); err != nil {
		return err
	}
	if err := s.newOperator().Retire(s.ctx, source, owed.Version); err != nil {
		return err
	}
	return s.printLabelled(source, "retired", owed.Version, "version "+history.Short(owed.Version)+" is retired")
}

// describeBlock returns what keeps an owed version from being retired.
func describeBlock(o plan.OwedReport, r plan.Report) string {
	if len(o.Blocked) == 0 {
		return "rotary is about to retire it by itself"
	}
	return describeReason(o.Blocked[0], r.At)
}
