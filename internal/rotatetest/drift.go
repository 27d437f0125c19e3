package rotatetest

import (
	"errors"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// testIdentities holds two credentials and two contents that are none against each other: nobody's is another's.
func testIdentities(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	r := s.openJob().Rotator.(rotate.Identified) //nolint:forcetypeassert // the case is for those
	junk := func(text string) rotate.Values {
		v := rotate.Values{}
		for _, key := range s.Source.KeyNames() {
			v[key] = secret.New(text)
		}
		return v
	}
	all := []rotate.Values{s.Put(), s.Put(), junk("no credential"), junk("another that is none")}
	for i, one := range all {
		if !r.Same(one, one) {
			t.Errorf("content %d is not the same credential as itself", i)
		}
		for j, other := range all {
			if same := r.Identity(one) == r.Identity(other); same != (i == j) {
				t.Errorf("contents %d and %d have one identity: %v", i, j, same)
			}
		}
	}
	if s.Elsewhere == nil {
		return
	}
	if there := s.Elsewhere(all[0]); r.Same(all[0], there) || r.Same(there, all[0]) {
		t.Error("a login at another server is taken for the same credential: retiring one would leave the other alive")
	}
}

// testTellsRefused asks for a credential that was retired, and for the current one.
func testTellsRefused(t *testing.T, start func(*testing.T) *source) {
	s, back := startRotated(t, start)
	old := s.readContent(back.Version)
	s.must(s.retireAll(s.openJob()))
	if err := s.openJob().Rotator.Test(t.Context(), old); !errors.Is(err, rotate.ErrNotAccepted) {
		t.Errorf("of what was retired Test says: %v; want rotate.ErrNotAccepted in it", err)
	}
	s.must(s.openJob().Rotator.Test(t.Context(), s.readContent(s.currentID())))
}

// testEmergencySparesRetained retains what is owed, where an emergency would end it to have its place.
func testEmergencySparesRetained(t *testing.T, start func(*testing.T) *source) {
	s, back := startRotated(t, start)
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.Retain, back.Version, ""))
	err := s.runSteps(s.openJob(), s.beginEmergency())
	if _, refused := errors.AsType[*rotate.Refused](err); err != nil && !refused {
		t.Errorf("error is %v, want *rotate.Refused or none", err)
	}
	if s.Accepts != nil && !s.Accepts(s.readContent(back.Version)) {
		t.Error("an emergency has ended a credential that somebody retains")
	}
	s.checkCurrentAccepted()
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.Retain, "", back.Version))
	s.must(s.retireAll(s.openJob()))
	s.checkAlone()
}

// testDeadlineEndsSessions logs in with what an emergency's deadline ends and with what is current: only the second
// session survives.
func testDeadlineEndsSessions(t *testing.T, start func(*testing.T) *source) {
	s, back := startRotated(t, start)
	old, current := s.Session(s.readContent(back.Version)), s.Session(s.readContent(s.currentID()))
	now := history.DeadlineLabel(s.standin.Clock.Now(), s.currentID())
	s.must(s.store.Move(t.Context(), s.Source.Secret, now, s.currentID(), ""))
	ask := s.adviseAdvance(back)
	ask.Forced = true
	s.must(s.openJob().Advance(t.Context(), ask))
	if old() {
		t.Error("who has logged in with what a deadline has ended still works")
	}
	if !current() {
		t.Error("who has logged in with what is current is thrown out")
	}
}
