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

// serviceSnapshot is everything that one look at a service showed. What it means is in seen.go.
type serviceSnapshot struct {
	at          place
	environment string
	now         time.Time
	idle        bool // it may stand at desired count 0

	absent     string // why there is no service to look at, in words
	incomplete string // what ECS could not tell, in words
	service    types.Service
	since      string                    // the newest service deployment that is listed
	stragglers []types.Task              // tasks of other revisions that have not stopped
	attempts   []types.ServiceDeployment // newest first; down to the last that succeeded while anything is unfinished, else the newest if it failed
	targets    map[string]string         // service revision → task definition, for every revision in attempts
	revisions  map[string]revision       // every task definition that the service uses or could go back to
}

func (s *Service) snapshotService(ctx context.Context) (serviceSnapshot, error) {
	l := serviceSnapshot{at: s.at, environment: s.by.environment, now: s.now, idle: s.ecs.Idle, targets: map[string]string{}, revisions: map[string]revision{}}
	var err error
	if l.service, l.absent, err = s.describe(ctx); err != nil || l.absent != "" {
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

// recheckSettled looks at a service that seems settled once more: what began after the first of the calls may have been
// missed by all others, and may even be through.
func (s *Service) recheckSettled(ctx context.Context, l *serviceSnapshot) error {
	if !l.isSettled() {
		return nil
	}
	now, absent, err := s.describe(ctx)
	if err == nil && (absent != "" || aws.ToString(now.Deployments[0].Id) != aws.ToString(l.primaryDeployment().Id)) {
		l.incomplete = "somebody deployed while rotary was looking: the next look tells"
	}
	return err
}

// used returns the task definitions of every deployment, task and attempt in the look.
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

// describe returns the service, or says in words why there is none.
func (s *Service) describe(ctx context.Context) (svc types.Service, absent string, err error) {
	out, err := s.client.DescribeServices(ctx, &sdk.DescribeServicesInput{
		Cluster: aws.String(s.ecs.Cluster), Services: []string{s.ecs.Service}, Include: []types.ServiceField{types.ServiceFieldTags},
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

// movePrimaryFirst brings the PRIMARY deployment to the front, and says whether there is one.
func movePrimaryFirst(ds []types.Deployment) bool {
	i := slices.IndexFunc(ds, func(d types.Deployment) bool { return aws.ToString(d.Status) == "PRIMARY" })
	if i >= 0 {
		ds[0], ds[i] = ds[i], ds[0]
	}
	return i >= 0
}

// listStragglers returns the service's tasks that have not stopped and run another revision than the PRIMARY deployment.
// A task may outlive its deployment's entry: it has a stop timeout after it left the running count.
func (s *Service) listStragglers(ctx context.Context, svc types.Service) ([]types.Task, error) {
	all, err := listUnstoppedTasks(ctx, s.client, sdk.ListTasksInput{Cluster: aws.String(s.ecs.Cluster), ServiceName: aws.String(s.ecs.Service)})
	return slices.DeleteFunc(all, func(t types.Task) bool {
		return aws.ToString(t.TaskDefinitionArn) == aws.ToString(svc.Deployments[0].TaskDefinition)
	}), err
}

// readAttempts fills in attempts and targets, as far back as they matter.
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
		l.incomplete = fmt.Sprintf("no service deployment among the newest %d succeeded: what the service could roll back to is not known", maxAttempts)
	}
	if len(briefs) == 0 && l.primaryDeployment().RolloutState == types.DeploymentRolloutStateInProgress {
		l.incomplete = "ECS does not list the service deployment in progress: what it could roll back to is not known"
	}
	if len(arns) == 0 {
		return nil
	}
	out, err := s.client.DescribeServiceDeployments(ctx, &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: arns})
	if err != nil {
		return err
	}
	for _, f := range out.Failures {
		l.incomplete = fmt.Sprintf("ECS does not describe service deployment %s: %s", aws.ToString(f.Arn), aws.ToString(f.Reason))
	}
	if len(out.ServiceDeployments) < len(arns) {
		l.incomplete = firstNonEmpty(l.incomplete, fmt.Sprintf("ECS describes %d of %d service deployments", len(out.ServiceDeployments), len(arns)))
	}
	l.attempts = out.ServiceDeployments
	slices.SortFunc(l.attempts, func(a, b types.ServiceDeployment) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	var revisions []string
	for _, a := range l.attempts {
		revisions = append(revisions, revisionsOf(a)...)
	}
	targets, untold, err := s.describeServiceRevisions(ctx, revisions)
	l.targets, l.incomplete = targets, firstNonEmpty(l.incomplete, untold)
	return err
}

// listServiceDeployments lists the service's deployments of the last 90 days, newest first.
func (s *Service) listServiceDeployments(ctx context.Context) ([]types.ServiceDeploymentBrief, error) {
	var all []types.ServiceDeploymentBrief
	in := &sdk.ListServiceDeploymentsInput{Cluster: aws.String(s.ecs.Cluster), Service: aws.String(s.ecs.Service), MaxResults: aws.Int32(100)}
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

// selectAttempts picks the service deployments that matter: none where everything is quiet and the newest succeeded; the
// newest where everything is quiet; and while anything is unfinished all down to the last that completed, whose
// revision is what a rollback goes back to. complete is false where that one is too far back.
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

func isCompleted(s types.ServiceDeploymentStatus) bool {
	return s == types.ServiceDeploymentStatusSuccessful || s == types.ServiceDeploymentStatusRollbackSuccessful
}

func hasEnded(s types.ServiceDeploymentStatus) bool {
	return isCompleted(s) || s == types.ServiceDeploymentStatusStopped || s == types.ServiceDeploymentStatusRollbackFailed
}

// describeServiceRevisions learns the task definition of service revisions; untold says in words what ECS did not tell.
func (s *Service) describeServiceRevisions(ctx context.Context, revisions []string) (tds map[string]string, untold string, err error) {
	tds = map[string]string{}
	revisions = slices.Compact(slices.Sorted(slices.Values(revisions)))
	for chunk := range slices.Chunk(revisions, maxAttempts) {
		out, err := s.client.DescribeServiceRevisions(ctx, &sdk.DescribeServiceRevisionsInput{ServiceRevisionArns: chunk})
		if err != nil {
			return nil, "", err
		}
		for _, f := range out.Failures {
			untold = fmt.Sprintf("ECS does not describe service revision %s: %s", aws.ToString(f.Arn), aws.ToString(f.Reason))
		}
		for _, r := range out.ServiceRevisions {
			tds[aws.ToString(r.ServiceRevisionArn)] = aws.ToString(r.TaskDefinition)
		}
	}
	if len(tds) < len(revisions) {
		untold = firstNonEmpty(untold, fmt.Sprintf("ECS describes %d of %d service revisions", len(tds), len(revisions)))
	}
	return tds, untold, nil
}

// revisionsOf returns the service revisions that an attempt tries, goes back to and, unless it is through, starts from.
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

// isFailedAttempt says whether an attempt has not brought, and will not bring, what it was made for.
func isFailedAttempt(s types.ServiceDeploymentStatus) bool {
	return strings.HasPrefix(string(s), "ROLLBACK_") || s == types.ServiceDeploymentStatusStopped || s == types.ServiceDeploymentStatusStopRequested
}
