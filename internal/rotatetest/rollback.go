package rotatetest

import (
	"errors"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// rotated is a source with a rotation that nobody has followed yet: its first version is owed.
func rotated(t *testing.T, start func(*testing.T) *source) (s *source, back rotate.Back) {
	t.Helper()
	s = start(t)
	first, token := s.current(), s.begin()
	s.must(s.steps(s.job(), token))
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
	s, back := rotated(t, start)
	s.must(s.rollBack(s.job(), back))
	s.wentBack(back)
	before := s.look()
	s.must(s.rollBack(s.job(), back))
	s.unchanged(before)
	s.must(s.retireAll(s.job()))
	s.alone()
	s.must(s.steps(s.job(), s.begin()))
	s.must(s.retireAll(s.job()))
	s.alone()
}

// wentBack checks that a rollback has ended, and with a credential that is accepted.
func (s *source) wentBack(b rotate.Back) {
	s.t.Helper()
	l := s.look()
	if l.holder(history.AWSCurrent) != b.Version || l.holder(history.Rollback) != "" || l.holder(history.AWSPending) != "" {
		s.t.Errorf("after a rollback to %s the labels are %v", b.Version, l.Labels)
	}
	s.accepted()
}

// accepted checks that what is current works, whatever has happened.
func (s *source) accepted() {
	s.t.Helper()
	if s.Accepts != nil && !s.Accepts(s.content(s.current())) {
		s.t.Errorf("the target refuses what is under AWSCURRENT, version %s", s.current())
	}
}

// rollsBackAfterACrash ends a rollback at each of its calls, and asks again.
func rollsBackAfterACrash(t *testing.T, start func(*testing.T) *source) {
	dry, back := rotated(t, start)
	count := &killer{}
	dry.must(dry.rollBack(dry.through(count), back))
	for at := 1; at <= count.calls; at++ {
		for _, done := range []bool{false, true} {
			s, back := rotated(t, start)
			k := &killer{at: at, done: done}
			if err := s.rollBack(s.through(k), back); err == nil {
				t.Fatalf("%v: the rollback survived", k)
			}
			s.accepted()
			s.must(s.rollBack(s.job(), back))
			s.wentBack(back)
			if t.Failed() {
				t.Fatalf("after %v", k)
			}
		}
	}
}

// rollbackMeetsAdvance retires the old version at every call of a rollback to it, and begins a rollback at every call of
// a retirement. Whoever wins, what is current afterwards is accepted, and nothing is left over.
func rollbackMeetsAdvance(t *testing.T, start func(*testing.T) *source) {
	meet := func(one func(*source, caller, rotate.Back), other func(*source, rotate.Back)) {
		dry, back := rotated(t, start)
		dry.must(dry.mark(dry.plan()))
		count := &visitor{}
		one(dry, count, back)
		for at := 1; at <= count.calls; at++ {
			s, back := rotated(t, start)
			s.must(s.mark(s.plan()))
			v := &visitor{at: at, visit: func() { other(s, back) }}
			one(s, v, back)
			s.accepted()
			_ = s.rollBack(s.job(), back)
			s.accepted()
			s.must(s.retireAll(s.job()))
			s.alone()
			if t.Failed() {
				t.Fatalf("they met before call %d of %d (%s)", at, count.calls, v.name)
			}
		}
	}
	meet(
		func(s *source, c caller, b rotate.Back) { _ = s.rollBack(s.through(c), b) },
		func(s *source, b rotate.Back) { _ = s.job().Advance(s.t.Context(), s.ask(b)) },
	)
	meet(
		func(s *source, c caller, b rotate.Back) { _ = s.through(c).Advance(s.t.Context(), s.ask(b)) },
		func(s *source, b rotate.Back) { _, _ = s.job().Rollback(s.t.Context(), b) },
	)
}

// ask is the Advance that a pass asks for when everybody has followed.
func (s *source) ask(b rotate.Back) plan.Advance {
	return plan.Advance{Source: b.Source, Version: b.Version, Current: b.From}
}

// rollbackStopsARotation has an emergency's rotation under way, which goes on after every step when the rollback is over.
func rollbackStopsARotation(t *testing.T, start func(*testing.T) *source) {
	for n := range steps {
		s, back := rotated(t, start)
		token := s.emergency()
		s.must(s.steps(s.job(), token, steps[:n]...))
		err := s.rollBack(s.job(), back)
		_, refused := errors.AsType[*rotate.Refused](err)
		if err != nil && !refused {
			t.Fatal(err)
		}
		now := s.current()
		if err := s.steps(s.job(), token, steps[n:]...); err == nil {
			t.Errorf("after a rollback a rotation goes on with %s", steps[n])
		}
		if got := s.current(); got != now || got == token {
			t.Errorf("AWSCURRENT is on %s, and was on %s after the rollback", got, now)
		}
		s.accepted()
		s.must(s.retireAll(s.job()))
		s.alone()
	}
}

func rollbackRefuses(t *testing.T, start func(*testing.T) *source) {
	refused := func(why string, s *source, b rotate.Back) {
		t.Helper()
		before := s.look()
		err := s.rollBack(s.job(), b)
		if r, is := errors.AsType[*rotate.Refused](err); !is || r.Reason == "" {
			t.Errorf("to %s: error is %v, want *rotate.Refused", why, err)
		}
		s.unchanged(before)
	}
	s, back := rotated(t, start)
	refused("a version that does not exist", s, rotate.Back{Source: back.Source, Version: version(99), From: back.From})

	s, back = rotated(t, start)
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.Rollback, back.From, ""))
	refused("one version while another is being rolled back to", s, back)

	s, back = rotated(t, start)
	s.must(s.retireAll(s.job()))
	refused("a version that is retired", s, rotate.Back{Source: back.Source, Version: back.Version, From: s.current()})

	s, back = rotated(t, start)
	s.put()
	refused("what was there before somebody put another value", s, back)
}

// rollbackOvertaken puts a value while a rollback waits: the rollback gives way.
func rollbackOvertaken(t *testing.T, start func(*testing.T) *source) {
	s, back := rotated(t, start)
	if p, err := s.job().Rollback(t.Context(), back); err != nil || p.Done {
		t.Fatalf("the first step: %+v, %v", p, err)
	}
	byHand := s.put()
	if _, refused := errors.AsType[*rotate.Refused](s.rollBack(s.job(), back)); !refused || s.current() != byHand {
		t.Error("it overwrites what somebody has put since")
	}
	if s.look().holder(history.Rollback) != "" {
		t.Error("ROLLBACK stays, and nobody can retire the version")
	}
	s.must(s.retireAll(s.job()))
	s.alone()
}

// rollbackHolds retires nothing and starts no rotation while a rollback is under way.
func rollbackHolds(t *testing.T, start func(*testing.T) *source) {
	s, back := rotated(t, start)
	_, err := s.job().Rollback(t.Context(), back)
	s.must(err)
	if err := s.job().Advance(t.Context(), s.ask(back)); err == nil {
		t.Error("what a rollback goes back to is retired")
	}
	token := s.emergency()
	if _, refused := errors.AsType[*rotate.Refused](s.steps(s.job(), token)); !refused {
		t.Error("a rotation starts during a rollback")
	}
	s.must(s.rollBack(s.job(), back))
	s.wentBack(back)
}
