package bus

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// throttleRetry is the time until a throttled batch is tried again.
const throttleRetry = 5 * time.Second

// mapping is one event source mapping: a queue feeds a function.
type mapping struct {
	queue, function string // ARNs
	batch           int
	timer           *sim.Timer // the next poll; nil where nothing can be received
	at              time.Time
}

// Connect makes the event source mapping of a queue, which need not exist yet, with ReportBatchItemFailures on.
// Repeatable. Messages reach the function in batches of at most batchSize, of one message group each, as soon as they
// can be received and the clock is advanced; the function runs on the goroutine that advances it.
//
//	the function answers                 every message is deleted but those it reports as failed
//	it reports what is not in the batch  none is deleted
//	it fails                             none is deleted
//	it cannot be run (throttled)         the same batch again every 5 s, until its visibility timeout
//
// What is not deleted comes back when the queue's visibility timeout has passed, and goes to the dead-letter queue
// after maxReceiveCount times. As in AWS, a FIFO consumer has to report the messages after a failed one itself
// (docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
func (b *Bus) Connect(queueARN, functionARN string, batchSize int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	same := func(m *mapping) bool { return m.queue == queueARN && m.function == functionARN }
	if i := slices.IndexFunc(b.mappings, same); i >= 0 {
		b.mappings[i].batch = batchSize
		return
	}
	b.mappings = append(b.mappings, &mapping{queue: queueARN, function: functionARN, batch: batchSize})
	if q := b.findQueue(queueARN); q != nil {
		b.schedulePolls(q)
	}
}

// isMappedToFunction reports whether a function is connected to a queue.
func (b *Bus) isMappedToFunction(q *queue) bool {
	return slices.ContainsFunc(b.mappings, func(m *mapping) bool { return m.queue == q.arn })
}

// schedulePolls sets the polls of a queue for when something can be received. Every change of a queue ends with it.
func (b *Bus) schedulePolls(q *queue) {
	now := b.cfg.Clock.Now()
	at, ok := q.nextReceivableAt(now)
	for _, m := range b.mappings {
		if m.queue != q.arn || m.timer != nil && ok && m.at.Equal(at) {
			continue
		}
		if m.timer != nil {
			m.timer.Stop()
			m.timer = nil
		}
		if ok {
			m.at = at
			m.timer = b.cfg.Clock.After(at.Sub(now), "poll of "+q.name, func() { b.pollQueue(q, m) })
		}
	}
}

// pollQueue receives once and runs the function on what it got.
func (b *Bus) pollQueue(q *queue, m *mapping) {
	b.mu.Lock()
	m.timer = nil
	batches := groupMessages(b.takeMessages(q, m.batch, max(q.settings.visibility, time.Second)))
	events := make([][]byte, len(batches))
	for i, batch := range batches {
		events[i] = b.makeSQSEvent(q, batch)
	}
	b.mu.Unlock()
	for i, batch := range batches {
		b.runBatch(q, m, batch, events[i])
	}
}

// groupMessages splits messages into batches of one group each, in order of first appearance.
func groupMessages(messages []*message) (batches [][]*message) {
	for _, m := range messages {
		i := slices.IndexFunc(batches, func(batch []*message) bool { return batch[0].group == m.group })
		if i < 0 {
			i, batches = len(batches), append(batches, nil)
		}
		batches[i] = append(batches[i], m)
	}
	return batches
}

// runBatch invokes the function on a batch and deletes what it has done.
func (b *Bus) runBatch(q *queue, m *mapping, batch []*message, event []byte) {
	response, functionError, err := b.cfg.Invoke(context.Background(), m.function, event)
	if err != nil {
		b.retryDelivery(q, m, batch, event)
		return
	}
	failed, understood := parseBatchFailures(response, batch)
	if functionError != "" || !understood {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, message := range batch {
		if !failed[message.id] && message.inFlight(b.cfg.Clock.Now()) {
			q.removeMessage(message)
		}
	}
	b.schedulePolls(q)
}

// retryDelivery keeps a batch that could not be run while it is still in flight.
func (b *Bus) retryDelivery(q *queue, m *mapping, batch []*message, event []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cfg.Clock.Now().Add(throttleRetry).Before(batch[0].visibleAt) {
		b.cfg.Clock.After(throttleRetry, "throttled batch of "+q.name, func() { b.runBatch(q, m, batch, event) })
	}
}

// parseBatchFailures reads a function's answer. Nothing, null, or no list means success; what Lambda does not
// understand means that the whole batch failed.
func parseBatchFailures(response []byte, batch []*message) (failed map[string]bool, understood bool) {
	failed = map[string]bool{}
	if len(response) == 0 {
		return failed, true
	}
	var answer struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if json.Unmarshal(response, &answer) != nil {
		return nil, false
	}
	for _, f := range answer.BatchItemFailures {
		if !slices.ContainsFunc(batch, func(m *message) bool { return m.id == f.ItemIdentifier }) {
			return nil, false
		}
		failed[f.ItemIdentifier] = true
	}
	return failed, true
}

// record is one message as Lambda passes it on
// (docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event).
type record struct {
	MessageID         string            `json:"messageId"`
	ReceiptHandle     string            `json:"receiptHandle"`
	Body              string            `json:"body"`
	Attributes        map[string]string `json:"attributes"`
	MessageAttributes struct{}          `json:"messageAttributes"`
	MD5OfBody         string            `json:"md5OfBody"`
	EventSource       string            `json:"eventSource"`
	EventSourceARN    string            `json:"eventSourceARN"`
	AWSRegion         string            `json:"awsRegion"`
}

func (b *Bus) makeSQSEvent(q *queue, batch []*message) []byte {
	records := make([]record, 0, len(batch))
	for _, m := range batch {
		records = append(records, record{MessageID: m.id, ReceiptHandle: m.receipt, Body: m.body, Attributes: b.systemAttributes(m),
			MD5OfBody: m.md5, EventSource: "aws:sqs", EventSourceARN: q.arn, AWSRegion: b.cfg.Region})
	}
	event, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		panic(err) // strings only
	}
	return event
}
