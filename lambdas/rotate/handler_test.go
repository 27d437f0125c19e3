package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/events"
	"github.com/rotary-secrets/rotary/internal/example"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/lambdas/internal/boot"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const (
	canary    = "canary-9c41"
	handshake = "source/dev/handshake"
	first     = "11111111-0000-4000-8000-000000000001"
	token     = "22222222-0000-4000-8000-000000000002"
)

// world is environment dev of the repository's manifest on the stand-in, with the handler under test deployed in it.
type world struct {
	*standin.World
	t      testing.TB
	h      handler
	client *secretsmanager.Client
	store  *store.Store
	log    *bytes.Buffer
	out    *bytes.Buffer // metrics
}

func newWorld(t testing.TB) *world {
	t.Helper()
	env := example.Environment(t, "dev")
	env.Infra.Metrics = manifest.MetricsAll
	w := &world{t: t, World: standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}), log: &bytes.Buffer{}, out: &bytes.Buffer{}}
	t.Cleanup(func() { must(t, w.Close()) })
	w.client = secretsmanager.NewFromConfig(w.Config(env.Account, env.Region))
	w.store = store.New(w.client)
	w.h = handler{environment: env, store: w.store, open: rotators.Opener(rotators.Reach{Environment: env, Store: w.store}), now: w.Clock.Now, metrics: w.out}
	must(t, w.Containers(t.Context(), env))
	must(t, w.store.Put(t.Context(), handshake, first, secret.New(`{"MY_APP__AUTH_SERVICE__HANDSHAKE_KEY":"`+canary+`","MY_APP__AUTH_SERVICE__HANDSHAKE_KEY_ALSO":"`+canary+`"}`)))
	w.Advance(time.Minute)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// begin asks Secrets Manager for a rotation, which calls the handler once the clock goes on.
func (w *world) begin() {
	w.t.Helper()
	arn := w.Region("111111111111", "us-east-1").Lambda.Register(lambdahost.Function{
		Name: "rotary-dev-rotate", Callers: []string{"secretsmanager.amazonaws.com"},
		Handler: func(ctx context.Context, payload []byte) ([]byte, error) {
			_, err := boot.Guard(w.h.handleRequest)(ctx, payload)
			return []byte("null"), err
		},
	})
	_, err := w.client.RotateSecret(w.t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: aws.String(handshake), ClientRequestToken: aws.String(token), RotationLambdaARN: &arn,
	})
	must(w.t, err)
}

func (w *world) labels() map[string][]string {
	w.t.Helper()
	h, err := w.store.Look(w.t.Context(), handshake)
	must(w.t, err)
	held := map[string][]string{}
	for _, v := range h.Versions {
		held[v.ID] = v.Labels
	}
	return held
}

// ask sends a request through its own entrance.
func (w *world) ask(request string) (any, error) {
	alias := manifest.AdvanceAlias
	switch {
	case strings.Contains(request, `"Step"`):
		alias = ""
	case strings.HasPrefix(request, `{"rollback"`):
		alias = manifest.RollbackAlias
	}
	return boot.Guard(w.h.handleRequest)(through(w.t.Context(), alias), json.RawMessage(request))
}

// through returns ctx as Lambda gives it to a function that was called through an alias, or itself for none.
func through(ctx context.Context, alias string) context.Context {
	arn := "arn:aws:lambda:us-east-1:111111111111:function:rotary-dev-rotate"
	if alias != "" {
		arn += ":" + alias
	}
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{InvokedFunctionArn: arn})
}

// TestEachRequestComesThroughItsOwnEntrance: whoever may only go back cannot retire, and the reverse, and whoever may call
// the function as Secrets Manager does can do neither.
func TestEachRequestComesThroughItsOwnEntrance(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.Advance(history.Deregistered + time.Minute)
	w.Tap.Reset()
	requests := map[string]string{
		"":         `{"Step":"createSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + token + `"}`,
		"advance":  `{"advance":{"source":"handshake","version":"` + first + `","current":"` + token + `"}}`,
		"rollback": `{"rollback":{"source":"handshake","version":"` + first + `","from":"` + token + `"}}`,
		"confirm":  `{"confirm":{"source":"handshake","version":"` + token + `"}}`,
	}
	for own, request := range requests {
		for _, alias := range []string{"", "$LATEST", "advance", "rollback", "1", "Advance", "advance2"} {
			want := strings.Replace(own, "confirm", "advance", 1)
			if alias == want || alias == "$LATEST" && want == "" {
				continue
			}
			out, err := boot.Guard(w.h.handleRequest)(through(t.Context(), alias), json.RawMessage(request))
			if misdirected := (*Misdirected)(nil); out != nil || !errors.As(err, &misdirected) {
				t.Errorf("%s through %q: %v, %v", request, alias, out, err)
			}
		}
		if out, err := w.h.handleRequest(t.Context(), json.RawMessage(request)); out != nil || err == nil {
			t.Errorf("%s through nothing that Lambda tells: %v, %v", request, out, err)
		}
	}
	if calls := w.Tap.Calls(); len(calls) > 0 {
		t.Errorf("a request that was refused called %s", calls[0].Operation)
	}
	if _, err := w.h.handleRequest(through(t.Context(), "$LATEST"), json.RawMessage(requests[""])); err != nil {
		t.Errorf("the newest code is the function itself: %v", err)
	}
	_, err := w.h.handleRequest(through(t.Context(), "rollback"), json.RawMessage(requests["advance"]))
	if want := "request refused: advance came through alias rollback, and it comes through alias advance"; err == nil || err.Error() != want {
		t.Errorf("error is %v", err)
	}
}

// fails sends a request that must fail, and returns the type name that alarms match and the text.
func (w *world) fails(request string) (typeName, text string) {
	w.t.Helper()
	out, err := w.ask(request)
	if err == nil || out != nil {
		w.t.Fatalf("%s: answers %v, %v", request, out, err)
	}
	if strings.Contains(err.Error()+w.log.String(), canary) {
		w.t.Errorf("%s: the error or the log holds a value", request)
	}
	return reflect.TypeOf(err).Elem().Name(), err.Error()
}

func TestSecretsManagersStepsRotate(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.Advance(time.Minute)
	want := map[string][]string{first: {"AWSPREVIOUS", "LIVE-11111111"}, token: {"AWSCURRENT", "LIVE-22222222"}}
	if diff := cmp.Diff(want, w.labels()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if log := w.log.String(); strings.Contains(log, canary) || strings.Count(log, `"msg":"asked"`) != 4 || !strings.Contains(log, `"source":"handshake","step":"finishSecret","version":"`+token+`","ok":true`) {
		t.Errorf("the log does not have the four steps, or holds a value")
	}
}

func TestTheReconcilersAdvancePutsWhatIsNext(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.Advance(history.Deregistered + time.Minute)
	out, err := w.ask(`{"advance":{"source":"handshake","version":"` + first + `","current":"` + token + `"}}`)
	if err != nil || out != nil {
		t.Fatalf("%v, %v", out, err)
	}
	h, err := w.store.Look(t.Context(), handshake)
	must(t, err)
	current, _ := h.Current()
	if old, _ := h.Version(first); current.ID == token || len(old.Labels) > 0 {
		t.Errorf("labels are %v", w.labels())
	}
	if !strings.Contains(w.log.String(), `"step":"advance","version":"`+first+`","ok":true`) || strings.Contains(w.log.String(), canary) {
		t.Error("the log does not name the advance, or holds a value")
	}
}

func TestAPersonsRollbackIsAnsweredWithItsProgress(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.Advance(time.Minute)
	ask := func() rotate.Progress {
		out, err := w.ask(`{"rollback":{"source":"handshake","version":"` + first + `","from":"` + token + `"}}`)
		p, is := out.(rotate.Progress)
		if err != nil || !is {
			t.Fatalf("%v, %v", out, err)
		}
		return p
	}
	begun := ask()
	if begun.Done || begun.Until.Sub(w.Clock.Now()) < rotate.Outlast-time.Second {
		t.Fatalf("the first step answers %+v", begun)
	}
	if again := ask(); again.Done {
		t.Fatal("it swaps before what may be under way has ended")
	}
	w.AdvanceTo(begun.Until.Add(time.Second))
	if p := ask(); !p.Done {
		t.Fatalf("the last step answers %+v", p)
	}
	want := map[string][]string{first: {"AWSCURRENT", "LIVE-11111111"}, token: {"AWSPREVIOUS", "LIVE-22222222"}}
	if diff := cmp.Diff(want, w.labels()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if !strings.Contains(w.log.String(), `"step":"rollback","version":"`+first+`","ok":true`) || strings.Contains(w.log.String(), canary) {
		t.Error("the log does not name the rollback, or holds a value")
	}
}

// TestARefusedRotationIsRefused checks the errorType that the alarm "rotation refused" matches.
func TestARefusedRotationIsRefused(t *testing.T) {
	w := newWorld(t)
	must(t, w.store.Put(t.Context(), handshake, "33333333-0000-4000-8000-000000000003", secret.New(`{"MY_APP__AUTH_SERVICE__HANDSHAKE_KEY":"`+canary+`"}`)))
	w.Advance(time.Minute)
	w.begin()
	name, text := w.fails(`{"Step":"createSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + token + `"}`)
	if name != "Refused" || !strings.Contains(text, "rotation of handshake refused: version "+history.Short(first)+" was put by hand") {
		t.Errorf("%s: %s", name, text)
	}
	if _, pending := w.labels()[token]; pending {
		t.Errorf("labels are %v", w.labels())
	}
	if !strings.Contains(w.log.String(), `"ok":false`) {
		t.Error("the log does not say that it failed")
	}
}

func TestAnyOtherFailureIsFailed(t *testing.T) {
	step := `{"Step":"createSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + token + `"}`
	for what, c := range map[string]struct {
		do            func(*world)
		request, text string
	}{
		"rotation is off": {func(*world) {}, step, "rotation is not enabled"},
		"Secrets Manager denies": {func(w *world) {
			w.begin()
			w.Tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: sim.Denied} })
		}, step, "describe " + handshake},
		"no such rotator": {func(w *world) {
			w.h.open = func(manifest.Source) (rotate.Rotator, error) { return nil, errors.New("this build has none") }
		}, step, "this build has none"},
		"an unreadable source": {func(w *world) {
			must(w.t, w.store.Put(w.t.Context(), handshake, "44444444-0000-4000-8000-000000000004", secret.New(`["`+canary+`"]`)))
			must(w.t, w.store.Move(w.t.Context(), handshake, "LIVE-1", first, ""))
			w.Advance(history.Deregistered)
		}, `{"advance":{"source":"handshake","version":"` + first + `","current":"44444444-0000-4000-8000-000000000004"}}`, "reading source handshake"},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			c.do(w)
			if name, text := w.fails(c.request); name != "Failed" || !strings.Contains(text, c.text) {
				t.Errorf("%s: %s, want %q in it", name, text, c.text)
			}
		})
	}
}

// TestTheRotationTokenGoesIntoTheWrite: the stand-in refuses what it does not reproduce, and so tells that it was sent.
func TestTheRotationTokenGoesIntoTheWrite(t *testing.T) {
	w := newWorld(t)
	w.begin()
	step := `{"Step":"createSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + token + `"`
	if _, text := w.fails(step + `,"RotationToken":"` + canary + `"}`); text != "write a version of "+handshake+": Secrets Manager answered StandinNotImplemented" {
		t.Errorf("error is %s", text)
	}
	if _, err := w.ask(step + "}"); err != nil {
		t.Errorf("without a token: %v", err)
	}
}

func TestAFailureKeepsItsCause(t *testing.T) {
	w := newWorld(t)
	cause := errors.New("no rotator")
	w.h.open = func(manifest.Source) (rotate.Rotator, error) { return nil, cause }
	_, err := w.ask(`{"Step":"createSecret","SecretId":"` + handshake + `"}`)
	if !errors.Is(err, cause) {
		t.Errorf("error is %v", err)
	}
}

func TestWhatIsNoRequestIsUnreadableAndNotQuoted(t *testing.T) {
	w := newWorld(t)
	for request, reason := range map[string]string{
		"": "neither", `"` + canary + `"`: "neither", `{"Step":7,"` + canary + `":1}`: "neither", `{"Step":"` + canary: "neither", "[]": "neither",
		"{}": "one of", "null": "one of", `{"SecretId":"` + canary + `"}`: "one of",
		`{"Step":"createSecret","advance":{"source":"handshake"}}`:         "one of",
		`{"advance":{"source":"handshake","` + canary + `":true}}`:         "neither", // a newer rotary asks for more
		`{"advance":{"source":"` + canary + `"}}`:                          "its source is none of environment dev",
		`{"rollback":{"source":"handshake","` + canary + `":true}}`:        "neither",
		`{"test":{"source":"handshake","` + canary + `":true}}`:            "neither",
		`{"test":{"source":"handshake"},"advance":{}}`:                     "one of",
		`{"test":{"source":"billing","version":"v"}}`:                      "its source is none of environment dev",
		`{"rollback":{"source":"billing"}}`:                                "its source is none of environment dev",
		`{"rollback":{"source":"handshake"},"advance":{}}`:                 "one of",
		`{"rollback":{"source":"handshake","version":"` + canary + `\n"}}`: "its version is no version id",
		`{"advance":{"source":"billing"}}`:                                 "its source is none of environment dev",
		`{"Step":"createSecret","SecretId":"` + canary + `"}`:              "its secret is no source of environment dev",
		`{"Step":"createSecret","SecretId":"source/production/handshake"}`: "its secret is no source of environment dev",
		`{"Step":"createSecret","SecretId":"api-secrets-dev"}`:             "its secret is no source of environment dev",
		`{"Step":"createSecret","ClientRequestToken":"x"}`:                 "its secret is no source",
		`{"Step":"` + canary + `","SecretId":"` + handshake + `"}`:         "its step is none of a rotation",
		`{"Step":"setSecret","ClientRequestToken":"` + canary + ` x"}`:     "its version is no version id",
		`{"advance":{"source":"handshake","version":"` + canary + `\n"}}`:  "its version is no version id",
	} {
		if name, text := w.fails(request); name != "Unreadable" || !strings.Contains(text, reason) {
			t.Errorf("%s: %s: %s, want %q", request, name, text, reason)
		}
	}
	if calls := w.Tap.Calls(); len(calls) > 0 && calls[len(calls)-1].Operation != "PutSecretValue" {
		t.Errorf("a request that was refused called %s", calls[len(calls)-1].Operation)
	}
}

// TestAStepMayCarryWhatAWSAddsToIt: RotationToken came to be that way.
func TestAStepMayCarryWhatAWSAddsToIt(t *testing.T) {
	r, err := readRequest([]byte(`{"Step":"testSecret","SecretId":"s","ClientRequestToken":"t","RotationToken":"r","More":{"a":1}}`))
	want := request{Step: "testSecret", SecretId: "s", ClientRequestToken: "t", RotationToken: "r"}
	if diff := cmp.Diff(want, r); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestEverySampleIsRead reads the fixtures that show what the Lambda gets.
func TestEverySampleIsRead(t *testing.T) {
	w := newWorld(t)
	for name, want := range map[string]string{"rotation-step.json": "createSecret", "advance.json": "advance", "rollback.json": "rollback"} {
		data, err := events.FS.ReadFile(name)
		must(t, err)
		r, err := readRequest(data)
		must(t, err)
		source, err := w.h.findSource(r)
		if err != nil || source.Name != "handshake" || r.kindOf() != want || r.versionOf() != "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111" {
			t.Errorf("%s: %s %s of %s, %v", name, r.kindOf(), r.versionOf(), source.Name, err)
		}
	}
}

// panics throws what holds a value.
type panics struct{ rotate.Rotator }

func (panics) Retire(context.Context, rotate.End) (rotate.Values, error) {
	panic(errors.New("cannot use " + canary))
}

func TestAPanicShowsItsTypeAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.Advance(history.Deregistered + time.Minute)
	w.h.open = func(manifest.Source) (rotate.Rotator, error) { return panics{}, nil }
	request, err := json.Marshal(map[string]any{"advance": plan.Advance{Source: "handshake", Version: first, Current: token}})
	must(t, err)
	if name, text := w.fails(string(request)); name != "Panicked" || text != "panic with a *errors.errorString" {
		t.Errorf("%s: %s", name, text)
	}
}

func TestAConfirmIsAnsweredOrFails(t *testing.T) {
	w := newWorld(t)
	w.begin()
	w.Advance(time.Minute)
	ask := func(version string) string { return `{"confirm":{"source":"handshake","version":"` + version + `"}}` }
	if out, err := w.ask(ask(first)); out != nil || err != nil { // another one is current
		t.Errorf("%v, %v", out, err)
	}
	if name, text := w.fails(ask(token)); name != "Failed" || !strings.Contains(text, "no emergency has made it") {
		t.Errorf("%s: %s", name, text)
	}
	if name, _ := w.fails(`{"confirm":{"source":"handshake","version":"v"},"rollback":{"source":"handshake","version":"v"}}`); name != "Unreadable" {
		t.Errorf("two requests at once are %s", name)
	}
}

// asking is a rotator whose target answers that.
type asking struct {
	rotate.Rotator
	answer error
}

func (a asking) Test(context.Context, rotate.Values) error { return a.answer }

// TestATestIsAnsweredAndHoldsNoValue.
func TestATestIsAnsweredAndHoldsNoValue(t *testing.T) {
	w := newWorld(t)
	i := slices.IndexFunc(w.h.environment.Sources, func(s manifest.Source) bool { return s.Name == "handshake" })
	w.h.environment.Sources[i].Rotate = manifest.RotateWith(manifest.Postgres)
	request := json.RawMessage(`{"test":{"source":"handshake","version":"` + first + `"}}`)
	for _, tt := range []struct {
		answer error
		want   string
	}{
		{nil, `{"answer":"accepted"}`},
		{rotate.ErrNotAccepted, `{"answer":"refused","why":"the target does not accept the credential"}`},
		{errors.New("it is down"), `{"answer":"unknown","why":"it is down"}`},
	} {
		w.h.open = func(manifest.Source) (rotate.Rotator, error) { return asking{answer: tt.answer}, nil }
		out, err := w.h.handleRequest(through(t.Context(), "rollback"), request)
		must(t, err)
		got, err := json.Marshal(out)
		if must(t, err); string(got) != tt.want {
			t.Errorf("%v: %s", tt.answer, got)
		}
	}
	if _, err := w.h.handleRequest(through(t.Context(), "advance"), request); err != nil {
		t.Errorf("the reconciler's test: %v", err)
	}
	if _, err := w.h.handleRequest(through(t.Context(), "$LATEST"), request); err == nil {
		t.Error("the function itself answers a test")
	}
	if !strings.Contains(w.log.String(), `"step":"test","version":"`+first+`","ok":true`) || strings.Contains(w.log.String(), canary) {
		t.Error("the log does not name the test, or holds a value")
	}
}
