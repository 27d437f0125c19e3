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
	s.must(s.runSteps(s.openJob(), s.beginRotation()))
	token := s.beginRotation()
	job := s.openJob()
	stuck := &recorder{Store: job.Store, fails: "AWSPENDING"}
	job.Store = stuck
	err := job.Step(t.Context(), rotate.Event{Step: "createSecret", Version: token})
	if _, refused := errors.AsType[*rotate.Refused](err); refused || !errors.Is(err, errFails) {
		t.Errorf("error is %v, want the one of the label that could not be moved", err)
	}
	stuck.fails = ""
	_, refused := errors.AsType[*rotate.Refused](job.Step(t.Context(), rotate.Event{Step: "createSecret", Version: token}))
	if !refused || s.takeLook().holderOf(history.AWSPending) != "" {
		t.Error("asking again does not refuse and take AWSPENDING off")
	}
}

// testOvertaken puts a value by hand before each step, and after the last.
func testOvertaken(t *testing.T, start func(*testing.T) *source) {
	for n := 0; n <= len(steps); n++ {
		s := start(t)
		token := s.beginRotation()
		s.must(s.runSteps(s.openJob(), token, steps[:n]...))
		byHand := s.putByHand()
		if err := s.runSteps(s.openJob(), token, steps[n:]...); err == nil && n < len(steps) {
			t.Errorf("a value was put by hand before %s, and the rotation went on", steps[n])
		}
		if got := s.currentID(); got != byHand {
			t.Errorf("a value was put by hand before step %d, and AWSCURRENT is on %s", n+1, got)
		}
		s.must(s.retireAll(s.openJob()))
		s.checkAlone()
		s.must(s.runSteps(s.openJob(), s.beginRotation()))
		s.must(s.retireAll(s.openJob()))
		s.checkAlone()
	}
}

// testSwapped puts a value as rotary put does, a compare-and-swap that leaves AWSPENDING where it is, just before a
// call that a change makes. The change may fail; what the person put is never lost, and everything comes to an end.
func testSwapped(t *testing.T, start func(*testing.T) *source) {
	dry, count := start(t), &visitor{}
	dry.must(dry.runChange(count, dry.beginRotation()))
	for at := 1; at <= count.calls; at += sampleStep(count.calls) {
		s, byHand := start(t), ""
		v := &visitor{at: at, visit: func() { byHand = s.swapByHand() }}
		token := s.beginRotation()
		_ = s.runChange(v, token)
		for range 2 { // Secrets Manager tries again
			_ = s.runSteps(s.openJob(), token)
		}
		s.must(s.retireAll(s.openJob()))
		if got := s.currentID(); got != byHand {
			t.Errorf("a value was put by hand before call %d of %d (%s), and AWSCURRENT is on %s", at, count.calls, v.name, got)
		}
		s.checkAlone()
		s.must(s.runSteps(s.openJob(), s.beginRotation()))
		s.must(s.retireAll(s.openJob()))
		s.checkAlone()
		if t.Failed() {
			t.Fatalf("a value was put by hand before call %d of %d (%s)", at, count.calls, v.name)
		}
	}
}

func testLeftover(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.AWSPending, s.currentID(), ""))
	s.must(s.runSteps(s.openJob(), s.beginRotation()))
	s.must(s.store.Move(t.Context(), s.Source.Secret, history.AWSPending, s.currentID(), ""))
	s.must(s.retireAll(s.openJob()))
	s.checkEnded(1)
}

func testsCopy(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	token := s.beginRotation()
	before := s.takeLook()
	s.must(s.runSteps(s.openJob(), token, "testSecret"))
	s.checkUnchanged(before)
}

func finishesNothing(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	s.failsUnchanged("of a version without a value", "finishSecret", s.beginRotation())
}

func advancesNothing(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	first, token := s.currentID(), s.beginRotation()
	s.must(s.runSteps(s.openJob(), token))
	s.must(s.retireAll(s.openJob()))
	before := s.takeLook()
	for _, v := range []string{first, s.currentID(), versionID(99)} {
		s.must(s.openJob().Advance(t.Context(), plan.Advance{Source: s.Source.Name, Version: v, Current: s.currentID()}))
		s.checkUnchanged(before)
	}
}

func advanceMoved(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	first, token := s.currentID(), s.beginRotation()
	s.must(s.runSteps(s.openJob(), token))
	s.putByHand()
	s.passQuiet()
	before := s.takeLook()
	if err := s.openJob().Advance(t.Context(), plan.Advance{Source: s.Source.Name, Version: first, Current: token}); err == nil {
		t.Error("it retires what the gates were not checked against")
	}
	s.checkUnchanged(before)
}

func advanceRetained(t *testing.T, start func(*testing.T) *source) {
	for _, label := range []string{history.Retain, history.Rollback} {
		s := start(t)
		first, token := s.currentID(), s.beginRotation()
		s.must(s.runSteps(s.openJob(), token))
		s.must(s.store.Move(t.Context(), s.Source.Secret, label, first, ""))
		s.passQuiet()
		before := s.takeLook()
		ask := plan.Advance{Source: s.Source.Name, Version: first, Current: token}
		if err := s.openJob().Advance(t.Context(), ask); err == nil {
			t.Errorf("a version under %s is retired", label)
		}
		s.checkUnchanged(before)
		s.must(s.store.Move(t.Context(), s.Source.Secret, label, "", first))
		s.must(s.retireAll(s.openJob()))
		s.checkEnded(1)
	}
}

func liveLast(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	s.must(s.runSteps(s.openJob(), s.beginRotation()))
	for owed := range s.eachOwed() {
		s.passQuiet()
		job := s.openJob()
		seen := &recorder{Store: job.Store}
		job.Store, job.Rotator = seen, noteRetirements(job.Rotator, seen)
		s.must(job.Advance(t.Context(), plan.Advance{Source: s.Source.Name, Version: owed.ID, Current: s.currentID()}))
		off := slices.IndexFunc(seen.did, func(did string) bool { return strings.HasPrefix(did, "off "+history.Live) })
		last := off >= 1 && off == len(seen.did)-2 && strings.HasPrefix(seen.did[off+1], "off "+history.Past)
		if !last || !slices.Contains(seen.did[:off], "retire") {
			t.Errorf("Advance did %v; want the retirement, and LIVE and PAST off last", seen.did)
		}
	}
}
