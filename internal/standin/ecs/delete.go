package ecs

import (
	"context"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

type deleteServiceInput struct {
	Cluster string `json:"cluster"`
	Service string `json:"service"`
	Force   bool   `json:"force"`
}

// deleteService ends a service and its tasks at once; DRAINING, through which AWS goes first, is not reproduced. The
// service can still be described as INACTIVE.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html
func (s *Service) deleteService(_ context.Context, in deleteServiceInput) (serviceOutput, error) {
	sv, err := s.findService(in.Cluster, in.Service)
	if err != nil {
		return serviceOutput{}, err
	}
	if sv.desired > 0 && !in.Force {
		return serviceOutput{}, wire.Errorf("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
	}
	sv.desired = 0
	view := s.describeService(sv)
	view.Status = "INACTIVE"
	for _, d := range sv.deployments {
		for _, t := range append(s.tasksInPhase(d, starting), s.tasksInPhase(d, running)...) {
			s.finishTask(t, "ServiceSchedulerInitiated", "The service was deleted")
		}
	}
	delete(s.services, sv.arn)
	left := *view
	left.RunningCount, left.PendingCount, left.Deployments, left.CurrentServiceDeployment = 0, 0, []deploymentView{}, ""
	s.deleted[sv.arn] = left
	s.cfg.Tagged(sv.arn, nil)
	return serviceOutput{view}, nil
}
