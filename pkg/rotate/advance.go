package rotate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Advance takes the next step with an owed version: it retires its credential and takes its LIVE label off, last.
// Where the credential moves in several versions, the next one is put and made current before; while other versions
// of the source are owed, that is left to the last of them, because their readers need not accept the next one.
//
// The caller has just seen every gate open. Advance reads the labels again and does nothing, without an error, where
// the version is no longer owed; it fails where AWSCURRENT is not the version the gates were checked against, where
// somebody retains the version, or while somebody has paused the environment. Where no deadline of an emergency has
// passed, it fails too where the version was seen not to be current less than history.LateWrite ago. Where the target sees the credential used, nothing is retired:
// that is remembered in the version's USED label, without an error. Repeatable after a crash at any point; an AWSPENDING that one
// left comes off.
func (j Job) Advance(ctx context.Context, a plan.Advance) error {
	h, owed, still, err := j.lookAtOwed(ctx, a)
	if err != nil || !still {
		return err
	}
	if until := h.SeenPast(owed).Add(history.LateWrite); !a.Forced && until.After(j.Store.Now()) {
		return fmt.Errorf("retire version %s of %s: it was current less than %s ago",
			history.Short(owed.ID), j.Source.Name, history.LateWrite)
	}
	if left, some := findLeftover(h, a.Current); some {
		if err := j.dropPending(ctx, h, left.ID); err != nil {
			return err
		}
		if h, owed, still, err = j.lookAtOwed(ctx, a); err != nil || !still { // what was pending may be owed now
			return err
		}
	}
	ended, err := j.retireOwed(ctx, h, owed, a)
	if used, is := errors.AsType[*InUse](err); is {
		return j.noteUse(ctx, h, owed, used)
	}
	if err != nil {
		return err
	}
	return j.dropOwed(ctx, h, owed, ended)
}

// dropOwed takes LIVE off an owed version, and then PAST. ended: its credential is dead, and lives on in no other version.
func (j Job) dropOwed(ctx context.Context, h history.History, owed history.Version, ended bool) error {
	for _, label := range owed.OwedLabels() {
		if err := j.Store.Move(ctx, h.Secret, label, "", owed.ID); err != nil {
			return err
		}
		if ended && strings.HasPrefix(label, history.Live) && j.Retired != nil {
			j.Retired(owed.ID)
		}
	}
	return nil
}

// lookAtOwed reads the labels, and checks that they allow what is asked. still is false where the version is not owed
// any more.
func (j Job) lookAtOwed(
	ctx context.Context, a plan.Advance,
) (h history.History, owed history.Version, still bool, err error) {
	if h, err = j.Store.LookAll(ctx, j.Source.Secret); err != nil {
		return h, owed, false, err
	}
	if owed, still = findVersion(h.Owed(), a.Version); !still {
		return h, owed, false, nil
	}
	return h, owed, true, j.mayAdvance(h, owed, a)
}

func (j Job) mayAdvance(h history.History, owed history.Version, a plan.Advance) error {
	current, _ := h.Current()
	pause, paused := plan.FindPause(j.Store.Now(), h)
	switch {
	case paused:
		return fmt.Errorf("retire version %s of %s: the environment is %s", history.Short(owed.ID), j.Source.Name, pause)
	case current.ID != a.Current:
		return fmt.Errorf("retire version %s of %s: AWSCURRENT has moved since the gates were checked",
			history.Short(owed.ID), j.Source.Name)
	case owed.Has(history.Retain) || owed.Has(history.Rollback):
		return fmt.Errorf("retire version %s of %s: it is retained", history.Short(owed.ID), j.Source.Name)
	case !a.Forced && !h.TakesCurrent():
		return fmt.Errorf("retire version %s of %s: the target has not accepted the current version",
			history.Short(owed.ID), j.Source.Name)
	case a.Forced && !isOverdue(h, owed, j.Store.Now()):
		return fmt.Errorf("retire version %s of %s: no emergency's deadline is over it",
			history.Short(owed.ID), j.Source.Name)
	}
	return nil
}

// isOverdue reports whether an emergency's deadline for owed has passed.
func isOverdue(h history.History, owed history.Version, now time.Time) bool {
	at, some := h.Dies(owed)
	return some && !at.After(now)
}

// retireOwed ends the credential of an owed version, and puts what comes next. It reports false where another version has
// the same credential, which lives on.
func (j Job) retireOwed(
	ctx context.Context, h history.History, owed history.Version, a plan.Advance,
) (ended bool, err error) {
	dying, err := j.readVersion(ctx, h, owed.ID)
	if err != nil {
		return false, err
	}
	shared, err := j.isShared(ctx, h, owed.ID, dying)
	if err != nil || shared {
		return false, err
	}
	used, _ := h.InUse()
	base, now, err := j.readTextAndValues(ctx, h, used.ID)
	if err != nil {
		return false, err
	}
	if err := j.checkRetirable(ctx, dying, now); err != nil {
		return false, fmt.Errorf("retire version %s of %s: %w", history.Short(owed.ID), j.Source.Name, err)
	}
	next, err := j.Rotator.Retire(ctx, End{
		Since: owed.Created, Owed: dying, Current: now, Forced: a.Forced,
		Others: func(ctx context.Context) ([]Other, error) {
			return j.readOthers(ctx, h.Secret, a.Current, used.ID, nextID(owed.ID, a.Current))
		},
		Elsewhere: j.readElsewhere,
		Witness:   j.newWitness(owed, a),
	})
	if err != nil {
		return false, fmt.Errorf("retire version %s of %s: %w", history.Short(owed.ID), j.Source.Name, err)
	}
	if next == nil || len(h.Owed()) > 1 {
		return true, nil
	}
	return true, j.putNext(ctx, h, owed.ID, a.Current, base, next)
}

// newWitness returns what the rotator judges by who uses the owed credential.
func (j Job) newWitness(owed history.Version, a plan.Advance) Witness {
	accepted, _ := owed.TimeOf(history.Sessions)
	return Witness{Now: j.Store.Now(), Proof: a.Proof, Accepted: accepted, Forced: a.Forced}
}

// isShared reports whether another version stands for the dying one's credential: see Identified.
func (j Job) isShared(ctx context.Context, h history.History, owed string, dying Values) (bool, error) {
	rotator, identified := j.Rotator.(Identified)
	if !identified {
		return false, nil
	}
	used, _ := h.InUse()
	for _, v := range h.Versions {
		if v.ID == owed || v.Empty || !v.Alive() {
			continue
		}
		values, err := j.readVersion(ctx, h, v.ID)
		if _, put := errors.AsType[*malformed](err); put {
			continue // what nobody can read belongs to no identity
		}
		if err != nil {
			return false, err
		}
		if rotator.Identity(values) != rotator.Identity(dying) {
			continue
		}
		switch {
		case v.ID == used.ID:
			return true, nil
		case v.Has(history.AWSPending):
			return false, fmt.Errorf("retire version %s of %s: a rotation that is under way has the same identity",
				history.Short(owed), j.Source.Name)
		case rotator.Same(values, dying):
			return true, nil
		}
	}
	return false, nil
}

// putNext makes next, over the rest of base, what the current version holds, current. Until the swap it stands under
// AWSPENDING, so that a crash leaves it neither forgotten nor owed; its id follows from the two versions it comes from,
// so a repeated Advance finds it again.
func (j Job) putNext(
	ctx context.Context, h history.History, owed, current string, base secret.Value, next Values,
) error {
	id := nextID(owed, current)
	if other, some := h.Labelled(history.AWSPending); some && other.ID != id && other.ID != current {
		return fmt.Errorf("put the next version of %s: a rotation is in progress", j.Source.Name)
	}
	labels := []string{history.AWSPending, h.LabelFor(history.Live, id)}
	for _, e := range h.Emergencies() {
		if e.On.ID == current || e.On.ID == owed { // what it is about is not over with the version that it began with
			labels = append(labels, e.Label)
		}
	}
	if err := j.putOver(ctx, h, base, id, next, labels...); err != nil {
		return err
	}
	return j.makeCurrent(ctx, h, id, current)
}

func nextID(owed, current string) string {
	sum := sha256.Sum256([]byte("rotary advance\n" + owed + "\n" + current))
	return hex.EncodeToString(sum[:20])
}

// findLeftover returns the version on which a crash left AWSPENDING: the current one, or one that was put to follow a
// version that is current no more.
func findLeftover(h history.History, current string) (history.Version, bool) {
	pending, some := h.Labelled(history.AWSPending)
	return pending, some && (pending.ID == current || slices.ContainsFunc(h.Versions, func(v history.Version) bool {
		return v.ID != current && isPutByAdvance(h, pending.ID, v.ID)
	}))
}

// isPutByAdvance reports whether Advance has put version id to follow current.
func isPutByAdvance(h history.History, id, current string) bool {
	return slices.ContainsFunc(h.Versions, func(v history.Version) bool { return nextID(v.ID, current) == id })
}

// PutByAdvance returns the ids of those versions of a source that Advance has put, each with the retirement of another.
func PutByAdvance(versions []history.Version) map[string]bool {
	known, put := map[string]bool{}, map[string]bool{}
	for _, v := range versions {
		known[v.ID] = true
	}
	for _, owed := range versions {
		for _, current := range versions {
			if id := nextID(owed.ID, current.ID); known[id] {
				put[id] = true
			}
		}
	}
	return put
}

func findVersion(versions []history.Version, id string) (history.Version, bool) {
	for _, v := range versions {
		if v.ID == id {
			return v, true
		}
	}
	return history.Version{}, false
}
