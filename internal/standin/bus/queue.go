package bus

import (
	"crypto/md5" //nolint:gosec // SQS's own checksum
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// dedupInterval is the time for which a FIFO queue drops duplicates.
const dedupInterval = 5 * time.Minute

// message is one message in a queue.
type message struct {
	id, body, md5, group, dedup, sequence string
	sent, firstReceived                   time.Time
	visibleAt                             time.Time
	receives                              int
	receipt                               string // of the last receive
}

// inFlight reports whether somebody has received the message and may still delete it.
func (m *message) inFlight(now time.Time) bool { return m.receipt != "" && m.visibleAt.After(now) }

// queue is one SQS queue. All its methods belong under Bus.mu.
type queue struct {
	name, arn string
	created   time.Time
	settings  settings
	messages  []*message          // in the order they were sent
	recent    map[string]*message // FIFO: what was sent lately, by deduplication id
}

// enqueueMessage adds a message, unless a FIFO queue has had it within five minutes: then it returns that one.
func (b *Bus) enqueueMessage(q *queue, in sendMessageInput) (*message, error) {
	now := b.cfg.Clock.Now()
	if err := q.validateMessage(&in); err != nil {
		return nil, err
	}
	if before := q.recent[in.MessageDeduplicationID]; q.settings.fifo && before != nil && now.Sub(before.sent) < dedupInterval {
		return before, nil
	}
	sum := md5.Sum([]byte(in.MessageBody)) //nolint:gosec // SQS's own checksum
	m := &message{id: b.newUUIDLocked(), body: in.MessageBody, md5: hex.EncodeToString(sum[:]), group: in.MessageGroupID,
		dedup: in.MessageDeduplicationID, sent: now, visibleAt: now.Add(q.messageDelay(in))}
	if q.settings.fifo {
		m.sequence = b.newSequenceNumber()
		q.recent[m.dedup] = m
	}
	q.messages = append(q.messages, m)
	b.schedulePolls(q)
	return m, nil
}

// validateMessage validates a message and fills in its deduplication id.
func (q *queue) validateMessage(in *sendMessageInput) error {
	switch {
	case in.MessageBody == "":
		return wire.Errorf("MissingParameter", "The request must contain the parameter MessageBody.")
	case len(in.MessageBody) > q.settings.maxSize:
		return wire.Errorf("InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.settings.maxSize)
	case !q.settings.fifo && in.MessageDeduplicationID != "":
		return wire.Errorf("InvalidParameterValue", "The request includes parameter MessageDeduplicationId, which is not valid for this queue type.")
	case !q.settings.fifo:
		return nil
	case in.MessageGroupID == "":
		return wire.Errorf("MissingParameter", "The request must contain the parameter MessageGroupId.")
	case in.DelaySeconds != 0:
		return wire.Errorf("InvalidParameterValue", "Value %d for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.", in.DelaySeconds)
	case in.MessageDeduplicationID == "" && !q.settings.contentDedup:
		return wire.Errorf("InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	case in.MessageDeduplicationID == "":
		in.MessageDeduplicationID = fmt.Sprintf("%x", sha256.Sum256([]byte(in.MessageBody)))
	}
	return nil
}

func (q *queue) messageDelay(in sendMessageInput) time.Duration {
	if in.DelaySeconds != 0 {
		return time.Duration(in.DelaySeconds) * time.Second
	}
	return q.settings.delay
}

// newSequenceNumber returns the next SequenceNumber: 20 digits, ascending.
func (b *Bus) newSequenceNumber() string {
	b.ids++
	return fmt.Sprintf("188%017d", b.ids)
}

// takeMessages takes up to limit messages out of sight for a while. In a FIFO queue a message stands behind every
// earlier one of its group, and behind those of the group that are in flight. A message that has been received
// as often as the redrive policy allows goes to the dead-letter queue instead.
func (b *Bus) takeMessages(q *queue, limit int, visibility time.Duration) []*message {
	now := b.cfg.Clock.Now()
	q.dropExpired(now)
	var got []*message
	for _, m := range q.listReceivable(now) {
		if len(got) == limit {
			break
		}
		if dead := b.findQueue(q.settings.redrive.DeadLetterTargetArn); dead != nil && m.receives >= q.settings.redrive.MaxReceiveCount {
			b.moveToDeadLetterQueue(q, dead, m)
			continue
		}
		m.receives++
		if m.receives == 1 {
			m.firstReceived = now
		}
		m.receipt, m.visibleAt = fmt.Sprintf("AQEB%s/%d", m.id, m.receives), now.Add(visibility)
		got = append(got, m)
	}
	b.schedulePolls(q)
	return got
}

// listReceivable lists, in order, what a receive could take now.
func (q *queue) listReceivable(now time.Time) []*message {
	locked := q.lockedGroups(now)
	var free []*message
	for _, m := range q.messages {
		if m.visibleAt.After(now) || locked[m.group] {
			locked[m.group] = q.settings.fifo
			continue
		}
		free = append(free, m)
	}
	return free
}

// lockedGroups returns the groups of a FIFO queue that have a message in flight.
func (q *queue) lockedGroups(now time.Time) map[string]bool {
	groups := map[string]bool{}
	for _, m := range q.messages {
		if q.settings.fifo && m.inFlight(now) {
			groups[m.group] = true
		}
	}
	return groups
}

// nextReceivableAt returns the next time at which a message can be received: now, or when one becomes visible.
func (q *queue) nextReceivableAt(now time.Time) (at time.Time, ok bool) {
	if len(q.listReceivable(now)) > 0 {
		return now, true
	}
	for _, m := range q.messages {
		if m.visibleAt.After(now) && (!ok || m.visibleAt.Before(at)) {
			at, ok = m.visibleAt, true
		}
	}
	return at, ok
}

// moveToDeadLetterQueue moves a message to the dead-letter queue; in a FIFO one it counts as sent now.
func (b *Bus) moveToDeadLetterQueue(q, dead *queue, m *message) {
	q.removeMessage(m)
	moved := *m
	moved.receipt, moved.visibleAt = "", b.cfg.Clock.Now()
	if dead.settings.fifo {
		moved.sent, moved.sequence = b.cfg.Clock.Now(), b.newSequenceNumber()
	}
	dead.messages = append(dead.messages, &moved)
	b.schedulePolls(dead)
}

// dropExpired drops what has been in the queue for the retention period.
func (q *queue) dropExpired(now time.Time) {
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return now.Sub(m.sent) >= q.settings.retention })
	for id, m := range q.recent {
		if now.Sub(m.sent) >= dedupInterval {
			delete(q.recent, id)
		}
	}
}

func (q *queue) removeMessage(m *message) {
	q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
}

// findByReceipt finds the message that was last received under this handle.
func (q *queue) findByReceipt(receipt string) *message {
	i := slices.IndexFunc(q.messages, func(m *message) bool { return m.receipt == receipt })
	if receipt == "" || i < 0 {
		return nil
	}
	return q.messages[i]
}

// findQueue finds a queue by its ARN; nil where there is none.
func (b *Bus) findQueue(arn string) *queue {
	for _, q := range b.queues {
		if q.arn == arn {
			return q
		}
	}
	return nil
}

// QueueState is the content of a queue.
type QueueState struct {
	Visible, InFlight, Delayed int
	Messages                   []Message // in the order they were sent
}

// Message is one message of a QueueState.
type Message struct {
	ID, Body, Group string
	Receives        int
}

// Queue returns the content of a queue; nothing where there is no such queue.
func (b *Bus) Queue(name string) QueueState {
	b.mu.Lock()
	defer b.mu.Unlock()
	q, found := b.queues[name]
	if !found {
		return QueueState{}
	}
	return q.describeState(b.cfg.Clock.Now())
}

func (q *queue) describeState(now time.Time) QueueState {
	q.dropExpired(now)
	var s QueueState
	for _, m := range q.messages {
		switch {
		case m.inFlight(now):
			s.InFlight++
		case m.visibleAt.After(now):
			s.Delayed++
		default:
			s.Visible++
		}
		s.Messages = append(s.Messages, Message{m.id, m.body, m.group, m.receives})
	}
	return s
}
