package bus

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// oneTimeSchedule returns a one-time schedule that deletes itself.
func oneTimeSchedule(name, expression string) *scheduler.CreateScheduleInput {
	return &scheduler.CreateScheduleInput{Name: &name, ScheduleExpression: &expression, ScheduleExpressionTimezone: aws.String("UTC"),
		ActionAfterCompletion: types.ActionAfterCompletionDelete, FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: aws.String(fnARN), RoleArn: aws.String("arn:aws:iam::111111111111:role/scheduler"), Input: aws.String(`{"at":"<aws.scheduler.scheduled-time>"}`)}}
}

func (s *bench) create(in *scheduler.CreateScheduleInput) error {
	_, err := s.scheduler.CreateSchedule(s.t.Context(), in)
	return err
}

func (s *bench) get(name string) (*scheduler.GetScheduleOutput, error) {
	return s.scheduler.GetSchedule(s.t.Context(), &scheduler.GetScheduleInput{Name: &name})
}

func TestOneTimeSchedule(t *testing.T) {
	s := newBench(t)
	s.failOnError(s.create(oneTimeSchedule("again-dev", "at(2026-01-05T09:10:00)")))
	got, err := s.get("again-dev")
	s.failOnError(err)
	if aws.ToString(got.ScheduleExpression) != "at(2026-01-05T09:10:00)" || got.State != types.ScheduleStateEnabled || aws.ToString(got.Arn) != "arn:aws:scheduler:us-east-1:111111111111:schedule/default/again-dev" {
		t.Errorf("got %s %s %s", aws.ToString(got.ScheduleExpression), got.State, aws.ToString(got.Arn))
	}
	s.clock.Advance(10*time.Minute - time.Second)
	if len(s.async) != 0 {
		t.Error("it ran early")
	}
	s.clock.Advance(time.Hour)
	if diff := cmp.Diff([]string{`{"at":"2026-01-05T09:10:00Z"}`}, s.async); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	_, err = s.get("again-dev")
	s.wantErrorCode("ResourceNotFoundException", err)
}

func TestUpdateMovesASchedule(t *testing.T) {
	s := newBench(t)
	in := oneTimeSchedule("again-dev", "at(2026-01-05T09:10:00)")
	s.failOnError(s.create(in))
	update := &scheduler.UpdateScheduleInput{Name: in.Name, ScheduleExpression: aws.String("at(2026-01-05T09:30:00)"), FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target}
	_, err := s.scheduler.UpdateSchedule(t.Context(), update)
	s.failOnError(err)
	other := *update
	other.Name = aws.String("other")
	_, err = s.scheduler.UpdateSchedule(t.Context(), &other)
	s.wantErrorCode("ResourceNotFoundException", err)
	s.clock.Advance(time.Hour)
	if diff := cmp.Diff([]string{`{"at":"2026-01-05T09:30:00Z"}`}, s.async); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	got, err := s.get("again-dev") // an update replaces everything: it no longer deletes itself
	s.failOnError(err)
	if got.ActionAfterCompletion != types.ActionAfterCompletionNone {
		t.Errorf("after completion: %s", got.ActionAfterCompletion)
	}
}

// Equal bodies are dropped by a FIFO queue for five minutes: the execution id keeps a sweep from being one of them.
func TestRateScheduleFeedsAFIFOQueue(t *testing.T) {
	s := newBench(t)
	s.createPropagateQueue()
	sweep := oneTimeSchedule("sweep-dev", "rate(1 minute)")
	sweep.ActionAfterCompletion = ""
	sweep.Target.Arn, sweep.Target.SqsParameters = aws.String(queue1), &types.SqsParameters{MessageGroupId: aws.String("dev")}
	sweep.Target.Input = aws.String(`{"id":"<aws.scheduler.execution-id>","n":"<aws.scheduler.attempt-number>"}`)
	s.failOnError(s.create(sweep))
	same := *sweep
	target := *sweep.Target
	same.Name, same.Target = aws.String("same-dev"), &target
	target.Input = aws.String("always the same")
	s.failOnError(s.create(&same))
	s.clock.Advance(2 * time.Minute)
	s.wantBodies("propagate.fifo", `{"id":"b0500000-0000-4000-8000-000000000001","n":"1"}`, "always the same",
		`{"id":"b0500000-0000-4000-8000-000000000007","n":"1"}`, `{"id":"b0500000-0000-4000-8000-000000000011","n":"1"}`)
	_, err := s.scheduler.DeleteSchedule(t.Context(), &scheduler.DeleteScheduleInput{Name: sweep.Name})
	s.failOnError(err)
	s.clock.Advance(time.Minute)
	if n := len(s.Queue("propagate.fifo").Messages); n != 4 {
		t.Errorf("a deleted schedule ran: %d messages", n)
	}
	_, err = s.scheduler.DeleteSchedule(t.Context(), &scheduler.DeleteScheduleInput{Name: sweep.Name})
	s.wantErrorCode("ResourceNotFoundException", err)
}

func TestDisabledSchedule(t *testing.T) {
	s := newBench(t)
	in := oneTimeSchedule("again-dev", "rate(5 minutes)")
	in.State = types.ScheduleStateDisabled
	s.failOnError(s.create(in))
	s.clock.Advance(time.Hour)
	if len(s.async) != 0 {
		t.Errorf("it ran %d times", len(s.async))
	}
}

func TestCreateScheduleIsRepeatableByToken(t *testing.T) {
	s := newBench(t)
	in := oneTimeSchedule("again-dev", "at(2026-01-05T09:10:00)")
	in.ClientToken = aws.String("token-1")
	s.tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: sim.Lost} })
	if s.create(in) == nil {
		t.Fatal("the answer was not lost")
	}
	s.tap.OnCall(nil)
	s.failOnError(s.create(in))
	in.ClientToken = aws.String("token-2")
	s.wantErrorCode("ConflictException", s.create(in))
	s.clock.Advance(time.Hour)
	if len(s.async) != 1 {
		t.Errorf("it ran %d times", len(s.async))
	}
}

func TestDefaultInput(t *testing.T) {
	s := newBench(t)
	in := oneTimeSchedule("again-dev", "at(2026-01-05T09:00:00)")
	in.Target.Input = nil
	s.failOnError(s.create(in))
	s.clock.Advance(0)
	want := []string{`{"version":"0","id":"b0500000-0000-4000-8000-000000000001","detail-type":"Scheduled Event","source":"aws.scheduler","account":"111111111111","time":"2026-01-05T09:00:00Z",` +
		`"region":"us-east-1","resources":["arn:aws:scheduler:us-east-1:111111111111:schedule/default/again-dev"],"detail":"{}"}`}
	if diff := cmp.Diff(want, s.async); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatTheSchedulerRefuses(t *testing.T) {
	s := newBench(t)
	with := func(change func(*scheduler.CreateScheduleInput)) error {
		in := oneTimeSchedule("x", "rate(5 minutes)")
		change(in)
		return s.create(in)
	}
	expression := func(e string) error {
		return with(func(in *scheduler.CreateScheduleInput) { in.ScheduleExpression = &e })
	}
	for _, e := range []string{"at(2026-01-05T08:59:59)", "at(tomorrow)", "rate(0 minutes)", "rate(5 weeks)", "rate(5 minutes", "5 minutes"} {
		s.wantErrorCode("ValidationException", expression(e))
	}
	s.wantErrorCode("StandinNotImplemented", expression("cron(0 9 * * ? *)"))
	s.wantErrorCode("StandinNotImplemented", with(func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Europe/Berlin") }))
	s.wantErrorCode("StandinNotImplemented", with(func(in *scheduler.CreateScheduleInput) {
		in.FlexibleTimeWindow.Mode = types.FlexibleTimeWindowModeFlexible
	}))
	s.wantErrorCode("StandinNotImplemented", with(func(in *scheduler.CreateScheduleInput) { in.StartDate = aws.Time(s.clock.Now()) }))
	s.wantErrorCode("StandinNotImplemented", with(func(in *scheduler.CreateScheduleInput) {
		in.Target.Arn = aws.String("arn:aws:scheduler:us-east-1:111111111111:x")
	}))
	s.wantErrorCode("ValidationException", with(func(in *scheduler.CreateScheduleInput) { in.Target.Arn = aws.String(queue1) }))
	s.wantErrorCode("ValidationException", with(func(in *scheduler.CreateScheduleInput) { in.Target.RoleArn = aws.String("") }))
	s.wantErrorCode("ResourceNotFoundException", with(func(in *scheduler.CreateScheduleInput) { in.GroupName = aws.String("other") }))
	_, err := s.scheduler.ListScheduleGroups(t.Context(), nil)
	s.wantErrorCode("StandinNotImplemented", err)
}

func TestCallsAreTapped(t *testing.T) {
	s := newBench(t)
	s.failOnError(s.create(oneTimeSchedule("again-dev", "rate(5 minutes)")))
	_, err := s.get("again-dev")
	s.failOnError(err)
	s.queue("plain", nil)
	var got []string
	for _, c := range s.tap.Calls() {
		if c.Account != account || c.Region != "us-east-1" || c.Caller != "tester" || c.Status != 200 {
			t.Errorf("call %+v", c)
		}
		kind := " reads "
		if c.Write {
			kind = " writes "
		}
		got = append(got, c.Service+" "+c.Operation+kind+c.Resource)
	}
	if diff := cmp.Diff([]string{"scheduler CreateSchedule writes again-dev", "scheduler GetSchedule reads again-dev", "sqs CreateQueue writes plain"}, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}
