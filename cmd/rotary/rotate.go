package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
)

type rotateCmd struct {
	Env     string        `arg:"" name:"ENV" help:"The environment."`
	Source  string        `arg:"" name:"SOURCE" help:"The source."`
	Wait    bool          `help:"Follow until every consumer runs the new credential and the old one is retired."`
	Timeout time.Duration `help:"How long to follow." default:"3h"`
	Yes     bool          `help:"Do not ask where the environment is protected."`
}

func (rotateCmd) Help() string {
	return `Asks Secrets Manager to rotate the source now; the rotate Lambda makes the new credential. It is refused, and nothing changes, while an older credential of the source is still owed or a rotation is under way. Exit code 0 once it has started, with --wait once the old credential is dead; 1 where it is refused now, 2 where the source is none that rotates; 3 where --wait ends before everything has followed: the rotation goes on by itself.

Example:
  rotary rotate dev handshake --wait`
}

func (c rotateCmd) Run(a *app) error {
	env, source, err := a.source(c.Env, c.Source)
	if err != nil {
		return err
	}
	if err := rotatable(env, source); err != nil {
		return invalid{err}
	}
	s, err := a.connect(env)
	if err != nil {
		return err
	}
	before, err := s.mayRotate(source)
	if err != nil {
		return err
	}
	if err := s.confirm(c.Yes, fmt.Sprintf("rotate %s in %s", source.Name, env.Name)); err != nil {
		return err
	}
	version, err := s.startRotation(source)
	if err != nil {
		return err
	}
	if err := s.started(source, version, c.Wait); err != nil || !c.Wait {
		return err
	}
	watch := &rotation{source: source.Name, before: before, version: version}
	return s.follow(pursuit{s.look, watch.done, c.Timeout})
}

func rotatable(env *manifest.Environment, source manifest.Source) error {
	if env.Mode == manifest.Observe {
		return fmt.Errorf("rotation of %s refused: mode observe writes nothing in %s, so no consumer would follow", source.Name, env.Name)
	}
	switch source.Rotate.With {
	case manifest.Manual:
		return fmt.Errorf("source %s is rotated by a person: make the new credential at its vendor, then rotary put %s %s", source.Name, env.Name, source.Name)
	case manifest.Never:
		return fmt.Errorf("source %s is declared with: never, because replacing its value would destroy data", source.Name)
	case manifest.Managed:
		return fmt.Errorf("source %s is rotated by AWS itself", source.Name)
	}
	_, err := rotators.Opener(rotators.Reach{Environment: env})(source)
	return err
}

// mayRotate gives the refusal that the rotate Lambda would give, before anything is started, and returns the
// version that is current now.
func (s *session) mayRotate(source manifest.Source) (current string, err error) {
	refuse := func(why string) error {
		return fmt.Errorf("rotation of %s refused: %s; nothing was changed", source.Name, why)
	}
	deployed, err := s.deployed()
	if err != nil {
		return "", err
	}
	if !deployed {
		return "", refuse(pipeline.ErrNotDeployed.Error() + ", and its rotate Lambda does the rotating: deploy it")
	}
	report, err := s.look()
	if err != nil {
		return "", err
	}
	r := find(report, source.Name)
	switch {
	case r.Version == "":
		return "", refuse("it has no value yet: rotary put " + s.env.Name + " " + source.Name)
	case len(r.Owed) > 0:
		return "", refuse("version " + plan.Short(r.Owed[0].Version) + " is not retired yet: " + blocked(r.Owed[0], report))
	case r.Pending != "":
		return "", refuse("a rotation to version " + plan.Short(r.Pending) + " is under way: rotary status " + s.env.Name)
	}
	return r.Version, nil
}

// find returns what a report says of a source.
func find(r plan.Report, source string) plan.SourceReport {
	for _, s := range r.Sources {
		if s.Name == source {
			return s
		}
	}
	return plan.SourceReport{}
}

func (s *session) startRotation(source manifest.Source) (string, error) {
	out, err := s.secrets().RotateSecret(s.ctx, &secretsmanager.RotateSecretInput{SecretId: &source.Secret})
	if refused, is := errors.AsType[*types.InvalidRequestException](err); is {
		return "", fmt.Errorf("rotate %s: Secrets Manager refuses: %s", source.Name, refused.ErrorMessage())
	}
	if err != nil {
		return "", fmt.Errorf("rotate %s: %w", source.Name, err)
	}
	return aws.ToString(out.VersionId), nil
}

// started says that the rotation is on its way; where it is followed, a program gets the last report instead.
func (s *session) started(source manifest.Source, version string, followed bool) error {
	switch {
	case !s.json:
		fmt.Fprintf(s.out, "%s: rotation to version %s started", source.Name, plan.Short(version))
		if !followed {
			fmt.Fprintf(s.out, "; rotary status %s shows who follows", s.env.Name)
		}
		fmt.Fprintln(s.out)
	case !followed:
		return s.print(map[string]string{"source": source.Name, "version": version})
	}
	return nil
}

// rotation is one that is followed.
type rotation struct {
	source, before, version string
	idle                    int // looks in a row that saw neither the new version nor one pending
}

// done says when the rotation is over: another version is current, none is pending, and nothing is owed. A rotation
// that the Lambda refused leaves no trace, so after a few looks without one it has failed.
func (w *rotation) done(r plan.Report) (bool, error) {
	s := find(r, w.source)
	switch {
	case s.Pending != "":
		w.idle = 0
		return false, nil
	case s.Version == w.before:
		w.idle++
		if w.idle < 3 {
			return false, nil
		}
		return true, fmt.Errorf("the rotation of %s to version %s has come to nothing: version %s is still current; the rotate Lambda's log says why", w.source, plan.Short(w.version), plan.Short(w.before))
	case len(s.Owed) == 0:
		return true, nil
	case r.Mode != string(manifest.Retire) && still(r):
		return true, remaining(r)
	}
	return false, nil
}
