package ecs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
)

const (
	arnOfBucket = "arn:aws:secretsmanager:us-east-1:111111111111:secret:api-secrets-dev-AbCdEf"
	arnOfOther  = "arn:aws:secretsmanager:us-east-1:111111111111:secret:api-secrets-dev-two-AbCdEf"
	v1          = "11111111-1111-4111-8111-111111111111"
	v2          = "22222222-2222-4222-8222-222222222222"
	vOther      = "0123456789abcdef-0123456789abcdef0123456789abcdef" // as rotary names a bucket's versions
)

var me = owner{"dev", "api"}

var here = place{consumer: "api", containers: []string{"app"}, bucketName: "api-secrets", bucketARN: arnOfBucket}

// revisionWith builds a revision whose container app has these secrets, written NAME=valueFrom.
func revisionWith(secrets ...string) revision {
	app := types.ContainerDefinition{
		Name: aws.String("app"), Image: aws.String("app:1"),
		Environment: []types.KeyValuePair{{Name: aws.String("MODE"), Value: aws.String("a")}},
	}
	for _, s := range secrets {
		name, from, _ := strings.Cut(s, "=")
		app.Secrets = append(app.Secrets, types.Secret{Name: aws.String(name), ValueFrom: aws.String(from)})
	}
	return revision{arn: "arn:aws:ecs:us-east-1:111111111111:task-definition/app:3", input: sdk.RegisterTaskDefinitionInput{
		Family: aws.String("app"), ContainerDefinitions: []types.ContainerDefinition{app, {Name: aws.String("sidecar"), Image: aws.String("log:1")}},
	}}
}

func TestRead(t *testing.T) {
	bare := strings.TrimSuffix(arnOfBucket, "-AbCdEf")
	pin := func(name, version string) string { return name + "=" + arnOfBucket + ":" + name + "::" + version }
	for name, c := range map[string]struct {
		secrets []string
		want    pins
		version string
	}{
		"nothing":              {nil, pins{unpinned: true}, ""},
		"all pinned":           {[]string{pin("B", v1), pin("A", v1)}, pins{names: []string{"A", "B"}, versions: []string{v1}}, v1},
		"two versions":         {[]string{pin("A", v1), pin("B", v2)}, pins{names: []string{"A", "B"}, versions: []string{v1, v2}}, ""},
		"no version":           {[]string{pin("A", v1), "B=" + arnOfBucket + ":B::"}, pins{names: []string{"A", "B"}, versions: []string{v1}, loose: []string{"B"}}, ""},
		"a label":              {[]string{"A=" + arnOfBucket + ":A:AWSCURRENT:"}, pins{names: []string{"A"}, loose: []string{"A"}}, ""},
		"the whole secret":     {[]string{"A=" + arnOfBucket}, pins{names: []string{"A"}, loose: []string{"A"}, odd: []string{"A"}}, ""},
		"without the suffix":   {[]string{"A=" + bare + ":A::" + v1}, pins{names: []string{"A"}, versions: []string{v1}}, v1},
		"another key":          {[]string{"A=" + arnOfBucket + ":B::" + v1}, pins{names: []string{"A"}, versions: []string{v1}, odd: []string{"A"}}, v1},
		"others only":          {[]string{"A=" + arnOfOther + ":A::" + v1, "P=arn:aws:ssm:us-east-1:111111111111:parameter/p", "Q=plain"}, pins{unpinned: true}, ""},
		"another bucket's":     {[]string{"B=" + arnOfOther + ":B::" + vOther, pin("A", v1)}, pins{names: []string{"A", "B"}, versions: []string{v1}, former: []string{vOther}}, v1},
		"a name that is alike": {[]string{pin("A", v1), "B=" + arnOfOther}, pins{names: []string{"A"}, versions: []string{v1}}, v1},
	} {
		t.Run(name, func(t *testing.T) {
			got := here.readPins(revisionWith(c.secrets...))
			c.want.chosen = []string{"app"}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(pins{}), cmp.Transformer("empty", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.pinnedVersion() != c.version {
				t.Errorf("version %q, want %q", got.pinnedVersion(), c.version)
			}
		})
	}
}

// A consumer that the manifest has moved to another bucket still runs on the one before, until it is rolled.
func TestTheBucketBeforeIsInPlayUntilARollTakesItOut(t *testing.T) {
	before := revisionWith("A="+arnOfOther+":A::"+vOther, "P=arn:aws:ssm:us-east-1:111111111111:parameter/p")
	l := settledSnapshot()
	l.revisions[before.arn] = before
	if s := l.toSeen("api"); !slices.Equal(s.InPlay, []string{vOther}) || s.Running != "" {
		t.Errorf("in play %q, running %q", s.InPlay, s.Running)
	}
	after, err := here.pinBucket(before, me, v1, []string{"A"})
	if err != nil {
		t.Fatal(err)
	}
	if got := here.readPins(revision{input: after}); got.pinnedVersion() != v1 || got.former != nil || len(after.ContainerDefinitions[0].Secrets) != 2 {
		t.Errorf("the revision rolled says %+v and has %d secrets", got, len(after.ContainerDefinitions[0].Secrets))
	}
}

func TestTheBucketIsSeenWhereverItIsMentioned(t *testing.T) {
	entry := []types.Secret{{Name: aws.String("A"), ValueFrom: aws.String(arnOfBucket + ":A::" + v1)}}
	for name, change := range map[string]func(*sdk.RegisterTaskDefinitionInput){
		"a sidecar's parameter": func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[1].Environment = []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String(arnOfBucket)}}
		},
		"a log driver's secrets": func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].LogConfiguration = &types.LogConfiguration{SecretOptions: entry}
		},
		"registry credentials": func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[1].RepositoryCredentials = &types.RepositoryCredentials{CredentialsParameter: aws.String(arnOfBucket)}
		},
	} {
		r := revisionWith("A=" + arnOfBucket + ":A::" + v1)
		change(&r.input)
		if p := here.readPins(r); !p.elsewhere || p.pinnedVersion() != "" || here.unknownReason(r) == "" {
			t.Errorf("%s: not seen", name)
		}
	}
	if here.readPins(revisionWith("A="+arnOfBucket+":A::"+v1, "B="+arnOfOther)).elsewhere {
		t.Error("the bucket is only where it belongs")
	}
}

func TestRewriteTouchesOnlyTheBucketsEntries(t *testing.T) {
	ssm := "Z=arn:aws:ssm:us-east-1:111111111111:parameter/z"
	r := revisionWith("OLD="+arnOfBucket+":OLD::"+v1, ssm, "B="+arnOfBucket+":B::"+v1, "K="+arnOfOther+":K::")
	r.input.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("core")}, {Key: aws.String("rotary:environment"), Value: aws.String("old")}}
	before := string(canonicalJSON(r.input))
	got, err := here.pinBucket(r, me, v2, []string{"C", "B"})
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, s := range got.ContainerDefinitions[0].Secrets {
		secrets = append(secrets, *s.Name+"="+*s.ValueFrom)
	}
	want := []string{"B=" + arnOfBucket + ":B::" + v2, "C=" + arnOfBucket + ":C::" + v2, "K=" + arnOfOther + ":K::", ssm}
	if diff := cmp.Diff(want, secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if here.fingerprintRest(r) != here.fingerprintRest(revision{input: got}) {
		t.Error("something but the bucket's entries changed")
	}
	if string(canonicalJSON(r.input)) != before {
		t.Error("the revision it was derived from changed")
	}
	if !(revision{input: got}).registeredBy("dev") || (revision{input: got}).registeredBy("old") || len(got.Tags) != 3 {
		t.Error("it carries the environment's tag, once, beside the tags it had")
	}
}

func TestRewriteRefuses(t *testing.T) {
	many := make([]string, 600)
	for i := range many {
		many[i] = fmt.Sprintf("A_NAME_OF_SOME_LENGTH_%03d", i)
	}
	other := place{containers: []string{"web"}, bucketARN: arnOfBucket}
	for name, c := range map[string]struct {
		at    place
		r     revision
		names []string
		want  string
	}{
		"a foreign secret":       {here, revisionWith("A=arn:aws:ssm:us-east-1:111111111111:parameter/a"), []string{"A"}, `container "app" of app:3 already has A from secrets (arn:aws:ssm:us-east-1:111111111111:parameter/a)`},
		"an environment entry":   {here, revisionWith(), []string{"MODE"}, `container "app" of app:3 already has MODE from environment: `},
		"a missing container":    {other, revisionWith(), []string{"A"}, `task definition app:3 has no container "web"`},
		"more than ECS can hold": {here, revisionWith(), many, "task definition app:3 with 600 names of the bucket would have"},
	} {
		if _, err := c.at.pinBucket(c.r, me, v1, c.names); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRestIsTheSameForTheSameTaskDefinition(t *testing.T) {
	base := revisionWith("A="+arnOfBucket+":A::"+v1, "Z=arn:aws:ssm:us-east-1:111111111111:parameter/z", "Y=plain")
	change := func(f func(*types.ContainerDefinition)) revision {
		r := revisionWith("A="+arnOfBucket+":A::"+v2, "Y=plain", "Z=arn:aws:ssm:us-east-1:111111111111:parameter/z")
		f(&r.input.ContainerDefinitions[0])
		return r
	}
	for name, c := range map[string]struct {
		r    revision
		same bool
	}{
		"another version and order": {change(func(*types.ContainerDefinition) {}), true},
		"what ECS fills in": {change(func(c *types.ContainerDefinition) {
			c.PortMappings, c.VolumesFrom = []types.PortMapping{}, []types.VolumeFrom{}
		}), true},
		"another image":           {change(func(c *types.ContainerDefinition) { c.Image = aws.String("app:2") }), false},
		"another foreign secret":  {change(func(c *types.ContainerDefinition) { c.Secrets[1].ValueFrom = aws.String("other") }), false},
		"another environment":     {change(func(c *types.ContainerDefinition) { c.Environment[0].Value = aws.String("b") }), false},
		"not essential any more":  {change(func(c *types.ContainerDefinition) { c.Essential = aws.Bool(false) }), false},
		"a zero that was default": {change(func(c *types.ContainerDefinition) { c.StopTimeout = aws.Int32(0) }), false},
	} {
		if got := here.fingerprintRest(base) == here.fingerprintRest(c.r); got != c.same {
			t.Errorf("%s: same rest %v, want %v", name, got, c.same)
		}
	}
}

// A member that the SDK learns must be copied, or be named here: it must not be lost when a revision is derived.
func TestEveryMemberOfATaskDefinitionIsCopied(t *testing.T) {
	given := []string{"Compatibilities", "DeleteRequestedAt", "DeregisteredAt", "RegisteredAt", "RegisteredBy", "RequiresAttributes", "Revision", "Status", "TaskDefinitionArn"}
	var td types.TaskDefinition
	fillFields(reflect.ValueOf(&td).Elem())
	in := reflect.ValueOf(registrationInput(td, []types.Tag{{Key: aws.String("team")}, {Key: aws.String("aws:cloudformation:stack-name")}}))
	for _, f := range reflect.VisibleFields(reflect.TypeFor[types.TaskDefinition]()) {
		if !f.IsExported() || slices.Contains(given, f.Name) {
			continue
		}
		if got := in.FieldByName(f.Name); !got.IsValid() || !reflect.DeepEqual(got.Interface(), reflect.ValueOf(td).FieldByIndex(f.Index).Interface()) {
			t.Errorf("%s is lost", f.Name)
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[sdk.RegisterTaskDefinitionInput]()) {
		if f.IsExported() && in.FieldByIndex(f.Index).IsZero() {
			t.Errorf("%s is never registered", f.Name)
		}
	}
	if tags := in.FieldByName("Tags").Len(); tags != 1 {
		t.Errorf("%d tags: those that AWS reserves cannot be registered", tags)
	}
}

// fillFields gives every member of a struct some value.
func fillFields(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		switch {
		case !f.CanSet():
		case f.Kind() == reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		case f.Kind() == reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		case f.Kind() == reflect.String:
			f.SetString("x")
		case f.CanInt():
			f.SetInt(1)
		}
	}
}

func TestCanonicalIsAboutAsLongAsTheRequest(t *testing.T) {
	r := revisionWith("A=" + arnOfBucket + ":A::" + v1)
	wire := map[string]any{"family": "app", "containerDefinitions": []any{
		map[string]any{"name": "app", "image": "app:1", "environment": []any{map[string]string{"name": "MODE", "value": "a"}}, "secrets": []any{map[string]string{"name": "A", "valueFrom": arnOfBucket + ":A::" + v1}}},
		map[string]any{"name": "sidecar", "image": "log:1"},
	}}
	sent, err := json.Marshal(wire)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(canonicalJSON(r.input)) - len(sent); got < 0 || got > 150 {
		t.Errorf("%d bytes off", got)
	}
}
