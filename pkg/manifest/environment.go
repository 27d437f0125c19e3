package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// defaultDrain is how long a workflow run that started before a change may go on: a GitHub-hosted job ends after six
// hours.
const defaultDrain = Duration(6 * time.Hour)

// Names returns the environments of f, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.Environments)) }

// Environment returns what the environment called name sees: ${…} expanded, `in` applied, defaults filled in,
// everything sorted. It fails for an environment that f does not declare and for a variable that is not set, which
// cannot happen for a File that Parse returned.
func (f *File) Environment(name string) (*Environment, error) {
	if _, ok := f.Environments[name]; !ok {
		return nil, fmt.Errorf("the manifest has no environment %s; it has %s", Quote(name), quoteAll(f.Names()))
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
		Mode: cmp.Or(spec.Mode, Retire), Vars: spec.Vars, Network: spec.Network, Access: spec.Access,
		Services: spec.Services,
		Public:   sortedCopy(f.Public), Mappings: f.Mappings,
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
			e.Consumers = append(e.Consumers, consumer.withNameAndDefaults(key))
		}
	}
	return e
}

func isIn(environments []string, name string) bool {
	return len(environments) == 0 || slices.Contains(environments, name)
}

func (s Source) withNameAndDefaults(name, env string) Source {
	s.Name, s.Existing = name, s.Secret != ""
	s.Secret = cmp.Or(s.Secret, "source/"+env+"/"+name)
	s.Rotate.With = cmp.Or(s.Rotate.With, Manual)
	if s.Rotate.With == Random {
		if s.Rotate.Length == 0 && s.Rotate.Pair == "" {
			s.Rotate.Bytes = cmp.Or(s.Rotate.Bytes, defaultBytes)
		}
		if fresh := s.Fresh(); len(fresh) == 1 {
			s.Rotate.Key = fresh[0]
		}
	}
	s.Rotate = s.Rotate.withAPI()
	s.Keys, s.In = sortedCopy(s.Keys), sortedCopy(s.In)
	return s
}

func (b Bucket) withNameAndDefaults(name, env string) Bucket {
	b.Name, b.Existing = name, b.Secret != ""
	b.Secret = cmp.Or(b.Secret, name+"-"+env)
	b.In, b.Override = sortedCopy(b.In), sortedCopy(b.Override)
	return b
}

func (c Consumer) withNameAndDefaults(name string) Consumer {
	c.Name = name
	c.In = sortedCopy(c.In)
	if c.ECS != nil && c.ECS.Inject == InjectBundle {
		ecs := *c.ECS
		ecs.Variable = cmp.Or(ecs.Variable, bundleVariable(c.Bucket))
		c.ECS = &ecs
	}
	if c.ECSFamily != nil && c.ECSFamily.Inject == InjectBundle {
		family := *c.ECSFamily
		family.Variable = cmp.Or(family.Variable, bundleVariable(c.Bucket))
		c.ECSFamily = &family
	}
	if c.GitHub != nil {
		github := *c.GitHub
		github.Drain = cmp.Or(github.Drain, defaultDrain)
		c.GitHub = &github
	}
	return c
}

// bundleVariable returns the default name of a bundle's variable: API_SECRETS of api-secrets.
func bundleVariable(bucket string) string {
	return strings.ToUpper(strings.ReplaceAll(bucket, "-", "_"))
}

func sortedCopy(list []string) []string { return slices.Sorted(slices.Values(list)) }

// Writes returns the keys of s that its rotator puts new values into, sorted. A person may put any key of a source,
// and a source that a person rotates has none here.
func (s Source) Writes() []string {
	var keys []string
	switch s.Rotate.With {
	case Random:
		keys = append(s.Fresh(), s.Rotate.Also, s.Rotate.Public, s.Rotate.Next)
	case Postgres, MySQL:
		keys = []string{s.Rotate.URL}
		if f := s.Rotate.Fields; f != nil {
			keys = []string{f.Username, f.Password}
		}
	case AWSAccessKey:
		id, secret := s.AccessKey()
		keys = []string{id, secret}
	case HTTP:
		keys = s.mapVendorKeys()
	case Managed:
		keys = slices.Clone(s.Keys)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return key == "" })
	slices.Sort(keys)
	return keys
}

// AccessKey returns the keys that hold an IAM user's access key: the only one that ends in ACCESS_KEY_ID and the
// only one that ends in SECRET_ACCESS_KEY. Either is "" where there is none or more than one.
func (s Source) AccessKey() (id, secret string) {
	only := func(suffix string) string {
		keys := slices.DeleteFunc(slices.Clone(s.Keys),
			func(key string) bool { return !strings.HasSuffix(key, suffix) })
		if len(keys) == 1 {
			return keys[0]
		}
		return ""
	}
	return only("ACCESS_KEY_ID"), only("SECRET_ACCESS_KEY")
}

// Kind returns which of its five kinds c is, in the words of the manifest: ecs, ecs_family, github, vercel or drain.
func (c Consumer) Kind() string {
	switch {
	case c.ECS != nil:
		return "ecs"
	case c.ECSFamily != nil:
		return "ecs_family"
	case c.GitHub != nil:
		return "github"
	case c.Vercel != nil:
		return "vercel"
	}
	return "drain"
}

// Source returns the source called name.
func (e *Environment) Source(name string) (Source, bool) {
	return findFirst(e.Sources, func(s Source) bool { return s.Name == name })
}

// SourceOf returns the source that declares a canonical key.
func (e *Environment) SourceOf(key string) (Source, bool) {
	return findFirst(e.Sources, func(s Source) bool { return slices.Contains(s.Keys, key) })
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
	return slices.DeleteFunc(slices.Clone(e.Consumers), func(c Consumer) bool { return c.Bucket != bucket })
}

func findFirst[T any](list []T, match func(T) bool) (T, bool) {
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i], true
	}
	var none T
	return none, false
}
