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
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/target"
)

const bucket = "arn:aws:secretsmanager:us-east-1:111111111111:secret:api-secrets-dev-AbCdEf"

// world is one account's ECS with one cluster, a genuine client, and a secret store that is a map.
type world struct {
	t       testing.TB
	clock   *sim.Clock
	tap     *sim.Tap
	svc     *ecs.Service
	client  *sdk.Client
	targets *target.Targets
	store   map[string]string // by valueFrom
	images  map[string]ecs.App
	events  []string
}

func newWorld(t testing.TB, changes ...func(*ecs.Config)) *world {
	w := &world{t: t, clock: sim.NewClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)), store: map[string]string{}, images: map[string]ecs.App{"app:1": {}}}
	w.targets = target.New(func(name string) []func(string) bool { return w.svc.Verifiers(name) }, "handshake")
	config := ecs.Config{
		Clock: w.clock, Account: "111111111111", Region: "us-east-1", Targets: w.targets, Lists: sim.Lists{Whole: true},
		Emit: func(e sim.Event) {
			w.events = append(w.events, e.Detail.(map[string]string)["eventName"]+" "+e.Resources[0])
		},
		Resolve: w.resolve,
		Images:  func(image string) (ecs.App, bool) { app, known := w.images[image]; return app, known },
	}
	for _, change := range changes {
		change(&config)
	}
	w.svc = ecs.New(config)
	w.tap = sim.NewTap(w.clock)
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.svc.Wire().ServeCall(w.tap, w.clock, rw, r) })
	w.client = sdk.New(sdk.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "x", "propagate"),
		HTTPClient: &http.Client{Transport: sim.Transport{Handler: handler}}, BaseEndpoint: aws.String("http://ecs.test"), RetryMaxAttempts: 1,
	})
	must(t, errorOf(w.client.CreateCluster(t.Context(), &sdk.CreateClusterInput{ClusterName: aws.String("main")})))
	return w
}

func (w *world) resolve(valueFrom string) (string, error) {
	v, ok := w.store[valueFrom]
	if !ok {
		return "", errors.New("retrieved secret from Secrets Manager did not contain json key")
	}
	return v, nil
}

func errorOf[T any](_ T, err error) error { return err }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return fmt.Sprint(err)
}

// register registers a revision of family app that pins a version, and returns its ARN.
func (w *world) register(image, version string) string {
	w.t.Helper()
	from := bucket + ":DB_URL::" + version
	w.store[from] = "credential-" + version
	out, err := w.client.RegisterTaskDefinition(context.Background(), &sdk.RegisterTaskDefinitionInput{
		Family: aws.String("app"), ExecutionRoleArn: aws.String("arn:aws:iam::111111111111:role/execution"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String(image),
			Secrets: []types.Secret{{Name: aws.String("DB_URL"), ValueFrom: aws.String(from)}},
		}},
	})
	must(w.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func (w *world) create(td string, desired int32, breaker *types.DeploymentCircuitBreaker) {
	w.t.Helper()
	must(w.t, errorOf(w.client.CreateService(context.Background(), &sdk.CreateServiceInput{
		Cluster: aws.String("main"), ServiceName: aws.String("api"), TaskDefinition: aws.String(td), DesiredCount: aws.Int32(desired),
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: breaker}, LaunchType: types.LaunchTypeFargate,
	})))
}

func (w *world) update(td string) error {
	return errorOf(w.client.UpdateService(context.Background(), &sdk.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), TaskDefinition: aws.String(td)}))
}

// deployments draws the service's deployments, newest first: "PRIMARY app:2 IN_PROGRESS 1/2".
func (w *world) deployments() []string {
	w.t.Helper()
	out, err := w.client.DescribeServices(context.Background(), &sdk.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"api"}})
	must(w.t, err)
	var lines []string
	slices.SortFunc(out.Services[0].Deployments, func(a, b types.Deployment) int { return strings.Compare(*b.Id, *a.Id) })
	for _, d := range out.Services[0].Deployments {
		lines = append(lines, fmt.Sprintf("%s %s %s %d/%d", *d.Status, shortenARN(*d.TaskDefinition), d.RolloutState, d.RunningCount, d.DesiredCount))
	}
	return lines
}

// advanceUntil advances the clock second by second until the newest deployment looks like line.
func (w *world) advanceUntil(line string) {
	w.t.Helper()
	for range 600 {
		if w.deployments()[0] == line {
			return
		}
		w.clock.Advance(time.Second)
	}
	w.t.Fatalf("after ten minutes: %q, want %q first", w.deployments(), line)
}

func shortenARN(arn string) string {
	for i := len(arn) - 1; i >= 0; i-- {
		if arn[i] == '/' {
			return arn[i+1:]
		}
	}
	return arn
}

func (w *world) wantDeployments(lines ...string) {
	w.t.Helper()
	if diff := cmp.Diff(lines, w.deployments()); diff != "" {
		w.t.Errorf("deployments (-want +got):\n%s", diff)
	}
}

// attempts returns the status of every service deployment, newest first.
func (w *world) attempts() []string {
	w.t.Helper()
	var lines []string
	for _, d := range w.briefs() {
		lines = append(lines, string(d.Status))
	}
	return lines
}

// briefs returns every service deployment, newest first.
func (w *world) briefs() []types.ServiceDeploymentBrief {
	w.t.Helper()
	out, err := w.client.ListServiceDeployments(context.Background(), &sdk.ListServiceDeploymentsInput{Cluster: aws.String("main"), Service: aws.String("api")})
	must(w.t, err)
	slices.SortFunc(out.ServiceDeployments, func(a, b types.ServiceDeploymentBrief) int { return b.CreatedAt.Compare(*a.CreatedAt) })
	return out.ServiceDeployments
}

func (w *world) wantAttempts(lines ...string) {
	w.t.Helper()
	if diff := cmp.Diff(lines, w.attempts()); diff != "" {
		w.t.Errorf("service deployments (-want +got):\n%s", diff)
	}
}

// stoppedReasons returns why tasks have stopped, without repeats.
func (w *world) stoppedReasons() map[string]int {
	w.t.Helper()
	list, err := w.client.ListTasks(context.Background(), &sdk.ListTasksInput{Cluster: aws.String("main"), DesiredStatus: types.DesiredStatusStopped})
	must(w.t, err)
	out := map[string]int{}
	if len(list.TaskArns) == 0 {
		return out
	}
	tasks, err := w.client.DescribeTasks(context.Background(), &sdk.DescribeTasksInput{Cluster: aws.String("main"), Tasks: list.TaskArns})
	must(w.t, err)
	for _, task := range tasks.Tasks {
		out[aws.ToString(task.StoppedReason)]++
	}
	return out
}
