package bus

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	etypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

const (
	account = "111111111111"
	fnARN   = "arn:aws:lambda:us-east-1:111111111111:function:propagate"
	queue1  = "arn:aws:sqs:us-east-1:111111111111:propagate.fifo"
)

// bench is a bus with the genuine SDK clients, and a function whose answers a test scripts.
type bench struct {
	*Bus
	t         *testing.T
	clock     *sim.Clock
	tap       *sim.Tap
	events    *eventbridge.Client
	sqs       *sqs.Client
	scheduler *scheduler.Client
	answer    func(event string) (response, functionError string, err error)
	invoked   []string // payloads of synchronous invocations
	async     []string // payloads of asynchronous ones
}

func newBench(t *testing.T) *bench {
	clock := sim.NewClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC))
	s := &bench{t: t, clock: clock, tap: sim.NewTap(clock)}
	s.answer = func(string) (string, string, error) { return "null", "", nil }
	s.Bus = New(Config{Clock: clock, Account: account, Region: "us-east-1", Tap: s.tap,
		Invoke: func(_ context.Context, _ string, payload []byte) ([]byte, string, error) {
			s.invoked = append(s.invoked, string(payload))
			response, functionError, err := s.answer(string(payload))
			return []byte(response), functionError, err
		},
		InvokeAsync: func(_ string, payload []byte) error { s.async = append(s.async, string(payload)); return nil }})
	creds := credentials.NewStaticCredentialsProvider(account, "x", "tester")
	s.events = eventbridge.New(eventbridge.Options{Region: "us-east-1", Credentials: creds, HTTPClient: s.clientOf(s.serve(s.Events())), Retryer: aws.NopRetryer{}})
	s.sqs = sqs.New(sqs.Options{Region: "us-east-1", Credentials: creds, HTTPClient: s.clientOf(s.serve(s.SQS())), Retryer: aws.NopRetryer{}})
	s.scheduler = scheduler.New(scheduler.Options{Region: "us-east-1", Credentials: creds, HTTPClient: s.clientOf(s.Scheduler()), Retryer: aws.NopRetryer{}})
	return s
}

func (s *bench) clientOf(h http.Handler) *http.Client {
	return &http.Client{Transport: sim.Transport{Handler: h}}
}

func (s *bench) serve(service wire.JSONService) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { service.ServeCall(s.tap, s.clock, w, r) })
}

// putRuleWithTarget makes an enabled rule with one target.
func (s *bench) putRuleWithTarget(name, pattern string, target etypes.Target) {
	s.t.Helper()
	_, err := s.events.PutRule(s.t.Context(), &eventbridge.PutRuleInput{Name: &name, EventPattern: &pattern})
	s.failOnError(err)
	target.Id = aws.String("t")
	out, err := s.events.PutTargets(s.t.Context(), &eventbridge.PutTargetsInput{Rule: &name, Targets: []etypes.Target{target}})
	s.failOnError(err)
	if out.FailedEntryCount != 0 {
		s.t.Fatalf("targets refused: %v", out.FailedEntries)
	}
}

func toQueue() etypes.Target {
	return etypes.Target{Arn: aws.String(queue1), SqsParameters: &etypes.SqsParameters{MessageGroupId: aws.String("dev")}}
}

func toFunction() etypes.Target { return etypes.Target{Arn: aws.String(fnARN)} }

// failOnError fails the test on an error.
func (s *bench) failOnError(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// wantErrorCode fails the test unless err is an AWS error with that code.
func (s *bench) wantErrorCode(code string, err error) {
	s.t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		s.t.Errorf("got %v, want %s", err, code)
	}
}

func labelEvent(name string) sim.Event {
	return sim.Event{Source: "aws.secretsmanager", DetailType: "Secret Label Updated",
		Resources: []string{"arn:aws:secretsmanager:us-east-1:111111111111:secret:" + name + "-AbCdEf"},
		Detail:    map[string]string{"name": name, "labelUpdated": "AWSCURRENT", "versionId": "v1"}}
}

const labelPattern = `{"source":["aws.secretsmanager"],"detail-type":["Secret Label Updated"],"detail":{"labelUpdated":["AWSCURRENT"],"name":[{"prefix":"source/dev/"}]}}`

func TestEventReachesMatchingTargets(t *testing.T) {
	s := newBench(t)
	s.putRuleWithTarget("current", labelPattern, toFunction())
	s.putRuleWithTarget("other", `{"source":["aws.ecs"]}`, toFunction())
	s.Emit(labelEvent("source/dev/db"))
	s.Emit(labelEvent("source/production/db"))
	if s.Pending() != 2 || len(s.async) != 0 {
		t.Errorf("at once: %d pending, %d delivered", s.Pending(), len(s.async))
	}
	s.clock.Advance(time.Second)
	want := []string{`{"version":"0","id":"b0500000-0000-4000-8000-000000000001","detail-type":"Secret Label Updated","source":"aws.secretsmanager",` +
		`"account":"111111111111","time":"2026-01-05T09:00:00Z","region":"us-east-1","resources":["arn:aws:secretsmanager:us-east-1:111111111111:secret:source/dev/db-AbCdEf"],` +
		`"detail":{"labelUpdated":"AWSCURRENT","name":"source/dev/db","versionId":"v1"}}`}
	if diff := cmp.Diff(want, s.async); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	if s.Pending() != 0 {
		t.Errorf("%d pending", s.Pending())
	}
}

func TestDisabledAndDeletedRules(t *testing.T) {
	s := newBench(t)
	s.putRuleWithTarget("current", labelPattern, toFunction())
	name := aws.String("current")
	count := func() int {
		s.async = nil
		s.Emit(labelEvent("source/dev/db"))
		s.clock.Advance(time.Second)
		return len(s.async)
	}
	_, err := s.events.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: name})
	s.failOnError(err)
	if count() != 0 {
		t.Error("a disabled rule delivers")
	}
	_, err = s.events.EnableRule(t.Context(), &eventbridge.EnableRuleInput{Name: name})
	s.failOnError(err)
	if count() != 1 {
		t.Error("an enabled rule does not deliver")
	}
	_, err = s.events.DeleteRule(t.Context(), &eventbridge.DeleteRuleInput{Name: name})
	s.wantErrorCode("ValidationException", err)
	_, err = s.events.RemoveTargets(t.Context(), &eventbridge.RemoveTargetsInput{Rule: name, Ids: []string{"t"}})
	s.failOnError(err)
	for range 2 {
		_, err = s.events.DeleteRule(t.Context(), &eventbridge.DeleteRuleInput{Name: name})
		s.failOnError(err)
	}
	_, err = s.events.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: name})
	s.wantErrorCode("ResourceNotFoundException", err)
}

func TestDeliveryHook(t *testing.T) {
	s := newBench(t)
	s.putRuleWithTarget("current", labelPattern, toFunction())
	verdicts := map[string][]Delivery{
		"source/dev/lost":  {},
		"source/dev/twice": {{}, {Delay: time.Hour}},
		"source/dev/late":  {{Delay: time.Minute}},
	}
	s.OnDeliver(func(arn string, event []byte) []Delivery {
		if arn != fnARN {
			t.Errorf("asked about %s", arn)
		}
		return verdicts[nameIn(event)]
	})
	for _, name := range []string{"lost", "late", "twice"} {
		s.Emit(labelEvent("source/dev/" + name))
	}
	s.clock.Advance(2 * time.Hour)
	var got []string
	for _, event := range s.async {
		got = append(got, nameIn([]byte(event)))
	}
	if diff := cmp.Diff([]string{"source/dev/twice", "source/dev/late", "source/dev/twice"}, got); diff != "" {
		t.Errorf("arrivals (-want +got):\n%s", diff)
	}
	s.OnDeliver(nil)
	s.Emit(labelEvent("source/dev/lost"))
	s.clock.Advance(time.Second)
	if len(s.async) != 4 {
		t.Error("without a hook the event does not arrive")
	}
}

func nameIn(event []byte) string {
	var e struct{ Detail struct{ Name string } }
	_ = json.Unmarshal(event, &e)
	return e.Detail.Name
}

func TestUndelivered(t *testing.T) {
	s := newBench(t)
	s.putRuleWithTarget("current", labelPattern, toQueue())
	s.Emit(labelEvent("source/dev/db"))
	s.clock.Advance(time.Second)
	s.queue("propagate.fifo", map[string]string{"FifoQueue": "true"}) // without content-based deduplication
	s.Emit(labelEvent("source/dev/db"))
	s.clock.Advance(time.Second)
	got := s.Undelivered()
	if len(got) != 2 || !strings.Contains(got[0], "no such queue") || !strings.Contains(got[1], "ContentBasedDeduplication") {
		t.Errorf("got %v", got)
	}
}

func TestARuleReachesATopic(t *testing.T) {
	s := newBench(t)
	arn := "arn:aws:sns:us-east-1:111111111111:alarms"
	s.putRuleWithTarget("current", labelPattern, etypes.Target{Arn: &arn})
	s.Emit(labelEvent("source/dev/db"))
	s.clock.Advance(time.Second)
	if s.AddTopic("alarms") != arn || len(s.Published(arn)) != 0 || len(s.Undelivered()) != 1 {
		t.Fatal("an event reached a topic that did not exist")
	}
	s.Emit(labelEvent("source/dev/db"))
	s.clock.Advance(time.Second)
	s.AddTopic("alarms")
	if got := s.Published(arn); len(got) != 1 || nameIn(got[0]) != "source/dev/db" || len(s.Undelivered()) != 1 {
		t.Errorf("the topic got %d events, and %d were not delivered", len(got), len(s.Undelivered()))
	}
}

func TestATransformerPutsTheEventIntoAText(t *testing.T) {
	s := newBench(t)
	arn := s.AddTopic("alarms")
	with := func(in etypes.InputTransformer) etypes.Target { return etypes.Target{Arn: &arn, InputTransformer: &in} }
	s.putRuleWithTarget("current", labelPattern, with(etypes.InputTransformer{InputTemplate: aws.String(`{"see":"runbook","event":<aws.events.event.json>}`)}))
	s.Emit(labelEvent("source/dev/db"))
	s.clock.Advance(time.Second)
	var got struct {
		See   string
		Event json.RawMessage
	}
	if all := s.Published(arn); len(all) != 1 || json.Unmarshal(all[0], &got) != nil || got.See != "runbook" || nameIn(got.Event) != "source/dev/db" {
		t.Errorf("the topic got %s", all)
	}
	for _, refused := range []etypes.InputTransformer{
		{InputTemplate: aws.String(`"<name>"`), InputPathsMap: map[string]string{"name": "$.detail.name"}}, {InputTemplate: aws.String(`"<aws.events.rule-arn>"`)},
	} {
		target := with(refused)
		target.Id = aws.String("a")
		_, err := s.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("current"), Targets: []etypes.Target{target}})
		s.wantErrorCode("StandinNotImplemented", err)
	}
}
