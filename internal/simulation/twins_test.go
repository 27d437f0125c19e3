package simulation

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// TestAnotherEnvironmentStaysAsItIs plays random schedules with faults in production, beside a staging that shares its
// repository and its Vercel project: whatever happens, nothing of staging's is written, and nothing of it moves.
func TestAnotherEnvironmentStaysAsItIs(t *testing.T) {
	s := scenario(t, "happy")
	for seed := range uint64(10) {
		w, err := s.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		staging := beside(t, w)
		before := everythingOf(w, staging)
		w.Play(Random(seed))
		w.Finish()
		for _, v := range w.Violations {
			t.Errorf("seed %d: %s", seed, v)
		}
		if diff := cmp.Diff(before, everythingOf(w, staging)); diff != "" {
			t.Errorf("seed %d: staging has changed:\n%s", seed, diff)
		}
	}
}

// beside deploys the manifest's other environment, with a value in every source and bucket.
func beside(t *testing.T, w *World) *manifest.Environment {
	t.Helper()
	env, err := resolveManifest("main", "staging")
	if err != nil {
		t.Fatal(err)
	}
	stage := *w.Stage
	stage.Env = env
	other := &World{Stage: &stage, ctx: w.ctx, rng: w.rng, now: w.now}
	if err := w.Containers(w.ctx, env); err != nil {
		t.Fatal(err)
	}
	for _, source := range env.Sources {
		if err := other.putSource(source, other.readSource(source)); err != nil {
			t.Fatal(err)
		}
	}
	return env
}

// everythingOf returns the versions and labels of an environment's secrets and the changes of its sinks, without
// values.
func everythingOf(w *World, env *manifest.Environment) map[string]string {
	all := map[string]string{}
	tell := func(name string, versions []secretsmanager.Version) {
		for _, v := range versions {
			all[name] += fmt.Sprintln(v.ID, v.Created, v.Labels)
		}
	}
	region := w.Region(env.Account, env.Region)
	for _, s := range env.Sources {
		tell(s.Secret, region.SecretsManager.Peek(s.Secret))
	}
	for _, b := range env.Buckets {
		tell(b.Secret, region.SecretsManager.Peek(b.Secret))
	}
	for _, c := range w.GitHub.Changes(0) {
		if c.Environment == env.Name {
			all["github"] += fmt.Sprintln(c)
		}
	}
	return all
}
