// Package ecs rolls ECS services, and families of tasks, onto pinned versions of their bucket, and reports which
// versions they are proven to run.
//
// The receipt is the task definition itself: every entry of the bucket in the container's secrets pins one version
// (arn:…:secret:api-secrets-dev-AbCdEf:KEY::<version-id>). So a circuit breaker's rollback returns to a revision that
// names, and starts with, the credentials that it had before.
package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// api is the part of the SDK's client that a Service uses.
type api interface {
	serviceAPI
	definitionAPI
	attemptAPI
	taskAPI
}

type serviceAPI interface {
	DescribeServices(context.Context, *sdk.DescribeServicesInput,
		...func(*sdk.Options)) (*sdk.DescribeServicesOutput, error)
	UpdateService(context.Context, *sdk.UpdateServiceInput, ...func(*sdk.Options)) (*sdk.UpdateServiceOutput, error)
	TagResource(context.Context, *sdk.TagResourceInput, ...func(*sdk.Options)) (*sdk.TagResourceOutput, error)
}

type attemptAPI interface {
	ListServiceDeployments(context.Context, *sdk.ListServiceDeploymentsInput,
		...func(*sdk.Options)) (*sdk.ListServiceDeploymentsOutput, error)
	DescribeServiceDeployments(context.Context, *sdk.DescribeServiceDeploymentsInput,
		...func(*sdk.Options)) (*sdk.DescribeServiceDeploymentsOutput, error)
	DescribeServiceRevisions(context.Context, *sdk.DescribeServiceRevisionsInput,
		...func(*sdk.Options)) (*sdk.DescribeServiceRevisionsOutput, error)
}

// maxTries is how often one Roll deploys because somebody else's deployment slipped in.
const maxTries = 3

// Service is the consumer that is one ECS service. It serves one pass, and is not safe for concurrent use.
type Service struct {
	definitions
	client api
	ecs    manifest.ECS
	looked *serviceSnapshot // what Status has taken from the look at the cluster; nil before, and once a Roll has taken it
}

// New returns the consumer for the ecs entry of c in env, on its bucket b, as of now. It makes no call.
func New(
	client api, c manifest.Consumer, env *manifest.Environment, b history.History, now time.Time, options ...Option,
) *Service {
	return &Service{
		client: client, ecs: *c.ECS,
		definitions: newDefinitions(client, c, c.ECS.Task, env, b, now, options),
	}
}

// String is cluster/service.
func (s *Service) String() string { return s.ecs.Cluster + "/" + s.ecs.Service }

// Status reads the service, its task definitions, its service deployments and its tasks, and where Revisions is asked
// what ACTIVE revisions pin. An error means that ECS did not answer; every answer, odd as it may be, is in Seen. It
// only reads.
func (s *Service) Status(ctx context.Context) (plan.Seen, error) {
	seen, err := s.readSeen(ctx)
	if err != nil {
		return plan.Seen{Consumer: s.by.consumer}, fmt.Errorf("look at ECS service %s: %w", s, awserr.Legible(err))
	}
	return seen, nil
}

// readSeen is Status, with errors that do not name the service.
func (s *Service) readSeen(ctx context.Context) (plan.Seen, error) {
	l, err := s.lookAtService(ctx)
	if err == nil {
		err = s.readMoves(ctx, &l)
	}
	if err != nil {
		return plan.Seen{}, err
	}
	seen := l.toSeen(s.by.consumer)
	if s.clusters != nil {
		s.looked = &l
	}
	seen.DeploysTake = s.task.DeploysTake.Std()
	if family := l.familyName(); s.revisions && family != "" {
		seen.Deployable, seen.Kept, err = s.findDeployable(ctx, family)
	}
	return seen, err
}

// Roll starts a rollout onto version b.Version of the bucket and does not wait for it. From what the pass has seen of the
// service, or else from what it reads itself, it changes the bucket's entries
// in the task definition that the service has now, registers the result unless that revision exists, and deploys it.
// Repeatable: a service that is on the version, or on its way, is left alone. It fails where its pipeline deploys it, where it has names from elsewhere that nobody
// has adopted and nothing of the bucket, where it is not known which containers get the bucket, and where somebody else's rollout is in progress, and deploys again over one that slips in. After an error the service is as it was or on its way; Status
// shows which.
func (s *Service) Roll(ctx context.Context, b bucket.Bucket) error {
	if err := s.startRollout(ctx, b); err != nil {
		return fmt.Errorf("roll ECS service %s onto version %s of %s: %w", s, b.Version, b.Name, awserr.Legible(err))
	}
	return nil
}

// startRollout is Roll, with errors that do not name the service.
func (s *Service) startRollout(ctx context.Context, b bucket.Bucket) error {
	if err := s.checkBucket(b); err != nil {
		return err
	}
	l, err := s.takeLook(ctx)
	if err != nil {
		return err
	}
	if why := l.refusalReason(); why != "" {
		return errors.New(why)
	}
	s.at = l.at
	if err := s.markAdopted(ctx, l); err != nil {
		return err
	}
	return s.rollFrom(ctx, l, b)
}

// takeLook returns the snapshot that Status has taken from the look at the cluster, once, with the task definition that a
// Roll derives from as it is now: its tags are not in the look. Without one it reads the service. What somebody has
// deployed since is seen right before the update, or after it.
func (s *Service) takeLook(ctx context.Context) (serviceSnapshot, error) {
	if s.looked == nil {
		return s.snapshotService(ctx)
	}
	l := *s.looked
	s.looked = nil
	if l.refusalReason() != "" {
		return l, nil
	}
	base, err := s.describeRevision(ctx, l.goalDefinition())
	if err != nil {
		return l, err
	}
	l.revisions = maps.Clone(l.revisions)
	l.revisions[l.goalDefinition()] = base
	return l, nil
}

// rollFrom deploys the bucket's version on top of the task definition in the snapshot. A deployment that slips in
// between snapshot and update would be undone by that, so it then deploys the version on top of that one's task
// definition.
func (s *Service) rollFrom(ctx context.Context, l serviceSnapshot, b bucket.Bucket) error {
	was, since, base := l.service, l.newestBrief(), l.goalRevision()
	onto := l.goalDefinition()
	for range maxTries {
		arn, err := s.deriveRevision(ctx, base, b)
		if err != nil || arn == onto && !isAbandoned(was) {
			return err
		}
		is, err := s.deployRevision(ctx, was, arn)
		if err != nil {
			return err
		}
		listed, newest, err := s.listedSince(ctx, since, arn)
		if err != nil {
			return err
		}
		slipped := firstNonEmpty(slippedIn(was, is, arn), listed)
		if slipped == "" {
			return nil
		}
		if base, err = s.describeRevision(ctx, slipped); err != nil {
			return err
		}
		was, since, onto = is, newest, aws.ToString(is.Deployments[0].TaskDefinition)
	}
	return fmt.Errorf("somebody else deployed at the same moment %d times in a row: the next pass tries again",
		maxTries)
}

// isAbandoned reports whether the PRIMARY deployment is FAILED: ECS starts no more tasks on it until somebody deploys
// again, not even where a rollback has brought the service back to what it should run.
func isAbandoned(svc types.Service) bool {
	return svc.Deployments[0].RolloutState == types.DeploymentRolloutStateFailed
}

// deployRevision updates the service to task definition arn and returns it as it is after. It fails where the PRIMARY
// deployment is not the one in was any more.
func (s *Service) deployRevision(ctx context.Context, was types.Service, arn string) (types.Service, error) {
	var is serviceSnapshot
	if err := s.describeService(ctx, &is); err != nil {
		return types.Service{}, err
	}
	if is.absent != "" {
		return types.Service{}, errors.New(is.absent)
	}
	now := is.service
	if aws.ToString(now.Deployments[0].Id) != aws.ToString(was.Deployments[0].Id) {
		return types.Service{}, fmt.Errorf("somebody deployed %s meanwhile: the next pass tries again",
			shortName(aws.ToString(now.TaskDefinition)))
	}
	if err := s.tagService(ctx, now); err != nil {
		return types.Service{}, err
	}
	out, err := s.client.UpdateService(ctx, &sdk.UpdateServiceInput{
		Cluster: aws.String(s.ecs.Cluster), Service: aws.String(s.ecs.Service), TaskDefinition: aws.String(arn),
		ForceNewDeployment: isAbandoned(now),
	})
	if err != nil {
		return types.Service{}, err
	}
	if out.Service == nil || !movePrimaryFirst(out.Service.Deployments) {
		return types.Service{}, errors.New("ECS answered an update without a PRIMARY deployment")
	}
	return *out.Service, nil
}

// tagService puts rotary's tags on the service unless it has them. Census finds the service by them once the manifest
// has forgotten it.
func (s *Service) tagService(ctx context.Context, svc types.Service) error {
	if s.by.ownsTags(svc.Tags) {
		return nil
	}
	in := &sdk.TagResourceInput{ResourceArn: svc.ServiceArn, Tags: s.by.replaceOwnerTags(nil)}
	_, err := s.client.TagResource(ctx, in)
	return err
}

// slippedIn returns the task definition of a deployment that was not there before, is not of task definition ours, and is
// superseded.
func slippedIn(was, is types.Service, ours string) string {
	for _, d := range is.Deployments[1:] {
		known := slices.ContainsFunc(was.Deployments, func(w types.Deployment) bool {
			return aws.ToString(w.Id) == aws.ToString(d.Id)
		})
		if !known && aws.ToString(d.TaskDefinition) != ours {
			return aws.ToString(d.TaskDefinition)
		}
	}
	return ""
}

// listedSince returns the task definition of the service deployment right before the one of task definition ours, if
// that was made after since, and the newest service deployment that is listed. A deployment that is superseded before
// it has tasks may be gone from the service's deployments, and is still listed here.
func (s *Service) listedSince(ctx context.Context, since, ours string) (slipped, newest string, err error) {
	briefs, err := s.listServiceDeployments(ctx)
	if err != nil || len(briefs) == 0 {
		return "", "", err
	}
	var made []string
	for _, b := range briefs {
		if aws.ToString(b.ServiceDeploymentArn) == since {
			break
		}
		made = append(made, aws.ToString(b.TargetServiceRevisionArn))
	}
	newest = aws.ToString(briefs[0].ServiceDeploymentArn)
	if len(made) < 2 {
		return "", newest, nil
	}
	is := serviceSnapshot{targets: map[string]string{}, began: map[string]time.Time{}}
	err = s.describeServiceRevisions(ctx, made, &is)
	for i := range made[1:] {
		if is.targets[made[i]] == ours {
			return is.targets[made[i+1]], newest, err
		}
	}
	return "", newest, err
}

func firstNonEmpty(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
