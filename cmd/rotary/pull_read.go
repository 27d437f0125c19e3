package main

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// reading is what a bucket, or the sources of an environment, hold now.
type reading struct {
	values  map[string]secret.Value
	version string    // of the bucket
	created time.Time // that version
	sources int       // that were read
	empty   []string  // sources without a value
}

// without returns the values but for some names.
func (r reading) without(names []string) map[string]secret.Value {
	rest := maps.Clone(r.values)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// readNow reads the current values with the rights of whoever runs this.
func (p *pulling) readNow() (reading, error) {
	if p.bucket.Name == "" {
		return p.readSources()
	}
	current, err := store.New(p.secretsClient()).ReadCurrent(p.ctx, p.bucket.Secret)
	if err != nil {
		return reading{}, p.explainRead(err, p.bucket.Secret)
	}
	values, err := bucket.ReadBucket(p.bucket.Secret, current.Text)
	return reading{values: values, version: current.ID, created: current.Created}, err
}

// readSources reads the values of every source under their canonical names.
func (p *pulling) readSources() (reading, error) {
	secrets := store.New(p.secretsClient())
	all := reading{values: map[string]secret.Value{}}
	for _, source := range p.env.Sources {
		values, err := readSource(p, secrets, source)
		switch {
		case errors.Is(err, store.ErrMissing):
			all.empty = append(all.empty, source.Name)
		case err != nil:
			return reading{}, p.explainRead(err, source.Secret)
		default:
			all.sources++
			maps.Copy(all.values, values)
		}
	}
	return all, nil
}

func readSource(p *pulling, secrets *store.Store, source manifest.Source) (bucket.Source, error) {
	current, err := secrets.ReadCurrent(p.ctx, source.Secret)
	if err != nil {
		return nil, err
	}
	values, _, err := bucket.ReadSource(source, current.Text)
	return values, err
}

// explainRead adds what to do to the error of a read.
func (p *pulling) explainRead(err error, name string) error {
	switch {
	case errors.Is(err, store.ErrMissing):
		return fmt.Errorf("%w, or has no value yet: rotary apply %s writes it once its sources have values", err, p.env.Name)
	case awserr.Code(err) == "AccessDeniedException":
		return fmt.Errorf("%w\nYour AWS credentials may not read it: that takes secretsmanager:GetSecretValue on %s", err, name)
	}
	return err
}
