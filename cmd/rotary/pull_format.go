package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/envfile"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// pullTarget is a --format resolved in an environment: the bucket, or all sources, and the encoding and reader of the file.
type pullTarget struct {
	name     string           // of the format
	bucket   manifest.Bucket  // or the zero Bucket: the sources of the environment
	reader   envfile.Reader   // of a file of variables
	encoding envfile.Encoding // of any other file, or ""
	file     string           // where none is named
}

// The formats that every environment has, and what each is called in a file's name.
var wholeFormats = []struct{ name, ending string }{
	{"tfvars", "tfvars"}, {"json", "json"}, {"yaml", "yaml"}, {"shell", "sh"}, {"docker", "env"},
}

// resolveFormat returns what a format means. The error lists the formats, and names the nearest one.
func resolveFormat(env *manifest.Environment, name string) (pullTarget, error) {
	if name == "" {
		return pullTarget{}, fmt.Errorf("say --format NAME: one of %s", strings.Join(listFormats(env), ", "))
	}
	for _, format := range wholeFormats {
		if name == format.name {
			target := pullTarget{name: name, file: env.Name + ".secrets." + format.ending}
			target.setSyntax(name)
			return target, nil
		}
		if of, is := strings.CutPrefix(name, format.name+"-"); is && format.name != "tfvars" {
			target, found, err := findPulled(env, of)
			target.name, target.file = name, of+"."+env.Name+"."+format.ending
			target.setSyntax(format.name)
			if found || err != nil {
				return target, err
			}
		}
	}
	if of, is := strings.CutPrefix(name, "env-"); is {
		target, found, err := findPulled(env, of)
		target.name = name
		if found || err != nil {
			return target, err
		}
	}
	return pullTarget{}, fmt.Errorf("there is no format %s in %s%s",
		manifest.Quote(name), env.Name, manifest.DescribeKnown(name, listFormats(env)))
}

// setSyntax sets how the file is written, by the name of a format that every environment has.
func (t *pullTarget) setSyntax(name string) {
	t.reader, t.encoding = "", ""
	switch name {
	case "shell":
		t.reader = envfile.Shell
	case "docker":
		t.reader = envfile.Docker
	default:
		t.encoding = envfile.Encoding(name)
	}
}

// findPulled finds the bucket of a consumer, or the bucket itself, and the file that the manifest names for it: that of
// the consumer, else the one that any consumer on the bucket has. The error is for a name that is two things.
func findPulled(env *manifest.Environment, name string) (target pullTarget, found bool, err error) {
	target.file = ".env"
	consumer, isConsumer := env.Consumer(name)
	isConsumer = isConsumer && consumer.Bucket != ""
	bucket, isBucket := env.Bucket(name)
	if !isBucket {
		bucket, isBucket = env.Bucket(name + "-secrets")
	}
	switch {
	case isConsumer && isBucket && consumer.Bucket != bucket.Name:
		return target, false, fmt.Errorf("env-%s is two things: consumer %s, which runs on %s, and bucket %s: "+
			"say env-%s or env-%s", name, name, consumer.Bucket, bucket.Name, consumer.Bucket, bucket.Name)
	case isConsumer:
		bucket, _ = env.Bucket(consumer.Bucket)
	case !isBucket:
		return target, false, nil
	}
	target.bucket = bucket
	if pull := findPull(env, consumer, bucket); pull != nil {
		target.file, target.reader = pull.File, envfile.Reader(pull.For)
	}
	return target, true, nil
}

// findPull returns the pull of the consumer, else the only one of its bucket, or nil.
func findPull(env *manifest.Environment, consumer manifest.Consumer, bucket manifest.Bucket) *manifest.Pull {
	if consumer.Pull != nil {
		return consumer.Pull
	}
	var only *manifest.Pull
	for _, reader := range env.Readers(bucket.Name) {
		if reader.Pull == nil {
			continue
		}
		if only != nil && *only != *reader.Pull {
			return nil
		}
		only = reader.Pull
	}
	return only
}

// listFormats returns the names of formats: env-NAME of each consumer and bucket, then those that every environment has.
func listFormats(env *manifest.Environment) []string {
	var names []string
	for _, c := range env.Consumers {
		if c.Bucket != "" {
			names = append(names, "env-"+c.Name)
		}
	}
	for _, b := range env.Buckets {
		names = append(names, "env-"+shortName(b.Name))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, format := range wholeFormats {
		names = append(names, format.name)
	}
	return names
}

// shortName returns a bucket's name as formats have it.
func shortName(bucket string) string { return strings.TrimSuffix(bucket, "-secrets") }

// listNames returns the variables that the manifest has for a target.
func (t pullTarget) listNames(env *manifest.Environment) []string {
	if t.bucket.Name != "" {
		return env.Entries(t.bucket).Names()
	}
	var names []string
	for _, source := range env.Sources {
		names = append(names, source.KeyNames()...)
	}
	return names
}

// describeSource returns where the values come from, for people.
func (t pullTarget) describeSource() string {
	if t.bucket.Name != "" {
		return t.bucket.Name
	}
	return "the sources"
}
