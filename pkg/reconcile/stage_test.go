package reconcile_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/consume"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// jobs does what the rotate Lambda does when it is asked for an Advance.
type jobs struct {
	env   *manifest.Environment
	store *store.Store
}

func (j jobs) Confirm(context.Context, plan.Confirm) error {
	return errors.New("nothing here is confirmed")
}

func (j jobs) Advance(ctx context.Context, a plan.Advance) error {
	source, _ := j.env.Source(a.Source)
	rotator, err := rotators.Opener(rotators.Reach{})(source)
	if err != nil {
		return err
	}
	return rotate.Job{Store: j.store, Source: source, Rotator: rotator}.Advance(ctx, a)
}

// Test does not reach the databases and vendors of the example: none is here.
func (j jobs) Test(_ context.Context, t plan.Test) (plan.Outcome, error) {
	return plan.Outcome{}, errors.New("nothing here reaches the target of " + t.Source)
}

// The whole example, with the drivers and rotators that the Lambdas have, and nothing between them and the pass.
func TestTheExampleConvergesOverTheGenuineDrivers(t *testing.T) {
	t.Parallel()
	yaml, err := os.ReadFile("../../rotary.yaml")
	must(t, err)
	s, err := stage.Open(t.Context(), stage.Config{Manifest: yaml, Environment: "production", Dir: t.TempDir()})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	client, at := s.InMemory()
	cfg := s.Config(s.Env.Account, s.Env.Region)
	secrets := store.New(secretsmanager.NewFromConfig(cfg))
	clusters := consume.Clusters(cfg, s.Env, consume.Endpoints{NoRates: true})
	pass := reconcile.Pass{
		Environment: s.Env, Store: secrets, Advancer: jobs{s.Env, secrets},
		Open: consume.Opener(cfg, consume.Endpoints{GitHub: at.GitHub, Vercel: at.Vercel, Transport: client.Transport, NoPause: true}, clusters), Census: clusters,
	}
	until := func(what string, done func(plan.Report) bool) plan.Report {
		t.Helper()
		var report plan.Report
		for range 60 {
			report, err = pass.Run(t.Context())
			must(t, err)
			if done(report) {
				return report
			}
			s.Advance(2 * time.Minute)
		}
		t.Fatalf("%s: not after 60 passes: %q, %q", what, doing(report), reasons(report))
		return report
	}
	still := func(what string) {
		t.Helper()
		before := s.Tap.Writes()
		report, err := pass.Run(t.Context())
		must(t, err)
		if n := s.Tap.Writes() - before; n != 0 || len(report.Steps) > 0 {
			t.Errorf("%s: the second pass did %q in %d writes", what, doing(report), n)
		}
	}
	until("first convergence", func(r plan.Report) bool { return r.Converged })
	still("first convergence")

	must(t, s.Put(t.Context(), "db-service", map[string]string{"MY_APP__DB_SERVICE__KEY": stage.Canary("by hand")}))
	report := until("a change by hand", func(r plan.Report) bool {
		return len(r.Steps) == 0 && slices.Equal(reasons(r), []string{"db-service by-hand"})
	})
	for _, c := range report.Consumers {
		if !c.Current {
			t.Errorf("%s is not current: %s, %s", c.Name, c.State, c.Detail)
		}
	}
	still("a change by hand")

	must(t, s.Put(t.Context(), "worker-b", map[string]string{"WORKER__ARTIFACTS__SIGNING_KEY": stage.Canary("by hand")}))
	until("a change that a rotator retires", func(r plan.Report) bool {
		return len(r.Steps) == 0 && len(r.Source("worker-b").Owed) == 0 && slices.Equal(reasons(r), []string{"db-service by-hand"})
	})
	still("a change that a rotator retires")
	for _, r := range s.Refusals() {
		t.Errorf("somebody's credential was refused: %s", r)
	}
}
