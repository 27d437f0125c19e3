package bus

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

// invokedBodies returns the message bodies of each synchronous invocation, joined by spaces.
func (s *bench) invokedBodies() (all []string) {
	s.t.Helper()
	for _, payload := range s.invoked {
		var bodies []string
		for _, r := range s.records(payload) {
			bodies = append(bodies, r.Body)
		}
		all = append(all, strings.Join(bodies, " "))
	}
	return all
}

func (s *bench) records(payload string) []events.SQSMessage {
	s.t.Helper()
	var e events.SQSEvent
	s.failOnError(json.Unmarshal([]byte(payload), &e))
	return e.Records
}

// failBodies answers that the messages with these bodies failed.
func (s *bench) failBodies(bodies ...string) func(string) (string, string, error) {
	return func(payload string) (string, string, error) {
		var out events.SQSEventResponse
		for _, r := range s.records(payload) {
			if strings.Contains(" "+strings.Join(bodies, " ")+" ", " "+r.Body+" ") {
				out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
			}
		}
		response, err := json.Marshal(out)
		return string(response), "", err
	}
}

func (s *bench) wantBodies(queue string, want ...string) {
	s.t.Helper()
	var got []string
	for _, m := range s.Queue(queue).Messages {
		got = append(got, m.Body)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", queue, diff)
	}
}

func TestMappingSendsWhatLambdaSends(t *testing.T) {
	s := newBench(t)
	s.Connect(queue1, fnARN, 10)
	s.createPropagateQueue()
	s.putRuleWithTarget("current", labelPattern, toQueue())
	s.Emit(labelEvent("source/dev/db"))
	s.clock.Advance(time.Second)
	if len(s.invoked) != 1 || s.Pending() != 0 {
		t.Fatalf("invoked %d times, %d pending", len(s.invoked), s.Pending())
	}
	got := s.records(s.invoked[0])[0]
	if nameIn([]byte(got.Body)) != "source/dev/db" {
		t.Error("the body is not the event")
	}
	got.Body = ""
	want := events.SQSMessage{MessageId: "b0500000-0000-4000-8000-000000000002", ReceiptHandle: "AQEBb0500000-0000-4000-8000-000000000002/1", Md5OfBody: got.Md5OfBody,
		EventSource: "aws:sqs", EventSourceARN: queue1, AWSRegion: "us-east-1", MessageAttributes: map[string]events.SQSMessageAttribute{},
		Attributes: map[string]string{"ApproximateReceiveCount": "1", "ApproximateFirstReceiveTimestamp": "1767603601000", "SentTimestamp": "1767603601000", "SenderId": account,
			"MessageGroupId": "dev", "MessageDeduplicationId": got.Attributes["MessageDeduplicationId"], "SequenceNumber": got.Attributes["SequenceNumber"]}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestMappingBatchesByGroup(t *testing.T) {
	s := newBench(t)
	url := s.createPropagateQueue()
	for _, m := range []string{"a1", "b1", "a2", "a3", "b2"} {
		s.send(url, m[:1], m)
	}
	s.Connect(queue1, fnARN, 10)
	s.Connect(queue1, fnARN, 4) // no second mapping
	s.clock.Advance(0)
	if diff := cmp.Diff([]string{"a1 a2 a3", "b1", "b2"}, s.invokedBodies()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	s.wantBodies("propagate.fifo")
	if at, name, ok := s.clock.Next(); ok {
		t.Errorf("an empty queue keeps a timer: %s at %v", name, at)
	}
}

func TestFailedMessagesComeBack(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(*bench) func(string) (string, string, error)
		keeps  []string
		again  string
	}{
		{"reported from the failed one on", func(s *bench) func(string) (string, string, error) { return s.failBodies("2", "3") }, []string{"2", "3"}, "2 3"},
		{"only what is reported", func(s *bench) func(string) (string, string, error) { return s.failBodies("2") }, []string{"2"}, "2"},
		{"nothing reported", func(s *bench) func(string) (string, string, error) { return s.failBodies() }, nil, ""},
		{"an unknown message", answerWith(`{"batchItemFailures":[{"itemIdentifier":"x"}]}`, ""), []string{"1", "2", "3"}, "1 2 3"},
		{"an empty identifier", answerWith(`{"batchItemFailures":[{"itemIdentifier":""}]}`, ""), []string{"1", "2", "3"}, "1 2 3"},
		{"a misspelt identifier", answerWith(`{"batchItemFailures":[{"messageId":"x"}]}`, ""), []string{"1", "2", "3"}, "1 2 3"},
		{"not JSON", answerWith(`{`, ""), []string{"1", "2", "3"}, "1 2 3"},
		{"no list", answerWith(`{}`, ""), nil, ""},
		{"no answer", answerWith(``, ""), nil, ""},
		{"a function error", answerWith(`{"errorType":"E"}`, "Unhandled"), []string{"1", "2", "3"}, "1 2 3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newBench(t)
			url := s.createPropagateQueue()
			s.Connect(queue1, fnARN, 10)
			for _, m := range []string{"1", "2", "3"} {
				s.send(url, "a", m)
			}
			s.answer = tc.answer(s)
			s.clock.Advance(59 * time.Second)
			s.wantBodies("propagate.fifo", tc.keeps...)
			s.answer = answerWith("null", "")(s)
			s.clock.Advance(time.Second)
			want := []string{"1 2 3"}
			if tc.again != "" {
				want = append(want, tc.again)
			}
			if diff := cmp.Diff(want, s.invokedBodies()); diff != "" {
				t.Errorf("invocations (-want +got):\n%s", diff)
			}
			s.wantBodies("propagate.fifo")
		})
	}
}

func answerWith(response, functionError string) func(*bench) func(string) (string, string, error) {
	return func(*bench) func(string) (string, string, error) {
		return func(string) (string, string, error) { return response, functionError, nil }
	}
}

func TestMappingGivesUpToTheDeadLetterQueue(t *testing.T) {
	s := newBench(t)
	url := s.createPropagateQueue()
	s.Connect(queue1, fnARN, 10)
	s.answer = s.failBodies("poison", "later")
	s.send(url, "a", "poison")
	s.clock.Advance(30 * time.Second)
	s.send(url, "a", "later") // waits behind it
	s.clock.Advance(time.Hour)
	if diff := cmp.Diff([]string{"poison", "poison later", "poison later", "later"}, s.invokedBodies()); diff != "" {
		t.Errorf("invocations (-want +got):\n%s", diff)
	}
	s.wantBodies("propagate.fifo")
	s.wantBodies("dead.fifo", "poison", "later")
	if s.Pending() != 0 {
		t.Errorf("%d pending", s.Pending())
	}
}

func TestThrottledBatchIsTriedUntilItsTimeout(t *testing.T) {
	s := newBench(t)
	url := s.createPropagateQueue()
	s.Connect(queue1, fnARN, 10)
	throttled := 3
	s.answer = func(string) (string, string, error) {
		throttled--
		if throttled >= 0 {
			return "", "", errors.New("rate exceeded")
		}
		return "null", "", nil
	}
	s.send(url, "a", "one")
	s.clock.Advance(15 * time.Second)
	if len(s.invoked) != 4 || s.invoked[3] != s.invoked[0] {
		t.Errorf("tried %d times", len(s.invoked))
	}
	s.wantBodies("propagate.fifo")

	throttled = 1000
	s.send(url, "a", "two")
	s.clock.Advance(time.Hour)
	s.wantBodies("dead.fifo", "two")
}

// What arrives while the function runs waits for the next batch.
func TestArrivalsDuringAnInvocation(t *testing.T) {
	s := newBench(t)
	url := s.createPropagateQueue()
	s.Connect(queue1, fnARN, 10)
	s.answer = func(string) (string, string, error) {
		if len(s.invoked) == 1 {
			s.send(url, "a", "2")
			s.send(url, "a", "3")
		}
		return "null", "", nil
	}
	s.send(url, "a", "1")
	s.clock.Advance(0)
	if diff := cmp.Diff([]string{"1", "2 3"}, s.invokedBodies()); diff != "" {
		t.Errorf("invocations (-want +got):\n%s", diff)
	}
}
