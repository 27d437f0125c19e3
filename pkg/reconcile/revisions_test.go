package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const oneService = `
environments: {dev: {account: "111111111111", region: us-east-1, mode: retire}}
sources:
  a: {keys: [A_KEY], rotate: {random: {}}}
buckets: {app: {originals: true}}
consumers:
  app: {bucket: app, ecs: {cluster: main, service: app, container: app}}
`

// A family of a service that is deployed often has thousands of revisions, and nobody deregisters them. A pass reads no
// revision that is older than what is to be withdrawn, and none twice.
func TestPassesReadNoRevisionOfBeforeTheVersionThatIsWithdrawn(t *testing.T) {
	const older = 2000
	s, err := stage.Open(t.Context(), stage.Config{Manifest: []byte(oneService), Environment: "dev", InMemory: true, Lists: sim.Lists{Whole: true}})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	cfg := s.Config(s.Env.Account, s.Env.Region)
	client := ecs.NewFromConfig(cfg)
	running := describeRunning(t, client)
	register := func(secrets ...types.Secret) {
		in := ecs.RegisterTaskDefinitionInput{Family: running.Family, ExecutionRoleArn: running.ExecutionRoleArn, ContainerDefinitions: slices.Clone(running.ContainerDefinitions)}
		in.ContainerDefinitions[0].Secrets = append(slices.Clone(in.ContainerDefinitions[0].Secrets), secrets...)
		_, err := client.RegisterTaskDefinition(t.Context(), &in)
		must(t, err)
	}
	for range older {
		register()
	}
	s.Advance(3 * time.Hour)

	secrets := store.New(secretsmanager.NewFromConfig(cfg))
	pass := reconcile.Pass{Environment: s.Env, Store: secrets, Advancer: jobs{s.Env, secrets}, Open: consume.Opener(cfg, consume.Endpoints{}, nil)}
	run := func() (plan.Report, map[string]int) {
		s.Tap.Reset()
		report, err := pass.Run(t.Context())
		must(t, err)
		calls := map[string]int{}
		for _, c := range s.Tap.Calls() {
			calls[c.Operation]++
		}
		s.Advance(2 * time.Minute)
		return report, calls
	}
	until := func(what string, done func(plan.Report, map[string]int) bool) {
		t.Helper()
		for range 60 {
			report, calls := run()
			if n := calls["DescribeTaskDefinition"] + calls["ListTaskDefinitions"]; n > 33 {
				t.Fatalf("%s: a pass asked for task definitions %d times", what, n)
			}
			if done(report, calls) {
				return
			}
		}
		t.Fatalf("%s: not after 60 passes", what)
	}
	until("first convergence", func(r plan.Report, _ map[string]int) bool { return r.Converged })
	running = describeRunning(t, client)
	register() // a pipeline's copy of what is pinned
	must(t, s.Put(t.Context(), "a", map[string]string{"A_KEY": stage.Canary("next")}))
	listed, deregistered := 0, 0
	until("a retirement", func(r plan.Report, calls map[string]int) bool {
		if calls["ListTaskDefinitions"] > 0 && calls["RegisterTaskDefinition"] == 0 && calls["DeregisterTaskDefinition"] == 0 {
			if listed++; listed > 1 && calls["DescribeTaskDefinition"] > 5 {
				t.Errorf("a look that asks again made %v", calls)
			}
		}
		deregistered += calls["DeregisterTaskDefinition"]
		return r.Converged
	})
	if listed < 2 {
		t.Errorf("passes listed revisions %d times while something was to be withdrawn", listed)
	}
	if deregistered != 2 {
		t.Errorf("%d revisions were deregistered, of rotary's own and a copy of it", deregistered)
	}
	if _, calls := run(); calls["ListTaskDefinitions"] > 0 {
		t.Errorf("nothing is owed, and a pass made %v", calls)
	}
}

// describeRunning returns the task definition of the service.
func describeRunning(t *testing.T, client *ecs.Client) *types.TaskDefinition {
	t.Helper()
	services, err := client.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"app"}})
	must(t, err)
	out, err := client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: services.Services[0].TaskDefinition})
	must(t, err)
	return out.TaskDefinition
}

// Tasks of a service, and of a family, can be started for a while after their task definition was deregistered.
func TestTheWaitAfterAWithdrawalIsThatOfWhateverRunsTasks(t *testing.T) {
	for _, kind := range []string{"ecs: {cluster: main, service: one}", "ecs_family: {cluster: main, family: one}"} {
		b := start(t, `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources: {db: {keys: [DB_URL], rotate: {random: {}}}}
buckets: {api: {originals: true}}
consumers: {one: {bucket: api, `+kind+`}}
`)
		b.put("db", `{"DB_URL":"url-1"}`)
		b.converge()
		b.put("db", `{"DB_URL":"url-2"}`)
		b.mustRun()
		b.tick()
		times := map[string]time.Time{}
		for range 60 {
			b.worked = nil
			b.mustRun()
			for _, work := range b.worked {
				times[work] = b.Clock.Now()
			}
			b.Advance(time.Minute)
		}
		if waited := times["retire db"].Sub(times["withdraw from one"]); times["retire db"].IsZero() || waited < history.Deregistered {
			t.Errorf("%s: it was retired %s after its withdrawal", kind, waited)
		}
	}
}
