package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const (
	glanceEvery = time.Second      // how often what rotates is looked at
	slow        = 10 * time.Minute // a rotation that takes longer keeps no other from starting
)

// run turns until nothing is left to do, the time is up, or somebody interrupts. A rotation that has started goes on
// whatever becomes of this program.
func (c *campaign) run() error {
	end := c.now().Add(c.Timeout)
	for {
		err := c.turn()
		c.board.draw(c.people(), c.now(), c.rows)
		if err == nil && (c.settled() || !c.now().Before(end)) {
			return c.finish(nil)
		}
		if err == nil {
			err = c.wait(c.ctx, c.pause())
		}
		if err != nil {
			return c.finish(err)
		}
	}
}

// turn looks at what rotates, starts what may start, and follows once everything has started.
func (c *campaign) turn() error {
	for _, r := range c.rows {
		if r.State == rotating {
			c.glance(r)
		}
	}
	for _, r := range c.rows {
		if r.State == waitsTurn && c.underWay() < c.Parallel && c.ctx.Err() == nil {
			c.start(r)
		}
	}
	if c.Wait && !c.starting() && len(c.in(rotated)) > 0 {
		return c.followAll()
	}
	return c.ctx.Err()
}

// in names the sources that are in one of these states.
func (c *campaign) in(states ...string) []string {
	var names []string
	for _, r := range c.rows {
		if slices.Contains(states, r.State) {
			names = append(names, r.Source)
		}
	}
	return names
}

// starting says whether something is still to start, or has just started.
func (c *campaign) starting() bool { return len(c.in(waitsTurn)) > 0 || c.underWay() > 0 }

func (c *campaign) settled() bool {
	return len(c.in(waitsTurn, rotating)) == 0 && (!c.Wait || len(c.in(rotated)) == 0)
}

func (c *campaign) pause() time.Duration {
	if c.starting() {
		return glanceEvery
	}
	return pollEvery
}

// underWay counts the rotations that keep others from starting.
func (c *campaign) underWay() int {
	n := 0
	for _, r := range c.rows {
		if r.State == rotating && c.now().Sub(r.since) < slow {
			n++
		}
	}
	return n
}

// start starts one rotation, or goes on with an emergency that is under way.
func (c *campaign) start(r *row) {
	var err error
	if r.urgent != nil {
		r.Version, err = c.begin(*r.urgent)
		r.watch = r.urgent.watch(r.Version)
	} else {
		r.Version = newID()
		r.watch = &rotation{source: r.Source, before: r.before, version: r.Version}
		err = c.startRotation(r.source, r.Version)
	}
	_, refused := errors.AsType[errRefused](err)
	switch {
	case err == nil:
		r.set(rotating, "")
		r.since = c.now()
	case c.ctx.Err() != nil:
		r.set(goesOn, "interrupted while it was started")
	case refused:
		r.Version = ""
		r.set(isRefused, err.Error())
	default:
		r.set(hasFailed, err.Error())
	}
}

// glance looks whether a rotation has ended.
func (c *campaign) glance(r *row) {
	versions, err := store.New(c.secrets()).Versions(c.ctx, r.source.Secret)
	h := history.History{Secret: r.source.Secret, Versions: versions}
	current, _ := h.Current()
	pending, _ := h.Labelled(history.AWSPending)
	r.missed++
	switch {
	case c.ctx.Err() != nil:
	case err != nil && r.missed >= patience:
		r.set(goesOn, "it cannot be seen: "+err.Error())
	case err != nil:
	case current.ID != r.watch.before:
		r.set(rotated, "")
	case pending.ID == r.Version && !c.Wait && c.now().Sub(r.since) >= slow:
		r.set(goesOn, fmt.Sprintf("it takes longer than %s; the rotate Lambda's log says why", slow))
	case pending.ID == r.Version:
		r.missed = 0
	case r.missed >= patience:
		r.set(hasFailed, fmt.Sprintf("version %s is still current, and the new one is not pending any more; the rotate Lambda's log says why", history.Short(current.ID)))
	}
}

// followAll looks at the environment once for all that are followed.
func (c *campaign) followAll() error {
	report, err := c.look()
	if busy(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, r := range c.rows {
		if r.State != rotated {
			continue
		}
		over, err := r.watch.done(report)
		_, waits := errors.AsType[unfinished](err)
		switch {
		case waits:
			r.set(goesOn, err.Error())
		case err != nil:
			r.set(hasFailed, err.Error())
		case over:
			r.set(isOver, "")
		default:
			r.Detail = progress(report.Source(r.Source), report)
		}
	}
	return nil
}

// progress says what is waited for, without counting down.
func progress(s plan.SourceReport, r plan.Report) string {
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

// finish says what has become of every source. Where one was not rotated, that is what counts.
func (c *campaign) finish(err error) error {
	if c.json {
		err = errors.Join(c.print(map[string]any{"environment": c.env.Name, "sources": c.rows}), err)
	}
	c.board.end(c.people(), c.rows)
	not, open := c.in(isRefused, hasFailed), c.in(waitsTurn, rotating, goesOn)
	if c.Wait {
		open = append(open, c.in(rotated)...)
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
