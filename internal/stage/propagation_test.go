package stage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/consume"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// TestAChangeCostsTheSameCallsHoweverManyKeysThereAre counts what one changed value costs, from the pass that writes it
// to the pass that finds every consumer on it.
func TestAChangeCostsTheSameCallsHoweverManyKeysThereAre(t *testing.T) {
	few, many := measurePropagation(t, 50), measurePropagation(t, 250)
	if !maps.Equal(few, many) {
		t.Errorf("calls by service: %v with 50 keys, %v with 250", few, many)
	}
	if few["secretsmanager"] == 0 || few["ecs"] == 0 || few["github"] == 0 || few["vercel"] == 0 {
		t.Errorf("calls by service: %v: a sink was not reached", few)
	}
}

// BenchmarkPropagation reports the calls by service that one changed value costs.
func BenchmarkPropagation(b *testing.B) {
	for _, keys := range []int{50, 250} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			var calls map[string]int
			for b.Loop() {
				calls = measurePropagation(b, keys)
			}
			for service, n := range calls {
				b.ReportMetric(float64(n), service+"-calls/op")
			}
		})
	}
}

// measurePropagation sets an environment with so many keys up, lets it converge, changes one value, and counts the
// calls of the passes, one a minute, until every consumer is seen on it.
func measurePropagation(t testing.TB, keys int) map[string]int {
	t.Helper()
	s, err := Open(t.Context(), Config{Manifest: wideManifest(keys), Environment: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	passUntil(t, s, everybodyFollowed)
	passUntil(t, s, nothingToDo)
	if err := s.Put(t.Context(), "app", map[string]string{"K001": Canary("K001")}); err != nil {
		t.Fatal(err)
	}
	before := len(s.Tap.Calls())
	passUntil(t, s, everybodyFollowed)
	if refused := s.Refusals(); len(refused) > 0 {
		t.Errorf("refused: %v", refused)
	}
	calls := map[string]int{}
	for _, c := range s.Tap.Calls()[before:] {
		calls[c.Service]++
	}
	return calls
}

// passUntil runs a pass a minute until done says so of what it saw.
func passUntil(t testing.TB, s *Stage, done func(plan.Report) bool) {
	t.Helper()
	for range 60 {
		report := runPass(t, s)
		if done(report) {
			return
		}
		s.Advance(time.Minute)
	}
	t.Fatal("not within an hour")
}

func nothingToDo(r plan.Report) bool { return r.Converged }

func everybodyFollowed(r plan.Report) bool {
	return !slices.ContainsFunc(r.Consumers, func(c plan.ConsumerReport) bool { return !c.Current }) && len(r.Steps) == 0
}

func runPass(t testing.TB, s *Stage) plan.Report {
	t.Helper()
	client, at := s.InMemory()
	cfg := s.Config(s.Env.Account, s.Env.Region)
	secrets := store.New(secretsmanager.NewFromConfig(cfg))
	clusters := consume.Clusters(cfg, s.Env, consume.Endpoints{NoRates: true})
	report, err := reconcile.Pass{
		Environment: s.Env, Store: secrets,
		Advancer: rotate.Direct{
			Environment: s.Env, Store: secrets, Open: rotators.Opener(rotators.Reach{Environment: s.Env, Store: secrets, AWS: cfg}),
		},
		Open: consume.Opener(cfg, consume.Endpoints{GitHub: at.GitHub, Vercel: at.Vercel, Transport: client.Transport, NoRates: true}, clusters), Census: clusters,
	}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// wideManifest returns a manifest with so many keys: the API and a worker have all of them, CI and the dashboard as
// many as those sinks take.
func wideManifest(keys int) []byte {
	var names, worker []string
	for i := range keys {
		names = append(names, fmt.Sprintf("K%03d", i))
		worker = append(worker, fmt.Sprintf("    K%03d: W%03d\n", i, i))
	}
	return []byte(`
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  app: {keys: [` + strings.Join(names, ", ") + `]}
  tokens: {keys: [GH_TOKEN, VERCEL_TOKEN]}
mappings:
  worker:
` + strings.Join(worker, "") + `
buckets:
  api-secrets: {originals: [app]}
  worker-secrets: {mappings: [worker]}
  platform-config: {originals: [` + strings.Join(names[:40], ", ") + `]}
  dashboard-secrets: {originals: [app]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  worker: {bucket: worker-secrets, ecs: {cluster: main, service: worker, container: app}}
  ci: {bucket: platform-config, github: {repository: example/app, environment: dev, sign_in: {token: GH_TOKEN}}}
  dashboard: {bucket: dashboard-secrets, vercel: {project: dashboard, sign_in: {token: VERCEL_TOKEN}, targets: {dev: [development, preview]}}}
`)
}
