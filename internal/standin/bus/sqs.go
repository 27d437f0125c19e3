package bus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// SQS returns the SQS API. ReceiveMessage never waits: WaitTimeSeconds is accepted, but the clock stands still
// meanwhile.
func (b *Bus) SQS() wire.JSONService {
	return wire.JSONService{
		Name: "sqs", Target: "AmazonSQS",
		Ops: map[string]wire.Op{
			"CreateQueue": wire.Handle(b.createQueue), "GetQueueUrl": wire.Handle(b.getQueueURL), "GetQueueAttributes": wire.Handle(b.getQueueAttributes),
			"SendMessage": wire.Handle(b.sendMessage), "ReceiveMessage": wire.Handle(b.receiveMessage), "DeleteMessage": wire.Handle(b.deleteMessage),
			"ChangeMessageVisibility": wire.Handle(b.changeMessageVisibility), "PurgeQueue": wire.Handle(b.purgeQueue),
		},
		Reads: func(operation string) bool { return strings.HasPrefix(operation, "Get") },
	}
}

func (b *Bus) queueURL(q *queue) string {
	return fmt.Sprintf("https://sqs.%s.%s/%s/%s", b.cfg.Region, manifest.DNSSuffixOf(b.cfg.Region), b.cfg.Account, q.name)
}

type createQueueInput struct {
	QueueName  string
	Attributes map[string]string
}

// createQueue creates a queue. It is repeatable with the same attributes.
func (b *Bus) createQueue(_ context.Context, in createQueueInput) (any, error) {
	s, err := parseSettings(in.QueueName, in.Attributes)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if q, found := b.queues[in.QueueName]; found {
		for name, value := range in.Attributes {
			if q.settings.text[name] != value {
				return nil, wire.Errorf("QueueNameExists", "A queue already exists with the same name and a different value for attribute(s).")
			}
		}
		return map[string]string{"QueueUrl": b.queueURL(q)}, nil
	}
	if err := b.checkRedrive(s); err != nil {
		return nil, err
	}
	q := &queue{name: in.QueueName, arn: b.formatARN("sqs", in.QueueName), created: b.cfg.Clock.Now(), settings: s, recent: map[string]*message{}}
	b.queues[in.QueueName] = q
	return map[string]string{"QueueUrl": b.queueURL(q)}, nil
}

// checkRedrive fails unless the dead-letter queue exists and is of the same kind.
func (b *Bus) checkRedrive(s settings) error {
	arn := s.redrive.DeadLetterTargetArn
	if arn == "" {
		return nil
	}
	dead := b.findQueue(arn)
	if dead == nil {
		return wire.Errorf("InvalidParameterValue", "Value for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.")
	}
	if dead.settings.fifo != s.fifo {
		return wire.Errorf("InvalidParameterValue", "Value for parameter RedrivePolicy is invalid. Reason: Dead-letter target should be of the same type as the source.")
	}
	return nil
}

// withQueue runs do on a queue that exists, under the lock. url may be a queue's name too.
func (b *Bus) withQueue(url string, do func(*queue) (any, error)) (any, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q, found := b.queues[url[strings.LastIndex(url, "/")+1:]]
	if !found {
		return nil, wire.Errorf("QueueDoesNotExist", "The specified queue does not exist.")
	}
	return do(q)
}

type getQueueURLInput struct {
	QueueName              string
	QueueOwnerAWSAccountID string `json:"QueueOwnerAWSAccountId"`
}

func (b *Bus) getQueueURL(_ context.Context, in getQueueURLInput) (any, error) {
	if in.QueueOwnerAWSAccountID != "" && in.QueueOwnerAWSAccountID != b.cfg.Account {
		return nil, wire.NotImplemented("queues of other accounts")
	}
	return b.withQueue(in.QueueName, func(q *queue) (any, error) { return map[string]string{"QueueUrl": b.queueURL(q)}, nil })
}

type getQueueAttributesInput struct {
	QueueURL       string `json:"QueueUrl"`
	AttributeNames []string
}

func (b *Bus) getQueueAttributes(_ context.Context, in getQueueAttributesInput) (any, error) {
	return b.withQueue(in.QueueURL, func(q *queue) (any, error) {
		state, all := q.describeState(b.cfg.Clock.Now()), maps.Clone(q.settings.text)
		all["QueueArn"], all["CreatedTimestamp"] = q.arn, strconv.FormatInt(q.created.Unix(), 10)
		all["ApproximateNumberOfMessages"] = strconv.Itoa(state.Visible)
		all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(state.InFlight)
		all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(state.Delayed)
		return map[string]any{"Attributes": selectAttributes(all, in.AttributeNames)}, nil
	})
}

// selectAttributes keeps the attributes that were asked for; All is every one.
func selectAttributes(all map[string]string, names []string) map[string]string {
	if slices.Contains(names, "All") {
		return all
	}
	maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(names, name) })
	return all
}

type sendMessageInput struct {
	QueueURL               string `json:"QueueUrl"`
	MessageBody            string
	DelaySeconds           int
	MessageGroupID         string `json:"MessageGroupId"`
	MessageDeduplicationID string `json:"MessageDeduplicationId"`
}

type sendMessageOutput struct {
	MessageID        string `json:"MessageId"`
	MD5OfMessageBody string
	SequenceNumber   string `json:",omitempty"`
}

func (b *Bus) sendMessage(_ context.Context, in sendMessageInput) (any, error) {
	return b.withQueue(in.QueueURL, func(q *queue) (any, error) {
		m, err := b.enqueueMessage(q, in)
		if err != nil {
			return nil, err
		}
		return sendMessageOutput{m.id, m.md5, m.sequence}, nil
	})
}

type receiveMessageInput struct {
	QueueURL                    string `json:"QueueUrl"`
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             int
	AttributeNames              []string
	MessageSystemAttributeNames []string
}

type receivedMessage struct {
	MessageID     string `json:"MessageId"`
	ReceiptHandle string
	MD5OfBody     string
	Body          string
	Attributes    map[string]string `json:",omitempty"`
}

func (b *Bus) receiveMessage(_ context.Context, in receiveMessageInput) (any, error) {
	limit := 1
	if in.MaxNumberOfMessages != nil {
		limit = *in.MaxNumberOfMessages
	}
	if limit < 1 || limit > 10 {
		return nil, wire.Errorf("InvalidParameterValue", "Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", limit)
	}
	return b.withQueue(in.QueueURL, func(q *queue) (any, error) {
		visibility := q.settings.visibility
		if in.VisibilityTimeout != nil {
			visibility = time.Duration(*in.VisibilityTimeout) * time.Second
		}
		messages := []receivedMessage{}
		for _, m := range b.takeMessages(q, limit, visibility) {
			attributes := selectAttributes(b.systemAttributes(m), append(in.AttributeNames, in.MessageSystemAttributeNames...))
			messages = append(messages, receivedMessage{m.id, m.receipt, m.md5, m.body, attributes})
		}
		return map[string]any{"Messages": messages}, nil
	})
}

// systemAttributes returns a message's system attributes.
func (b *Bus) systemAttributes(m *message) map[string]string {
	all := map[string]string{
		"ApproximateReceiveCount":          strconv.Itoa(m.receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.firstReceived.UnixMilli(), 10),
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"SenderId":                         b.cfg.Account,
	}
	for name, value := range map[string]string{"MessageGroupId": m.group, "MessageDeduplicationId": m.dedup, "SequenceNumber": m.sequence} {
		if value != "" {
			all[name] = value
		}
	}
	return all
}

type deleteMessageInput struct {
	QueueURL      string `json:"QueueUrl"`
	ReceiptHandle string
}

// deleteMessage deletes a message. It is repeatable. In a FIFO queue the handle is valid only while the message is in
// flight.
func (b *Bus) deleteMessage(_ context.Context, in deleteMessageInput) (any, error) {
	return b.withQueue(in.QueueURL, func(q *queue) (any, error) {
		if !strings.HasPrefix(in.ReceiptHandle, "AQEB") {
			return nil, wire.Errorf("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
		}
		m := q.findByReceipt(in.ReceiptHandle)
		if m == nil {
			return emptyAnswer{}, nil
		}
		if q.settings.fifo && !m.inFlight(b.cfg.Clock.Now()) {
			return nil, wire.Errorf("InvalidParameterValue", "Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.")
		}
		q.removeMessage(m)
		b.schedulePolls(q)
		return emptyAnswer{}, nil
	})
}

type changeMessageVisibilityInput struct {
	QueueURL          string `json:"QueueUrl"`
	ReceiptHandle     string
	VisibilityTimeout int
}

func (b *Bus) changeMessageVisibility(_ context.Context, in changeMessageVisibilityInput) (any, error) {
	return b.withQueue(in.QueueURL, func(q *queue) (any, error) {
		m, now := q.findByReceipt(in.ReceiptHandle), b.cfg.Clock.Now()
		if m == nil || !m.inFlight(now) {
			return nil, wire.Errorf("MessageNotInflight", "The specified message isn't in flight.")
		}
		m.visibleAt = now.Add(time.Duration(in.VisibilityTimeout) * time.Second)
		b.schedulePolls(q)
		return emptyAnswer{}, nil
	})
}

func (b *Bus) purgeQueue(_ context.Context, in struct {
	QueueURL string `json:"QueueUrl"`
}) (any, error) {
	return b.withQueue(in.QueueURL, func(q *queue) (any, error) {
		q.messages = nil
		b.schedulePolls(q)
		return emptyAnswer{}, nil
	})
}
