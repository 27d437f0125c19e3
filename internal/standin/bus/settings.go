package bus

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// settings are the attributes that a queue was created with.
type settings struct {
	text                         map[string]string // every attribute, defaults included
	fifo, contentDedup           bool
	visibility, delay, retention time.Duration
	maxSize                      int
	redrive                      redrivePolicy // zero: none
}

// redrivePolicy sends messages that were received too often to another queue.
type redrivePolicy struct {
	DeadLetterTargetArn string `json:"deadLetterTargetArn"`
	MaxReceiveCount     int    `json:"maxReceiveCount"`
}

// numericAttributes returns the attributes that are numbers: lowest, highest and default
// (docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html).
func numericAttributes() map[string][3]int {
	return map[string][3]int{
		"DelaySeconds":                  {0, 900, 0},
		"MaximumMessageSize":            {1024, 1 << 20, 1 << 20},
		"MessageRetentionPeriod":        {60, 1209600, 345600},
		"ReceiveMessageWaitTimeSeconds": {0, 20, 0},
		"VisibilityTimeout":             {0, 43200, 30},
	}
}

// fifoAttributes returns the attributes of FIFO queues, with the values that are reproduced.
func fifoAttributes() map[string][]string {
	return map[string][]string{
		"FifoQueue":                 {"true"},
		"ContentBasedDeduplication": {"true", "false"},
		"DeduplicationScope":        {"queue"},
		"FifoThroughputLimit":       {"perQueue"},
	}
}

// parseSettings validates attributes and fills in the defaults. An attribute that is not reproduced is refused.
func parseSettings(name string, attributes map[string]string) (settings, error) {
	s := settings{text: map[string]string{}, fifo: attributes["FifoQueue"] == "true"}
	for attribute, limits := range numericAttributes() {
		s.text[attribute] = strconv.Itoa(limits[2])
	}
	if s.fifo {
		maps.Copy(s.text, map[string]string{"ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"})
	}
	if s.fifo != strings.HasSuffix(name, ".fifo") {
		return s, wire.Errorf("InvalidParameterValue", "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	}
	for _, attribute := range slices.Sorted(maps.Keys(attributes)) {
		if err := s.setAttribute(attribute, attributes[attribute]); err != nil {
			return s, err
		}
	}
	s.contentDedup = s.text["ContentBasedDeduplication"] == "true"
	s.visibility, s.delay, s.retention = s.durationOf("VisibilityTimeout"), s.durationOf("DelaySeconds"), s.durationOf("MessageRetentionPeriod")
	s.maxSize, _ = strconv.Atoi(s.text["MaximumMessageSize"]) // set has checked it
	return s, nil
}

func (s *settings) setAttribute(attribute, value string) error {
	refused := wire.Errorf("InvalidAttributeValue", "Invalid value for the parameter %s.", attribute)
	limits, number := numericAttributes()[attribute]
	values, fifo := fifoAttributes()[attribute]
	switch {
	case number:
		n, err := strconv.Atoi(value)
		if err != nil || n < limits[0] || n > limits[1] {
			return refused
		}
	case fifo && !s.fifo:
		return wire.Errorf("InvalidAttributeName", "Unknown Attribute %s.", attribute)
	case fifo && !slices.Contains(values, value):
		return wire.NotImplemented("sqs attribute %s=%s", attribute, value)
	case attribute == "RedrivePolicy":
		if json.Unmarshal([]byte(value), &s.redrive) != nil || s.redrive.MaxReceiveCount < 1 || s.redrive.MaxReceiveCount > 1000 {
			return refused
		}
	case !fifo:
		return wire.NotImplemented("sqs attribute %s", attribute)
	}
	s.text[attribute] = value
	return nil
}

func (s *settings) durationOf(attribute string) time.Duration {
	n, _ := strconv.Atoi(s.text[attribute]) // set has checked it
	return time.Duration(n) * time.Second
}
