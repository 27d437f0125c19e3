package ecs

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/awserr"
)

// Withdraw deregisters the ACTIVE revisions of the service's family that pin one of these bucket versions, whoever
// registered them, so that nobody can deploy them again (AWS: within ten minutes); where the manifest has withdraw: own,
// only those that rotary registered. It leaves revisions alone that the service uses or could roll back to, and fails
// where one of those may have such a version: somebody has deployed it meanwhile. Of a service that is gone it knows the
// family only for as long as ECS still describes it, and has nothing to do after that. Repeatable.
func (s *Service) Withdraw(ctx context.Context, versions []string) error {
	if err := s.withdrawVersions(ctx, versions); err != nil {
		return fmt.Errorf("withdraw revisions of ECS service %s: %w", s, awserr.Legible(err))
	}
	return nil
}

func (s *Service) withdrawVersions(ctx context.Context, versions []string) error {
	l, err := s.snapshotService(ctx)
	switch {
	case err != nil:
		return err
	case l.gone && l.familyName() == "":
		return nil
	case l.gone:
		return s.deregisterRevisions(ctx, l.familyName(), nil, versions)
	case l.absent != "":
		return errors.New(l.absent)
	case l.familyName() == "":
		return errors.New("ECS does not tell its task definition")
	}
	return s.deregisterRevisions(ctx, l.familyName(), l.revisionsInPlay(), versions)
}
