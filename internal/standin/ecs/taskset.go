package ecs

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// This file has the services that ECS does not deploy: a CODE_DEPLOY or EXTERNAL controller makes task sets, each with a
// task definition of its own. Here a task set is a deployment without a rollout. The PRIMARY one comes first.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html

// isOutside reports whether the service has task sets.
func (sv *service) isOutside() bool { return sv.controller != "ECS" }

// newTaskSet adds a task set.
func (s *Service) newTaskSet(sv *service, td *taskDefinition, status, externalID string, scale float64) *deployment {
	d := &deployment{
		id: fmt.Sprintf("ecs-svc/%019d", s.nextID()), revision: &revision{definition: td, created: s.now()}, status: status, externalID: externalID,
		scale: scale, created: s.now(), updated: s.now(),
	}
	sv.deployments = append(sv.deployments, d)
	if status == "PRIMARY" {
		sv.moveToFront(d)
	}
	s.runLockedAfter(reactTime, "ecs looks at "+sv.name, func() { s.reconcileService(sv) })
	return d
}

func (sv *service) moveToFront(d *deployment) {
	sv.deployments = slices.DeleteFunc(sv.deployments, func(other *deployment) bool { return other == d })
	sv.deployments = append([]*deployment{d}, sv.deployments...)
}

// reconcileTaskSets keeps the tasks of each task set at its share of the desired count, and stops those of one that is
// DRAINING.
func (s *Service) reconcileTaskSets(sv *service) {
	sv.deployments = slices.DeleteFunc(sv.deployments, func(d *deployment) bool { return d.status == "DRAINING" && s.hasNoTasks(d) })
	for _, d := range sv.deployments {
		s.keepTasks(sv, d, sv.countFor(d))
	}
}

// countFor returns how many tasks a task set should have: its share, rounded up (API_TaskSet, computedDesiredCount).
func (sv *service) countFor(d *deployment) int {
	if d.status == "DRAINING" {
		return 0
	}
	return int(math.Ceil(float64(sv.desired) * d.scale / 100))
}

// findTaskSet returns the task set that ref, an id or an ARN, names.
func (sv *service) findTaskSet(ref string) (*deployment, error) {
	i := slices.IndexFunc(sv.deployments, func(d *deployment) bool { return strings.HasSuffix(ref, d.id) && ref != "" })
	if i < 0 || !sv.isOutside() {
		return nil, wire.Errorf("TaskSetNotFoundException", "The specified task set wasn't found.")
	}
	return sv.deployments[i], nil
}

type scaleView struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

type createTaskSetInput struct {
	Cluster        string     `json:"cluster"`
	Service        string     `json:"service"`
	TaskDefinition string     `json:"taskDefinition"`
	ExternalID     string     `json:"externalId"`
	Scale          *scaleView `json:"scale"`
}

type taskSetOutput struct {
	TaskSet taskSetView `json:"taskSet"`
}

// createTaskSet makes an ACTIVE task set.
func (s *Service) createTaskSet(_ context.Context, in createTaskSetInput) (taskSetOutput, error) {
	sv, err := s.findService(in.Cluster, in.Service)
	if err != nil {
		return taskSetOutput{}, err
	}
	td, err := s.findDeployable(in.TaskDefinition)
	switch {
	case err != nil:
		return taskSetOutput{}, err
	case !sv.isOutside():
		return taskSetOutput{}, wire.Errorf("UnsupportedFeatureException", "The service's deployment controller has no task sets.")
	}
	scale := 100.0
	if in.Scale != nil {
		scale = in.Scale.Value
	}
	return taskSetOutput{s.describeTaskSet(sv, s.newTaskSet(sv, td, "ACTIVE", in.ExternalID, scale))}, nil
}

type primaryTaskSetInput struct {
	Cluster        string `json:"cluster"`
	Service        string `json:"service"`
	PrimaryTaskSet string `json:"primaryTaskSet"`
}

// updateServicePrimaryTaskSet lets another task set serve the production traffic.
func (s *Service) updateServicePrimaryTaskSet(_ context.Context, in primaryTaskSetInput) (taskSetOutput, error) {
	sv, err := s.findService(in.Cluster, in.Service)
	if err != nil {
		return taskSetOutput{}, err
	}
	d, err := sv.findTaskSet(in.PrimaryTaskSet)
	if err != nil {
		return taskSetOutput{}, err
	}
	for _, other := range sv.deployments {
		if other.status == "PRIMARY" {
			other.status, other.updated = "ACTIVE", s.now()
		}
	}
	d.status, d.updated = "PRIMARY", s.now()
	sv.moveToFront(d)
	return taskSetOutput{s.describeTaskSet(sv, d)}, nil
}

type deleteTaskSetInput struct {
	Cluster string `json:"cluster"`
	Service string `json:"service"`
	TaskSet string `json:"taskSet"`
	Force   bool   `json:"force"`
}

// deleteTaskSet stops the tasks of a task set, and drops it when they have stopped.
func (s *Service) deleteTaskSet(_ context.Context, in deleteTaskSetInput) (taskSetOutput, error) {
	sv, err := s.findService(in.Cluster, in.Service)
	if err != nil {
		return taskSetOutput{}, err
	}
	d, err := sv.findTaskSet(in.TaskSet)
	switch {
	case err != nil:
		return taskSetOutput{}, err
	case sv.countFor(d) > 0 && !in.Force:
		return taskSetOutput{}, wire.Errorf("InvalidParameterException", "The task set cannot be deleted while it is scaled above 0.")
	}
	d.status, d.updated = "DRAINING", s.now()
	for _, t := range s.tasksInPhase(d, starting) {
		s.finishTask(t, "ServiceSchedulerInitiated", "Task set "+d.id+" was deleted")
	}
	view := s.describeTaskSet(sv, d)
	s.reconcileService(sv)
	return taskSetOutput{view}, nil
}

type taskSetView struct {
	ID                   string     `json:"id"`
	TaskSetARN           string     `json:"taskSetArn"`
	ServiceARN           string     `json:"serviceArn"`
	ClusterARN           string     `json:"clusterArn"`
	StartedBy            string     `json:"startedBy,omitempty"`
	ExternalID           string     `json:"externalId,omitempty"`
	Status               string     `json:"status"`
	TaskDefinition       string     `json:"taskDefinition"`
	ComputedDesiredCount int        `json:"computedDesiredCount"`
	PendingCount         int        `json:"pendingCount"`
	RunningCount         int        `json:"runningCount"`
	CreatedAt            *wire.Time `json:"createdAt"`
	UpdatedAt            *wire.Time `json:"updatedAt"`
	Scale                scaleView  `json:"scale"`
	StabilityStatus      string     `json:"stabilityStatus"`
}

func (s *Service) describeTaskSet(sv *service, d *deployment) taskSetView {
	v := taskSetView{
		ID: d.id, TaskSetARN: s.formatARN("task-set/%s/%s/%s", sv.cluster, sv.name, d.id), ServiceARN: sv.arn, ClusterARN: s.formatARN("cluster/%s", sv.cluster),
		ExternalID: d.externalID, Status: d.status, TaskDefinition: d.revision.definition.ARN, ComputedDesiredCount: sv.countFor(d),
		PendingCount: len(s.tasksInPhase(d, starting)), RunningCount: len(s.tasksInPhase(d, running)) + len(s.tasksInPhase(d, draining)),
		CreatedAt: wireTime(d.created), UpdatedAt: wireTime(d.updated), Scale: scaleView{d.scale, "PERCENT"}, StabilityStatus: "STABILIZING",
	}
	if sv.controller == "CODE_DEPLOY" {
		v.StartedBy = "CODE_DEPLOY"
	}
	if v.PendingCount == 0 && v.RunningCount == v.ComputedDesiredCount {
		v.StabilityStatus = "STEADY_STATE"
	}
	return v
}

// describeTaskSets fills the task sets into a view, in the place of deployments.
func (s *Service) describeTaskSets(sv *service, v *serviceView) {
	v.Deployments = []deploymentView{}
	for _, d := range sv.deployments {
		set := s.describeTaskSet(sv, d)
		v.RunningCount += set.RunningCount
		v.PendingCount += set.PendingCount
		v.TaskSets = append(v.TaskSets, set)
	}
	shuffleItems(s, v.TaskSets, func(t taskSetView) string { return t.ID })
	if sv.controller == "CODE_DEPLOY" && len(sv.deployments) > 0 {
		v.TaskDefinition = sv.primaryDeployment().revision.definition.ARN
	}
}

// startTaskSet makes the first task set of a CODE_DEPLOY service. An EXTERNAL one has none until somebody makes it.
func (s *Service) startTaskSet(sv *service, taskDefinition string) error {
	if sv.controller == "EXTERNAL" {
		return nil
	}
	td, err := s.findDeployable(cmp.Or(taskDefinition, "?"))
	if err == nil {
		s.newTaskSet(sv, td, "PRIMARY", "", 100)
	}
	return err
}
