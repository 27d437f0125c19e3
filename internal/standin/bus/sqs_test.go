package bus

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

// queue makes a queue and returns its URL.
func (s *bench) queue(name string, attributes map[string]string) string {
	s.t.Helper()
	out, err := s.sqs.CreateQueue(s.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	s.failOnError(err)
	return aws.ToString(out.QueueUrl)
}

// createPropagateQueue makes the propagate queue and its dead-letter queue, and returns its URL.
func (s *bench) createPropagateQueue() string {
	s.t.Helper()
	s.queue("dead.fifo", map[string]string{"FifoQueue": "true"})
	return s.queue("propagate.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "60",
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:111111111111:dead.fifo","maxReceiveCount":3}`})
}

func (s *bench) send(url, group, body string) *sqs.SendMessageOutput {
	s.t.Helper()
	in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}
	if group != "" {
		in.MessageGroupId = &group
	}
	out, err := s.sqs.SendMessage(s.t.Context(), in)
	s.failOnError(err)
	return out
}

func (s *bench) receive(url string, limit int32) (bodies string, messages []types.Message) {
	s.t.Helper()
	out, err := s.sqs.ReceiveMessage(s.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: limit,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})
	s.failOnError(err)
	var all []string
	for _, m := range out.Messages {
		all = append(all, aws.ToString(m.Body))
	}
	return strings.Join(all, " "), out.Messages
}

func (s *bench) wantEqual(what, got, want string) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestFIFOGroupsAreLockedWhileInFlight(t *testing.T) {
	s := newBench(t)
	url := s.createPropagateQueue()
	for _, m := range []string{"a1", "a2", "b1", "a3"} {
		s.send(url, m[:1], m)
	}
	first, messages := s.receive(url, 1)
	s.wantEqual("first receive", first, "a1")
	second, _ := s.receive(url, 10)
	s.wantEqual("group a is locked", second, "b1")
	_, err := s.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: messages[0].ReceiptHandle})
	s.failOnError(err)
	third, _ := s.receive(url, 10)
	s.wantEqual("after the delete", third, "a2 a3")
	s.clock.Advance(time.Minute)
	again, messages := s.receive(url, 10)
	s.wantEqual("after the visibility timeout", again, "a2 b1 a3")
	want := map[string]string{"ApproximateReceiveCount": "2", "ApproximateFirstReceiveTimestamp": "1767603600000", "SentTimestamp": "1767603600000", "SenderId": account,
		"MessageGroupId": "a", "MessageDeduplicationId": messages[0].Attributes["MessageDeduplicationId"], "SequenceNumber": messages[0].Attributes["SequenceNumber"]}
	if diff := cmp.Diff(want, messages[0].Attributes); diff != "" || len(want["MessageDeduplicationId"]) != 64 || len(want["SequenceNumber"]) != 20 {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestFIFODeduplicatesForFiveMinutes(t *testing.T) {
	s := newBench(t)
	url := s.createPropagateQueue()
	first := s.send(url, "a", "same")
	_, messages := s.receive(url, 1)
	_, err := s.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: messages[0].ReceiptHandle})
	s.failOnError(err)
	s.clock.Advance(5*time.Minute - time.Second)
	second := s.send(url, "a", "same")
	if aws.ToString(second.MessageId) != aws.ToString(first.MessageId) || len(s.Queue("propagate.fifo").Messages) != 0 {
		t.Error("the same body within five minutes is a new message")
	}
	s.clock.Advance(time.Second)
	third := s.send(url, "a", "same")
	if aws.ToString(third.SequenceNumber) <= aws.ToString(first.SequenceNumber) || len(s.Queue("propagate.fifo").Messages) != 1 {
		t.Error("the same body after five minutes is not a new message")
	}
}

func TestRedrive(t *testing.T) {
	s := newBench(t)
	url := s.createPropagateQueue()
	s.send(url, "a", "poison")
	for range 3 {
		got, _ := s.receive(url, 1)
		s.wantEqual("receive", got, "poison")
		s.send(url, "a", "next") // sent once, then deduplicated
		s.clock.Advance(time.Minute)
	}
	got, _ := s.receive(url, 1)
	s.wantEqual("the fourth receive", got, "next")
	if dead := s.Queue("dead.fifo"); dead.Visible != 1 || dead.Messages[0].Body != "poison" || dead.Messages[0].Receives != 3 {
		t.Errorf("dead-letter queue: %+v", dead)
	}
}

func TestVisibilityAndExpiredHandles(t *testing.T) {
	s := newBench(t)
	url := s.createPropagateQueue()
	s.send(url, "a", "one")
	_, messages := s.receive(url, 1)
	handle := messages[0].ReceiptHandle
	change := func(seconds int32) error {
		_, err := s.sqs.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: handle, VisibilityTimeout: seconds})
		return err
	}
	s.failOnError(change(120))
	s.clock.Advance(119 * time.Second)
	got, _ := s.receive(url, 1)
	s.wantEqual("before the new timeout", got, "")
	s.failOnError(change(0))
	_, err := s.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: handle})
	s.wantErrorCode("InvalidParameterValue", err)
	s.wantErrorCode("MessageNotInflight", change(10))
	got, _ = s.receive(url, 1)
	s.wantEqual("made visible", got, "one")
	_, err = s.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: handle})
	s.failOnError(err) // an old handle: accepted, and without effect
	if len(s.Queue("propagate.fifo").Messages) != 1 {
		t.Error("an old handle deleted the message")
	}
	_, err = s.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: aws.String("nonsense")})
	s.wantErrorCode("ReceiptHandleIsInvalid", err)
}

func TestStandardQueue(t *testing.T) {
	s := newBench(t)
	url := s.queue("plain", map[string]string{"DelaySeconds": "10", "MessageRetentionPeriod": "3600"})
	s.send(url, "", "one")
	s.send(url, "", "one")
	if got := s.Queue("plain"); got.Delayed != 2 {
		t.Errorf("delayed: %+v", got)
	}
	s.clock.Advance(10 * time.Second)
	got, _ := s.receive(url, 1)
	s.wantEqual("received", got, "one")
	attributes, err := s.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"}})
	s.failOnError(err)
	want := map[string]string{"QueueArn": "arn:aws:sqs:us-east-1:111111111111:plain", "CreatedTimestamp": "1767603600", "ApproximateNumberOfMessages": "1",
		"ApproximateNumberOfMessagesNotVisible": "1", "ApproximateNumberOfMessagesDelayed": "0", "DelaySeconds": "10", "MessageRetentionPeriod": "3600",
		"MaximumMessageSize": "1048576", "ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "30"}
	if diff := cmp.Diff(want, attributes.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	s.clock.Advance(time.Hour)
	if got := s.Queue("plain"); len(got.Messages) != 0 {
		t.Errorf("after the retention period: %+v", got)
	}
	s.send(url, "", "two")
	_, err = s.sqs.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url})
	s.failOnError(err)
	if got := s.Queue("plain"); len(got.Messages) != 0 {
		t.Errorf("after a purge: %+v", got)
	}
}

func TestCreateQueueIsRepeatable(t *testing.T) {
	s := newBench(t)
	url := s.createPropagateQueue()
	if again := s.createPropagateQueue(); again != url {
		t.Errorf("got %s, then %s", url, again)
	}
	out, err := s.sqs.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("propagate.fifo")})
	s.failOnError(err)
	s.wantEqual("URL", aws.ToString(out.QueueUrl), url)
}

func TestWhatSQSRefuses(t *testing.T) {
	s := newBench(t)
	url, plain := s.createPropagateQueue(), s.queue("plain", nil)
	strict := s.queue("strict.fifo", map[string]string{"FifoQueue": "true"})
	create := func(name string, attributes map[string]string) error {
		_, err := s.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		return err
	}
	s.wantErrorCode("QueueNameExists", create("plain", map[string]string{"VisibilityTimeout": "31"}))
	s.wantErrorCode("InvalidParameterValue", create("x", map[string]string{"FifoQueue": "true"}))
	s.wantErrorCode("InvalidAttributeName", create("x", map[string]string{"ContentBasedDeduplication": "true"}))
	s.wantErrorCode("InvalidAttributeValue", create("x", map[string]string{"VisibilityTimeout": "43201"}))
	s.wantErrorCode("InvalidAttributeValue", create("x", map[string]string{"RedrivePolicy": "{}"}))
	s.wantErrorCode("InvalidParameterValue", create("x", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:111111111111:dead.fifo","maxReceiveCount":3}`}))
	s.wantErrorCode("InvalidParameterValue", create("x", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:111111111111:none","maxReceiveCount":3}`}))
	s.wantErrorCode("StandinNotImplemented", create("x", map[string]string{"KmsMasterKeyId": "k"}))
	s.wantErrorCode("StandinNotImplemented", create("x.fifo", map[string]string{"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}))

	send := func(in sqs.SendMessageInput) error { _, err := s.sqs.SendMessage(t.Context(), &in); return err }
	one, group := aws.String("one"), aws.String("g")
	s.wantErrorCode("QueueDoesNotExist", send(sqs.SendMessageInput{QueueUrl: aws.String(url + "x"), MessageBody: one}))
	s.wantErrorCode("MissingParameter", send(sqs.SendMessageInput{QueueUrl: &url, MessageBody: one}))
	s.wantErrorCode("MissingParameter", send(sqs.SendMessageInput{QueueUrl: &plain, MessageBody: aws.String("")}))
	s.wantErrorCode("InvalidParameterValue", send(sqs.SendMessageInput{QueueUrl: &strict, MessageBody: one, MessageGroupId: group}))
	s.wantErrorCode("InvalidParameterValue", send(sqs.SendMessageInput{QueueUrl: &url, MessageBody: one, MessageGroupId: group, DelaySeconds: 5}))
	s.wantErrorCode("InvalidParameterValue", send(sqs.SendMessageInput{QueueUrl: &plain, MessageBody: one, MessageDeduplicationId: group}))
	s.wantErrorCode("InvalidParameterValue", send(sqs.SendMessageInput{QueueUrl: &plain, MessageBody: aws.String(strings.Repeat("x", 1<<20+1))}))
	s.wantErrorCode("StandinNotImplemented", send(sqs.SendMessageInput{QueueUrl: &plain, MessageBody: one,
		MessageAttributes: map[string]types.MessageAttributeValue{"a": {DataType: aws.String("String"), StringValue: one}}}))
	_, err := s.sqs.ListQueues(t.Context(), nil)
	s.wantErrorCode("StandinNotImplemented", err)
}
