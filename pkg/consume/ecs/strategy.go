package ecs

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// This file is pure: what a deployment strategy that shifts traffic says of a service, and for how long it explains that
// a deployment lasts. Such a deployment runs the tasks of its target beside those of its sources until its bake time is
// over, and can go back to them in a moment until then; so they stay in play, however healthy the target is.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html

// shiftsTraffic reports whether a service is deployed by BLUE_GREEN, LINEAR or CANARY.
func shiftsTraffic(c *types.DeploymentConfiguration) bool {
	return c != nil && c.Strategy != "" && c.Strategy != types.DeploymentStrategyRolling
}

// What ECS takes for what a configuration leaves out (API_LinearConfiguration, API_CanaryConfiguration).
const (
	linearPercent, linearBake = 10, 6 * time.Minute
	canaryBake                = 10 * time.Minute
)

// bakeTimes returns how long the bake times of a configuration make every deployment last: that of the whole, and those
// between the steps of the traffic. None follows the step that reaches 100 percent.
func bakeTimes(c *types.DeploymentConfiguration) time.Duration {
	if !shiftsTraffic(c) {
		return 0
	}
	all := minutesOr(c.BakeTimeInMinutes, 0)
	switch c.Strategy {
	case types.DeploymentStrategyCanary:
		if k := c.CanaryConfiguration; k != nil {
			return all + minutesOr(k.CanaryBakeTimeInMinutes, canaryBake)
		}
		return all + canaryBake
	case types.DeploymentStrategyLinear:
		percent, bake := float64(linearPercent), linearBake
		if l := c.LinearConfiguration; l != nil {
			percent, bake = aws.ToFloat64(l.StepPercent), minutesOr(l.StepBakeTimeInMinutes, linearBake)
		}
		if percent <= 0 {
			percent = linearPercent
		}
		for shifted := percent; shifted < 100; shifted += percent {
			all += bake
		}
	default: // BLUE_GREEN has one step; a rolling update is none of these
	}
	return all
}

func minutesOr(minutes *int32, otherwise time.Duration) time.Duration {
	if minutes == nil {
		return otherwise
	}
	return time.Duration(*minutes) * time.Minute
}

// hookLasts is for how long ECS waits for a lifecycle hook that says nothing else
// (API_DeploymentLifecycleHookTimeoutConfiguration).
const hookLasts = 24 * time.Hour

// explainedTill returns until when bake times and lifecycle hooks explain that a deployment is unfinished: its bake times
// after it was created, after its last stage began, and after the end of a hook that it waits for. It returns zero for a
// deployment that has ended or goes back, and for a rolling update.
func explainedTill(a types.ServiceDeployment, c *types.DeploymentConfiguration) time.Time {
	if a.DeploymentConfiguration != nil {
		c = a.DeploymentConfiguration
	}
	if !shiftsTraffic(c) || hasEnded(a.Status) || isFailedAttempt(a.Status) {
		return time.Time{}
	}
	from := aws.ToTime(a.CreatedAt)
	if isBaking(a.LifecycleStage) && aws.ToTime(a.UpdatedAt).After(from) {
		from = *a.UpdatedAt
	}
	for _, h := range openHooks(a) {
		if ends := hookEnd(a, h); ends.After(from) {
			from = ends
		}
	}
	return from.Add(bakeTimes(c))
}

// isBaking reports whether a bake time lies in a stage.
func isBaking(stage types.ServiceDeploymentLifecycleStage) bool {
	return stage == types.ServiceDeploymentLifecycleStageBakeTime ||
		stage == types.ServiceDeploymentLifecycleStageProductionTrafficShift
}

// openHooks returns the lifecycle hooks that a deployment waits for.
func openHooks(a types.ServiceDeployment) []types.DeploymentLifecycleHookDetail {
	return slices.DeleteFunc(slices.Clone(a.LifecycleHookDetails), func(h types.DeploymentLifecycleHookDetail) bool {
		return h.Status != types.DeploymentLifecycleHookStatusInProgress &&
			h.Status != types.DeploymentLifecycleHookStatusAwaitingAction
	})
}

// hookEnd returns when a hook times out at the latest.
func hookEnd(a types.ServiceDeployment, h types.DeploymentLifecycleHookDetail) time.Time {
	if h.ExpiresAt != nil {
		return *h.ExpiresAt
	}
	return aws.ToTime(a.UpdatedAt).Add(hookLasts)
}

// rolloutState returns the state of the service's rollout. ECS tells it of rolling updates only (API_Deployment), so where
// traffic is shifted it is that of the newest service deployment; where none is listed, nothing was deployed for 90 days.
func (l serviceSnapshot) rolloutState() types.DeploymentRolloutState {
	state := l.primaryDeployment().RolloutState
	if state != "" && state != types.DeploymentRolloutStateCompleted || !shiftsTraffic(l.service.DeploymentConfiguration) {
		return state
	}
	switch {
	case len(l.briefs) == 0, isCompleted(l.briefs[0].Status):
		return types.DeploymentRolloutStateCompleted
	case hasEnded(l.briefs[0].Status):
		return types.DeploymentRolloutStateFailed
	}
	return types.DeploymentRolloutStateInProgress
}

// goalDefinition returns the task definition that the service is on, or on its way to: that of the PRIMARY deployment.
// While traffic is shifted it is what the newest service deployment tries, or goes back to, because AWS does not document
// which deployment is PRIMARY then. Of task sets it is the newest one's that is not DRAINING.
func (l serviceSnapshot) goalDefinition() string {
	primary := aws.ToString(l.primaryDeployment().TaskDefinition)
	if isOutside(l.service) {
		return l.newestTaskSet()
	}
	a, some := l.newestAttempt()
	if !some || hasEnded(a.Status) || !shiftsTraffic(l.service.DeploymentConfiguration) {
		return primary
	}
	if a.Rollback != nil {
		return firstNonEmpty(l.targets[aws.ToString(a.Rollback.ServiceRevisionArn)], primary)
	}
	if isFailedAttempt(a.Status) {
		return primary
	}
	return firstNonEmpty(l.targetDefinition(a.TargetServiceRevision), primary)
}

// isWayBack reports whether a task definition is what the newest attempt goes back to. Between the request and the start of
// a rollback ECS does not name that: then it is any of the sources.
func (l serviceSnapshot) isWayBack(a types.ServiceDeployment, arn string) bool {
	if a.Rollback != nil {
		return arn == l.targets[aws.ToString(a.Rollback.ServiceRevisionArn)]
	}
	return shiftsTraffic(l.service.DeploymentConfiguration) &&
		slices.ContainsFunc(a.SourceServiceRevisions, func(r types.ServiceRevisionSummary) bool {
			return l.targetDefinition(&r) == arn
		})
}

// isGivenUp reports whether ECS is asked to stop the newest attempt, or to roll it back, and does not name yet what it goes
// back to.
func (l serviceSnapshot) isGivenUp() bool {
	a, some := l.newestAttempt()
	return some && isFailedAttempt(a.Status) && !hasEnded(a.Status) && a.Rollback == nil
}

// rollsTill returns explainedTill of the newest attempt; zero where none is unfinished.
func (l serviceSnapshot) rollsTill() time.Time {
	a, some := l.newestAttempt()
	if !some {
		return time.Time{}
	}
	return explainedTill(a, l.service.DeploymentConfiguration)
}

// stageReason returns what an unfinished deployment that shifts traffic is at, for people, and until when at the latest;
// zero where ECS has no limit. tasks is how many of its tasks run.
func (l serviceSnapshot) stageReason(a types.ServiceDeployment, tasks string) (words string, till time.Time) {
	words = fmt.Sprintf("the %s deployment of %s", l.service.DeploymentConfiguration.Strategy, l.goalRevision())
	if hooks := openHooks(a); len(hooks) > 0 {
		who := "somebody to continue it"
		if arn := aws.ToString(hooks[0].TargetArn); arn != "" {
			who = "its hook " + arn
		}
		return fmt.Sprintf("%s waits for %s at %s: %s", words, who, a.LifecycleStage, tasks), hookEnd(a, hooks[0])
	}
	if a.LifecycleStage != types.ServiceDeploymentLifecycleStageBakeTime {
		return fmt.Sprintf("%s is at %s: %s", words, firstNonEmpty(string(a.LifecycleStage), string(a.Status)), tasks), time.Time{}
	}
	c := l.service.DeploymentConfiguration
	if a.DeploymentConfiguration != nil {
		c = a.DeploymentConfiguration
	}
	bake := minutesOr(c.BakeTimeInMinutes, 0)
	if ends := aws.ToTime(a.UpdatedAt).Add(bake); ends.After(l.now) {
		till = ends
	}
	return fmt.Sprintf("%s bakes for %s and may go back until then: %s", words, bake, tasks), till
}
