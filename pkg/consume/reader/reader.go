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
	before []history.Version // that they may still use besides the current one
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
		if _, held := v.Label(history.Held); held { // that it comes off does not start the time again
			r.before = append(r.before, v)
		}
	}
	return r
}

// Status makes no call. Until the drain time has passed since the secret last changed, what they may have read before is
// in play too: every version of a bucket that carries HELD, and every owed version of a source. After it, and
// where there is no such version, only the current one is. A secret changes when a version or a label of it does, so
// that AWSCURRENT moved at this time or before.
func (r *Readers) Status(context.Context) (plan.Seen, error) {
	current, _ := r.secret.Current()
	if current.ID == "" {
		return plan.Seen{Settled: true, Detail: "nothing to read yet"}, nil
	}
	seen := plan.Seen{Running: current.ID, InPlay: []string{current.ID}, Settled: true, Detail: "drained"}
	till := r.secret.Changed.Add(r.drain)
	if !till.After(r.now) {
		return seen, nil
	}
	for _, v := range r.before {
		if v.ID != current.ID {
			seen.InPlay, seen.Settled, seen.Detail = append(seen.InPlay, v.ID), false, ""
			seen.Waiting, seen.WaitTill = "readers without a receipt may use what they read before", till
		}
	}
	return seen, nil
}

// Roll does nothing: nobody can make these readers read again.
func (r *Readers) Roll(context.Context, bucket.Bucket) error { return nil }

// Withdraw does nothing: the readers read what is current.
func (r *Readers) Withdraw(context.Context, []string) error { return nil }
