// Package reader is the consumer for whoever leaves no receipt: laptops, cron jobs elsewhere, a partner's server. They
// read a bucket, or a source itself, whenever they like. All that is known of them is for how long they may use a
// version after a newer one became current.
package reader

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Readers are the readers of one secret that share one drain time.
type Readers struct {
	drain  time.Duration
	secret history.History
	before map[string]time.Time // versions that they may have read before the current one, and when each was past
	now    time.Time
}

// New returns the readers of a secret, as of now: of a bucket, or of the source that c names.
func New(c manifest.Consumer, read history.History, now time.Time) *Readers {
	r := &Readers{drain: c.Drain().Std(), secret: read, before: map[string]time.Time{}, now: now}
	if c.Source != "" {
		for _, v := range read.Owed() { // what is dead may be used by nobody, and what is pending was never read
			r.before[v.ID] = read.SeenPast(v)
		}
		return r
	}
	for _, v := range read.Versions {
		past, aged := v.PastSince()
		_, held := v.Label(history.Held)
		switch {
		case v.Has(history.AWSCurrent):
		case held: // it is past since the secret last changed, or before
			r.before[v.ID] = read.Changed
		case aged:
			r.before[v.ID] = past
		}
	}
	return r
}

// Status makes no call. A version that was replaced is in play until the drain time has passed since it was seen not to
// be current: every version of a bucket whose label keeps that time, and every owed version of a source. What changes in
// the secret otherwise does not start the time again.
func (r *Readers) Status(context.Context) (plan.Seen, error) {
	current, _ := r.secret.Current()
	if current.ID == "" {
		return plan.Seen{Settled: true, Detail: "nothing to read yet"}, nil
	}
	seen := plan.Seen{Running: current.ID, InPlay: []string{current.ID}, Settled: true, Detail: "drained"}
	for _, id := range slices.Sorted(maps.Keys(r.before)) {
		till := r.before[id].Add(r.drain)
		if !till.After(r.now) {
			continue
		}
		seen.InPlay, seen.Settled, seen.Detail = append(seen.InPlay, id), false, ""
		seen.Waiting = "readers without a receipt may use what they read before"
		if till.After(seen.WaitTill) {
			seen.WaitTill = till
		}
	}
	return seen, nil
}

// Roll does nothing: nobody can make these readers read again.
func (r *Readers) Roll(context.Context, bucket.Bucket) error { return nil }

// Withdraw does nothing: the readers read what is current.
func (r *Readers) Withdraw(context.Context, []string) error { return nil }
