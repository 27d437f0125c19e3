package plan

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// dropVoidEmergencies takes the labels of emergencies off that came to nothing: somebody went back from the version,
// or its rotation was stopped. The deadline would end the current version as soon as another one has replaced it.
func (s Source) dropVoidEmergencies() []Mark {
	var marks []Mark
	current, exists := s.Current()
	for _, e := range s.Emergencies() {
		if exists && e.On.Created.After(current.Created) && !e.On.Has(history.AWSPending) {
			marks = append(marks, Mark{Secret: s.Secret, Label: e.Label, From: e.On.ID})
		}
	}
	return marks
}

// carryEmergencies moves the label of an emergency over to the version that it has made: where it joined a rotation
// that had begun, that one may have put its version without it.
func (s Source) carryEmergencies() []Mark {
	var marks []Mark
	current, exists := s.Current()
	for _, v := range s.Versions {
		e, urgent := s.EmergencyOf(v.ID)
		_, live := v.Label(history.Live)
		came := v.Has(history.AWSPending) || !v.Created.After(current.Created)
		if urgent && exists && live && came && e.On.Created.Before(v.Created) {
			marks = append(marks, Mark{Secret: s.Secret, Label: e.Label, To: v.ID, From: e.On.ID})
		}
	}
	return marks
}

// Confirming: until when what an emergency has made is confirmed. The last time is after history.Outlast, at which
// nothing can land any more, and within a sweep of it.
const (
	confirmEvery = time.Minute
	confirmLast  = 5 * time.Minute
)

// confirmEmergency plans that the current version is confirmed, where an emergency has made it a short time ago and
// nothing at its target refuses what is late (manifest.LateConfirmed).
func (p *Plan) confirmEmergency(s State, source Source) {
	current, exists := source.Current()
	_, urgent := source.EmergencyOf(current.ID)
	until := current.Created.Add(history.Outlast + confirmLast)
	confirmed := source.Manifest.LateWrite() == manifest.LateConfirmed
	if !exists || !urgent || !confirmed || !s.Now.Before(until) || s.Mode == manifest.Observe {
		return
	}
	p.Confirms = append(p.Confirms, Confirm{source.Name, current.ID})
	p.Waits = append(p.Waits, Wait{
		Subject: source.Name, Version: current.ID, Reason: Confirming, Until: s.Now.Add(confirmEvery),
		Detail: "what was sent before this emergency may still land: its login is tested each minute, " +
			"and set again where it is refused",
	})
}

// dropEmergencyLabels takes an emergency's label off when nothing is left of it.
func (p *Plan) dropEmergencyLabels(s State, source Source) {
	over := source.Placements(history.Deadline)
	pending, some := source.Labelled(history.AWSPending)
	moving := slices.ContainsFunc(p.Marks, func(m Mark) bool { return m.Secret == source.Secret })
	if s.Mode == manifest.Observe || len(over) == 0 || moving || len(source.Owed()) > 0 ||
		some && !pending.Has(history.AWSCurrent) {
		return
	}
	if until := source.Changed.Add(history.LateWrite); until.After(s.Now) {
		p.Waits = append(p.Waits, Wait{
			Subject: source.Name, Reason: Settling, Until: until,
			Detail: "an emergency is over; its label comes off last",
		})
		return
	}
	for _, label := range over {
		p.Drops = append(p.Drops, Mark{Secret: source.Secret, Label: label.Label, From: label.Version})
	}
}
