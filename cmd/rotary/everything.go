package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// What a rotation of everything knows of one source.
const (
	waitsTurn = "waiting"
	rotating  = "rotating"
	rotated   = "rotated" // the new credential is current
	isOver    = "done"    // and the old one is dead
	goesOn    = "goes on" // by itself, and is not waited for any more
	isRefused = "refused" // it did not start
	hasFailed = "failed"  // it started, and came to nothing
	byHand    = "by hand" // no rotator rotates it
)

// defaultParallel is how many rotations are under way at once where nobody says.
const defaultParallel = 4

// row is one source of a rotation of everything.
type row struct {
	Source  string `json:"source"`
	State   string `json:"state"`
	Version string `json:"version,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Harm    *harm  `json:"emergency,omitempty"`

	source manifest.Source
	before string     // the version that was current
	urgent *emergency // where it is one
	warns  []string   // what is said before anything starts
	since  time.Time  // when it started
	missed int        // looks in a row that found nothing of it
	watch  *rotation  // where it is followed
}

func (r *row) set(state, detail string) { r.State, r.Detail = state, detail }

// campaign rotates everything. One loop starts, looks and draws: no two of its calls meet, so many rotations are under
// way at once at most, and an error of one source stays with that source.
type campaign struct {
	*session
	rotateCmd
	rows  []*row
	board *board
}

func (c rotateCmd) everything(a *app) error {
	env, err := a.environment(c.Env)
	if err != nil {
		return err
	}
	if err := c.allowed(env, "every source"); err != nil {
		return invalid{err}
	}
	s, err := a.connect(env)
	if err != nil {
		return err
	}
	report, err := s.observed("every source")
	if err != nil {
		return err
	}
	c.Parallel = cmp.Or(c.Parallel, defaultParallel)
	all := &campaign{session: s, rotateCmd: c}
	for _, source := range env.Sources {
		all.rows = append(all.rows, all.row(source, report))
	}
	if err := all.agree(); err != nil {
		return err
	}
	all.board = newBoard(a.live(), all.rows)
	return all.run()
}

// row decides what to do about one source. It changes nothing.
func (c *campaign) row(source manifest.Source, report plan.Report) *row {
	seen := report.Source(source.Name)
	r := &row{Source: source.Name, State: waitsTurn, source: source, before: seen.Version}
	person, impossible, hindered := byPerson(c.env, source), c.rotatable(c.env, source), c.hindrance(seen, report)
	switch {
	case person != nil:
		r.set(byHand, person.Error())
	case impossible != nil:
		r.set(isRefused, impossible.Error())
	case c.Emergency:
		c.expect(r, report)
	case hindered != "":
		r.set(isRefused, hindered)
	default:
		r.warns = forewarned(source, seen)
	}
	return r
}

// expect prepares an emergency.
func (c *campaign) expect(r *row, report plan.Report) {
	e, err := c.prepare(c.session, r.source)
	if d, is := errors.AsType[declined](err); is {
		r.set(isRefused, d.why)
		return
	}
	if err != nil {
		r.set(isRefused, err.Error())
		return
	}
	h := foresee(c.env, e, report)
	r.urgent, r.Harm, r.warns = &e, &h, h.lines(c.env.Name, e.now)
}

// agree says what will happen and what will not, and asks once for all of it.
func (c *campaign) agree() error {
	var names []string
	for _, r := range c.rows {
		if r.State == waitsTurn {
			names = append(names, r.Source)
		}
		for _, line := range r.warns {
			fmt.Fprintln(c.people(), line)
		}
	}
	for _, r := range c.rows {
		if r.State != waitsTurn {
			fmt.Fprintf(c.people(), "%s is not rotated: %s\n", r.Source, r.Detail)
		}
	}
	what := fmt.Sprintf("rotate %s in %s (%s)", count(len(names), "source"), c.env.Name, strings.Join(names, ", "))
	switch {
	case len(names) == 0:
		return nil
	case c.Emergency:
		return c.insist(c.Yes, what)
	}
	return c.confirm(c.Yes, what)
}
