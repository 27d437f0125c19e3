package ecs

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// wire is ECS with one answer to everything. It keeps the last request.
type wire struct {
	answer string
	sent   []byte
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.sent = sent
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(w.answer)), Request: r}, nil
}

func (w *wire) newClient() *sdk.Client {
	return sdk.New(sdk.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "x", ""),
		HTTPClient: &http.Client{Transport: w}, BaseEndpoint: aws.String("http://ecs.test"), RetryMaxAttempts: 1,
	})
}

// FuzzDefinition reads whatever DescribeTaskDefinition may answer. What a Roll makes of it changes the entries of this
// bucket, and of the one before, and nothing else; made again it changes nothing; what ECS would find too large is refused.
func FuzzDefinition(f *testing.F) {
	pin := func(arn, name, version string) string {
		return `{"name":"` + name + `","valueFrom":"` + arn + ":" + name + "::" + version + `"}`
	}
	definition := func(secrets ...string) string {
		return `{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:us-east-1:111111111111:task-definition/app:3","family":"app","revision":3,"status":"ACTIVE","cpu":"256","volumes":[],"placementConstraints":[],
			"requiresAttributes":[{"name":"ecs.capability.secrets"}],"compatibilities":["EC2","FARGATE"],"registeredAt":1772359200.5,"registeredBy":"arn:aws:iam::111111111111:role/deploy","containerDefinitions":[
			{"name":"app","image":"app:1","cpu":0,"essential":true,"portMappings":[],"environment":[{"name":"MODE","value":"a"}],"mountPoints":[],"volumesFrom":[],"secrets":[` + strings.Join(secrets, ",") + `]},
			{"name":"sidecar","image":"log:1","secrets":[` + strings.Join(secrets, ",") + `],"logConfiguration":{"logDriver":"awslogs","options":{"a":"b"}}}]},"tags":[{"key":"rotary:environment","value":"old"},{"key":"aws:x","value":"y"},{"key":"team"}]}`
	}
	bare := strings.TrimSuffix(arnOfBucket, "-AbCdEf")
	for _, answer := range []string{
		definition(), definition(pin(arnOfBucket, "A", v1), pin(arnOfBucket, "B", v1)), definition(pin(arnOfBucket, "A", v1), pin(arnOfBucket, "B", v2)),
		definition(`{"name":"A","valueFrom":"` + arnOfBucket + `"}`), definition(`{"name":"A","valueFrom":"` + bare + `:A:AWSCURRENT:"}`), definition(`{"name":"A","valueFrom":"` + bare + `"}`),
		definition(pin(arnOfOther, "K", v1), pin(arnOfOther, "L", vOther), `{"name":"P","valueFrom":"arn:aws:ssm:us-east-1:111111111111:parameter/p"}`, `{"name":"Q","valueFrom":"plain"}`),
		definition(`{"name":"B","valueFrom":"arn:aws:ssm:us-east-1:111111111111:parameter/p"}`), definition(`{"name":"A"}`, `{"valueFrom":"::::::::::"}`, `null`, `{}`), definition(pin(arnOfBucket, "A", v1+":x:y")),
		`{}`, `{"taskDefinition":null}`, `{"taskDefinition":{}}`, `{"taskDefinition":{"containerDefinitions":[null,{},{"name":"app"},{"name":"app"}]},"tags":[null,{}]}`,
		definition(`{"name":"` + strings.Repeat("N", 64000) + `","valueFrom":"x"}`), definition(strings.TrimSuffix(strings.Repeat(`{"name":"<&>","valueFrom":"\u2028\u0000é"},`, 1500), ",")),
	} {
		f.Add(answer, "A B", v2)
		f.Add(answer, "A B C B", vOther)
	}
	f.Add(definition(), "MODE", v1)
	f.Fuzz(func(t *testing.T, answer, words, version string) {
		w := &wire{answer: answer}
		s := definitions{api: w.newClient(), at: here, cache: NewCache()}
		r, err := s.describeRevision(t.Context(), "app:3")
		if err != nil {
			return
		}
		same, err := s.describeRevision(t.Context(), "app:3")
		if err != nil {
			t.Fatal("read again it fails")
		}
		_, _, _ = here.unknownReason(r), here.fingerprintRest(r), here.readPins(r).pinnedVersion()
		names := slices.Compact(slices.Sorted(slices.Values(strings.Fields(words))))
		got, err := here.pinBucket(r, me, version, names)
		if !reflect.DeepEqual(r, same) {
			t.Fatal("the revision it was derived from changed")
		}
		if err == nil {
			wantOnlyBucketChanged(t, r, got)
			wantPinned(t, got, version, names)
			again, err := here.pinBucket(revision{input: got}, me, version, names)
			if err != nil || !sameDefinition(got, again) {
				t.Fatalf("derived again it is another: %v", err)
			}
			wantAccepted(t, w, got)
		}
	})
}

var tokenShape = regexp.MustCompile(`^[0-9a-f]{16}-[0-9a-f]{32}$`)

// namesOutsideBucket are the entries that are neither this bucket's nor those of the one before, by another way than parse.
func namesOutsideBucket(secrets []types.Secret) (out []string) {
	for _, s := range secrets {
		from := aws.ToString(s.ValueFrom)
		bare := strings.TrimSuffix(arnOfBucket, "-AbCdEf")
		ours := from == arnOfBucket || from == bare || strings.HasPrefix(from, arnOfBucket+":") || strings.HasPrefix(from, bare+":")
		parts := strings.Split(from, ":")
		if !ours && (len(parts) < 10 || !tokenShape.MatchString(parts[9])) {
			out = append(out, aws.ToString(s.Name)+"="+from)
		}
	}
	slices.Sort(out)
	return out
}

func wantOnlyBucketChanged(t *testing.T, r revision, got sdk.RegisterTaskDefinitionInput) {
	t.Helper()
	before, after := r.input, got
	if len(before.ContainerDefinitions) != len(after.ContainerDefinitions) {
		t.Fatal("a container came or went")
	}
	for i, was := range before.ContainerDefinitions {
		is := after.ContainerDefinitions[i]
		if aws.ToString(was.Name) == "app" || len(namesOutsideBucket(was.Secrets)) < len(was.Secrets) {
			if !slices.Equal(namesOutsideBucket(was.Secrets), namesOutsideBucket(is.Secrets)) {
				t.Fatal("an entry that is not the bucket's changed")
			}
			was.Secrets, is.Secrets = nil, nil
		}
		if !reflect.DeepEqual(was, is) {
			t.Fatal("something else in a container changed")
		}
	}
	others := func(tags []types.Tag) []types.Tag {
		return slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool {
			return aws.ToString(t.Key) == environmentTag || aws.ToString(t.Key) == consumerTag
		})
	}
	if !slices.EqualFunc(others(before.Tags), others(after.Tags), func(a, b types.Tag) bool { return reflect.DeepEqual(a, b) }) || !(revision{input: got}).registeredBy("dev") {
		t.Fatal("another tag changed, or rotary's is not there")
	}
	before.ContainerDefinitions, after.ContainerDefinitions, before.Tags, after.Tags = nil, nil, nil, nil
	if !reflect.DeepEqual(before, after) {
		t.Fatal("something else changed")
	}
}

// wantPinned checks what the derived revision says about the bucket.
func wantPinned(t *testing.T, got sdk.RegisterTaskDefinitionInput, version string, names []string) {
	t.Helper()
	p := here.readPins(revision{input: got})
	if p.missing != "" || p.unpinned && len(names) > 0 && version != "" && !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, ":") }) || len(p.former) > 0 || len(p.odd) > 0 && !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, ":") }) {
		t.Fatalf("derived, it says %+v", p)
	}
	plain := version != "" && !strings.Contains(version+strings.Join(names, ""), ":") && len(names) > 0
	if plain && !p.elsewhere && (p.pinnedVersion() != version || !slices.Equal(p.names, names)) {
		t.Fatalf("derived for %q and version %q, it says %+v", names, version, p)
	}
}

// wantAccepted measures what would be sent.
func wantAccepted(t *testing.T, w *wire, in sdk.RegisterTaskDefinitionInput) {
	t.Helper()
	in.Tags = nil
	if _, err := w.newClient().RegisterTaskDefinition(t.Context(), &in); w.sent == nil {
		t.Skipf("the SDK does not send it: %v", err)
	}
	var sent any
	d := json.NewDecoder(bytes.NewReader(w.sent))
	d.UseNumber()
	if err := d.Decode(&sent); err != nil {
		t.Fatal(err)
	}
	if size := len(encodeJSON(dropAbsentMembers(sent))); size > maxSize {
		t.Fatalf("it would send %d bytes", size)
	}
}
