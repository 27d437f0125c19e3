package ecs

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// This file is pure: when the list of a service's deployments need not be asked for again.

// keepBriefs keeps the list of a service's deployments, newest first, which was asked for after the service was described
// so, where none of them goes on and the list is whole.
//
// The list of such a service is the same as long as it is described the same: a service deployment that has ended changes
// no more (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html: finishedAt), and one that
// begins makes another deployment of the service PRIMARY, with an id and times of its own
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html); where it goes back to the one before,
// that has been updated since. Should one begin and end between two looks and leave all of that, the counts,
// currentServiceDeployment, currentServiceRevisions and the newest event as they were, it has started no task. Nothing
// keeps the list from being old, though: one without what made the PRIMARY deployment, or without the current service
// deployment, is asked for again.
func (c *Cache) keepBriefs(s types.Service, briefs []types.ServiceDeploymentBrief, now time.Time) {
	current := aws.ToString(s.CurrentServiceDeployment)
	listed := current == ""
	for _, b := range briefs {
		if !hasEnded(b.Status) {
			return
		}
		listed = listed || aws.ToString(b.ServiceDeploymentArn) == current
	}
	kept := trimBriefs(briefs)
	if listed && len(s.Deployments) == 1 && hasNewest(briefs, s.Deployments[0], now) && len(kept) <= mostBriefs {
		c.listed.Add(aws.ToString(s.ServiceArn), listedDeployments{fingerprintService(s), kept})
	}
}

// listLag is how much later than a deployment its service deployment may be listed at most.
const listLag = time.Hour

// hasNewest reports whether a list has the service deployment that made d: it has ended, and so after d was created. ECS
// forgets those of 90 days ago.
func hasNewest(briefs []types.ServiceDeploymentBrief, d types.Deployment, now time.Time) bool {
	if len(briefs) == 0 {
		return now.Sub(aws.ToTime(d.CreatedAt)) > listLag
	}
	return moveTime(briefs[0].CreatedAt, briefs[0].FinishedAt).After(aws.ToTime(d.CreatedAt)) ||
		now.Sub(aws.ToTime(d.CreatedAt)) > listLag
}

// trimBriefs returns, of a list that is newest first, the newest leastBriefs, those that may be recent for any consumer,
// and the newest that succeeded: nobody asks for more.
func trimBriefs(briefs []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief {
	succeeded := slices.IndexFunc(briefs, func(b types.ServiceDeploymentBrief) bool {
		return b.Status == types.ServiceDeploymentStatusSuccessful
	})
	var kept []types.ServiceDeploymentBrief
	for i, b := range briefs {
		newest := moveTime(briefs[0].CreatedAt, briefs[0].FinishedAt)
		recent := moveTime(b.CreatedAt, b.FinishedAt).After(newest.Add(-longestRecent))
		if i < leastBriefs || recent || i == succeeded {
			kept = append(kept, b)
		}
	}
	return kept
}

// findBriefs returns the list of a service's deployments, if it is kept and the service is described as it was then.
func (c *Cache) findBriefs(s types.Service) ([]types.ServiceDeploymentBrief, bool) {
	kept, has := c.listed.Get(aws.ToString(s.ServiceArn))
	if !has || kept.described != fingerprintService(s) {
		return nil, false
	}
	return kept.briefs, true
}

// fingerprintService returns what differs for two descriptions of a service between which a deployment began, ended or
// went on. Lists have no order.
func fingerprintService(s types.Service) [sha256.Size]byte {
	seen := types.Service{
		ServiceArn: s.ServiceArn, Status: s.Status, TaskDefinition: s.TaskDefinition, CreatedAt: s.CreatedAt,
		DesiredCount: s.DesiredCount, RunningCount: s.RunningCount, PendingCount: s.PendingCount,
		DeploymentController: s.DeploymentController, CurrentServiceDeployment: s.CurrentServiceDeployment,
	}
	if s.DeploymentConfiguration != nil {
		seen.DeploymentConfiguration = &types.DeploymentConfiguration{Strategy: s.DeploymentConfiguration.Strategy}
	}
	for _, d := range s.Deployments {
		d.CapacityProviderStrategy, d.NetworkConfiguration, d.ServiceConnectResources, d.VolumeConfigurations = nil, nil, nil, nil
		d.ServiceConnectConfiguration, d.VpcLatticeConfigurations = nil, nil
		seen.Deployments = append(seen.Deployments, d)
	}
	for _, t := range s.TaskSets {
		seen.TaskSets = append(seen.TaskSets, types.TaskSet{
			Id: t.Id, Status: t.Status, TaskDefinition: t.TaskDefinition, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
			RunningCount: t.RunningCount, PendingCount: t.PendingCount, StabilityStatus: t.StabilityStatus,
		})
	}
	seen.CurrentServiceRevisions = slices.SortedFunc(slices.Values(s.CurrentServiceRevisions),
		func(a, b types.ServiceCurrentRevisionSummary) int {
			return cmp.Compare(aws.ToString(a.Arn), aws.ToString(b.Arn))
		})
	slices.SortFunc(seen.Deployments, func(a, b types.Deployment) int {
		return cmp.Compare(aws.ToString(a.Id), aws.ToString(b.Id))
	})
	slices.SortFunc(seen.TaskSets, func(a, b types.TaskSet) int {
		return cmp.Compare(aws.ToString(a.Id), aws.ToString(b.Id))
	})
	for _, e := range s.Events {
		if len(seen.Events) == 0 || aws.ToTime(e.CreatedAt).After(aws.ToTime(seen.Events[0].CreatedAt)) {
			seen.Events = []types.ServiceEvent{{CreatedAt: e.CreatedAt}}
		}
	}
	return sha256.Sum256(encodeJSON(seen))
}
