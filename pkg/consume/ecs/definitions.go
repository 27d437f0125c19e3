package ecs

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// recentRevisions is how many of a family's newest revisions may be used again before another is registered.
const recentRevisions = 5

type describeDefinitionAPI interface {
	DescribeTaskDefinition(context.Context, *sdk.DescribeTaskDefinitionInput,
		...func(*sdk.Options)) (*sdk.DescribeTaskDefinitionOutput, error)
}

type definitionAPI interface {
	describeDefinitionAPI
	ListTaskDefinitions(context.Context, *sdk.ListTaskDefinitionsInput,
		...func(*sdk.Options)) (*sdk.ListTaskDefinitionsOutput, error)
	RegisterTaskDefinition(context.Context, *sdk.RegisterTaskDefinitionInput,
		...func(*sdk.Options)) (*sdk.RegisterTaskDefinitionOutput, error)
	DeregisterTaskDefinition(context.Context, *sdk.DeregisterTaskDefinitionInput,
		...func(*sdk.Options)) (*sdk.DeregisterTaskDefinitionOutput, error)
}

// definitions reads, derives and deregisters the task definitions of one consumer.
type definitions struct {
	api       definitionAPI
	by        owner
	at        place
	bucket    history.History
	task      manifest.Task
	now       time.Time
	cache     *Cache
	clusters  *Clusters // may be nil: then a look asks ECS about its own place alone
	revisions bool      // Seen.Deployable is asked for
	adopting  []string  // names that this pass adopts
}

// Option changes how a driver is opened.
type Option func(*definitions)

// Share lets a driver keep in c, and find there, what the content of task definitions tells. Without it a driver keeps
// that for itself.
func Share(c *Cache) Option { return func(d *definitions) { d.cache = c } }

// From lets Status take what it needs from the look at the whole cluster that c has prepared for this pass. What is done
// about it looks afresh.
func From(c *Clusters) Option {
	return func(d *definitions) { d.clusters, d.cache = c, c.cache }
}

// Revisions lets Status fill plan.Seen.Deployable, where asked.
func Revisions(asked bool) Option { return func(d *definitions) { d.revisions = asked } }

// newDefinitions returns the task definitions of consumer c, which get t of bucket b, as of now.
func newDefinitions(
	api definitionAPI, c manifest.Consumer, t manifest.Task, env *manifest.Environment, b history.History, now time.Time,
	options []Option,
) definitions {
	d := definitions{api: api, by: owner{env.Name, c.Name}, bucket: b, at: newPlace(env, c, t, b), task: t, now: now}
	for _, change := range options {
		change(&d)
	}
	if d.cache == nil {
		d.cache = NewCache()
	}
	return d
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
	return describeRevision(ctx, d.api, d.cache, arn)
}

// readContent returns the content of the revision with this ARN, without its status and tags. It calls ECS only where that
// is not kept.
func (d definitions) readContent(ctx context.Context, arn string) (revision, error) {
	c, err := readContent(ctx, d.api, d.cache, arn)
	return c.revision, err
}

// readContent is the same for any consumer, or none.
func readContent(ctx context.Context, api describeDefinitionAPI, cache *Cache, arn string) (content, error) {
	if c, kept := cache.findContent(arn); kept {
		return c, nil
	}
	r, err := describeRevision(ctx, api, cache, arn)
	if err != nil {
		return content{}, err
	}
	return newContent(r), nil
}

// describeRevision reads one task definition and its tags, and keeps its content.
func describeRevision(ctx context.Context, api describeDefinitionAPI, cache *Cache, arn string) (revision, error) {
	out, err := api.DescribeTaskDefinition(ctx, &sdk.DescribeTaskDefinitionInput{
		TaskDefinition: aws.String(arn), Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	})
	if err != nil {
		return revision{}, err
	}
	if out.TaskDefinition == nil {
		return revision{}, fmt.Errorf("ECS answered without task definition %s", shortName(arn))
	}
	r := revision{
		arn:        aws.ToString(out.TaskDefinition.TaskDefinitionArn),
		active:     out.TaskDefinition.Status == types.TaskDefinitionStatusActive,
		registered: aws.ToTime(out.TaskDefinition.RegisteredAt),
		input:      registrationInput(*out.TaskDefinition, out.Tags),
	}
	cache.keepRevision(r)
	return r, nil
}

// describeOutline returns the outline of the revision with this ARN. It calls ECS only where the outline is not kept.
func (d definitions) describeOutline(ctx context.Context, arn string) (outline, error) {
	if o, kept := d.cache.findOutline(arn); kept {
		return o, nil
	}
	r, err := d.describeRevision(ctx, arn)
	if err != nil {
		return outline{}, err
	}
	return newOutline(r), nil
}

// listRevisions lists ACTIVE revisions of a family, newest first and page by page, as long as it is asked for more. An
// error is the last. perPage is how many a page has at most; 0 is ECS's own maximum.
func (d definitions) listRevisions(ctx context.Context, family string, perPage int32) iter.Seq2[string, error] {
	in := &sdk.ListTaskDefinitionsInput{
		FamilyPrefix: aws.String(family), Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc,
	}
	if perPage > 0 {
		in.MaxResults = &perPage
	}
	return func(yield func(string, error) bool) {
		pages := sdk.NewListTaskDefinitionsPaginator(d.api, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield("", err)
				return
			}
			for _, arn := range page.TaskDefinitionArns {
				if !yield(arn, nil) {
					return
				}
			}
		}
	}
}

// deriveRevision returns the ARN of the revision that is base with the bucket pinned: base itself, one that rotary
// registered before, or a new one.
func (d definitions) deriveRevision(ctx context.Context, base revision, b bucket.Bucket) (string, error) {
	want, err := d.at.pinBucket(base, d.by, b.Version, d.at.withoutLeft(base, b.Names()))
	if err != nil {
		return "", err
	}
	if sameDefinition(base.input, want) {
		return base.arn, nil
	}
	if !d.mayBePinned(b.Version) {
		return d.registerDefinition(ctx, want)
	}
	return d.findOrRegister(ctx, want)
}

// findOrRegister returns the ARN of a revision that rotary registered before and that equals want, or registers one.
func (d definitions) findOrRegister(ctx context.Context, want sdk.RegisterTaskDefinitionInput) (string, error) {
	again, err := d.findRegistered(ctx, want)
	if err != nil || again != "" {
		return again, err
	}
	return d.registerDefinition(ctx, want)
}

// registerDefinition registers a revision, and returns its ARN.
func (d definitions) registerDefinition(ctx context.Context, want sdk.RegisterTaskDefinitionInput) (string, error) {
	out, err := d.api.RegisterTaskDefinition(ctx, &want)
	if err != nil {
		return "", err
	}
	if out.TaskDefinition == nil || aws.ToString(out.TaskDefinition.TaskDefinitionArn) == "" {
		return "", fmt.Errorf("ECS does not say what it registered in family %s", aws.ToString(want.Family))
	}
	return *out.TaskDefinition.TaskDefinitionArn, nil
}

// mayBePinned reports whether a revision may have been registered that pins this version of the bucket: one that did not
// exist when the pass looked is pinned by none. Where no version is known it may be any.
func (d definitions) mayBePinned(version string) bool {
	_, existed := d.bucket.Version(version)
	return existed || len(d.bucket.Versions) == 0
}

// findRegistered returns the ARN of one of the family's recentRevisions that rotary registered and that equals want; ""
// where none does.
func (d definitions) findRegistered(ctx context.Context, want sdk.RegisterTaskDefinitionInput) (string, error) {
	left := recentRevisions
	for arn, err := range d.listRevisions(ctx, aws.ToString(want.Family), recentRevisions) {
		if err != nil {
			return "", err
		}
		r, err := d.describeRevision(ctx, arn)
		if err != nil {
			return "", err
		}
		if r.active && r.registeredBy(d.by.environment) && sameDefinition(r.input, want) {
			return arn, nil
		}
		if left--; left == 0 {
			break
		}
	}
	return "", nil
}
