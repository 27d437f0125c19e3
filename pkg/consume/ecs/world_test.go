package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	standin "github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/tagging"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	bucketARN = "arn:aws:secretsmanager:us-east-1:111111111111:secret:api-secrets-dev-AbCdEf"
	v1        = "11111111-1111-4111-8111-111111111111"
	v2        = "22222222-2222-4222-8222-222222222222"
	v3        = "33333333-3333-4333-8333-333333333333"
	v4        = "44444444-4444-4444-8444-444444444444"
)

// world is a stand-in with a cluster, a person who deploys, and the driver under test.
type world struct {
	t       *testing.T
	clock   *sim.Clock
	svc     *standin.Service
	index   *tagging.Index // of its tags
	tap     *sim.Tap
	client  *sdk.Client
	consume *ecs.Service
	history history.History                        // of the bucket
	cache   *ecs.Cache                             // of the process in which the consumer is opened
	asked   bool                                   // it is asked what is deployable
	adopt   []string                               // names that a person asks to adopt
	broken  map[string]bool                        // images, and bucket versions, with which tasks do not start
	resolve func(valueFrom string) (string, error) // where not every value is alike
	hook    func() standin.Hook                    // what lifecycle hooks answer; nil: they have succeeded
	alike   []string                               // containers that are registered with the same as app
}

// whole is for tests that count calls: pages are as large as ECS's own.
var whole = sim.Lists{Whole: true}

func newWorld(t *testing.T, lists ...sim.Lists) *world {
	w := &world{t: t, clock: sim.NewClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)), broken: map[string]bool{}, history: history.History{ARN: bucketARN}, cache: ecs.NewCache()}
	w.tap = sim.NewTap(w.clock)
	w.index = tagging.New(tagging.Config{Clock: w.clock, Lists: append(lists, sim.Lists{})[0]})
	svc := standin.New(standin.Config{
		Clock: w.clock, Account: "111111111111", Region: "us-east-1", Lists: append(lists, sim.Lists{})[0], Tagged: w.index.Note,
		Resolve: func(valueFrom string) (string, error) {
			if w.broken[valueFrom[strings.LastIndex(valueFrom, ":")+1:]] {
				return "", errors.New("retrieved secret from Secrets Manager did not contain json key")
			}
			if w.resolve != nil {
				return w.resolve(valueFrom)
			}
			if strings.Contains(valueFrom, ":::") {
				return `{"API_KEY": "key", "DB_URL": "url"}`, nil
			}
			return "value", nil
		},
		Hooks: func(string, string) standin.Hook {
			if w.hook == nil {
				return standin.Hook{Status: "SUCCEEDED"}
			}
			return w.hook()
		},
		Images: func(image string) (standin.App, bool) {
			app := standin.App{Crashes: w.broken[image], Completes: image == "migrate:1" && !w.broken[image]}
			if image == "bundled:1" {
				app.Bundle, app.Needs = "API_SECRETS", []string{"API_KEY", "DB_URL"}
			}
			return app, true
		},
	})
	w.svc = svc
	wire := svc.Wire()
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { wire.ServeCall(w.tap, w.clock, rw, r) })
	w.client = sdk.New(sdk.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "x", ""),
		HTTPClient: &http.Client{Transport: sim.Transport{Handler: handler}}, BaseEndpoint: aws.String("http://ecs.test"), RetryMaxAttempts: 1,
	})
	must(t, errorOf(w.client.CreateCluster(ctx(), &sdk.CreateClusterInput{ClusterName: aws.String("main")})))
	w.openWith(func(*manifest.ECS) {})
	return w
}

// openWith opens the consumer as of now, with this in the manifest.
func (w *world) openWith(change func(*manifest.ECS)) {
	at := manifest.ECS{Cluster: "main", Service: "api", Task: manifest.Task{Containers: manifest.Names{"app"}}}
	change(&at)
	w.consume = ecs.New(w.client, manifest.Consumer{Name: "api", Bucket: "api-secrets", ECS: &at}, devEnvironment, w.history, w.clock.Now(), ecs.Share(w.cache), ecs.Revisions(w.asked), ecs.Adopting(w.adopt))
}

var devEnvironment = &manifest.Environment{Name: "dev"}

func ctx() context.Context { return context.Background() }

func errorOf[T any](_ T, err error) error { return err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bucketAt is the bucket with these names in one version.
func bucketAt(version string, names ...string) bucket.Bucket {
	b := bucket.Bucket{Name: "api-secrets", Secret: "api-secrets-dev", ARN: bucketARN, Version: version, Values: map[string]secret.Value{}}
	for _, n := range names {
		b.Values[n] = secret.New("value")
	}
	return b
}

var both = []string{"DB_URL", "API_KEY"}

// registerRevision registers a revision of family app with entries NAME=valueFrom, as a person does.
func (w *world) registerRevision(image string, secrets ...string) string {
	w.t.Helper()
	app := types.ContainerDefinition{Name: aws.String("app"), Image: aws.String(image), Environment: []types.KeyValuePair{{Name: aws.String("MODE"), Value: aws.String("a")}}}
	for _, s := range secrets {
		name, from, _ := strings.Cut(s, "=")
		app.Secrets = append(app.Secrets, types.Secret{Name: aws.String(name), ValueFrom: aws.String(from)})
	}
	containers := []types.ContainerDefinition{app, {
		Name: aws.String("sidecar"), Image: aws.String("log:1"),
		Secrets: []types.Secret{{Name: aws.String("DB_URL"), ValueFrom: aws.String("arn:aws:ssm:us-east-1:111111111111:parameter/db")}},
	}}
	for _, name := range w.alike {
		app.Name = &name
		containers = append(containers, app)
	}
	out, err := w.client.RegisterTaskDefinition(ctx(), &sdk.RegisterTaskDefinitionInput{
		Family: aws.String("app"), ExecutionRoleArn: aws.String("role"), Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: containers,
		Tags:                 []types.Tag{{Key: aws.String("team"), Value: aws.String("core")}},
	})
	must(w.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func (w *world) createService(td string, desired int32, breaker bool, deployment ...types.DeploymentConfiguration) {
	w.t.Helper()
	c := append(deployment, types.DeploymentConfiguration{})[0]
	c.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: breaker, Rollback: breaker}
	must(w.t, errorOf(w.client.CreateService(ctx(), &sdk.CreateServiceInput{
		Cluster: aws.String("main"), ServiceName: aws.String("api"), TaskDefinition: aws.String(td), DesiredCount: aws.Int32(desired),
		DeploymentConfiguration: &c,
	})))
	w.clock.Advance(3 * time.Minute)
}

// deployRevision deploys a revision, as a person does.
func (w *world) deployRevision(td string) {
	w.t.Helper()
	must(w.t, errorOf(w.client.UpdateService(ctx(), &sdk.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), TaskDefinition: aws.String(td)})))
}

func (w *world) rollTo(version string) {
	w.t.Helper()
	must(w.t, w.consume.Roll(ctx(), bucketAt(version, both...)))
}

// rollAndFinish rolls and waits until everything has settled.
func (w *world) rollAndFinish(version string) {
	w.t.Helper()
	w.rollTo(version)
	w.clock.Advance(10 * time.Minute)
	if s := w.readStatus(); !s.Settled || s.Running != version {
		w.t.Fatalf("settled %v on %q: %s%s", s.Settled, s.Running, s.Waiting, s.Unknown)
	}
}

func (w *world) readStatus() plan.Seen {
	w.t.Helper()
	s, err := w.consume.Status(ctx())
	must(w.t, err)
	return s
}

// advanceUntil advances the clock second by second until Status shows what is wanted.
func (w *world) advanceUntil(what string, shows func(plan.Seen) bool) {
	w.t.Helper()
	for range 600 {
		if shows(w.readStatus()) {
			return
		}
		w.clock.Advance(time.Second)
	}
	w.t.Fatalf("not within ten minutes: %s", what)
}

// wantSeen compares the parts of Seen that say where a service stands.
func (w *world) wantSeen(running, rollingTo string, settled bool, inPlay ...string) plan.Seen {
	w.t.Helper()
	s := w.readStatus()
	got := fmt.Sprintf("running %q, rolling to %q, settled %v, in play %v", s.Running, s.RollingTo, s.Settled, s.InPlay)
	slices.Sort(inPlay)
	want := fmt.Sprintf("running %q, rolling to %q, settled %v, in play %v", running, rollingTo, settled, inPlay)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s\n(waiting: %s; unknown: %s)", diff, s.Waiting, s.Unknown)
	}
	return s
}

// takeWrites returns the operations since the last call that can change something.
func (w *world) takeWrites() []string {
	var out []string
	for _, c := range w.tap.Calls() {
		if c.Write {
			out = append(out, c.Operation)
		}
	}
	w.tap.Reset()
	return out
}

func (w *world) wantWrites(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.takeWrites()); diff != "" {
		w.t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// appSecrets returns container app's secrets in the service's present task definition.
func (w *world) appSecrets() []string {
	w.t.Helper()
	var out []string
	for _, s := range w.presentDefinition().ContainerDefinitions[0].Secrets {
		out = append(out, *s.Name+"="+*s.ValueFrom)
	}
	return out
}

func (w *world) presentDefinition() *types.TaskDefinition {
	w.t.Helper()
	svc, err := w.client.DescribeServices(ctx(), &sdk.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"api"}})
	must(w.t, err)
	td, err := w.client.DescribeTaskDefinition(ctx(), &sdk.DescribeTaskDefinitionInput{TaskDefinition: svc.Services[0].TaskDefinition})
	must(w.t, err)
	return td.TaskDefinition
}

// pinnedEntries returns the entries that rotary writes for both names.
func pinnedEntries(version string) []string {
	return []string{"API_KEY=" + bucketARN + ":API_KEY::" + version, "DB_URL=" + bucketARN + ":DB_URL::" + version}
}
