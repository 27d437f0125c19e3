package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	name        string // cluster/service
	environment string
	now         time.Time
	idle        bool // it may stand at desired count 0
	byPipeline  bool // rotary does not roll it

	absent     string // the reason, for people, where there is no service
	gone       bool   // ECS knows no such service, or has deleted it: nothing of it runs
	incomplete string // what ECS left out, for people
	service    types.Service
	briefs     []types.ServiceDeploymentBrief // every service deployment of the last 90 days, newest first
	tasks      []types.Task                   // that have not stopped
	stopped    []types.Task                   // that have stopped lately, of a service with task sets
	departed   []departure                    // what those had; only readStopped fills it in
	stragglers []types.Task                   // those of other revisions than the PRIMARY deployment's
	attempts   []types.ServiceDeployment      // newest first, as far back as selectAttempts goes
	recent     []types.ServiceDeployment      // that were created or have ended since recentSince; only readMoves fills it in
	targets    map[string]string              // service revision → task definition, for every revision in attempts and recent
	began      map[string]time.Time           // service revision → when it was created
	revisions  map[string]revision            // every task definition that the service uses or could go back to
	outlines   map[string]outline             // of every task definition in recent
}

// snapshotService reads the service, its tasks, its service deployments and its task definitions. An error means that
// ECS did not answer.
func (s *Service) snapshotService(ctx context.Context) (serviceSnapshot, error) {
	l := s.newSnapshot()
	err := s.describeService(ctx, &l)
	if err != nil || l.absent != "" {
		return l, err
	}
	if err := s.listTasks(ctx, &l); err != nil {
		return l, err
	}
	var briefs []types.ServiceDeploymentBrief
	if !isOutside(l.service) { // ECS has none of those
		if briefs, err = s.listServiceDeployments(ctx); err != nil {
			return l, err
		}
	}
	if err := s.readAttempts(ctx, &l, briefs); err != nil {
		return l, err
	}
	if err := s.readDefinitions(ctx, &l); err != nil {
		return l, err
	}
	err = s.recheckSettled(ctx, &l)
	return l, err
}

// newSnapshot returns a snapshot in which nothing was seen.
func (s *Service) newSnapshot() serviceSnapshot {
	return serviceSnapshot{
		at: s.at, environment: s.by.environment, now: s.now, idle: s.ecs.Idle, byPipeline: !s.ecs.Rolls(),
		name: s.ecs.ClusterName() + "/" + s.ecs.ServiceName(), targets: map[string]string{}, began: map[string]time.Time{}, revisions: map[string]revision{},
	}
}

// readDefinitions fills in revisions.
func (s *Service) readDefinitions(ctx context.Context, l *serviceSnapshot) error {
	inPlay := l.definitionsInPlay()
	for _, arn := range slices.Sorted(maps.Keys(inPlay)) {
		r, err := s.describeRevision(ctx, arn)
		if err != nil {
			return err
		}
		r.began = inPlay[arn]
		l.revisions[arn] = r
	}
	return nil
}

// recheckSettled describes a service that seems settled once more, and sets incomplete where its PRIMARY deployment has
// changed: a deployment that began after the first call may have been missed by all others, and may even have ended.
func (s *Service) recheckSettled(ctx context.Context, l *serviceSnapshot) error {
	if !l.isSettled() {
		return nil
	}
	var now serviceSnapshot
	err := s.describeService(ctx, &now)
	if err == nil {
		l.compareLater(now)
	}
	return err
}

// compareLater sets incomplete where a later description shows another PRIMARY deployment.
func (l *serviceSnapshot) compareLater(now serviceSnapshot) {
	if now.absent != "" || aws.ToString(now.primaryDeployment().Id) != aws.ToString(l.primaryDeployment().Id) {
		l.incomplete = "somebody deployed while rotary was reading the service: the next pass reads it again"
	}
}

// definitionsInPlay returns the task definitions of every deployment, task and attempt in the snapshot, each with when
// the first of them was created; zero where that is not known of one.
func (l serviceSnapshot) definitionsInPlay() map[string]time.Time {
	first := map[string]time.Time{}
	note := func(arn string, created time.Time) {
		if known, has := first[arn]; !has || created.Before(known) {
			first[arn] = created
		}
	}
	for _, d := range l.service.Deployments {
		note(aws.ToString(d.TaskDefinition), aws.ToTime(d.CreatedAt))
	}
	for _, t := range l.tasks {
		note(aws.ToString(t.TaskDefinitionArn), aws.ToTime(t.CreatedAt))
	}
	for _, a := range l.attempts {
		for _, revision := range revisionsOf(a) {
			if arn, known := l.targets[revision]; known {
				note(arn, l.began[revision])
			}
		}
	}
	return first
}

// describeService fills in service, with its PRIMARY deployment first, or absent and gone.
func (s *Service) describeService(ctx context.Context, l *serviceSnapshot) error {
	out, err := s.client.DescribeServices(ctx, &sdk.DescribeServicesInput{
		Cluster: aws.String(s.ecs.Cluster), Services: []string{s.ecs.Service},
		Include: []types.ServiceField{types.ServiceFieldTags},
	})
	var noCluster *types.ClusterNotFoundException
	var noService *types.ServiceNotFoundException
	switch {
	case errors.As(err, &noCluster):
		l.absent, l.gone = "there is no cluster "+s.ecs.Cluster, true
		return nil
	case errors.As(err, &noService): // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html
		l.absent, l.gone = fmt.Sprintf("there is no service %s", s), true
		return nil
	case err != nil:
		return err
	case len(out.Failures) > 0:
		s.noteMissing(l, aws.ToString(out.Failures[0].Reason))
		return nil
	case len(out.Services) != 1:
		l.absent = fmt.Sprintf("ECS does not describe service %s", s)
		return nil
	}
	s.noteService(l, out.Services[0])
	return nil
}

// noteMissing fills in absent and gone of a service that ECS does not describe for this reason.
func (s *Service) noteMissing(l *serviceSnapshot, reason string) {
	l.absent, l.gone = fmt.Sprintf("ECS does not describe service %s: %s", s, reason), reason == missing
}

// noteService fills in service, or absent and gone.
func (s *Service) noteService(l *serviceSnapshot, described types.Service) {
	l.service, l.at = described, s.at.withMarks(described.Tags, s.adopting)
	l.service.Deployments = slices.Clone(described.Deployments)
	if status := aws.ToString(l.service.Status); status != "ACTIVE" {
		l.absent, l.gone = fmt.Sprintf("service %s is %s", s, status), status == "INACTIVE"
		return
	}
	what := "deployment"
	if isOutside(l.service) {
		l.byPipeline, what = true, "task set of its deployment controller, "+string(l.service.DeploymentController.Type)
		l.service.Deployments = deploymentsOf(l.service.TaskSets)
	}
	if !movePrimaryFirst(l.service.Deployments) {
		l.absent = fmt.Sprintf("service %s has no PRIMARY %s", s, what)
	}
}

// movePrimaryFirst moves the PRIMARY deployment to the front, and reports whether there is one.
func movePrimaryFirst(ds []types.Deployment) bool {
	i := slices.IndexFunc(ds, func(d types.Deployment) bool { return aws.ToString(d.Status) == "PRIMARY" })
	if i >= 0 {
		ds[0], ds[i] = ds[i], ds[0]
	}
	return i >= 0
}

// listTasks fills in tasks, stopped and stragglers. A task may outlive its deployment's entry: it gets a stop timeout after it
// left the running count.
func (s *Service) listTasks(ctx context.Context, l *serviceSnapshot) error {
	in := sdk.ListTasksInput{Cluster: aws.String(s.ecs.Cluster), ServiceName: aws.String(s.ecs.Service)}
	unstopped, stopped, err := listKnownTasks(ctx, s.client, in)
	l.noteTasks(unstopped, stopped)
	return err
}

// noteTasks fills in tasks, stopped and stragglers.
func (l *serviceSnapshot) noteTasks(unstopped, stopped []types.Task) {
	l.tasks, l.stopped = unstopped, stopped
	wanted := l.service.Deployments[:1]
	if isOutside(l.service) { // every task set's tasks are where they should be
		wanted = l.service.Deployments
	}
	l.stragglers = slices.DeleteFunc(slices.Clone(l.tasks), func(t types.Task) bool {
		return slices.ContainsFunc(wanted, func(d types.Deployment) bool {
			return aws.ToString(t.TaskDefinitionArn) == aws.ToString(d.TaskDefinition)
		})
	})
}

// readAttempts fills in briefs, attempts, targets and began, and incomplete where ECS leaves something out. Of a service that
// ECS does not deploy there are none.
func (s *Service) readAttempts(ctx context.Context, l *serviceSnapshot, briefs []types.ServiceDeploymentBrief) error {
	if isOutside(l.service) {
		return nil
	}
	var err error
	l.briefs = briefs
	attempts, complete := selectAttempts(briefs, l.isRolloutQuiet() && len(l.stragglers) == 0)
	if !complete {
		l.incomplete = fmt.Sprintf("none of the newest %d service deployments succeeded: "+
			"what the service could roll back to is not known", maxAttempts)
	}
	shifting := shiftsTraffic(l.service.DeploymentConfiguration) && !l.isRolloutQuiet()
	if len(briefs) == 0 && (shifting || l.rolloutState() == types.DeploymentRolloutStateInProgress) {
		l.incomplete = "ECS does not list the service deployment in progress: what it could roll back to is not known"
	}
	var missing string
	if l.attempts, missing, err = s.describeServiceDeployments(ctx, attempts); err != nil {
		return err
	}
	l.incomplete = firstNonEmpty(l.incomplete, missing)
	var revisions []string
	for _, a := range l.attempts {
		revisions = append(revisions, revisionsOf(a)...)
	}
	return s.describeServiceRevisions(ctx, revisions, l)
}

// describeServiceDeployments returns these service deployments, newest first. missing is what ECS left out, for people.
// Those that have ended are asked for once in the life of the cache: they change no more.
func (s *Service) describeServiceDeployments(
	ctx context.Context, arns []string,
) (all []types.ServiceDeployment, missing string, err error) {
	arns = slices.Compact(slices.Sorted(slices.Values(arns)))
	unknown := slices.DeleteFunc(slices.Clone(arns), func(arn string) bool {
		ended, kept := s.cache.attempts.Get(arn)
		if kept {
			all = append(all, ended)
		}
		return kept
	})
	for chunk := range slices.Chunk(unknown, maxAttempts) {
		in := &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: chunk}
		out, err := s.client.DescribeServiceDeployments(ctx, in)
		if err != nil {
			return nil, "", err
		}
		for _, f := range out.Failures {
			missing = fmt.Sprintf("ECS does not describe service deployment %s: %s",
				aws.ToString(f.Arn), aws.ToString(f.Reason))
		}
		for _, d := range out.ServiceDeployments {
			d = withEnd(d)
			all = append(all, d)
			if hasEnded(d.Status) {
				s.cache.attempts.Add(aws.ToString(d.ServiceDeploymentArn), d)
			}
		}
	}
	if len(all) < len(arns) {
		missing = firstNonEmpty(missing,
			fmt.Sprintf("ECS describes %d of %d service deployments", len(all), len(arns)))
	}
	slices.SortFunc(all, func(a, b types.ServiceDeployment) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	return all, missing, nil
}

// withEnd returns a service deployment with the time of its end also where ECS gives one that was stopped no finishedAt.
func withEnd(d types.ServiceDeployment) types.ServiceDeployment {
	if hasEnded(d.Status) && d.FinishedAt == nil {
		if d.FinishedAt = d.StoppedAt; d.FinishedAt == nil {
			d.FinishedAt = d.UpdatedAt
		}
	}
	return d
}

// listServiceDeployments returns the service's deployments of the last 90 days, newest first.
func (s *Service) listServiceDeployments(ctx context.Context) ([]types.ServiceDeploymentBrief, error) {
	return listServiceDeployments(ctx, s.client, s.ecs.Cluster, s.ecs.Service)
}

// listServiceDeployments is the same of any service.
func listServiceDeployments(
	ctx context.Context, api attemptAPI, cluster, service string,
) ([]types.ServiceDeploymentBrief, error) {
	var all []types.ServiceDeploymentBrief
	in := &sdk.ListServiceDeploymentsInput{Cluster: &cluster, Service: &service, MaxResults: aws.Int32(100)}
	for {
		out, err := api.ListServiceDeployments(ctx, in)
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

// describeServiceRevisions adds the task definition of each of these service revisions, and when it was created, to
// targets and began; and to incomplete, where ECS leaves one out. A service revision never changes: it is asked for once in
// the life of the cache.
func (s *Service) describeServiceRevisions(ctx context.Context, revisions []string, l *serviceSnapshot) error {
	revisions = slices.Compact(slices.Sorted(slices.Values(revisions)))
	unknown := slices.DeleteFunc(slices.Clone(revisions), func(arn string) bool {
		r, kept := s.cache.revisions.Get(arn)
		if kept {
			l.targets[arn], l.began[arn] = r.definition, r.created
		}
		return kept
	})
	for chunk := range slices.Chunk(unknown, maxAttempts) {
		in := &sdk.DescribeServiceRevisionsInput{ServiceRevisionArns: chunk}
		out, err := s.client.DescribeServiceRevisions(ctx, in)
		if err != nil {
			return err
		}
		for _, f := range out.Failures {
			l.incomplete = firstNonEmpty(l.incomplete, fmt.Sprintf("ECS does not describe service revision %s: %s",
				aws.ToString(f.Arn), aws.ToString(f.Reason)))
		}
		for _, r := range out.ServiceRevisions {
			arn, kept := aws.ToString(r.ServiceRevisionArn), serviceRevision{aws.ToString(r.TaskDefinition), aws.ToTime(r.CreatedAt)}
			l.targets[arn], l.began[arn] = kept.definition, kept.created
			if kept.definition != "" {
				s.cache.revisions.Add(arn, kept)
			}
		}
	}
	missing := slices.DeleteFunc(revisions, func(arn string) bool { return l.targets[arn] != "" })
	if len(missing) > 0 {
		l.incomplete = firstNonEmpty(l.incomplete, fmt.Sprintf("ECS leaves out %d service revisions", len(missing)))
	}
	return nil
}

// revisionsOf returns the service revisions that an attempt tries and goes back to and, unless it has completed, starts
// from.
func revisionsOf(a types.ServiceDeployment) []string {
	if isCompleted(a.Status) {
		a.SourceServiceRevisions = nil
	}
	return everyRevisionOf(a)
}

// everyRevisionOf returns the service revisions that a service deployment starts from, tries and goes back to.
func everyRevisionOf(d types.ServiceDeployment) []string {
	var arns []string
	for _, r := range d.SourceServiceRevisions {
		arns = append(arns, aws.ToString(r.Arn))
	}
	if d.TargetServiceRevision != nil {
		arns = append(arns, aws.ToString(d.TargetServiceRevision.Arn))
	}
	if d.Rollback != nil && d.Rollback.ServiceRevisionArn != nil {
		arns = append(arns, *d.Rollback.ServiceRevisionArn)
	}
	return arns
}

// isFailedAttempt reports whether an attempt was stopped or is rolled back.
func isFailedAttempt(s types.ServiceDeploymentStatus) bool {
	return strings.HasPrefix(string(s), "ROLLBACK_") ||
		s == types.ServiceDeploymentStatusStopped || s == types.ServiceDeploymentStatusStopRequested
}
