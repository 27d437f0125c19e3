package reader_test

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/consumetest"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/reader"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const day = 24 * time.Hour

// readers may have anything that was current within the last day.
type readers struct {
	clock   *sim.Clock
	history history.History
	values  map[string]string
}

func TestTheSuite(t *testing.T) {
	consumetest.Run(t, func(*testing.T) consumetest.World {
		r := &readers{clock: sim.NewClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)), values: map[string]string{}}
		return consumetest.World{
			Clock: r.clock, Tap: sim.NewTap(r.clock), Put: r.putBucket, Held: r.heldValues, Step: 2 * time.Hour, Drain: day,
			Open: func() reconcile.Consumer {
				return reader.New(manifest.Consumer{Name: "laptops", Reader: &manifest.Reader{Drain: manifest.Duration(day)}}, r.history, r.clock.Now())
			},
		}
	})
}

// putBucket marks at the swap since when the version before is past, as a pass does.
func (r *readers) putBucket(b bucket.Bucket) bucket.Bucket {
	r.values[b.Version] = secret.Reveal(b.Values[consumetest.Name])
	var versions []history.Version
	for _, v := range r.history.Versions {
		if v.Has(history.AWSCurrent) {
			v.Labels = []string{history.PastLabel(r.clock.Now(), v.ID)}
		}
		if v.ID != b.Version {
			versions = append(versions, v)
		}
	}
	current := history.Version{ID: b.Version, Labels: []string{history.AWSCurrent, history.Held + b.Version}}
	r.history = history.History{Changed: r.clock.Now(), Versions: append(versions, current)}
	return b
}

func (r *readers) heldValues() []string {
	var all []string
	for _, v := range r.history.Versions {
		if past, replaced := v.TimeOf(history.Past); !replaced || r.clock.Now().Before(past.Add(day)) {
			all = append(all, r.values[v.ID])
		}
	}
	return all
}
