package rotatetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

func refusesNotHalf(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	s.must(s.steps(s.job(), s.begin()))
	token := s.begin()
	job := s.job()
	stuck := &recorder{Store: job.Store, fails: "AWSPENDING"}
	job.Store = stuck
	err := job.Step(t.Context(), rotate.Event{Step: "createSecret", Version: token})
	if _, refused := errors.AsType[*rotate.Refused](err); refused || !errors.Is(err, errFails) {
		t.Errorf("error is %v, want the one of the label that could not be moved", err)
	}
	stuck.fails = ""
	_, refused := errors.AsType[*rotate.Refused](job.Step(t.Context(), rotate.Event{Step: "createSecret", Version: token}))
	if !refused || s.look().holder(history.AWSPending) != "" {
		t.Error("asking again does not refuse and take AWSPENDING off")
	}
}

// overtaken puts a value by hand before each step, and after the last.
func overtaken(t *testing.T, start func(*testing.T) *source) {
	for n := 0; n <= len(steps); n++ {
		s := start(t)
		token := s.begin()
		s.must(s.steps(s.job(), token, steps[:n]...))
		byHand := s.put()
		if err := s.steps(s.job(), token, steps[n:]...); err == nil && n < len(steps) {
			t.Errorf("a value was put by hand before %s, and the rotation went on", steps[n])
		}
		if got := s.current(); got != byHand {
			t.Errorf("a value was put by hand before step %d, and AWSCURRENT is on %s", n+1, got)
		}
		s.must(s.retireAll(s.job()))
		s.alone()
		s.must(s.steps(s.job(), s.begin()))
		s.must(s.retireAll(s.job()))
		s.alone()
	}
}

// swapped puts a value as rotary put does, a compare-and-swap that leaves AWSPENDING where it is, just before a call
// that a change makes. The change may fail; what the person put is never lost, and everything comes to an end.
func swapped(t *testing.T, start func(*testing.T) *source) {
	dry, count := start(t), &visitor{}
	dry.must(dry.change(count, dry.begin()))
	for at := 1; at <= count.calls; at += some(count.calls) {
		s, byHand := start(t), ""
		v := &visitor{at: at, visit: func() { byHand = s.swap() }}
		token := s.begin()
		_ = s.change(v, token)
		for range 2 { // Secrets Manager tries again
			_ = s.steps(s.job(), token)
		}
		s.must(s.retireAll(s.job()))
		if got := s.current(); got != byHand {
			t.Errorf("a value was put by hand before call %d of %d (%s), and AWSCURRENT is on %s", at, count.calls, v.name, got)
		}
		s.alone()
		s.must(s.steps(s.job(), s.begin()))
		s.must(s.retireAll(s.job()))
		s.alone()
		if t.Failed() {
			t.Fatalf("a value was put by hand before call %d of %d (%s)", at, count.calls, v.name)
		}
	}
}

func leftover(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.AWSPending, s.current(), ""))
	s.must(s.steps(s.job(), s.begin()))
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.AWSPending, s.current(), ""))
	s.must(s.retireAll(s.job()))
	s.ended(1)
}

func testsCopy(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	token := s.begin()
	before := s.look()
	s.must(s.steps(s.job(), token, "testSecret"))
	s.unchanged(before)
}

func finishesNothing(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	s.failsUnchanged("of a version without a value", "finishSecret", s.begin())
}

func advancesNothing(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	first, token := s.current(), s.begin()
	s.must(s.steps(s.job(), token))
	s.must(s.retireAll(s.job()))
	before := s.look()
	for _, v := range []string{first, s.current(), version(99)} {
		s.must(s.job().Advance(t.Context(), plan.Advance{Source: s.Source.Name, Version: v, Current: s.current()}))
		s.unchanged(before)
	}
}

func advanceMoved(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	first, token := s.current(), s.begin()
	s.must(s.steps(s.job(), token))
	s.put()
	s.later()
	before := s.look()
	if err := s.job().Advance(t.Context(), plan.Advance{Source: s.Source.Name, Version: first, Current: token}); err == nil {
		t.Error("it retires what the gates were not checked against")
	}
	s.unchanged(before)
}

func advanceRetained(t *testing.T, start func(*testing.T) *source) {
	for _, label := range []string{history.Retain, history.Rollback} {
		s := start(t)
		first, token := s.current(), s.begin()
		s.must(s.steps(s.job(), token))
		s.must(s.store.Move(t.Context(), s.Source.Secret, label, first, ""))
		s.later()
		before := s.look()
		ask := plan.Advance{Source: s.Source.Name, Version: first, Current: token}
		if err := s.job().Advance(t.Context(), ask); err == nil {
			t.Errorf("a version under %s is retired", label)
		}
		s.unchanged(before)
		s.must(s.store.Move(t.Context(), s.Source.Secret, label, "", first))
		s.must(s.retireAll(s.job()))
		s.ended(1)
	}
}

func liveLast(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	s.must(s.steps(s.job(), s.begin()))
	for owed := range s.owed() {
		s.later()
		job := s.job()
		seen := &recorder{Store: job.Store}
		job.Store, job.Rotator = seen, noting(job.Rotator, seen)
		s.must(job.Advance(t.Context(), plan.Advance{Source: s.Source.Name, Version: owed.ID, Current: s.current()}))
		if n := len(seen.did); n < 2 || !strings.HasPrefix(seen.did[n-1], "off "+history.Live) || !slices.Contains(seen.did, "retire") {
			t.Errorf("Advance did %v; want the retirement, and LIVE off last", seen.did)
		}
	}
}
