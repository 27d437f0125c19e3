package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type rotateCmd struct {
	Env     string        `arg:"" name:"ENV" help:"The environment."`
	Source  string        `arg:"" name:"SOURCE" help:"The source."`
	Wait    bool          `help:"Follow until every consumer runs the new credential and the old one is retired."`
	Timeout time.Duration `help:"How long to follow." default:"3h"`
	Yes     bool          `help:"Do not ask where the environment is protected."`
}

func (rotateCmd) Help() string {
	return "Asks Secrets Manager to rotate the source now. It is refused, and nothing changes, while an older credential of the source is still owed. Exit code 3 where --wait ends before everything has followed."
}

func (c rotateCmd) Run(a *app) error {
	s, source, err := a.openSource(c.Env, c.Source)
	if err != nil {
		return err
	}
	if err := rotatable(source); err != nil {
		return invalid{err}
	}
	if err := s.mayRotate(source); err != nil {
		return err
	}
	if err := s.confirm(c.Yes, fmt.Sprintf("rotate %s in %s", source.Name, s.env.Name)); err != nil {
		return err
	}
	version, err := s.startRotation(source)
	if err != nil {
		return err
	}
	if !a.json {
		fmt.Fprintf(a.out, "%s: rotation to version %s started\n", source.Name, version)
	}
	if c.Wait {
		return s.follow(c.Timeout, settledSource(source.Name, version))
	}
	if a.json {
		return a.print(map[string]string{"source": source.Name, "version": version})
	}
	return nil
}

func rotatable(source manifest.Source) error {
	switch source.Rotate.With {
	case manifest.Manual:
		return fmt.Errorf("source %s is rotated by hand: rotary put ENV %s", source.Name, source.Name)
	case manifest.Never:
		return fmt.Errorf("source %s is declared with: never, because replacing its value would destroy data", source.Name)
	case manifest.Managed:
		return fmt.Errorf("source %s is rotated by AWS itself", source.Name)
	}
	return nil
}

// mayRotate gives the refusal that the rotate Lambda would give, before anything is started.
func (s *session) mayRotate(source manifest.Source) error {
	report, err := s.look()
	if err != nil {
		return err
	}
	for _, r := range report.Sources {
		if r.Name == source.Name && len(r.Owed) > 0 {
			return fmt.Errorf("rotation of %s refused: version %s is not retired yet: %s; nothing was changed", source.Name, plan.Short(r.Owed[0].Version), owedText(r, report.At))
		}
	}
	return nil
}

func (s *session) startRotation(source manifest.Source) (string, error) {
	out, err := s.secrets().RotateSecret(s.ctx, &secretsmanager.RotateSecretInput{SecretId: &source.Secret})
	if invalid, is := errors.AsType[*types.InvalidRequestException](err); is {
		return "", fmt.Errorf("rotate %s: %s", source.Name, invalid.ErrorMessage())
	}
	if err != nil {
		return "", fmt.Errorf("rotate %s: %w", source.Name, err)
	}
	return aws.ToString(out.VersionId), nil
}

// settledSource says when a source's rotation is over: its new version is current and nothing is owed.
func settledSource(name, version string) func(plan.Report) bool {
	return func(r plan.Report) bool {
		for _, s := range r.Sources {
			if s.Name == name {
				return s.Pending == "" && len(s.Owed) == 0 && r.Converged
			}
		}
		return false
	}
}
