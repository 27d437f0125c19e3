package lookup

import (
	"context"
	"errors"
	"time"

	"github.com/rotary-secrets/rotary/pkg/trail"
)

const (
	piecePages = 20        // that a watch reads at once: ten seconds at AWS's pace
	pieceSpan  = time.Hour // that it tries to read at first
	leastSpan  = time.Minute
	wholePages = 4 // with which all that is left is tried to be read at once
)

// Watch reads the trail forward, a piece at a time, for as long as its function is warm. Events come newest first: a span
// of time whose events do not fit a piece is tried again in halves. Where little is read all of the time is one piece.
type Watch struct {
	trail *Trail
	span  time.Duration
	busy  bool // the last piece did not have all that was left
	kept  time.Time
}

// NewWatch returns a watch of a trail.
func NewWatch(t *Trail) *Watch { return &Watch{trail: t, span: pieceSpan} }

// ReadForward returns the reads from one time on to until, which is to at the latest, and all of them. until is from where
// not even a short time fitted; the next call tries a shorter one. An error means that the rest is not known; what was
// read before it counts.
func (w *Watch) ReadForward(ctx context.Context, from, to time.Time) (reads []trail.Read, until time.Time, err error) {
	pages := piecePages
	if to.Sub(from) > w.span && !w.busy {
		few := wholePages
		some, err := w.trail.readsWithin(ctx, from, to, &few)
		if !errors.Is(err, ErrTooMany) {
			return some, laterUnless(err, from, to), err
		}
		pages -= wholePages
	}
	w.busy = true
	for from.Before(to) {
		end := from.Add(w.span)
		if end.After(to) {
			end = to
		}
		some, err := w.trail.readsWithin(ctx, from, end, &pages)
		switch {
		case errors.Is(err, ErrTooMany):
			if len(reads) == 0 && w.span <= leastSpan {
				return nil, from, err
			}
			w.span = max(w.span/2, leastSpan)
			return reads, from, nil
		case err != nil:
			return reads, from, err
		}
		reads, from = append(reads, some...), end
	}
	w.busy = false
	return reads, from, nil
}

// laterUnless returns to, or from where there is an error.
func laterUnless(err error, from, to time.Time) time.Time {
	if err != nil {
		return from
	}
	return to
}

// Kept returns what Keep noted last; zero at first.
func (w *Watch) Kept() time.Time { return w.kept }

// Keep notes until when everything that was read is remembered.
func (w *Watch) Keep(until time.Time) {
	if until.After(w.kept) {
		w.kept = until
	}
}
