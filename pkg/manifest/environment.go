package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Names returns the environments of f, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.Environments)) }

// Environment returns what the environment called name sees: ${…} expanded, `in` applied, defaults filled in,
// everything sorted. It fails for an environment that f does not declare and for a variable that is not set, which
// cannot happen for a File that Parse returned.
func (f *File) Environment(name string) (*Environment, error) {
	if _, ok := f.Environments[name]; !ok {
		return nil, fmt.Errorf("the manifest has no environment %s%s", Quote(name), DescribeKnown(name, quoteAll(f.Names())))
	}
	var unknown []string
	expanded := f.expandStrings(name, func(path, _ string) { unknown = append(unknown, path) })
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, fmt.Errorf("environment %s: a variable is not set in %s", Quote(name), strings.Join(unknown, ", "))
	}
	return expanded.resolveEnvironment(name), nil
}

// resolveEnvironment applies `in` and the defaults to a file whose strings are expanded.
func (f *File) resolveEnvironment(name string) *Environment {
	spec := f.Environments[name]
	e := &Environment{
		Name: name, Account: spec.Account, Region: spec.Region, Protected: spec.Protected,
		Mode: cmp.Or(spec.Mode, Retire), ReadersRule: cmp.Or(spec.Readers, ReadersReport), Vars: spec.Vars,
		Infra: spec.Infra, Public: sortedCopy(f.Public), Mappings: f.Mappings, Computed: f.Computed,
		Unbuilt: f.unbuilt[name],
	}
	for _, key := range slices.Sorted(maps.Keys(f.Sources)) {
		if source := f.Sources[key]; isIn(source.In, name) {
			e.Sources = append(e.Sources, source.withNameAndDefaults(key, name))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.Buckets)) {
		if bucket := f.Buckets[key]; isIn(bucket.In, name) {
			e.Buckets = append(e.Buckets, bucket.withNameAndDefaults(key, name))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.Consumers)) {
		if consumer := f.Consumers[key]; isIn(consumer.In, name) {
			e.Consumers = append(e.Consumers, consumer.withNameAndDefaults(key, f.SignIn))
		}
	}
	return e
}

func isIn(environments []string, name string) bool {
	return len(environments) == 0 || slices.Contains(environments, name)
}

func (b Bucket) withNameAndDefaults(name, env string) Bucket {
	b.Name, b.Existing = name, b.Secret != ""
	b.Secret = cmp.Or(b.Secret, name+"-"+env)
	b.In, b.Override = sortedCopy(b.In), sortedCopy(b.Override)
	return b
}

func sortedCopy(list []string) []string { return slices.Sorted(slices.Values(list)) }

// Source returns the source called name.
func (e *Environment) Source(name string) (Source, bool) {
	if e.index != nil {
		s, known := e.index.sources[name]
		return s, known
	}
	return findFirst(e.Sources, func(s Source) bool { return s.Name == name })
}

// SourceOf returns the source that declares a canonical key.
func (e *Environment) SourceOf(key string) (Source, bool) {
	return findFirst(e.Sources, func(s Source) bool { return s.Declares(key) })
}

// Bucket returns the bucket called name.
func (e *Environment) Bucket(name string) (Bucket, bool) {
	return findFirst(e.Buckets, func(b Bucket) bool { return b.Name == name })
}

// Consumer returns the consumer called name.
func (e *Environment) Consumer(name string) (Consumer, bool) {
	return findFirst(e.Consumers, func(c Consumer) bool { return c.Name == name })
}

// Readers returns the consumers of a bucket, sorted by name.
func (e *Environment) Readers(bucket string) []Consumer {
	if e.index != nil {
		return slices.Clone(e.index.readers[bucket])
	}
	return slices.DeleteFunc(slices.Clone(e.Consumers), func(c Consumer) bool { return !c.IsOn(bucket) })
}

// SourceReaders returns the consumers that read a source themselves, sorted by name.
func (e *Environment) SourceReaders(source string) []Consumer {
	return slices.DeleteFunc(slices.Clone(e.Consumers), func(c Consumer) bool { return source == "" || c.Source != source })
}

func findFirst[T any](list []T, match func(T) bool) (T, bool) {
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i], true
	}
	var none T
	return none, false
}
