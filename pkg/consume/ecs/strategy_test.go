package ecs_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	standin "github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// strategies are services that ECS deploys by shifting traffic; each bakes for half an hour at the end.
var strategies = map[string]types.DeploymentConfiguration{
	"BLUE_GREEN": blueGreen(30), "CANARY": canary(10, 30), "LINEAR": linear(40, 5, 30),
}

// newShiftedWorld is a service of two tasks on v1 that is deployed so.
func newShiftedWorld(t *testing.T, c types.DeploymentConfiguration) *world {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", pinnedEntries(v1)...), 2, true, c)
	w.reopen()
	w.wantSeen(v1, "", true, v1)
	return w
}

// reopen opens the driver as a pass does, now.
func (w *world) reopen() { w.openWith(func(*manifest.ECS) {}) }

// lookNow reads the status as a pass does, now.
func (w *world) lookNow() plan.Seen {
	w.t.Helper()
	w.reopen()
	return w.readStatus()
}

// newestDeployment describes the newest service deployment.
func (w *world) newestDeployment() types.ServiceDeployment {
	w.t.Helper()
	var all []types.ServiceDeploymentBrief
	in := &sdk.ListServiceDeploymentsInput{Cluster: aws.String("main"), Service: aws.String("api")}
	for more := true; more; more = in.NextToken != nil {
		page, err := w.client.ListServiceDeployments(ctx(), in)
		must(w.t, err)
		all, in.NextToken = append(all, page.ServiceDeployments...), page.NextToken
	}
	newest := slices.MaxFunc(all, func(a, b types.ServiceDeploymentBrief) int { return a.CreatedAt.Compare(*b.CreatedAt) })
	out, err := w.client.DescribeServiceDeployments(ctx(), &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*newest.ServiceDeploymentArn}})
	must(w.t, err)
	return out.ServiceDeployments[0]
}

// advanceToStage advances the clock until the newest service deployment is in a stage.
func (w *world) advanceToStage(stage types.ServiceDeploymentLifecycleStage) {
	w.t.Helper()
	for range 3600 {
		if w.newestDeployment().LifecycleStage == stage {
			return
		}
		w.clock.Advance(time.Second)
	}
	w.t.Fatalf("not in stage %s within an hour", stage)
}

// stopDeployment asks ECS to roll the newest service deployment back, as a person does.
func (w *world) stopDeployment() {
	w.t.Helper()
	must(w.t, errorOf(w.client.StopServiceDeployment(ctx(), &sdk.StopServiceDeploymentInput{ServiceDeploymentArn: w.newestDeployment().ServiceDeploymentArn})))
}

func TestTheSourcesStayInPlayUntilTheBakeIsOver(t *testing.T) {
	for name, c := range strategies {
		t.Run(name, func(t *testing.T) {
			w := newShiftedWorld(t, c)
			began := w.clock.Now()
			w.rollTo(v2)
			for w.newestDeployment().Status == types.ServiceDeploymentStatusInProgress {
				s := w.lookNow()
				if s.Settled || s.Running != "" || s.RollingTo != v2 || !slices.Equal(s.InPlay, []string{v1, v2}) || s.Foreign != "" || s.Failed != nil || s.Unknown != "" {
					t.Fatalf("at %s: %+v", w.newestDeployment().LifecycleStage, s)
				}
				cleans := w.newestDeployment().LifecycleStage == types.ServiceDeploymentLifecycleStageCleanUp
				if !strings.Contains(s.Waiting, name+" deployment of app:2") || !cleans && !s.RollsTill.After(w.clock.Now()) || !s.RollingSince.Equal(began) {
					t.Fatalf("at %s: %q, explained till %s, since %s", w.newestDeployment().LifecycleStage, s.Waiting, s.RollsTill, s.RollingSince)
				}
				w.wantNoRoll(v2)
				w.clock.Advance(20 * time.Second)
			}
			ended := w.newestDeployment().FinishedAt
			if baked := ended.Sub(began); baked < 30*time.Minute {
				t.Errorf("it ended after %s", baked)
			}
			w.clock.Advance(time.Minute)
			s := w.lookNow()
			if !s.Settled || s.Running != v2 || !slices.Equal(s.InPlay, []string{v2}) || !s.RollsTill.IsZero() || s.Bakes < 30*time.Minute || !s.Since.Equal(*ended) {
				t.Errorf("in the end: %+v", s)
			}
			for _, m := range s.Moves {
				if !m.At.Equal(*ended) {
					t.Errorf("version %s moved at %s, and the deployment ended at %s", m.Version, m.At, ended)
				}
			}
			if len(s.Moves) != 2 {
				t.Errorf("moves %v", s.Moves)
			}
		})
	}
}

// wantNoRoll fails the test where another Roll of what is under way writes.
func (w *world) wantNoRoll(version string) {
	w.t.Helper()
	w.tap.Reset()
	w.rollTo(version)
	w.wantWrites()
}

func TestTheBakeIsToldAndWaitedFor(t *testing.T) {
	w := newShiftedWorld(t, blueGreen(24*60))
	w.rollTo(v2)
	w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
	ends := w.clock.Now().Add(24 * time.Hour)
	for range 23 {
		w.clock.Advance(time.Hour)
		s := w.lookNow()
		if s.Failed != nil || s.RollingTo != v2 || s.Waiting != "the BLUE_GREEN deployment of app:2 bakes for 24h0m0s and may go back until then: 2 of 2 tasks" ||
			s.WaitTill.Sub(ends).Abs() > 2*time.Second || s.RollsTill.Before(s.WaitTill) {
			t.Fatalf("%+v", s)
		}
	}
	if err := w.consume.Withdraw(ctx(), []string{v1}); err == nil {
		t.Error("nobody can start on what a rollback starts, it says")
	}
	w.clock.Advance(2 * time.Hour)
	w.reopen()
	w.wantSeen(v2, "", true, v2)
}

func TestARolledBackBakeIsAFailureAndNotDone(t *testing.T) {
	for name, goBack := range map[string]func(*world){
		"a person stops it": (*world).stopDeployment,
		"an alarm":          func(w *world) { w.svc.SetAlarm("errors") },
	} {
		for strategy, c := range strategies {
			c.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true, Rollback: true}
			w := newShiftedWorld(t, c)
			rest := w.lookNow().Rest
			w.rollTo(v2)
			w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
			w.clock.Advance(10 * time.Minute)
			goBack(w)
			for w.newestDeployment().Status != types.ServiceDeploymentStatusRollbackSuccessful {
				s := w.lookNow()
				if s.Settled || s.Running != "" || s.RollingTo == v2 || !slices.Equal(s.InPlay, []string{v1, v2}) || s.Failed == nil || s.Failed.Version != v2 {
					t.Fatalf("%s, %s, %s: %+v, failed %+v", name, strategy, w.newestDeployment().Status, s, s.Failed)
				}
				w.clock.Advance(time.Second)
			}
			w.clock.Advance(time.Minute)
			s := w.lookNow()
			if !s.Settled || s.Running != v1 || !slices.Equal(s.InPlay, []string{v1}) || s.Failed == nil || s.Failed.Version != v2 || s.Failed.Rest != rest || s.Rest != rest {
				t.Errorf("%s, %s: %+v, failed %+v", name, strategy, s, s.Failed)
			}
			if len(s.Moves) != 2 { // away from v2, and onto v1
				t.Errorf("%s, %s: moves %v", name, strategy, s.Moves)
			}
			w.rollTo(v3) // another version is tried
			w.clock.Advance(3 * time.Hour)
			w.reopen()
			w.wantSeen(v3, "", true, v3)
		}
	}
}

// Without rollback ECS leaves both revisions running: nobody knows which of them serves.
func TestADeploymentThatAnAlarmStopsHasFailed(t *testing.T) {
	c := blueGreen(30)
	c.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true}
	w := newShiftedWorld(t, c)
	w.rollTo(v2)
	w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
	w.svc.SetAlarm("errors")
	w.clock.Advance(5 * time.Minute)
	s := w.lookNow()
	if s.Settled || s.Running != "" || s.RollingTo != "" || !slices.Equal(s.InPlay, []string{v1, v2}) || s.Failed == nil || s.Failed.Version != v2 {
		t.Errorf("%+v, failed %+v", s, s.Failed)
	}
}

func TestAHookIsNamedAndExplainsTheWait(t *testing.T) {
	c := blueGreen(30)
	c.LifecycleHooks = []types.DeploymentLifecycleHook{
		{HookTargetArn: aws.String("check"), LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostTestTrafficShift}},
		{TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostScaleUp}, TimeoutConfiguration: &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: aws.Int32(300)}},
	}
	w := newShiftedWorld(t, c)
	w.hook = func() standin.Hook { return standin.Hook{Status: "IN_PROGRESS"} }
	w.rollTo(v2)
	w.advanceToStage(types.ServiceDeploymentLifecycleStagePostScaleUp)
	w.clock.Advance(4 * time.Hour)
	s := w.lookNow()
	hook := w.newestDeployment().LifecycleHookDetails[0]
	if want := "the BLUE_GREEN deployment of app:2 waits for somebody to continue it at POST_SCALE_UP: 2 of 2 tasks"; s.Waiting != want || !s.WaitTill.Equal(*hook.ExpiresAt) || s.RollingTo != v2 || s.Failed != nil {
		t.Errorf("%q till %s: %+v", s.Waiting, s.WaitTill, s)
	}
	if !s.RollsTill.Equal(hook.ExpiresAt.Add(30 * time.Minute)) {
		t.Errorf("explained till %s, the hook till %s", s.RollsTill, hook.ExpiresAt)
	}
	must(t, errorOf(w.client.ContinueServiceDeployment(ctx(), &sdk.ContinueServiceDeploymentInput{ServiceDeploymentArn: w.newestDeployment().ServiceDeploymentArn, HookId: hook.HookId})))
	w.clock.Advance(3 * time.Hour)
	if s := w.lookNow(); s.Waiting != "the BLUE_GREEN deployment of app:2 waits for its hook check at POST_TEST_TRAFFIC_SHIFT: 2 of 2 tasks" || s.Failed != nil || s.RollingTo != v2 {
		t.Errorf("%+v", s)
	}
	w.hook = nil
	w.clock.Advance(29 * time.Minute)
	if s := w.lookNow(); s.Failed != nil || s.RollingTo != v2 || !slices.Equal(s.InPlay, []string{v1, v2}) {
		t.Errorf("it bakes: %+v", s)
	}
	w.clock.Advance(3 * time.Minute)
	w.reopen()
	w.wantSeen(v2, "", true, v2)
}

// A target that never starts, without a breaker: nothing ends that but rotary's own patience.
func TestAShiftThatNeverEndsIsOverdueAfterItsBakeTimes(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", pinnedEntries(v1)...), 2, false, canary(20, 40))
	w.broken[v2] = true
	w.rollTo(v2)
	w.clock.Advance(119 * time.Minute)
	if s := w.lookNow(); s.Failed != nil || s.RollingTo != v2 {
		t.Errorf("after 119 minutes: %+v", s)
	}
	w.clock.Advance(2 * time.Minute)
	s := w.lookNow()
	if s.Failed == nil || s.Failed.Version != v2 || s.RollingTo != "" || !strings.Contains(s.Failed.Reason, "after its bake times and hooks") || !slices.Equal(s.InPlay, []string{v1, v2}) {
		t.Errorf("after two hours: %+v, failed %+v", s, s.Failed)
	}
}

func TestARollSupersedesABakeOfRotarys(t *testing.T) {
	w := newShiftedWorld(t, blueGreen(30))
	w.rollTo(v2)
	w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
	w.rollTo(v3)
	w.clock.Advance(5 * time.Minute)
	if s := w.lookNow(); s.RollingTo != v3 || !slices.Equal(s.InPlay, []string{v1, v2, v3}) {
		t.Errorf("%+v", s)
	}
	w.clock.Advance(40 * time.Minute)
	w.reopen()
	w.wantSeen(v3, "", true, v3)
}

func TestABakeOfSomebodyElsesIsNotSuperseded(t *testing.T) {
	w := newShiftedWorld(t, blueGreen(30))
	w.deployRevision(w.registerRevision("app:2", pinnedEntries(v1)...))
	w.advanceToStage(types.ServiceDeploymentLifecycleStageBakeTime)
	s := w.lookNow()
	if s.Foreign == "" || s.RollingTo != "" || s.Settled {
		t.Errorf("%+v", s)
	}
	w.tap.Reset()
	if err := w.consume.Roll(ctx(), bucketAt(v2, both...)); err == nil {
		t.Error("it is superseded")
	}
	w.wantWrites()
}

// ECS lists service deployments for 90 days.
func TestAServiceThatWasNotDeployedForLongIsSettled(t *testing.T) {
	w := newShiftedWorld(t, blueGreen(30))
	w.clock.Advance(91 * 24 * time.Hour)
	w.reopen()
	w.wantSeen(v1, "", true, v1)
}
