package bus

import (
	"regexp"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// whole is the reserved variable for the event as it is
// (docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-predefined).
const whole = "<aws.events.event.json>"

// transformer is a target's InputTransformer. The event as a whole can stand in it, and no part of the event.
type transformer struct {
	InputPathsMap map[string]string `json:",omitempty"`
	InputTemplate string
}

func (t *transformer) checkTemplate() error {
	if t == nil {
		return nil
	}
	if t.InputTemplate == "" {
		return wire.Errorf("ValidationException", "InputTemplate must not be empty.")
	}
	if rest := strings.ReplaceAll(t.InputTemplate, whole, ""); len(t.InputPathsMap) > 0 || regexp.MustCompile(`<[^>]*>`).MatchString(rest) {
		return wire.NotImplemented("input transformers with parts of an event")
	}
	return nil
}

func (t *transformer) transformEvent(event []byte) []byte {
	return []byte(strings.ReplaceAll(t.InputTemplate, whole, string(event)))
}
