package operate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// FindEmergency reads the labels of a source and decides what an emergency does there. deadline is when everything
// older than the new credential dies, from now; 0 for none. It changes nothing. The error is a *Refused where it
// cannot begin, and a *TooEarly where the deadline cannot be brought forward yet.
func (o Operator) FindEmergency(
	ctx context.Context, source manifest.Source, deadline time.Duration, again bool,
) (Emergency, error) {
	e, err := o.lookAtEmergency(ctx, source)
	if err != nil {
		return e, err
	}
	if soonest := SoonestDeadline(source); deadline > 0 {
		e.Raised = deadline < soonest
		e.Until = e.Now.Add(max(deadline, soonest))
	}
	e.ask = asked{version: o.NewID(), until: e.Until, again: again}
	e.classifyLabels()
	return e, e.checkAllowed(o.Environment.Name)
}

// lookAtEmergency reads what an emergency is decided from.
func (o Operator) lookAtEmergency(ctx context.Context, source manifest.Source) (Emergency, error) {
	h, err := o.lookWithAges(ctx, source.Secret)
	e := Emergency{Source: source, History: h, Now: o.Secrets.Now()}
	e.Current, _ = h.Current()
	return e, err
}

// maxSteps is how many steps it takes at most until an emergency is under way, whatever others do meanwhile.
const maxSteps = 30

// StartEmergency takes step after step until an emergency that a person has agreed to is under way, and returns the
// version that it makes.
func (o Operator) StartEmergency(ctx context.Context, told Emergency) (version string, err error) {
	for range maxSteps {
		version, err := o.StepEmergency(ctx, told)
		if err != nil || version != "" {
			return version, err
		}
	}
	return "", fmt.Errorf("rotate %s: again and again another rotation started first; what was done stands: "+
		"ask again, and it goes on from there", told.Source.Name)
}

// StepEmergency looks afresh and takes the next step of an emergency that a person has agreed to. It returns the
// version that the emergency makes once that is under way; "" means that another step is to follow at once. It fails
// with a
// *Refused where it would end more than was told.
//
//	the look shows                          | the step
//	----------------------------------------|-----------------------------------------------------------
//	a label of one that made nothing        | takes it off
//	a rotation that is to be stopped        | takes its AWSPENDING off
//	one under way, and an earlier deadline  | puts another label beside its own: the first one counts
//	one under way                           | nothing: done
//	the person's word about weak keys only  | puts the label of that, if the rotation has made nothing
//	a rotation to join                      | puts the label of that rotation's version
//	nothing of this one                     | puts the label of its version on the current one
//	the label of its version                | starts the rotation: done. Where Secrets Manager refuses,
//	                                        |   takes the label off, because nothing may die of it
func (o Operator) StepEmergency(ctx context.Context, told Emergency) (version string, err error) {
	e, err := o.lookAtEmergency(ctx, told.Source)
	if err != nil {
		return "", err
	}
	e.ask, e.Until = told.ask, told.ask.until
	e.classifyLabels()
	if err := e.checkAllowed(o.Environment.Name); err != nil {
		return "", err
	}
	if id, more := e.findUntold(told); more {
		return "", refuseRotation(e.Source.Name, fmt.Sprintf(
			"version %s would now die at once too, and you were not told: run this again", history.Short(id)))
	}
	version, err = o.takeStep(ctx, e)
	if err != nil && !errors.Is(err, errNotStarted) {
		err = fmt.Errorf("%w; what was done stands: ask again, and it goes on from there", err)
	}
	return version, err
}

// errNotStarted marks an error after which nothing of the emergency is left.
var errNotStarted = errors.New("nothing was started")

func (o Operator) takeStep(ctx context.Context, e Emergency) (version string, err error) {
	move := func(label, to, from string) error { return o.Secrets.Move(ctx, e.Source.Secret, label, to, from) }
	switch {
	case len(e.left) > 0:
		return "", move(e.left[0].Label, "", e.left[0].Version)
	case e.Stopped.ID != "":
		return "", move(history.AWSPending, "", e.Stopped.ID)
	case e.Going.ID != "" && e.isEarlier():
		return e.Going.ID, move(history.DeadlineLabel(e.Until, e.Going.ID), e.label.On.ID, "")
	case e.Going.ID != "":
		return e.Going.ID, nil
	case e.ask.onlyDeclared && !e.isDeclared():
		return "", move(history.DeclaredLabel(e.Version()), e.Current.ID, "")
	case isLive(e.Joined):
		return "", move(history.DeadlineLabel(e.Until, e.Joined.ID), e.Joined.ID, "")
	case e.Joined.ID != "":
		return "", move(history.DeadlineLabel(e.Until, e.Joined.ID), e.Current.ID, "")
	case !e.ready:
		return "", move(history.DeadlineLabel(e.Until, e.ask.version), e.Current.ID, "")
	}
	return o.startRotation(ctx, e)
}

// startRotation starts the rotation of an emergency whose label is put. Where another rotation has begun meanwhile, it
// returns "" and no error: the next look joins or stops that one.
func (o Operator) startRotation(ctx context.Context, e Emergency) (version string, err error) {
	err = o.Rotate(ctx, e.Source, e.ask.version)
	if !isRefusal(err) {
		return e.ask.version, err
	}
	labels := []string{history.DeadlineLabel(e.Until, e.ask.version)}
	if e.ask.onlyDeclared {
		labels = append(labels, history.DeclaredLabel(e.ask.version))
	}
	for _, label := range labels {
		if err := o.Secrets.Move(ctx, e.Source.Secret, label, "", e.Current.ID); err != nil {
			return "", err
		}
	}
	h, lookErr := o.Secrets.Look(ctx, e.Source.Secret)
	if pending, some := h.Labelled(history.AWSPending); lookErr == nil && some && !pending.Has(history.AWSCurrent) {
		return "", nil
	}
	return "", fmt.Errorf("%w; %w", err, errNotStarted)
}
