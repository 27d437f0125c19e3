package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// bucketVersion is what a bucket holds in one of its versions.
type bucketVersion struct {
	id     string
	values map[string]secret.Value
}

// findBucket finds a bucket, or that of a consumer, in the manifest. It calls nothing.
func findBucket(env *manifest.Environment, name, consumer string) (manifest.Bucket, error) {
	if consumer != "" {
		c, known := env.Consumer(consumer)
		switch {
		case !known:
			return manifest.Bucket{}, fmt.Errorf("environment %s has no consumer %s%s", env.Name,
				manifest.Quote(consumer), manifest.DescribeKnown(consumer, listConsumers(env)))
		case c.Bucket == "":
			return manifest.Bucket{}, fmt.Errorf("consumer %s has no bucket: it reads source %s itself", c.Name, c.Source)
		}
		name = c.Bucket
	}
	b, known := env.Bucket(name)
	if !known {
		return b, fmt.Errorf("environment %s has no bucket %s%s", env.Name, manifest.Quote(name),
			manifest.DescribeKnown(name, listBuckets(env)))
	}
	return b, nil
}

// listBuckets returns the names of an environment's buckets.
func listBuckets(env *manifest.Environment) (names []string) {
	for _, b := range env.Buckets {
		names = append(names, b.Name)
	}
	return names
}

// listConsumers returns the names of an environment's consumers that have a bucket.
func listConsumers(env *manifest.Environment) (names []string) {
	for _, c := range env.Consumers {
		if c.Bucket != "" {
			names = append(names, c.Name)
		}
	}
	return names
}

// findCurrentVersion returns the id of the version of a bucket that is current.
func (s *session) findCurrentVersion(b manifest.Bucket) (string, error) {
	seen, err := store.New(s.secretsClient()).Look(s.ctx, b.Secret)
	if errors.Is(err, store.ErrMissing) {
		return "", fmt.Errorf("bucket %s: there is no secret %s yet: deploy %s, or rotary apply %s --direct makes it",
			b.Name, b.Secret, s.env.Name, s.env.Name)
	}
	if err != nil {
		return "", adviseOnDenied(err)
	}
	current, has := seen.Current()
	if !has {
		return "", s.describeEmptyBucket(b)
	}
	return current.ID, nil
}

// readBucket reads what a bucket holds now, with the rights of whoever runs this.
func (s *session) readBucket(b manifest.Bucket) (bucketVersion, error) {
	id, err := s.findCurrentVersion(b)
	if err != nil {
		return bucketVersion{}, err
	}
	text, has, err := store.New(s.secretsClient()).Value(s.ctx, b.Secret, id)
	switch {
	case err != nil:
		return bucketVersion{}, adviseOnDenied(err)
	case !has:
		return bucketVersion{}, s.describeEmptyBucket(b)
	}
	values, err := bucket.ReadBucket(b.Secret, text)
	return bucketVersion{id, values}, err
}

func (s *session) describeEmptyBucket(b manifest.Bucket) error {
	return fmt.Errorf("bucket %s holds nothing yet: rotary plan %s says what it waits for", b.Name, s.env.Name)
}

// adviseOnDenied adds to a denial which rights are needed.
func adviseOnDenied(err error) error {
	if _, is := errors.AsType[*history.Unreadable](err); is && strings.Contains(err.Error(), "AccessDenied") {
		return fmt.Errorf("%w; it is read with your own rights, which need secretsmanager:DescribeSecret and "+
			"secretsmanager:GetSecretValue on it, and kms:Decrypt on its key", err)
	}
	return err
}
