package bus

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	etypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"
)

func TestRulesAreDescribed(t *testing.T) {
	s := newBench(t)
	s.putRuleWithTarget("dev-b", `{"source":["b"]}`, toFunction())
	s.putRuleWithTarget("dev-a", labelPattern, toQueue())
	s.putRuleWithTarget("prod", `{"source":["c"]}`, toFunction())
	one, err := s.events.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: aws.String("dev-a")})
	s.failOnError(err)
	if aws.ToString(one.EventPattern) != labelPattern || one.State != etypes.RuleStateEnabled || aws.ToString(one.Arn) != "arn:aws:events:us-east-1:111111111111:rule/dev-a" {
		t.Errorf("described as %s %s %s", aws.ToString(one.EventPattern), one.State, aws.ToString(one.Arn))
	}
	var names []string
	for in := (eventbridge.ListRulesInput{NamePrefix: aws.String("dev-")}); ; {
		list, err := s.events.ListRules(t.Context(), &in)
		s.failOnError(err)
		for _, r := range list.Rules {
			names = append(names, aws.ToString(r.Name))
		}
		if in.NextToken = list.NextToken; in.NextToken == nil {
			break
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"dev-a", "dev-b"}, names); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	targets, err := s.events.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: aws.String("dev-a")})
	s.failOnError(err)
	if len(targets.Targets) != 1 || aws.ToString(targets.Targets[0].Arn) != queue1 || aws.ToString(targets.Targets[0].SqsParameters.MessageGroupId) != "dev" {
		t.Errorf("targets: %+v", targets.Targets)
	}
}

func TestWhatRulesRefuse(t *testing.T) {
	s := newBench(t)
	s.putRuleWithTarget("r", `{"source":["x"]}`, toFunction())
	put := func(in eventbridge.PutRuleInput) error {
		in.Name = aws.String("r")
		_, err := s.events.PutRule(t.Context(), &in)
		return err
	}
	s.wantErrorCode("InvalidEventPatternException", put(eventbridge.PutRuleInput{EventPattern: aws.String(`{"source":[{"cidr":"10.0.0.0/8"}]}`)}))
	s.wantErrorCode("StandinNotImplemented", put(eventbridge.PutRuleInput{ScheduleExpression: aws.String("rate(5 minutes)")}))
	s.wantErrorCode("ResourceNotFoundException", put(eventbridge.PutRuleInput{EventPattern: aws.String(`{"source":["x"]}`), EventBusName: aws.String("other")}))

	targets := func(all ...etypes.Target) error {
		for i := range all {
			all[i].Id = aws.String(string(rune('a' + i)))
		}
		_, err := s.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: all})
		return err
	}
	s.wantErrorCode("StandinNotImplemented", targets(etypes.Target{Arn: aws.String("arn:aws:kinesis:us-east-1:111111111111:stream/alarms")}))
	s.wantErrorCode("StandinNotImplemented", targets(etypes.Target{Arn: aws.String("arn:aws:sqs:us-east-1:222222222222:q")}))
	s.wantErrorCode("StandinNotImplemented", targets(etypes.Target{Arn: aws.String(fnARN), InputPath: aws.String("$.detail")}))
	s.wantErrorCode("ValidationException", targets(etypes.Target{Arn: aws.String(queue1)}))
	s.wantErrorCode("ValidationException", targets(etypes.Target{Arn: aws.String("nonsense")}))
	s.wantErrorCode("ValidationException", targets(etypes.Target{Arn: aws.String(fnARN), Input: aws.String("{")}))
	s.wantErrorCode("LimitExceededException", targets(toFunction(), toFunction(), toFunction(), toFunction(), toFunction(), toFunction()))
	_, err := s.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("none"), Targets: []etypes.Target{{Id: aws.String("a"), Arn: aws.String(fnARN)}}})
	s.wantErrorCode("ResourceNotFoundException", err)
	_, err = s.events.ListEventBuses(t.Context(), nil)
	s.wantErrorCode("StandinNotImplemented", err)
}

func TestConstantInput(t *testing.T) {
	s := newBench(t)
	target := toFunction()
	target.Input = aws.String(`{"sweep":true}`)
	s.putRuleWithTarget("r", labelPattern, target)
	s.Emit(labelEvent("source/dev/db"))
	s.clock.Advance(time.Second)
	if diff := cmp.Diff([]string{`{"sweep":true}`}, s.async); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPutEventsAnswersEntryByEntry(t *testing.T) {
	s := newBench(t)
	s.putRuleWithTarget("leaks", `{"source":["leak.alert"],"detail":{"token":["a"]}}`, toFunction())
	entry := func(source, detail string) etypes.PutEventsRequestEntry {
		return etypes.PutEventsRequestEntry{Source: &source, DetailType: aws.String("Leak"), Detail: &detail, Time: aws.Time(time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC))}
	}
	out, err := s.events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []etypes.PutEventsRequestEntry{
		entry("aws.secretsmanager", `{"token":"a"}`), entry("leak.alert", `{"token":"a"}`), entry("leak.alert", `{"token":`), entry("leak.alert", `[]`), entry("", `{}`)}})
	s.failOnError(err)
	var got []string
	for _, e := range out.Entries {
		got = append(got, aws.ToString(e.ErrorCode))
	}
	if diff := cmp.Diff([]string{"NotAuthorizedForSourceException", "", "MalformedDetail", "MalformedDetail", "InvalidArgument"}, got); diff != "" || out.FailedEntryCount != 4 {
		t.Errorf("%d failed (-want +got):\n%s", out.FailedEntryCount, diff)
	}
	s.clock.Advance(time.Second)
	want := []string{`{"version":"0","id":"` + aws.ToString(out.Entries[1].EventId) + `","detail-type":"Leak","source":"leak.alert","account":"111111111111",` +
		`"time":"2026-01-05T08:00:00Z","region":"us-east-1","resources":[],"detail":{"token":"a"}}`}
	if diff := cmp.Diff(want, s.async); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
}

func TestTestEventPattern(t *testing.T) {
	s := newBench(t)
	event := `{"id":"1","account":"1","source":"x","time":"2026-01-05T08:00:00Z","region":"us-east-1","resources":[],"detail-type":"d","detail":{"n":1}}`
	for pattern, want := range map[string]bool{`{"detail":{"n":[1]}}`: true, `{"detail":{"n":[2]}}`: false} {
		out, err := s.events.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{Event: &event, EventPattern: &pattern})
		s.failOnError(err)
		if out.Result != want {
			t.Errorf("%s: got %v", pattern, out.Result)
		}
	}
	_, err := s.events.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{Event: aws.String(`{"id":"1"}`), EventPattern: aws.String(`{"id":["1"]}`)})
	s.wantErrorCode("ValidationException", err)
}
