package reconcile

import (
	"context"
	"fmt"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// noteFailure remembers on an owed version that its retirement has failed with why: how often, since when, and the error
// in short, in one label that takes the place of the one before. Where the secret has no room for it, nothing is
// remembered. Repeatable: what is not owed any more gets no label.
func (p Pass) noteFailure(ctx context.Context, a plan.Advance, why error) error {
	if isCutOff(ctx) {
		return nil // nobody knows what became of it
	}
	source, _ := p.Environment.Source(a.Source)
	h, err := p.Store.Look(ctx, source.Secret)
	if err != nil {
		return fmt.Errorf("note that it failed: %w", err)
	}
	v, known := h.Version(a.Version)
	owed := slices.ContainsFunc(h.Owed(), func(o history.Version) bool { return o.ID == a.Version })
	before, former := plan.FailureOf(v)
	if !known || !owed || former == "" && !h.HasRoom(1) {
		return nil
	}
	if former != "" { // first, because there may be no room for two
		if err := p.Store.Move(ctx, h.Secret, former, "", v.ID); err != nil {
			return fmt.Errorf("note that it failed: %w", err)
		}
	}
	label := before.After(p.Store.Now(), why).Label(h, v)
	if err := p.Store.Move(ctx, h.Secret, label, v.ID, ""); err != nil {
		return fmt.Errorf("note that it failed: %w", err)
	}
	return nil
}

// isCutOff reports whether the time of ctx is over.
func isCutOff(ctx context.Context) bool { return ctx.Err() != nil }
