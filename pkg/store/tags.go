package store

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// Tag sets these tags of a secret in one call, all or none, and leaves its other tags. It is repeatable. ErrMissing where
// the secret does not exist.
func (s *Store) Tag(ctx context.Context, name string, tags map[string]string) error {
	in := &secretsmanager.TagResourceInput{SecretId: &name}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: aws.String(tags[key])})
	}
	out, err := s.client.TagResource(ctx, in)
	if err != nil {
		return wrapError("tag", name, err)
	}
	s.noteServerTime(out.ResultMetadata)
	return nil
}

// Untag takes the tags with these keys off a secret. It is repeatable. ErrMissing where the secret does not exist.
func (s *Store) Untag(ctx context.Context, name string, keys []string) error {
	out, err := s.client.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: &name, TagKeys: keys})
	if err != nil {
		return wrapError("untag", name, err)
	}
	s.noteServerTime(out.ResultMetadata)
	return nil
}

// splitTags returns rotary's tags, nil where there are none, and the number of the others.
func splitTags(all []types.Tag) (own map[string]string, others int) {
	for _, t := range all {
		key := aws.ToString(t.Key)
		if !strings.HasPrefix(key, history.TagPrefix) {
			others++
			continue
		}
		if own == nil {
			own = map[string]string{}
		}
		own[key] = aws.ToString(t.Value)
	}
	return own, others
}
