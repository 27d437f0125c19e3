package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// emergency is a rotation past what is owed, before it begins. Everything that it does is read back from labels, so it may
// be asked for again after a crash at any point:
//
//	the labels say                          | it
//	----------------------------------------|----------------------------------------------------------
//	no emergency                            | begins
//	one that no version belongs to, or only | takes that label off, and begins
//	  one that was never made               |
//	one whose version is pending            | goes on with it; the deadline was set when it began
//	one whose version is current, some owed | goes on with it; an earlier deadline is set beside its own
//	one that is over, or was overtaken      | begins; the next passes take that label off
//
// Two people who begin one at the same time do not mix: a rotation finds its label by the start of its version's id.
type emergency struct {
	source  manifest.Source
	history history.History
	now     time.Time // Secrets Manager's, when they were read
	read    time.Time // this machine's
	current history.Version
	until   time.Time // the deadline; zero for none

	left    []plan.Mark     // labels of emergencies that came to nothing
	stopped history.Version // under a rotation that ends here, where there is one
	going   history.Version // the version of an emergency that is under way, where there is one
	label   history.Emergency
}

// begins says whether a rotation is started.
func (e emergency) begins() bool { return e.going.ID == "" }

// urgent rotates one source, whatever it owes.
func (c rotateCmd) urgent(s *session, source manifest.Source) error {
	report, err := s.ready(source)
	if err != nil {
		return err
	}
	e, err := c.prepare(s, source)
	if err != nil {
		return err
	}
	h := foresee(s.env, e, report)
	fmt.Fprintln(s.people(), strings.Join(h.lines(s.env.Name, e.now), "\n"))
	if err := s.insist(c.Yes, e.what()+" in "+s.env.Name); err != nil {
		return err
	}
	version, err := s.begin(e)
	if err != nil {
		return err
	}
	if err := s.begun(e, h, version, c.Wait); err != nil || !c.Wait {
		return err
	}
	return s.follow(pursuit{s.look, e.watch(version).done, c.Timeout})
}

// prepare reads the labels and decides what there is to do. It changes nothing.
func (c rotateCmd) prepare(s *session, source manifest.Source) (emergency, error) {
	e := emergency{source: source}
	secrets := store.New(s.secrets())
	var err error
	if e.history, err = secrets.Look(s.ctx, source.Secret); err != nil {
		return e, err
	}
	if e.history.Versions, err = secrets.Versions(s.ctx, source.Secret); err != nil {
		return e, err
	}
	e.now, e.read = secrets.Now(), s.now()
	e.current, _ = e.history.Current()
	if c.Deadline != nil {
		e.until = e.now.Add(*c.Deadline)
	}
	e.sort(c.Again)
	return e, e.refused(s.env.Name)
}

// sort tells emergencies that are under way from what is left of others, and both from a planned rotation.
func (e *emergency) sort(again bool) {
	pending, rotating := e.history.Labelled(history.AWSPending)
	rotating = rotating && !pending.Has(history.AWSCurrent)
	for _, label := range e.history.Emergencies() {
		made, begun := e.maker(label)
		making := begun && rotating && made.ID == pending.ID
		is := begun && (label.On.ID == made.ID || label.On.Created.After(made.Created)) // the label has gone over to what it made
		switch {
		case !making && !is:
			e.left = append(e.left, plan.Mark{Secret: e.source.Secret, Label: label.Label, From: label.On.ID})
		case again:
		case making, e.begins() && label.On.ID == e.current.ID && len(e.history.Owed()) > 0:
			e.going, e.label = made, label
		}
	}
	if e.begins() && rotating {
		e.stopped = pending
	}
	if !e.begins() && !e.earlier() {
		e.until = e.label.Until
	}
}

// maker returns the version that an emergency was begun for.
func (e emergency) maker(label history.Emergency) (history.Version, bool) {
	for _, v := range e.history.Versions {
		if of, is := e.history.EmergencyOf(v.ID); is && of.Label == label.Label {
			return v, true
		}
	}
	return history.Version{}, false
}

// earlier says whether the deadline that is asked for comes before the one that an emergency under way has.
func (e emergency) earlier() bool {
	return !e.until.IsZero() && (e.label.Until.IsZero() || e.until.Before(e.label.Until))
}

// refused says why it cannot begin, or go on, now.
func (e emergency) refused(env string) error {
	if back, begun := e.history.Labelled(history.Rollback); begun {
		return refusal(e.source.Name, fmt.Sprintf("a rollback to version %s is under way: finish it with rotary rollback %s %s", history.Short(back.ID), env, e.source.Name))
	}
	switch {
	case e.current.ID == "":
		return refusal(e.source.Name, "it has no value yet: rotary put "+env+" "+e.source.Name)
	case !e.history.RotationEnabled:
		return refusal(e.source.Name, "rotation is not enabled for its secret "+e.source.Secret)
	case !e.begins() && e.earlier() && e.going.Has(history.AWSPending):
		return unfinished{fmt.Sprintf("the emergency's version %s of %s is being made, and its deadline can be brought forward once it is current: run this again in a minute", history.Short(e.going.ID), e.source.Name)}
	}
	for _, v := range e.doomed() {
		if v.Has(history.Retain) {
			return refusal(e.source.Name, fmt.Sprintf("the new credential would take the place of version %s, which is retained; to give that up: rotary retain %s %s --release", history.Short(v.ID), env, e.source.Name))
		}
	}
	return nil
}

// doomed returns the versions that die as soon as the new credential is made, because it takes their place. A database
// source has two users, and every version that is not current may be the other one's; an IAM user has two keys.
func (e emergency) doomed() []history.Version {
	others := e.history.Owed()
	if slices.ContainsFunc(e.stopped.Labels, func(l string) bool { return strings.HasPrefix(l, history.Live) }) {
		others = append(others, e.stopped) // as soon as it is not pending
	}
	switch {
	case !e.begins():
		return nil
	case e.source.Rotate.With == manifest.Postgres || e.source.Rotate.With == manifest.MySQL:
		return others
	case e.source.Rotate.With == manifest.AWSAccessKey:
		return others[:min(1, len(others))]
	}
	return nil
}

func (e emergency) what() string {
	if e.begins() {
		return "begin this emergency"
	}
	return "go on with this emergency"
}

// begin starts the rotation, or goes on with one that is under way, and returns the version that it makes.
func (s *session) begin(e emergency) (version string, err error) {
	switch shown := s.now().Sub(e.read); {
	case !e.begins():
		return e.going.ID, resumable(s.bringForward(e))
	case !e.until.IsZero() && shown >= e.until.Sub(e.now):
		return "", refusal(e.source.Name, "the deadline that was shown is over; ask again")
	}
	if err := s.clear(e); err != nil {
		return "", resumable(err)
	}
	version = newID()
	label := history.DeadlineLabel(e.until, version)
	secrets := store.New(s.secrets())
	if err := secrets.Move(s.ctx, e.source.Secret, label, e.current.ID, ""); err != nil {
		return "", resumable(err)
	}
	err = s.startRotation(e.source, version)
	if _, refused := errors.AsType[errRefused](err); refused { // nothing has begun, and nothing may die of its deadline
		return "", errors.Join(err, secrets.Move(s.ctx, e.source.Secret, label, "", e.current.ID))
	}
	return version, resumable(err)
}

// bringForward sets an earlier deadline: of several the first counts.
func (s *session) bringForward(e emergency) error {
	if e.until.Equal(e.label.Until) {
		return nil
	}
	return store.New(s.secrets()).Move(s.ctx, e.source.Secret, history.DeadlineLabel(e.until, e.going.ID), e.label.On.ID, "")
}

// clear takes off what is left of other emergencies, and ends a rotation that is under way.
func (s *session) clear(e emergency) error {
	secrets, off := store.New(s.secrets()), e.left
	if e.stopped.ID != "" {
		off = append(off, plan.Mark{Label: history.AWSPending, From: e.stopped.ID})
	}
	for _, m := range off {
		if err := secrets.Move(s.ctx, e.source.Secret, m.Label, "", m.From); err != nil {
			return err
		}
	}
	return nil
}

func resumable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; what was done stands: ask again, and it goes on from there", err)
}

// begun says that the emergency is on its way; where it is followed, a program gets the last report instead.
func (s *session) begun(e emergency, h harm, version string, followed bool) error {
	switch {
	case s.json && !followed:
		return s.print(map[string]any{"source": e.source.Name, "version": version, "emergency": h})
	case s.json:
		return nil
	case e.begins():
		return s.started(e.source, version, followed)
	}
	_, err := fmt.Fprintf(s.out, "%s: the emergency's version %s is under way; rotary status %s shows who follows\n", e.source.Name, history.Short(version), s.env.Name)
	return err
}

// watch follows the rotation to version.
func (e emergency) watch(version string) *rotation {
	w := &rotation{source: e.source.Name, version: version}
	if e.begins() || e.going.Has(history.AWSPending) {
		w.before = e.current.ID
	}
	return w
}
