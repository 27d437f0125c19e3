package rotatetest

import (
	"errors"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// startRotated returns a source with a rotation that nobody has followed yet: its first version is owed.
func startRotated(t *testing.T, start func(*testing.T) *source) (s *source, back rotate.Back) {
	t.Helper()
	s = start(t)
	first, token := s.currentID(), s.beginRotation()
	s.must(s.runSteps(s.openJob(), token))
	return s, rotate.Back{Source: s.Source.Name, Version: first, From: token}
}

// rollBack asks, as often as it takes, until it is done or fails.
func (s *source) rollBack(j rotate.Job, b rotate.Back) error {
	for range 5 {
		p, err := j.Rollback(s.t.Context(), b)
		if err != nil || p.Done {
			return err
		}
		s.standin.AdvanceTo(p.Until)
	}
	return errors.New("a rollback does not come to an end")
}

func rollsBack(t *testing.T, start func(*testing.T) *source) {
	s, back := startRotated(t, start)
	s.must(s.rollBack(s.openJob(), back))
	s.checkWentBack(back)
	before := s.takeLook()
	s.must(s.rollBack(s.openJob(), back))
	s.checkUnchanged(before)
	s.must(s.retireAll(s.openJob()))
	s.checkAlone()
	s.must(s.runSteps(s.openJob(), s.beginRotation()))
	s.must(s.retireAll(s.openJob()))
	s.checkAlone()
}

// checkWentBack checks that a rollback has ended, and with a credential that is accepted.
func (s *source) checkWentBack(b rotate.Back) {
	s.t.Helper()
	l := s.takeLook()
	if l.holderOf(history.AWSCurrent) != b.Version || l.holderOf(history.Rollback) != "" || l.holderOf(history.AWSPending) != "" {
		s.t.Errorf("after a rollback to %s the labels are %v", b.Version, l.Labels)
	}
	s.checkCurrentAccepted()
}

// checkCurrentAccepted checks that what is current works, whatever has happened.
func (s *source) checkCurrentAccepted() {
	s.t.Helper()
	if s.Accepts != nil && !s.Accepts(s.readContent(s.currentID())) {
		s.t.Errorf("the target refuses what is under AWSCURRENT, version %s", s.currentID())
	}
}

// rollsBackAfterACrash ends a rollback at each of its calls, and asks again.
func rollsBackAfterACrash(t *testing.T, start func(*testing.T) *source) {
	dry, back := startRotated(t, start)
	count := &killer{}
	dry.must(dry.rollBack(dry.openThrough(count), back))
	for at := 1; at <= count.calls; at += sampleStep(count.calls) {
		for _, done := range []bool{false, true} {
			s, back := startRotated(t, start)
			k := &killer{at: at, done: done}
			if err := s.rollBack(s.openThrough(k), back); err == nil {
				t.Fatalf("%v: the rollback survived", k)
			}
			s.checkCurrentAccepted()
			s.must(s.rollBack(s.openJob(), back))
			s.checkWentBack(back)
			if t.Failed() {
				t.Fatalf("after %v", k)
			}
		}
	}
}

// rollbackMeetsAdvance retires the old version at every call of a rollback to it, and begins a rollback at every call
// of a retirement. Whoever wins, what is current afterwards is accepted, and nothing is left over.
func rollbackMeetsAdvance(t *testing.T, start func(*testing.T) *source) {
	meet := func(one func(*source, caller, rotate.Back), other func(*source, rotate.Back)) {
		dry, back := startRotated(t, start)
		dry.must(dry.applyMarks(dry.makePlan()))
		dry.passQuiet()
		count := &visitor{}
		one(dry, count, back)
		for at := 1; at <= count.calls; at += sampleStep(count.calls) {
			s, back := startRotated(t, start)
			s.must(s.applyMarks(s.makePlan()))
			s.passQuiet()
			v := &visitor{at: at, visit: func() { other(s, back) }}
			one(s, v, back)
			s.checkCurrentAccepted()
			_ = s.rollBack(s.openJob(), back)
			s.checkCurrentAccepted()
			s.must(s.retireAll(s.openJob()))
			s.checkAlone()
			if t.Failed() {
				t.Fatalf("they met before call %d of %d (%s)", at, count.calls, v.name)
			}
		}
	}
	meet(
		func(s *source, c caller, b rotate.Back) { _ = s.rollBack(s.openThrough(c), b) },
		func(s *source, b rotate.Back) { _ = s.openJob().Advance(s.t.Context(), s.adviseAdvance(b)) },
	)
	meet(
		func(s *source, c caller, b rotate.Back) {
			_ = s.openThrough(c).Advance(s.t.Context(), s.adviseAdvance(b))
		},
		func(s *source, b rotate.Back) { _, _ = s.openJob().Rollback(s.t.Context(), b) },
	)
}

// adviseAdvance returns the Advance that a pass asks for when everybody has followed.
func (s *source) adviseAdvance(b rotate.Back) plan.Advance {
	return plan.Advance{Source: b.Source, Version: b.Version, Current: b.From}
}

// rollbackStopsARotation rolls back after every number of steps of an emergency's rotation, and then tries the other
// steps, which must fail.
func rollbackStopsARotation(t *testing.T, start func(*testing.T) *source) {
	for n := range steps {
		s, back := startRotated(t, start)
		token := s.beginEmergency()
		s.must(s.runSteps(s.openJob(), token, steps[:n]...))
		err := s.rollBack(s.openJob(), back)
		_, refused := errors.AsType[*rotate.Refused](err)
		if err != nil && !refused {
			t.Fatal(err)
		}
		now := s.currentID()
		if err := s.runSteps(s.openJob(), token, steps[n:]...); err == nil {
			t.Errorf("after a rollback a rotation goes on with %s", steps[n])
		}
		if got := s.currentID(); got != now || got == token {
			t.Errorf("AWSCURRENT is on %s, and was on %s after the rollback", got, now)
		}
		s.checkCurrentAccepted()
		s.must(s.retireAll(s.openJob()))
		s.checkAlone()
	}
}

func rollbackRefuses(t *testing.T, start func(*testing.T) *source) {
	refused := func(why string, s *source, b rotate.Back) {
		t.Helper()
		before := s.takeLook()
		err := s.rollBack(s.openJob(), b)
		if r, is := errors.AsType[*rotate.Refused](err); !is || r.Reason == "" {
			t.Errorf("to %s: error is %v, want *rotate.Refused", why, err)
		}
		s.checkUnchanged(before)
	}
	s, back := startRotated(t, start)
	refused("a version that does not exist", s, rotate.Back{Source: back.Source, Version: versionID(99), From: back.From})

	s, back = startRotated(t, start)
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.Rollback, back.From, ""))
	refused("one version while another is being rolled back to", s, back)

	s, back = startRotated(t, start)
	s.must(s.retireAll(s.openJob()))
	refused("a version that is retired", s, rotate.Back{Source: back.Source, Version: back.Version, From: s.currentID()})

	s, back = startRotated(t, start)
	s.putByHand()
	refused("what was there before somebody put another value", s, back)
}

// rollbackOvertaken puts a value while a rollback waits: the rollback gives way.
func rollbackOvertaken(t *testing.T, start func(*testing.T) *source) {
	s, back := startRotated(t, start)
	if p, err := s.openJob().Rollback(t.Context(), back); err != nil || p.Done {
		t.Fatalf("the first step: %+v, %v", p, err)
	}
	byHand := s.putByHand()
	if _, refused := errors.AsType[*rotate.Refused](s.rollBack(s.openJob(), back)); !refused || s.currentID() != byHand {
		t.Error("it overwrites what somebody has put since")
	}
	if s.takeLook().holderOf(history.Rollback) != "" {
		t.Error("ROLLBACK stays, and nobody can retire the version")
	}
	s.must(s.retireAll(s.openJob()))
	s.checkAlone()
}

// rollbackHolds retires nothing and starts no rotation while a rollback is under way.
func rollbackHolds(t *testing.T, start func(*testing.T) *source) {
	s, back := startRotated(t, start)
	_, err := s.openJob().Rollback(t.Context(), back)
	s.must(err)
	s.passQuiet()
	if err := s.openJob().Advance(t.Context(), s.adviseAdvance(back)); err == nil {
		t.Error("what a rollback goes back to is retired")
	}
	token := s.beginEmergency()
	if _, refused := errors.AsType[*rotate.Refused](s.runSteps(s.openJob(), token)); !refused {
		t.Error("a rotation starts during a rollback")
	}
	s.must(s.rollBack(s.openJob(), back))
	s.checkWentBack(back)
}
