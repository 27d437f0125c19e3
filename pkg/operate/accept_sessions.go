package operate

import (
	"context"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// SessionsAcceptance is an owed version of which a person says that whoever uses its credential may be cut off.
type SessionsAcceptance struct {
	Source  manifest.Source
	Version string
	Use     plan.Use // what its target saw last
	Done    bool     // that was accepted already: there is nothing to do
}

// FindUsed returns the owed version of a source that its target has seen used. given is its id, or the end of it; "" where
// there is only one. It changes nothing. The error is an *Invalid where its target has seen no use: nobody accepts what
// they were not told.
func (o Operator) FindUsed(ctx context.Context, source manifest.Source, given string) (SessionsAcceptance, error) {
	a := SessionsAcceptance{Source: source}
	h, err := o.Secrets.Look(ctx, source.Secret)
	if err != nil {
		return a, err
	}
	used := slices.DeleteFunc(h.Owed(), func(v history.Version) bool {
		_, label := plan.UseOf(v)
		return label == ""
	})
	if len(used) == 0 {
		return a, newInvalid("the target of %s has seen nobody use what the source owes: there is nothing to accept", source.Name)
	}
	if a.Version, err = chooseOwed(source.Name, listIDs(used), given, "--version"); err != nil {
		return a, err
	}
	v, _ := h.Version(a.Version)
	a.Use, _ = plan.UseOf(v)
	accepted, some := v.TimeOf(history.Sessions)
	a.Done = some && !accepted.Before(a.Use.Last)
	return a, nil
}

// AcceptSessions puts SESSIONS on the version, with the time, in the place of an older one: the next pass asks its target
// again, and the version is retired over what began until then, or history.AcceptanceHolds later. Repeatable. It fails with
// a *Refused where the version is not owed any more.
func (o Operator) AcceptSessions(ctx context.Context, a SessionsAcceptance) error {
	h, err := o.Secrets.Look(ctx, a.Source.Secret)
	if err != nil {
		return err
	}
	what := "accepting who uses version " + history.Short(a.Version) + " of " + a.Source.Name
	v, _ := h.Version(a.Version)
	if !slices.Contains(listIDs(h.Owed()), a.Version) {
		return &Refused{what, "it is not owed any more"}
	}
	label := h.TimedLabel(history.Sessions, o.Secrets.Now(), v.ID)
	for _, p := range h.Placements(history.Sessions) {
		if p.Version != v.ID || p.Label == label {
			continue
		}
		if err := o.Secrets.Move(ctx, h.Secret, p.Label, "", p.Version); err != nil { // first, because there may be no room for two
			return err
		}
	}
	if v.Has(label) {
		return nil
	}
	if len(h.Placements(history.Sessions)) == 0 && !h.HasRoom(1) {
		return &Refused{what, "the secret has no room for another label: see " + plan.Page(plan.LabelsFilling)}
	}
	return o.Secrets.Move(ctx, h.Secret, label, v.ID, "")
}
