package ecs

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/bucket"
)

// This file is pure: what a task definition says about a bucket, and the task definition that says something else.

const (
	tagKey  = "rotary" // on every task definition that rotary registered; its value is the environment
	maxSize = 64 << 10 // bytes of a task definition (AWS: service quotas)
)

// revision is a registered task definition: what would register it again, and what is known about it.
type revision struct {
	arn   string
	input sdk.RegisterTaskDefinitionInput
}

// String is family:revision.
func (r revision) String() string { return shortName(r.arn) }

func shortName(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// registeredBy says whether rotary registered r for this environment.
func (r revision) registeredBy(environment string) bool {
	return slices.ContainsFunc(r.input.Tags, func(t types.Tag) bool {
		return aws.ToString(t.Key) == tagKey && aws.ToString(t.Value) == environment
	})
}

// registrable returns the input that would register td again. Tags that AWS reserves cannot be registered.
func registrable(td types.TaskDefinition, tags []types.Tag) sdk.RegisterTaskDefinitionInput {
	return sdk.RegisterTaskDefinitionInput{
		ContainerDefinitions: td.ContainerDefinitions, Cpu: td.Cpu, EnableFaultInjection: td.EnableFaultInjection,
		EphemeralStorage: td.EphemeralStorage, ExecutionRoleArn: td.ExecutionRoleArn, Family: td.Family,
		InferenceAccelerators: td.InferenceAccelerators, //nolint:staticcheck // deprecated, and still not ours to drop
		IpcMode:               td.IpcMode, Memory: td.Memory, NetworkMode: td.NetworkMode,
		PidMode: td.PidMode, PlacementConstraints: td.PlacementConstraints, ProxyConfiguration: td.ProxyConfiguration,
		RequiresCompatibilities: td.RequiresCompatibilities, RuntimePlatform: td.RuntimePlatform, TaskRoleArn: td.TaskRoleArn,
		Volumes: td.Volumes,
		Tags:    slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool { return strings.HasPrefix(aws.ToString(t.Key), "aws:") }),
	}
}

// place is where a bucket goes: a container's secrets.
type place struct {
	container string
	bucketARN string
}

// pins is what a revision says about a bucket.
type pins struct {
	names     []string // of the container's entries, sorted
	versions  []string // that they pin, sorted, each once
	former    []string // versions of another bucket that entries still pin, sorted, each once: the container ran on it before
	loose     []string // entries without a version: they follow AWSCURRENT at each start
	odd       []string // entries that carry another key than their own name
	container bool     // the container exists
	elsewhere bool     // the bucket is also mentioned outside the container's secrets
}

// version returns the one version that every entry pins; "" where there is no such version.
func (p pins) version() string {
	if len(p.versions) != 1 || len(p.loose) > 0 || p.elsewhere {
		return ""
	}
	return p.versions[0]
}

// read reads what r says about the bucket in this place.
func (at place) read(r revision) pins {
	var p pins
	versions, former := map[string]bool{}, map[string]bool{}
	for _, c := range r.input.ContainerDefinitions {
		if aws.ToString(c.Name) != at.container {
			continue
		}
		p.container = true
		for _, s := range c.Secrets {
			key, version, ours := at.parse(aws.ToString(s.ValueFrom))
			if !ours && !left(version) {
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
			if ours && key != name {
				p.odd = append(p.odd, name)
			}
		}
	}
	slices.Sort(p.names)
	p.versions, p.former = slices.Sorted(maps.Keys(versions)), slices.Sorted(maps.Keys(former))
	p.elsewhere = at.mentioned(canonical(at.without(r.input)))
	return p
}

// left says whether a version that an entry of another secret pins is one that rotary names: then the secret is the
// bucket that the container had before the manifest moved it to this one. A container has one bucket.
func left(version string) bool { return bucket.Rules(version) != "" }

// parse reads a valueFrom, arn:aws:secretsmanager:region:account:secret:name[:key[:stage[:version]]], and says
// whether it is the bucket's.
func (at place) parse(valueFrom string) (key, version string, ours bool) {
	parts := append(strings.Split(valueFrom, ":"), "", "", "")
	if len(parts) < 10 {
		return "", "", false
	}
	arn := strings.Join(parts[:7], ":")
	return parts[7], parts[9], arn == at.bucketARN || arn == at.bare()
}

// bare is the bucket's ARN without the random six characters, which AWS accepts too.
func (at place) bare() string {
	if i := strings.LastIndex(at.bucketARN, "-"); i == len(at.bucketARN)-7 {
		return at.bucketARN[:i]
	}
	return at.bucketARN
}

func (at place) mentioned(text []byte) bool {
	return slices.ContainsFunc([]string{at.bucketARN, at.bare() + `"`, at.bare() + ":"}, func(s string) bool { return bytes.Contains(text, []byte(s)) })
}

// without returns in without the entries in the container of the bucket, or of the one before. It does not change in.
func (at place) without(in sdk.RegisterTaskDefinitionInput) sdk.RegisterTaskDefinitionInput {
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	for i, c := range in.ContainerDefinitions {
		if aws.ToString(c.Name) == at.container {
			in.ContainerDefinitions[i].Secrets = slices.DeleteFunc(slices.Clone(c.Secrets), func(s types.Secret) bool {
				_, version, ours := at.parse(aws.ToString(s.ValueFrom))
				return ours || left(version)
			})
		}
	}
	return in
}

// rest is the fingerprint of everything in r but the bucket's entries.
func (at place) rest(r revision) string {
	sum := sha256.Sum256(canonical(at.without(r.input)))
	return hex.EncodeToString(sum[:])
}

// rewrite returns what r would be with all names of the bucket, pinned to version, and nothing else changed. It
// refuses a name that the container already has from somewhere else, and a result that AWS would find too large.
func (at place) rewrite(r revision, environment, version string, names []string) (sdk.RegisterTaskDefinitionInput, error) {
	in := at.without(r.input)
	i := slices.IndexFunc(in.ContainerDefinitions, func(c types.ContainerDefinition) bool { return aws.ToString(c.Name) == at.container })
	if i < 0 {
		return in, fmt.Errorf("task definition %s has no container %q", r, at.container)
	}
	c := &in.ContainerDefinitions[i]
	for _, name := range slices.Sorted(slices.Values(names)) {
		if from := elsewhere(*c, name); from != "" {
			return in, fmt.Errorf("container %q of %s already has %s from %s: remove it there, or name it differently in the mapping", at.container, r, name, from)
		}
		c.Secrets = append(c.Secrets, types.Secret{Name: aws.String(name), ValueFrom: aws.String(at.bucketARN + ":" + name + "::" + version)})
	}
	slices.SortFunc(c.Secrets, func(a, b types.Secret) int { return cmp.Compare(aws.ToString(a.Name), aws.ToString(b.Name)) })
	in.Tags = withTag(in.Tags, environment)
	if size := len(canonical(in)); size > maxSize {
		return in, fmt.Errorf("task definition %s with %d names of the bucket would have %d bytes; AWS accepts %d", r, len(names), size, maxSize)
	}
	return in, nil
}

// elsewhere says where a container has a name from; "" where it does not have it.
func elsewhere(c types.ContainerDefinition, name string) string {
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

func withTag(tags []types.Tag, environment string) []types.Tag {
	kept := slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool { return aws.ToString(t.Key) == tagKey })
	return append(kept, types.Tag{Key: aws.String(tagKey), Value: aws.String(environment)})
}

// equal says whether two inputs register the same task definition. Tags do not count.
func equal(a, b sdk.RegisterTaskDefinitionInput) bool { return bytes.Equal(canonical(a), canonical(b)) }

// canonical writes what in registers as JSON that is the same for equal task definitions: ECS fills in empty members
// and returns environment and secrets in any order. Its length is about that of the request.
func canonical(in sdk.RegisterTaskDefinitionInput) []byte {
	in.Tags = nil
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	for i := range in.ContainerDefinitions {
		c := &in.ContainerDefinitions[i]
		c.Secrets = slices.SortedFunc(slices.Values(c.Secrets), func(a, b types.Secret) int { return cmp.Compare(aws.ToString(a.Name), aws.ToString(b.Name)) })
		c.Environment = slices.SortedFunc(slices.Values(c.Environment), func(a, b types.KeyValuePair) int { return cmp.Compare(aws.ToString(a.Name), aws.ToString(b.Name)) })
	}
	return encode(prune(decode(encode(in))))
}

func encode(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // the SDK's own structs of strings and numbers always encode
	}
	return bytes.TrimSpace(out.Bytes())
}

func decode(b []byte) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err) // it was encoded above
	}
	return v
}

// prune drops absent members and empty lists, which ECS fills in. Zero and "" stay: they are not always the default.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if v[k] = prune(e); empty(v[k]) {
				delete(v, k)
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}
