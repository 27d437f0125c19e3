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
	id, err := chooseOwed(source, all, given, "--version, or all with --all")
	if err != nil {
		return plan.OwedReport{}, err
	}
	found := owed[slices.Index(all, id)]
	if !isUnneeded(found) {
		return found, &Blocked{found}
	}
	return found, nil
}

// FindAllRetirable returns every owed version of a source that nobody could need any more, oldest first. The error is a
// *Blocked where there is none, with the oldest, and an *Invalid where nothing is owed.
func FindAllRetirable(r plan.Report, source string) ([]plan.OwedReport, error) {
	owed := r.Source(source).Owed
	free := slices.DeleteFunc(slices.Clone(owed), func(o plan.OwedReport) bool { return !isUnneeded(o) })
	switch {
	case len(owed) == 0:
		return nil, newInvalid("source %s owes no retirement: nothing was changed", source)
	case len(free) == 0:
		return nil, &Blocked{owed[0]}
	}
	return free, nil
}

// isUnneeded reports whether nobody could need an owed version any more, so that a person's word that it is revoked is
// taken, whatever its rotator: no gate objects, but for those that only name who ends it, and when it is tried again.
func isUnneeded(o plan.OwedReport) bool {
	return !slices.ContainsFunc(o.Blocked, func(w plan.Wait) bool {
		return w.Reason != plan.ByHand && w.Reason != plan.RetryLater
	})
}

// Blocked is the error for a version that may not be retired by hand now.
type Blocked struct{ Owed plan.OwedReport }

// Why returns the first gate that keeps it.
func (b *Blocked) Why() plan.Wait {
	for _, w := range b.Owed.Blocked {
		if w.Reason != plan.ByHand && w.Reason != plan.RetryLater {
			return w
		}
	}
	return plan.Wait{}
}

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
	for _, label := range owed.OwedLabels() {
		if err := o.Secrets.Move(ctx, source.Secret, label, "", version); err != nil {
			return err
		}
	}
	return nil
}
