package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// createSecret does createSecret, unless the version has its value already.
func (j Job) createSecret(ctx context.Context, h history.History, pending history.Version) error {
	switch _, has, err := j.Store.Value(ctx, h.Secret, pending.ID); {
	case err != nil:
		return err
	case has:
		return j.clearNotes(ctx, h, pending.ID) // a crash came before
	}
	err := j.createNew(ctx, h, pending)
	if refused, is := errors.AsType[*Refused](err); is {
		return j.refuseRotation(ctx, h, pending, refused)
	}
	return err
}

// createNew puts what the rotator makes, over the rest of what the current version holds, under AWSPENDING and LIVE, and
// under the deadline of an emergency.
func (j Job) createNew(ctx context.Context, h history.History, pending history.Version) error {
	current, err := j.checkMayCreate(ctx, h, pending)
	if err != nil {
		return err
	}
	start, base, err := j.makeStart(ctx, h, current, pending)
	if err != nil {
		return err
	}
	if err := j.checkStart(ctx, h, base, pending); err != nil {
		return err
	}
	next, err := j.askRotator(ctx, h, start, current)
	if err != nil {
		return err
	}
	labels := []string{history.AWSPending, h.LabelFor(history.Live, pending.ID)}
	if e, urgent := h.EmergencyOf(pending.ID); urgent {
		labels = append(labels, e.Label)
	}
	if err := j.putOver(ctx, h, base, pending.ID, next, labels...); err != nil {
		return err
	}
	return j.clearNotes(ctx, h, pending.ID)
}

// checkMayCreate checks S5 (docs/safety.md) and makes sure that what exists is marked before another version comes to
// be.
func (j Job) checkMayCreate(
	ctx context.Context, h history.History, pending history.Version,
) (current history.Version, err error) {
	current, exists := h.Current()
	if pause, paused := plan.FindPause(j.Store.Now(), h); paused {
		return current, &Refused{j.Source.Name,
			fmt.Sprintf("the environment is %s: rotary resume %s ends that", pause, j.environmentName())}
	}
	if !exists {
		return current, &Refused{j.Source.Name, "it has no value yet: " + j.commandOf("put")}
	}
	if back, begun := h.Labelled(history.Rollback); begun {
		return current, &Refused{j.Source.Name,
			fmt.Sprintf("a rollback to version %s is under way: finish it with %s", history.Short(back.ID),
				j.commandOf("rollback"))}
	}
	e, urgent := h.EmergencyOf(pending.ID)
	if urgent && e.On.ID != current.ID {
		return current, &Refused{j.Source.Name, fmt.Sprintf("version %s has become current since this emergency was "+
			"begun: begin it again with %s --emergency", history.Short(current.ID), j.commandOf("rotate"))}
	}
	if !h.TakesCurrent() && !urgent {
		return current, &Refused{j.Source.Name, fmt.Sprintf("its target has not accepted version %s, which is current: "+
			"rotary status says what to do", history.Short(current.ID))}
	}
	if owed := h.Owed(); len(owed) > 0 && !urgent {
		return current, &Refused{j.Source.Name, fmt.Sprintf("version %s is not retired yet; "+
			"rotary status %s says what it waits for", history.Short(owed[0].ID), j.environmentName())}
	}
	for _, v := range h.Unseen() {
		if v.ID != current.ID && !urgent {
			return current, &Refused{j.Source.Name, fmt.Sprintf("version %s was put by hand and is not known yet; "+
				"the next pass marks it: once it is retired, %s", history.Short(v.ID), j.commandOf("rotate"))}
		}
	}
	for _, v := range h.Unseen() {
		if err := j.Store.Move(ctx, h.Secret, h.LabelFor(history.Live, v.ID), v.ID, ""); err != nil {
			return current, err
		}
	}
	return current, nil
}

// makeStart returns what the rotator is asked with, and the text of the version that the rotation starts from: the one
// in use, which is not the current one where the target has not accepted that.
func (j Job) makeStart(
	ctx context.Context, h history.History, current, pending history.Version,
) (Start, secret.Value, error) {
	used, _ := h.InUse()
	text, values, err := j.readTextAndValues(ctx, h, used.ID)
	_, urgent := h.EmergencyOf(pending.ID)
	return Start{
		Version: pending.ID, Since: findSince(h, current, pending, urgent), Current: values, Emergency: urgent,
		Others: func(ctx context.Context) ([]Other, error) {
			return j.readOthers(ctx, h.Secret, current.ID, used.ID, pending.ID)
		},
		Elsewhere: j.readElsewhere,
	}, text, err
}

// longestRotation is how long Secrets Manager tries one rotation at most.
const longestRotation = 24 * time.Hour

// findSince returns when the rotation to pending began. An emergency that has stopped others that made no version began
// with the first of those: what they have made at the target is rotary's own.
func findSince(h history.History, current, pending history.Version, urgent bool) time.Time {
	since := pending.Created
	for _, v := range h.Versions {
		came := v.Empty && v.Created.After(current.Created) && v.Created.Before(since)
		if urgent && came && pending.Created.Sub(v.Created) < longestRotation {
			since = v.Created
		}
	}
	return since
}

// readOthers reads every version but those to skip, as they are now: a person may have put one since the rotator began.
// Where AWSCURRENT has moved from current it fails, because what is in the way then may be what is current. What nobody can read
// made no credential.
func (j Job) readOthers(ctx context.Context, name, current string, skip ...string) ([]Other, error) {
	h, err := j.Store.LookAll(ctx, name)
	if err != nil {
		return nil, err
	}
	if now, _ := h.Current(); now.ID != current {
		return nil, fmt.Errorf("read the versions of %s: AWSCURRENT has moved meanwhile", j.Source.Name)
	}
	var all []Other
	for _, v := range h.Versions {
		if slices.Contains(skip, v.ID) {
			continue
		}
		_, has, err := j.Store.Value(ctx, h.Secret, v.ID)
		if err != nil && !errors.Is(err, secret.ErrBinary) {
			return nil, err
		}
		if !has || err != nil {
			continue
		}
		values, err := j.readVersion(ctx, h, v.ID)
		if _, put := errors.AsType[*malformed](err); put {
			continue
		}
		if err != nil {
			return nil, err
		}
		retained := v.Has(history.Retain) || v.Has(history.Rollback)
		all = append(all, Other{Values: values, Live: v.Alive(), Retained: retained})
	}
	return all, nil
}

// askRotator asks the rotator. Where it cannot be asked twice, MAKING says on the current version that it is being
// asked.
func (j Job) askRotator(ctx context.Context, h history.History, s Start, current history.Version) (Values, error) {
	once, is := j.Rotator.(Unrepeatable)
	if is {
		if err := j.noteMaking(ctx, h, s, current.ID); err != nil {
			return nil, err
		}
	}
	next, err := j.Rotator.Create(ctx, s)
	if err == nil {
		return next, nil
	}
	if is && !once.MayHaveMade(err) {
		if err := j.clearMaking(ctx, h.Secret, s.Version); err != nil {
			return nil, err
		}
	}
	if refusal, refuses := errors.AsType[refusal](err); refuses {
		return nil, &Refused{j.Source.Name, refusal.Refusal()}
	}
	return nil, fmt.Errorf("create the next credential of %s: %w", j.Source.Name, err)
}

// noteMaking puts MAKING. Where it is there for this rotation, an earlier try may have made a credential and died.
// Where it is there for another one, a person has looked for what that made, and it comes off; an emergency does not
// wait for that, and leaves it as the only trace.
func (j Job) noteMaking(ctx context.Context, h history.History, s Start, current string) error {
	label := history.MakingLabel(s.Version)
	if _, tried := h.Labelled(label); tried {
		return &Refused{j.Source.Name, "an earlier try may have made a credential that no version holds: " +
			"look for it at the vendor, revoke it there, then " + j.commandOf("rotate")}
	}
	for _, p := range h.Placements(history.Making) {
		if s.Emergency {
			break
		}
		if err := j.Store.Move(ctx, h.Secret, p.Label, "", p.Version); err != nil {
			return err
		}
	}
	return j.Store.Move(ctx, h.Secret, label, current, "")
}

// clearNotes takes off what was noted of a rotation until its version had a value: DECLARED and MAKING.
func (j Job) clearNotes(ctx context.Context, h history.History, version string) error {
	if err := j.clearDeclared(ctx, h); err != nil {
		return err
	}
	return j.clearMaking(ctx, h.Secret, version)
}

// clearDeclared takes off every DECLARED: each is about a rotation that has begun now, or never will.
func (j Job) clearDeclared(ctx context.Context, h history.History) error {
	for _, p := range h.Placements(history.Declared) {
		if err := j.Store.Move(ctx, h.Secret, p.Label, "", p.Version); err != nil {
			return err
		}
	}
	return nil
}

// clearMaking takes the MAKING of a version off.
func (j Job) clearMaking(ctx context.Context, name, version string) error {
	if _, is := j.Rotator.(Unrepeatable); !is {
		return nil
	}
	h, err := j.Store.LookAll(ctx, name)
	if err != nil {
		return err
	}
	label := history.MakingLabel(version)
	holder, some := h.Labelled(label)
	if !some {
		return nil
	}
	return j.Store.Move(ctx, name, label, "", holder.ID)
}
