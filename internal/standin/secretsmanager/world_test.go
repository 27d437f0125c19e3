package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

const function = "arn:aws:lambda:us-east-1:111111111111:function:rotate"

// world is one service with a genuine client in front of it and a rotation function behind it.
type world struct {
	t      testing.TB
	clock  *sim.Clock
	svc    *Service
	tap    *sim.Tap
	client *sdk.Client
	reach  api // what put, move, describe and get go through: client, unless a test says otherwise

	step    func(step, token string) error // the rotation function
	invoked []string                       // its steps, in order
	denied  bool                           // the function's policy does not let the service in

	mu     sync.Mutex
	events []sim.Event
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: sim.NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC))}
	w.tap = sim.NewTap(w.clock)
	w.svc = New(Config{
		Clock: w.clock, Account: "111111111111", Region: "us-east-1",
		Emit: w.emit, Invoke: w.invoke, MayInvoke: func(arn, _ string) bool { return arn == function && !w.denied },
	})
	w.client = sdk.New(sdk.Options{
		Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "111111111111", SecretAccessKey: "x"}, nil
		}),
		HTTPClient: &http.Client{Transport: sim.Transport{Handler: http.HandlerFunc(w.serve)}},
	})
	w.reach, w.step = w.client, w.rotateByTheBook
	return w
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	service := w.svc.Wire()
	if !strings.HasPrefix(r.Header.Get("X-Amz-Target"), service.Target+".") {
		http.Error(rw, "not for this service", http.StatusNotFound)
		return
	}
	service.ServeCall(w.tap, w.clock, rw, r)
}

func (w *world) emit(e sim.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

func (w *world) invoke(arn string, payload []byte) error {
	var in struct{ Step, SecretID, ClientRequestToken string }
	if err := json.Unmarshal(payload, &in); err != nil {
		return err
	}
	if arn != function || !strings.HasPrefix(in.SecretID, "arn:aws:secretsmanager:us-east-1:111111111111:secret:") {
		w.t.Errorf("invoked %s about %s", arn, in.SecretID)
	}
	w.invoked = append(w.invoked, in.Step)
	return w.step(in.Step, in.ClientRequestToken)
}

// rotateByTheBook makes a value and moves AWSCURRENT through the client, as a rotation function does.
func (w *world) rotateByTheBook(step, token string) error {
	switch step {
	case "createSecret":
		return w.put("s", token, "made by "+token, pending)
	case "finishSecret":
		return w.move("s", current, token, w.labelHolder("s", current))
	}
	return nil
}

// versionID returns a version id for a short name.
func versionID(name string) string { return name + strings.Repeat("-", 32-len(name)) }

func (w *world) create(name, version, value string) {
	w.t.Helper()
	in := &sdk.CreateSecretInput{Name: &name}
	if version != "" {
		in.ClientRequestToken, in.SecretString = aws.String(versionID(version)), &value
	}
	if _, err := w.client.CreateSecret(w.t.Context(), in); err != nil {
		w.t.Fatalf("create %s: %v", name, err)
	}
}

func (w *world) put(name, token, value string, stages ...string) error {
	_, err := w.reach.PutSecretValue(w.t.Context(), &sdk.PutSecretValueInput{
		SecretId: &name, ClientRequestToken: &token, SecretString: &value, VersionStages: stages,
	})
	return err
}

func (w *world) move(name, label, to, from string) error {
	in := &sdk.UpdateSecretVersionStageInput{SecretId: &name, VersionStage: &label}
	if to != "" {
		in.MoveToVersionId = &to
	}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	_, err := w.reach.UpdateSecretVersionStage(w.t.Context(), in)
	return err
}

func (w *world) describe(name string) *sdk.DescribeSecretOutput {
	w.t.Helper()
	out, err := w.reach.DescribeSecret(w.t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	if err != nil {
		w.t.Fatalf("describe %s: %v", name, err)
	}
	return out
}

// labels returns label to version id, read through the client.
func (w *world) labels(name string) map[string]string {
	w.t.Helper()
	held := map[string]string{}
	for version, stages := range w.describe(name).VersionIdsToStages {
		for _, label := range stages {
			if held[label] != "" {
				w.t.Errorf("label %s sits on two versions", label)
			}
			held[label] = version
		}
	}
	return held
}

func (w *world) labelHolder(name, label string) string { return w.labels(name)[label] }

func (w *world) get(name, version, stage string) (string, error) {
	in := &sdk.GetSecretValueInput{SecretId: &name}
	if version != "" {
		in.VersionId = &version
	}
	if stage != "" {
		in.VersionStage = &stage
	}
	out, err := w.reach.GetSecretValue(w.t.Context(), in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.SecretString), nil
}

func (w *world) rotate(token string, change func(*sdk.RotateSecretInput)) error {
	in := &sdk.RotateSecretInput{SecretId: aws.String("s"), ClientRequestToken: aws.String(versionID(token)), RotationLambdaARN: aws.String(function)}
	if change != nil {
		change(in)
	}
	_, err := w.client.RotateSecret(w.t.Context(), in)
	return err
}

// eventsSinceLast lists the events since the last call: "AWSCURRENT v2" for a label, the event's name for a rotation.
func (w *world) eventsSinceLast() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, e := range w.events {
		switch d := e.Detail.(type) {
		case labelEvent:
			names = append(names, d.Label+" "+strings.TrimRight(d.VersionID, "-"))
		case map[string]any:
			names = append(names, d["eventName"].(string))
		}
	}
	w.events = nil
	return names
}

// stepsSinceLast lists the function's steps since the last call.
func (w *world) stepsSinceLast() string {
	steps := strings.Join(w.invoked, " ")
	w.invoked = nil
	return steps
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErrorCode fails unless err is the AWS error with this code, whose message contains part.
func wantErrorCode(t *testing.T, err error, code, part string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("error is %v, want %s", err, code)
	}
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), part) {
		t.Errorf("error is %s %q, want %s %q", api.ErrorCode(), api.ErrorMessage(), code, part)
	}
}
