// Package rotate is what all rotators share: the four steps that Secrets Manager asks for, and Advance, which
// retires what is owed. Both re-read the labels first, act only if these allow it, and may be repeated after a
// crash at any point.
package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Values is the content of one source version, by canonical key.
type Values = map[string]secret.Value

// Rotator makes, installs, tests and retires one kind of credential. Every method may be called again with the same
// arguments after a crash, and must then end in the same place.
type Rotator interface {
	// Create returns the content of the next version. It changes nothing at the target unless the target makes
	// the credential itself. An error with a method Refusal() string says why the rotation may not start from
	// there at all: it is refused, and the source left as it was.
	Create(ctx context.Context, s Start) (Values, error)
	// Set makes the target accept c.Pending, and leaves what c.Current holds accepted. It may be asked again when
	// Pending has become current: a call of an older rotation that lands late can have replaced its credential, and Set
	// puts it back. A target that can tell refuses the older call instead; then the error wraps ErrSuperseded. An error
	// with a method Refusal() string says why Set will never do it, and that it has changed nothing: the rotation ends.
	Set(ctx context.Context, c Change) error
	// Test returns nil if the target accepts pending. The error wraps ErrNotAccepted if the target was asked and
	// refuses it; after any other error nobody knows. It may meet a version that Create and Set never saw.
	Test(ctx context.Context, pending Values) error
	// Retire makes the target refuse what is owed. Where a credential moves in several versions it instead returns
	// the next one, which becomes current; nil means that what was owed is dead. It never ends a credential that a
	// rotation later than e.Since has installed, if the target can tell: then the error wraps ErrSuperseded. Where the
	// target can tell who uses the credential, Retire asks it immediately before it ends anything; where
	// e.Witness.Judge objects, it changes nothing, and the error wraps that *InUse.
	Retire(ctx context.Context, e End) (next Values, err error)
}

// ErrNotAccepted is in the error of a Test if the target has answered that it refuses the credential.
var ErrNotAccepted = errors.New("the target does not accept the credential")

// ErrSuperseded is in the error of a Set or Retire that came too late: the target has a newer rotation's credential in
// that place, and keeps it.
var ErrSuperseded = errors.New("the credential there was installed by a newer rotation; " +
	"this one is stopped and has changed nothing")

// Start holds the state of a source when a rotation starts.
type Start struct {
	Version string // the id of the version that comes to be: the same at every try of one rotation
	// Since is when this rotation began, by Secrets Manager's clock. For an emergency it is when the first of those
	// began that it has stopped before they made a version.
	Since     time.Time
	Current   Values
	Emergency bool // what is owed may be in the way, and dies if it is
	// Others reads what every other version of the source holds now, oldest first: what made the credential, as far as
	// the source knows. It fails where AWSCURRENT has moved since. Ask it after the target.
	Others func(context.Context) ([]Other, error)
	// Elsewhere reads what the other sources of the environment hold.
	Elsewhere Elsewhere
}

// Change holds the credentials of a rotation for Set: the pending one and the current one.
type Change struct {
	// Since is when the rotation that made Pending began, by Secrets Manager's clock: the creation time of its version,
	// the same at every try. Of two rotations, the one with the later time is the newer one.
	Since            time.Time
	Pending, Current Values
	// Elsewhere reads what the other sources of the environment hold: a credential of theirs is not Set's to replace.
	Elsewhere Elsewhere
}

// Other is a version that is not current, nor the one that comes to be.
type Other struct {
	Values   Values
	Live     bool // its credential may be accepted
	Retained bool // somebody vetoes its retirement: an emergency does not go past that
}

// End holds the credentials of a retirement: the owed one, and the one that stays.
type End struct {
	Since         time.Time // when the owed version was created, by Secrets Manager's clock
	Owed, Current Values
	Forced        bool // an emergency's deadline has passed: whoever still uses it is refused
	// Others reads what every version but the current one holds now, oldest first, the owed one among them, and not
	// what an earlier try has put to follow. It fails where AWSCURRENT has moved since.
	Others func(context.Context) ([]Other, error)
	// Elsewhere reads what the other sources of the environment hold.
	Elsewhere Elsewhere
	// Witness judges who still uses the owed credential, where the target can tell.
	Witness Witness
}

// Unrepeatable is a Rotator whose Create makes something at the target that a second try would make again. Before it is
// asked, the source notes that it is; while that stands, the same rotation is not tried again but refused, and a
// person looks.
type Unrepeatable interface {
	// MayHaveMade reports whether the target may have made a credential although Create returned err.
	MayHaveMade(err error) bool
}

// Identified is a Rotator whose credentials belong to identities at the target: a user, a key.
//
//	another version with the identity | what happens to the owed one
//	----------------------------------|---------------------------------------------------------------
//	is current, or taken instead      | its label comes off, and the target is not asked: it is in use
//	is pending                        | nothing, with an error: the rotation decides what the target accepts
//	is owed too, the same credential  | its label comes off: the other one still stands for it
//	is owed too, another credential   | it is retired: only one of the two can be what the target accepts
type Identified interface {
	// Identity names to whom the credential belongs.
	Identity(Values) string
	// Same reports whether two contents with one identity hold one and the same credential.
	Same(a, b Values) bool
}

// Store lists the Secrets Manager calls of a rotation; pkg/store implements it and documents what each method promises.
type Store interface {
	Look(ctx context.Context, name string) (history.History, error)
	LookAll(ctx context.Context, name string) (history.History, error)
	Value(ctx context.Context, name, version string) (text secret.Value, has bool, err error)
	Put(ctx context.Context, name, version string, text secret.Value, labels ...string) error
	Move(ctx context.Context, name, label, to, from string) error
	Now() time.Time
}

// refusal is the error of a rotator for which a rotation does not go on.
type refusal interface {
	error
	Refusal() string
}

// Refused is the error for a rotation that may not happen now. Nothing has changed, and the person or schedule that
// asked for it can ask again once the reason is gone.
type Refused struct {
	Source string
	Reason string
}

// Refusal returns the reason.
func (r *Refused) Refusal() string { return r.Reason }

func (r *Refused) Error() string {
	return fmt.Sprintf("rotation of %s refused: %s", r.Source, r.Reason)
}

// Job is the rotation of one source.
type Job struct {
	Store   Store
	Source  manifest.Source
	Rotator Rotator
	// Environment has the other sources, which may hold the same credential. nil: there are none.
	Environment *manifest.Environment
	// Pause waits, or until its context ends. Where it is nil, finishSecret does not stay to confirm: see Confirm.
	Pause func(context.Context, time.Duration) error
	// Retired is called once for each version whose credential Advance has ended, as soon as its LIVE came off. nil:
	// nobody is told.
	Retired func(version string)
}

// Event is the payload with which Secrets Manager invokes a rotation function
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html).
type Event struct {
	Step    string // createSecret, setSecret, testSecret, finishSecret
	Version string // the ClientRequestToken
}

// Step does one step of a rotation. Repeatable: a step that was done already succeeds without doing it again, and
// every step succeeds at once where the version is already current; an AWSPENDING that a crash left there comes off.
//
// S5 (docs/safety.md) is checked before anything is created: while a version of the source is owed or not yet known,
// the rotation is Refused, and the empty AWSPENDING is taken off again so that the next one can start. An emergency
// goes past it. A rotation that somebody's put has overtaken is Refused likewise: it would bring back what they
// replaced. What it made is owed then.
func (j Job) Step(ctx context.Context, e Event) error {
	history, err := j.Store.LookAll(ctx, j.Source.Secret)
	if err != nil {
		return err
	}
	if history, err = j.reclaimPending(ctx, history, e.Version); err != nil {
		return err
	}
	pending, done, err := j.checkPending(history, e)
	if err != nil {
		return err
	}
	if done {
		return j.dropPending(ctx, history, pending.ID)
	}
	if e.Step == "createSecret" {
		return j.createSecret(ctx, history, pending)
	}
	if isOvertaken(history, pending) {
		return j.refuseRotation(ctx, history, pending,
			&Refused{j.Source.Name, "another version became current while it was under way: once what it has made is retired, " +
				j.commandOf("rotate")})
	}
	switch e.Step {
	case "setSecret":
		return j.setSecret(ctx, history, pending)
	case "testSecret":
		return j.testSecret(ctx, history, pending)
	case "finishSecret":
		return j.finishSecret(ctx, history, pending)
	}
	return fmt.Errorf("rotate %s: Secrets Manager asked for the unknown step %q", j.Source.Name, e.Step)
}

// checkPending is the check that every AWS rotation template starts with.
func (j Job) checkPending(h history.History, e Event) (pending history.Version, done bool, err error) {
	pending, known := h.Version(e.Version)
	switch {
	case !h.RotationEnabled:
		err = fmt.Errorf("rotate %s: rotation is not enabled for %s", j.Source.Name, h.Secret)
	case !known:
		err = fmt.Errorf("rotate %s: version %s does not exist", j.Source.Name, e.Version)
	case pending.Has(history.AWSCurrent):
		done = true
	case !pending.Has(history.AWSPending):
		err = fmt.Errorf("rotate %s: version %s is not pending any more", j.Source.Name, e.Version)
	}
	return pending, done, err
}

// refuseRotation takes AWSPENDING off, so that the next rotation can start.
func (j Job) refuseRotation(ctx context.Context, h history.History, pending history.Version, refused *Refused) error {
	if err := j.clearDeclared(ctx, h); err != nil {
		return err
	}
	if err := j.Store.Move(ctx, h.Secret, history.AWSPending, "", pending.ID); err != nil {
		return err // not Refused: something is left that the next try takes off
	}
	return refused
}

// reclaimPending takes AWSPENDING back for the version of an emergency, where a rotation that the emergency has
// stopped holds it: what that one's createSecret sent last has landed after it was stopped. It returns the labels as
// they are then.
func (j Job) reclaimPending(ctx context.Context, h history.History, version string) (history.History, error) {
	v, known := h.Version(version)
	holder, rotating := h.Labelled(history.AWSPending)
	_, urgent := h.EmergencyOf(version)
	if !known || !urgent || !rotating || !holder.Created.Before(v.Created) || holder.Has(history.AWSCurrent) ||
		v.Has(history.AWSCurrent) {
		return h, nil
	}
	if err := j.Store.Move(ctx, h.Secret, history.AWSPending, version, holder.ID); err != nil {
		return h, err
	}
	return j.Store.LookAll(ctx, h.Secret)
}

// isOvertaken reports whether AWSCURRENT has moved since createSecret made pending, from a version that was live and
// is owed now, or has been retired since; or whether a newer emergency has stopped its rotation. What Advance has put
// stands beside owed versions from the beginning; what nobody created here, Secrets Manager only tests. An
// emergency's rotation starts beside owed versions too, and only a newer version overtakes it.
func isOvertaken(h history.History, pending history.Version) bool {
	current, _ := h.Current()
	switch {
	case !pending.Has(h.LabelFor(history.Live, pending.ID)):
		return false
	case current.Created.After(pending.Created) || isStopped(h, pending):
		return true
	}
	_, urgent := h.EmergencyOf(pending.ID)
	return len(h.Replaced()) > 0 && !urgent && !isPutByAdvance(h, pending.ID, current.ID)
}

// isStopped reports whether an emergency was begun after the rotation to pending.
func isStopped(h history.History, pending history.Version) bool {
	return slices.ContainsFunc(h.Versions, func(v history.Version) bool {
		_, urgent := h.EmergencyOf(v.ID)
		return urgent && v.Created.After(pending.Created)
	})
}

func (j Job) setSecret(ctx context.Context, h history.History, pending history.Version) error {
	next, current, err := j.readPendingAndCurrent(ctx, h, pending)
	if err != nil {
		return err
	}
	err = j.Rotator.Set(ctx, Change{
		Since: pending.Created, Pending: next, Current: current, Elsewhere: j.readElsewhere,
	})
	if refusal, refuses := errors.AsType[refusal](err); refuses {
		return j.refuseRotation(ctx, h, pending, &Refused{j.Source.Name, refusal.Refusal()})
	}
	if err != nil {
		return fmt.Errorf("make the target accept version %s of %s: %w", history.Short(pending.ID), j.Source.Name, err)
	}
	return nil
}

// testSecret also serves RotateSecret with RotateImmediately=false, which tests a version that was never created here.
func (j Job) testSecret(ctx context.Context, h history.History, pending history.Version) error {
	if _, has, err := j.Store.Value(ctx, h.Secret, pending.ID); err != nil || !has {
		return err
	}
	values, err := j.readVersion(ctx, h, pending.ID)
	if err != nil {
		return err
	}
	if err := j.Rotator.Test(ctx, values); err != nil {
		return fmt.Errorf("test version %s of %s: %w", history.Short(pending.ID), j.Source.Name, err)
	}
	return nil
}

// finishSecret swaps AWSCURRENT against the version seen. A version without a value never becomes current.
func (j Job) finishSecret(ctx context.Context, h history.History, pending history.Version) error {
	if pending.Empty {
		return fmt.Errorf("finish the rotation of %s: version %s has no value",
			j.Source.Name, history.Short(pending.ID))
	}
	current, _ := h.Current()
	if err := j.makeCurrent(ctx, h, pending.ID, current.ID); err != nil {
		return err
	}
	if _, urgent := h.EmergencyOf(pending.ID); urgent && j.Pause != nil &&
		j.Source.LateWrite() == manifest.LateConfirmed {
		j.stayToConfirm(ctx, plan.Confirm{Source: j.Source.Name, Version: pending.ID})
	}
	return nil
}

// makeCurrent puts TAKEN on a version, swaps AWSCURRENT to it and takes AWSPENDING off, whether or not AWS already did.
func (j Job) makeCurrent(ctx context.Context, h history.History, version, from string) error {
	if err := j.takeVersion(ctx, h, version); err != nil {
		return err
	}
	if err := j.Store.Move(ctx, h.Secret, history.AWSCurrent, version, from); err != nil {
		return err
	}
	now, err := j.Store.LookAll(ctx, h.Secret)
	if err != nil {
		return err
	}
	return j.dropPending(ctx, now, version)
}

// dropPending takes AWSPENDING off version, if it is there.
func (j Job) dropPending(ctx context.Context, h history.History, version string) error {
	if v, _ := h.Version(version); !v.Has(history.AWSPending) {
		return nil
	}
	return j.Store.Move(ctx, h.Secret, history.AWSPending, "", version)
}

func (j Job) readPendingAndCurrent(
	ctx context.Context, h history.History, pending history.Version,
) (next, now Values, err error) {
	used, _ := h.InUse()
	if next, err = j.readVersion(ctx, h, pending.ID); err != nil {
		return nil, nil, err
	}
	now, err = j.readVersion(ctx, h, used.ID)
	return next, now, err
}

// Current returns what a source holds now. It fails where it holds nothing.
func Current(ctx context.Context, s Store, source manifest.Source) (Values, error) {
	h, err := s.LookAll(ctx, source.Secret)
	if err != nil {
		return nil, err
	}
	current, has := h.Current()
	if !has {
		return nil, fmt.Errorf("read source %s: it has no value yet", source.Name)
	}
	return Job{Store: s, Source: source}.readVersion(ctx, h, current.ID)
}

// readVersion returns a version's values. A version without a value is an error.
func (j Job) readVersion(ctx context.Context, h history.History, version string) (Values, error) {
	_, values, err := j.readTextAndValues(ctx, h, version)
	return values, err
}

// readTextAndValues returns a version as it is stored, and its values. A version without a value is an error.
func (j Job) readTextAndValues(
	ctx context.Context, h history.History, version string,
) (text secret.Value, values Values, err error) {
	text, has, err := j.Store.Value(ctx, h.Secret, version)
	if errors.Is(err, secret.ErrBinary) {
		err = &malformed{err}
	}
	if err != nil {
		return text, nil, err
	}
	if !has {
		return text, nil, fmt.Errorf("read version %s of %s: it has no value", history.Short(version), j.Source.Name)
	}
	values, _, err = bucket.ReadSource(j.Source, text)
	if err != nil {
		return text, nil, &malformed{fmt.Errorf("version %s: %w", history.Short(version), err)}
	}
	return text, values, nil
}

// putOver puts a version with these values, and with all else that the text of another version holds.
func (j Job) putOver(
	ctx context.Context, h history.History, base secret.Value, version string, values Values, labels ...string,
) error {
	text, err := bucket.WriteSource(j.Source, base, values)
	if err != nil {
		return err
	}
	return j.Store.Put(ctx, h.Secret, version, text, labels...)
}

// malformed is the error for a version that was read and does not hold what the source declares as it should.
type malformed struct{ error }

func (m *malformed) Unwrap() error { return m.error }
