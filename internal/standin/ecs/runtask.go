package ecs

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

type runTaskInput struct {
	Cluster        string `json:"cluster"`
	TaskDefinition string `json:"taskDefinition"`
	Count          *int   `json:"count"`
	StartedBy      string `json:"startedBy"`
	ClientToken    string `json:"clientToken"`
	PropagateTags  string `json:"propagateTags"`
	Tags           []tag  `json:"tags"`
}

type runTaskOutput struct {
	Tasks    []taskView `json:"tasks"`
	Failures []failure  `json:"failures"`
}

// runTask starts tasks that belong to no service. They run until somebody stops them, and nobody replaces them. A token
// that has started tasks starts no more
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html).
func (s *Service) runTask(_ context.Context, in runTaskInput) (runTaskOutput, error) {
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return runTaskOutput{}, err
	}
	td, err := s.findDeployable(in.TaskDefinition)
	if err != nil {
		return runTaskOutput{}, err
	}
	if started, again := s.started[in.ClientToken]; again && in.ClientToken != "" {
		return started, nil
	}
	n := 1
	if in.Count != nil {
		n = *in.Count
	}
	if n < 1 || n > 10 {
		return runTaskOutput{}, wire.Errorf("InvalidParameterException", "count must be between 1 and 10.")
	}
	if err := errors.Join(checkPropagation(in.PropagateTags), checkTags(in.Tags)); err != nil {
		return runTaskOutput{}, err
	}
	alone := &service{cluster: cluster, alone: true, taskTags: in.Tags}
	if in.PropagateTags != "" {
		alone.PropagateTags = json.RawMessage(strconv.Quote(in.PropagateTags))
	}
	d := &deployment{id: in.StartedBy, revision: &revision{definition: td, created: s.now()}}
	alone.deployments = []*deployment{d}
	out := runTaskOutput{Tasks: []taskView{}, Failures: []failure{}}
	for range n {
		s.launchTask(alone, d)
		out.Tasks = append(out.Tasks, s.describeTask(s.tasks[len(s.tasks)-1]))
	}
	s.started[in.ClientToken] = out
	return out, nil
}

// Run runs a task as EventBridge does when a rule or a schedule fires.
func (s *Service) Run(cluster, taskDefinition string, count int) error {
	defer s.lockAndEmit()()
	_, err := s.runTask(context.Background(), runTaskInput{Cluster: cluster, TaskDefinition: taskDefinition, Count: &count})
	return err
}
