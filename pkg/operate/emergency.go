package operate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// Emergency is a rotation past what is owed, as it stands before its next step. Everything about it is read back from
// labels, so it may be asked for again after a crash at any point:
//
//	the labels say                           | it
//	-----------------------------------------|----------------------------------------------------------
//	an emergency's version is pending        | goes on with that; the deadline was set when it began
//	one is current, and some are owed        | goes on with it; an earlier deadline is set beside its own
//	a planned rotation began just now        | joins it: that rotation is the emergency from now on
//	any other rotation is under way          | stops it, and begins
//	no rotation is under way                 | begins
//	a label of one that made nothing         | takes that label off first
//	one that is over, or was overtaken       | leaves its label to the next passes
//
// Again asks for one of its own: whatever is under way is stopped, because it has leaked too.
//
// A planned rotation is joined while Secrets Manager still tries it, unless it cannot end: it may have made a
// credential that cannot be asked for again (MAKING), or a version that somebody has overtaken.
//
// Two people who begin one at the same time do not mix: a rotation finds its label by the start of its version's id.
type Emergency struct {
	Source  manifest.Source
	History history.History
	Now     time.Time // by Secrets Manager's clock, when the labels were read
	Current history.Version
	Until   time.Time // the deadline; zero for none
	Raised  bool      // a sooner one was asked for, which could not be kept: see SoonestDeadline

	Stopped history.Version // under a rotation that ends here
	Joined  history.Version // under a planned rotation that becomes the emergency
	Going   history.Version // of an emergency that is under way

	ask   asked
	label history.Emergency   // of Going
	left  []history.Placement // labels of emergencies that came to nothing
	ready bool                // its own label is on the current version
}

// asked holds the parameters that a person gave, the same in every step.
type asked struct {
	version string // of what it makes where it begins
	until   time.Time
	again   bool
	// onlyDeclared: nothing but the declared keys of the source holds its credential, the person says.
	onlyDeclared bool
}

// joinable is how long after its start a rotation is joined rather than stopped. Secrets Manager tries a rotation that
// fails again, and says neither how often nor for how long; one that is older may not be tried any more.
const joinable = 15 * time.Minute

// SoonestDeadline returns how soon a deadline can be kept. Where nothing refuses a late request
// (manifest.LateConfirmed), the old login must live until none can land: it is needed to set the new one again.
func SoonestDeadline(source manifest.Source) time.Duration {
	if source.LateWrite() == manifest.LateConfirmed {
		return rotate.Outlast + time.Minute
	}
	return 0
}

// OnlyDeclared returns e with the word of a person that nothing but the declared keys of the source holds its
// credential: see Operator.RotateOnlyDeclared.
func (e Emergency) OnlyDeclared() Emergency {
	e.ask.onlyDeclared = true
	return e
}

// isDeclared reports whether the person's word is noted for the rotation, or whether that has made its version.
func (e Emergency) isDeclared() bool {
	_, noted := e.History.Labelled(history.DeclaredLabel(e.Version()))
	return noted || isLive(e.Joined)
}

// Begins reports whether a rotation is started.
func (e Emergency) Begins() bool { return e.Going.ID == "" && e.Joined.ID == "" }

// Version returns the version that it makes, as far as is known before it begins.
func (e Emergency) Version() string {
	return cmp.Or(e.Going.ID, e.Joined.ID, e.ask.version)
}

// Label returns the label that it puts, as far as is known before it begins.
func (e Emergency) Label() string { return history.DeadlineLabel(e.Until, e.Version()) }

// Doomed returns the versions that die as soon as the new credential is made, because it takes their place.
func (e Emergency) Doomed() []history.Version {
	others := e.History.Owed()
	if isLive(e.Stopped) {
		others = append(others, e.Stopped) // as soon as it is not pending
	}
	if e.Going.ID != "" || isLive(e.Joined) {
		return nil
	}
	return others[:e.Source.Rotate.CountDisplaced(len(others))]
}

// Before returns the version that the new one replaces; "" where the new one is current already.
func (e Emergency) Before() string {
	if e.Going.ID == "" || e.Going.Has(history.AWSPending) {
		return e.Current.ID
	}
	return ""
}

// classifyLabels sets Going, Joined or Stopped from the emergency labels and the pending version, and collects the
// labels of emergencies that came to nothing in left.
func (e *Emergency) classifyLabels() {
	pending, rotating := e.History.Labelled(history.AWSPending)
	rotating = rotating && !pending.Has(history.AWSCurrent)
	for _, label := range e.History.Emergencies() {
		made, begun := e.findMaker(label)
		making := begun && rotating && made.ID == pending.ID
		switch {
		case !begun && label.Begins(e.ask.version) && label.On.ID == e.Current.ID:
			e.ready = true
		case !making && !(begun && e.hasMade(made, label)):
			e.left = append(e.left, history.Placement{Label: label.Label, Version: label.On.ID})
		case e.ask.again && made.ID != e.ask.version:
		case making, e.Going.ID == "" && e.isCurrent(made, label) && len(e.History.Owed()) > 0:
			e.Going, e.label = made, label
		}
	}
	switch {
	case e.Going.ID != "" || !rotating:
	case e.canJoin(pending):
		e.Joined = pending
	default:
		e.Stopped = pending
	}
	if e.Going.ID != "" && !e.isEarlier() {
		e.Until = e.label.Until
	}
}

// hasMade reports whether an emergency's version came to be: its label has gone over to it or to what follows it, or
// the next pass moves it there.
func (e Emergency) hasMade(made history.Version, label history.Emergency) bool {
	return label.On.ID == made.ID || label.On.Created.After(made.Created) ||
		isLive(made) && !made.Created.After(e.Current.Created)
}

// isCurrent reports whether what an emergency has made, or what follows it, is current.
func (e Emergency) isCurrent(made history.Version, label history.Emergency) bool {
	return label.On.ID == e.Current.ID || made.ID == e.Current.ID
}

// canJoin reports whether the rotation to pending becomes the emergency.
func (e Emergency) canJoin(pending history.Version) bool {
	_, tried := e.History.Labelled(history.MakingLabel(pending.ID))
	overtaken := !pending.Created.After(e.Current.Created) || isLive(pending) && len(e.History.Owed()) > 0
	return !e.ask.again && !tried && !overtaken && e.Now.Sub(pending.Created) < joinable
}

// findMaker returns the version that an emergency was begun for.
func (e Emergency) findMaker(label history.Emergency) (history.Version, bool) {
	for _, v := range e.History.Versions {
		if label.Begins(v.ID) {
			return v, true
		}
	}
	return history.Version{}, false
}

// isEarlier reports whether the deadline that is asked for comes before the one that an emergency under way has.
func (e Emergency) isEarlier() bool {
	return !e.Until.IsZero() && (e.label.Until.IsZero() || e.Until.Before(e.label.Until))
}

// checkAllowed returns why it cannot begin, or go on, now.
func (e Emergency) checkAllowed(env string) error {
	name := e.Source.Name
	if back, begun := e.History.Labelled(history.Rollback); begun {
		return refuseRotation(name, fmt.Sprintf(
			"a rollback to version %s is under way: finish it with rotary rollback %s %s",
			history.Short(back.ID), env, name))
	}
	switch {
	case e.Current.ID == "":
		return refuseRotation(name, "it has no value yet: rotary put "+env+" "+name)
	case !e.History.RotationEnabled:
		return refuseRotation(name, "rotation is not enabled for its secret "+e.Source.Secret)
	case e.Going.ID != "" && e.isEarlier() && e.Going.Has(history.AWSPending):
		return &TooEarly{fmt.Sprintf("the emergency's version %s of %s is being made, "+
			"and its deadline can be brought forward once it is current: run this again in a minute",
			history.Short(e.Going.ID), name)}
	case e.Going.ID == "" && !e.Until.IsZero() && !e.Until.After(e.Now):
		return refuseRotation(name, "the deadline that was shown is over; ask again")
	}
	for _, v := range e.Doomed() {
		if v.Has(history.Retain) {
			return refuseRotation(name, fmt.Sprintf(
				"the new credential would take the place of version %s, which is retained; to give that up: "+
					"rotary retain %s %s --release", history.Short(v.ID), env, name))
		}
	}
	return nil
}

// findUntold returns a version that would die at once now, and of which the person who agreed to told was not told.
func (e Emergency) findUntold(told Emergency) (string, bool) {
	known := append(listIDs(told.Doomed()), told.Stopped.ID, told.Joined.ID)
	for _, v := range e.Doomed() {
		if !slices.Contains(known, v.ID) {
			return v.ID, true
		}
	}
	return "", false
}

// isLive reports whether the target may accept what v holds.
func isLive(v history.Version) bool {
	_, live := v.Label(history.Live)
	return live
}
