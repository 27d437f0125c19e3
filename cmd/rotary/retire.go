package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/store"
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
	env, source, err := a.source(c.Env, c.Source)
	if err != nil {
		return err
	}
	if !c.Revoked {
		return invalid{errors.New("retire takes your word for it that the credential is revoked at its vendor: say --revoked")}
	}
	s, err := a.connect(env)
	if err != nil {
		return err
	}
	report, err := s.look()
	if err != nil {
		return err
	}
	owed, err := pick(report.Source(source.Name), c.Version)
	if err != nil {
		return invalid{err}
	}
	if len(owed.Blocked) == 0 || owed.Blocked[0].Reason != plan.ByHand {
		return fmt.Errorf("version %s of %s cannot be retired by hand now: %s; nothing was changed", history.Short(owed.Version), source.Name, blocked(owed, report))
	}
	if err := s.confirm(c.Yes, fmt.Sprintf("retire version %s of %s", history.Short(owed.Version), source.Name)); err != nil {
		return err
	}
	if err := s.forget(source.Secret, owed.Version); err != nil {
		return err
	}
	return s.said(source, "retired", owed.Version, "version "+history.Short(owed.Version)+" is retired")
}

// pick finds the owed version that is meant.
func pick(s plan.SourceReport, version string) (plan.OwedReport, error) {
	var all []string
	for _, o := range s.Owed {
		all = append(all, o.Version)
	}
	id, err := choose(s.Name, all, version)
	if err != nil {
		return plan.OwedReport{}, err
	}
	return s.Owed[slices.Index(all, id)], nil
}

// choose finds the owed version that is meant, by its id or the end of it; one that is alone needs no name.
func choose(source string, owed []string, given string) (string, error) {
	var all, meant []string
	for _, id := range owed {
		all = append(all, history.Short(id))
		if given == "" || id == given || history.Short(id) == given {
			meant = append(meant, id)
		}
	}
	switch {
	case len(all) == 0:
		return "", fmt.Errorf("source %s owes no retirement: nothing was changed", source)
	case len(meant) == 0:
		return "", fmt.Errorf("source %s does not owe the retirement of that version; it owes %s", source, strings.Join(all, ", "))
	case len(meant) > 1:
		return "", fmt.Errorf("source %s owes %d retirements, %s: name one with --version", source, len(all), strings.Join(all, ", "))
	}
	return meant[0], nil
}

func blocked(o plan.OwedReport, r plan.Report) string {
	if len(o.Blocked) == 0 {
		return "rotary is about to retire it by itself"
	}
	return why(o.Blocked[0], r.At)
}

// forget takes the LIVE label off a version whose credential is dead.
func (s *session) forget(name, version string) error {
	secrets := store.New(s.secrets())
	h, err := secrets.Look(s.ctx, name)
	if err != nil {
		return err
	}
	return secrets.Move(s.ctx, name, h.LabelFor(history.Live, version), "", version)
}
