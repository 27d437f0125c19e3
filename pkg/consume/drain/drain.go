// Package drain is the consumer for readers that leave no receipt: laptops, cron jobs elsewhere, a partner's server.
// All that is known of them is for how long they may use a version after a newer one became current.
package drain

import (
	"context"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Readers are the readers of a bucket that share one drain time.
type Readers struct {
	drain  time.Duration
	bucket history.History
	now    time.Time
}

// New returns the readers of a bucket, as of now.
func New(c manifest.Consumer, b history.History, now time.Time) *Readers {
	return &Readers{drain: c.Drain().Std(), bucket: b, now: now}
}

// Status makes no call. Until the drain time has passed since the bucket last changed, every version that still carries
// a label is in play; after it, and where there never was another version, only the current one is.
func (r *Readers) Status(context.Context) (plan.Seen, error) {
	current, _ := r.bucket.Current()
	till := r.bucket.Changed.Add(r.drain)
	if current.ID == "" {
		return plan.Seen{Settled: true, Detail: "nothing to read yet"}, nil
	}
	if !till.After(r.now) || len(r.bucket.Versions) == 1 {
		return plan.Seen{Running: current.ID, InPlay: []string{current.ID}, Settled: true, Detail: "drained"}, nil
	}
	seen := plan.Seen{
		Running: current.ID, Waiting: "readers without a receipt may use what they read before", WaitTill: till,
	}
	for _, v := range r.bucket.Versions {
		seen.InPlay = append(seen.InPlay, v.ID)
	}
	return seen, nil
}

// Roll does nothing: nobody can make these readers read again.
func (r *Readers) Roll(context.Context, bucket.Bucket) error { return nil }

// Withdraw does nothing: the readers read what is current.
func (r *Readers) Withdraw(context.Context, []string) error { return nil }
