// Package reader is the consumer for whoever leaves no receipt: laptops, cron jobs elsewhere, a partner's server. They
// read a bucket, or a source itself, whenever they like. All that is known of them is for how long they may use a
// version after a newer one became current.
package reader

import (
	"context"
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
	before []history.Version // that they may have read before the current one
	now    time.Time
}

// New returns the readers of a secret, as of now: of a bucket, or of the source that c names.
func New(c manifest.Consumer, read history.History, now time.Time) *Readers {
	r := &Readers{drain: c.Drain().Std(), secret: read, now: now}
	if c.Source != "" {
		r.before = read.Owed() // what is dead may be used by nobody, and what is pending was never read
		return r
	}
	for _, v := range read.Versions {
		if wasCurrent(v) && !v.Has(history.AWSCurrent) {
			r.before = append(r.before, v)
		}
	}
	return r
}

// wasCurrent reports whether a bucket version carries a label of one that readers may have got.
func wasCurrent(v history.Version) bool {
	_, held := v.Label(history.Held)
	_, past := v.PastSince()
	return held || past
}

// Status makes no call. What the readers may have read before the current version is in play too, until the drain time
// has passed since it was seen not to be current: every version of a bucket that carries HELD, PAST or GONE, and every
// owed version of a source. Where no label has that time yet, it is when the secret last changed.
func (r *Readers) Status(context.Context) (plan.Seen, error) {
	current, _ := r.secret.Current()
	if current.ID == "" {
		return plan.Seen{Settled: true, Detail: "nothing to read yet"}, nil
	}
	seen := plan.Seen{Running: current.ID, InPlay: []string{current.ID}, Settled: true, Detail: "drained"}
	for _, v := range r.before {
		till := r.drainsAt(v)
		if !till.After(r.now) {
			continue
		}
		seen.InPlay, seen.Settled, seen.Detail = append(seen.InPlay, v.ID), false, ""
		seen.Waiting = "readers without a receipt may use what they read before"
		if till.After(seen.WaitTill) {
			seen.WaitTill = till
		}
	}
	return seen, nil
}

// drainsAt returns until when readers may use v. HELD says that it was current when it was seen last.
func (r *Readers) drainsAt(v history.Version) time.Time {
	since, has := v.PastSince()
	if _, held := v.Label(history.Held); held || !has {
		since = r.secret.Changed
	}
	return since.Add(r.drain)
}

// Roll does nothing: nobody can make these readers read again.
func (r *Readers) Roll(context.Context, bucket.Bucket) error { return nil }

// Withdraw does nothing: the readers read what is current.
func (r *Readers) Withdraw(context.Context, []string) error { return nil }
