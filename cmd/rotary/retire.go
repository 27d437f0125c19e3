package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type retireCmd struct {
	Env     string `arg:"" name:"ENV" help:"The environment."`
	Source  string `arg:"" name:"SOURCE" help:"The source."`
	Revoked bool   `help:"You have revoked the old credential at its vendor."`
	Version string `placeholder:"ID" xor:"which" help:"Which owed version, or the end of its id; needed only where several are owed."`
	All     bool   `xor:"which" help:"Every owed version that no consumer could still need."`
	Yes     bool   `help:"Do not ask where the environment is protected."`
}

func (retireCmd) Help() string {
	return `Takes an owed version off the list once you have revoked its credential at the vendor or the target, whatever rotates the source: also where rotary's own retirement fails. It is refused while a consumer could still need it, so look before you revoke: rotary status says "safe to revoke at the vendor now". It moves one label, and revokes nothing itself. Exit code 0 where it is retired, 1 where a consumer could still need it, 2 where it is not owed.

Examples:
  rotary retire dev vendors --revoked
  rotary retire dev vendors --revoked --all     every owed version that nobody could still need`
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
	owed, err := c.findOwed(report, source.Name)
	if blocked, is := errors.AsType[*operate.Blocked](err); is {
		return fmt.Errorf("version %s of %s cannot be retired by hand now: %s; nothing was changed",
			history.Short(blocked.Owed.Version), source.Name, describeReason(blocked.Why(), report.At))
	}
	if err != nil {
		return err
	}
	what := fmt.Sprintf("retire version %s of %s", listShort(owed), source.Name)
	if err := s.confirmProtected(c.Yes, what); err != nil {
		return err
	}
	for _, o := range owed {
		if err := s.newOperator().Retire(s.ctx, source, o.Version); err != nil {
			return err
		}
		text := "version " + history.Short(o.Version) + " is retired"
		if err := s.printLabelled(source, "retired", o.Version, text); err != nil {
			return err
		}
	}
	return nil
}

// findOwed returns the owed versions that are meant.
func (c retireCmd) findOwed(r plan.Report, source string) ([]plan.OwedReport, error) {
	if c.All {
		return operate.FindAllRetirable(r, source)
	}
	owed, err := operate.FindRetirable(r, source, c.Version)
	return []plan.OwedReport{owed}, err
}

// listShort returns the short ids of owed versions.
func listShort(owed []plan.OwedReport) string {
	var ids []string
	for _, o := range owed {
		ids = append(ids, history.Short(o.Version))
	}
	return strings.Join(ids, ", ")
}

// describeBlock returns what keeps an owed version from being retired.
func describeBlock(o plan.OwedReport, r plan.Report) string {
	if len(o.Blocked) == 0 {
		return "rotary is about to retire it by itself"
	}
	return describeReason(o.Blocked[0], r.At)
}
