package stage

import (
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// App is what a healthy image of a consumer does: it presents every value it gets from a source to whatever accepts
// that value. Where it reads both keys of a symmetric secret, it verifies too; where nobody reads both, everybody who
// reads the one does. Of a key pair, who reads the private half signs with it, and public halves verify.
func App(env *manifest.Environment, c manifest.Consumer) ecs.App {
	app := ecs.App{Presents: listPresented(env, c)}
	switch {
	case c.ECS != nil:
		app.Bundle = c.ECS.Variable
	case c.ECSFamily != nil:
		app.Bundle, app.Lasts = c.ECSFamily.Variable, familyTaskTime
	}
	for _, s := range env.Sources {
		if s.Rotate.Also == "" {
			continue
		}
		first, belongs := s.Rotate.Key, (func(string, string) bool)(nil)
		if s.Rotate.Pair != "" {
			first, belongs = s.Rotate.Public, newVerifier()
		}
		also := bucketNames(env, c, s.Rotate.Also)
		if accepted := append(bucketNames(env, c, first), also...); len(also) > 0 || !hasVerifier(env, s) && len(accepted) > 0 {
			app.Verifies = append(app.Verifies, ecs.Verifies{Target: Target(env, s.Rotate.Key), Env: accepted, Belongs: belongs})
			app.Needs = append(app.Needs, accepted...)
		}
	}
	return app
}

// hasVerifier says whether anybody reads the second key of a symmetric secret.
func hasVerifier(env *manifest.Environment, s manifest.Source) bool {
	return slices.ContainsFunc(env.Consumers, func(c manifest.Consumer) bool {
		return (c.ECS != nil || c.ECSFamily != nil) && len(bucketNames(env, c, s.Rotate.Also)) > 0
	})
}

// Code makes a consumer's code present what its bucket gives it now: the runs of a repository at once, a project from its
// next build on, where production is the environment's. A service does so by its image: see App.
func (s *Stage) Code(c manifest.Consumer) {
	switch shown := listPresented(s.Env, c); {
	case c.GitHub != nil:
		var secrets []github.Presented
		for _, p := range shown {
			secrets = append(secrets, github.Presented{Secret: p.Env, Target: p.Target})
		}
		s.GitHub.SetPresented(c.GitHub.Repository, c.GitHub.Environment, secrets...)
	case c.Vercel != nil && slices.Contains(c.Vercel.Targets[s.Env.Name], "production"):
		var variables []vercel.Presented
		for _, p := range shown {
			variables = append(variables, vercel.Presented(p))
		}
		s.Vercel.SetPresented(c.Vercel.Project, variables...)
	}
}

// listPresented lists what a consumer shows: every name that carries a source's key, but not the second key of a symmetric
// secret, which is only accepted, nor the public half of a key pair, nor what waits, nor a random value that nobody but
// its readers knows.
func listPresented(env *manifest.Environment, c manifest.Consumer) []ecs.Presents {
	var shown []ecs.Presents
	for _, s := range env.Sources {
		if s.Rotate.With == manifest.Random && s.Rotate.Also == "" {
			continue
		}
		for _, key := range s.Keys {
			if key == s.Rotate.Also || key == s.Rotate.Public || key == s.Rotate.Next {
				continue
			}
			for _, name := range bucketNames(env, c, key) {
				shown = append(shown, ecs.Presents{Env: name, Target: Target(env, key)})
			}
		}
	}
	return shown
}

// bucketNames are the names under which a consumer's bucket has a canonical key.
func bucketNames(env *manifest.Environment, c manifest.Consumer, key string) []string {
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

// symmetricTargets lists the targets of every environment that are made of those who verify.
func symmetricTargets(file *manifest.File) ([]string, error) {
	var targets []string
	for _, name := range slices.Sorted(maps.Keys(file.Environments)) {
		env, err := file.Environment(name)
		if err != nil {
			return nil, err
		}
		for _, s := range env.Sources {
			if s.Rotate.Also != "" {
				targets = append(targets, Target(env, s.Rotate.Key))
			}
		}
	}
	return targets, nil
}
