package stage

import (
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// App returns a healthy image of a consumer: it presents every value that it gets from a source to the target that
// accepts it. It verifies too where it reads both keys of a symmetric secret or, if nobody reads both, one of them.
// With a key pair, readers of the private key sign, and readers of public keys verify.
func App(env *manifest.Environment, c manifest.Consumer) ecs.App {
	app := ecs.App{Presents: ListPresented(env, c)}
	switch {
	case c.ECS != nil:
		app.Bundle = c.ECS.Variable
	case c.ECSFamily != nil:
		app.Bundle, app.Lasts = c.ECSFamily.Variable, familyTaskTime
	}
	for _, s := range env.Sources {
		if s.Symmetric() == "" {
			continue
		}
		first, belongs := s.Random().Key, (func(string, string) bool)(nil)
		if s.Random().Pair != "" {
			first, belongs = s.Random().Public, newVerifier()
		}
		also := BucketNames(env, c, s.Symmetric())
		if accepted := append(BucketNames(env, c, first), also...); len(also) > 0 || !hasVerifier(env, s) && len(accepted) > 0 {
			app.Verifies = append(app.Verifies, ecs.Verifies{Target: Target(env, s.Random().Key), Env: accepted, Belongs: belongs})
			app.Needs = append(app.Needs, accepted...)
		}
	}
	return app
}

// hasVerifier reports whether a consumer on ECS reads the second key of a symmetric secret.
func hasVerifier(env *manifest.Environment, s manifest.Source) bool {
	return slices.ContainsFunc(env.Consumers, func(c manifest.Consumer) bool {
		return (c.ECS != nil || c.ECSFamily != nil) && len(BucketNames(env, c, s.Symmetric())) > 0
	})
}

// Code makes the code of a repository or project present the values that its bucket gives it now: a repository's runs
// at once, a project from its next build on, if the environment has its production. A service's image does so: see
// App.
func (s *Stage) Code(c manifest.Consumer) {
	switch shown := ListPresented(s.Env, c); {
	case c.GitHub != nil:
		var secrets []github.Presented
		for _, p := range shown {
			secrets = append(secrets, github.Presented{Secret: p.Env, Target: p.Target})
		}
		s.presentSecrets(c.GitHub, secrets)
	case c.Vercel != nil && slices.Contains(c.Vercel.Targets[s.Env.Name], "production"):
		var variables []vercel.Presented
		for _, p := range shown {
			variables = append(variables, vercel.Presented(p))
		}
		s.Vercel.SetPresented(c.Vercel.Project, variables...)
	}
}

// presentSecrets makes runs present what they read of a consumer's secrets.
func (s *Stage) presentSecrets(g *manifest.GitHub, secrets []github.Presented) {
	if g.Organization != "" {
		s.GitHub.PresentOrganization(g.Organization, false, secrets...)
		if g.Dependabot {
			s.GitHub.PresentOrganization(g.Organization, true, secrets...)
		}
		return
	}
	s.GitHub.SetPresented(g.Repository, g.Environment, secrets...)
	if g.Dependabot {
		s.GitHub.PresentDependabot(g.Repository, secrets...)
	}
}

// ListPresented returns the names under which a consumer presents values, with their targets: every name of a source's
// key, except the second key of a symmetric secret, which is only accepted, the public key of a pair, the pair that
// waits, and random values that only their readers know.
func ListPresented(env *manifest.Environment, c manifest.Consumer) []ecs.Presents {
	var shown []ecs.Presents
	for _, s := range env.Sources {
		if s.Rotate.Kind() == manifest.Random && s.Symmetric() == "" {
			continue
		}
		for _, key := range s.KeyNames() {
			if key == s.Symmetric() || key == s.Random().Public || key == s.Random().Next {
				continue
			}
			for _, name := range BucketNames(env, c, key) {
				shown = append(shown, ecs.Presents{Env: name, Target: Target(env, key)})
			}
		}
	}
	return shown
}

// BucketNames returns the names of a source's key in a consumer's bucket.
func BucketNames(env *manifest.Environment, c manifest.Consumer, key string) []string {
	b, _ := env.Bucket(c.Bucket)
	var out []string
	for _, e := range env.Entries(b) {
		if e.Key == key {
			out = append(out, e.Name)
		}
	}
	return out
}

// Target names what accepts a key's value.
func Target(env *manifest.Environment, key string) string { return key + "@" + env.Name }

// symmetricTargets returns the targets, in every environment, whose acceptors are consumers that verify.
func symmetricTargets(file *manifest.File) ([]string, error) {
	var targets []string
	for _, name := range slices.Sorted(maps.Keys(file.Environments)) {
		env, err := file.Environment(name)
		if err != nil {
			return nil, err
		}
		for _, s := range env.Sources {
			if s.Symmetric() != "" {
				targets = append(targets, Target(env, s.Random().Key))
			}
		}
	}
	return targets, nil
}
