package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// rowView is one source of a rotation of several, as people and programs read it.
type rowView struct {
	Source  string        `json:"source"`
	State   operate.State `json:"state"`
	Version string        `json:"version,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	Harm    *harmView     `json:"emergency,omitempty"`
}

// viewRows returns the present row of each source.
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

// describeRow returns a row as one line.
func (r rowView) describeRow() string {
	line := r.Source + ": " + string(r.State)
	if r.Version != "" {
		line += ", version " + history.Short(r.Version)
	}
	if r.Detail != "" {
		line += ": " + r.Detail
	}
	return line
}

// runTurns turns until nothing is left to do, the time is up, or somebody interrupts. A rotation that has started
// goes on whatever becomes of this program.
func (c *campaign) runTurns() error {
	started, failures := c.now(), 0
	if c.display.showsBoard() {
		fmt.Fprintln(c.err, c.renderHeading())
	}
	for {
		err := c.Turn(c.ctx)
		if shown := c.showChanges(); shown != nil {
			return shown
		}
		switch failures++; {
		case err == nil:
			failures = 0
		case c.ctx.Err() != nil, isExpired(err), failures >= patience:
			return c.printEnd(err)
		default:
			c.display.showWord("cannot look: " + firstSentence(err) + "; trying again")
		}
		if err == nil && (c.IsSettled() || !c.now().Before(started.Add(c.findTimeout()))) {
			return c.printEnd(nil)
		}
		if err := c.wait(c.ctx, c.Pause()); err != nil {
			return c.printEnd(err)
		}
	}
}

// findTimeout returns how long is waited: twice the estimate of the slowest source, where nobody says how long.
func (c *campaign) findTimeout() time.Duration {
	longest := time.Duration(0)
	for _, s := range c.Report.Sources {
		if _, followed := c.Progress[s.Name]; followed {
			longest = max(longest, s.Pace.Total())
		}
	}
	return cmp.Or(c.Timeout, doubleEstimate(longest))
}

// renderHeading returns what stands above the board.
func (c *campaign) renderHeading() string {
	s := c.display.watched().Screen
	return s.Heading(placeOf(c.env), "rotate "+countNoun(len(c.rows), "source"), "UTC") + "\n" +
		describeLeaving(s, c.joinCommand()) + "\n"
}

// showChanges prints what has changed since it was called before, and draws the board where there is one.
func (c *campaign) showChanges() error {
	for _, v := range c.viewRows() {
		_, followed := c.Progress[v.Source]
		line := v.describeRow()
		if c.told[v.Source] == line || followed && v.State != operate.Failed {
			continue
		}
		c.told[v.Source] = line
		switch {
		case c.json && c.Wait:
			if err := c.printLine(rowEvent{c.now(), v.Source, "state", v}); err != nil {
				return err
			}
		case !c.display.showsBoard():
			fmt.Fprintln(c.err, formatClock(c.now())+" "+line)
		}
	}
	if c.json && !c.Wait {
		return nil
	}
	if err := c.display.showEvents(c.News); err != nil {
		return err
	}
	c.display.drawBoard(c.listItems())
	return nil
}

// rowEvent is a change of a source that is not followed yet, for a program.
type rowEvent struct {
	At     time.Time `json:"at"`
	Source string    `json:"source"`
	Event  string    `json:"event"`
	rowView
}

// listItems returns the board: the progress of what is followed, and of each other source its state.
func (c *campaign) listItems() []item {
	signs := map[operate.State]screen.Sign{
		operate.Rotating: screen.Busy, operate.Rotated: screen.Done, operate.Done: screen.Done,
		operate.GoesOn:   screen.Attention,
		operate.Declined: screen.Failed, operate.Failed: screen.Failed,
	}
	var all []item
	for _, v := range c.viewRows() {
		i := item{sign: signs[v.State], words: strings.TrimPrefix(v.describeRow(), v.Source+": ")}
		i.Source = v.Source
		if p, followed := c.Progress[v.Source]; followed && v.State != operate.Failed {
			i = item{Progress: p}
		}
		all = append(all, i)
	}
	return all
}

// printEnd prints the end of every source. It returns an error where one was not rotated or has not finished.
func (c *campaign) printEnd(err error) error {
	not, open := c.In(operate.Declined, operate.Failed), c.In(operate.Waiting, operate.Rotating, operate.GoesOn)
	if c.Wait {
		open = append(open, c.In(operate.Rotated)...)
	}
	c.display.leaveBoard()
	if shown := c.printRows(len(not)+len(open) == 0 && err == nil); shown != nil {
		return shown
	}
	if c.ctx.Err() != nil {
		return stopNotice{c.describeStop()}
	}
	var parts []string
	if len(not) > 0 {
		parts = append(parts, "not rotated: "+strings.Join(not, ", "))
	}
	if len(open) > 0 {
		parts = append(parts, "not finished: "+strings.Join(open, ", ")+"; it goes on: "+c.joinCommand())
	}
	text := strings.Join(parts, "; ")
	switch {
	case isExpired(err):
		return fmt.Errorf("%s\nyour AWS credentials have expired; what has started goes on. "+
			"Sign in again (aws sso login)\n%w", text, err)
	case err != nil && text != "":
		return fmt.Errorf("%s: %w", text, err)
	case len(not) > 0:
		return errors.New(text)
	case len(open) > 0:
		return unfinished{text}
	}
	return err
}

// describeStop returns what is said after Ctrl-C.
func (c *campaign) describeStop() string {
	text := "Stopped watching. What has started goes on: " + c.joinCommand()
	if waiting := c.In(operate.Waiting); len(waiting) > 0 {
		text = "Stopped. Not started: " + strings.Join(waiting, ", ") + ". What has started goes on: " + c.joinCommand()
	}
	return text
}

// printRows prints the end of every source: its last object to a program; to people a table, which stands on the
// terminal already where the board was drawn there.
func (c *campaign) printRows(reached bool) error {
	end := map[string]any{"environment": c.env.Name, "sources": c.viewRows()}
	switch {
	case c.json && c.Wait:
		end["event"], end["at"], end["reached"] = "end", c.now(), reached
		return c.printLine(end)
	case c.json:
		return c.printJSON(end)
	case c.display.showsBoard() && c.shown():
		return nil
	}
	view := c.view()
	var rows [][]string
	for _, v := range c.viewRows() {
		rows = append(rows, []string{v.Source, string(v.State), history.Short(v.Version), v.Detail})
	}
	header := []string{"source", "state", "version", "detail"}
	_, err := fmt.Fprintln(c.out, view.Table(screen.Table{Header: header, Rows: rows}))
	return err
}
