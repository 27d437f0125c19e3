package ecs

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// settledSnapshot is a settled look at a service with two tasks on a revision of rotary's that pins v1.
func settledSnapshot() serviceSnapshot {
	r := revisionWith("A=" + arnOfBucket + ":A::" + v1)
	r.input.Tags = me.replaceOwnerTags(nil)
	return serviceSnapshot{
		at: here, environment: "dev", revisions: map[string]revision{r.arn: r}, targets: map[string]string{},
		service: types.Service{DesiredCount: 2, Deployments: []types.Deployment{{
			Id: aws.String("ecs-svc/1"), Status: aws.String("PRIMARY"), TaskDefinition: aws.String(r.arn), RunningCount: 2, RolloutState: types.DeploymentRolloutStateCompleted,
		}}},
	}
}

// addAttempt adds a service deployment that tried td, as the newest.
func (l *serviceSnapshot) addAttempt(status types.ServiceDeploymentStatus, td string) *types.ServiceDeployment {
	l.targets["rev-"+td] = td
	l.attempts = append([]types.ServiceDeployment{{Status: status, TargetServiceRevision: &types.ServiceRevisionSummary{Arn: aws.String("rev-" + td)}}}, l.attempts...)
	return &l.attempts[0]
}

// addRevision adds a revision that pins v2.
func (l *serviceSnapshot) addRevision(arn string) string {
	r := revisionWith("A=" + arnOfBucket + ":A::" + v2)
	r.arn = arn
	l.revisions[arn] = r
	return arn
}

func TestSettledNeedsEverything(t *testing.T) {
	if s := settledSnapshot().toSeen("api"); !s.Settled || s.Running != v1 || s.Waiting+s.Unknown+s.Foreign != "" {
		t.Fatalf("%+v", s)
	}
	for name, change := range map[string]func(*serviceSnapshot){
		"another deployment is left": func(l *serviceSnapshot) {
			l.service.Deployments = append(l.service.Deployments, types.Deployment{Status: aws.String("ACTIVE"), TaskDefinition: aws.String(l.addRevision("app:2"))})
		},
		"a task is missing":  func(l *serviceSnapshot) { l.service.Deployments[0].RunningCount = 1 },
		"a task too many":    func(l *serviceSnapshot) { l.service.Deployments[0].RunningCount = 3 },
		"a task is starting": func(l *serviceSnapshot) { l.service.Deployments[0].PendingCount = 1 },
		"no rollout state":   func(l *serviceSnapshot) { l.service.Deployments[0].RolloutState = "" },
		"the attempt still watches": func(l *serviceSnapshot) {
			l.addAttempt(types.ServiceDeploymentStatusInProgress, aws.ToString(l.primaryDeployment().TaskDefinition))
		},
		"an old task stops": func(l *serviceSnapshot) {
			l.stragglers = []types.Task{{TaskDefinitionArn: aws.String(l.addRevision("app:2")), LastStatus: aws.String("STOPPING")}}
		},
	} {
		l := settledSnapshot()
		change(&l)
		if s := l.toSeen("api"); s.Settled || s.Running != "" || s.Waiting == "" || s.RollingTo != v1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestFailedIsOnlyTheNewestAttempt(t *testing.T) {
	const tried = "arn:aws:ecs:us-east-1:111111111111:task-definition/app:4"
	back := func(l *serviceSnapshot, a *types.ServiceDeployment) {
		a.Rollback = &types.Rollback{ServiceRevisionArn: aws.String("back")}
		l.targets["back"] = aws.ToString(l.service.Deployments[0].TaskDefinition)
	}
	for name, c := range map[string]struct {
		change func(*serviceSnapshot)
		failed bool
	}{
		"rolled back": {func(l *serviceSnapshot) {
			back(l, l.addAttempt(types.ServiceDeploymentStatusRollbackSuccessful, l.addRevision(tried)))
		}, true},
		"rollback failed": {func(l *serviceSnapshot) {
			back(l, l.addAttempt(types.ServiceDeploymentStatusRollbackFailed, l.addRevision(tried)))
		}, true},
		"something newer runs": {func(l *serviceSnapshot) {
			l.addAttempt(types.ServiceDeploymentStatusRollbackSuccessful, l.addRevision(tried))
		}, false},
		"superseded, then right": {func(l *serviceSnapshot) {
			l.addAttempt(types.ServiceDeploymentStatusStopped, aws.ToString(l.primaryDeployment().TaskDefinition))
		}, false},
		"stopped where it stands": {func(l *serviceSnapshot) {
			l.addAttempt(types.ServiceDeploymentStatusStopped, l.addRevision(tried))
			l.service.Deployments[0].TaskDefinition, l.service.Deployments[0].RolloutState = aws.String(tried), types.DeploymentRolloutStateFailed
		}, true},
		"no attempt is listed": {func(l *serviceSnapshot) {
			l.service.Deployments = append(l.service.Deployments, types.Deployment{TaskDefinition: aws.String(l.addRevision(tried)), RolloutState: types.DeploymentRolloutStateFailed})
		}, true},
		"it did not pin the bucket": {func(l *serviceSnapshot) {
			l.revisions[tried] = revisionWith()
			back(l, l.addAttempt(types.ServiceDeploymentStatusRollbackSuccessful, tried))
		}, false},
		"in progress": {func(l *serviceSnapshot) { l.addAttempt(types.ServiceDeploymentStatusInProgress, l.addRevision(tried)) }, false},
	} {
		l := settledSnapshot()
		c.change(&l)
		s := l.toSeen("api")
		if (s.Failed != nil) != c.failed {
			t.Errorf("%s: failed %+v", name, s.Failed)
		}
		if s.Failed != nil && (s.Failed.Version != v2 || s.Failed.Rest != settledSnapshot().toSeen("").Rest) {
			t.Errorf("%s: %+v", name, *s.Failed)
		}
	}
}

func TestChangedIsTheNewestOfAll(t *testing.T) {
	at := func(minute int) *time.Time {
		return aws.Time(time.Date(2026, 1, 5, 9, minute, 0, 0, time.UTC))
	}
	l := settledSnapshot()
	l.service.Deployments[0].CreatedAt, l.service.Deployments[0].UpdatedAt = at(1), at(2)
	l.addAttempt(types.ServiceDeploymentStatusSuccessful, aws.ToString(l.primaryDeployment().TaskDefinition)).FinishedAt = at(3)
	if got := l.toSeen("api").Changed; !got.Equal(*at(3)) {
		t.Errorf("changed %s", got)
	}
	l.stragglers = []types.Task{{TaskDefinitionArn: l.service.Deployments[0].TaskDefinition, StoppingAt: at(4)}}
	s := l.toSeen("api")
	if !s.Changed.Equal(*at(4)) || !s.WaitTill.Equal(*at(6)) {
		t.Errorf("changed %s, wait till %s", s.Changed, s.WaitTill)
	}
}

func TestMatter(t *testing.T) {
	list := func(statuses ...types.ServiceDeploymentStatus) (bs []types.ServiceDeploymentBrief) {
		for i, s := range statuses {
			bs = append(bs, types.ServiceDeploymentBrief{Status: s, ServiceDeploymentArn: aws.String(string(rune('a' + i)))})
		}
		return bs
	}
	const ok, stopped, back, going = types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusStopped, types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusInProgress
	stuck := make([]types.ServiceDeploymentStatus, maxAttempts+1)
	for name, c := range map[string]struct {
		briefs   []types.ServiceDeploymentBrief
		quiet    bool
		want     string
		complete bool
	}{
		"none":                  {nil, true, "", true},
		"quiet after success":   {list(ok, ok), true, "", true},
		"quiet after a failure": {list(back, ok), true, "a", true},
		"quiet, but not done":   {list(going, stopped, ok, ok), true, "abc", true},
		"under way":             {list(going, stopped, stopped, back, ok), false, "abcd", true},
		"a task died":           {list(ok, ok), false, "a", true},
		"the first one":         {list(going), false, "a", true},
		"too many":              {list(stuck...), false, "abcdefghijklmnopqrst", false},
	} {
		if got, complete := selectAttempts(c.briefs, c.quiet); strings.Join(got, "") != c.want || complete != c.complete {
			t.Errorf("%s: %v %v", name, got, complete)
		}
	}
}
