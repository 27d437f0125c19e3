package ecs

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// This file answers consumers from the look at their cluster.

// lookAtService returns a snapshot of the service from the look at its cluster, or from ECS where there is none.
func (s *Service) lookAtService(ctx context.Context) (serviceSnapshot, error) {
	look := s.clusters.findLook(s.ecs.Cluster)
	if look == nil {
		return s.snapshotService(ctx)
	}
	l := s.newSnapshot()
	name := shortName(s.ecs.Service)
	described, seen := look.services[name]
	switch {
	case look.err != nil:
		return l, look.err
	case look.gone:
		l.absent, l.gone = "there is no cluster "+s.ecs.Cluster, true
	case !seen:
		s.noteMissing(&l, firstNonEmpty(look.unseen[name], notDescribed))
	default:
		s.noteService(&l, described)
	}
	if l.absent != "" {
		return l, nil
	}
	l.noteTasks(keepTasksOf(name, look.tasks), keepTasksOf(name, look.stopped))
	briefs := look.briefs[name]
	if briefs.err != nil {
		return l, briefs.err
	}
	if err := s.readAttempts(ctx, &l, briefs.all); err != nil {
		return l, err
	}
	if err := s.readContents(ctx, &l); err != nil {
		return l, err
	}
	if l.isSettled() {
		now := s.newSnapshot()
		s.noteService(&now, look.later[name])
		l.compareLater(now)
	}
	return l, nil
}

// readContents fills in revisions. The tags of the PRIMARY deployment's task definition tell whose a rollout is: they are
// asked for where something is unfinished.
func (s *Service) readContents(ctx context.Context, l *serviceSnapshot) error {
	inPlay := l.definitionsInPlay()
	for _, arn := range slices.Sorted(maps.Keys(inPlay)) {
		read := s.readContent
		if arn == aws.ToString(l.primaryDeployment().TaskDefinition) && !l.isSettled() {
			read = s.describeRevision
		}
		r, err := read(ctx, arn)
		if err != nil {
			return err
		}
		r.began = inPlay[arn]
		l.revisions[arn] = r
	}
	return nil
}

// keepTasksOf returns those of tasks that a service has started.
func keepTasksOf(service string, tasks []types.Task) []types.Task {
	return slices.DeleteFunc(slices.Clone(tasks), func(t types.Task) bool { return serviceOf(t) != service })
}
