package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// rowView is one source of a rotation of everything, as people and programs read it.
type rowView struct {
	Source  string        `json:"source"`
	State   operate.State `json:"state"`
	Version string        `json:"version,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	Harm    *harmView     `json:"emergency,omitempty"`
}

// viewRows is how everything stands now.
func (c *campaign) viewRows() []rowView {
	var all []rowView
	for _, r := range c.rows {
		v := rowView{Source: r.Source.Name, State: r.State, Version: r.Version, Detail: c.describeRow(r)}
		if r.harm != nil {
			h := viewHarm(*r.harm)
			v.Harm = &h
		}
		all = append(all, v)
	}
	return all
}

// runTurns turns until nothing is left to do, the time is up, or somebody interrupts. A rotation that has started
// goes on whatever becomes of this program.
func (c *campaign) runTurns() error {
	end := c.now().Add(c.Timeout)
	for {
		err := c.Turn(c.ctx)
		c.board.drawRows(c.peopleWriter(), c.now(), c.viewRows())
		if err == nil && (c.IsSettled() || !c.now().Before(end)) {
			return c.printEnd(nil)
		}
		if err == nil {
			err = c.wait(c.ctx, c.Pause())
		}
		if err != nil {
			return c.printEnd(err)
		}
	}
}

// describeProgress returns what a source waits for, without a countdown.
func describeProgress(s plan.SourceReport, r plan.Report) string {
	followed := 0
	for _, c := range r.Consumers {
		if slices.Contains(s.Consumers, c.Name) && c.Current {
			followed++
		}
	}
	text := fmt.Sprintf("%d of %d consumers are current", followed, len(s.Consumers))
	if len(s.Owed) > 0 && len(s.Owed[0].Blocked) > 0 {
		text += "; the old credential waits: " + string(s.Owed[0].Blocked[0].Reason)
	}
	return text
}

// printEnd prints the end of every source. It returns an error where one was not rotated or has not finished.
func (c *campaign) printEnd(err error) error {
	if c.json {
		err = errors.Join(c.printJSON(map[string]any{"environment": c.env.Name, "sources": c.viewRows()}), err)
	}
	c.board.drawLast(c.peopleWriter(), c.viewRows())
	not, open := c.In(operate.Declined, operate.Failed), c.In(operate.Waiting, operate.Rotating, operate.GoesOn)
	if c.Wait {
		open = append(open, c.In(operate.Rotated)...)
	}
	var parts []string
	if len(not) > 0 {
		parts = append(parts, "not rotated: "+strings.Join(not, ", "))
	}
	if len(open) > 0 {
		parts = append(parts, "not finished: "+strings.Join(open, ", ")+"; rotary status "+c.env.Name+" shows them")
	}
	text := strings.Join(parts, "; ")
	switch {
	case err != nil && text != "":
		return fmt.Errorf("%s: %w", text, err)
	case len(not) > 0:
		return errors.New(text)
	case len(open) > 0:
		return unfinished{text}
	}
	return err
}
