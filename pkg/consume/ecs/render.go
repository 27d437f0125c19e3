package ecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// This file is pure: it pins a bucket in the JSON of a task definition, as it stands in git and as
// RegisterTaskDefinition takes it.

// Rendering is what a task definition in git gets.
type Rendering struct {
	Environment *manifest.Environment
	Others      []*manifest.Environment // of the same manifest: their secrets do not belong into it
	Consumer    manifest.Consumer       // an ECS service or family
	BucketARN   string                  // of the secret, in full
	Version     string                  // of the bucket
	Names       []string                // that this version has
	Adopted     []string                // names of the consumer's adopt that the bucket replaces: those that it has adopted; all where its pipeline deploys it
}

// NewRendering returns what a task definition of consumer c gets by a report about its environment. others are the other
// environments of the manifest. It fails where the bucket has no version yet, and for a report of an older rotary.
func NewRendering(
	env *manifest.Environment, others []*manifest.Environment, c manifest.Consumer, report plan.Report,
) (Rendering, error) {
	r := Rendering{Environment: env, Others: others, Consumer: c}
	for _, b := range report.Buckets {
		if b.Name != c.Bucket {
			continue
		}
		r.BucketARN, r.Version, r.Names = b.ARN, b.Version, b.Names
		if b.Stale || b.Frozen != "" {
			r.Names = b.Has
		}
	}
	if r.Adopted = c.Adoptable(); c.ECS != nil && c.ECS.Rolls() {
		r.Adopted = report.Consumer(c.Name).Adopted
	}
	switch {
	case r.Version == "":
		return r, fmt.Errorf("render for %s: bucket %s has no version yet: rotary status %s shows what it waits for",
			c.Name, c.Bucket, env.Name)
	case r.BucketARN == "":
		return r, fmt.Errorf("render for %s: the look function of %s does not say which secret bucket %s is: "+
			"it is of an older rotary, so deploy this one", c.Name, env.Name, c.Bucket)
	}
	return r, nil
}

// Rendered is a task definition with a bucket's version pinned.
type Rendered struct {
	Text       []byte   // equal to what was given but for the secrets, and adopted names of the environment, of Containers
	Containers []string // that got the bucket, in the order of the file
	Entries    int      // in each of them that name the bucket
}

// Pin pins the bucket's version in text, by the rules by which a pass derives a revision: a pass over a service that was
// deployed with the result has nothing to roll. Where the consumer's pipeline deploys it (roll: false), entries of the bucket that are
// there keep their names and keys, and get the version; none is added to them. It holds no value, and its errors quote
// names and references alone. Repeatable: the result renders to itself.
func (r Rendering) Pin(text []byte) (Rendered, error) {
	in, err := parseDefinition(text)
	if err != nil {
		return Rendered{}, err
	}
	if err := r.checkEnvironment(in); err != nil {
		return Rendered{}, err
	}
	task, _ := r.Consumer.Task()
	at := newPlace(r.Environment, r.Consumer, task, history.History{ARN: r.BucketARN})
	at.adopt = r.Adopted
	base := revision{arn: aws.ToString(in.Family), input: in}
	if why := at.unadoptedReason(r.Environment.Name, base); why != "" {
		return Rendered{}, errors.New(why)
	}
	want, err := r.pin(at, base)
	if err != nil {
		return Rendered{}, err
	}
	out, err := replaceEntries(text, in, want)
	if err != nil {
		return Rendered{}, err
	}
	again, err := parseDefinition(out)
	if err != nil || !sameDefinition(again, want) {
		return Rendered{}, errors.New("the file cannot be edited: is a member of an object there twice?")
	}
	rendered := Rendered{Text: out}
	for _, i := range at.chooseContainers(want) {
		rendered.Containers = append(rendered.Containers, aws.ToString(want.ContainerDefinitions[i].Name))
		rendered.Entries = countEntries(at, want.ContainerDefinitions[i])
	}
	return rendered, nil
}

// pin returns the input that registers the task definition with the version pinned.
func (r Rendering) pin(at place, base revision) (sdk.RegisterTaskDefinitionInput, error) {
	byPipeline := r.Consumer.ECS != nil && !r.Consumer.ECS.Rolls()
	hasEntries := slices.ContainsFunc(at.chooseContainers(base.input), func(i int) bool {
		return countEntries(at, base.input.ContainerDefinitions[i]) > 0
	})
	if byPipeline && hasEntries {
		return at.pinEntries(base, r.Version, r.Names)
	}
	return at.pinBucket(base, owner{r.Environment.Name, r.Consumer.Name}, r.Version,
		at.withoutLeft(base, r.Names))
}

// countEntries counts the entries of a container that name the bucket itself.
func countEntries(at place, c types.ContainerDefinition) (n int) {
	for _, s := range c.Secrets {
		if at.parseValueFrom(aws.ToString(s.ValueFrom)).ours {
			n++
		}
	}
	return n
}

// pinEntries returns the input that registers r with every entry of the bucket in the chosen containers pinned to version,
// under the names and keys that it has. It fails for a key that the version does not have: ECS would start no task.
func (at place) pinEntries(r revision, version string, names []string) (sdk.RegisterTaskDefinitionInput, error) {
	in := r.input
	if missing := at.missingContainer(in); missing != "" {
		return in, fmt.Errorf("task definition %s has no container %q", r, missing)
	}
	chosen := at.chooseContainers(in)
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	for _, i := range chosen {
		c := &in.ContainerDefinitions[i]
		c.Secrets = slices.Clone(c.Secrets)
		for j, s := range c.Secrets {
			from := at.parseValueFrom(aws.ToString(s.ValueFrom))
			switch {
			case !from.ours:
				continue
			case from.key != "" && !slices.Contains(names, from.key):
				return in, fmt.Errorf("container %q of %s takes %s from %s of bucket %s, which has no such name",
					aws.ToString(c.Name), r, aws.ToString(s.Name), manifest.Quote(from.key), at.bucketName)
			}
			c.Secrets[j].ValueFrom = aws.String(at.bucketARN + ":" + from.key + "::" + version)
		}
	}
	return in, at.checkSize(r, in, len(names))
}

// parseDefinition reads a task definition as RegisterTaskDefinition takes it. Its errors have line and column and never
// quote the text.
func parseDefinition(text []byte) (in sdk.RegisterTaskDefinitionInput, err error) {
	root := gjson.ParseBytes(text)
	err = json.Unmarshal(text, &in)
	syntax, isSyntax := errors.AsType[*json.SyntaxError](err)
	odd, isOdd := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case isSyntax:
		return in, fmt.Errorf("%s: it is no JSON", locate(text, syntax.Offset))
	case isOdd:
		return in, fmt.Errorf("%s: %s is not what a task definition has there", locate(text, odd.Offset), manifest.Quote(odd.Field))
	case err != nil:
		return in, errors.New("it is no task definition in JSON")
	case root.Get("taskDefinition").IsObject():
		return in, errors.New("it is wrapped, as aws ecs describe-task-definition prints it: " +
			"take what is under taskDefinition, with --query taskDefinition")
	case !root.Get("containerDefinitions").IsArray() || len(in.ContainerDefinitions) == 0:
		return in, errors.New("it has no containerDefinitions: it is no task definition as " +
			"aws ecs register-task-definition --cli-input-json takes it")
	}
	for i, c := range in.ContainerDefinitions {
		if c.Name == nil || !root.Get("containerDefinitions."+strconv.Itoa(i)+".name").Exists() {
			return in, fmt.Errorf("containerDefinitions[%d] has no name", i)
		}
	}
	return in, nil
}

// locate returns where in a text an offset is: line and column, from 1.
func locate(text []byte, offset int64) string {
	before := text[:min(int64(len(text)), max(0, offset))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d", line, max(1, column-1))
}

// checkEnvironment fails for a task definition that takes a secret of another environment.
func (r Rendering) checkEnvironment(in sdk.RegisterTaskDefinitionInput) error {
	for _, c := range in.ContainerDefinitions {
		for _, s := range c.Secrets {
			parts := strings.Split(aws.ToString(s.ValueFrom), ":")
			if len(parts) < 7 || parts[2] != "secretsmanager" {
				continue
			}
			for _, other := range r.Others {
				if isSecretOf(other, parts) && !isSecretOf(r.Environment, parts) {
					return fmt.Errorf("container %q takes %s from secret %s, which is of environment %s and not of %s",
						aws.ToString(c.Name), aws.ToString(s.Name), parts[6], other.Name, r.Environment.Name)
				}
			}
		}
	}
	return nil
}

// isSecretOf reports whether an ARN, in parts, is that of a bucket or a source of an environment. A secret's ARN ends with
// a hyphen and six characters, which may be left out.
func isSecretOf(env *manifest.Environment, parts []string) bool {
	if parts[3] != env.Region || parts[4] != env.Account {
		return false
	}
	bare := place{bucketARN: strings.Join(parts[:7], ":")}.bareARN()
	is := func(secret string) bool {
		return secret == parts[6] || secret == bare[strings.LastIndex(bare, ":")+1:]
	}
	return slices.ContainsFunc(env.Buckets, func(b manifest.Bucket) bool { return is(b.Secret) }) ||
		slices.ContainsFunc(env.Sources, func(s manifest.Source) bool { return is(s.Secret) })
}

// replaceEntries returns text with the secrets and the environment of each container as want has them. Where nothing
// changes, the text stays as it is.
func replaceEntries(text []byte, in, want sdk.RegisterTaskDefinitionInput) ([]byte, error) {
	for i, c := range want.ContainerDefinitions {
		was, path := in.ContainerDefinitions[i], "containerDefinitions."+strconv.Itoa(i)
		var err error
		if !slices.EqualFunc(was.Secrets, c.Secrets, equalEntry) {
			text, err = setList(text, path+".secrets", formatEntries(c.Secrets))
		}
		if err == nil && len(was.Environment) != len(c.Environment) {
			text, err = setList(text, path+".environment", formatVariables(c.Environment))
		}
		if err != nil {
			return nil, fmt.Errorf("edit %s of the file: %w", path, err)
		}
	}
	return text, nil
}

func equalEntry(a, b types.Secret) bool {
	return aws.ToString(a.Name) == aws.ToString(b.Name) && aws.ToString(a.ValueFrom) == aws.ToString(b.ValueFrom)
}

// setList puts a list of objects at a path, one a line and indented like the member, where the text has lines.
func setList(text []byte, path string, lines []string) ([]byte, error) {
	raw := "[" + strings.Join(lines, ", ") + "]"
	if indent := findIndent(text, path); indent != "" && len(lines) > 0 {
		raw = "[" + indent + "  " + strings.Join(lines, ","+indent+"  ") + indent + "]"
	}
	return sjson.SetRawBytes(text, path, []byte(raw))
}

// findIndent returns the line break and the indent of the members of the object that has a path; "" where it stands on
// one line.
func findIndent(text []byte, path string) string {
	name := gjson.GetBytes(text, path[:strings.LastIndex(path, ".")]+".name")
	before := text[:name.Index]
	line := bytes.LastIndexByte(before, '\n')
	if line < 0 {
		return ""
	}
	start := before[line+1:]
	blank := len(start) - len(bytes.TrimLeft(start, " \t"))
	if blank < len(start) && start[blank] != '"' {
		return ""
	}
	return "\n" + string(start[:blank])
}

func formatEntries(entries []types.Secret) (lines []string) {
	for _, e := range entries {
		lines = append(lines, fmt.Sprintf(`{"name": %s, "valueFrom": %s}`, encodeJSON(e.Name), encodeJSON(e.ValueFrom)))
	}
	return lines
}

func formatVariables(variables []types.KeyValuePair) (lines []string) {
	for _, v := range variables {
		lines = append(lines, fmt.Sprintf(`{"name": %s, "value": %s}`, encodeJSON(v.Name), encodeJSON(v.Value)))
	}
	return lines
}
