package main

import (
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/account"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
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
	env, source, err := a.findSource(c.Env, c.Source)
	if err != nil {
		return err
	}
	if source.Rotate.Kind() == manifest.Managed {
		return invalid{fmt.Errorf("source %s is rotated by AWS itself, which ends the old credential whatever it "+
			"carries", source.Name)}
	}
	a.warnUnbuilt(env)
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	if c.Release {
		return c.releaseVersion(s, source)
	}
	return c.retainVersion(s, source)
}

func (c retainCmd) retainVersion(s *session, source manifest.Source) error {
	who, err := s.describeCaller()
	if err != nil {
		return err
	}
	r, err := s.newOperator().FindRetainable(s.ctx, source, c.Version, who)
	if err != nil {
		return err
	}
	short := history.Short(r.Version)
	if r.Done {
		return s.printLabelled(source, "retained", r.Version,
			"version "+short+" is retained already: nothing was changed")
	}
	if err := s.confirmProtected(c.Yes, fmt.Sprintf("retain version %s of %s", short, source.Name)); err != nil {
		return err
	}
	if err := s.newOperator().Retain(s.ctx, r); err != nil {
		return err
	}
	if err := s.newOperator().NoteRetention(s.ctx, r); err != nil {
		fmt.Fprintf(s.err, "warning: version %s is retained, and nothing records who did that, and when: %v\n", short, err)
	}
	return s.printLabelled(source, "retained", r.Version, fmt.Sprintf(
		"version %s is retained; to take that back: rotary retain %s %s --release", short, s.env.Name, source.Name))
}

func (c retainCmd) releaseVersion(s *session, source manifest.Source) error {
	r, err := s.newOperator().FindRetained(s.ctx, source, c.Version)
	if err != nil {
		return err
	}
	if r.Done {
		return s.printLabelled(source, "released", "", "no version is retained: nothing was changed")
	}
	short := history.Short(r.Version)
	what := fmt.Sprintf("let version %s of %s be retired", short, source.Name)
	if err := s.confirmProtected(c.Yes, what); err != nil {
		return err
	}
	if err := s.newOperator().Release(s.ctx, r); err != nil {
		return err
	}
	return s.printLabelled(source, "released", r.Version, "version "+short+" is not retained any more")
}

// describeCaller returns who runs this, for people: role/NAME for a session of a role.
func (s *session) describeCaller() (string, error) {
	arn, err := account.FindCaller(s.ctx, s.cfg)
	if err != nil {
		return "", err
	}
	parts := strings.Split(arn[strings.LastIndex(arn, ":")+1:], "/")
	if parts[0] == "assumed-role" && len(parts) > 1 {
		return "role/" + parts[1], nil
	}
	return strings.Join(parts, "/"), nil
}

// printLabelled ends a command that changes a label of one version.
func (s *session) printLabelled(source manifest.Source, key, version, text string) error {
	if s.json {
		return s.printJSON(map[string]string{"source": source.Name, key: version})
	}
	_, err := fmt.Fprintf(s.out, "%s: %s\n", source.Name, text)
	return err
}
