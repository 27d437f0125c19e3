package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	samples "github.com/rotary-secrets/rotary/events"
	"github.com/rotary-secrets/rotary/internal/example"
	"github.com/rotary-secrets/rotary/lambdas/internal/boot"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

const canary = "canary-2d87"

var now = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// bench is the handler of environment dev with a pass and a schedule that only take notes.
type bench struct {
	t      testing.TB
	h      handler
	passes []string    // "accept … dry …" of every pass
	again  []time.Time // appointments
	log    *bytes.Buffer
	out    *bytes.Buffer // metrics

	report   plan.Report // what a pass answers
	err      error
	againErr error
}

func newBench(t testing.TB) *bench {
	t.Helper()
	env := example.Environment(t, "dev")
	env.Infra.Metrics = manifest.MetricsAll
	b := &bench{t: t, log: &bytes.Buffer{}, out: &bytes.Buffer{}, report: plan.Report{Environment: "dev", At: now, Converged: true}}
	b.h = handler{
		environment: env, now: func() time.Time { return now.Add(time.Minute) }, metrics: b.out,
		pass: func(_ context.Context, what asked, dryRun bool) (plan.Report, error) {
			text := fmt.Sprintf("accept %v dry %v", what.acceptRemovals, dryRun)
			if len(what.adopt)+len(what.disown) > 0 {
				text += fmt.Sprintf(" adopt %v disown %v", what.adopt, what.disown)
			}
			b.passes = append(b.passes, text)
			return b.report, b.err
		},
		again: func(_ context.Context, at time.Time) error {
			b.again = append(b.again, at)
			return b.againErr
		},
	}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// batch hands messages over as SQS does and returns the ids of those that come back. A message is "id body".
func (b *bench) batch(messages ...string) []string {
	b.t.Helper()
	var batch events.SQSEvent
	for _, m := range messages {
		id, body, _ := strings.Cut(m, " ")
		batch.Records = append(batch.Records, events.SQSMessage{MessageId: id, Body: body, EventSource: "aws:sqs"})
	}
	payload, err := json.Marshal(batch)
	must(b.t, err)
	out, err := boot.Guard(b.h.handleRequest)(b.t.Context(), payload)
	must(b.t, err)
	encoded, err := json.Marshal(out)
	must(b.t, err)
	var answer struct {
		BatchItemFailures []struct{ ItemIdentifier string } `json:"batchItemFailures"`
	}
	must(b.t, json.Unmarshal(encoded, &answer))
	var back []string
	for _, f := range answer.BatchItemFailures {
		back = append(back, f.ItemIdentifier)
	}
	return back
}

// logged counts the lines of the log that have all of these parts.
func (b *bench) logged(parts ...string) int {
	n := 0
	for line := range strings.SplitSeq(b.log.String(), "\n") {
		if line != "" && !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
			n++
		}
	}
	return n
}

func (b *bench) wants(what string, want, got any) {
	b.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const (
	sweep   = `{"rotary":"sweep","environment":"dev","execution":"1"}`
	apply   = `{"rotary":"apply","environment":"dev","execution":"2","acceptRemovals":["A","B"]}`
	apply2  = `{"rotary":"apply","environment":"dev","execution":"3","acceptRemovals":["C"]}`
	foreign = `{"rotary":"sweep","environment":"production","execution":"1"}`
	own     = `{"detail-type":"Secret Label Updated","source":"aws.secretsmanager","account":"111111111111","region":"us-east-1","detail":{"name":"api-secrets-dev","labelUpdated":"AWSCURRENT"}}`
	put     = `{"detail-type":"Secret Label Updated","source":"aws.secretsmanager","account":"111111111111","region":"us-east-1","detail":{"name":"source/dev/handshake","labelUpdated":"AWSCURRENT"}}`
)

func TestABatchIsOnePass(t *testing.T) {
	b := newBench(t)
	b.wants("what comes back", []string(nil), b.batch("m1 "+sweep, "m2 "+put, "m3 "+apply, "m4 "+sweep, "m5 "+apply2))
	b.wants("passes", []string{"accept [A B C] dry false"}, b.passes)
	if b.logged(`"msg":"event"`) != 5 || b.logged(`"message":"m2"`, `"why":"source handshake changed"`) != 1 {
		t.Errorf("the log does not say what woke it:\n%s", b.log)
	}
}

func TestWhatIsRefusedOrIgnoredNeverBlocksTheGroup(t *testing.T) {
	b := newBench(t)
	b.wants("what comes back", []string(nil), b.batch("m1 "+foreign, "m2 "+own, "m3 "+canary, "m4 {}"))
	b.wants("passes", []string(nil), b.passes)
	if n := b.logged(`"level":"ERROR"`, `"alarm":"event-refused"`); n != 3 {
		t.Errorf("%d alarms, want 3:\n%s", n, b.log)
	}
	if b.logged(`"m1"`, "another environment") != 1 || b.logged(`"m2"`) != 0 {
		t.Errorf("the log does not say which message was refused, and why:\n%s", b.log)
	}
	if strings.Contains(b.log.String(), canary) {
		t.Error("the log quotes a message")
	}
}

func TestWhereThePassFailsExactlyTheMessagesThatAskedForItComeBack(t *testing.T) {
	b := newBench(t)
	b.err = errors.New("environment dev: describe source/dev/handshake: no answer")
	b.wants("what comes back", []string{"m2", "m4", "m6"}, b.batch("m1 "+foreign, "m2 "+sweep, "m3 "+own, "m4 "+put, "m5 hello", "m6 "+apply))
	b.wants("passes", []string{"accept [A B] dry false"}, b.passes)
	if b.logged(`"level":"ERROR"`, `"alarm":"pass-failed"`, "no answer") != 1 {
		t.Errorf("no alarm:\n%s", b.log)
	}
}

func TestWhatLagsIsAlarmedAndLookedAtAgainSoon(t *testing.T) {
	for name, err := range map[string]error{
		"a consumer":  fmt.Errorf("environment dev: %w", &reconcile.Lagging{Errs: []error{errors.New("roll api: no answer")}}),
		"out of time": fmt.Errorf("environment dev: %w", reconcile.ErrOutOfTime),
	} {
		b := newBench(t)
		b.err = err
		b.report.Waits = []plan.Wait{{Subject: "api", Until: now.Add(time.Hour)}}
		b.wants(name+": what comes back", []string(nil), b.batch("m1 "+sweep))
		b.wants(name+": appointments", []time.Time{now.Add(soon)}, b.again)
		if b.logged(`"level":"ERROR"`, `"alarm":"pass-incomplete"`) != 1 {
			t.Errorf("%s: no alarm:\n%s", name, b.log)
		}
	}
}

func TestSomebodyLooksAgainWhenTheFirstWaitEnds(t *testing.T) {
	until := func(ds ...time.Duration) (waits []plan.Wait) {
		for _, d := range ds {
			waits = append(waits, plan.Wait{Subject: "api", Until: now.Add(d)})
		}
		return append(waits, plan.Wait{Subject: "worker-a"}) // ends with an event only
	}
	for name, c := range map[string]struct {
		waits []plan.Wait
		want  []time.Time
	}{
		"nothing is waited for":        {nil, nil},
		"only an event can tell":       {until(), nil},
		"one":                          {until(10 * time.Minute), []time.Time{now.Add(10 * time.Minute)}},
		"the earliest":                 {until(time.Hour, 5*time.Minute, 10*time.Minute), []time.Time{now.Add(5 * time.Minute)}},
		"the earliest that is to come": {until(-time.Hour, 0, 10*time.Minute), []time.Time{now.Add(10 * time.Minute)}},
		"all over":                     {until(-time.Hour, 0), nil},
		"too soon for an appointment":  {until(time.Second, time.Hour), []time.Time{now.Add(soon)}},
	} {
		b := newBench(t)
		b.report.Waits = c.waits
		b.wants(name+": what comes back", []string(nil), b.batch("m1 "+sweep))
		b.wants(name+": appointments", c.want, b.again)
	}
}

// The sweep comes anyway: an appointment only makes it sooner.
func TestAnAppointmentThatCannotBeMadeIsAlarmedAndBlocksNothing(t *testing.T) {
	b := newBench(t)
	b.report.Waits, b.againErr = []plan.Wait{{Subject: "api", Until: now.Add(time.Hour)}}, errors.New("schedule another pass: no answer")
	b.wants("what comes back", []string(nil), b.batch("m1 "+sweep))
	if b.logged(`"alarm":"appointment-failed"`, "schedule another pass") != 1 {
		t.Errorf("no alarm:\n%s", b.log)
	}
}

func TestTheLogTellsWhatAPassDid(t *testing.T) {
	b := newBench(t)
	b.report.Converged = false
	b.report.Steps = []plan.Step{{Do: "write", Subject: "api-secrets", Version: "v1", NameChanges: plan.NameChanges{Changed: []string{"A"}}}, {Do: "roll", Subject: "api"}}
	b.report.Waits = []plan.Wait{{Subject: "handshake", Reason: plan.InUse, Detail: "consumer api may still use it"}}
	b.batch("m1 " + sweep)
	for _, parts := range [][]string{
		{`"msg":"pass"`, `"converged":false`, `"steps":2`, `"waits":1`}, {`"msg":"step"`, `"do":"write"`, `"subject":"api-secrets"`, `"names":["~A"]`},
		{`"msg":"step"`, `"do":"roll"`}, {`"msg":"wait"`, `"subject":"handshake"`, `"reason":"in-use"`, "consumer api"},
	} {
		if b.logged(parts...) != 1 {
			t.Errorf("no line with %v:\n%s", parts, b.log)
		}
	}
}

func TestADryRunAnswersWithTheReport(t *testing.T) {
	b := newBench(t)
	b.report.Waits = []plan.Wait{{Subject: "api", Until: now.Add(time.Hour)}}
	out, err := b.h.handleRequest(t.Context(), json.RawMessage(`{"dryRun":true,"environment":"dev"}`))
	must(t, err)
	b.wants("the report", any(b.report), out)
	b.wants("passes", []string{"accept [] dry true"}, b.passes)
	b.wants("appointments", []time.Time(nil), b.again)
}

// fails sends what must fail, and returns the type name that alarms match and the text.
func (b *bench) fails(payload string) (typeName, text string) {
	b.t.Helper()
	out, err := boot.Guard(b.h.handleRequest)(b.t.Context(), json.RawMessage(payload))
	if err == nil || out != nil {
		b.t.Fatalf("%s: answers %v, %v", payload, out, err)
	}
	if strings.Contains(err.Error()+b.log.String(), canary) {
		b.t.Errorf("%s: the error or the log quotes the payload", payload)
	}
	return reflect.TypeOf(err).Elem().Name(), err.Error()
}

func TestADryRunThatCannotLookIsPassFailed(t *testing.T) {
	b := newBench(t)
	b.err = errors.New("environment dev: no answer")
	if name, text := b.fails(`{"dryRun":true,"environment":"dev"}`); name != "PassFailed" || text != b.err.Error() {
		t.Errorf("%s: %s", name, text)
	}
	if _, err := b.h.handleRequest(t.Context(), json.RawMessage(`{"dryRun":true,"environment":"dev"}`)); !errors.Is(err, b.err) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestWhatIsNoRequestIsUnreadableAndNotQuoted(t *testing.T) {
	b := newBench(t)
	for payload, reason := range map[string]string{
		"": "neither", canary: "neither", `"` + canary + `"`: "neither", "[]": "neither", "{}": "neither", "null": "neither",
		`{"` + canary + `":1}`: "neither", `{"Records":[]}`: "neither", `{"Records":"` + canary + `"}`: "neither", `{"dryRun":"` + canary + `"}`: "neither",
		`{"Records":[{"body":7}]}`: "neither", `{"dryRun":false,"environment":"dev"}`: "neither",
		`{"dryRun":true,"environment":"` + canary + `"}`: "this is environment dev", `{"dryRun":true}`: "this is environment dev",
		`{"dryRun":true,"environment":"production"}`: "this is environment dev",
	} {
		if name, text := b.fails(payload); name != "Unreadable" || !strings.Contains(text, reason) {
			t.Errorf("%s: %s: %s, want %q", payload, name, text, reason)
		}
	}
	b.wants("passes", []string(nil), b.passes)
}

// TestTheSamplesOfWhatTheLambdaGetsAreAnswered also adds what AWS might add to its envelope one day.
func TestTheSamplesOfWhatTheLambdaGetsAreAnswered(t *testing.T) {
	for name, want := range map[string]string{"sqs-batch.json": "accept [] dry false", "dry-run.json": "accept [] dry true"} {
		data, err := samples.FS.ReadFile(name)
		must(t, err)
		more := bytes.Replace(data, []byte(`"messageId"`), []byte(`"more": {"a": 1}, "messageId"`), 1)
		for _, payload := range [][]byte{data, more} {
			b := newBench(t)
			_, err := b.h.handleRequest(t.Context(), payload)
			must(t, err)
			b.wants(name, []string{want}, b.passes)
		}
	}
}

func TestAPanicInAPassShowsItsTypeAndNothingElse(t *testing.T) {
	b := newBench(t)
	b.h.pass = func(context.Context, asked, bool) (plan.Report, error) { panic("cannot use " + canary) }
	for _, payload := range []string{`{"dryRun":true,"environment":"dev"}`, `{"Records":[{"messageId":"m1","body":"{\"rotary\":\"sweep\",\"environment\":\"dev\"}"}]}`} {
		if name, text := b.fails(payload); name != "Panicked" || text != "panic with a string" {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestTheLookFunctionRefusesWhateverIsNoLook: nothing that reaches it makes a pass that writes.
func TestTheLookFunctionRefusesWhateverIsNoLook(t *testing.T) {
	b := newBench(t)
	b.h.looksOnly = true
	ask := func(payload string) error {
		_, err := boot.Guard(b.h.handleRequest)(t.Context(), json.RawMessage(payload))
		return err
	}
	for _, payload := range []string{
		`{"Records":[{"messageId":"1","eventSource":"aws:sqs","body":"{\"rotary\":\"apply\",\"environment\":\"dev\"}"}]}`,
		`{"Records":[]}`, `{}`, `{"environment":"dev"}`, `{"dryRun":false,"environment":"dev"}`, `{"dryRun":true,"environment":"production"}`,
	} {
		if _, refused := errors.AsType[*Unreadable](ask(payload)); !refused {
			t.Errorf("%s is not refused", payload)
		}
	}
	b.wants("passes", []string(nil), b.passes)
	must(t, ask(`{"dryRun":true,"environment":"dev","Records":[{"body":"{}"}]}`))
	b.wants("passes", []string{"accept [] dry true"}, b.passes)
}
