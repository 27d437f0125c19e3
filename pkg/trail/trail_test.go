package trail_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/trail"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

const role = "arn:aws:iam::111111111111:role/"

// event is an event as CloudTrail writes it, with these parts.
func event(name, identity, parameters, more string) string {
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":%s,"eventTime":"2026-01-05T12:00:00Z","eventSource":"secretsmanager.amazonaws.com",
"eventName":%q,"awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2.31.0","requestParameters":%s,
"responseElements":null,"requestID":"r","eventID":"e-1","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,
"recipientAccountId":"111111111111","eventCategory":"Management"%s}`, identity, name, parameters, more)
}

const (
	assumed = `{"type":"AssumedRole","principalId":"AROA:session","arn":"arn:aws:sts::111111111111:assumed-role/nightly/session","accountId":"111111111111",
"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA","arn":"arn:aws:iam::111111111111:role/jobs/nightly","accountId":"111111111111","userName":"nightly"},"attributes":{"creationDate":"2026-01-05T11:00:00Z","mfaAuthenticated":"false"}}}`
	user    = `{"type":"IAMUser","principalId":"AIDA","arn":"arn:aws:iam::111111111111:user/ann","accountId":"111111111111","accessKeyId":"AKIA","userName":"ann"}`
	service = `{"type":"AWSService","invokedBy":"rds.amazonaws.com"}`
	foreign = `{"type":"AWSAccount","principalId":"AROA:x","accountId":"222222222222"}`
)

func TestAnEventNamesWhoReadWhat(t *testing.T) {
	read := trail.Read{ID: "e-1", At: noon, Secret: "db", Agent: "aws-cli/2.31.0", Address: "203.0.113.7"}
	by := func(principal string, change func(*trail.Read)) []trail.Read {
		r := read
		r.Principal = principal
		if change != nil {
			change(&r)
		}
		return []trail.Read{r}
	}
	nightly := role + "jobs/nightly"
	two := append(by(nightly, func(r *trail.Read) { r.Batch = true }), by(nightly, func(r *trail.Read) { r.Batch, r.Secret = true, "api" })...)
	for name, tt := range map[string]struct {
		event string
		want  []trail.Read
	}{
		"a role's session":     {event(trail.GetSecretValue, assumed, `{"secretId":"db"}`, ""), by(nightly, nil)},
		"a user":               {event(trail.GetSecretValue, user, `{"secretId":"db"}`, ""), by("arn:aws:iam::111111111111:user/ann", nil)},
		"a service":            {event(trail.GetSecretValue, service, `{"secretId":"db"}`, ""), by("service:rds.amazonaws.com", nil)},
		"AWS itself":           {event(trail.GetSecretValue, `{"type":"AWSService","invokedBy":"AWS Internal"}`, `{"secretId":"db"}`, ""), by("service:aws-internal", nil)},
		"another account":      {event(trail.GetSecretValue, foreign, `{"secretId":"db"}`, ""), by("awsaccount:222222222222", nil)},
		"a version":            {event(trail.GetSecretValue, assumed, `{"secretId":"db","versionId":"v-1"}`, ""), by(nightly, func(r *trail.Read) { r.Version = "v-1" })},
		"a label":              {event(trail.GetSecretValue, assumed, `{"secretId":"db","versionStage":"AWSPREVIOUS"}`, ""), by(nightly, func(r *trail.Read) { r.Stage = "AWSPREVIOUS" })},
		"a batch":              {event(trail.BatchGetSecretValue, assumed, `{"secretIdList":["db","api"]}`, ""), two},
		"a call refused":       {event(trail.GetSecretValue, assumed, `{"secretId":"db"}`, `,"errorCode":"AccessDenied","errorMessage":"no"`), nil},
		"another event":        {event("DescribeSecret", assumed, `{"secretId":"db"}`, ""), nil},
		"another service":      {strings.Replace(event(trail.GetSecretValue, assumed, `{"secretId":"db"}`, ""), "secretsmanager.", "ssm.", 1), nil},
		"an event without any": {event(trail.GetSecretValue, assumed, `null`, ""), nil},
	} {
		got, err := trail.ParseEvent(tt.event)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", name, err, diff)
		}
	}
	for _, text := range []string{"", "canary", `{"eventID":"e"}`, `{"eventTime":"2026-01-05T12:00:00Z"}`, `{"eventID":1,"eventTime":"canary"}`} {
		if _, err := trail.ParseEvent(text); !errors.Is(err, trail.ErrUnreadable) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add(event(trail.GetSecretValue, assumed, `{"secretId":"db"}`, ""))
	f.Fuzz(func(t *testing.T, text string) {
		reads, err := trail.ParseEvent(text)
		for _, r := range reads {
			if err != nil || r.ID == "" || r.At.IsZero() || r.Principal == "" {
				t.Errorf("%q is read as %+v, %v", text, r, err)
			}
		}
	})
}

func readers(t *testing.T) *manifest.Environment {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(`
environments: {dev: {account: "111111111111", region: us-east-1}}
sources: {db: {keys: [DB_URL]}}
buckets: {api: {originals: true}}
consumers: {api: {bucket: api, ecs: {cluster: main, service: api, container: app}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestReadsAddUpToReaders(t *testing.T) {
	read := func(id string, after time.Duration, principal, secret string) trail.Read {
		return trail.Read{ID: id, At: noon.Add(after), Principal: principal, Secret: secret, Agent: "agent " + id}
	}
	pinned := read("3", time.Minute, role+"nightly", "arn:aws:secretsmanager:us-east-1:111111111111:secret:source/dev/db-AbCdEf")
	pinned.Version = "v-1"
	batch := read("5", 0, role+"rotary-dev-propagate", "source/dev/db")
	batch.Batch = true
	got := trail.Gather(readers(t), []trail.Read{
		read("1", 2*time.Minute, role+"nightly", "source/dev/db"), pinned, read("2", 0, role+"nightly", "source/dev/db"),
		read("2", 0, role+"nightly", "source/dev/db"), // a page that was read twice
		read("4", 0, role+"nightly", "somebody-elses"), batch, read("6", 0, role+"rotary-dev-propagate", "source/dev/db"),
		read("7", 0, role+"rotary-dev-api-execution", "api-dev"),
	})
	want := []trail.Reader{
		{Secret: "api-dev", Principal: role + "rotary-dev-api-execution", Who: "consumer api", Count: 1, First: noon, Last: noon, Stages: []string{"AWSCURRENT"}, Agent: "agent 7"},
		{Secret: "source/dev/db", Principal: role + "nightly", Count: 3, First: noon, Last: noon.Add(2 * time.Minute), Versions: []string{"v-1"}, Stages: []string{"AWSCURRENT"}, Agent: "agent 1"},
		{Secret: "source/dev/db", Principal: role + "rotary-dev-propagate", Who: "rotary's propagate function", Count: 1, First: noon, Last: noon, Stages: []string{"AWSCURRENT"}, Agent: "agent 6"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got[1].IsStranger() || got[0].IsStranger() {
		t.Error("strangers are others")
	}
}

// In whatever order and however often events come, the same readers are found.
func TestTheOrderOfEventsChangesNothing(t *testing.T) {
	env := readers(t)
	rapid.Check(t, func(t *rapid.T) {
		principals := rapid.SampledFrom([]string{role + "nightly", role + "rotary-dev-propagate", "arn:aws:iam::111111111111:user/ann"})
		reads := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) trail.Read {
			return trail.Read{
				ID: rapid.StringMatching(`[a-f0-9]{6}`).Draw(t, "id"), At: noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at")) * time.Minute),
				Principal: principals.Draw(t, "principal"), Secret: rapid.SampledFrom([]string{"source/dev/db", "api-dev", "other"}).Draw(t, "secret"),
				Version: rapid.SampledFrom([]string{"", "", "v-1", "v-2"}).Draw(t, "version"), Agent: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "agent"),
				Batch: rapid.Bool().Draw(t, "batch"),
			}
		}), 0, 30).Draw(t, "reads")
		seen := map[string]bool{}
		reads = slices.DeleteFunc(reads, func(r trail.Read) bool { was := seen[r.ID]; seen[r.ID] = true; return was })
		want := trail.Gather(env, reads)
		shuffled := append(slices.Clone(reads), reads...)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if diff := cmp.Diff(want, trail.Gather(env, shuffled)); diff != "" {
			t.Fatalf("another order, and every event twice (-want +got):\n%s", diff)
		}
	})
}
