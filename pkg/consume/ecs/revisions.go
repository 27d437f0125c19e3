package ecs

import (
	"context"
	"fmt"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// maxClockSkew is the most by which the clocks of ECS and Secrets Manager may differ.
const maxClockSkew = time.Hour

// findDeployable returns every version of the bucket, and of the buckets before it, that an ACTIVE revision of the
// family pins, whoever registered it, sorted. It reads no revision twice in the life of the cache, and none that was
// registered before the first labelled version of the bucket was made and pins no bucket before this one. kept are those
// that a revision pins which Withdraw leaves alone.
func (d definitions) findDeployable(ctx context.Context, family string) (versions, kept []string, err error) {
	made := d.firstLabelled()
	for arn, err := range d.listRevisions(ctx, family, 0) {
		if err != nil {
			return nil, nil, err
		}
		o, err := d.describeOutline(ctx, arn)
		if err != nil {
			return nil, nil, err
		}
		if o.registered.Before(made) && !d.at.pinsFormer(o) {
			break // the list is newest first: all that follow are older
		}
		pinned := d.at.pinnedBy(o)
		versions = append(versions, pinned...)
		if len(pinned) == 0 {
			continue
		}
		stays, err := d.isLeftAlone(ctx, arn)
		if err != nil {
			return nil, nil, err
		}
		if stays {
			kept = append(kept, pinned...)
		}
	}
	slices.Sort(versions)
	slices.Sort(kept)
	return slices.Compact(versions), slices.Compact(kept), nil
}

// isLeftAlone reports whether the manifest leaves a revision to whoever registered it, and that was not rotary.
func (d definitions) isLeftAlone(ctx context.Context, arn string) (bool, error) {
	if d.task.Withdraw != manifest.WithdrawOwn {
		return false, nil
	}
	r, err := d.describeRevision(ctx, arn) // its tags are not kept
	return err == nil && !r.registeredBy(d.by.environment), err
}

// deregisterRevisions makes sure that nobody can start on these versions of the bucket, or of the buckets before it: it
// deregisters the ACTIVE revisions of the family that pin one of them, whoever registered them; with withdraw: own only
// those that rotary registered. It spares those that are playing, and fails where one of them may have such a version.
// Repeatable.
func (d definitions) deregisterRevisions(
	ctx context.Context, family string, playing []revision, versions []string,
) error {
	doomed, err := d.findPinning(ctx, family, versions)
	if err != nil {
		return err
	}
	for _, arn := range doomed {
		if slices.ContainsFunc(playing, func(r revision) bool { return r.arn == arn }) {
			continue
		}
		if err := d.deregisterRevision(ctx, arn); err != nil {
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

// findPinning returns the ACTIVE revisions of the family that pin one of these versions.
func (d definitions) findPinning(ctx context.Context, family string, versions []string) ([]string, error) {
	made := d.firstCreated(versions)
	var pinning []string
	for arn, err := range d.listRevisions(ctx, family, 0) {
		if err != nil {
			return nil, err
		}
		o, err := d.describeOutline(ctx, arn)
		if err != nil {
			return nil, err
		}
		if o.registered.Before(made) {
			break // the list is newest first: all that follow are older
		}
		if slices.ContainsFunc(d.at.pinnedBy(o), func(v string) bool { return slices.Contains(versions, v) }) {
			pinning = append(pinning, arn)
		}
	}
	return pinning, nil
}

// deregisterRevision deregisters a revision, unless the manifest leaves it to whoever registered it.
func (d definitions) deregisterRevision(ctx context.Context, arn string) error {
	if stays, err := d.isLeftAlone(ctx, arn); err != nil || stays {
		return err
	}
	_, err := d.api.DeregisterTaskDefinition(ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: &arn})
	return err
}

// firstLabelled returns when the first version of the bucket that carries a label was made, less maxClockSkew: no
// revision that was registered before pins a labelled version of the bucket. It returns zero where that is not known.
func (d definitions) firstLabelled() time.Time {
	var labelled []string
	for _, v := range d.bucket.Versions {
		if len(v.Labels) > 0 {
			labelled = append(labelled, v.ID)
		}
	}
	return d.firstCreated(labelled)
}

// firstCreated returns when the first of these versions was made, less maxClockSkew: no revision that was registered
// before pins any of them. It returns zero where one of them is not in the bucket's history, or its age is not known.
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
