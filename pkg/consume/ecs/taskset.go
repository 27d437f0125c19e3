package ecs

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// This file has the services that ECS does not deploy. A CODE_DEPLOY or EXTERNAL controller gives a service task sets,
// each with a task definition of its own, and all of them run. rotary sees every one and never deploys any.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html

// isOutside reports whether another controller than ECS's own deploys a service.
func isOutside(s types.Service) bool {
	c := s.DeploymentController
	return c != nil && c.Type != "" && c.Type != types.DeploymentControllerTypeEcs
}

// deploymentsOf returns a service's task sets in the form of deployments. One that is not steady is in progress.
func deploymentsOf(sets []types.TaskSet) []types.Deployment {
	var all []types.Deployment
	for _, t := range sets {
		d := types.Deployment{
			Id: t.Id, Status: t.Status, TaskDefinition: t.TaskDefinition, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
			DesiredCount: t.ComputedDesiredCount, RunningCount: t.RunningCount, PendingCount: t.PendingCount,
			RolloutState: types.DeploymentRolloutStateInProgress,
		}
		if t.StabilityStatus == types.StabilityStatusSteadyState && aws.ToString(t.Status) != "DRAINING" {
			d.RolloutState = types.DeploymentRolloutStateCompleted
		}
		all = append(all, d)
	}
	return all
}

// newestTaskSet returns the task definition of the newest task set that is not DRAINING; the PRIMARY one's where all are.
func (l serviceSnapshot) newestTaskSet() string {
	newest := l.primaryDeployment()
	for _, d := range l.service.Deployments {
		if aws.ToString(d.Status) != "DRAINING" && aws.ToTime(d.CreatedAt).After(aws.ToTime(newest.CreatedAt)) {
			newest = d
		}
	}
	return aws.ToString(newest.TaskDefinition)
}

// areTaskSetsQuiet reports whether every task set is steady and gives its tasks what the PRIMARY one gives them: several
// may stand side by side for good.
func (l serviceSnapshot) areTaskSetsQuiet() bool {
	version := l.at.readPins(l.primaryRevision()).pinnedVersion()
	for i, d := range l.service.Deployments {
		r := l.revisions[aws.ToString(d.TaskDefinition)]
		if d.RolloutState != types.DeploymentRolloutStateCompleted || d.RunningCount != d.DesiredCount || d.PendingCount > 0 ||
			i > 0 && (version == "" || l.at.readPins(r).pinnedVersion() != version) {
			return false
		}
	}
	return true
}

// taskSetsReason returns what is unfinished about the task sets, for people.
func (l serviceSnapshot) taskSetsReason() string {
	var running, desired int32
	for _, d := range l.service.Deployments {
		running, desired = running+d.RunningCount, desired+d.DesiredCount
	}
	return fmt.Sprintf("%s deploys %s: %d task sets, %d of %d tasks", l.service.DeploymentController.Type, l.goalRevision(),
		len(l.service.Deployments), running, desired)
}

// pipelineReason returns who deploys the service instead of rotary, for people.
func (l serviceSnapshot) pipelineReason() string {
	if isOutside(l.service) {
		return fmt.Sprintf("waits for the pipeline of %s to deploy (its deployment controller is %s)",
			l.name, l.service.DeploymentController.Type)
	}
	return fmt.Sprintf("waits for the pipeline of %s to deploy (roll: false)", l.name)
}

// readStopped fills in departed: what the tasks had that have stopped since recentSince. A task set that is gone is listed
// nowhere, and its tasks are for an hour.
func (s *Service) readStopped(ctx context.Context, l *serviceSnapshot) error {
	if !isOutside(l.service) {
		return nil
	}
	for _, t := range l.stopped {
		if !aws.ToTime(t.StoppedAt).After(s.recentSince()) {
			continue
		}
		o, err := s.describeOutline(ctx, aws.ToString(t.TaskDefinitionArn))
		if err != nil {
			return err
		}
		l.departed = append(l.departed, departure{o, aws.ToTime(t.CreatedAt), *t.StoppedAt})
	}
	return nil
}

// departure is a task that has stopped.
type departure struct {
	outline          outline
	created, stopped time.Time
}
