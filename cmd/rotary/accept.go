package main

import (
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/history"
)

type acceptCmd struct {
	Env    string `arg:"" name:"ENV" help:"The environment."`
	Source string `arg:"" name:"SOURCE" help:"The source."`
	Value  bool   `help:"Its current value is right, whatever its target answers."`
	Yes    bool   `help:"Do not ask where the environment is protected."`
}

func (acceptCmd) Help() string {
	return `For a value that its target has not accepted, so that no bucket carries it: says that it is right. The next pass rolls it out to every consumer, and nobody asks the target about it again. Use it where the target cannot be reached from the rotate function, or where the credential is to start working later. rotary status names the sources. Exit code 0 where the value is accepted, also where it was before; 1 where another version has become current meanwhile; 2 where the source has no value, or nobody is asked about it.

Example:
  rotary accept production app-db --value`
}

func (c acceptCmd) Run(a *app) error {
	env, source, err := a.findSource(c.Env, c.Source)
	if err != nil {
		return err
	}
	if err := refuseUnbuilt(env); err != nil {
		return err
	}
	if !c.Value {
		return invalid{errors.New("accept takes your word for it that the current value is right: say --value")}
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	found, err := s.newOperator().FindAcceptable(s.ctx, source)
	if err != nil {
		return err
	}
	short := history.Short(found.Version)
	if found.Done {
		return s.printLabelled(source, "accepted", found.Version,
			"version "+short+" is what buckets are computed from already: nothing was changed")
	}
	what := fmt.Sprintf("roll out version %s of %s, which its target has not accepted", short, source.Name)
	if err := s.confirmProtected(c.Yes, what); err != nil {
		return err
	}
	if err := s.newOperator().Accept(s.ctx, found); err != nil {
		return err
	}
	return s.printLabelled(source, "accepted", found.Version, fmt.Sprintf(
		"version %s is accepted; the next pass rolls it out, and rotary apply %s asks for one", short, env.Name))
}
