package operate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// Rollback is a way back to a version of a source, before its next step.
type Rollback struct {
	Source  manifest.Source
	Back    rotate.Back
	Begun   bool            // ROLLBACK is on the version
	Stopped history.Version // under the rotation that ends here, where there is one
	Now     time.Time       // by Secrets Manager's clock, when it was looked at
}

// Swapped reports whether the version is current already: only the label is left to take off.
func (r Rollback) Swapped() bool { return r.Back.Version == r.Back.From }

// FindRollback finds the version that a person goes back to. given is its id, or the end of it. The error is a *Refused
// where no older credential is known to live, and an *Invalid where given is not owed. It changes nothing.
//
//	ROLLBACK is on    | what is gone back to
//	------------------|-----------------------------------------------------------
//	the current one   | that one: only the label is left to take off
//	another version   | that one, as somebody has begun; given may not disagree
//	nothing           | the owed version that given names, or that carries
//	                  | AWSPREVIOUS, or that is the only one
func (o Operator) FindRollback(ctx context.Context, source manifest.Source, given string) (Rollback, error) {
	h, err := o.Secrets.Look(ctx, source.Secret)
	if err != nil {
		return Rollback{}, err
	}
	current, _ := h.Current()
	r := Rollback{Source: source, Back: rotate.Back{Source: source.Name, From: current.ID}, Now: o.Secrets.Now()}
	if pending, some := h.Labelled(history.AWSPending); some && pending.ID != current.ID {
		r.Stopped = pending
	}
	if holder, begun := h.Labelled(history.Rollback); begun {
		r.Begun, r.Back.Version = true, holder.ID
		if given != "" && !isNamed(holder.ID, given) {
			return r, newInvalid("a rollback of %s to version %s is under way, and there is one at a time: "+
				"finish it first, without --version", source.Name, history.Short(holder.ID))
		}
		return r, nil
	}
	r.Back.Version, err = o.chooseBack(h, source, given)
	return r, err
}

func (o Operator) chooseBack(h history.History, source manifest.Source, given string) (string, error) {
	owed := listIDs(h.Owed())
	if len(owed) == 0 {
		return "", &Refused{"rollback of " + source.Name,
			"no older credential of it is known to live; to go forward: " + o.describeWayForward(source)}
	}
	if previous, some := h.Labelled(history.AWSPrevious); given == "" && some && slices.Contains(owed, previous.ID) {
		return previous.ID, nil
	}
	return chooseOwed(source.Name, owed, given, "--version")
}

// describeWayForward is the command that gives a source a new credential.
func (o Operator) describeWayForward(source manifest.Source) string {
	command := "rotate"
	if ByPerson(o.Environment, source) != nil {
		command = "put"
	}
	return fmt.Sprintf("rotary %s %s %s", command, o.Environment.Name, source.Name)
}

// StepRollback takes the next step and returns until when to wait for the one after it. Where it fails, HoldsVeto
// reports what is left.
func (o Operator) StepRollback(ctx context.Context, r Rollback) (rotate.Progress, error) {
	return o.Rotator.Rollback(ctx, r.Back)
}

// HoldsVeto reports whether ROLLBACK is on the version: then nobody retires it, and asking again goes on.
func (o Operator) HoldsVeto(ctx context.Context, r Rollback) (bool, error) {
	h, err := o.Secrets.Look(ctx, r.Source.Secret)
	v, _ := h.Version(r.Back.Version)
	return v.Has(history.Rollback), err
}
