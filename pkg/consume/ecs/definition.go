package ecs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// This file is pure: a task definition as it is registered again, the tags of what is rotary's, and when two are equal.

// The tags of every service that rotary rolls and every task definition that it registers.
const (
	environmentTag = "rotary:environment"
	consumerTag    = "rotary:consumer"
)

// owner is the environment and the consumer with which services and task definitions are tagged.
type owner struct{ environment, consumer string }

// replaceOwnerTags returns tags with the owner's in place of another's.
func (o owner) replaceOwnerTags(tags []types.Tag) []types.Tag {
	kept := slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool {
		return aws.ToString(t.Key) == environmentTag || aws.ToString(t.Key) == consumerTag
	})
	return append(kept,
		types.Tag{Key: aws.String(environmentTag), Value: &o.environment},
		types.Tag{Key: aws.String(consumerTag), Value: &o.consumer},
	)
}

// ownsTags reports whether the tags name this environment and this consumer.
func (o owner) ownsTags(tags []types.Tag) bool {
	return tagValue(tags, environmentTag) == o.environment && tagValue(tags, consumerTag) == o.consumer
}

// tagValue returns the value of a tag; "" where there is none.
func tagValue(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// revision is a registered task definition: what would register it again, and what is known about it.
type revision struct {
	arn        string
	active     bool // it can be deployed
	registered time.Time
	began      time.Time // when the first deployment or task of it that is in play was created; zero: not known
	input      sdk.RegisterTaskDefinitionInput
}

// String is family:revision.
func (r revision) String() string { return shortName(r.arn) }

func shortName(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// registeredBy reports whether rotary registered r for a consumer of this environment, whichever it is.
func (r revision) registeredBy(environment string) bool {
	return tagValue(r.input.Tags, environmentTag) == environment
}

// registrationInput returns the input that would register td again. Tags that AWS reserves cannot be registered.
func registrationInput(td types.TaskDefinition, tags []types.Tag) sdk.RegisterTaskDefinitionInput {
	return sdk.RegisterTaskDefinitionInput{
		ContainerDefinitions: td.ContainerDefinitions, Cpu: td.Cpu, EnableFaultInjection: td.EnableFaultInjection,
		EphemeralStorage: td.EphemeralStorage, ExecutionRoleArn: td.ExecutionRoleArn, Family: td.Family,
		InferenceAccelerators: td.InferenceAccelerators, //nolint:staticcheck // deprecated, and still not ours to drop
		IpcMode:               td.IpcMode, Memory: td.Memory, NetworkMode: td.NetworkMode,
		PidMode: td.PidMode, PlacementConstraints: td.PlacementConstraints, ProxyConfiguration: td.ProxyConfiguration,
		RequiresCompatibilities: td.RequiresCompatibilities, RuntimePlatform: td.RuntimePlatform,
		TaskRoleArn: td.TaskRoleArn, Volumes: td.Volumes,
		Tags: slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool {
			return strings.HasPrefix(aws.ToString(t.Key), "aws:")
		}),
	}
}

// sameDefinition reports whether two inputs register the same task definition. Tags do not count.
func sameDefinition(a, b sdk.RegisterTaskDefinitionInput) bool {
	return bytes.Equal(canonicalJSON(a), canonicalJSON(b))
}

// canonicalJSON encodes in without its tags, as JSON that is the same for equal task definitions: ECS fills in empty
// members and returns environment and secrets in any order. Its length is about that of the request.
func canonicalJSON(in sdk.RegisterTaskDefinitionInput) []byte {
	in.Tags = nil
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	for i := range in.ContainerDefinitions {
		c := &in.ContainerDefinitions[i]
		c.Secrets = slices.SortedFunc(slices.Values(c.Secrets), func(a, b types.Secret) int {
			return cmp.Compare(aws.ToString(a.Name), aws.ToString(b.Name))
		})
		c.Environment = slices.SortedFunc(slices.Values(c.Environment), func(a, b types.KeyValuePair) int {
			return cmp.Compare(aws.ToString(a.Name), aws.ToString(b.Name))
		})
	}
	return encodeJSON(dropAbsentMembers(decodeJSON(encodeJSON(in))))
}

func encodeJSON(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // the SDK's own structs of strings and numbers always encode
	}
	return bytes.TrimSpace(out.Bytes())
}

func decodeJSON(b []byte) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err) // it was encoded above
	}
	return v
}

// dropAbsentMembers drops absent members and empty lists, which ECS fills in. Zero and "" stay: they are not always the
// default. It changes v and returns it.
func dropAbsentMembers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if v[k] = dropAbsentMembers(e); isEmptyMember(v[k]) {
				delete(v, k)
			}
		}
	case []any:
		for i := range v {
			v[i] = dropAbsentMembers(v[i])
		}
	}
	return v
}

func isEmptyMember(v any) bool {
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
