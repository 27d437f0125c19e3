package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// bucketVersion is one version of a bucket with its values.
type bucketVersion struct {
	id      string
	created time.Time
	values  map[string]secret.Value
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

// findCurrentVersion returns the id of the version of a bucket that is current, without reading it.
func (s *session) findCurrentVersion(b manifest.Bucket) (string, error) {
	seen, err := store.New(s.secretsClient()).Look(s.ctx, b.Secret)
	if err != nil {
		return "", s.explainRead(err, b.Secret)
	}
	current, _ := seen.Current()
	return current.ID, nil
}

// readBucketVersion reads what a bucket holds now, with the rights of whoever runs this.
func (s *session) readBucketVersion(b manifest.Bucket) (bucketVersion, error) {
	current, err := store.New(s.secretsClient()).ReadCurrent(s.ctx, b.Secret)
	if err != nil {
		return bucketVersion{}, s.explainRead(err, b.Secret)
	}
	values, err := bucket.ReadBucket(b.Secret, current.Text)
	return bucketVersion{current.ID, current.Created, values}, err
}

// explainRead adds what to do to the error of a read.
func (s *session) explainRead(err error, name string) error {
	switch {
	case errors.Is(err, store.ErrMissing):
		return fmt.Errorf("%w, or has no value yet: rotary apply %s writes it once its sources have values", err, s.env.Name)
	case awserr.IsDenied(err):
		return fmt.Errorf("%w\nYour AWS credentials may not read it: that takes secretsmanager:GetSecretValue on %s", err, name)
	}
	return err
}
