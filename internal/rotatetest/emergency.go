package rotatetest

import (
	"errors"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// beginEmergency asks for a rotation past what is owed, as rotary rotate --emergency does.
func (s *source) beginEmergency() (token string) {
	s.t.Helper()
	token = versionID(s.made + 1) // of which begin makes the next
	s.must(s.store.Move(s.t.Context(), s.Source.Secret, history.DeadlineLabel(time.Time{}, token), s.currentID(), ""))
	if got := s.beginRotation(); got != token {
		s.t.Fatalf("the rotation's version is %s, want %s", got, token)
	}
	return token
}

// testEmergency rotates beside an owed version, which nobody else may do.
func testEmergency(t *testing.T, start func(*testing.T) *source) {
	s, _ := startRotated(t, start)
	token := s.beginEmergency()
	s.must(s.runSteps(s.openJob(), token))
	if s.currentID() != token {
		t.Errorf("AWSCURRENT is on %s, want the emergency's version", s.currentID())
	}
	s.checkCurrentAccepted()
	if e, is := s.readHistory().EmergencyOf(token); !is || e.On.ID != token {
		t.Error("the emergency's label is not on the version that it made")
	}
	s.must(s.retireAll(s.openJob()))
	s.checkAlone()
	if left := s.readHistory().Placements(history.Deadline); len(left) > 0 {
		t.Errorf("the emergency's label stays: %v", left)
	}
}

// urgentCrashes ends an emergency at each of its calls, or at some of many, and asks again.
func urgentCrashes(t *testing.T, start func(*testing.T) *source) {
	dry, _ := startRotated(t, start)
	count := &killer{}
	dry.must(dry.runChange(count, dry.beginEmergency()))
	for at := 1; at <= count.calls; at += sampleStep(count.calls) {
		for _, done := range []bool{false, true} {
			s, _ := startRotated(t, start)
			k, token := &killer{at: at, done: done}, s.beginEmergency()
			if err := s.runChange(k, token); err == nil {
				t.Fatalf("%v: the emergency survived", k)
			}
			s.checkAlive(k)
			s.askAgain(token, s.beginEmergency)
			s.checkCurrentAccepted()
			s.followTrace()
			s.checkAlone()
			if t.Failed() {
				t.Fatalf("after %v", k)
			}
		}
	}
}

// followTrace checks that MAKING notes every credential that may be lost, and, as a person who has looked at the vendor
// for them, retires and rotates: that takes the labels off. An emergency leaves them, because nobody has looked by
// then.
func (s *source) followTrace() {
	s.t.Helper()
	trace := s.readHistory().Placements(history.Making)
	switch {
	case len(trace) != s.lost:
		s.t.Errorf("%d credentials may be lost, and the labels that say so are %v", s.lost, trace)
	case s.lost > 0:
		s.must(s.retireAll(s.openJob()))
		s.must(s.runChange(&killer{}, s.beginRotation()))
	}
}

// urgentOvertaken puts a value during an emergency. That value is newer, and stays current.
func urgentOvertaken(t *testing.T, start func(*testing.T) *source) {
	for n := range len(steps) {
		s, _ := startRotated(t, start)
		token := s.beginEmergency()
		s.must(s.runSteps(s.openJob(), token, steps[:n]...))
		byHand := s.putByHand()
		if err := s.runSteps(s.openJob(), token, steps[n:]...); err == nil || s.currentID() != byHand {
			t.Errorf("a value was put before %s, and AWSCURRENT is on %s", steps[n], s.currentID())
		}
		s.must(s.retireAll(s.openJob()))
		s.checkAlone()
	}
}

// rollbackEndsEmergency goes back from what an emergency has made. Its deadline is for everything older, and so would
// end what is current now as soon as that is replaced again: the next pass takes it off, and nothing can be replaced
// before.
func rollbackEndsEmergency(t *testing.T, start func(*testing.T) *source) {
	s, before := startRotated(t, start)
	token := s.beginEmergency()
	s.must(s.runSteps(s.openJob(), token))
	back := rotate.Back{Source: before.Source, Version: before.From, From: token}
	s.must(s.rollBack(s.openJob(), back))
	s.checkWentBack(back)
	if _, refused := errors.AsType[*rotate.Refused](s.runSteps(s.openJob(), s.beginRotation())); !refused {
		t.Error("a planned rotation starts while an emergency's label is there")
	}
	s.must(s.applyMarks(s.makePlan()))
	if left := s.readHistory().Placements(history.Deadline); len(left) > 0 {
		t.Errorf("the emergency's label stays: %v", left)
	}
	s.must(s.retireAll(s.openJob()))
	s.checkAlone()
}

// testForced retires at once what an emergency's deadline has ended, while everybody still uses it, and only that.
func testForced(t *testing.T, start func(*testing.T) *source) {
	s, back := startRotated(t, start)
	ask := s.adviseAdvance(back)
	ask.Forced = true
	before := s.takeLook()
	if err := s.openJob().Advance(t.Context(), ask); err == nil {
		t.Error("a version is forced to die, and no emergency has said so")
	}
	s.checkUnchanged(before)
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.DeadlineLabel(s.standin.Clock.Now(), s.currentID()), s.currentID(), ""))
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.Retain, back.Version, ""))
	before = s.takeLook()
	if err := s.openJob().Advance(t.Context(), ask); err == nil {
		t.Error("RETAIN does not win over a deadline")
	}
	s.checkUnchanged(before)
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.Retain, "", back.Version))
	s.must(s.openJob().Advance(t.Context(), ask))
	if s.Accepts != nil && s.Accepts(s.readContent(back.Version)) {
		t.Error("the target still accepts what was forced to die")
	}
	s.must(s.retireAll(s.openJob()))
	s.checkAlone()
}
