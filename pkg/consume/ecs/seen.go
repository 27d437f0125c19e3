package ecs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// rolloutLimit is how long a rollout of rotary's may take before it counts as failed. Without a circuit breaker, or
// with one that a healthy task resets, ECS never ends it (API_DeploymentCircuitBreaker).
const rolloutLimit = time.Hour

// stopTimeout is the longest that a task may take from the stop signal to its end (AWS: stopTimeout, at most 120 s).
const stopTimeout = 2 * time.Minute

// toSeen derives plan.Seen from a snapshot. It is pure.
//
//	the snapshot shows                             | Seen
//	-----------------------------------------------|-------------------------------------------------
//	ECS does not describe the service              | Unread, Unknown
//	there is no such service, or it is INACTIVE    | Absent too
//	it is not rolled by ECS (CodeDeploy, external, | Unknown, Foreign
//	  blue/green, linear, canary)                  |
//	its pipeline deploys (roll: false), or none of | NotRolled
//	  several containers has the bucket            |
//	the bucket unpinned in anything in play        | Unpinned, InPlay with what may have been current: Roll cures it
//	  or under another label than AWSCURRENT       | Unknown: Roll cures it
//	  or mentioned elsewhere in the task definition | Unknown: a person must cure it
//	the bucket pinned in several versions          | all of them in play, no Running: Roll cures it
//	nothing unfinished, and no task that proves it | Unknown, RollingTo: there is nothing to roll; Running
//	  (desired count 0)                            |   where the manifest says idle
//	a rollout onto a revision rotary registered    | RollingTo, InPlay with every rollback target
//	a rollout onto another, not a rollback         | Foreign, InPlay likewise
//	the newest attempt failed, or goes back        | Failed: what was tried
//	a rollout of rotary's that does not end        | Failed, and no RollingTo, after rolloutLimit
//	one deployment, COMPLETED, all tasks running,  | Settled, Running
//	  nobody else left                             |
func (l serviceSnapshot) toSeen(name string) plan.Seen {
	if l.absent != "" {
		s := plan.Seen{Consumer: name, Unknown: l.absent, Unread: true}
		if l.gone {
			s.Absent = l.absent
		}
		return s
	}
	primary := l.at.readPins(l.primaryRevision())
	s := plan.Seen{
		Consumer: name, Names: primary.names, Drift: primary.odd, InPlay: l.at.versionsInPlay(l.revisionsInPlay()),
		Settled: l.isSettled(), Changed: l.lastChange(), Rest: l.at.fingerprintAfterRoll(l.primaryRevision()),
		Failed: l.failedRollout(), Foreign: l.foreignRollout(), Unknown: l.unknownReason(),
		Unpinned: l.at.unpinnedReason(l.revisionsInPlay()), Moves: l.recentMoves(), NotRolled: l.notRolledReason(),
		Detail: fmt.Sprintf("%d of %d tasks on %s",
			l.primaryDeployment().RunningCount, l.service.DesiredCount, l.primaryRevision()),
	}
	if n := len(primary.versions); n > 1 {
		s.Detail += fmt.Sprintf(", which pins %d versions of the bucket at once", n)
	}
	if len(primary.bundles) > 0 { // the task definition does not list the names in a bundle
		s.Names, s.Detail = nil, s.Detail+", the bucket as JSON in "+strings.Join(primary.bundles, ", ")
	}
	if l.byPipeline { // which names it takes, and how, is its pipeline's
		s.Names, s.Drift = nil, nil
	}
	switch {
	case !s.Settled:
		s.Waiting, s.WaitTill = l.waitingReason()
		if s.Foreign == "" && !l.isOverdue() &&
			l.primaryDeployment().RolloutState != types.DeploymentRolloutStateFailed {
			s.RollingTo, s.RollingSince = primary.pinnedVersion(), aws.ToTime(l.primaryDeployment().CreatedAt)
		}
	case s.Unknown == "":
		s.Running, s.Since = primary.pinnedVersion(), l.runsSince()
	default: // it is on its revision, and no task proves it
		s.RollingTo, s.Waiting = primary.pinnedVersion(), s.Unknown
	}
	return s
}

// runsSince returns when the newest service deployment that succeeded ended; a rollback goes back to what that brought.
// Where none is listed it is when the PRIMARY deployment was created.
func (l serviceSnapshot) runsSince() time.Time {
	for _, b := range l.briefs {
		if b.Status == types.ServiceDeploymentStatusSuccessful {
			return moveTime(b.CreatedAt, b.FinishedAt)
		}
	}
	return aws.ToTime(l.primaryDeployment().CreatedAt)
}

func (l serviceSnapshot) primaryDeployment() types.Deployment { return l.service.Deployments[0] }

func (l serviceSnapshot) primaryRevision() revision {
	return l.revisions[aws.ToString(l.primaryDeployment().TaskDefinition)]
}

// familyName returns the family of the task definition that the service has, or had when it was deleted; "" where ECS does
// not describe it.
func (l serviceSnapshot) familyName() string {
	arn := aws.ToString(l.service.TaskDefinition)
	if len(l.service.Deployments) > 0 {
		arn = aws.ToString(l.primaryDeployment().TaskDefinition)
	}
	family, _, _ := strings.Cut(shortName(arn), ":")
	return family
}

// isRolloutQuiet reports whether the service has one deployment, COMPLETED, with all its tasks running.
func (l serviceSnapshot) isRolloutQuiet() bool { return isRolloutQuiet(l.service) }

// isSettled reports whether nothing at all is unfinished: an attempt may go on after its rollout is COMPLETED (alarms,
// bake time).
func (l serviceSnapshot) isSettled() bool {
	return l.isRolloutQuiet() && len(l.stragglers) == 0 && (len(l.attempts) == 0 || hasEnded(l.attempts[0].Status))
}

// revisionsInPlay returns the revisions that the service runs or could go back to: the PRIMARY one where nothing is
// unfinished; else also those of tasks that are left and of everything a rollback could reach.
func (l serviceSnapshot) revisionsInPlay() []revision {
	if l.isSettled() {
		return []revision{l.primaryRevision()}
	}
	return slices.SortedFunc(maps.Values(l.revisions), func(a, b revision) int { return strings.Compare(a.arn, b.arn) })
}

// versionsInPlay returns every version of the bucket, and of the one before, that tasks of these revisions may have,
// sorted.
func (at place) versionsInPlay(playing []revision) []string {
	versions := map[string]bool{}
	for _, r := range playing {
		for _, v := range at.versionsOf(newOutline(r), r.began) {
			versions[v] = true
		}
	}
	return slices.Sorted(maps.Keys(versions))
}

// unknownReason returns why the snapshot does not prove what the service runs; "" where it does. Every revision in play
// counts, not only the newest.
func (l serviceSnapshot) unknownReason() string {
	if why := firstNonEmpty(unsupportedReason(l.service), l.incomplete); why != "" {
		return why
	}
	for _, r := range l.revisionsInPlay() {
		if why := l.at.unknownReason(r); why != "" {
			return why
		}
	}
	if l.service.DesiredCount == 0 && !l.idle {
		return "its desired count is 0: no task proves what it would run; " +
			"if that is intended, write idle: true in the manifest"
	}
	return ""
}

// unknownReason returns why r does not tell which versions of the bucket its tasks may have; "" where it does.
func (at place) unknownReason(r revision) string {
	p := at.readPins(r)
	switch {
	case p.missing != "":
		return fmt.Sprintf("task definition %s has no container %q", r, p.missing)
	case p.elsewhere:
		return fmt.Sprintf("task definition %s also mentions the bucket outside the secrets of %s: "+
			"rotary cannot see which version is read there", r, quoteContainers(p.chosen))
	case len(p.staged) > 0:
		return fmt.Sprintf("task definition %s follows a label of its own for %s", r, strings.Join(p.staged, ", "))
	}
	return ""
}

// notRolledReason returns why rotary does not roll the service before a person or its pipeline has acted; "" where it
// may.
func (l serviceSnapshot) notRolledReason() string {
	switch {
	case !l.byPipeline:
		return l.at.unplacedReason(l.primaryRevision())
	case len(l.at.versionsInPlay(l.revisionsInPlay())) == 0 && len(l.at.readPins(l.primaryRevision()).loose) == 0:
		return fmt.Sprintf("its pipeline deploys, and %s pins no version of bucket %s",
			l.primaryRevision(), l.at.bucketName)
	}
	return "its pipeline deploys"
}

// refusalReason returns why rotary does not roll the service now; "" where it may.
func (l serviceSnapshot) refusalReason() string {
	if l.absent != "" {
		return l.absent
	}
	return firstNonEmpty(l.notRolledReason(), l.foreignRollout())
}

// unsupportedReason returns why rotary cannot roll this kind of service; "" where it can.
func unsupportedReason(s types.Service) string {
	if c := s.DeploymentController; c != nil && c.Type != "" && c.Type != types.DeploymentControllerTypeEcs {
		return fmt.Sprintf("its deployment controller is %s, and rotary can only roll services whose controller is ECS",
			c.Type)
	}
	if c := s.DeploymentConfiguration; c != nil && c.Strategy != "" && c.Strategy != types.DeploymentStrategyRolling {
		return fmt.Sprintf("its deployment strategy is %s, and rotary can only roll services whose strategy is ROLLING",
			c.Strategy)
	}
	return ""
}

// foreignRollout describes a rollout in progress that is not rotary's; "" where there is none. ECS's own rollback of a
// failed attempt does not count as somebody else's.
func (l serviceSnapshot) foreignRollout() string {
	if why := unsupportedReason(l.service); why != "" {
		return why
	}
	a, some := l.newestAttempt()
	inProgress := l.primaryDeployment().RolloutState == types.DeploymentRolloutStateInProgress
	unfinished := inProgress || some && !hasEnded(a.Status)
	if !unfinished || l.primaryRevision().registeredBy(l.environment) || some && isFailedAttempt(a.Status) {
		return ""
	}
	return fmt.Sprintf("a deployment of %s, which rotary did not register, is in progress", l.primaryRevision())
}

// newestBrief returns the ARN of the newest service deployment that is listed; "" where none is.
func (l serviceSnapshot) newestBrief() string {
	if len(l.briefs) == 0 {
		return ""
	}
	return aws.ToString(l.briefs[0].ServiceDeploymentArn)
}

func (l serviceSnapshot) newestAttempt() (types.ServiceDeployment, bool) {
	if len(l.attempts) == 0 {
		return types.ServiceDeployment{}, false
	}
	return l.attempts[0], true
}

// isOverdue reports whether a rollout of rotary's has not ended within rolloutLimit. ECS's own rollback does not count.
func (l serviceSnapshot) isOverdue() bool {
	p, a := l.primaryDeployment(), types.ServiceDeployment{}
	if newest, some := l.newestAttempt(); some {
		a = newest
	}
	return p.RolloutState == types.DeploymentRolloutStateInProgress && l.foreignRollout() == "" &&
		!isFailedAttempt(a.Status) && p.CreatedAt != nil && l.now.Sub(*p.CreatedAt) >= rolloutLimit
}

// failedRollout returns what the newest attempt tried, where it failed and nothing newer has replaced it; nil
// otherwise. Where ECS lists no attempt, a FAILED deployment counts as one. A rollout that is overdue has failed too.
func (l serviceSnapshot) failedRollout() *plan.Failed {
	if l.isOverdue() {
		return l.describeFailure(aws.ToString(l.primaryDeployment().TaskDefinition),
			aws.ToTime(l.primaryDeployment().CreatedAt).Add(rolloutLimit),
			fmt.Sprintf("the rollout has not ended within %s, and ECS goes on with it", rolloutLimit))
	}
	a, some := l.newestAttempt()
	if !some {
		for _, d := range l.service.Deployments {
			if d.RolloutState == types.DeploymentRolloutStateFailed {
				return l.describeFailure(
					aws.ToString(d.TaskDefinition), moveTime(d.CreatedAt, d.UpdatedAt), aws.ToString(d.RolloutStateReason))
			}
		}
		return nil
	}
	tried, now := l.targetDefinition(a.TargetServiceRevision), aws.ToString(l.primaryDeployment().TaskDefinition)
	succeeded := now == tried && l.primaryDeployment().RolloutState == types.DeploymentRolloutStateCompleted
	newer := now != tried && (a.Rollback == nil || now != l.targets[aws.ToString(a.Rollback.ServiceRevisionArn)])
	if !isFailedAttempt(a.Status) || succeeded || newer {
		return nil
	}
	return l.describeFailure(tried, moveTime(a.CreatedAt, a.FinishedAt), aws.ToString(a.StatusReason))
}

// describeFailure returns the failure, at this time, of a rollout onto task definition tried; nil where that does not
// pin the bucket.
func (l serviceSnapshot) describeFailure(tried string, at time.Time, reason string) *plan.Failed {
	r := l.revisions[tried]
	was := l.at.readPins(r)
	version := was.pinnedVersion()
	if version == "" {
		return nil // it was not rotary's
	}
	return &plan.Failed{
		Version: version, Rest: l.at.fingerprintRest(r, was.bundles...), At: at,
		Reason: fmt.Sprintf("%s: %s", r, firstNonEmpty(reason, "the deployment failed")),
	}
}

func (l serviceSnapshot) targetDefinition(r *types.ServiceRevisionSummary) string {
	if r == nil {
		return ""
	}
	return l.targets[aws.ToString(r.Arn)]
}

// lastChange returns when ECS last changed anything about the rollouts or the stragglers.
func (l serviceSnapshot) lastChange() time.Time {
	var last time.Time
	note := func(ts ...*time.Time) {
		for _, t := range ts {
			if aws.ToTime(t).After(last) {
				last = *t
			}
		}
	}
	for _, d := range l.service.Deployments {
		note(d.CreatedAt, d.UpdatedAt)
	}
	for _, a := range l.attempts {
		note(a.CreatedAt, a.UpdatedAt, a.FinishedAt)
	}
	for _, t := range l.stragglers {
		note(t.StoppingAt)
	}
	return last
}

// waitingReason returns what is unfinished, for people, and until when at the latest; zero where ECS has no limit.
func (l serviceSnapshot) waitingReason() (words string, till time.Time) {
	p := l.primaryDeployment()
	tasks := fmt.Sprintf("%d of %d tasks", p.RunningCount, l.service.DesiredCount)
	a, some := l.newestAttempt()
	switch {
	case p.RolloutState == types.DeploymentRolloutStateFailed:
		return fmt.Sprintf("the rollout of %s failed and was not rolled back: %s", l.primaryRevision(), tasks),
			time.Time{}
	case some && !hasEnded(a.Status) && strings.HasPrefix(string(a.Status), "ROLLBACK_"):
		return fmt.Sprintf("ECS is rolling back to %s: %s", l.primaryRevision(), tasks), time.Time{}
	case p.RolloutState != types.DeploymentRolloutStateCompleted, len(l.service.Deployments) > 1,
		p.RunningCount != l.service.DesiredCount:
		return fmt.Sprintf("the rollout of %s: %s", l.primaryRevision(), tasks), time.Time{}
	case len(l.stragglers) > 0:
		return fmt.Sprintf("%d tasks of an older revision are still stopping", len(l.stragglers)), l.lastStop()
	}
	return fmt.Sprintf("ECS has not finished the deployment of %s", l.primaryRevision()), time.Time{}
}

// lastStop returns when the last of the stragglers has stopped at the latest; zero where one is not stopping yet.
func (l serviceSnapshot) lastStop() time.Time {
	var last time.Time
	for _, t := range l.stragglers {
		if t.StoppingAt == nil {
			return time.Time{}
		}
		if end := t.StoppingAt.Add(stopTimeout); end.After(last) {
			last = end
		}
	}
	return last
}
