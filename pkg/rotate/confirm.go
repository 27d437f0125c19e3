package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Confirm makes sure that the target accepts what an emergency has made, where nothing at the target keeps a late
// request of a stopped rotation, or of a retirement, from taking it away (manifest.LateConfirmed). Repeatable, and to
// be asked for again until rotate.Outlast after the version was made.
//
//	version     | the target   | what it does
//	------------|--------------|------------------------------
//	not current | –            | nothing: another one is
//	current     | accepts it   | nothing
//	current     | refuses it   | sets it again, and tests it
//	current     | is down      | fails
func (j Job) Confirm(ctx context.Context, c plan.Confirm) error {
	h, err := j.Store.LookAll(ctx, j.Source.Secret)
	if err != nil {
		return err
	}
	current, _ := h.Current()
	if current.ID != c.Version {
		return nil
	}
	if _, urgent := h.EmergencyOf(c.Version); !urgent || j.Source.LateWrite() != manifest.LateConfirmed {
		return fmt.Errorf("confirm version %s of %s: no emergency has made it, or its target needs no confirming",
			history.Short(c.Version), j.Source.Name)
	}
	values, err := j.readVersion(ctx, h, c.Version)
	if err != nil {
		return err
	}
	err = j.Rotator.Test(ctx, values)
	if !errors.Is(err, ErrNotAccepted) {
		return err
	}
	return j.setAgain(ctx, h, current, values)
}

// setAgain makes the target accept current's values once more, beside those of the version before.
func (j Job) setAgain(ctx context.Context, h history.History, current history.Version, values Values) error {
	previous, some := h.Labelled(history.AWSPrevious)
	if !some {
		return fmt.Errorf("set version %s of %s again: there is no version before it",
			history.Short(current.ID), j.Source.Name)
	}
	before, err := j.readVersion(ctx, h, previous.ID)
	if err != nil {
		return err
	}
	err = j.Rotator.Set(ctx, Change{
		Since: current.Created, Pending: values, Current: before, Elsewhere: j.readElsewhere,
	})
	if err != nil {
		return fmt.Errorf("set version %s of %s again: %w", history.Short(current.ID), j.Source.Name, err)
	}
	if err := j.Rotator.Test(ctx, values); err != nil {
		return fmt.Errorf("test version %s of %s, which was set again: %w",
			history.Short(current.ID), j.Source.Name, err)
	}
	return nil
}

// finishSecret stays so long to confirm: most of what is late lands within seconds, and passes come once a minute. It
// ends well within Timeout.
const (
	stays     = 18
	stayEvery = 5 * time.Second
)

// stayToConfirm confirms again and again. What fails is tried again, at last by the passes.
func (j Job) stayToConfirm(ctx context.Context, c plan.Confirm) {
	for range stays {
		if j.Pause(ctx, stayEvery) != nil {
			return
		}
		_ = j.Confirm(ctx, c)
	}
}
