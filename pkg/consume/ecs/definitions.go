package ecs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
)

// recentRevisions is how many of a family's newest revisions may be used again before another is registered.
const recentRevisions = 5

type definitionAPI interface {
	DescribeTaskDefinition(context.Context, *sdk.DescribeTaskDefinitionInput,
		...func(*sdk.Options)) (*sdk.DescribeTaskDefinitionOutput, error)
	ListTaskDefinitions(context.Context, *sdk.ListTaskDefinitionsInput,
		...func(*sdk.Options)) (*sdk.ListTaskDefinitionsOutput, error)
	RegisterTaskDefinition(context.Context, *sdk.RegisterTaskDefinitionInput,
		...func(*sdk.Options)) (*sdk.RegisterTaskDefinitionOutput, error)
	DeregisterTaskDefinition(context.Context, *sdk.DeregisterTaskDefinitionInput,
		...func(*sdk.Options)) (*sdk.DeregisterTaskDefinitionOutput, error)
}

// definitions reads, derives and deregisters the task definitions of one consumer.
type definitions struct {
	api    definitionAPI
	by     owner
	at     place
	bucket history.History
}

// checkBucket fails for a bucket that the consumer does not run on, or that has no version.
func (d definitions) checkBucket(b bucket.Bucket) error {
	if b.Version == "" || b.ARN != d.at.bucketARN {
		return fmt.Errorf("the bucket has no version, or is not the one it runs on (%s)", d.at.bucketARN)
	}
	return nil
}

// describeRevision reads one task definition and its tags. arn may also be a family, or family:revision.
func (d definitions) describeRevision(ctx context.Context, arn string) (revision, error) {
	out, err := d.api.DescribeTaskDefinition(ctx, &sdk.DescribeTaskDefinitionInput{
		TaskDefinition: aws.String(arn), Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	})
	if err != nil {
		return revision{}, err
	}
	if out.TaskDefinition == nil {
		return revision{}, fmt.Errorf("ECS answered without task definition %s", shortName(arn))
	}
	return revision{
		arn:        aws.ToString(out.TaskDefinition.TaskDefinitionArn),
		active:     out.TaskDefinition.Status == types.TaskDefinitionStatusActive,
		registered: aws.ToTime(out.TaskDefinition.RegisteredAt),
		input:      registrationInput(*out.TaskDefinition, out.Tags),
	}, nil
}

// listRevisions lists the ACTIVE revisions of a family, recentRevisions first: this many of them, or all for 0.
func (d definitions) listRevisions(ctx context.Context, family string, most int32) ([]string, error) {
	in := &sdk.ListTaskDefinitionsInput{
		FamilyPrefix: aws.String(family), Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc,
	}
	if most > 0 {
		in.MaxResults = &most
	}
	var arns []string
	pages := sdk.NewListTaskDefinitionsPaginator(d.api, in)
	for pages.HasMorePages() && (most == 0 || len(arns) < int(most)) {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, out.TaskDefinitionArns...)
	}
	return arns, nil
}

// deriveRevision returns the ARN of the revision that is base with the bucket pinned: base itself, one that rotary
// registered before, or a new one.
func (d definitions) deriveRevision(ctx context.Context, base revision, b bucket.Bucket) (string, error) {
	want, err := d.at.pinBucket(base, d.by, b.Version, b.Names())
	if err != nil {
		return "", err
	}
	if sameDefinition(base.input, want) {
		return base.arn, nil
	}
	registered, err := d.listRevisions(ctx, aws.ToString(want.Family), recentRevisions)
	if err != nil {
		return "", err
	}
	for _, arn := range registered {
		r, err := d.describeRevision(ctx, arn)
		if err != nil {
			return "", err
		}
		if r.active && r.registeredBy(d.by.environment) && sameDefinition(r.input, want) {
			return arn, nil
		}
	}
	out, err := d.api.RegisterTaskDefinition(ctx, &want)
	if err != nil {
		return "", err
	}
	if out.TaskDefinition == nil || aws.ToString(out.TaskDefinition.TaskDefinitionArn) == "" {
		return "", fmt.Errorf("ECS does not say what it registered in family %s", aws.ToString(want.Family))
	}
	return *out.TaskDefinition.TaskDefinitionArn, nil
}

// deregisterRevisions makes sure that nobody can start on these versions of the bucket: it deregisters the ACTIVE revisions of
// the family that rotary registered and that pin one of them. It spares those that are playing, and fails where one of
// them pins such a version. Repeatable.
func (d definitions) deregisterRevisions(
	ctx context.Context, family string, playing []revision, versions []string,
) error {
	arns, err := d.listRevisions(ctx, family, 0)
	if err != nil {
		return err
	}
	since := d.firstCreated(versions)
	for _, arn := range arns {
		if slices.ContainsFunc(playing, func(r revision) bool { return r.arn == arn }) {
			continue
		}
		r, err := d.describeRevision(ctx, arn)
		if err != nil {
			return err
		}
		if r.registered.Before(since) {
			break // the list is newest first: all that follow are older
		}
		if err := d.deregisterIfPinned(ctx, r, versions); err != nil {
			return err
		}
	}
	for _, version := range d.at.versionsInPlay(playing) {
		if slices.Contains(versions, version) {
			return fmt.Errorf("version %s is in play: somebody has deployed it meanwhile", version)
		}
	}
	return nil
}

// maxClockSkew is the most by which the clocks of ECS and Secrets Manager may differ.
const maxClockSkew = time.Hour

// firstCreated returns when the first of these versions was made, less maxClockSkew: no revision that was registered
// before pins any of them. It returns zero where one of them is not in the bucket's history.
func (d definitions) firstCreated(versions []string) time.Time {
	var made time.Time
	for i, id := range versions {
		v, known := d.bucket.Version(id)
		if !known || v.Created.IsZero() {
			return time.Time{}
		}
		if i == 0 || v.Created.Before(made) {
			made = v.Created
		}
	}
	return made.Add(-maxClockSkew)
}

// deregisterIfPinned deregisters r if rotary registered it and it pins one of these versions.
func (d definitions) deregisterIfPinned(ctx context.Context, r revision, versions []string) error {
	pinned := slices.ContainsFunc(d.at.readPins(r).versions, func(v string) bool {
		return slices.Contains(versions, v)
	})
	if !pinned || !r.registeredBy(d.by.environment) {
		return nil
	}
	_, err := d.api.DeregisterTaskDefinition(ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: &r.arn})
	return err
}
