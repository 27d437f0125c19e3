package ecs_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

const (
	plainSecret  = "arn:aws:secretsmanager:us-east-1:111111111111:secret:prod/db-AbCdEf"
	keyOfSecret  = plainSecret + ":password::"
	pinnedSecret = plainSecret + ":password::" + v1
	parameterOf  = "arn:aws:ssm:us-east-1:111111111111:parameter/db"
)

// asks opens the consumer with permission to adopt both names of the bucket, and what a person asks now.
func (w *world) asks(names ...string) {
	w.adopt = names
	w.openWith(func(e *manifest.ECS) { e.Adopt = []string{"API_KEY", "DB_URL"} })
}

// settle opens the consumer as it is some time later.
func (w *world) settle(names ...string) plan.Seen {
	w.t.Helper()
	w.clock.Advance(15 * time.Minute)
	w.asks(names...)
	return w.readStatus()
}

// Whatever form the entries have that a service had before, adopting replaces them in one deployment, the adoption outlives
// a pipeline that brings the old ones back, and disowning brings back the very task definition.
func TestAnAdoptionAndItsWayBack(t *testing.T) {
	for name, before := range map[string][]string{
		"a key of a secret":    {"DB_URL=" + keyOfSecret, "API_KEY=" + keyOfSecret},
		"a plain string":       {"DB_URL=" + plainSecret, "API_KEY=" + keyOfSecret},
		"a pinned version":     {"DB_URL=" + pinnedSecret, "API_KEY=" + keyOfSecret},
		"a parameter":          {"DB_URL=" + parameterOf, "API_KEY=" + plainSecret},
		"one of the two names": {"DB_URL=" + keyOfSecret},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.registerRevision("app:1", append(before, ssm)...)
			w.createService(first, 1, true)
			s := w.settle()
			w.takeWrites()
			if len(s.Left) != len(before) || s.Left[len(s.Left)-1].Name != "DB_URL" || !strings.Contains(s.NotRolled, "rotary adopt dev api") || len(s.Adopted) > 0 {
				t.Fatalf("before: %+v", s)
			}
			if err := w.consume.Roll(ctx(), bucketAt(v1, both...)); err == nil || !strings.Contains(err.Error(), "rotary adopt dev api") {
				t.Errorf("nobody has adopted it: %v", err)
			}
			w.wantWrites()

			w.asks("API_KEY", "DB_URL")
			w.rollTo(v1)
			w.wantWrites("TagResource", "RegisterTaskDefinition", "TagResource", "UpdateService")
			s = w.settle()
			if diff := cmp.Diff(append(pinnedEntries(v1), ssm), w.appSecrets()); diff != "" || !s.Settled || s.Running != v1 || len(s.Left) > 0 || s.NotRolled != "" {
				t.Fatalf("adopted: %+v\nsecrets (-want +got):\n%s", s, diff)
			}
			if len(s.Adopted) != len(before) || s.Adopted[len(s.Adopted)-1] != "DB_URL" {
				t.Errorf("adopted are %v", s.Adopted)
			}
			w.rollTo(v1)
			w.takeWrites()

			w.deploy(first) // a pipeline with the old entries
			if s = w.settle(); len(s.Left) > 0 || s.Running != "" {
				t.Errorf("after a pipeline's deploy: %+v", s)
			}
			w.rollTo(v1)
			if s = w.settle(); s.Running != v1 {
				t.Errorf("it is not adopted again: %+v", s)
			}

			must(t, w.consume.Disown(ctx(), nil))
			s = w.settle()
			if got := aws.ToString(w.presentDefinition().TaskDefinitionArn); got != first || len(s.Left) != len(before) || len(s.Adopted) > 0 || s.NotRolled == "" {
				t.Errorf("given back to %s, and not %s: %+v", got, first, s)
			}
			w.takeWrites()
			must(t, w.consume.Disown(ctx(), nil))
			if err := w.consume.Roll(ctx(), bucketAt(v1, both...)); err == nil {
				t.Error("it is rolled after it was given back")
			}
			if writes := w.takeWrites(); slices.Contains(writes, "UpdateService") {
				t.Errorf("giving back again: %v", writes)
			}
		})
	}
}

func (w *world) deploy(arn string) {
	w.t.Helper()
	must(w.t, errorOf(w.client.UpdateService(ctx(), &sdk.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), TaskDefinition: &arn})))
}

// A name at a time: what is left stays as it is, and what the service got since stays when a name is given back.
func TestANameIsAdoptedAndGivenBackByItself(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", "DB_URL="+keyOfSecret, "API_KEY="+parameterOf), 1, true)
	w.settle("DB_URL")
	w.rollTo(v1)
	s := w.settle()
	if diff := cmp.Diff([]string{"API_KEY=" + parameterOf, "DB_URL=" + bucketARN + ":DB_URL::" + v1}, w.appSecrets()); diff != "" || s.Running != v1 || s.NotRolled != "" {
		t.Fatalf("%+v\n(-want +got):\n%s", s, diff)
	}
	if diff := cmp.Diff([]plan.Elsewhere{{Name: "API_KEY", From: "secrets (" + parameterOf + ")"}}, s.Left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	w.rollTo(v2) // a rotation
	w.settle("API_KEY")
	w.rollTo(v2)
	s = w.settle()
	if diff := cmp.Diff(pinnedEntries(v2), w.appSecrets()); diff != "" || !slices.Equal(s.Adopted, []string{"API_KEY", "DB_URL"}) {
		t.Fatalf("%+v\n(-want +got):\n%s", s, diff)
	}
	must(t, w.consume.Disown(ctx(), []string{"DB_URL"}))
	s = w.settle()
	if diff := cmp.Diff([]string{"API_KEY=" + bucketARN + ":API_KEY::" + v2, "DB_URL=" + keyOfSecret}, w.appSecrets()); diff != "" || !slices.Equal(s.Adopted, []string{"API_KEY"}) || len(s.Left) != 1 {
		t.Errorf("%+v\n(-want +got):\n%s", s, diff)
	}
}

// A value of the environment is replaced, and comes back as it was; its value is in no text for people.
func TestAVariableOfTheEnvironmentIsAdoptedAndGivenBack(t *testing.T) {
	w := newWorld(t)
	app := types.ContainerDefinition{Name: aws.String("app"), Image: aws.String("app:1"), Environment: []types.KeyValuePair{{Name: aws.String("DB_URL"), Value: aws.String("canary")}}}
	migrate := app
	migrate.Name, migrate.Environment = aws.String("migrate"), nil
	out, err := w.client.RegisterTaskDefinition(ctx(), &sdk.RegisterTaskDefinitionInput{Family: aws.String("app"), ExecutionRoleArn: aws.String("arn:aws:iam::111111111111:role/execution"), ContainerDefinitions: []types.ContainerDefinition{app, migrate}})
	must(t, err)
	w.createService(*out.TaskDefinition.TaskDefinitionArn, 1, true)
	open := func(names ...string) plan.Seen {
		w.clock.Advance(15 * time.Minute)
		w.adopt = names
		w.openWith(func(e *manifest.ECS) {
			e.Containers, e.Adopt = manifest.Names{"app", "migrate"}, []string{"DB_URL"}
		})
		return w.readStatus()
	}
	if s := open(); len(s.Left) != 1 || s.Left[0].From != "environment" || strings.Contains(s.NotRolled, "canary") {
		t.Fatalf("before: %+v", s)
	}
	open("DB_URL")
	w.rollTo(v1)
	if s := open(); s.Running != v1 {
		t.Fatalf("adopted: %+v", s)
	}
	for _, c := range w.presentDefinition().ContainerDefinitions {
		if len(c.Secrets) != 2 || len(c.Environment) != 0 {
			t.Errorf("container %s has %d secrets and %d variables", *c.Name, len(c.Secrets), len(c.Environment))
		}
	}
	must(t, w.consume.Disown(ctx(), nil))
	open()
	if got := aws.ToString(w.presentDefinition().TaskDefinitionArn); got != *out.TaskDefinition.TaskDefinitionArn {
		t.Errorf("given back to %s", got)
	}
}

// After a crash between the marks and the deployment, each goes on when it is asked again.
func TestAnAdoptionThatStoppedHalfwayGoesOn(t *testing.T) {
	w := newWorld(t)
	first := w.registerRevision("app:1", "DB_URL="+keyOfSecret, "API_KEY="+parameterOf)
	w.createService(first, 1, true)
	w.settle("API_KEY", "DB_URL")
	w.failOnce("RegisterTaskDefinition")
	if err := w.consume.Roll(ctx(), bucketAt(v1, both...)); err == nil {
		t.Fatal("nothing failed")
	}
	if s := w.settle(); len(s.Adopted) != 2 || len(s.Left) > 0 {
		t.Errorf("after a crash: %+v", s)
	}
	w.rollTo(v1)
	if s := w.settle(); s.Running != v1 {
		t.Errorf("it does not go on: %+v", s)
	}
	w.failOnce("UpdateService")
	if err := w.consume.Disown(ctx(), nil); err == nil {
		t.Fatal("nothing failed")
	}
	w.settle()
	must(t, w.consume.Disown(ctx(), nil))
	w.settle()
	if got := aws.ToString(w.presentDefinition().TaskDefinitionArn); got != first {
		t.Errorf("given back to %s", got)
	}
}

// failOnce makes the next call of an operation fail; a denial is not tried again.
func (w *world) failOnce(operation string) {
	left := 1
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation != operation || left == 0 {
			return sim.Fault{}
		}
		left--
		return sim.Fault{Outcome: sim.Denied}
	})
	w.t.Cleanup(func() { w.tap.OnCall(nil) })
}
