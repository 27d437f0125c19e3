package main

import (
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// notRotated is the error for a source that is not rotated now: why, what for that waits, and what to do. Nothing was
// changed.
type notRotated struct{ name, why, waits, then string }

func (n *notRotated) Error() string {
	text := n.name + " is not rotated: " + n.why + "; nothing was changed"
	if strings.HasPrefix(n.then, "to join") {
		text = n.name + " " + n.why + "; nothing was changed"
		return text + "\n  " + n.then
	}
	if n.waits != "" {
		text += "\n  waits for: " + indentMore(n.waits)
	}
	if n.then != "" {
		text += "\n  then:      " + indentMore(n.then)
	}
	return text
}

// indentMore puts the lines after the first under it.
func indentMore(text string) string { return strings.ReplaceAll(text, "\n", "\n             ") }

// refuseHindered returns the error for a planned rotation that would be refused.
func (s *session) refuseHindered(source string, h operate.Hindrance, report plan.Report) error {
	if h.Owed == nil {
		return refuseRotation(source, s.describeHindrance(source, h, report))
	}
	n := &notRotated{name: source, why: history.Short(h.Owed.Version) + " is still owed, and would be overwritten"}
	var asks []string
	for _, a := range operate.Measure(report, source).Asks {
		asks = append(asks, a.Do)
	}
	n.waits = describeBlock(*h.Owed, report)
	asks = append(asks, fmt.Sprintf("if it has leaked: rotary rotate %s %s --emergency", s.env.Name, source))
	n.then = strings.Join(asks, "\n")
	return n
}

// describeHindrance returns why a planned rotation would be refused.
func (s *session) describeHindrance(source string, h operate.Hindrance, report plan.Report) string {
	switch {
	case h.NotAccepted != "":
		return fmt.Sprintf("its target has not accepted version %s, which is current: put another value, or, if this one "+
			"is right: rotary accept %s %s --value", history.Short(h.NotAccepted), s.env.Name, source)
	case h.NoValue:
		return describeNoValue(s.env, source)
	case h.Owed != nil:
		return "version " + history.Short(h.Owed.Version) + " is not retired yet: " + describeBlock(*h.Owed, report)
	}
	return "a rotation to version " + history.Short(h.Pending) + " is under way: rotary status " + s.env.Name
}
