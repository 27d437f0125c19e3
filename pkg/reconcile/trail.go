package reconcile

import (
	"context"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/trail"
)

// Trail reads CloudTrail forward, for as long as its process lives.
type Trail interface {
	// ReadForward returns all reads of secrets from one time until another, which is to at the latest. It makes a
	// bounded number of calls. An error means that it could not go on; what it read before counts.
	ReadForward(ctx context.Context, from, to time.Time) (reads []trail.Read, until time.Time, err error)
	// Kept returns until when this process has read and a pass has kept it; Keep notes that.
	Kept() time.Time
	Keep(until time.Time)
}

// trailTimeout bounds what a pass reads of the trail.
const trailTimeout = 45 * time.Second

// readTrail adds to the state who has read secrets since the last time that a pass looked. Where CloudTrail does not
// answer nothing else fails: whoever asks why nothing is retired is told.
func (o observer) readTrail(ctx context.Context, state *plan.State) {
	state.Trail.Rule = o.Environment.ReadersRule
	state.Explains = func(secret, principal string) bool {
		_, is := o.Environment.ExplainReader(secret, principal)
		return is
	}
	if o.Trail == nil || o.DryRun {
		return
	}
	from, to, due := state.ReadTrailFrom(o.Trail.Kept())
	if !due {
		state.Trail.Until = o.Trail.Kept()
		return
	}
	bounded, cancel := context.WithTimeout(ctx, trailTimeout)
	defer cancel()
	reads, until, err := o.Trail.ReadForward(bounded, from, to)
	for _, r := range trail.Gather(o.Environment, reads) {
		if r.IsStranger() {
			state.Trail.Found = append(state.Trail.Found, r)
		}
	}
	state.Trail.Until = until
	if err != nil {
		state.Trail.Failed = err.Error()
	}
}

// keepTrail notes until when the trail was read, once everything that it showed is remembered.
func (p Pass) keepTrail(until time.Time) {
	if p.Trail != nil && !until.IsZero() {
		p.Trail.Keep(until)
	}
}
