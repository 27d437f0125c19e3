package ecs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
)

func blueGreen(bake int32) *types.DeploymentConfiguration {
	return &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: &bake}
}

func canary(percent float64, step, bake int32) *types.DeploymentConfiguration {
	return &types.DeploymentConfiguration{
		Strategy: types.DeploymentStrategyCanary, BakeTimeInMinutes: &bake,
		CanaryConfiguration: &types.CanaryConfiguration{CanaryPercent: &percent, CanaryBakeTimeInMinutes: &step},
	}
}

func linear(percent float64, step, bake int32) *types.DeploymentConfiguration {
	return &types.DeploymentConfiguration{
		Strategy: types.DeploymentStrategyLinear, BakeTimeInMinutes: &bake,
		LinearConfiguration: &types.LinearConfiguration{StepPercent: &percent, StepBakeTimeInMinutes: &step},
	}
}

// createWith creates a service of two tasks that is deployed so, on version v1, and waits until it runs.
func (w *world) createWith(c *types.DeploymentConfiguration) {
	w.t.Helper()
	must(w.t, errorOf(w.client.CreateService(w.t.Context(), &sdk.CreateServiceInput{
		Cluster: aws.String("main"), ServiceName: aws.String("api"), TaskDefinition: aws.String(w.register("app:1", "v1")), DesiredCount: aws.Int32(2), DeploymentConfiguration: c,
	})))
	w.clock.Advance(2 * time.Minute)
}

// deployVersion deploys a revision that pins a version.
func (w *world) deployVersion(version string) {
	w.t.Helper()
	must(w.t, w.update(w.register("app:1", version)))
}

// newest describes the newest service deployment.
func (w *world) newest() types.ServiceDeployment {
	w.t.Helper()
	out, err := w.client.DescribeServiceDeployments(w.t.Context(), &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*w.briefs()[0].ServiceDeploymentArn}})
	must(w.t, err)
	return out.ServiceDeployments[0]
}

// running lists the revisions of the tasks that run, one entry a task, sorted.
func (w *world) running() (all []string) {
	w.t.Helper()
	for _, task := range w.tasks() {
		if aws.ToString(task.LastStatus) == "RUNNING" {
			all = append(all, shortenARN(*task.TaskDefinitionArn))
		}
	}
	slices.Sort(all)
	return all
}

// tasks describes the tasks that should run.
func (w *world) tasks() []types.Task {
	w.t.Helper()
	list, err := w.client.ListTasks(w.t.Context(), &sdk.ListTasksInput{Cluster: aws.String("main"), ServiceName: aws.String("api")})
	must(w.t, err)
	if len(list.TaskArns) == 0 {
		return nil
	}
	out, err := w.client.DescribeTasks(w.t.Context(), &sdk.DescribeTasksInput{Cluster: aws.String("main"), Tasks: list.TaskArns})
	must(w.t, err)
	return out.Tasks
}

// advanceToStage advances the clock second by second until the newest service deployment is in a stage.
func (w *world) advanceToStage(stage types.ServiceDeploymentLifecycleStage) {
	w.t.Helper()
	for range 7200 {
		if w.newest().LifecycleStage == stage {
			return
		}
		w.clock.Advance(time.Second)
	}
	w.t.Fatalf("not in stage %s within two hours: %+v", stage, w.newest())
}

func (w *world) wantRunning(revisions ...string) {
	w.t.Helper()
	if diff := cmp.Diff(revisions, w.running()); diff != "" {
		w.t.Errorf("tasks (-want +got):\n%s", diff)
	}
}

func TestBlueAndGreenRunUntilTheBakeIsOver(t *testing.T) {
	w := newWorld(t)
	w.createWith(blueGreen(30))
	w.wantAttempts("SUCCESSFUL")
	w.deployVersion("v2")
	var stages []string
	for range 300 {
		sd := w.newest()
		line := fmt.Sprintf("%s %v", sd.LifecycleStage, *sd.TargetServiceRevision.RequestedProductionTrafficWeight)
		if !slices.Contains(stages, line) && sd.Status == types.ServiceDeploymentStatusInProgress {
			stages = append(stages, line)
		}
		if sd.LifecycleStage == types.ServiceDeploymentLifecycleStageBakeTime {
			break
		}
		w.clock.Advance(500 * time.Millisecond)
	}
	want := []string{
		"PRE_SCALE_UP 0", "SCALE_UP 0", "POST_SCALE_UP 0", "TEST_TRAFFIC_SHIFT 0", "POST_TEST_TRAFFIC_SHIFT 0",
		"PRE_PRODUCTION_TRAFFIC_SHIFT 0", "PRODUCTION_TRAFFIC_SHIFT 100", "POST_PRODUCTION_TRAFFIC_SHIFT 100", "BAKE_TIME 100",
	}
	if diff := cmp.Diff(want, stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	bakes := w.clock.Now()
	w.clock.Advance(29 * time.Minute)
	w.wantRunning("app:1", "app:1", "app:2", "app:2")
	w.wantDeployments("PRIMARY app:2  2/2", "ACTIVE app:1  2/0")
	w.wantAttempts("IN_PROGRESS", "SUCCESSFUL")
	w.wantStartable("api app:2 PRIMARY", "api app:1 ACTIVE")
	w.clock.Advance(3 * time.Minute)
	w.wantRunning("app:2", "app:2")
	w.wantDeployments("PRIMARY app:2  2/2")
	w.wantAttempts("SUCCESSFUL", "SUCCESSFUL")
	if sd := w.newest(); sd.FinishedAt.Sub(bakes) < 30*time.Minute || sd.LifecycleStage != types.ServiceDeploymentLifecycleStageCleanUp {
		t.Errorf("it ended at %s in stage %s, and baked from %s on", sd.FinishedAt, sd.LifecycleStage, bakes)
	}
}

func TestCanaryAndLinearShiftInSteps(t *testing.T) {
	for _, c := range []struct {
		name          string
		configuration *types.DeploymentConfiguration
		want          []string // share of the production traffic, and for how many minutes
	}{
		{"canary", canary(10, 10, 5), []string{"10 for 10m", "100 for 5m"}},
		{"all at once", canary(100, 10, 5), []string{"100 for 5m"}},
		{"linear", linear(40, 6, 5), []string{"40 for 6m", "80 for 6m", "100 for 5m"}},
		{"defaults", &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyCanary}, []string{"5 for 10m", "100 for 0m"}},
	} {
		w := newWorld(t)
		w.createWith(c.configuration)
		w.deployVersion("v2")
		w.advanceToStage(types.ServiceDeploymentLifecycleStageProductionTrafficShift)
		var got []string
		for w.newest().Status == types.ServiceDeploymentStatusInProgress && w.newest().LifecycleStage != types.ServiceDeploymentLifecycleStageCleanUp {
			weight, since := *w.newest().TargetServiceRevision.RequestedProductionTrafficWeight, w.clock.Now()
			w.wantRunning("app:1", "app:1", "app:2", "app:2")
			for w.newest().LifecycleStage != types.ServiceDeploymentLifecycleStageCleanUp && *w.newest().TargetServiceRevision.RequestedProductionTrafficWeight == weight {
				w.clock.Advance(time.Second)
			}
			got = append(got, fmt.Sprintf("%v for %dm", weight, int(w.clock.Now().Sub(since).Minutes())))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: shares of the traffic (-want +got):\n%s", c.name, diff)
		}
	}
}

// The tasks of the source run on, so nothing has to start for a rollback.
func TestARollbackInTheBakeReturnsTheTraffic(t *testing.T) {
	w := newWorld(t)
	w.createWith(canary(10, 10, 30))
	before := w.tasks()
	w.deployVersion("v2")
	w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
	must(t, errorOf(w.client.StopServiceDeployment(t.Context(), &sdk.StopServiceDeploymentInput{ServiceDeploymentArn: w.briefs()[0].ServiceDeploymentArn})))
	w.wantAttempts("ROLLBACK_REQUESTED", "SUCCESSFUL")
	w.clock.Advance(2 * time.Second)
	w.wantAttempts("ROLLBACK_IN_PROGRESS", "SUCCESSFUL")
	w.wantRunning("app:1", "app:1", "app:2", "app:2")
	w.clock.Advance(time.Minute)
	w.wantAttempts("ROLLBACK_SUCCESSFUL", "SUCCESSFUL")
	w.wantRunning("app:1", "app:1")
	w.wantDeployments("PRIMARY app:1  2/2")
	w.wantRolledBack("app:2", "app:1")
	for i, task := range w.tasks() {
		if *task.TaskArn != *before[i].TaskArn {
			t.Errorf("task %s was started for the rollback", *task.TaskArn)
		}
	}
}

func TestAnAlarmInTheBakeRollsBack(t *testing.T) {
	for _, rollback := range []bool{true, false} {
		w := newWorld(t)
		c := blueGreen(30)
		c.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true, Rollback: rollback}
		w.createWith(c)
		w.deployVersion("v2")
		w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
		w.svc.SetAlarm("another")
		w.wantAttempts("IN_PROGRESS", "SUCCESSFUL")
		w.svc.SetAlarm("errors")
		w.clock.Advance(time.Minute)
		want, running := "ROLLBACK_SUCCESSFUL", []string{"app:1", "app:1"}
		if !rollback {
			want, running = "STOPPED", []string{"app:1", "app:1", "app:2", "app:2"}
		}
		w.wantAttempts(want, "SUCCESSFUL")
		w.wantRunning(running...)
		if sd := w.newest(); sd.Alarms.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered || !strings.Contains(*sd.StatusReason, "errors") {
			t.Errorf("%+v: %s", sd.Alarms, *sd.StatusReason)
		}
	}
}

func TestHooksHoldADeploymentUp(t *testing.T) {
	hook := types.DeploymentLifecycleHook{HookTargetArn: aws.String("check"), RoleArn: aws.String("role"), LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostTestTrafficShift}}
	for _, c := range []struct {
		name    string
		answers []string
		wait    time.Duration
		want    string
	}{
		{"it has succeeded", []string{"SUCCEEDED"}, 3 * time.Minute, "SUCCESSFUL"},
		{"it goes on", []string{"IN_PROGRESS", "IN_PROGRESS"}, time.Hour, "IN_PROGRESS"},
		{"it went on", []string{"IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED"}, 4 * time.Minute, "SUCCESSFUL"},
		{"it has failed", []string{"IN_PROGRESS", "FAILED"}, 4 * time.Minute, "ROLLBACK_SUCCESSFUL"},
		{"it says nothing", []string{""}, 4 * time.Minute, "ROLLBACK_SUCCESSFUL"},
		{"it never ends", []string{"IN_PROGRESS"}, 25 * time.Hour, "ROLLBACK_SUCCESSFUL"},
	} {
		asked := 0
		w := newWorld(t, func(config *ecs.Config) {
			config.Hooks = func(function, stage string) ecs.Hook {
				if function != "check" || stage != "POST_TEST_TRAFFIC_SHIFT" {
					t.Errorf("%s was invoked at %s", function, stage)
				}
				asked++
				return ecs.Hook{Status: c.answers[min(asked, len(c.answers))-1]}
			}
		})
		configuration := blueGreen(0)
		configuration.LifecycleHooks = []types.DeploymentLifecycleHook{hook}
		w.createWith(configuration)
		w.deployVersion("v2")
		w.clock.Advance(c.wait)
		if got := w.attempts()[0]; got != c.want || asked < len(c.answers) {
			t.Errorf("%s: %s after %s, asked %d times", c.name, got, c.wait, asked)
		}
	}
}

func TestAPauseWaitsForSomebody(t *testing.T) {
	for _, c := range []struct {
		action types.DeploymentLifecycleHookAction
		wait   time.Duration
		want   string
	}{
		{types.DeploymentLifecycleHookActionContinue, 2 * time.Minute, "SUCCESSFUL"},
		{types.DeploymentLifecycleHookActionRollback, 2 * time.Minute, "ROLLBACK_SUCCESSFUL"},
		{"", 29 * time.Minute, "IN_PROGRESS"},
		{"", 32 * time.Minute, "SUCCESSFUL"}, // its timeout's action is CONTINUE
	} {
		w := newWorld(t)
		configuration := blueGreen(0)
		configuration.LifecycleHooks = []types.DeploymentLifecycleHook{{
			TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePreScaleUp},
			TimeoutConfiguration: &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: aws.Int32(30), Action: types.DeploymentLifecycleHookActionContinue},
		}}
		w.createWith(configuration)
		w.deployVersion("v2")
		w.clock.Advance(10 * time.Second)
		w.wantRunning("app:1", "app:1") // the target has not started
		sd := w.newest()
		if len(sd.LifecycleHookDetails) != 1 || sd.LifecycleHookDetails[0].Status != types.DeploymentLifecycleHookStatusAwaitingAction {
			t.Fatalf("hooks: %+v", sd.LifecycleHookDetails)
		}
		if c.action != "" {
			in := &sdk.ContinueServiceDeploymentInput{ServiceDeploymentArn: sd.ServiceDeploymentArn, HookId: sd.LifecycleHookDetails[0].HookId, Action: c.action}
			must(t, errorOf(w.client.ContinueServiceDeployment(t.Context(), in)))
			if errorOf(w.client.ContinueServiceDeployment(t.Context(), in)) == nil {
				t.Error("it is continued twice")
			}
		}
		w.clock.Advance(c.wait)
		if got := w.attempts()[0]; got != c.want {
			t.Errorf("%q, then %s: %s, want %s", c.action, c.wait, got, c.want)
		}
	}
}

func TestANewerUpdateSupersedesABake(t *testing.T) {
	w := newWorld(t)
	w.createWith(blueGreen(30))
	w.deployVersion("v2")
	w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
	w.deployVersion("v3")
	w.wantAttempts("IN_PROGRESS", "STOPPED", "SUCCESSFUL")
	if got := w.newest(); got.LifecycleStage != types.ServiceDeploymentLifecycleStageReconcileService || len(got.SourceServiceRevisions) != 2 {
		t.Errorf("stage %s, sources %v", got.LifecycleStage, got.SourceServiceRevisions)
	}
	w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
	w.wantRunning("app:1", "app:1", "app:2", "app:2", "app:3", "app:3")
	w.clock.Advance(32 * time.Minute)
	w.wantRunning("app:3", "app:3")
	w.wantAttempts("SUCCESSFUL", "STOPPED", "SUCCESSFUL")
}

func TestATaskOfTheSourceIsReplacedInTheBake(t *testing.T) {
	w := newWorld(t)
	w.createWith(blueGreen(30))
	w.deployVersion("v2")
	w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
	for _, task := range w.tasks() {
		must(t, errorOf(w.client.StopTask(t.Context(), &sdk.StopTaskInput{Cluster: aws.String("main"), Task: task.TaskArn})))
	}
	w.clock.Advance(5 * time.Minute)
	w.wantRunning("app:1", "app:1", "app:2", "app:2")
}

func TestATargetThatDoesNotStartIsRolledBack(t *testing.T) {
	w := newWorld(t)
	c := blueGreen(30)
	c.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}
	w.createWith(c)
	must(t, w.update(w.register("missing:1", "v2")))
	w.clock.Advance(10 * time.Minute)
	w.wantAttempts("ROLLBACK_SUCCESSFUL", "SUCCESSFUL")
	w.wantRunning("app:1", "app:1")
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	percent := 2.0
	hooks := func(h types.DeploymentLifecycleHook) *types.DeploymentConfiguration {
		c := blueGreen(0)
		c.LifecycleHooks = []types.DeploymentLifecycleHook{h}
		return c
	}
	for name, c := range map[string]*types.DeploymentConfiguration{
		"no bake time":         {Strategy: types.DeploymentStrategyBlueGreen},
		"a day and a minute":   blueGreen(1441),
		"less than 3 percent":  linear(percent, 1, 1),
		"another's":            {Strategy: types.DeploymentStrategyLinear, CanaryConfiguration: &types.CanaryConfiguration{}},
		"a hook in the bake":   hooks(types.DeploymentLifecycleHook{HookTargetArn: aws.String("f"), LifecycleStages: []types.DeploymentLifecycleHookStage{"BAKE_TIME"}}),
		"no function":          hooks(types.DeploymentLifecycleHook{LifecycleStages: []types.DeploymentLifecycleHookStage{"PRE_SCALE_UP"}}),
		"a pause of a shift":   hooks(types.DeploymentLifecycleHook{TargetType: "PAUSE", LifecycleStages: []types.DeploymentLifecycleHookStage{"PRODUCTION_TRAFFIC_SHIFT"}}),
		"no such strategy":     {Strategy: "RED_BLACK"},
		"alarms of a rolling":  {Alarms: &types.DeploymentAlarms{AlarmNames: []string{"a"}, Enable: true}},
		"a bake of a rolling":  {BakeTimeInMinutes: aws.Int32(3)},
		"a negative step bake": canary(10, -1, 0),
	} {
		w := newWorld(t)
		err := errorOf(w.client.CreateService(t.Context(), &sdk.CreateServiceInput{
			Cluster: aws.String("main"), ServiceName: aws.String("api"), TaskDefinition: aws.String(w.register("app:1", "v1")), DesiredCount: aws.Int32(1), DeploymentConfiguration: c,
		}))
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestTaskSetsAreSeenInThePlaceOfDeployments(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	create := func(name string, controller types.DeploymentControllerType, td *string) {
		must(t, errorOf(w.client.CreateService(ctx, &sdk.CreateServiceInput{
			Cluster: aws.String("main"), ServiceName: &name, TaskDefinition: td, DesiredCount: aws.Int32(2), DeploymentController: &types.DeploymentController{Type: controller},
		})))
		w.clock.Advance(time.Minute)
	}
	first, second := w.register("app:1", "v1"), w.register("app:1", "v2")
	create("code", types.DeploymentControllerTypeCodeDeploy, &first)
	create("api", types.DeploymentControllerTypeExternal, nil)
	if got := w.taskSets("code"); !slices.Equal(got, []string{"PRIMARY app:1 2/2 STEADY_STATE"}) || len(w.taskSets("api")) > 0 {
		t.Fatalf("%v and %v", got, w.taskSets("api"))
	}
	makeSet := func(td string, percent float64) *string {
		out, err := w.client.CreateTaskSet(ctx, &sdk.CreateTaskSetInput{Cluster: aws.String("main"), Service: aws.String("api"), TaskDefinition: &td, Scale: &types.Scale{Value: percent, Unit: types.ScaleUnitPercent}})
		must(t, err)
		w.clock.Advance(time.Minute)
		return out.TaskSet.TaskSetArn
	}
	promote := func(set *string) {
		must(t, errorOf(w.client.UpdateServicePrimaryTaskSet(ctx, &sdk.UpdateServicePrimaryTaskSetInput{Cluster: aws.String("main"), Service: aws.String("api"), PrimaryTaskSet: set})))
	}
	old := makeSet(first, 100)
	promote(old)
	next := makeSet(second, 50)
	if got := w.taskSets("api"); !slices.Equal(got, []string{"ACTIVE app:2 1/1 STEADY_STATE", "PRIMARY app:1 2/2 STEADY_STATE"}) {
		t.Errorf("%v", got)
	}
	w.wantRunning("app:1", "app:1", "app:2")
	promote(next)
	remove := &sdk.DeleteTaskSetInput{Cluster: aws.String("main"), Service: aws.String("api"), TaskSet: old}
	if errorOf(w.client.DeleteTaskSet(ctx, remove)) == nil {
		t.Error("a task set with tasks is deleted without force")
	}
	remove.Force = aws.Bool(true)
	must(t, errorOf(w.client.DeleteTaskSet(ctx, remove)))
	if got := w.taskSets("api"); !slices.Equal(got, []string{"DRAINING app:1 2/0 STABILIZING", "PRIMARY app:2 1/1 STEADY_STATE"}) {
		t.Errorf("%v", got)
	}
	w.wantStartable("api app:2 PRIMARY", "code app:1 PRIMARY")
	w.clock.Advance(time.Minute)
	if got := w.taskSets("api"); !slices.Equal(got, []string{"PRIMARY app:2 1/1 STEADY_STATE"}) {
		t.Errorf("%v", got)
	}
	if w.update(first) == nil {
		t.Error("ECS deploys what another controller deploys")
	}
}

// taskSets draws a service's task sets, sorted.
func (w *world) taskSets(service string) (lines []string) {
	w.t.Helper()
	out, err := w.client.DescribeServices(w.t.Context(), &sdk.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{service}})
	must(w.t, err)
	if len(out.Services[0].Deployments) > 0 {
		w.t.Errorf("it has deployments: %v", out.Services[0].Deployments)
	}
	for _, set := range out.Services[0].TaskSets {
		lines = append(lines, fmt.Sprintf("%s %s %d/%d %s", *set.Status, shortenARN(*set.TaskDefinition), set.RunningCount, set.ComputedDesiredCount, set.StabilityStatus))
	}
	slices.Sort(lines)
	return lines
}

func TestAShiftIsTheSameBothWays(t *testing.T) {
	w := newTwins(t)
	c := canary(12.5, 1, 2)
	c.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true, Rollback: true}
	c.LifecycleHooks = []types.DeploymentLifecycleHook{{
		TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostScaleUp},
		TimeoutConfiguration: &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: aws.Int32(1), Action: types.DeploymentLifecycleHookActionContinue},
	}, {
		HookTargetArn: aws.String("check"), RoleArn: aws.String("role"), LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStageTestTrafficShift},
	}}
	w.both(func(one *world) { one.createWith(c) })
	for _, version := range []string{"v2", "v3"} {
		w.both(func(one *world) { one.deployVersion(version) })
		for n := range 60 {
			w.compareReads(fmt.Sprintf("%s, %d s", version, 5*n))
			w.both(func(one *world) { one.clock.Advance(5 * time.Second) })
		}
		if version == "v2" {
			w.both(func(one *world) { one.clock.Advance(2 * time.Minute) })
		} else {
			w.both(func(one *world) { one.svc.SetAlarm("errors") })
		}
		w.compareReads(version + " in the end")
	}
	w.direct.wantAttempts("ROLLBACK_IN_PROGRESS", "SUCCESSFUL", "SUCCESSFUL")
}
