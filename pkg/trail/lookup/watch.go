package lookup

import (
	"context"
	"errors"
	"time"

	"github.com/rotary-secrets/rotary/pkg/trail"
)

const (
	piecePages = 20 // that a watch reads at once: ten seconds at AWS's pace
	fewPages   = piecePages / 4
	pieceSpan  = time.Hour // that it tries to read at first
	leastSpan  = time.Minute
	mostSpan   = 24 * time.Hour
)

// Watch reads the trail forward, a piece at a time, for as long as its function is warm. Events come newest first: a span
// of time whose events do not fit a piece is tried again in halves, and one that is read with few pages is followed by one
// of twice the length.
type Watch struct {
	trail *Trail
	span  time.Duration
	kept  time.Time
}

// NewWatch returns a watch of a trail.
func NewWatch(t *Trail) *Watch { return &Watch{trail: t, span: pieceSpan} }

// ReadForward returns the reads from one time on to until, which is to at the latest, and all of them. until is from where
// not even a short time fitted; the next call tries a shorter one. An error means that the rest is not known; what was
// read before it counts.
func (w *Watch) ReadForward(ctx context.Context, from, to time.Time) (reads []trail.Read, until time.Time, err error) {
	pages := piecePages
	for from.Before(to) {
		end := from.Add(w.span)
		if end.After(to) {
			end = to
		}
		left := pages
		some, err := w.trail.readsWithin(ctx, from, end, &pages)
		switch {
		case errors.Is(err, ErrTooMany):
			if left == piecePages && w.span <= leastSpan {
				return nil, from, err
			}
			if left == piecePages { // it does not fit, though nothing was read before it
				w.span = max(w.span/2, leastSpan)
			}
			return reads, from, nil
		case err != nil:
			return reads, from, err
		}
		reads, from = append(reads, some...), end
		if left-pages <= fewPages {
			w.span = min(2*w.span, mostSpan)
		}
	}
	return reads, from, nil
}

// Kept returns what Keep noted last; zero at first.
func (w *Watch) Kept() time.Time { return w.kept }

// Keep notes until when everything that was read is remembered.
func (w *Watch) Keep(until time.Time) {
	if until.After(w.kept) {
		w.kept = until
	}
}
