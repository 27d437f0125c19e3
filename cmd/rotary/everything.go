package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// defaultParallel is how many rotations are under way at once where nobody says.
const defaultParallel = 4

// row is one source of a rotation of everything, and what is said of it.
type row struct {
	*operate.Row
	harm  *operate.Harm // of an emergency
	said  string        // why it is not rotated, decided before anything starts
	warns []string      // what is said before anything starts
}

// campaign rotates everything, and shows how it goes.
type campaign struct {
	*session
	rotateCmd
	operate.Campaign
	rows    []*row
	display *display
	told    map[string]string // what was said of each source that is not followed yet
}

// rotateMany rotates every source, or those that are named.
func (c rotateCmd) rotateMany(a *app) error {
	env, err := a.readEnvironment(c.Env)
	if err != nil {
		return err
	}
	if err := c.checkBuilt(a, env); err != nil {
		return err
	}
	sources, what, err := c.chooseSources(a, env)
	if err != nil {
		return err
	}
	if err := operate.CheckMode(env, what, c.Deadline != nil); err != nil {
		return err
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	report, err := s.lookAtPipeline(what)
	if err != nil {
		return err
	}
	c.Parallel = cmp.Or(c.Parallel, defaultParallel)
	all := newCampaign(s, c, sources, report)
	if err := all.askToAgree(); err != nil {
		return err
	}
	return all.runTurns()
}

// chooseSources returns the sources that are meant, each once, and how errors name them.
func (c rotateCmd) chooseSources(
	a *app, env *manifest.Environment,
) (sources []manifest.Source, what string, err error) {
	if c.All {
		return env.Sources, "every source", nil
	}
	for i, name := range c.Sources {
		_, source, err := a.findSource(c.Env, name)
		if err != nil {
			return nil, "", err
		}
		if err := c.checkRotatable(env, source); err != nil {
			return nil, "", err
		}
		if !slices.Contains(c.Sources[:i], name) {
			sources = append(sources, source)
		}
	}
	return sources, strings.Join(c.Sources, ", "), nil
}

// newCampaign decides what to do about each source. It changes nothing.
func newCampaign(s *session, c rotateCmd, sources []manifest.Source, report plan.Report) *campaign {
	all := &campaign{
		session: s, rotateCmd: c, told: map[string]string{}, display: &display{app: s.app, environment: s.env.Name},
	}
	all.Campaign = operate.Campaign{
		Operator: s.newOperator(), Parallel: c.Parallel, Follow: c.Wait, Clock: s.now,
		Look: func(context.Context) (plan.Report, bool, error) {
			r, err := s.lookNow()
			return r, isBusy(err), err
		},
	}
	var names []string
	for _, source := range sources {
		names = append(names, source.Name)
		r := all.decideRow(source, report)
		all.rows, all.Rows = append(all.rows, r), append(all.Rows, r.Row)
	}
	all.Tracker.Note(report, names)
	for _, v := range all.viewRows() {
		all.told[v.Source] = v.describeRow()
	}
	return all
}

// decideRow decides what to do about one source.
func (c *campaign) decideRow(source manifest.Source, report plan.Report) *row {
	seen := report.Source(source.Name)
	r := &row{Row: operate.NewRow(source, seen)}
	person, impossible := operate.ByPerson(c.env, source), c.checkRotatable(c.env, source)
	hindrance := operate.FindHindrance(seen)
	switch {
	case person != nil:
		r.Set(operate.ByHand, person)
	case impossible != nil:
		r.Set(operate.Declined, impossible)
	case operate.FindObstacle(seen, false) != "":
		r.Set(operate.Declined, nil)
		r.said = operate.FindObstacle(seen, false)
	case c.Emergency:
		c.prepareEmergency(r, report)
	case c.Wait && operate.IsUnderWay(seen) && !operate.Measure(report, source.Name).Held:
		r.Join(seen.Version)
	case hindrance.Exists():
		r.Set(operate.Declined, nil)
		r.said = c.describeHindrance(source.Name, hindrance, report)
	default:
		r.warns = describeOutage(source, seen)
	}
	return r
}

// prepareEmergency prepares an emergency.
func (c *campaign) prepareEmergency(r *row, report plan.Report) {
	e, err := c.findEmergency(c.session, r.Source)
	if err != nil {
		r.Set(operate.Declined, err)
		if refused, is := errors.AsType[*operate.Refused](err); is {
			r.said = refused.Why
		}
		return
	}
	h := operate.Foresee(c.env, e, report)
	r.Emergency, r.harm, r.warns = &e, &h, describeHarm(h, c.env.Name, e.Now)
}

// askToAgree prints what will be rotated and what will not, and asks once for all of it.
func (c *campaign) askToAgree() error {
	for _, r := range c.rows {
		for _, line := range r.warns {
			fmt.Fprintln(c.peopleWriter(), line)
		}
	}
	for _, r := range c.rows {
		if r.State != operate.Waiting {
			fmt.Fprintf(c.peopleWriter(), "%s is not rotated: %s\n", r.Source.Name, c.describeRow(r))
		}
	}
	names := c.In(operate.Waiting)
	what := fmt.Sprintf("rotate %s in %s (%s)", countNoun(len(names), "source"), c.env.Name, strings.Join(names, ", "))
	switch {
	case len(names) == 0:
		return nil
	case c.Emergency:
		return c.confirmAlways(c.Yes, what)
	}
	return c.confirmProtected(c.Yes, what)
}

// describeRow returns why a source is in its state, or what it waits for.
func (c *campaign) describeRow(r *row) string {
	switch {
	case r.said != "":
		return r.said
	case r.Err != nil:
		return r.Err.Error()
	case r.State == operate.Failed:
		return "the rotation has come to nothing; the rotate Lambda's log says why"
	case r.State == operate.Waiting || r.State == operate.Rotating:
		return ""
	}
	if p, followed := c.Progress[r.Source.Name]; followed {
		_, words := describeItem(item{Progress: p})
		return words
	}
	return ""
}
