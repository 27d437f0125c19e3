package ecs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// environmentWith is dev with these services in cluster main.
func environmentWith(services ...string) *manifest.Environment {
	env := &manifest.Environment{Name: "dev"}
	for _, s := range services {
		env.Consumers = append(env.Consumers, manifest.Consumer{Name: s, ECS: &manifest.ECS{Cluster: "main", Service: s, Task: manifest.Task{Containers: manifest.Names{"app"}}}})
	}
	return env
}

// createOtherService makes another service, and tags it.
func (w *world) createOtherService(name, td string, tags ...string) {
	w.t.Helper()
	in := &sdk.CreateServiceInput{Cluster: aws.String("main"), ServiceName: &name, TaskDefinition: &td, DesiredCount: aws.Int32(0)}
	for _, t := range tags {
		key, value, _ := strings.Cut(t, "=")
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
	}
	must(w.t, errorOf(w.client.CreateService(ctx(), in)))
}

func (w *world) listStrangers(env *manifest.Environment) ([]string, error) {
	found, err := ecs.NewCensus(w.client, w.tagged(env), env).Strangers(ctx())
	var names []string
	for _, s := range found {
		names = append(names, s.Consumer)
		if s.Unknown == "" || s.Settled || s.Running != "" {
			w.t.Errorf("a stranger of which something is known: %+v", s)
		}
	}
	return names, err
}

func TestTheCensusFindsWhatTheManifestHasForgotten(t *testing.T) {
	w := newWorld(t)
	td := w.registerRevision("app:1")
	w.createService(td, 1, true)
	w.rollAndFinish(v1)
	w.createOtherService("plain", td)
	w.createOtherService("staging", td, "rotary:environment=staging", "rotary:consumer=api")
	w.createOtherService("old", td, "rotary:environment=dev", "rotary:consumer=worker")
	for _, c := range []struct{ env, want string }{{"api", "main/old"}, {"old", "main/api"}, {"api old", ""}, {"plain", "main/api main/old"}, {"", "main/api main/old"}} {
		got, err := w.listStrangers(environmentWith(strings.Fields(c.env)...))
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("with %q in the manifest: %v, %v", c.env, got, err)
		}
	}
	mixed := environmentWith("api", "old") // one by name, one by ARN: they are in one cluster
	mixed.Consumers[1].ECS.Cluster = "arn:aws:ecs:us-east-1:111111111111:cluster/main"
	mixed.Consumers[1].ECS.Service = "arn:aws:ecs:us-east-1:111111111111:service/main/old"
	if got, err := w.listStrangers(mixed); err != nil || len(got) > 0 {
		t.Errorf("with both in the manifest, one by ARN: %v, %v", got, err)
	}
	found, _ := ecs.NewCensus(w.client, nil, environmentWith("api")).Strangers(ctx())
	for _, words := range []string{"stands in no manifest", "rotary:consumer: worker", "put it back"} {
		if !strings.Contains(found[0].Unknown, words) {
			t.Errorf("it does not say %q: %s", words, found[0].Unknown)
		}
	}
}

func TestTheCensusAsksByTheClusterAndNotByTheService(t *testing.T) {
	w := newWorld(t, whole)
	td := w.registerRevision("app:1")
	for i := range 20 {
		w.createOtherService(fmt.Sprintf("s%02d", i), td, "rotary:environment=dev")
	}
	w.tap.Reset()
	got, err := w.listStrangers(environmentWith("s00", "s01"))
	if err != nil || len(got) != 18 || !slices.IsSorted(got) {
		t.Errorf("%d strangers, %v", len(got), err)
	}
	if calls := len(w.tap.Calls()); calls != 4 {
		t.Errorf("%d calls for 20 services: one to the tagging API, one list and two descriptions", calls)
	}
	w.wantWrites()
}

func TestACensusThatIsNotWholeIsAnError(t *testing.T) {
	const failures = `{"services":[],"failures":[{"arn":"arn:aws:ecs:us-east-1:111111111111:service/main/api","reason":%q}]}`
	for name, c := range map[string]struct {
		operation, body string
		want            string
	}{
		"a failure":           {"DescribeServices", fmt.Sprintf(failures, "ACCESS_DENIED"), "ECS does not describe service api: ACCESS_DENIED"},
		"nothing at all":      {"DescribeServices", `{"services":[],"failures":[]}`, "ECS describes 0 of 1 services"},
		"deleted meanwhile":   {"DescribeServices", fmt.Sprintf(failures, "MISSING"), ""},
		"an inactive service": {"DescribeServices", `{"services":[{"serviceName":"old","status":"INACTIVE","tags":[{"key":"rotary:environment","value":"dev"}]}]}`, ""},
	} {
		w := newWorld(t)
		w.createService(w.registerRevision("app:1"), 0, true)
		a := &forged{operation: c.operation, status: 200, body: c.body}
		got, err := ecs.NewCensus(w.clientOver(a), nil, environmentWith("web")).Strangers(ctx())
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "cluster main")) || len(got) > 0 {
			t.Errorf("%s: %v, %d strangers", name, err, len(got))
		}
	}
	for _, operation := range []string{"ListServices", "DescribeServices"} {
		w := newWorld(t)
		w.createService(w.registerRevision("app:1"), 0, true)
		w.tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Operation == operation {
				return sim.Fault{Outcome: sim.Throttled}
			}
			return sim.Fault{}
		})
		if _, err := w.listStrangers(environmentWith("web")); err == nil || !strings.Contains(err.Error(), "cluster main") {
			t.Errorf("%s throttled: %v", operation, err)
		}
	}
	w := newWorld(t)
	if _, err := ecs.NewCensus(w.client, nil, &manifest.Environment{Consumers: []manifest.Consumer{{ECS: &manifest.ECS{Cluster: "other"}}}}).Strangers(ctx()); err == nil {
		t.Error("a cluster that is not there has been counted")
	}
}
