package main

import (
	"errors"
	"maps"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// reading has the current values of a bucket, or of all sources of an environment.
type reading struct {
	values  map[string]secret.Value
	version string    // of the bucket
	created time.Time // that version
	sources int       // that were read
	empty   []string  // sources without a value
}

// dropNames returns the values but for some names.
func (r reading) dropNames(names []string) map[string]secret.Value {
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
	read, err := p.readBucketVersion(p.bucket)
	return reading{values: read.values, version: read.id, created: read.created}, err
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
