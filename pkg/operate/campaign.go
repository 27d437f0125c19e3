package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// State is the progress of one source in a campaign.
type State string

// The states of a source in a campaign.
const (
	Waiting  State = "waiting"
	Rotating State = "rotating"
	Rotated  State = "rotated" // the new credential is current
	Done     State = "done"    // and the old one is dead
	GoesOn   State = "goes on" // by itself, and is not waited for any more
	Declined State = "refused" // it did not start
	Failed   State = "failed"  // it started, and came to nothing
	ByHand   State = "by hand" // no rotator rotates it
)

// The pace of a campaign.
const (
	glanceEvery = time.Second      // how often what rotates is looked at
	slow        = 10 * time.Minute // a rotation that takes longer keeps no other from starting
)

// Row is one source of a campaign.
type Row struct {
	Source    manifest.Source
	State     State
	Version   string // that is made
	Err       error  // why it is Declined, Failed or GoesOn, where an error says so
	Emergency *Emergency

	before string    // the version that was current
	since  time.Time // when it started
	missed int       // looks in a row that found nothing of it
	shown  bool      // its progress is followed
}

// Set puts a row into a state, and says why.
func (r *Row) Set(s State, err error) { r.State, r.Err = s, err }

// Campaign rotates many sources, a few at a time. No two of its calls meet, so Parallel rotations are under way at
// once at most, and an error of one source stays with that source.
type Campaign struct {
	Operator
	Rows     []*Row
	Parallel int
	Follow   bool // until every old credential is dead
	Clock    func() time.Time
	Look     func(context.Context) (r plan.Report, busy bool, err error) // at the environment; busy: later
	Report   plan.Report                                                 // of the last look
	Tracker  Tracker
	Progress map[string]Progress // by source: of those that are followed
	News     []Event             // of the last turn
}

// NewRow returns the row of a source as it stands before anything is started. seen is the source in a fresh report.
func NewRow(source manifest.Source, seen plan.SourceReport) *Row {
	return &Row{Source: source, State: Waiting, before: seen.Version}
}

// Join makes a row of a rotation that is under way already: it is followed like those that the campaign starts.
func (r *Row) Join(version string) {
	r.Set(Rotated, nil)
	r.Version, r.before = version, ""
}

// Turn looks at what rotates, starts what may start, and follows once everything has started. It fails only where
// nothing can be seen any more.
func (c *Campaign) Turn(ctx context.Context) error {
	c.News = nil
	for _, r := range c.Rows {
		if r.State == Rotating {
			c.glanceAtRow(ctx, r)
		}
	}
	for _, r := range c.Rows {
		if r.State == Waiting && c.countUnderWay() < c.Parallel && ctx.Err() == nil {
			c.startRow(ctx, r)
		}
	}
	if c.Follow && !c.isStarting() && len(c.In(Rotated)) > 0 {
		return c.followRows(ctx)
	}
	return ctx.Err()
}

// In returns the names of the sources that are in one of these states.
func (c *Campaign) In(states ...State) []string {
	var names []string
	for _, r := range c.Rows {
		if slices.Contains(states, r.State) {
			names = append(names, r.Source.Name)
		}
	}
	return names
}

// isStarting reports whether something is still to start, or has just started.
func (c *Campaign) isStarting() bool { return len(c.In(Waiting)) > 0 || c.countUnderWay() > 0 }

// IsSettled reports whether there is nothing more to start or to wait for.
func (c *Campaign) IsSettled() bool {
	return len(c.In(Waiting, Rotating)) == 0 && (!c.Follow || len(c.In(Rotated)) == 0)
}

// Pause returns how long to wait before the next turn.
func (c *Campaign) Pause() time.Duration {
	if c.isStarting() {
		return glanceEvery
	}
	return NextLook(c.Report)
}

// countUnderWay counts the rotations that keep others from starting.
func (c *Campaign) countUnderWay() int {
	n := 0
	for _, r := range c.Rows {
		if r.State == Rotating && c.Clock().Sub(r.since) < slow {
			n++
		}
	}
	return n
}

// startRow starts one rotation, or goes on with an emergency that is under way.
func (c *Campaign) startRow(ctx context.Context, r *Row) {
	var err error
	if r.Emergency != nil {
		r.Version, err = c.StartEmergency(ctx, *r.Emergency)
		r.before = r.Emergency.Before()
	} else {
		r.Version = c.NewID()
		err = c.Rotate(ctx, r.Source, r.Version)
	}
	switch {
	case err == nil:
		r.Set(Rotating, nil)
		r.since = c.Clock()
		c.Tracker.Start(Watch{Source: r.Source.Name, Before: r.before, Version: r.Version}, r.since)
	case ctx.Err() != nil:
		r.Set(GoesOn, errors.New("interrupted while it was started"))
	case isRefusal(err):
		r.Version = ""
		r.Set(Declined, err)
	default:
		r.Set(Failed, err)
	}
}

// isRefusal reports whether an error says that nothing was started.
func isRefusal(err error) bool {
	_, refused := errors.AsType[*Refused](err)
	_, not := errors.AsType[interface {
		error
		Refusal() string
	}](err)
	return refused || not
}

// glanceAtRow looks whether a rotation has ended.
func (c *Campaign) glanceAtRow(ctx context.Context, r *Row) {
	versions, err := c.Secrets.Versions(ctx, r.Source.Secret)
	h := history.History{Secret: r.Source.Secret, Versions: versions}
	current, _ := h.Current()
	pending, _ := h.Labelled(history.AWSPending)
	r.missed++
	switch {
	case ctx.Err() != nil:
	case err != nil && r.missed >= patience:
		r.Set(GoesOn, fmt.Errorf("it cannot be seen: %w", err))
	case err != nil:
	case current.ID != r.before:
		r.Set(Rotated, nil)
	case pending.ID == r.Version && !c.Follow && c.Clock().Sub(r.since) >= slow:
		r.Set(GoesOn, fmt.Errorf("it takes longer than %s; the rotate Lambda's log says why", slow))
	case pending.ID == r.Version:
		r.missed = 0
	case r.missed >= patience:
		r.Set(Failed, fmt.Errorf("version %s is still current, and the new one is not pending any more; "+
			"the rotate Lambda's log says why", history.Short(current.ID)))
	}
}

// followRows looks at the environment once for all that are followed.
func (c *Campaign) followRows(ctx context.Context) error {
	report, busy, err := c.Look(ctx)
	if busy {
		return nil
	}
	if err != nil {
		return err
	}
	c.Report = report
	var names []string
	for _, r := range c.Rows {
		if r.shown = r.shown || r.State == Rotated; r.shown {
			names = append(names, r.Source.Name)
		}
	}
	all, news := c.Tracker.Note(report, names)
	c.News, c.Progress = append(c.News, news...), map[string]Progress{}
	for _, p := range all {
		c.Progress[p.Source] = p
	}
	for _, r := range c.Rows {
		if r.State != Rotated {
			continue
		}
		switch p := c.Progress[r.Source.Name]; {
		case p.CameToNought:
			r.Set(Failed, nil)
		case p.Reaches(Dead):
			r.Set(Done, nil)
		case p.Held:
			r.Set(GoesOn, nil)
		}
	}
	return nil
}
