package bus

import "slices"

// AddTopic makes an SNS topic, which rules can have as a target, and returns its ARN. Repeatable.
func (b *Bus) AddTopic(name string) (arn string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	arn = b.formatARN("sns", name)
	if _, exists := b.topics[arn]; !exists {
		b.topics[arn] = nil
	}
	return arn
}

// Published returns what rules have sent to a topic, in order.
func (b *Bus) Published(topicARN string) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.topics[topicARN])
}
