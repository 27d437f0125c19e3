package ecs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
)

// drawStartable writes entries as "api app:1 PRIMARY".
func drawStartable(all []ecs.Startable) []string {
	var lines []string
	for _, s := range all {
		lines = append(lines, fmt.Sprintf("%s %s %s", s.Service, s.TaskDefinition, s.Why))
	}
	return lines
}

func (w *world) wantStartable(lines ...string) {
	w.t.Helper()
	if diff := cmp.Diff(lines, drawStartable(w.svc.Startable())); diff != "" {
		w.t.Errorf("startable (-want +got):\n%s", diff)
	}
}

func (w *world) wantDeployable(lines ...string) {
	w.t.Helper()
	if diff := cmp.Diff(lines, drawStartable(w.svc.Deployable())); diff != "" {
		w.t.Errorf("deployable (-want +got):\n%s", diff)
	}
}

func TestStartableIsWhatTheSchedulerMayStart(t *testing.T) {
	w := newWorld(t)
	w.images["app:2"] = ecs.App{Crashes: true}
	w.wantStartable()
	w.create(w.register("app:1", "v1"), 1, &types.DeploymentCircuitBreaker{Enable: true, Rollback: true})
	w.wantStartable("api app:1 PRIMARY")
	w.clock.Advance(time.Minute)
	w.wantStartable("api app:1 PRIMARY") // once, though it is also what completed last
	must(t, w.update(w.register("app:1", "v2")))
	w.wantStartable("api app:2 PRIMARY", "api app:1 ACTIVE")
	w.clock.Advance(2 * time.Minute)
	w.wantStartable("api app:2 PRIMARY")

	must(t, w.update(w.register("app:2", "v3")))
	must(t, w.update(w.register("app:2", "v4"))) // supersedes one that never had a task, and is forgotten
	w.wantStartable("api app:4 PRIMARY", "api app:2 ACTIVE")
	w.advanceUntil("PRIMARY app:2 IN_PROGRESS 0/1") // rolled back: app:4 failed, and starts no more
	w.wantStartable("api app:2 PRIMARY")
}

func TestTheRollbackTargetIsStartableWithoutADeployment(t *testing.T) {
	w := newWorld(t)
	w.images["app:2"] = ecs.App{Crashes: true}
	w.create(w.register("app:1", "v1"), 0, &types.DeploymentCircuitBreaker{Enable: true})
	w.clock.Advance(time.Minute)
	must(t, errorOf(w.client.UpdateService(t.Context(), &sdk.UpdateServiceInput{
		Cluster: aws.String("main"), Service: aws.String("api"), TaskDefinition: aws.String(w.register("app:2", "v2")), DesiredCount: aws.Int32(1),
	})))
	w.clock.Advance(10 * time.Minute)
	w.wantDeployments("PRIMARY app:2 FAILED 0/1")
	w.wantStartable("api app:2 PRIMARY", "api app:1 ROLLBACK") // a forced deployment would start app:2 again
}

func TestDeployableIsWhatUpdateServiceAccepts(t *testing.T) {
	w := newWorld(t)
	w.register("app:1", "v1")
	w.register("app:1", "v2")
	must(t, errorOf(w.client.RegisterTaskDefinition(t.Context(), fullTaskDefinition()))) // a family that no service is on
	w.wantDeployable()
	w.create("app:1", 1, nil)
	w.wantDeployable(" app:1 ACTIVE", " app:2 ACTIVE")
	must(t, errorOf(w.client.DeregisterTaskDefinition(t.Context(), &sdk.DeregisterTaskDefinitionInput{TaskDefinition: aws.String("app:2")})))
	w.wantDeployable(" app:1 ACTIVE")
}

func TestADeregisteredRevisionIsDeployableForAWhile(t *testing.T) {
	w := newWorld(t, func(c *ecs.Config) { c.Lag = 10 * time.Minute })
	w.create(w.register("app:1", "v1"), 1, nil)
	two := w.register("app:1", "v2")
	must(t, errorOf(w.client.DeregisterTaskDefinition(t.Context(), &sdk.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(two)})))
	w.clock.Advance(10*time.Minute - time.Second)
	w.wantDeployable(" app:1 ACTIVE", " app:2 INACTIVE")
	w.clock.Advance(time.Second)
	w.wantDeployable(" app:1 ACTIVE")
	if got := errorCode(w.update(two)); got != "ClientException: TaskDefinition is inactive" {
		t.Errorf("update: %s", got)
	}
}

func TestAStartableSaysWhatItsContainersGetAndSend(t *testing.T) {
	w := newWorld(t)
	presents := []ecs.Presents{{Env: "A", Target: "db"}}
	verifies := []ecs.Verifies{{Target: "handshake", Env: []string{"A", "B"}}}
	w.images["app:1"] = ecs.App{Presents: presents, Verifies: verifies}
	must(t, errorOf(w.client.RegisterTaskDefinition(t.Context(), fullTaskDefinition())))
	w.create("web", 1, nil)
	want := []ecs.Startable{
		{Service: "api", TaskDefinition: "web:1", Container: "app", Why: "PRIMARY", Presents: presents, Verifies: verifies,
			Secrets: map[string]string{"A": bucket + ":A::v1", "B": bucket + ":B::v1", "P": "parameter"}},
		{Service: "api", TaskDefinition: "web:1", Container: "envoy", Why: "PRIMARY", Secrets: map[string]string{}},
	}
	if diff := cmp.Diff(want, w.svc.Startable()); diff != "" {
		t.Errorf("startable (-want +got):\n%s", diff)
	}
}
