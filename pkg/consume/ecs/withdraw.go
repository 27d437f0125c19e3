package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
)

// Withdraw deregisters the ACTIVE revisions of the service's family that rotary registered and that pin one of these
// bucket versions, so that nobody can deploy them again (AWS: it takes effect within ten minutes). It never touches
// a revision that the service uses or could roll back to: a version that one of those pins is an error, because then
// somebody has deployed it meanwhile. Repeatable.
func (s *Service) Withdraw(ctx context.Context, versions []string) error {
	if err := s.withdraw(ctx, versions); err != nil {
		return fmt.Errorf("withdraw revisions of ECS service %s: %w", s, legible(err))
	}
	return nil
}

func (s *Service) withdraw(ctx context.Context, versions []string) error {
	l, err := s.look(ctx)
	if err != nil {
		return err
	}
	if l.absent != "" {
		return errors.New(l.absent)
	}
	arns, err := s.family(ctx, aws.ToString(l.primaryRevision().input.Family))
	if err != nil {
		return err
	}
	since := s.madeFirst(versions)
	for _, arn := range arns {
		if slices.ContainsFunc(l.playing(), func(r revision) bool { return r.arn == arn }) {
			continue
		}
		r, err := s.revision(ctx, arn)
		if err != nil {
			return err
		}
		if r.registered.Before(since) {
			break // so are all that follow
		}
		if err := s.withdrawOne(ctx, r, versions); err != nil {
			return err
		}
	}
	for _, version := range l.inPlay() {
		if slices.Contains(versions, version) {
			return fmt.Errorf("version %s is in play: somebody has deployed it meanwhile", version)
		}
	}
	return nil
}

// skew is the most by which the clocks of ECS and Secrets Manager may differ.
const skew = time.Hour

// madeFirst is when the first of these versions was made; no revision that was registered before pins any. It is zero
// where one is not in the bucket's history.
func (s *Service) madeFirst(versions []string) time.Time {
	var made time.Time
	for i, id := range versions {
		v, known := s.bucket.Version(id)
		if !known || v.Created.IsZero() {
			return time.Time{}
		}
		if i == 0 || v.Created.Before(made) {
			made = v.Created
		}
	}
	return made.Add(-skew)
}

func (s *Service) withdrawOne(ctx context.Context, r revision, versions []string) error {
	pinned := slices.ContainsFunc(s.at.read(r).versions, func(v string) bool { return slices.Contains(versions, v) })
	if !pinned || !r.registeredBy(s.by.environment) {
		return nil
	}
	_, err := s.client.DeregisterTaskDefinition(ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: &r.arn})
	return err
}
