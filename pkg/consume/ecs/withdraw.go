package ecs

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rotary-secrets/rotary/pkg/awserr"
)

// Withdraw deregisters the ACTIVE revisions of the service's family that rotary registered and that pin one of these
// bucket versions, so that nobody can deploy them again (AWS: within ten minutes). It leaves revisions alone that the
// service uses or could roll back to, and fails where one of those pins such a version: somebody has deployed it
// meanwhile. Repeatable.
func (s *Service) Withdraw(ctx context.Context, versions []string) error {
	if err := s.withdrawVersions(ctx, versions); err != nil {
		return fmt.Errorf("withdraw revisions of ECS service %s: %w", s, awserr.Legible(err))
	}
	return nil
}

func (s *Service) withdrawVersions(ctx context.Context, versions []string) error {
	l, err := s.snapshotService(ctx)
	if err != nil {
		return err
	}
	if l.absent != "" {
		return errors.New(l.absent)
	}
	return s.deregisterRevisions(ctx, aws.ToString(l.primaryRevision().input.Family), l.revisionsInPlay(), versions)
}
