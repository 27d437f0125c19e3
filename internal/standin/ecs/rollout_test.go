package ecs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
)

const arn = "arn:aws:ecs:us-east-1:111111111111:service/main/api"

func TestARolloutStandsBesideTheOldOneUntilItIsDone(t *testing.T) {
	w := newWorld(t)
	w.create(w.register("app:1", "v1"), 2, nil)
	w.wantDeployments("PRIMARY app:1 IN_PROGRESS 0/2")
	w.clock.Advance(time.Minute)
	w.wantDeployments("PRIMARY app:1 COMPLETED 2/2")

	must(t, w.update(w.register("app:1", "v2")))
	w.wantDeployments("PRIMARY app:2 IN_PROGRESS 0/2", "ACTIVE app:1 COMPLETED 2/0")
	w.advanceUntil("PRIMARY app:2 IN_PROGRESS 1/2")
	w.wantDeployments("PRIMARY app:2 IN_PROGRESS 1/2", "ACTIVE app:1 COMPLETED 2/0")
	w.advanceUntil("PRIMARY app:2 IN_PROGRESS 2/2")
	w.wantDeployments("PRIMARY app:2 IN_PROGRESS 2/2", "ACTIVE app:1 COMPLETED 2/0") // old tasks drain
	w.clock.Advance(15 * time.Second)
	w.wantDeployments("PRIMARY app:2 COMPLETED 2/2")
	w.wantAttempts("SUCCESSFUL", "SUCCESSFUL")
	want := []string{
		"SERVICE_DEPLOYMENT_IN_PROGRESS " + arn, "SERVICE_DEPLOYMENT_COMPLETED " + arn,
		"SERVICE_DEPLOYMENT_IN_PROGRESS " + arn, "SERVICE_DEPLOYMENT_COMPLETED " + arn,
	}
	if diff := cmp.Diff(want, w.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestOldTasksOutliveTheirDeploymentByAMoment(t *testing.T) {
	w := newWorld(t)
	w.images["app:1"] = ecs.App{Presents: []ecs.Presents{{Env: "DB_URL", Target: "db"}}}
	w.targets.Accept("db", "credential-v1")
	w.targets.Accept("db", "credential-v2")
	w.create(w.register("app:1", "v1"), 1, nil)
	w.clock.Advance(time.Minute)
	must(t, w.update(w.register("app:1", "v2")))
	w.advanceUntil("PRIMARY app:2 COMPLETED 1/1")
	w.targets.Revoke("db", "credential-v1")
	refused := w.svc.Present()
	if len(refused) != 1 || refused[0].TaskDefinition != "app:1" || refused[0].Env != "DB_URL" || refused[0].Service != "api" {
		t.Errorf("the task that is still stopping was not seen: %+v", refused)
	}
	w.clock.Advance(10 * time.Second)
	if refused := w.svc.Present(); len(refused) != 0 {
		t.Errorf("refused: %+v", refused)
	}
}

func TestTheBreakerRollsBackToTheLastCompletedRevision(t *testing.T) {
	w := newWorld(t)
	w.images["app:bad"] = ecs.App{Crashes: true}
	w.create(w.register("app:1", "v1"), 2, &types.DeploymentCircuitBreaker{Enable: true, Rollback: true})
	w.clock.Advance(time.Minute)
	must(t, w.update(w.register("app:bad", "v1")))
	w.advanceUntil("PRIMARY app:1 IN_PROGRESS 0/2")
	w.wantDeployments("PRIMARY app:1 IN_PROGRESS 0/2", "ACTIVE app:2 FAILED 0/0", "ACTIVE app:1 COMPLETED 2/0")
	w.wantAttempts("ROLLBACK_IN_PROGRESS", "SUCCESSFUL")
	w.clock.Advance(time.Minute)
	w.wantDeployments("PRIMARY app:1 COMPLETED 2/2")
	w.wantAttempts("ROLLBACK_SUCCESSFUL", "SUCCESSFUL")
	if got := w.stoppedReasons()["Essential container in task exited"]; got != 3 {
		t.Errorf("failed tasks: %d, want the threshold of 3", got)
	}
	w.wantRolledBack("app:2", "app:1")
}

// wantRolledBack asks the newest service deployment what it tried and where it went back to.
func (w *world) wantRolledBack(tried, back string) {
	w.t.Helper()
	ctx := context.Background()
	newest, err := w.client.DescribeServiceDeployments(ctx, &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*w.briefs()[0].ServiceDeploymentArn}})
	must(w.t, err)
	sd := newest.ServiceDeployments[0]
	revisions, err := w.client.DescribeServiceRevisions(ctx, &sdk.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{*sd.TargetServiceRevision.Arn, *sd.Rollback.ServiceRevisionArn}})
	must(w.t, err)
	deployed := map[string]string{}
	for _, r := range revisions.ServiceRevisions {
		deployed[*r.ServiceRevisionArn] = shortenARN(*r.TaskDefinition)
	}
	got := []string{deployed[*sd.TargetServiceRevision.Arn], deployed[*sd.Rollback.ServiceRevisionArn]}
	if diff := cmp.Diff([]string{tried, back}, got); diff != "" {
		w.t.Errorf("tried and went back to (-want +got):\n%s", diff)
	}
}

func TestWithoutRollbackAFailedRolloutStays(t *testing.T) {
	w := newWorld(t)
	w.create(w.register("app:1", "v1"), 1, &types.DeploymentCircuitBreaker{Enable: true})
	w.clock.Advance(time.Minute)
	must(t, w.update(w.register("missing:1", "v1")))
	w.clock.Advance(5 * time.Minute)
	w.wantDeployments("PRIMARY app:2 FAILED 0/1", "ACTIVE app:1 COMPLETED 1/0")
	w.wantAttempts("STOPPED", "SUCCESSFUL")
	if last := w.events[len(w.events)-1]; last != "SERVICE_DEPLOYMENT_FAILED "+arn {
		t.Errorf("last event %s", last)
	}
	for reason := range w.stoppedReasons() {
		if !strings.HasPrefix(reason, "CannotPullContainerError") {
			t.Errorf("stopped: %s", reason)
		}
	}
}

func TestWithoutABreakerABadRolloutIsRetriedForEver(t *testing.T) {
	w := newWorld(t)
	w.create(w.register("app:1", "v1"), 1, nil)
	w.clock.Advance(time.Minute)
	next := w.register("app:1", "v2")
	delete(w.store, bucket+":DB_URL::v2")
	must(t, w.update(next))
	w.clock.Advance(24 * time.Hour)
	w.wantDeployments("PRIMARY app:2 IN_PROGRESS 0/1", "ACTIVE app:1 COMPLETED 1/0")
	for reason := range w.stoppedReasons() {
		if !strings.HasPrefix(reason, "ResourceInitializationError") {
			t.Errorf("stopped: %s", reason)
		}
	}
	w.store[bucket+":DB_URL::v2"] = "credential-v2"
	w.clock.Advance(30 * time.Minute)
	w.wantDeployments("PRIMARY app:2 COMPLETED 1/1")
}

func TestANewerUpdateSupersedes(t *testing.T) {
	w := newWorld(t)
	w.create(w.register("app:1", "v1"), 2, nil)
	w.clock.Advance(time.Minute)
	must(t, w.update(w.register("app:1", "v2")))
	w.clock.Advance(20 * time.Second)
	must(t, w.update(w.register("app:1", "v3")))
	w.wantDeployments("PRIMARY app:3 IN_PROGRESS 0/2", "ACTIVE app:2 IN_PROGRESS 1/0", "ACTIVE app:1 COMPLETED 2/0")
	w.wantAttempts("IN_PROGRESS", "STOPPED", "SUCCESSFUL")
	w.clock.Advance(2 * time.Minute)
	w.wantDeployments("PRIMARY app:3 COMPLETED 2/2")
}

func TestAStopRequestRollsBack(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.create(w.register("app:1", "v1"), 1, nil)
	w.clock.Advance(time.Minute)
	must(t, w.update(w.register("app:1", "v2")))
	list, err := w.client.ListServiceDeployments(ctx, &sdk.ListServiceDeploymentsInput{Cluster: aws.String("main"), Service: aws.String("api"), Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusInProgress}})
	must(t, err)
	stop := &sdk.StopServiceDeploymentInput{ServiceDeploymentArn: list.ServiceDeployments[0].ServiceDeploymentArn, StopType: types.StopServiceDeploymentStopTypeRollback}
	must(t, errorOf(w.client.StopServiceDeployment(ctx, stop)))
	w.clock.Advance(2 * time.Minute)
	w.wantDeployments("PRIMARY app:1 COMPLETED 1/1")
	w.wantAttempts("ROLLBACK_SUCCESSFUL", "SUCCESSFUL")
	if _, err := w.client.StopServiceDeployment(ctx, stop); !strings.HasPrefix(errorCode(err), "ConflictException") {
		t.Errorf("stopping what is over: %s", errorCode(err))
	}
}

func TestDesiredCountIsHonouredAndDeadTasksAreReplaced(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.create(w.register("app:1", "v1"), 0, nil)
	w.clock.Advance(time.Second)
	w.wantDeployments("PRIMARY app:1 COMPLETED 0/0")
	scale := func(n int32) {
		must(t, errorOf(w.client.UpdateService(ctx, &sdk.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), DesiredCount: aws.Int32(n)})))
		w.clock.Advance(2 * time.Minute)
	}
	scale(3)
	w.wantDeployments("PRIMARY app:1 COMPLETED 3/3")
	scale(1)
	w.wantDeployments("PRIMARY app:1 COMPLETED 1/1")

	w.store[bucket+":DB_URL::v1"] = "changed"
	tasks, err := w.client.ListTasks(ctx, &sdk.ListTasksInput{Cluster: aws.String("main"), ServiceName: aws.String("api")})
	must(t, err)
	old := tasks.TaskArns[0]
	if got := w.svc.Environment(old, "app")["DB_URL"]; got != "credential-v1" {
		t.Error("a running task does not follow its secret")
	}
	must(t, errorOf(w.client.StopTask(ctx, &sdk.StopTaskInput{Cluster: aws.String("main"), Task: aws.String(old)})))
	w.wantDeployments("PRIMARY app:1 COMPLETED 0/1")
	w.clock.Advance(time.Minute)
	tasks, err = w.client.ListTasks(ctx, &sdk.ListTasksInput{Cluster: aws.String("main"), ServiceName: aws.String("api")})
	must(t, err)
	if len(tasks.TaskArns) != 1 || tasks.TaskArns[0] == old || w.svc.Environment(tasks.TaskArns[0], "app")["DB_URL"] != "changed" {
		t.Error("a dead task is replaced by one that reads its secret again")
	}
}

func TestARefusedCredentialAtStartFailsTheTask(t *testing.T) {
	w := newWorld(t)
	w.images["app:1"] = ecs.App{Presents: []ecs.Presents{{Env: "DB_URL", Target: "db"}}, Needs: []string{"DB_URL"}}
	w.targets.Accept("db", "credential-v1")
	w.create(w.register("app:1", "v1"), 1, &types.DeploymentCircuitBreaker{Enable: true, Rollback: true})
	w.clock.Advance(time.Minute)
	must(t, w.update(w.register("app:1", "v2")))
	w.clock.Advance(5 * time.Minute)
	w.wantDeployments("PRIMARY app:1 COMPLETED 1/1")
	if got := w.targets.Refusals("db"); got != 3 {
		t.Errorf("refusals: %d, want 3", got)
	}
}

func TestAVerifierMayHoldAnotherHalfThanTheOneThatIsSent(t *testing.T) {
	w := newWorld(t)
	w.images["app:1"] = ecs.App{Verifies: []ecs.Verifies{{Target: "handshake", Env: []string{"A", "DB_URL"}, Belongs: func(credential, held string) bool {
		return held == "credential-"+credential
	}}}}
	w.create(w.register("app:1", "v1"), 1, nil)
	w.clock.Advance(time.Minute)
	if !w.targets.Accepts("handshake", "v1") || w.targets.Accepts("handshake", "credential-v1") || w.targets.Accepts("handshake", "v2") {
		t.Error("it accepts something else than what belongs to what it holds")
	}
}

func TestASymmetricTargetIsEveryRunningVerifier(t *testing.T) {
	w := newWorld(t)
	w.images["app:1"] = ecs.App{Verifies: []ecs.Verifies{{Target: "handshake", Env: []string{"DB_URL"}}}}
	w.create(w.register("app:1", "v1"), 2, nil)
	w.clock.Advance(time.Minute)
	if got := len(w.svc.Verifiers("handshake")); got != 2 {
		t.Fatalf("verifiers: %d", got)
	}
	must(t, w.update(w.register("app:1", "v2")))
	w.clock.Advance(21 * time.Second) // one new verifier beside two old ones: no credential suits all
	if w.targets.Accepts("handshake", "credential-v1") || w.targets.Accepts("handshake", "credential-v2") {
		t.Error("accepted by some verifiers only")
	}
	w.clock.Advance(2 * time.Minute)
	if !w.targets.Accepts("handshake", "credential-v2") {
		t.Error("refused although every verifier has it")
	}
}
