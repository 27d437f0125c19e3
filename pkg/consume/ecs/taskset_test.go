package ecs_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// newOutsideWorld has a service of two tasks that this controller deploys; a CODE_DEPLOY one is on v1.
func newOutsideWorld(t *testing.T, controller types.DeploymentControllerType) *world {
	w := newWorld(t)
	must(t, errorOf(w.client.CreateService(ctx(), &sdk.CreateServiceInput{
		Cluster: aws.String("main"), ServiceName: aws.String("api"), TaskDefinition: aws.String(w.registerRevision("app:1", pinnedEntries(v1)...)), DesiredCount: aws.Int32(2),
		DeploymentController: &types.DeploymentController{Type: controller},
	})))
	w.clock.Advance(time.Minute)
	w.reopen()
	return w
}

// makeTaskSet makes a task set on a revision that pins a version, of this share of the desired count, and returns its id.
func (w *world) makeTaskSet(version string, percent float64) string {
	w.t.Helper()
	out, err := w.client.CreateTaskSet(ctx(), &sdk.CreateTaskSetInput{
		Cluster: aws.String("main"), Service: aws.String("api"), TaskDefinition: aws.String(w.registerRevision("app:1", pinnedEntries(version)...)),
		Scale: &types.Scale{Value: percent, Unit: types.ScaleUnitPercent},
	})
	must(w.t, err)
	return *out.TaskSet.Id
}

func (w *world) promoteTaskSet(id string) {
	w.t.Helper()
	must(w.t, errorOf(w.client.UpdateServicePrimaryTaskSet(ctx(), &sdk.UpdateServicePrimaryTaskSetInput{Cluster: aws.String("main"), Service: aws.String("api"), PrimaryTaskSet: &id})))
}

func (w *world) deleteTaskSet(id string) {
	w.t.Helper()
	must(w.t, errorOf(w.client.DeleteTaskSet(ctx(), &sdk.DeleteTaskSetInput{Cluster: aws.String("main"), Service: aws.String("api"), TaskSet: &id, Force: aws.Bool(true)})))
}

// primaryTaskSet returns the id of the PRIMARY task set.
func (w *world) primaryTaskSet() string {
	w.t.Helper()
	out, err := w.client.DescribeServices(ctx(), &sdk.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"api"}})
	must(w.t, err)
	i := slices.IndexFunc(out.Services[0].TaskSets, func(t types.TaskSet) bool { return *t.Status == "PRIMARY" })
	return *out.Services[0].TaskSets[i].Id
}

// A deployment of CodeDeploy: a task set beside the first, the traffic, and the end of the first.
func TestEveryTaskSetIsInPlayAndNoneIsRolled(t *testing.T) {
	w := newOutsideWorld(t, types.DeploymentControllerTypeCodeDeploy)
	s := w.wantSeen(v1, "", true, v1)
	if want := "waits for the pipeline of main/api to deploy (its deployment controller is CODE_DEPLOY)"; s.NotRolled != want || s.Unknown+s.Foreign+s.Waiting != "" || s.Detail != "2 of 2 tasks on app:1" {
		t.Fatalf("%+v", s)
	}
	blue, green := w.primaryTaskSet(), w.makeTaskSet(v2, 100)
	for range 12 {
		w.reopen()
		if s := w.wantSeen("", v2, false, v1, v2); s.Waiting == "" || s.Failed != nil || s.Foreign != "" {
			t.Errorf("%+v", s)
		}
		w.clock.Advance(10 * time.Minute) // CodeDeploy waits for its test traffic, or for somebody
	}
	w.promoteTaskSet(green)
	w.reopen()
	w.wantSeen("", v2, false, v1, v2)
	w.clock.Advance(time.Hour)
	w.deleteTaskSet(blue)
	for range 3 { // its tasks drain, and then stop
		w.reopen()
		w.wantSeen("", v2, false, v1, v2)
		w.clock.Advance(6 * time.Second)
	}
	w.clock.Advance(time.Minute)
	w.reopen()
	s = w.wantSeen(v2, "", true, v2)
	if len(s.Moves) != 1 || s.Moves[0].Version != v1 || w.clock.Now().Sub(s.Moves[0].At) > 2*time.Minute {
		t.Errorf("away from v1 when its tasks stopped: %v", s.Moves)
	}
	w.clock.Advance(20 * time.Minute)
	if s := w.lookNow(); len(s.Moves) > 0 {
		t.Errorf("twenty minutes later: %v", s.Moves)
	}
	w.tap.Reset()
	if err := w.consume.Roll(ctx(), bucketAt(v3, both...)); err == nil || !strings.Contains(err.Error(), "waits for the pipeline of main/api") {
		t.Errorf("roll: %v", err)
	}
	w.wantWrites()
}

func TestTaskSetsThatStandSideBySideForGood(t *testing.T) {
	w := newOutsideWorld(t, types.DeploymentControllerTypeExternal)
	if s := w.lookNow(); !s.Unread || !strings.Contains(s.Unknown, "no PRIMARY task set of its deployment controller, EXTERNAL") {
		t.Errorf("no task set: %+v", s)
	}
	first := w.makeTaskSet(v1, 100)
	w.promoteTaskSet(first)
	w.clock.Advance(time.Minute)
	w.reopen()
	w.wantSeen(v1, "", true, v1)
	canary := w.makeTaskSet(v2, 50)
	w.clock.Advance(time.Minute)
	w.reopen()
	w.wantSeen("", v2, false, v1, v2)
	if err := w.consume.Withdraw(ctx(), []string{v1}); err == nil {
		t.Error("nobody can start on what a task set runs, it says")
	}
	next := w.makeTaskSet(v2, 100)
	w.promoteTaskSet(next)
	w.deleteTaskSet(first)
	w.clock.Advance(time.Minute)
	w.reopen()
	w.wantSeen(v2, "", true, v2) // both have the same
	w.deleteTaskSet(canary)
	w.clock.Advance(time.Minute)
	w.reopen()
	w.wantSeen(v2, "", true, v2)
}

// A pipeline that leaves the version out is as ever: the tasks have what was current when they started.
func TestATaskSetWithoutAVersionIsUnpinned(t *testing.T) {
	w := newOutsideWorld(t, types.DeploymentControllerTypeExternal)
	out, err := w.client.CreateTaskSet(ctx(), &sdk.CreateTaskSetInput{
		Cluster: aws.String("main"), Service: aws.String("api"), TaskDefinition: aws.String(w.registerRevision("app:1", "DB_URL="+bucketARN+":DB_URL::")),
	})
	must(t, err)
	w.promoteTaskSet(*out.TaskSet.Id)
	w.clock.Advance(time.Minute)
	if s := w.lookNow(); s.Unpinned == "" || s.Running != "" || s.NotRolled == "" {
		t.Errorf("%+v", s)
	}
}
