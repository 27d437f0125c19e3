package bucket

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Compute derives every bucket of an environment from the content of its sources, by source name. The result is
// sorted by name and depends on nothing else: no order, clock or chance. Either all buckets are good and returned,
// or none is and the error is a *Problems with everything that is wrong.
//
// sources must have every source that feeds a bucket: one that was not read is a problem, and not an empty one.
// What each entry of a bucket becomes:
//
//	computed                          the manifest's text
//	its source holds the key          that value, under the entry's name; a later layer may replace it
//	its source declares the key only  nothing, or a problem where the source is `required`
func Compute(env *manifest.Environment, sources map[string]Source) ([]Bucket, error) {
	env = env.Indexed()
	problems := &Problems{Environment: env.Name}
	checkSources(env, sources, problems)
	buckets := make([]Bucket, 0, len(env.Buckets))
	for _, definition := range env.Buckets {
		buckets = append(buckets, computeBucket(env, definition, sources, Kept{}, problems))
	}
	if err := problems.sortedError(); err != nil {
		return nil, err
	}
	return buckets, nil
}

// checkSources reports sources that the environment does not declare, and checks those it does.
func checkSources(env *manifest.Environment, sources map[string]Source, problems *Problems) {
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		if declared, ok := env.Source(name); ok {
			checkSource(declared, sources[name], problems)
		} else {
			problems.add(Problem{Source: name, What: fmt.Sprintf("source %s is not in this environment",
				manifest.Quote(name))})
		}
	}
}

// checkSource reports keys that a source holds and does not declare, values that no sink can take or that fail their
// check, and keys without a value where it is required.
func checkSource(declared manifest.Source, held Source, problems *Problems) {
	report := func(key, format string) {
		problems.add(Problem{Source: declared.Name, Name: key,
			What: fmt.Sprintf(format, declared.Name, quoteName(key))})
	}
	for _, problem := range CheckValues(declared, held) {
		problems.add(problem)
	}
	missing := map[string]bool{}
	for _, key := range declared.KeyNames() {
		missing[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(held)) {
		if !missing[key] {
			report(key, "source %q holds key %s, which it does not declare")
		}
		if strings.ContainsRune(secret.Reveal(held[key]), 0) {
			report(key, "source %q: the value of %s holds a NUL, which no environment variable can")
		}
		delete(missing, key)
	}
	for _, key := range slices.Sorted(maps.Keys(missing)) {
		if declared.Required {
			report(key, "source %q is required and holds no %s")
		}
	}
}

func computeBucket(env *manifest.Environment, definition manifest.Bucket, sources map[string]Source, kept Kept,
	problems *Problems) Bucket {
	entries := env.Entries(definition)
	bucket := Bucket{
		Name: definition.Name, Secret: definition.Secret,
		Values: make(map[string]secret.Value, len(entries)), Origin: make(map[string]Origin, len(entries)),
	}
	for _, refusal := range env.Refused(definition, entries) {
		problems.add(Problem{Bucket: definition.Name, Name: refusal.Entry.Name, What: refusal.What})
	}
	for _, source := range entries.Feeds() {
		if _, read := sources[source]; !read && !kept.Frozen[source] {
			problems.add(Problem{Bucket: definition.Name, Source: source,
				What: fmt.Sprintf("bucket %q needs source %q, which was not read", definition.Name, source)})
		}
	}
	for _, entry := range entries {
		if value, held := findValue(entry, sources, kept); held {
			bucket.Values[entry.Name] = value
			bucket.Origin[entry.Name] = Origin{Layer: entry.Layer, Source: entry.Source, Key: entry.Key}
		}
	}
	checkLimits(env, bucket, problems)
	return bucket
}

func findValue(entry manifest.Entry, sources map[string]Source, kept Kept) (secret.Value, bool) {
	switch {
	case entry.Layer == manifest.LayerComputed:
		return secret.New(entry.Text), true
	case kept.Frozen[entry.Source]:
		value, held := kept.Values[entry.Name]
		return value, held
	}
	value, held := sources[entry.Source][entry.Key]
	return value, held
}

// checkLimits reports what Secrets Manager and the sinks of the bucket's consumers refuse about its size. One that
// is leaving gets nothing any more.
func checkLimits(env *manifest.Environment, bucket Bucket, problems *Problems) {
	report := func(whys []string, reader string) {
		for _, why := range whys {
			problems.add(Problem{Bucket: bucket.Name, What: fmt.Sprintf("bucket %q %s%s", bucket.Name, why, reader)})
		}
	}
	secretSize := map[string]int{"": len(secret.Reveal(Encode(bucket.Values)))}
	report(manifest.Limits(manifest.SecretsManager).RefusesSizes(secretSize), "")
	sizes := make(map[string]int, len(bucket.Values))
	for name, value := range bucket.Values {
		sizes[name] = len(secret.Reveal(value))
	}
	for _, reader := range env.Readers(bucket.Name) {
		if reader.Leaving {
			continue
		}
		whose := fmt.Sprintf(" (consumer %q)", reader.Name)
		report(reader.Limit().RefusesAll(bucket.Names()), whose)
		report(reader.Limit().RefusesSizes(sizes), whose)
	}
}
