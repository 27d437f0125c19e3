package ecs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
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
		want := map[string]int{"look": 8, "look soon after": 10, "look while it rolls": 9, "first roll": 14, "roll": 15, "roll of what is there": 8}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d names (-want +got):\n%s", names, diff)
		}
	}
}

// Twenty consumers of one bucket, in one cluster: what a pass makes of ECS, look by look, and the census once.
func TestCallsOfAPassOverTwentyServices(t *testing.T) {
	w := newWorld(t, whole)
	env := environmentWith()
	for i := range 20 {
		at := manifest.ECS{Cluster: "main", Service: fmt.Sprintf("s%02d", i), Task: manifest.Task{Containers: manifest.Names{"app"}}}
		td := w.registerFamily(at.Service)
		must(t, errorOf(w.client.CreateService(ctx(), &sdk.CreateServiceInput{Cluster: aws.String("main"), ServiceName: &at.Service, TaskDefinition: &td, DesiredCount: aws.Int32(1)})))
		c := manifest.Consumer{Name: at.Service, ECS: &at}
		env.Consumers = append(env.Consumers, c)
	}
	pass := func(roll bool) int {
		w.clock.Advance(2 * history.Deregistered)
		return w.countCalls(func() {
			for _, c := range env.Consumers {
				s := ecs.New(w.client, c, devEnvironment, history.History{ARN: bucketARN}, w.clock.Now())
				must(t, errorOf(s.Status(ctx())))
				if roll {
					must(t, s.Roll(ctx(), bucket.Bucket{ARN: bucketARN, Version: v1, Values: map[string]secret.Value{"A": secret.New("a")}}))
				}
			}
			must(t, errorOf(ecs.NewCensus(w.client, w.tagged(env), env).Strangers(ctx())))
		})
	}
	got := map[string]int{"rolls all": pass(true)}
	w.clock.Advance(10 * time.Minute) // until it has settled
	got["changes nothing"] = pass(false)
	if diff := cmp.Diff(map[string]int{"rolls all": 20*(7+14) + 4, "changes nothing": 20*8 + 4}, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
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
