package ecs

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/bucket"
)

// This file is pure: it reads which versions of a bucket a task definition pins, and derives one that pins another.

// maxSize is how many bytes a task definition may have (AWS: service quotas).
const maxSize = 64 << 10

// place is where a bucket goes: a container's secrets.
type place struct {
	container string
	bucketARN string
	variable  string   // that holds the whole bucket, a bundle; "" where each name has an entry of its own
	adopt     []string // names that the container may have from elsewhere, and that rotary replaces
}

// pins are the entries of a revision that refer to a bucket.
type pins struct {
	names     []string // of the container's entries, sorted
	versions  []string // that they pin, sorted, each once
	former    []string // versions of the container's bucket before this one that entries still pin, sorted, each once
	loose     []string // entries without a version: they follow AWSCURRENT at each start
	odd       []string // entries that rotary would not write: another key's, or no bundle where one is wanted
	bundles   []string // entries that hold a whole version of the bucket, sorted
	container bool     // the container exists
	elsewhere bool     // the bucket is also mentioned outside the container's secrets
}

// pinnedVersion returns the one version that every entry pins; "" where there is no such version.
func (p pins) pinnedVersion() string {
	if len(p.versions) != 1 || len(p.loose) > 0 || p.elsewhere {
		return ""
	}
	return p.versions[0]
}

// readPins returns the entries of r that refer to the bucket.
func (at place) readPins(r revision) pins {
	var p pins
	versions, former := map[string]bool{}, map[string]bool{}
	for _, c := range r.input.ContainerDefinitions {
		if aws.ToString(c.Name) != at.container {
			continue
		}
		p.container = true
		for _, s := range c.Secrets {
			key, version, ours := at.parseValueFrom(aws.ToString(s.ValueFrom))
			if !ours && !isOfFormerBucket(version) {
				continue
			}
			name := aws.ToString(s.Name)
			p.names = append(p.names, name)
			switch {
			case !ours:
				former[version] = true
			case version == "":
				p.loose = append(p.loose, name)
			default:
				versions[version] = true
			}
			if ours && !at.wouldWrite(name, key) {
				p.odd = append(p.odd, name)
			}
			if ours && key == "" && version != "" {
				p.bundles = append(p.bundles, name)
			}
		}
	}
	slices.Sort(p.names)
	slices.Sort(p.bundles)
	p.versions, p.former = slices.Sorted(maps.Keys(versions)), slices.Sorted(maps.Keys(former))
	p.elsewhere = at.mentionsBucket(canonicalJSON(at.withoutBucketEntries(r.input)))
	return p
}

// wouldWrite reports whether rotary writes such an entry: the whole bucket in the bundle's variable, or a key under its
// own name.
func (at place) wouldWrite(name, key string) bool {
	if at.variable != "" {
		return name == at.variable && key == ""
	}
	return name == key
}

// isOfFormerBucket reports whether version, pinned by an entry of another secret, has the form of rotary's version ids.
// Then that secret is the bucket that the container had before the manifest moved it to this one: a container has one
// bucket.
func isOfFormerBucket(version string) bool { return bucket.Rules(version) != "" }

// parseValueFrom returns key and version of a valueFrom,
// arn:aws:secretsmanager:region:account:secret:name[:key[:stage[:version]]], and whether its secret is the bucket.
func (at place) parseValueFrom(valueFrom string) (key, version string, ours bool) {
	parts := append(strings.Split(valueFrom, ":"), "", "", "")
	if len(parts) < 10 {
		return "", "", false
	}
	arn := strings.Join(parts[:7], ":")
	return parts[7], parts[9], arn == at.bucketARN || arn == at.bareARN()
}

// bareARN returns the bucket's ARN without the six random characters at its end. AWS accepts both forms.
func (at place) bareARN() string {
	if i := strings.LastIndex(at.bucketARN, "-"); i == len(at.bucketARN)-7 {
		return at.bucketARN[:i]
	}
	return at.bucketARN
}

// mentionsBucket reports whether text contains the bucket's ARN, in either form.
func (at place) mentionsBucket(text []byte) bool {
	forms := []string{at.bucketARN, at.bareARN() + `"`, at.bareARN() + ":"}
	return slices.ContainsFunc(forms, func(s string) bool { return bytes.Contains(text, []byte(s)) })
}

// withoutBucketEntries returns a copy of in, in which the container has no entries of the bucket, of the bucket before
// it, and of the names to adopt.
func (at place) withoutBucketEntries(in sdk.RegisterTaskDefinitionInput) sdk.RegisterTaskDefinitionInput {
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	for i, c := range in.ContainerDefinitions {
		if aws.ToString(c.Name) != at.container {
			continue
		}
		in.ContainerDefinitions[i].Secrets = slices.DeleteFunc(slices.Clone(c.Secrets), func(s types.Secret) bool {
			_, version, ours := at.parseValueFrom(aws.ToString(s.ValueFrom))
			return ours || isOfFormerBucket(version) || slices.Contains(at.adopt, aws.ToString(s.Name))
		})
		adopted := func(e types.KeyValuePair) bool { return slices.Contains(at.adopt, aws.ToString(e.Name)) }
		in.ContainerDefinitions[i].Environment = slices.DeleteFunc(slices.Clone(c.Environment), adopted)
	}
	return in
}

// fingerprintRest returns the fingerprint of everything in r but the bucket's version, and of the names of its bundles.
func (at place) fingerprintRest(r revision, bundles ...string) string {
	sum := sha256.Sum256(append(canonicalJSON(at.withoutBucketEntries(r.input)), strings.Join(bundles, " ")...))
	return hex.EncodeToString(sum[:])
}

// fingerprintAfterRoll returns the fingerprintRest of what Roll would make of r.
func (at place) fingerprintAfterRoll(r revision) string {
	if at.variable == "" {
		return at.fingerprintRest(r)
	}
	return at.fingerprintRest(r, at.variable)
}

// secretEntries returns the entries that give the container a version: one for each name, or one bundle.
func (at place) secretEntries(version string, names []string) []types.Secret {
	if at.variable != "" {
		return []types.Secret{{Name: aws.String(at.variable), ValueFrom: aws.String(at.bucketARN + ":::" + version)}}
	}
	var all []types.Secret
	for _, name := range slices.Sorted(slices.Values(names)) {
		from := at.bucketARN + ":" + name + "::" + version
		all = append(all, types.Secret{Name: aws.String(name), ValueFrom: &from})
	}
	return all
}

// pinBucket returns the input that registers r with these names of the bucket pinned to version, and nothing else
// changed but its tags. It fails for a name that the container already has from elsewhere, unless it is to be adopted,
// and for a result that is larger than AWS accepts.
func (at place) pinBucket(
	r revision, by owner, version string, names []string,
) (sdk.RegisterTaskDefinitionInput, error) {
	entries := at.secretEntries(version, names)
	at.adopt = slices.DeleteFunc(slices.Clone(at.adopt), func(name string) bool { // what has no entry now stays as it is
		return !slices.ContainsFunc(entries, func(e types.Secret) bool { return aws.ToString(e.Name) == name })
	})
	in := at.withoutBucketEntries(r.input)
	i := slices.IndexFunc(in.ContainerDefinitions, func(c types.ContainerDefinition) bool {
		return aws.ToString(c.Name) == at.container
	})
	if i < 0 {
		return in, fmt.Errorf("task definition %s has no container %q", r, at.container)
	}
	c := &in.ContainerDefinitions[i]
	for _, e := range entries {
		if from := nameOrigin(*c, aws.ToString(e.Name)); from != "" {
			return in, fmt.Errorf("container %q of %s already has %s from %s: "+
				"remove it there, name it differently in the mapping, or put it under adopt",
				at.container, r, aws.ToString(e.Name), from)
		}
		c.Secrets = append(c.Secrets, e)
	}
	slices.SortFunc(c.Secrets, func(a, b types.Secret) int {
		return cmp.Compare(aws.ToString(a.Name), aws.ToString(b.Name))
	})
	in.Tags = by.replaceOwnerTags(in.Tags)
	return in, at.checkSize(r, in, len(names))
}

// checkSize fails for an input that is larger than AWS accepts.
func (at place) checkSize(r revision, in sdk.RegisterTaskDefinitionInput, names int) error {
	size := len(canonicalJSON(in))
	switch {
	case size <= maxSize:
		return nil
	case at.variable != "":
		return fmt.Errorf("task definition %s with the bucket in %s would have %d bytes; AWS accepts %d",
			r, at.variable, size, maxSize)
	}
	return fmt.Errorf("task definition %s with %d names of the bucket would have %d bytes; AWS accepts %d: "+
		"write inject: bundle, and the container gets the whole bucket as JSON in one variable",
		r, names, size, maxSize)
}

// nameOrigin returns where a container gets a name from, for people; "" where it does not have the name.
func nameOrigin(c types.ContainerDefinition, name string) string {
	for _, s := range c.Secrets {
		if aws.ToString(s.Name) == name {
			return "secrets (" + aws.ToString(s.ValueFrom) + ")"
		}
	}
	for _, e := range c.Environment {
		if aws.ToString(e.Name) == name {
			return "environment" // its value may be a secret: never shown
		}
	}
	return ""
}
