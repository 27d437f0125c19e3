package ecs

import (
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// How long things take here. The vendor promises nothing; these are of the order that people see.
const (
	reactTime   = time.Second      // from a request to the scheduler's first look
	drainTime   = 15 * time.Second // from leaving the load balancer to SIGTERM
	stopTime    = 5 * time.Second  // from SIGTERM to the end of the process
	retryTime   = 10 * time.Second // after one failed task; doubles with each
	longestWait = 15 * time.Minute
)

// revision is a service revision: what one deployment deploys.
type revision struct {
	arn        string
	definition *taskDefinition
	created    time.Time
}

// deployment is one entry of a service's deployments.
type deployment struct {
	id                      string
	revision                *revision
	of                      *serviceDeployment
	status, rollout, reason string
	failed                  int       // consecutive failed tasks
	notBefore               time.Time // when the next task may start
	created, updated        time.Time

	externalID string  // of a task set
	scale      float64 // its share of the service's desired count, in percent
}

// startRollout starts a rollout onto td and supersedes whatever is under way.
func (s *Service) startRollout(sv *service, td *taskDefinition) {
	rev := &revision{arn: s.formatARN("service-revision/%s/%s/%019d", sv.cluster, sv.name, s.nextID()), definition: td, created: s.now()}
	sd := &serviceDeployment{arn: s.formatARN("service-deployment/%s/%s/%019d", sv.cluster, sv.name, s.nextID()), created: sv.nextCreation(s.now()), target: rev, configuration: sv.configuration}
	for _, d := range sv.deployments {
		sd.sources = append(sd.sources, d.revision)
	}
	if n := len(sv.history); n > 0 && sv.history[n-1].finished.IsZero() {
		sv.history[n-1].setFinalStatus(s.now(), "STOPPED", "Superseded by a newer service deployment.")
	}
	sd.setStatus(s.now(), "IN_PROGRESS", "")
	sv.history = append(sv.history, sd)
	source := sv.findCompleted()
	s.beginDeployment(sv, sd, rev, "ECS deployment %s in progress.")
	if source != nil && sd.configuration.shiftsTraffic() { // what a first deployment would shift from is not documented
		s.beginShift(sv, sd, source)
	}
}

// findCompleted returns the deployment of the revision that completed last; nil where none of its tasks are left.
func (sv *service) findCompleted() *deployment {
	i := slices.IndexFunc(sv.deployments, func(d *deployment) bool { return d.revision == sv.completed && d.rollout != "FAILED" })
	if i < 0 {
		return nil
	}
	return sv.deployments[i]
}

// nextCreation returns when a service deployment that is made now is created: no two of a service are of one
// millisecond, or their order could not be told.
func (sv *service) nextCreation(now time.Time) time.Time {
	if n := len(sv.history); n > 0 {
		if after := sv.history[n-1].created.Add(time.Millisecond); after.After(now) {
			return after
		}
	}
	return now
}

// beginDeployment makes rev the PRIMARY deployment and the one before ACTIVE.
func (s *Service) beginDeployment(sv *service, sd *serviceDeployment, rev *revision, reason string) {
	for _, d := range sv.deployments {
		d.status = "ACTIVE"
		for _, t := range s.tasksInPhase(d, starting) {
			s.finishTask(t, "ServiceSchedulerInitiated", "Deployment "+d.id+" was superseded")
		}
	}
	d := &deployment{id: fmt.Sprintf("ecs-svc/%019d", s.nextID()), revision: rev, of: sd, status: "PRIMARY", created: s.now(), updated: s.now()}
	sv.deployments = append([]*deployment{d}, sv.deployments...)
	s.setRolloutState(sv, d, "IN_PROGRESS", fmt.Sprintf(reason, d.id))
	s.runLockedAfter(reactTime, "ecs looks at "+sv.name, func() { s.reconcileService(sv) })
}

// setRolloutState sets a deployment's rollout state and emits the event.
func (s *Service) setRolloutState(sv *service, d *deployment, state, reason string) {
	d.rollout, d.reason, d.updated = state, reason, s.now()
	kind := "INFO"
	if state == "FAILED" {
		kind = "ERROR"
	}
	s.pending = append(s.pending, sim.Event{
		Source: "aws.ecs", DetailType: "ECS Deployment State Change", Resources: []string{sv.arn},
		Detail: map[string]string{
			"eventType": kind, "eventName": "SERVICE_DEPLOYMENT_" + state, "deploymentId": d.id,
			"updatedAt": s.now().Format(time.RFC3339), "reason": reason,
		},
	})
}

// reconcileService does whatever a service needs next. It is level-triggered: call it whenever something changed.
//
//	PRIMARY has            | what happens
//	-----------------------|----------------------------------------------
//	shifts traffic         | both revisions keep their tasks: reconcileShift
//	FAILED                 | nothing any more
//	fewer tasks than asked | one starts, unless one is starting already
//	more                   | the newest drain
//	as many                | everybody else's tasks drain; then COMPLETED
func (s *Service) reconcileService(sv *service) {
	s.dropOldTasks()
	if sv.alone {
		return
	}
	if sv.isOutside() {
		s.reconcileTaskSets(sv)
		return
	}
	p := sv.primaryDeployment()
	if p.of.isShifting() {
		s.reconcileShift(sv, p.of)
		return
	}
	sv.deployments = slices.DeleteFunc(sv.deployments, func(d *deployment) bool { return d != p && d.rollout != "FAILED" && s.hasNoTasks(d) })
	up := s.tasksInPhase(p, running)
	switch {
	case p.rollout == "FAILED":
	case len(up) < sv.desired:
		if len(s.tasksInPhase(p, starting)) == 0 && !s.now().Before(p.notBefore) {
			s.launchTask(sv, p)
		}
	default:
		for _, t := range up[sv.desired:] {
			s.drainTask(sv, t)
		}
		s.endOtherDeployments(sv, p)
	}
}

// hasNoTasks reports whether a deployment has no task left that counts.
func (s *Service) hasNoTasks(d *deployment) bool {
	return len(s.tasksInPhase(d, starting))+len(s.tasksInPhase(d, running))+len(s.tasksInPhase(d, draining)) == 0
}

// endOtherDeployments ends every other deployment, and completes p when none is left.
func (s *Service) endOtherDeployments(sv *service, p *deployment) {
	left := []*deployment{p}
	for _, d := range sv.deployments[1:] {
		for _, t := range s.tasksInPhase(d, running) {
			s.drainTask(sv, t)
		}
		if !s.hasNoTasks(d) {
			left = append(left, d)
		}
	}
	sv.deployments = left
	if len(left) == 1 && p.rollout == "IN_PROGRESS" {
		s.completeDeployment(sv, p)
	}
}

func (s *Service) completeDeployment(sv *service, p *deployment) {
	sv.completed = p.revision
	s.setRolloutState(sv, p, "COMPLETED", "ECS deployment "+p.id+" completed.")
	if p.of.rollback != nil {
		p.of.setFinalStatus(s.now(), "ROLLBACK_SUCCESSFUL", p.of.reason)
		return
	}
	p.of.setFinalStatus(s.now(), "SUCCESSFUL", "")
}

// countFailedTask counts a failed task, delays the next, and rolls back or stops the deployment where the circuit
// breaker trips.
func (s *Service) countFailedTask(sv *service, d *deployment) {
	if d.failed++; sv.alone {
		return
	} // of the other strategies AWS does not document whether the breaker watches them: here it does
	wait := min(retryTime<<min(d.failed-1, 10), longestWait)
	d.notBefore = s.now().Add(wait)
	s.runLockedAfter(wait, "ecs retries "+sv.name, func() { s.reconcileService(sv) })
	breaker := sv.configuration.CircuitBreaker
	if d != sv.primaryDeployment() || d.rollout != "IN_PROGRESS" || breaker == nil || !breaker.Enable || d.failed < sv.breakerThreshold() {
		return
	}
	s.setRolloutState(sv, d, "FAILED", "ECS deployment circuit breaker: tasks failed to start.")
	switch {
	case d.of.rollback != nil:
		d.of.setFinalStatus(s.now(), "ROLLBACK_FAILED", "Rollback failed: tasks failed to start.")
	case breaker.Rollback && sv.completed != nil:
		s.rollBack(sv, "Service deployment rolled back because the circuit breaker threshold was exceeded.")
	default:
		d.of.setFinalStatus(s.now(), "STOPPED", "Service deployment stopped because the circuit breaker threshold was exceeded.")
	}
}

// breakerThreshold returns the circuit breaker's threshold (API_DeploymentCircuitBreaker): half of the desired count,
// between 3 and 200.
func (sv *service) breakerThreshold() int { return min(max((sv.desired+1)/2, 3), 200) }

// rollBack starts a deployment back to the last completed revision, as part of the same service deployment.
func (s *Service) rollBack(sv *service, why string) {
	sd := sv.primaryDeployment().of
	sd.setStatus(s.now(), "ROLLBACK_IN_PROGRESS", why)
	sd.rollback = &rollbackView{why, wireTime(s.now()), sv.completed.arn}
	if sd.shift != nil && sd.shift.source != nil && sd.shift.source.revision == sv.completed {
		s.returnTraffic(sv, sd, why)
		return
	}
	s.beginDeployment(sv, sd, sv.completed, "ECS deployment circuit breaker: rolling back to deploymentId %s.")
}

type deploymentView struct {
	ID                 string     `json:"id"`
	Status             string     `json:"status"`
	TaskDefinition     string     `json:"taskDefinition"`
	DesiredCount       int        `json:"desiredCount"`
	RunningCount       int        `json:"runningCount"`
	PendingCount       int        `json:"pendingCount"`
	FailedTasks        int        `json:"failedTasks"`
	RolloutState       string     `json:"rolloutState,omitempty"`
	RolloutStateReason string     `json:"rolloutStateReason,omitempty"`
	CreatedAt          *wire.Time `json:"createdAt"`
	UpdatedAt          *wire.Time `json:"updatedAt"`
}

func (s *Service) describeDeployment(sv *service, d *deployment) deploymentView {
	v := deploymentView{
		ID: d.id, Status: d.status, TaskDefinition: d.revision.definition.ARN, FailedTasks: d.failed,
		RunningCount: len(s.tasksInPhase(d, running)) + len(s.tasksInPhase(d, draining)), PendingCount: len(s.tasksInPhase(d, starting)),
		CreatedAt: wireTime(d.created), UpdatedAt: wireTime(d.updated),
	}
	if d.status == "PRIMARY" {
		v.DesiredCount = sv.desired
	}
	if !d.of.configuration.shiftsTraffic() { // only of rolling updates: API_Deployment, rolloutState
		v.RolloutState, v.RolloutStateReason = d.rollout, d.reason
	}
	return v
}
