package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// maxAttempts is how many unfinished or failed attempts are followed back to the last that succeeded; it is also
// how many ECS describes in one call.
const maxAttempts = 20

// serviceSnapshot holds the answers of ECS about a service in one pass. toSeen interprets it.
type serviceSnapshot struct {
	at          place
	environment string
	now         time.Time
	idle        bool // it may stand at desired count 0
	byPipeline  bool // rotary does not roll it

	absent     string // the reason, for people, where there is no service
	incomplete string // what ECS left out, for people
	service    types.Service
	since      string                    // the newest service deployment that is listed
	stragglers []types.Task              // tasks of other revisions that have not stopped
	attempts   []types.ServiceDeployment // newest first, as far back as selectAttempts goes
	targets    map[string]string         // service revision → task definition, for every revision in attempts
	revisions  map[string]revision       // every task definition that the service uses or could go back to
}

// snapshotService reads the service, its tasks, its service deployments and its task definitions. An error means that
// ECS did not answer.
func (s *Service) snapshotService(ctx context.Context) (serviceSnapshot, error) {
	l := serviceSnapshot{
		at: s.at, environment: s.by.environment, now: s.now, idle: s.ecs.Idle, byPipeline: !s.ecs.Rolls(),
		targets: map[string]string{}, revisions: map[string]revision{},
	}
	var err error
	if l.service, l.absent, err = s.describeService(ctx); err != nil || l.absent != "" {
		return l, err
	}
	if l.stragglers, err = s.listStragglers(ctx, l.service); err != nil {
		return l, err
	}
	if err := s.readAttempts(ctx, &l); err != nil {
		return l, err
	}
	for _, arn := range l.usedDefinitions() {
		if l.revisions[arn], err = s.describeRevision(ctx, arn); err != nil {
			return l, err
		}
	}
	err = s.recheckSettled(ctx, &l)
	return l, err
}

// recheckSettled describes a service that seems settled once more, and sets incomplete where its PRIMARY deployment has
// changed: a deployment that began after the first call may have been missed by all others, and may even have ended.
func (s *Service) recheckSettled(ctx context.Context, l *serviceSnapshot) error {
	if !l.isSettled() {
		return nil
	}
	now, absent, err := s.describeService(ctx)
	if err == nil && (absent != "" || aws.ToString(now.Deployments[0].Id) != aws.ToString(l.primaryDeployment().Id)) {
		l.incomplete = "somebody deployed while rotary was reading the service: the next pass reads it again"
	}
	return err
}

// usedDefinitions returns the task definitions of every deployment, task and attempt in the snapshot.
func (l serviceSnapshot) usedDefinitions() []string {
	var arns []string
	for _, d := range l.service.Deployments {
		arns = append(arns, aws.ToString(d.TaskDefinition))
	}
	for _, t := range l.stragglers {
		arns = append(arns, aws.ToString(t.TaskDefinitionArn))
	}
	for _, td := range l.targets {
		arns = append(arns, td)
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// describeService returns the service with its PRIMARY deployment first. absent is the reason, for people, where
// there is no service.
func (s *Service) describeService(ctx context.Context) (svc types.Service, absent string, err error) {
	out, err := s.client.DescribeServices(ctx, &sdk.DescribeServicesInput{
		Cluster: aws.String(s.ecs.Cluster), Services: []string{s.ecs.Service},
		Include: []types.ServiceField{types.ServiceFieldTags},
	})
	var gone *types.ClusterNotFoundException
	switch {
	case errors.As(err, &gone):
		return svc, "there is no cluster " + s.ecs.Cluster, nil
	case err != nil:
		return svc, "", err
	case len(out.Failures) > 0:
		return svc, fmt.Sprintf("ECS does not describe service %s: %s", s, aws.ToString(out.Failures[0].Reason)), nil
	case len(out.Services) != 1:
		return svc, fmt.Sprintf("ECS does not describe service %s", s), nil
	case aws.ToString(out.Services[0].Status) != "ACTIVE":
		return svc, fmt.Sprintf("service %s is %s", s, aws.ToString(out.Services[0].Status)), nil
	}
	svc = out.Services[0]
	if !movePrimaryFirst(svc.Deployments) {
		return svc, firstNonEmpty(unsupportedReason(svc), fmt.Sprintf("service %s has no PRIMARY deployment", s)), nil
	}
	return svc, "", nil
}

// movePrimaryFirst moves the PRIMARY deployment to the front, and reports whether there is one.
func movePrimaryFirst(ds []types.Deployment) bool {
	i := slices.IndexFunc(ds, func(d types.Deployment) bool { return aws.ToString(d.Status) == "PRIMARY" })
	if i >= 0 {
		ds[0], ds[i] = ds[i], ds[0]
	}
	return i >= 0
}

// listStragglers returns the service's tasks that have not stopped and run another revision than the PRIMARY
// deployment. A task may outlive its deployment's entry: it gets a stop timeout after it left the running count.
func (s *Service) listStragglers(ctx context.Context, svc types.Service) ([]types.Task, error) {
	in := sdk.ListTasksInput{Cluster: aws.String(s.ecs.Cluster), ServiceName: aws.String(s.ecs.Service)}
	all, err := listUnstoppedTasks(ctx, s.client, in)
	return slices.DeleteFunc(all, func(t types.Task) bool {
		return aws.ToString(t.TaskDefinitionArn) == aws.ToString(svc.Deployments[0].TaskDefinition)
	}), err
}

// readAttempts fills in since, attempts and targets, and incomplete where ECS leaves something out.
func (s *Service) readAttempts(ctx context.Context, l *serviceSnapshot) error {
	briefs, err := s.listServiceDeployments(ctx)
	if err != nil {
		return err
	}
	if len(briefs) > 0 {
		l.since = aws.ToString(briefs[0].ServiceDeploymentArn)
	}
	arns, complete := selectAttempts(briefs, l.isRolloutQuiet() && len(l.stragglers) == 0)
	if !complete {
		l.incomplete = fmt.Sprintf("none of the newest %d service deployments succeeded: "+
			"what the service could roll back to is not known", maxAttempts)
	}
	if len(briefs) == 0 && l.primaryDeployment().RolloutState == types.DeploymentRolloutStateInProgress {
		l.incomplete = "ECS does not list the service deployment in progress: what it could roll back to is not known"
	}
	if len(arns) == 0 {
		return nil
	}
	in := &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: arns}
	out, err := s.client.DescribeServiceDeployments(ctx, in)
	if err != nil {
		return err
	}
	for _, f := range out.Failures {
		arn, reason := aws.ToString(f.Arn), aws.ToString(f.Reason)
		l.incomplete = fmt.Sprintf("ECS does not describe service deployment %s: %s", arn, reason)
	}
	if len(out.ServiceDeployments) < len(arns) {
		l.incomplete = firstNonEmpty(l.incomplete,
			fmt.Sprintf("ECS describes %d of %d service deployments", len(out.ServiceDeployments), len(arns)))
	}
	l.attempts = out.ServiceDeployments
	slices.SortFunc(l.attempts, func(a, b types.ServiceDeployment) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	var revisions []string
	for _, a := range l.attempts {
		revisions = append(revisions, revisionsOf(a)...)
	}
	targets, missing, err := s.describeServiceRevisions(ctx, revisions)
	l.targets, l.incomplete = targets, firstNonEmpty(l.incomplete, missing)
	return err
}

// listServiceDeployments returns the service's deployments of the last 90 days, newest first.
func (s *Service) listServiceDeployments(ctx context.Context) ([]types.ServiceDeploymentBrief, error) {
	var all []types.ServiceDeploymentBrief
	in := &sdk.ListServiceDeploymentsInput{
		Cluster: aws.String(s.ecs.Cluster), Service: aws.String(s.ecs.Service), MaxResults: aws.Int32(100),
	}
	for {
		out, err := s.client.ListServiceDeployments(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, out.ServiceDeployments...)
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b types.ServiceDeploymentBrief) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	return all, nil
}

// selectAttempts returns the ARNs of the service deployments to describe, newest first: none where everything is
// quiet and the newest succeeded; the newest where everything is quiet; and while anything is unfinished, all down to
// the last that completed, because a rollback goes back to its revision. complete is false where that one is more
// than maxAttempts back.
func selectAttempts(briefs []types.ServiceDeploymentBrief, quiet bool) (arns []string, complete bool) {
	quiet = quiet && len(briefs) > 0 && hasEnded(briefs[0].Status)
	if quiet && briefs[0].Status == types.ServiceDeploymentStatusSuccessful {
		return nil, true
	}
	for i, b := range briefs {
		if i == maxAttempts {
			return arns, false
		}
		arns = append(arns, aws.ToString(b.ServiceDeploymentArn))
		if quiet || isCompleted(b.Status) {
			break
		}
	}
	return arns, true
}

// isCompleted reports whether a service deployment has brought the service to a revision, its own or a rollback's.
func isCompleted(s types.ServiceDeploymentStatus) bool {
	return s == types.ServiceDeploymentStatusSuccessful || s == types.ServiceDeploymentStatusRollbackSuccessful
}

// hasEnded reports whether a service deployment does nothing any more.
func hasEnded(s types.ServiceDeploymentStatus) bool {
	return isCompleted(s) || s == types.ServiceDeploymentStatusStopped ||
		s == types.ServiceDeploymentStatusRollbackFailed
}

// describeServiceRevisions returns the task definition of each of these service revisions. missing is what ECS left
// out, for people.
func (s *Service) describeServiceRevisions(
	ctx context.Context, revisions []string,
) (tds map[string]string, missing string, err error) {
	tds = map[string]string{}
	revisions = slices.Compact(slices.Sorted(slices.Values(revisions)))
	for chunk := range slices.Chunk(revisions, maxAttempts) {
		in := &sdk.DescribeServiceRevisionsInput{ServiceRevisionArns: chunk}
		out, err := s.client.DescribeServiceRevisions(ctx, in)
		if err != nil {
			return nil, "", err
		}
		for _, f := range out.Failures {
			missing = fmt.Sprintf("ECS does not describe service revision %s: %s",
				aws.ToString(f.Arn), aws.ToString(f.Reason))
		}
		for _, r := range out.ServiceRevisions {
			tds[aws.ToString(r.ServiceRevisionArn)] = aws.ToString(r.TaskDefinition)
		}
	}
	if len(tds) < len(revisions) {
		missing = firstNonEmpty(missing,
			fmt.Sprintf("ECS describes %d of %d service revisions", len(tds), len(revisions)))
	}
	return tds, missing, nil
}

// revisionsOf returns the service revisions that an attempt tries and goes back to and, unless it has completed, starts
// from.
func revisionsOf(a types.ServiceDeployment) []string {
	var arns []string
	if !isCompleted(a.Status) {
		for _, r := range a.SourceServiceRevisions {
			arns = append(arns, aws.ToString(r.Arn))
		}
	}
	if a.TargetServiceRevision != nil {
		arns = append(arns, aws.ToString(a.TargetServiceRevision.Arn))
	}
	if a.Rollback != nil && a.Rollback.ServiceRevisionArn != nil {
		arns = append(arns, *a.Rollback.ServiceRevisionArn)
	}
	return arns
}

// isFailedAttempt reports whether an attempt was stopped or is rolled back.
func isFailedAttempt(s types.ServiceDeploymentStatus) bool {
	return strings.HasPrefix(string(s), "ROLLBACK_") ||
		s == types.ServiceDeploymentStatusStopped || s == types.ServiceDeploymentStatusStopRequested
}
