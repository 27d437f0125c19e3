package ecs

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// quietService is a service whose deployment was made at nine, and has ended a minute later.
func quietService() (types.Service, []types.ServiceDeploymentBrief) {
	created, finished := nine, nine.Add(time.Minute)
	s := types.Service{
		ServiceArn: aws.String("arn:service/main/api"), ServiceName: aws.String("api"), Status: aws.String("ACTIVE"), DesiredCount: 1, RunningCount: 1,
		Deployments: []types.Deployment{{Id: aws.String("d1"), Status: aws.String("PRIMARY"), CreatedAt: &created, UpdatedAt: &finished, RunningCount: 1}},
		Events:      []types.ServiceEvent{{CreatedAt: &created}, {CreatedAt: &finished}},
	}
	return s, []types.ServiceDeploymentBrief{
		{ServiceDeploymentArn: aws.String("b2"), CreatedAt: &created, FinishedAt: &finished, Status: types.ServiceDeploymentStatusSuccessful},
		{ServiceDeploymentArn: aws.String("b1"), CreatedAt: aws.Time(nine.Add(-time.Hour)), FinishedAt: aws.Time(nine.Add(-50 * time.Minute)), Status: types.ServiceDeploymentStatusStopped},
	}
}

// A list is kept where none of its deployments goes on and it has what made the PRIMARY one.
func TestWhichListsOfDeploymentsAreKept(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(s *types.Service, briefs []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief
		kept   bool
	}{
		"all have ended": {func(_ *types.Service, b []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief { return b }, true},
		"one goes on": {func(_ *types.Service, b []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief {
			b[0].Status = types.ServiceDeploymentStatusInProgress
			return b
		}, false},
		"an older one goes on": {func(_ *types.Service, b []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief {
			b[1].Status = types.ServiceDeploymentStatusRollbackInProgress
			return b
		}, false},
		"the newest is not listed yet": {func(_ *types.Service, b []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief { return b[1:] }, false},
		"none is listed yet":           {func(_ *types.Service, _ []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief { return nil }, false},
		"none is listed any more": {func(s *types.Service, _ []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief {
			s.Deployments[0].CreatedAt = aws.Time(nine.Add(-100 * 24 * time.Hour))
			return nil
		}, true},
		"the current one is not listed": {func(s *types.Service, b []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief {
			s.CurrentServiceDeployment = aws.String("b3")
			return b
		}, false},
		"two deployments": {func(s *types.Service, b []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief {
			s.Deployments = append(s.Deployments, s.Deployments[0])
			return b
		}, false},
		"hundreds in a week": {func(_ *types.Service, b []types.ServiceDeploymentBrief) []types.ServiceDeploymentBrief {
			for range 2 * mostBriefs {
				b = append(b, b[0])
			}
			return b
		}, false},
	} {
		s, briefs := quietService()
		briefs = tt.change(&s, briefs)
		c := NewCache()
		c.keepBriefs(s, briefs, nine.Add(10*time.Minute))
		if got, kept := c.findBriefs(s); kept != tt.kept || kept && len(got) != len(briefs) {
			t.Errorf("%s: kept %v", name, kept)
		}
	}
}

// A service that is described otherwise is asked about again; the order of lists, and tags, do not matter.
func TestWhenAKeptListIsNotEnough(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(s *types.Service)
		enough bool
	}{
		"nothing":             {func(*types.Service) {}, true},
		"tags":                {func(s *types.Service) { s.Tags = []types.Tag{{Key: aws.String("a")}} }, true},
		"the order of events": {func(s *types.Service) { s.Events[0], s.Events[1] = s.Events[1], s.Events[0] }, true},
		"another deployment":  {func(s *types.Service) { s.Deployments[0].Id = aws.String("d2") }, false},
		"it was updated":      {func(s *types.Service) { s.Deployments[0].UpdatedAt = aws.Time(nine.Add(time.Hour)) }, false},
		"a task is missing":   {func(s *types.Service) { s.RunningCount = 0 }, false},
		"the desired count":   {func(s *types.Service) { s.DesiredCount = 2 }, false},
		"an event": {func(s *types.Service) {
			s.Events = append(s.Events, types.ServiceEvent{CreatedAt: aws.Time(nine.Add(time.Hour))})
		}, false},
		"the current one": {func(s *types.Service) { s.CurrentServiceDeployment = aws.String("b3") }, false},
		"a revision of it": {func(s *types.Service) {
			s.CurrentServiceRevisions = []types.ServiceCurrentRevisionSummary{{Arn: aws.String("r2")}}
		}, false},
		"a task set":      {func(s *types.Service) { s.TaskSets = []types.TaskSet{{Id: aws.String("t1")}} }, false},
		"another service": {func(s *types.Service) { s.ServiceArn = aws.String("arn:service/main/web") }, false},
	} {
		s, briefs := quietService()
		c := NewCache()
		c.keepBriefs(s, briefs, nine.Add(10*time.Minute))
		later, _ := quietService()
		tt.change(&later)
		if _, kept := c.findBriefs(later); kept != tt.enough {
			t.Errorf("%s: enough %v", name, kept)
		}
	}
}

// What nobody asks for is not kept: the newest, those of a week, and the newest that succeeded are.
func TestAKeptListIsTrimmed(t *testing.T) {
	var briefs []types.ServiceDeploymentBrief
	for i := range 80 {
		at := nine.Add(-time.Duration(i) * 24 * time.Hour)
		b := types.ServiceDeploymentBrief{ServiceDeploymentArn: aws.String(fmt.Sprint(i)), CreatedAt: &at, FinishedAt: &at, Status: types.ServiceDeploymentStatusStopped}
		if i >= 50 {
			b.Status = types.ServiceDeploymentStatusSuccessful
		}
		briefs = append(briefs, b)
	}
	kept := trimBriefs(briefs)
	if len(kept) != leastBriefs+1 || *kept[leastBriefs].ServiceDeploymentArn != "50" {
		t.Errorf("%d are kept", len(kept))
	}
}
