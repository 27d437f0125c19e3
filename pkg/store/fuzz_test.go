package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// operations are all that the store calls.
var operations = []string{"DescribeSecret", "ListSecretVersionIds", "GetSecretValue", "BatchGetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"}

// forged answers one operation with a fixed answer. Lists that do not end are cut off, as the end of a pass does.
type forged struct {
	aws.HTTPClient
	operation string
	status    int
	body      string
	calls     int
}

func (f *forged) Do(q *http.Request) (*http.Response, error) {
	if f.calls++; f.calls > 50 {
		return nil, errors.New("the pass is over")
	}
	if q.Header.Get("X-Amz-Target") != "secretsmanager."+f.operation {
		return f.HTTPClient.Do(q)
	}
	return &http.Response{StatusCode: f.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(f.body)), Request: q}, nil
}

// forgeAnswers puts f between the store and the account.
func (w *world) forgeAnswers(f *forged) {
	f.HTTPClient = w.cfg.HTTPClient
	w.cfg.HTTPClient = f
	w.store = store.New(secretsmanager.NewFromConfig(w.cfg))
}

const value = "canary <&> canary"

// FuzzAnswers gives every answer that Secrets Manager could give to one operation, through the genuine SDK. No error
// says what an answer holds as a value; what is read was said, and by an answer about what was asked.
func FuzzAnswers(f *testing.F) {
	one, two := versionID("one"), versionID("two")
	for operation, bodies := range [][]string{
		{`{"ARN":"arn","Name":"` + name + `","LastChangedDate":1.7e9,"RotationEnabled":true,"VersionIdsToStages":{"` + one + `":["AWSCURRENT","` + value + `"],"` + two + `":[]}}`,
			`{"ARN":"arn","VersionIdsToStages":{"x":["AWSCURRENT"]}}`, `{"ARN":"arn","DeletedDate":1}`, `{"ARN":"arn","LastChangedDate":"` + value + `"}`, `{"ARN":7,"Description":"` + value + `"}`,
			`{"ARN":"arn","LastChangedDate":1e300}`, `{"ARN":"arn","LastChangedDate":1,"VersionIdsToStages":{"":null}}`},
		{`{"ARN":"arn","Versions":[{"VersionId":"` + one + `","CreatedDate":1.7e9,"VersionStages":["AWSCURRENT"]},{"VersionId":"` + two + `","CreatedDate":1.7e9}]}`,
			`{"ARN":"arn","Versions":[null,{}]}`, `{"ARN":"arn","Versions":[],"NextToken":"x"}`, `{"Versions":[{"VersionId":"` + one + `"}]}`, `{"ARN":"arn","Versions":"` + value + `"}`},
		{`{"ARN":"arn","Name":"` + name + `","VersionId":"` + one + `","SecretString":"` + value + `"}`, `{"VersionId":"` + one + `","SecretString":["` + value + `"]}`,
			`{"VersionId":"` + one + `","SecretBinary":"` + value + `"}`, `{"VersionId":"` + two + `","SecretString":"` + value + `"}`, `{"SecretString":"` + value, `{"VersionId":"` + one + `","SecretString":null}`},
		{`{"SecretValues":[{"Name":"` + name + `","VersionId":"` + one + `","SecretString":"` + value + `"},{"Name":"other","VersionId":"` + two + `","SecretString":"x"}],"Errors":[]}`,
			`{"SecretValues":[{"Name":"` + name + `","VersionId":"a","SecretString":"x"},{"Name":"` + name + `","VersionId":"b","SecretString":"y"}]}`,
			`{"SecretValues":[{"Name":"` + name + `","SecretString":"` + value + `"}],"Errors":[{"SecretId":"other","ErrorCode":"ResourceNotFoundException"}]}`,
			`{"SecretValues":[],"Errors":[{"SecretId":"x","ErrorCode":"ResourceNotFoundException"},{"SecretId":"x","ErrorCode":"ResourceNotFoundException"}]}`,
			`{"SecretValues":[],"Errors":[{"SecretId":"` + value + `","ErrorCode":"` + value + `","Message":"` + value + `"}]}`, `{"SecretValues":[null],"Errors":[null]}`, `{"SecretValues":[{"SecretString":7}],"Errors":null}`},
		{`{"ARN":"arn","VersionId":"` + one + `","VersionStages":["AWSCURRENT"]}`, `{"VersionId":"` + value + `"}`, `{"VersionStages":"` + value + `"}`},
		{`{"ARN":"arn","Name":"` + name + `"}`, `{"ARN":["` + value + `"]}`},
	} {
		for _, body := range append(bodies, "", "null", "{}", "[]", value, `"`+value, strings.Repeat("[", 20000)) {
			f.Add(byte(operation), 200, body)
		}
		for _, body := range []string{
			`{"__type":"ResourceNotFoundException","message":"` + value + `"}`, `{"__type":"InvalidParameterException","Message":"` + value + `"}`, `{"__type":"` + value + `","message":"` + value + `"}`,
			`{"__type":"InternalServiceError"}`, `{"code":"` + value + `"}`, `{"__type":7,"message":["` + value + `"]}`, value,
		} {
			f.Add(byte(operation), 400, body)
		}
		f.Add(byte(operation), 500, value)
	}
	f.Fuzz(func(t *testing.T, n byte, status int, body string) {
		w := newWorld(t)
		w.seedSecret(name, "one", "two")
		w.seedSecret("other", "three")
		a := &forged{operation: operations[int(n)%len(operations)], status: 100 + int(uint(status-100)%500), body: body}
		w.forgeAnswers(a)
		w.checkLooks(a)
		w.checkReads(a)
		for _, do := range []func(context.Context) error{
			func(ctx context.Context) error {
				return w.store.Put(ctx, name, versionID("three"), secret.New("canary-put"))
			},
			func(ctx context.Context) error { return w.store.Move(ctx, name, history.Retain, versionID("one"), "") },
			func(ctx context.Context) error {
				return w.store.Move(ctx, name, history.AWSCurrent, versionID("one"), versionID("two"))
			},
		} {
			a.calls = 0
			w.wantNoValueIn(a, do(t.Context()))
		}
	})
}

// checkLooks checks that a history is of the secret that was asked for, and that nothing in it has no name or no time.
func (w *world) checkLooks(a *forged) {
	w.t.Helper()
	for what, look := range map[string]func(context.Context, string) (history.History, error){"Look": w.store.Look, "LookAll": w.store.LookAll} {
		a.calls = 0
		h, err := look(w.t.Context(), name)
		w.wantNoValueIn(a, err)
		if err != nil {
			continue
		}
		if h.Secret != name || h.ARN == "" || len(h.Versions) > 0 && h.Changed.IsZero() {
			w.t.Fatalf("%s: a history without its secret or its time", what)
		}
		for _, v := range h.Versions {
			if v.ID == "" || what == "LookAll" && v.Created.IsZero() {
				w.t.Fatalf("%s: a version without its id or its time", what)
			}
		}
	}
}

// checkReads checks that a value is the one that was asked for.
func (w *world) checkReads(a *forged) {
	w.t.Helper()
	var said struct{ VersionId string } //nolint:revive,staticcheck // the field's name on the wire
	a.calls = 0
	_, has, err := w.store.Value(w.t.Context(), name, versionID("one"))
	w.wantNoValueIn(a, err)
	if has && a.operation == "GetSecretValue" && (json.Unmarshal([]byte(a.body), &said) != nil || said.VersionId != versionID("one")) {
		w.t.Fatal("it reads a version that the answer is not about")
	}
	a.calls = 0
	asked := []string{name, "other"}
	versions, texts, err := w.store.Current(w.t.Context(), asked)
	w.wantNoValueIn(a, err)
	if len(versions) != len(texts) {
		w.t.Fatal("a value without its version, or a version without its value")
	}
	for n, v := range versions {
		if v == "" || !slices.Contains(asked, n) {
			w.t.Fatal("it reads what nobody asked for, or without its version")
		}
	}
	var answer struct{ Errors []struct{ ErrorCode string } }
	if err != nil || a.operation != "BatchGetSecretValue" {
		return
	}
	if _ = json.Unmarshal([]byte(a.body), &answer); len(versions)+len(answer.Errors) != len(asked) {
		w.t.Fatal("a secret is missing, by an answer that does not say so")
	}
}

var strange = regexp.MustCompile(`[^\s"\\]*[^\s"\\\w.:/,;()-][^\s"\\]*`)

// wantNoValueIn fails the test where an error holds a value. AWS's own message may be in it where the request had none.
func (w *world) wantNoValueIn(a *forged, err error) {
	w.t.Helper()
	if err == nil {
		return
	}
	said := err.Error()
	if strings.Contains(said, "canary-put") || strings.Contains(said, "value of ") {
		w.t.Fatal("an error holds a value that was sent, or read")
	}
	explains := strings.Contains(strings.ToLower(a.body), "message") && a.operation != "PutSecretValue"
	for _, word := range append(strange.FindAllString(a.body, -1), value) {
		if len(word) > 10 && !explains && strings.Contains(said, word) {
			w.t.Fatal("an error holds a piece of the answer")
		}
	}
}
