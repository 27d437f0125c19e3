package rotatetest

import (
	"errors"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// emergency asks for a rotation past what is owed, as rotary rotate --emergency does.
func (s *source) emergency() (token string) {
	s.t.Helper()
	token = version(s.made + 1) // of which begin makes the next
	s.must(s.store.Move(s.t.Context(), s.Source.Secret, history.DeadlineLabel(time.Time{}, token), s.current(), ""))
	if got := s.begin(); got != token {
		s.t.Fatalf("the rotation's version is %s, want %s", got, token)
	}
	return token
}

// urgent rotates beside an owed version, which nobody else may do.
func urgent(t *testing.T, start func(*testing.T) *source) {
	s, _ := rotated(t, start)
	token := s.emergency()
	s.must(s.steps(s.job(), token))
	if s.current() != token {
		t.Errorf("AWSCURRENT is on %s, want the emergency's version", s.current())
	}
	s.accepted()
	if e, is := s.history().EmergencyOf(token); !is || e.On.ID != token {
		t.Error("the emergency's label is not on the version that it made")
	}
	s.must(s.retireAll(s.job()))
	s.alone()
	if left := s.history().Placements(history.Deadline); len(left) > 0 {
		t.Errorf("the emergency's label stays: %v", left)
	}
}

// urgentCrashes ends an emergency at each of its calls, or at some of many, and asks again.
func urgentCrashes(t *testing.T, start func(*testing.T) *source) {
	dry, _ := rotated(t, start)
	count := &killer{}
	dry.must(dry.change(count, dry.emergency()))
	for at := 1; at <= count.calls; at += some(count.calls) {
		for _, done := range []bool{false, true} {
			s, _ := rotated(t, start)
			k, token := &killer{at: at, done: done}, s.emergency()
			if err := s.change(k, token); err == nil {
				t.Fatalf("%v: the emergency survived", k)
			}
			s.alive(k)
			s.again(token, s.emergency)
			s.accepted()
			s.alone()
			if t.Failed() {
				t.Fatalf("after %v", k)
			}
		}
	}
}

// urgentOvertaken has a person put a value during an emergency: theirs is newer.
func urgentOvertaken(t *testing.T, start func(*testing.T) *source) {
	for n := range len(steps) {
		s, _ := rotated(t, start)
		token := s.emergency()
		s.must(s.steps(s.job(), token, steps[:n]...))
		byHand := s.put()
		if err := s.steps(s.job(), token, steps[n:]...); err == nil || s.current() != byHand {
			t.Errorf("a value was put before %s, and AWSCURRENT is on %s", steps[n], s.current())
		}
		s.must(s.retireAll(s.job()))
		s.alone()
	}
}

// rollbackEndsEmergency goes back from what an emergency has made. Its deadline is for everything older, and so would end
// what is current now as soon as that is replaced again: the next pass takes it off, and nothing can be replaced before.
func rollbackEndsEmergency(t *testing.T, start func(*testing.T) *source) {
	s, before := rotated(t, start)
	token := s.emergency()
	s.must(s.steps(s.job(), token))
	back := rotate.Back{Source: before.Source, Version: before.From, From: token}
	s.must(s.rollBack(s.job(), back))
	s.wentBack(back)
	if _, refused := errors.AsType[*rotate.Refused](s.steps(s.job(), s.begin())); !refused {
		t.Error("a planned rotation starts while an emergency's label is there")
	}
	s.must(s.mark(s.plan()))
	if left := s.history().Placements(history.Deadline); len(left) > 0 {
		t.Errorf("the emergency's label stays: %v", left)
	}
	s.must(s.retireAll(s.job()))
	s.alone()
}

// forced retires at once what an emergency's deadline has ended, while everybody still uses it, and only that.
func forced(t *testing.T, start func(*testing.T) *source) {
	s, back := rotated(t, start)
	ask := s.ask(back)
	ask.Forced = true
	before := s.look()
	if err := s.job().Advance(t.Context(), ask); err == nil {
		t.Error("a version is forced to die, and no emergency has said so")
	}
	s.unchanged(before)
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.DeadlineLabel(s.standin.Clock.Now(), s.current()), s.current(), ""))
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.Retain, back.Version, ""))
	before = s.look()
	if err := s.job().Advance(t.Context(), ask); err == nil {
		t.Error("RETAIN does not win over a deadline")
	}
	s.unchanged(before)
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.Retain, "", back.Version))
	s.must(s.job().Advance(t.Context(), ask))
	if s.Accepts != nil && s.Accepts(s.content(back.Version)) {
		t.Error("the target still accepts what was forced to die")
	}
	s.must(s.retireAll(s.job()))
	s.alone()
}
