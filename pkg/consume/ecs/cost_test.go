package ecs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// countCalls returns how many calls do makes.
func (w *world) countCalls(do func()) int {
	w.tap.Reset()
	do()
	return len(w.tap.Calls())
}

// What a look and a roll cost does not depend on how many names the bucket has.
func TestCallsOfALookAndOfARoll(t *testing.T) {
	for _, names := range []int{2, 200} {
		w := newWorld(t, whole)
		w.createService(w.registerRevision("app:1"), 2, true)
		all := make([]string, names)
		for i := range all {
			all[i] = fmt.Sprintf("NAME_%03d", i)
		}
		got := map[string]int{
			"first roll": w.countCalls(func() { must(t, w.consume.Roll(ctx(), bucketAt(v1, all...))) }),
			"look while it rolls": w.countCalls(func() {
				w.clock.Advance(20 * time.Second)
				w.readStatus()
			}),
		}
		w.clock.Advance(10 * time.Minute)
		w.openWith(func(*manifest.ECS) {})
		got["look soon after"] = w.countCalls(func() { w.readStatus() })
		w.clock.Advance(5 * time.Minute)
		w.openWith(func(*manifest.ECS) {})
		got["look"] = w.countCalls(func() { w.readStatus() })
		got["roll of what is there"] = w.countCalls(func() { must(t, w.consume.Roll(ctx(), bucketAt(v1, all...))) })
		got["roll"] = w.countCalls(func() { must(t, w.consume.Roll(ctx(), bucketAt(v2, all...))) })
		want := map[string]int{"look": 7, "look soon after": 8, "look while it rolls": 9, "first roll": 14, "roll": 14, "roll of what is there": 7}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d names (-want +got):\n%s", names, diff)
		}
	}
}

// Consumers of one bucket, in one cluster: what a pass makes of ECS. Where nothing has changed since the last one it asks
// about the cluster: its services and tasks once, in as many answers as they take, and the services once more.
func TestCallsOfAPassByServices(t *testing.T) {
	for services, want := range map[int]map[string]int{
		3:   {"first": 6 + 3 + 3, "nothing changed": 6, "a deployment in progress": 6 + 5, "soon after it": 6},
		20:  {"first": 8 + 20 + 20, "nothing changed": 8, "a deployment in progress": 8 + 5, "soon after it": 8},
		100: {"first": 24 + 100 + 100, "nothing changed": 24, "a deployment in progress": 24 + 7, "soon after it": 25},
	} {
		w := newWorld(t, whole)
		env := environmentWith()
		for i := range services {
			at := manifest.ECS{Cluster: "main", Service: fmt.Sprintf("s%03d", i), Task: manifest.Task{Containers: manifest.Names{"app"}}}
			td := w.registerFamily(at.Service)
			must(t, errorOf(w.client.CreateService(ctx(), &sdk.CreateServiceInput{Cluster: aws.String("main"), ServiceName: &at.Service, TaskDefinition: &td, DesiredCount: aws.Int32(1)})))
			env.Consumers = append(env.Consumers, manifest.Consumer{Name: at.Service, Bucket: "api-secrets", ECS: &at})
		}
		clusters := ecs.NewClusters(w.client, nil, env, w.cache)
		pass := func() int {
			return w.countCalls(func() {
				clusters.Prepare(ctx(), w.clock.Now(), nil)
				for _, c := range env.Consumers {
					must(t, errorOf(ecs.New(w.client, c, devEnvironment, history.History{ARN: bucketARN}, w.clock.Now(), ecs.From(clusters)).Status(ctx())))
				}
				if found := clusters.Strangers(ctx(), secretsAt(w.clock.Now())); len(found) > 0 {
					t.Errorf("%d services: %+v", services, found)
				}
			})
		}
		w.clock.Advance(2 * history.Deregistered)
		got := map[string]int{"first": pass(), "nothing changed": pass()}
		must(t, errorOf(w.client.UpdateService(ctx(), &sdk.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("s000"), ForceNewDeployment: true})))
		w.clock.Advance(10 * time.Second)
		got["a deployment in progress"] = pass()
		w.clock.Advance(5 * time.Minute)
		pass()
		got["soon after it"] = pass()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("calls for %d services (-want +got):\n%s", services, diff)
		}
	}
}

// registerFamily registers a first revision of a family.
func (w *world) registerFamily(family string) string {
	w.t.Helper()
	td, err := w.client.DescribeTaskDefinition(ctx(), &sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String(w.registerRevision("app:1"))})
	must(w.t, err)
	out, err := w.client.RegisterTaskDefinition(ctx(), &sdk.RegisterTaskDefinitionInput{
		Family: &family, ExecutionRoleArn: aws.String("role"), ContainerDefinitions: td.TaskDefinition.ContainerDefinitions,
	})
	must(w.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}
