package stage

import (
	"context"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Follow deploys another manifest of the environment, as somebody does who edits theirs while they try rotary out: the
// places of consumers that are new are made, sources that are new get a value where the scene gives them one, and the
// Lambdas get the manifest. What has left the manifest stays where it is. It fails for another account or region, and
// for what this version of rotary does not do; then nothing has changed. The clock must not move meanwhile.
func (s *Stage) Follow(ctx context.Context, manifestYAML []byte) error {
	file, err := manifest.Parse("rotary.yaml", manifestYAML)
	if err != nil {
		return err
	}
	env, err := file.Environment(s.Env.Name)
	switch {
	case err != nil:
		return err
	case env.Account != s.Env.Account || env.Region != s.Env.Region:
		return fmt.Errorf("environment %s is account %s in %s now: start the stand-in again", env.Name, env.Account, env.Region)
	}
	if err := env.CheckBuilt(); err != nil {
		return err
	}
	before := s.Env
	s.Env, s.config.Manifest = env, manifestYAML
	s.backends.SetEnvironment(env)
	if err := s.addPlaces(ctx, before); err != nil {
		return err
	}
	if s.config.Lambdas == "" {
		return nil
	}
	if err := s.Pipeline(ctx, s.newDeployment()); err != nil {
		return err
	}
	return s.Rotations(ctx, s.Env, scheduled...)
}

// addPlaces makes what the manifest before did not have: secrets and their first values, places, tasks.
func (s *Stage) addPlaces(ctx context.Context, before *manifest.Environment) error {
	known := s.Values[""]
	for _, c := range s.Env.Consumers {
		_, had := before.Consumer(c.Name)
		switch {
		case had:
			s.setImage(c) // it may read more
			s.Code(c)
		case c.GitHub != nil:
			if err := s.addRepository(c, known); err != nil {
				return err
			}
		case c.Vercel != nil:
			s.addProjectWithToken(c, known)
		default:
			s.setImage(c)
			if err := s.startTasks(ctx, c); err != nil {
				return err
			}
		}
	}
	if err := s.iamUsers(ctx); err != nil {
		return err
	}
	if err := s.Containers(ctx, s.Env); err != nil {
		return err
	}
	return s.seedSources(ctx)
}

// setImage gives a consumer's first image what the manifest says that it reads.
func (s *Stage) setImage(c manifest.Consumer) {
	if c.ECS != nil || c.ECSFamily != nil {
		s.Image(Image(c.Name)+s.tag, App(s.Env, c))
	}
}
