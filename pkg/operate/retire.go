package operate

import (
	"context"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// FindRetirable returns the owed version of a source that a person has revoked at its vendor. r is a fresh look. The
// error is a *Blocked while somebody could still need the version, and an *Invalid where it is not owed.
func FindRetirable(r plan.Report, source, given string) (plan.OwedReport, error) {
	owed := r.Source(source).Owed
	var all []string
	for _, o := range owed {
		all = append(all, o.Version)
	}
	id, err := chooseOwed(source, all, given)
	if err != nil {
		return plan.OwedReport{}, err
	}
	found := owed[slices.Index(all, id)]
	if len(found.Blocked) == 0 || found.Blocked[0].Reason != plan.ByHand {
		return found, &Blocked{found}
	}
	return found, nil
}

// Blocked is the error for a version that may not be retired by hand now.
type Blocked struct{ Owed plan.OwedReport }

func (b *Blocked) Error() string {
	return "version " + history.Short(b.Owed.Version) + " cannot be retired by hand now"
}

// Retire takes LIVE and PAST off a version whose credential a person has revoked. Repeatable: one that is no longer owed is left
// alone.
func (o Operator) Retire(ctx context.Context, source manifest.Source, version string) error {
	h, err := o.Secrets.Look(ctx, source.Secret)
	if err != nil {
		return err
	}
	owed, known := h.Version(version)
	if !known || !slices.Contains(listIDs(h.Owed()), version) {
		return nil
	}
	for _, kind := range []string{history.Live, history.Past} {
		label, has := owed.Label(kind)
		if !has {
			continue
		}
		if err := o.Secrets.Move(ctx, source.Secret, label, "", version); err != nil {
			return err
		}
	}
	return nil
}
