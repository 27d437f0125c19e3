package main

import (
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type acceptCmd struct {
	Env      string `arg:"" name:"ENV" help:"The environment."`
	Source   string `arg:"" name:"SOURCE" help:"The source."`
	Value    bool   `xor:"what" help:"Its current value is right, whatever its target answers."`
	Sessions bool   `xor:"what" help:"Whoever still uses its old credential may be cut off."`
	Version  string `help:"The id of the old version, or its end, where the target has seen several used."`
	Yes      bool   `help:"Do not ask where the environment is protected."`
}

func (acceptCmd) Help() string {
	return `--value: for a value that its target has not accepted, so that no bucket carries it: says that it is right. The next pass rolls it out to every consumer, and nobody asks the target about it again. Use it where the target cannot be reached from the rotate function, or where the credential is to start working later. rotary status names the sources. Exit code 0 where the value is accepted, also where it was before; 1 where another version has become current meanwhile; 2 where the source has no value, or nobody is asked about it.

--sessions: for an old credential that its target sees used after every consumer was seen without it. rotary status says who uses it, from where and since when. Says that they may be cut off: what uses it now, or begins to within 15 minutes. The next pass retires the credential. Of a database, those sessions are ended where the manifest says end_sessions; without that they go on until they end by themselves, and nobody can log in again. Exit code 0 where that is accepted, also where it was before; 1 where the version is not owed any more; 2 where nobody was seen using one.

Examples:
  rotary accept production app-db --value
  rotary accept production app-db --sessions`
}

func (c acceptCmd) Run(a *app) error {
	env, source, err := a.findSource(c.Env, c.Source)
	if err != nil {
		return err
	}
	if err := refuseUnbuilt(env); err != nil {
		return err
	}
	if !c.Value && !c.Sessions {
		return invalid{errors.New("accept takes your word that the current value is right (--value), " +
			"or that who uses the old one may be cut off (--sessions): say one of them")}
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	if c.Sessions {
		return c.acceptSessions(s, source)
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

// acceptSessions takes a person's word that whoever uses an old credential may be cut off.
func (c acceptCmd) acceptSessions(s *session, source manifest.Source) error {
	found, err := s.newOperator().FindUsed(s.ctx, source, c.Version)
	if err != nil {
		return err
	}
	short := history.Short(found.Version)
	if found.Done {
		return s.printLabelled(source, "accepted", found.Version,
			"who uses version "+short+" was accepted already: nothing was changed")
	}
	what := fmt.Sprintf("cut off who uses version %s of %s: %s", short, source.Name, found.Use.Seen)
	if err := s.confirmProtected(c.Yes, what); err != nil {
		return err
	}
	if err := s.newOperator().AcceptSessions(s.ctx, found); err != nil {
		return err
	}
	return s.printLabelled(source, "accepted", found.Version, fmt.Sprintf(
		"who uses version %s may be cut off: %s; %s. The next pass retires it, and rotary apply %s asks for one",
		short, found.Use.Seen, describeEnd(source), s.env.Name))
}

// describeEnd returns what becomes of the sessions of a login that is retired.
func describeEnd(source manifest.Source) string {
	switch {
	case source.Rotate.Kind() != manifest.Postgres && source.Rotate.Kind() != manifest.MySQL:
		return "it is refused from then on"
	case source.Database().EndSessions:
		return "its sessions are ended"
	}
	return "its sessions go on until they end by themselves, and nobody logs in again (end_sessions ends them)"
}
