package ecs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

func familyRevision(td *taskDefinition) string { return fmt.Sprintf("%s:%d", td.Family, td.Revision) }

type listTasksInput struct {
	Cluster       string  `json:"cluster"`
	ServiceName   string  `json:"serviceName"`
	Family        string  `json:"family"`
	DesiredStatus string  `json:"desiredStatus"`
	MaxResults    *int    `json:"maxResults"`
	NextToken     *string `json:"nextToken"`
}

type listTasksOutput struct {
	TaskARNs  []string `json:"taskArns"`
	NextToken *string  `json:"nextToken,omitempty"`
}

func (s *Service) listTasks(_ context.Context, in listTasksInput) (listTasksOutput, error) {
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return listTasksOutput{}, err
	}
	if in.ServiceName != "" {
		if _, err := s.findService(cluster, in.ServiceName); err != nil {
			return listTasksOutput{}, err
		}
	}
	s.dropOldTasks()
	arns := []string{}
	for _, t := range s.tasks {
		if t.service.cluster == cluster && t.matchesFilter(in) {
			arns = append(arns, t.arn)
		}
	}
	arns, next, err := answerPage(s, sim.List[string]{Items: arns, Key: textKey, Most: 100}, in.MaxResults, in.NextToken)
	return listTasksOutput{arns, next}, err
}

func (t *task) matchesFilter(in listTasksInput) bool {
	wanted := in.DesiredStatus
	if wanted == "" {
		wanted = "RUNNING"
	}
	return t.desiredStatus() == wanted &&
		(in.ServiceName == "" || in.ServiceName[strings.LastIndex(in.ServiceName, "/")+1:] == t.service.name) &&
		(in.Family == "" || in.Family == t.deployment.revision.definition.Family)
}

func (t *task) desiredStatus() string {
	if t.phase == starting || t.phase == running {
		return "RUNNING"
	}
	return "STOPPED"
}

type containerView struct {
	Name       string `json:"name"`
	TaskARN    string `json:"taskArn"`
	LastStatus string `json:"lastStatus"`
}

type taskView struct {
	TaskARN           string          `json:"taskArn"`
	ClusterARN        string          `json:"clusterArn"`
	TaskDefinitionARN string          `json:"taskDefinitionArn"`
	Group             string          `json:"group"`
	StartedBy         string          `json:"startedBy"`
	LastStatus        string          `json:"lastStatus"`
	DesiredStatus     string          `json:"desiredStatus"`
	StopCode          string          `json:"stopCode,omitempty"`
	StoppedReason     string          `json:"stoppedReason,omitempty"`
	Containers        []containerView `json:"containers"`
	CreatedAt         *wire.Time      `json:"createdAt"`
	StartedAt         *wire.Time      `json:"startedAt,omitempty"`
	StoppingAt        *wire.Time      `json:"stoppingAt,omitempty"`
	StoppedAt         *wire.Time      `json:"stoppedAt,omitempty"`
}

type describeTasksInput struct {
	Cluster string   `json:"cluster"`
	Tasks   []string `json:"tasks"`
}

type describeTasksOutput struct {
	Tasks    []taskView `json:"tasks"`
	Failures []failure  `json:"failures"`
}

func (s *Service) describeTasks(_ context.Context, in describeTasksInput) (describeTasksOutput, error) {
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return describeTasksOutput{}, err
	}
	if len(in.Tasks) == 0 || len(in.Tasks) > 100 {
		return describeTasksOutput{}, wire.Errorf("InvalidParameterException", "Tasks must name between 1 and 100 tasks.")
	}
	out := describeTasksOutput{Tasks: []taskView{}, Failures: []failure{}}
	for _, ref := range in.Tasks {
		t := s.findTask(cluster, ref)
		if t == nil {
			out.Failures = append(out.Failures, failure{s.formatARN("task/%s/%s", cluster, ref[strings.LastIndex(ref, "/")+1:]), "MISSING"})
			continue
		}
		out.Tasks = append(out.Tasks, s.describeTask(t))
	}
	shuffleItems(s, out.Tasks, func(v taskView) string { return v.TaskARN })
	shuffleItems(s, out.Failures, failure.sortKey)
	return out, nil
}

func (s *Service) findTask(cluster, ref string) *task {
	i := slices.IndexFunc(s.tasks, func(t *task) bool {
		return t.service.cluster == cluster && t.id == ref[strings.LastIndex(ref, "/")+1:]
	})
	if i < 0 {
		return nil
	}
	return s.tasks[i]
}

func (s *Service) describeTask(t *task) taskView {
	td := t.deployment.revision.definition
	v := taskView{
		TaskARN: t.arn, ClusterARN: s.formatARN("cluster/%s", t.service.cluster), TaskDefinitionARN: td.ARN, Group: t.groupName(),
		StartedBy: t.deployment.id, LastStatus: string(t.phase), DesiredStatus: t.desiredStatus(), StopCode: t.code, StoppedReason: t.reason,
		CreatedAt: wireTime(t.created), StartedAt: wireTime(t.started), StoppingAt: wireTime(t.stopping), StoppedAt: wireTime(t.ended), Containers: []containerView{},
	}
	for _, c := range td.views {
		v.Containers = append(v.Containers, containerView{c.Name, t.arn, string(t.phase)})
	}
	return v
}

func (t *task) groupName() string {
	if t.service.alone {
		return "family:" + t.deployment.revision.definition.Family
	}
	return "service:" + t.service.name
}

type stopTaskInput struct {
	Cluster string `json:"cluster"`
	Task    string `json:"task"`
	Reason  string `json:"reason"`
}

type stopTaskOutput struct {
	Task taskView `json:"task"`
}

// stopTask stops a running task, as a scenario that lets one die needs it: its service starts another.
func (s *Service) stopTask(_ context.Context, in stopTaskInput) (stopTaskOutput, error) {
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return stopTaskOutput{}, err
	}
	t := s.findTask(cluster, in.Task)
	if t == nil {
		return stopTaskOutput{}, wire.Errorf("InvalidParameterException", "The referenced task was not found.")
	}
	if t.phase == running {
		t.stopping, t.code, t.reason = s.now(), "UserInitiated", in.Reason
		s.terminateTask(t)
	}
	return stopTaskOutput{s.describeTask(t)}, nil
}
