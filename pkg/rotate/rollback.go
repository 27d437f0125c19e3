package rotate

import (
	"context"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Timeout is the longest that one request to a rotator may take: the rotate Lambda's timeout.
const Timeout = 2 * time.Minute

// Outlast is how long a rollback waits between its veto and its swap. A retirement that was under way when the veto
// came has ended by then: it ran for Timeout at most, and what it sent last has landed.
const Outlast = history.Outlast

// Back asks to make Version of a source current again, which its target still accepts, instead of From.
// A person decides it; no plan holds it.
type Back struct {
	Source  string `json:"source"`
	Version string `json:"version"`
	From    string `json:"from"` // the version that was current when it was decided
}

// Progress is how far going back is.
type Progress struct {
	Done  bool      `json:"done"`
	Until time.Time `json:"until,omitzero"` // when to ask for the next step
}

// Rollback takes the next step of going back; ask again until it is done, not before Until. It may be asked
// again after a crash at any point. Where it is Refused, nothing stands in the way of what was there before.
//
//	ROLLBACK is on  | current | what it does
//	----------------|---------|----------------------------------------------------------------
//	nothing         | From    | while the environment is paused: Refused
//	nothing         | From    | put it on Version, which is owed: from now on nobody retires that
//	Version         | From    | take AWSPENDING off, so that no rotation goes on; wait for Outlast;
//	                |         | test; swap AWSCURRENT; take ROLLBACK off
//	Version         | Version | take it off: the swap was done
//	nothing         | Version | nothing: done
//	Version         | another | take it off, Refused: somebody has put a newer version
//	another version | any     | Refused: one rollback at a time
//
// A version whose credential is retired, or that its target refuses, is not brought back: Refused.
func (j Job) Rollback(ctx context.Context, b Back) (Progress, error) {
	h, err := j.Store.LookAll(ctx, j.Source.Secret)
	if err != nil {
		return Progress{}, err
	}
	holder, begun := h.Labelled(history.Rollback)
	current, _ := h.Current()
	pause, paused := plan.FindPause(j.Store.Now(), h)
	switch {
	case begun && holder.ID != b.Version:
		return Progress{}, j.refuseRollback("a rollback to version %s is under way", history.Short(holder.ID))
	case current.ID == b.Version:
		return Progress{Done: true}, j.dropVeto(ctx, h, b.Version)
	case current.ID != b.From:
		return Progress{}, j.giveUp(ctx, h, b.Version,
			j.refuseRollback("version %s has become current since", history.Short(current.ID)))
	case !begun && paused:
		return Progress{}, j.refuseRollback("the environment is %s: rotary resume %s ends that", pause, j.environmentName())
	case !begun:
		return j.putVeto(ctx, h, b.Version)
	}
	if _, rotating := h.Labelled(history.AWSPending); rotating {
		return j.stopRotation(ctx, h)
	}
	if until := h.Changed.Add(Outlast); until.After(j.Store.Now()) {
		return Progress{Until: until}, nil
	}
	return j.swapBack(ctx, h, b)
}

func (j Job) refuseRollback(format string, args ...any) *Refused {
	return &Refused{j.Source.Name, "it is not rolled back: " + fmt.Sprintf(format, args...)}
}

// putVeto puts ROLLBACK on a version whose credential nobody has retired.
func (j Job) putVeto(ctx context.Context, h history.History, version string) (Progress, error) {
	if _, owed := findVersion(h.Replaced(), version); !owed {
		return Progress{}, j.refuseRollback("the credential of version %s is retired, "+
			"or its version is not known yet; rotate to go forward", history.Short(version))
	}
	if err := j.Store.Move(ctx, h.Secret, history.Rollback, version, ""); err != nil {
		return Progress{}, err
	}
	return j.stopRotation(ctx, h)
}

// stopRotation ends a rotation that is under way: it cannot undo what comes. What it has sent before lands while we
// wait.
func (j Job) stopRotation(ctx context.Context, h history.History) (Progress, error) {
	if pending, some := h.Labelled(history.AWSPending); some {
		if err := j.dropPending(ctx, h, pending.ID); err != nil {
			return Progress{}, err
		}
	}
	return Progress{Until: j.Store.Now().Add(Outlast)}, nil
}

func (j Job) swapBack(ctx context.Context, h history.History, b Back) (Progress, error) {
	v, _ := h.Version(b.Version)
	if !v.Alive() {
		return Progress{}, j.giveUp(ctx, h, b.Version,
			j.refuseRollback("the credential of version %s was retired", history.Short(b.Version)))
	}
	values, err := j.readVersion(ctx, h, b.Version)
	if err != nil {
		return Progress{}, err
	}
	if err := j.Rotator.Test(ctx, values); err != nil {
		return Progress{}, j.giveUp(ctx, h, b.Version,
			j.refuseRollback("its target does not accept version %s: %v", history.Short(b.Version), err))
	}
	if err := j.takeVersion(ctx, h, b.Version); err != nil {
		return Progress{}, err
	}
	if err := j.Store.Move(ctx, h.Secret, history.AWSCurrent, b.Version, b.From); err != nil {
		return Progress{}, err
	}
	return Progress{Done: true}, j.dropVeto(ctx, h, b.Version)
}

// giveUp takes ROLLBACK off and says why.
func (j Job) giveUp(ctx context.Context, h history.History, version string, why *Refused) error {
	if err := j.dropVeto(ctx, h, version); err != nil {
		return err
	}
	return why
}

// dropVeto takes ROLLBACK off version, if it is there.
func (j Job) dropVeto(ctx context.Context, h history.History, version string) error {
	if v, _ := h.Version(version); !v.Has(history.Rollback) {
		return nil
	}
	return j.Store.Move(ctx, h.Secret, history.Rollback, "", version)
}
