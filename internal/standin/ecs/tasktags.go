package ecs

import (
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// checkPropagation refuses what RunTask refuses of propagateTags: a task without a service takes over the tags of its
// task definition alone (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html).
func checkPropagation(from string) error {
	switch from {
	case "", "NONE", "TASK_DEFINITION":
		return nil
	}
	return wire.Errorf("InvalidParameterException", "Invalid propagateTags: only TASK_DEFINITION and NONE are supported here.")
}

// tagTask gives a new task its tags: those that its RunTask request has, and those that propagateTags takes over from its
// task definition or its service. A tag of the request's own wins
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html). A task without tags is in no index.
func (s *Service) tagTask(t *task) {
	var tags []tag
	switch string(t.service.PropagateTags) {
	case `"TASK_DEFINITION"`:
		tags = s.tagList(t.deployment.revision.definition.ARN)
	case `"SERVICE"`:
		tags = s.tagList(t.service.arn)
	}
	if tags = append(tags, t.service.taskTags...); len(tags) > 0 {
		_ = s.setTags(t.arn, tags) // all of them were checked where they came in
	}
}

// untagTask drops the tags of a task that ECS has forgotten.
func (s *Service) untagTask(t *task) {
	if _, tagged := s.tags[t.arn]; tagged {
		delete(s.tags, t.arn)
		s.cfg.Tagged(t.arn, nil)
	}
}
