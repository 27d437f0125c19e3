package ecs

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// shiftingSnapshot is a look at a service that shifts traffic from the revision with v1, which is PRIMARY and runs, to one
// with v2 that nothing of the service shows yet.
func shiftingSnapshot(status types.ServiceDeploymentStatus) serviceSnapshot {
	l := settledSnapshot()
	l.now = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	l.service.DeploymentConfiguration = &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(60)}
	l.service.Deployments[0].RolloutState = ""
	source := aws.ToString(l.service.Deployments[0].TaskDefinition)
	tried := l.addRevision("arn:aws:ecs:us-east-1:111111111111:task-definition/app:4")
	r := l.revisions[tried]
	r.input.Tags = me.replaceOwnerTags(nil)
	l.revisions[tried] = r
	a := l.addAttempt(status, tried)
	a.CreatedAt, a.LifecycleStage = aws.Time(l.now.Add(-10*time.Minute)), types.ServiceDeploymentLifecycleStageScaleUp
	l.targets["source"] = source
	a.SourceServiceRevisions = []types.ServiceRevisionSummary{{Arn: aws.String("source")}}
	l.briefs = []types.ServiceDeploymentBrief{{Status: status, CreatedAt: a.CreatedAt}}
	return l
}

// AWS does not document which deployment is PRIMARY before the traffic is shifted.
func TestWhatIsTriedIsTheGoalWhicheverIsPrimary(t *testing.T) {
	for _, status := range []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress} {
		l := shiftingSnapshot(status)
		s := l.toSeen("api")
		if s.RollingTo != v2 || s.Settled || s.Running != "" || !slices.Equal(s.InPlay, []string{v1, v2}) || s.Foreign != "" || s.Failed != nil {
			t.Errorf("%s: %+v", status, s)
		}
		if want := l.now.Add(50 * time.Minute); !s.RollsTill.Equal(want) {
			t.Errorf("%s: explained till %s, want %s", status, s.RollsTill, want)
		}
	}
}

func TestARollbackThatDoesNotNameItsRevisionYetIsAFailure(t *testing.T) {
	for _, status := range []types.ServiceDeploymentStatus{
		types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress,
		types.ServiceDeploymentStatusStopRequested, types.ServiceDeploymentStatusStopped, types.ServiceDeploymentStatusRollbackSuccessful,
	} {
		s := shiftingSnapshot(status).toSeen("api")
		if s.Failed == nil || s.Failed.Version != v2 || s.RollingTo != "" || !s.RollsTill.IsZero() {
			t.Errorf("%s: %+v, failed %+v", status, s, s.Failed)
		}
		if !hasEnded(status) && (s.Settled || !slices.Equal(s.InPlay, []string{v1, v2})) {
			t.Errorf("%s: in play %v, settled %v", status, s.InPlay, s.Settled)
		}
	}
}

// A rollback goes to a source that no task and no deployment of the service shows.
func TestASourceIsInPlayThoughNothingShowsIt(t *testing.T) {
	l := shiftingSnapshot(types.ServiceDeploymentStatusInProgress)
	l.service.Deployments[0].TaskDefinition = l.service.Deployments[0].Id // the PRIMARY one is neither
	inPlay := l.definitionsInPlay()
	if _, has := inPlay[l.targets["source"]]; !has || len(inPlay) != 3 {
		t.Errorf("in play: %v", inPlay)
	}
}

func TestBakeTimes(t *testing.T) {
	i, f := aws.Int32, aws.Float64
	for name, c := range map[string]struct {
		configuration *types.DeploymentConfiguration
		want          time.Duration
	}{
		"none":                      {nil, 0},
		"a rolling update":          {&types.DeploymentConfiguration{Strategy: "ROLLING", BakeTimeInMinutes: i(30)}, 0},
		"blue/green":                {&types.DeploymentConfiguration{Strategy: "BLUE_GREEN", BakeTimeInMinutes: i(30)}, 30 * time.Minute},
		"canary":                    {&types.DeploymentConfiguration{Strategy: "CANARY", BakeTimeInMinutes: i(30), CanaryConfiguration: &types.CanaryConfiguration{CanaryBakeTimeInMinutes: i(5)}}, 35 * time.Minute},
		"canary by default":         {&types.DeploymentConfiguration{Strategy: "CANARY"}, 10 * time.Minute},
		"linear":                    {&types.DeploymentConfiguration{Strategy: "LINEAR", BakeTimeInMinutes: i(30), LinearConfiguration: &types.LinearConfiguration{StepPercent: f(40), StepBakeTimeInMinutes: i(7)}}, 44 * time.Minute},
		"linear by default":         {&types.DeploymentConfiguration{Strategy: "LINEAR"}, 54 * time.Minute},
		"linear, with empty fields": {&types.DeploymentConfiguration{Strategy: "LINEAR", LinearConfiguration: &types.LinearConfiguration{}}, 54 * time.Minute},
	} {
		if got := bakeTimes(c.configuration); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWhatExplainsThatADeploymentIsUnfinished(t *testing.T) {
	began := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	later := aws.Time(began.Add(5 * time.Hour))
	hook := func(status types.DeploymentLifecycleHookStatus, ends *time.Time) []types.DeploymentLifecycleHookDetail {
		return []types.DeploymentLifecycleHookDetail{{Status: status, ExpiresAt: ends}}
	}
	blueGreen := &types.DeploymentConfiguration{Strategy: "BLUE_GREEN", BakeTimeInMinutes: aws.Int32(60)}
	for name, c := range map[string]struct {
		deployment types.ServiceDeployment
		want       time.Duration // after it began; -1: nothing does
	}{
		"its bake, from its beginning":       {types.ServiceDeployment{UpdatedAt: later, LifecycleStage: types.ServiceDeploymentLifecycleStageScaleUp}, time.Hour},
		"its bake, from when that began":     {types.ServiceDeployment{UpdatedAt: later, LifecycleStage: types.ServiceDeploymentLifecycleStageBakeTime}, 6 * time.Hour},
		"the steps of its traffic":           {types.ServiceDeployment{UpdatedAt: later, LifecycleStage: types.ServiceDeploymentLifecycleStageProductionTrafficShift}, 6 * time.Hour},
		"a hook that it waits for":           {types.ServiceDeployment{LifecycleHookDetails: hook(types.DeploymentLifecycleHookStatusAwaitingAction, later)}, 6 * time.Hour},
		"a function that goes on":            {types.ServiceDeployment{LifecycleHookDetails: hook(types.DeploymentLifecycleHookStatusInProgress, later)}, 6 * time.Hour},
		"a hook without an end":              {types.ServiceDeployment{UpdatedAt: later, LifecycleHookDetails: hook(types.DeploymentLifecycleHookStatusInProgress, nil)}, 30 * time.Hour},
		"not a hook that is through":         {types.ServiceDeployment{LifecycleHookDetails: hook(types.DeploymentLifecycleHookStatusSucceeded, later)}, time.Hour},
		"its own configuration":              {types.ServiceDeployment{DeploymentConfiguration: &types.DeploymentConfiguration{Strategy: "BLUE_GREEN", BakeTimeInMinutes: aws.Int32(90)}}, 90 * time.Minute},
		"nothing, if it goes back":           {types.ServiceDeployment{Status: types.ServiceDeploymentStatusRollbackInProgress}, -1},
		"nothing, if it has ended":           {types.ServiceDeployment{Status: types.ServiceDeploymentStatusSuccessful}, -1},
		"nothing, if it is a rolling update": {types.ServiceDeployment{DeploymentConfiguration: &types.DeploymentConfiguration{}}, -1},
	} {
		c.deployment.CreatedAt = &began
		if c.deployment.Status == "" {
			c.deployment.Status = types.ServiceDeploymentStatusInProgress
		}
		got := explainedTill(c.deployment, blueGreen)
		if c.want < 0 && !got.IsZero() || c.want >= 0 && !got.Equal(began.Add(c.want)) {
			t.Errorf("%s: till %s", name, got)
		}
	}
}

// ECS does not tell every deployment that was stopped when it ended.
func TestAStoppedDeploymentEndedWhenItWasStopped(t *testing.T) {
	at := aws.Time(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC))
	for name, d := range map[string]types.ServiceDeployment{
		"stoppedAt": {Status: types.ServiceDeploymentStatusStopped, StoppedAt: at, UpdatedAt: aws.Time(at.Add(time.Hour))},
		"updatedAt": {Status: types.ServiceDeploymentStatusStopped, UpdatedAt: at},
	} {
		if got := withEnd(d).FinishedAt; got == nil || !got.Equal(*at) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if withEnd(types.ServiceDeployment{Status: types.ServiceDeploymentStatusInProgress, UpdatedAt: at}).FinishedAt != nil {
		t.Error("what goes on has ended")
	}
	untold := []types.ServiceDeploymentBrief{{Status: types.ServiceDeploymentStatusStopped, ServiceDeploymentArn: aws.String("a"), CreatedAt: at}}
	if got := selectRecent(untold, at.Add(time.Hour)); !slices.Equal(got, []string{"a"}) {
		t.Errorf("recent: %v", got)
	}
}
