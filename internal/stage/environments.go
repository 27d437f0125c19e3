package stage

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Beside sets another environment of the manifest up in the same world: its own account, the same GitHub and Vercel.
// Vercel projects and GitHub Apps that both environments name are made anew, so a manifest for two should not share
// them. Closing either ends the world.
func (s *Stage) Beside(ctx context.Context, environment, dir string) (*Stage, error) {
	c := s.config
	c.Environment, c.Dir, c.Unseeded = environment, dir, nil
	file, err := manifest.Parse("rotary.yaml", c.Manifest)
	if err != nil {
		return nil, err
	}
	env, err := file.Environment(environment)
	if err != nil {
		return nil, err
	}
	other := &Stage{World: s.World, Env: env, At: s.At, Values: map[string]map[string]string{}, config: c, stop: func() {}, tag: "-" + environment}
	apps := firstImages(env)
	for _, image := range slices.Sorted(maps.Keys(apps)) {
		s.Image(image+other.tag, apps[image])
	}
	if err := other.deployFirst(ctx, c); err != nil {
		return nil, fmt.Errorf("set up %s beside %s on the stand-in: %w", environment, s.Env.Name, err)
	}
	return other, nil
}

// Redeploy deploys another manifest for the environment, as a stack update does: new containers are made, the
// Lambdas get a new zip, the rules new names. It puts no value and starts no service. Repeatable.
func (s *Stage) Redeploy(ctx context.Context, manifestYAML []byte) error {
	file, err := manifest.Parse("rotary.yaml", manifestYAML)
	if err != nil {
		return err
	}
	env, err := file.Environment(s.Env.Name)
	if err != nil {
		return err
	}
	s.Env, s.config.Manifest = env, manifestYAML
	if err := s.Containers(ctx, env); err != nil {
		return err
	}
	return s.Pipeline(ctx, s.newDeployment())
}

// newDeployment returns what infra deploys for the stage's environment.
func (s *Stage) newDeployment() standin.Deployment {
	d := standin.Deployment{
		Environment: s.Env, Manifest: s.config.Manifest, At: s.At, Dir: s.config.Dir,
		Propagate: s.config.bootstrapPath("propagate"), Rotate: s.config.bootstrapPath("rotate"),
	}
	if s.backends != nil {
		d.Instead = s.backends.Handle
	}
	return d
}
