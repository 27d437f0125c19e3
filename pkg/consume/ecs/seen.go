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
//	its pipeline deploys (roll: false, CODE_DEPLOY,| NotRolled
//	  EXTERNAL), or none of several containers has |
//	  the bucket                                   |
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
//	traffic shifts or bakes (BLUE_GREEN, LINEAR,   | as any rollout: RollingTo, InPlay with its sources;
//	  CANARY)                                      |   RollsTill
//	task sets that are not steady, or several with | RollingTo, InPlay with every one's
//	  different versions                           |
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
	primary := l.at.readPins(l.goalRevision())
	s := plan.Seen{
		Consumer: name, Names: primary.names, Drift: primary.odd, InPlay: l.at.versionsInPlay(l.revisionsInPlay()),
		Settled: l.isSettled(), Changed: l.lastChange(), Rest: l.at.fingerprintAfterRoll(l.goalRevision()),
		Bakes: bakeTimes(l.service.DeploymentConfiguration), RollsTill: l.rollsTill(),
		Failed: l.failedRollout(), Foreign: l.foreignRollout(), Unknown: l.unknownReason(),
		Unpinned: l.at.unpinnedReason(l.revisionsInPlay()), Moves: l.recentMoves(), NotRolled: l.notRolledReason(),
		Detail: fmt.Sprintf("%d of %d tasks on %s",
			l.primaryDeployment().RunningCount, l.desiredCount(), l.primaryRevision()),
	}
	if n := len(primary.versions); n > 1 {
		s.Detail += fmt.Sprintf(", which pins %d versions of the bucket at once", n)
	}
	if len(primary.bundles) > 0 { // the task definition does not list the names in a bundle
		s.Names, s.Detail = nil, s.Detail+", the bucket as JSON in "+strings.Join(primary.bundles, ", ")
	}
	if l.byPipeline { // which names it takes, and how, is its pipeline's
		s.Names, s.Drift = nil, nil
	} else {
		s.Left, s.Adopted = l.at.findLeft(l.goalRevision()), l.findAdopted()
	}
	switch {
	case !s.Settled:
		s.Waiting, s.WaitTill = l.waitingReason()
		if s.Foreign == "" && !l.isOverdue() && !l.isGivenUp() &&
			l.rolloutState() != types.DeploymentRolloutStateFailed {
			s.RollingTo, s.RollingSince = primary.pinnedVersion(), l.rollingSince()
		}
	case s.Unknown == "":
		s.Running, s.Since = primary.pinnedVersion(), l.runsSince()
	default: // it is on its revision, and no task proves it
		s.RollingTo, s.Waiting = primary.pinnedVersion(), s.Unknown
	}
	return s
}

// findAdopted returns the names that are adopted, sorted.
func (l serviceSnapshot) findAdopted() (names []string) {
	return slices.DeleteFunc(slices.Sorted(slices.Values(l.at.adopt)), func(name string) bool {
		return !isMarked(l.service.Tags, name)
	})
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

// rollingSince returns when the unfinished deployment was created.
func (l serviceSnapshot) rollingSince() time.Time {
	goal, since := l.goalDefinition(), aws.ToTime(l.primaryDeployment().CreatedAt)
	for _, d := range l.service.Deployments {
		if aws.ToString(d.TaskDefinition) == goal && aws.ToTime(d.CreatedAt).After(since) {
			since = *d.CreatedAt
		}
	}
	return since
}

func (l serviceSnapshot) primaryDeployment() types.Deployment { return l.service.Deployments[0] }

func (l serviceSnapshot) primaryRevision() revision {
	return l.revisions[aws.ToString(l.primaryDeployment().TaskDefinition)]
}

// goalRevision returns the revision of goalDefinition.
func (l serviceSnapshot) goalRevision() revision { return l.revisions[l.goalDefinition()] }

// desiredCount returns how many tasks the PRIMARY deployment, or task set, should have.
func (l serviceSnapshot) desiredCount() int32 {
	if isOutside(l.service) {
		return l.primaryDeployment().DesiredCount
	}
	return l.service.DesiredCount
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

// isRolloutQuiet reports whether the service has one deployment, COMPLETED, with all its tasks running; or task sets that
// are as quiet.
func (l serviceSnapshot) isRolloutQuiet() bool {
	p := l.primaryDeployment()
	if isOutside(l.service) {
		return l.areTaskSetsQuiet()
	}
	return len(l.service.Deployments) == 1 && l.rolloutState() == types.DeploymentRolloutStateCompleted &&
		p.RunningCount == l.service.DesiredCount && p.PendingCount == 0
}

// isSettled reports whether nothing at all is unfinished: an attempt may go on after its rollout is COMPLETED (alarms,
// bake time).
func (l serviceSnapshot) isSettled() bool {
	return l.isRolloutQuiet() && len(l.stragglers) == 0 && (len(l.attempts) == 0 || hasEnded(l.attempts[0].Status))
}

// revisionsInPlay returns the revisions that the service runs or could go back to: the PRIMARY one where nothing is
// unfinished; else also those of tasks that are left and of everything a rollback could reach. Every task set counts.
func (l serviceSnapshot) revisionsInPlay() []revision {
	if l.isSettled() && !isOutside(l.service) {
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
	if l.incomplete != "" {
		return l.incomplete
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
		return firstNonEmpty(l.at.unplacedReason(l.primaryRevision()), l.at.unadoptedReason(l.environment, l.goalRevision()))
	case len(l.at.versionsInPlay(l.revisionsInPlay())) == 0 && len(l.at.readPins(l.primaryRevision()).loose) == 0:
		return fmt.Sprintf("%s, and %s pins no version of bucket %s",
			l.pipelineReason(), l.primaryRevision(), l.at.bucketName)
	}
	return l.pipelineReason()
}

// refusalReason returns why rotary does not roll the service now; "" where it may.
func (l serviceSnapshot) refusalReason() string {
	if l.absent != "" {
		return l.absent
	}
	return firstNonEmpty(l.notRolledReason(), l.foreignRollout())
}

// foreignRollout describes a rollout in progress that is not rotary's; "" where there is none. ECS's own rollback of a
// failed attempt does not count as somebody else's, nor what is done to task sets: rotary would supersede neither.
func (l serviceSnapshot) foreignRollout() string {
	a, some := l.newestAttempt()
	inProgress := l.rolloutState() == types.DeploymentRolloutStateInProgress && !isOutside(l.service)
	unfinished := inProgress || some && !hasEnded(a.Status)
	if !unfinished || l.goalRevision().registeredBy(l.environment) || some && isFailedAttempt(a.Status) {
		return ""
	}
	return fmt.Sprintf("a deployment of %s, which rotary did not register, is in progress", l.goalRevision())
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

// isOverdue reports whether a rollout of rotary's has not ended within rolloutLimit, or that after its bake times and hooks
// should have been over. ECS's own rollback does not count.
func (l serviceSnapshot) isOverdue() bool {
	a, _ := l.newestAttempt()
	return l.rolloutState() == types.DeploymentRolloutStateInProgress && l.foreignRollout() == "" &&
		!isOutside(l.service) && !isFailedAttempt(a.Status) && !l.endsBy().IsZero() && !l.now.Before(l.endsBy())
}

// endsBy returns by when a rollout in progress has ended, or counts as failed; zero where ECS does not tell since when it
// is under way.
func (l serviceSnapshot) endsBy() time.Time {
	began := aws.ToTime(l.primaryDeployment().CreatedAt)
	if a, some := l.newestAttempt(); some && shiftsTraffic(l.service.DeploymentConfiguration) {
		began = aws.ToTime(a.CreatedAt)
	}
	switch {
	case began.IsZero():
		return began
	case l.rollsTill().After(began):
		return l.rollsTill().Add(rolloutLimit)
	}
	return began.Add(rolloutLimit)
}

// failedRollout returns what the newest attempt tried, where it failed and nothing newer has replaced it; nil
// otherwise. Where ECS lists no attempt, a FAILED deployment counts as one. A rollout that is overdue has failed too.
func (l serviceSnapshot) failedRollout() *plan.Failed {
	if l.isOverdue() {
		within := rolloutLimit.String()
		if shiftsTraffic(l.service.DeploymentConfiguration) {
			within += " after its bake times and hooks"
		}
		return l.describeFailure(l.goalDefinition(), l.endsBy(),
			fmt.Sprintf("the rollout has not ended within %s, and ECS goes on with it", within))
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
	succeeded := now == tried && l.rolloutState() == types.DeploymentRolloutStateCompleted
	newer := now != tried && !l.isWayBack(a, now)
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
	p, state := l.primaryDeployment(), l.rolloutState()
	tasks := fmt.Sprintf("%d of %d tasks", p.RunningCount, l.desiredCount())
	a, some := l.newestAttempt()
	switch {
	case isOutside(l.service) && !l.isRolloutQuiet():
		return l.taskSetsReason(), time.Time{}
	case state == types.DeploymentRolloutStateFailed:
		return fmt.Sprintf("the rollout of %s failed and was not rolled back: %s", l.primaryRevision(), tasks),
			time.Time{}
	case l.isGivenUp():
		return fmt.Sprintf("ECS is asked to give the deployment of %s up: %s", l.goalRevision(), tasks), time.Time{}
	case some && !hasEnded(a.Status) && strings.HasPrefix(string(a.Status), "ROLLBACK_"):
		return fmt.Sprintf("ECS is rolling back to %s: %s", l.primaryRevision(), tasks), time.Time{}
	case some && !hasEnded(a.Status) && shiftsTraffic(l.service.DeploymentConfiguration):
		return l.stageReason(a, tasks)
	case state != types.DeploymentRolloutStateCompleted, len(l.service.Deployments) > 1,
		p.RunningCount != l.desiredCount():
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
