package ecs_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// operations are all that the driver calls.
var operations = []string{
	"DescribeServices", "DescribeTaskDefinition", "ListServiceDeployments", "DescribeServiceDeployments", "DescribeServiceRevisions", "ListTasks", "DescribeTasks",
	"ListTaskDefinitions", "RegisterTaskDefinition", "UpdateService", "DeregisterTaskDefinition", "TagResource",
}

// forged answers one operation with a fixed answer, and notes what is called. Lists that do not end are cut off, as the
// end of a pass does.
type forged struct {
	http.RoundTripper
	operation string
	status    int
	body      string
	calls     int
	writes    []string
}

func (f *forged) RoundTrip(q *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(q.Header.Get("X-Amz-Target"), ".")
	if f.calls++; f.calls > 100 {
		return nil, errors.New("the pass is over")
	}
	if !strings.HasPrefix(operation, "Describe") && !strings.HasPrefix(operation, "List") {
		f.writes = append(f.writes, operation)
	}
	if operation != f.operation {
		return f.RoundTripper.RoundTrip(q)
	}
	return &http.Response{StatusCode: f.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(f.body)), Request: q}, nil
}

// openThrough opens the consumer over f.
func (w *world) openThrough(f *forged) *ecs.Service {
	at := manifest.ECS{Cluster: "main", Service: "api", Task: manifest.Task{Containers: manifest.Names{"app"}}}
	return ecs.New(w.clientOver(f), manifest.Consumer{Name: "api", Bucket: "api-secrets", ECS: &at}, devEnvironment, history.History{ARN: bucketARN}, w.clock.Now())
}

func (w *world) clientOver(f *forged) *sdk.Client {
	f.RoundTripper = w.client.Options().HTTPClient.(*http.Client).Transport
	f.calls, f.writes = 0, nil
	return sdk.New(sdk.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "x", ""),
		HTTPClient: &http.Client{Transport: f}, BaseEndpoint: aws.String("http://ecs.test"), RetryMaxAttempts: 1,
	})
}

// FuzzAnswers gives every answer that ECS could give to one operation. A look changes nothing; nothing is proven
// by an answer that does not name what it is about; and nothing is deployed that ECS has not registered.
func FuzzAnswers(f *testing.F) {
	const task = `"containerDefinitions":[{"name":"app","secrets":[{"name":"DB_URL","valueFrom":"` + bucketARN + `:DB_URL::` + v1 + `"}]}]`
	for operation, bodies := range [][]string{
		0: {`{"services":[{"status":"ACTIVE","desiredCount":1,"deployments":[{"id":"d","status":"PRIMARY","rolloutState":"COMPLETED","runningCount":1,"taskDefinition":"app:1"}]}],"failures":[]}`,
			`{"services":[{"status":"ACTIVE","deployments":[null,{"status":"PRIMARY"},{"status":"PRIMARY"}]}]}`, `{"services":[{"status":"ACTIVE","deployments":[]}]}`, `{"services":[null]}`,
			`{"services":[],"failures":[{"reason":"MISSING"}]}`, `{"services":[],"failures":[null]}`, `{"services":7}`},
		1: {`{"taskDefinition":{"containerDefinitions":[{"name":"app","environment":[{"name":"A","value":["canary <&>"]}],"cpu":"canary <&>"}]}}`, `{"taskDefinition":{"containerDefinitions":"canary <&>"}}`,
			`{"taskDefinition":{"taskDefinitionArn":"app:1","family":"app",` + task + `},"tags":[{"key":"rotary:environment","value":"dev"}]}`, `{"taskDefinition":{}}`},
		2: {`{"serviceDeployments":[{"serviceDeploymentArn":"s","status":"IN_PROGRESS","createdAt":1e9},null]}`, `{"serviceDeployments":[],"nextToken":"x"}`},
		3: {`{"serviceDeployments":[{"status":"ROLLBACK_SUCCESSFUL","rollback":{},"targetServiceRevision":{},"sourceServiceRevisions":[null,{}]}],"failures":[{}]}`},
		4: {`{"serviceRevisions":[{"serviceRevisionArn":"r"},null],"failures":[null]}`}, 5: {`{"taskArns":["t",null],"nextToken":""}`, `{"taskArns":["t"],"nextToken":"x"}`},
		6: {`{"tasks":[{"taskDefinitionArn":"app:0","lastStatus":"RUNNING"},null],"failures":[{"reason":"MISSING"}]}`}, 7: {`{"taskDefinitionArns":["app:1",""],"nextToken":null}`},
		8: {`{"taskDefinition":{"family":"app"}}`}, 9: {`{"service":null}`, `{"service":{"deployments":[{"status":"PRIMARY","id":"d"},{"id":"e"}]}}`}, 10: {`{"taskDefinition":null}`}, 11: {`{}`},
	} {
		for _, body := range append(bodies, "{}", "x") {
			f.Add(byte(operation), 200, body)
		}
		f.Add(byte(operation), 400, `{"__type":"ClusterNotFoundException","message":"x"}`)
	}
	f.Fuzz(func(t *testing.T, n byte, status int, body string) {
		w := newWorld(t)
		w.createService(w.registerRevision("app:1"), 1, true)
		w.rollAndFinish(v1)
		a := &forged{operation: operations[int(n)%len(operations)], status: 100 + int(uint(status-100)%500), body: body}
		seen, err := w.openThrough(a).Status(ctx())
		if len(a.writes) > 0 {
			t.Fatalf("a look wrote %v", a.writes)
		}
		if err == nil && seen.Running != "" && !strings.Contains(body, seen.Running) && seen.Running != v1 {
			t.Fatalf("it runs %q, which nobody said", seen.Running)
		}
		wantNothingQuoted(t, body, err)
		unread := err != nil || seen.Unread
		err = w.openThrough(a).Roll(ctx(), bucketAt(v2, both...))
		wantNothingQuoted(t, body, err)
		if err == nil && unread && a.operation == "DescribeServices" {
			t.Fatal("a service that cannot be seen is rolled")
		}
		if a.operation == "RegisterTaskDefinition" && slices.Contains(a.writes, "UpdateService") && !strings.Contains(strings.ToLower(body), "taskdefinitionarn") {
			t.Fatal("it deploys what ECS did not say that it registered")
		}
		if a.operation == "DescribeTaskDefinition" && slices.Contains(a.writes, "DeregisterTaskDefinition") {
			t.Fatal("a Roll withdraws")
		}
		wantNothingQuoted(t, body, w.openThrough(a).Withdraw(ctx(), []string{v1, v2}))
		if svc := w.presentDefinition(); svc == nil {
			t.Fatal("the service has no task definition any more")
		}
	})
}

// wantNothingQuoted wants no error that holds what a task definition does. ECS's own words may be in it, and ids.
func wantNothingQuoted(t *testing.T, body string, err error) {
	t.Helper()
	if err != nil && strings.Contains(body, "taskDefinition") && strings.Contains(err.Error(), "canary <") {
		t.Fatal("an error holds a piece of a task definition")
	}
}

func TestAnAnswerThatCannotBeReadIsNotQuoted(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	a := &forged{operation: "DescribeTaskDefinition", status: http.StatusOK, body: `{"taskDefinition":{"containerDefinitions":"canary <&>"}}`}
	for what, err := range map[string]error{"Status": errorOf(w.openThrough(a).Status(ctx())), "Roll": w.openThrough(a).Roll(ctx(), bucketAt(v2, both...)), "Withdraw": w.openThrough(a).Withdraw(ctx(), []string{v1})} {
		if err == nil || !strings.Contains(err.Error(), "could not be read") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error is not the one about an unreadable answer, or quotes it", what)
		}
	}
}

func TestAnAnswerWithoutATaskDefinitionIsAnError(t *testing.T) {
	for _, c := range []struct{ operation, body string }{
		{"DescribeTaskDefinition", "{}"}, {"RegisterTaskDefinition", "{}"}, {"RegisterTaskDefinition", `{"taskDefinition":{"family":"app"}}`}, {"UpdateService", "{}"},
	} {
		w := newWorld(t)
		w.createService(w.registerRevision("app:1"), 1, true)
		w.rollAndFinish(v1)
		a := &forged{operation: c.operation, status: http.StatusOK, body: c.body}
		if err := w.openThrough(a).Roll(ctx(), bucketAt(v2, both...)); err == nil || !strings.Contains(err.Error(), "ECS") {
			t.Errorf("%s: %v", c.operation, err)
		}
		if c.operation != "UpdateService" && slices.Contains(a.writes, "UpdateService") {
			t.Errorf("%s: it deployed nevertheless", c.operation)
		}
	}
}
