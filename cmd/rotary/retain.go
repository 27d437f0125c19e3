package main

import (
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/store"
)

type retainCmd struct {
	Env     string `arg:"" name:"ENV" help:"The environment."`
	Source  string `arg:"" name:"SOURCE" help:"The source."`
	Version string `placeholder:"ID" help:"Which version, owed or current, or the end of its id; default: the owed one, or where none is owed the current one."`
	Release bool   `help:"Take the veto off again."`
	Yes     bool   `help:"Do not ask where the environment is protected."`
}

func (retainCmd) Help() string {
	return `Puts RETAIN on a version: nobody retires its credential, no gate and no emergency's deadline, until --release takes it off. One version of a source is retained at a time. While a retained version is owed, no planned rotation of the source starts. A retirement that began in the two minutes before may still end the credential. Exit code 0 where it is retained, or released; 1 where another version is; 2 where the version is neither owed nor current.

Examples:
  rotary retain production app-db               because a job that nobody sees still uses the old login
  rotary retain production app-db --release`
}

func (c retainCmd) Run(a *app) error {
	env, source, err := a.source(c.Env, c.Source)
	if err != nil {
		return err
	}
	if source.Rotate.With == manifest.Managed {
		return invalid{fmt.Errorf("source %s is rotated by AWS itself, which ends the old credential whatever it carries", source.Name)}
	}
	s, err := a.connect(env)
	if err != nil {
		return err
	}
	h, err := store.New(s.secrets()).Look(a.ctx, source.Secret)
	if err != nil {
		return err
	}
	if c.Release {
		return c.release(s, source, h)
	}
	return c.retain(s, source, h)
}

func (c retainCmd) retain(s *session, source manifest.Source, h history.History) error {
	version, err := retainable(h, source.Name, c.Version)
	if err != nil {
		return invalid{err}
	}
	short, release := history.Short(version), fmt.Sprintf("rotary retain %s %s --release", s.env.Name, source.Name)
	holder, some := h.Labelled(history.Retain)
	switch {
	case some && holder.ID == version:
		return s.said(source, "retained", version, "version "+short+" is retained already: nothing was changed")
	case some:
		return fmt.Errorf("version %s of %s is retained, and one version is at a time: to give that one up, %s; nothing was changed", history.Short(holder.ID), source.Name, release)
	}
	if err := s.confirm(c.Yes, fmt.Sprintf("retain version %s of %s", short, source.Name)); err != nil {
		return err
	}
	if err := store.New(s.secrets()).Move(s.ctx, source.Secret, history.Retain, version, ""); err != nil {
		return err
	}
	return s.said(source, "retained", version, "version "+short+" is retained; to take that back: "+release)
}

func (c retainCmd) release(s *session, source manifest.Source, h history.History) error {
	holder, some := h.Labelled(history.Retain)
	short := history.Short(holder.ID)
	switch {
	case !some:
		return s.said(source, "released", "", "no version is retained: nothing was changed")
	case c.Version != "" && c.Version != holder.ID && c.Version != short:
		return invalid{fmt.Errorf("version %s of %s is the one that is retained", short, source.Name)}
	}
	if err := s.confirm(c.Yes, fmt.Sprintf("let version %s of %s be retired", short, source.Name)); err != nil {
		return err
	}
	if err := store.New(s.secrets()).Move(s.ctx, source.Secret, history.Retain, "", holder.ID); err != nil {
		return err
	}
	return s.said(source, "released", holder.ID, "version "+short+" is not retained any more")
}

// retainable finds the version that is meant among those that may live: the owed ones, and the current one.
func retainable(h history.History, source, given string) (string, error) {
	current, exists := h.Current()
	var owed []string
	for _, v := range h.Owed() {
		owed = append(owed, v.ID)
	}
	switch {
	case !exists:
		return "", fmt.Errorf("source %s has no value yet: there is nothing to retain", source)
	case given == current.ID, given == history.Short(current.ID), given == "" && len(owed) == 0:
		return current.ID, nil
	case len(owed) == 0:
		return "", fmt.Errorf("source %s owes no retirement, and its current version is %s", source, history.Short(current.ID))
	}
	return choose(source, owed, given)
}

// said ends a command that changes a label of one version.
func (s *session) said(source manifest.Source, key, version, text string) error {
	if s.json {
		return s.print(map[string]string{"source": source.Name, key: version})
	}
	_, err := fmt.Fprintf(s.out, "%s: %s\n", source.Name, text)
	return err
}
