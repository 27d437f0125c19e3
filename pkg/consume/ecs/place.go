package ecs

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// This file is pure: it reads which versions of a bucket a task definition pins, and derives one that pins another.

// maxSize is how many bytes a task definition may have (AWS: service quotas).
const maxSize = 64 << 10

// place is where a bucket goes: the secrets of a task definition's containers.
type place struct {
	consumer   string
	containers []string // that the manifest names for the consumer
	others     []string // that it names for other consumers of the same task definitions
	bucketName string
	bucketARN  string
	variable   string            // that holds the whole bucket, a bundle; "" where each name has an entry of its own
	permitted  []string          // names that the manifest lets rotary adopt
	adopt      []string          // those of them that rotary replaces where a container has them from elsewhere
	versions   []history.Version // of the bucket, as far as they are known
}

// newPlace returns the place of consumer c, whose task definitions get t of bucket b.
func newPlace(env *manifest.Environment, c manifest.Consumer, t manifest.Task, b history.History) place {
	return place{
		consumer: c.Name, containers: t.Containers, others: env.OtherContainers(c),
		bucketName: c.Bucket, bucketARN: b.ARN, variable: t.Variable, permitted: t.Adopt, adopt: t.Adopt, versions: b.Versions,
	}
}

// pins are the entries of a revision's chosen containers that refer to a bucket. Lists are sorted, without duplicates.
type pins struct {
	chosen    []string // containers, in the revision's order
	missing   string   // a container that the manifest names and the revision does not have
	names     []string // of entries that every chosen container has
	versions  []string // that entries pin
	former    []string // versions of the consumer's bucket before this one that entries still pin
	loose     []string // entries without a version: they follow AWSCURRENT at each start
	staged    []string // entries that follow another label at each start
	odd       []string // entries that rotary would not write: another key's, or no bundle where one is wanted
	bundles   []string // entries that hold a whole version of the bucket
	unpinned  bool     // a chosen container has no entry of the bucket
	elsewhere bool     // the bucket is also mentioned outside the secrets of the chosen containers
}

// pinnedVersion returns the one version that every entry of every chosen container pins; "" where there is no such
// version.
func (p pins) pinnedVersion() string {
	if len(p.versions) != 1 || len(p.loose)+len(p.staged) > 0 || p.unpinned || p.elsewhere || p.missing != "" {
		return ""
	}
	return p.versions[0]
}

// readPins returns the entries of r that refer to the bucket.
func (at place) readPins(r revision) pins {
	p := pins{missing: at.missingContainer(r.input)}
	for n, i := range at.chooseContainers(r.input) {
		c := r.input.ContainerDefinitions[i]
		p.chosen = append(p.chosen, aws.ToString(c.Name))
		names, pinned := at.readContainer(c, &p)
		if n == 0 {
			p.names = names
		}
		p.names = slices.DeleteFunc(p.names, func(name string) bool { return !slices.Contains(names, name) })
		p.unpinned = p.unpinned || !pinned
	}
	for _, list := range []*[]string{&p.names, &p.versions, &p.former, &p.loose, &p.staged, &p.odd, &p.bundles} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	p.elsewhere = at.mentionsBucket(canonicalJSON(at.withoutOthers(at.withoutBucketEntries(r.input))))
	return p
}

// readContainer adds the entries of one container to p. It returns their names, and whether one of them refers to the
// bucket itself.
func (at place) readContainer(c types.ContainerDefinition, p *pins) (names []string, pinned bool) {
	for _, s := range c.Secrets {
		from := at.parseValueFrom(aws.ToString(s.ValueFrom))
		if !from.isOurs() {
			continue
		}
		name := aws.ToString(s.Name)
		names = append(names, name)
		switch {
		case !from.ours:
			p.former = append(p.former, from.version)
			continue
		case from.version != "":
			p.versions = append(p.versions, from.version)
		case from.followsCurrent():
			p.loose = append(p.loose, name)
		default:
			p.staged = append(p.staged, name)
		}
		pinned = true
		if !at.wouldWrite(name, from.key) {
			p.odd = append(p.odd, name)
		}
		if from.key == "" && from.version != "" {
			p.bundles = append(p.bundles, name)
		}
	}
	return names, pinned
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

// reference holds the parts of a valueFrom: the key, version and secret that it names.
type reference struct {
	key, label, version string
	ours                bool // the secret is the bucket
}

// isOurs reports whether r refers to the bucket, or to the bucket before it.
func (r reference) isOurs() bool { return r.ours || isOfFormerBucket(r.version) }

// followsCurrent reports whether a reference without a version is to what is under AWSCURRENT when a task starts.
func (r reference) followsCurrent() bool { return r.label == "" || r.label == history.AWSCurrent }

// isOurs reports whether an entry refers to the bucket, or to the bucket before it.
func (at place) isOurs(s types.Secret) bool {
	return at.parseValueFrom(aws.ToString(s.ValueFrom)).isOurs()
}

// parseValueFrom returns what a valueFrom names, arn:aws:secretsmanager:region:account:secret:name[:key[:label[:version]]].
// It returns zero for what is no secret of Secrets Manager.
func (at place) parseValueFrom(valueFrom string) reference {
	parts := append(strings.Split(valueFrom, ":"), "", "", "")
	if len(parts) < 10 {
		return reference{}
	}
	arn := strings.Join(parts[:7], ":")
	return reference{
		key: parts[7], label: parts[8], version: parts[9], ours: arn == at.bucketARN || arn == at.bareARN(),
	}
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

// withoutBucketEntries returns a copy of in, in which the chosen containers have no entries of the bucket, of the bucket
// before it, and of the names to adopt.
func (at place) withoutBucketEntries(in sdk.RegisterTaskDefinitionInput) sdk.RegisterTaskDefinitionInput {
	return at.withoutBucketEntriesOf(in, at.chooseContainers(in))
}

// withoutBucketEntriesOf is withoutBucketEntries for these containers.
func (at place) withoutBucketEntriesOf(
	in sdk.RegisterTaskDefinitionInput, chosen []int,
) sdk.RegisterTaskDefinitionInput {
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	for _, i := range chosen {
		c := &in.ContainerDefinitions[i]
		c.Secrets = slices.DeleteFunc(slices.Clone(c.Secrets), func(s types.Secret) bool {
			return at.isOurs(s) || slices.Contains(at.adopt, aws.ToString(s.Name))
		})
		c.Environment = slices.DeleteFunc(slices.Clone(c.Environment), func(e types.KeyValuePair) bool {
			return slices.Contains(at.adopt, aws.ToString(e.Name))
		})
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

// pinBucket returns the input that registers r with these names of the bucket pinned to version in every chosen
// container, and nothing else changed but its tags. It fails where it is not known which containers get them, for a name
// that one already has from elsewhere, unless it is to be adopted, and for a result that is larger than AWS accepts.
func (at place) pinBucket(
	r revision, by owner, version string, names []string,
) (sdk.RegisterTaskDefinitionInput, error) {
	entries := at.secretEntries(version, names)
	chosen := at.chooseContainers(r.input)
	switch missing := at.missingContainer(r.input); {
	case missing != "":
		return r.input, fmt.Errorf("task definition %s has no container %q", r, missing)
	case len(chosen) == 0:
		return r.input, errors.New(at.unplacedReason(r))
	}
	strip := at // what has no entry now stays as it is
	strip.adopt = slices.DeleteFunc(slices.Clone(at.adopt), func(name string) bool {
		return !slices.ContainsFunc(entries, func(e types.Secret) bool { return aws.ToString(e.Name) == name })
	})
	in := strip.withoutBucketEntriesOf(r.input, chosen)
	for _, i := range chosen {
		if err := addEntries(r, &in.ContainerDefinitions[i], entries); err != nil {
			return in, err
		}
	}
	in.Tags = by.replaceOwnerTags(in.Tags)
	return in, at.checkSize(r, in, len(names))
}

// addEntries adds entries to a container of r, and fails for a name that it already has.
func addEntries(r revision, c *types.ContainerDefinition, entries []types.Secret) error {
	for _, e := range entries {
		if from := nameOrigin(*c, aws.ToString(e.Name)); from != "" {
			return fmt.Errorf("container %q of %s already has %s from %s: "+
				"remove it there, name it differently in the mapping, or put it under adopt",
				aws.ToString(c.Name), r, aws.ToString(e.Name), from)
		}
		c.Secrets = append(c.Secrets, e)
	}
	slices.SortFunc(c.Secrets, func(a, b types.Secret) int {
		return cmp.Compare(aws.ToString(a.Name), aws.ToString(b.Name))
	})
	return nil
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
