package consumetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

func firstRoll(t *testing.T, s *scene) {
	b := s.putVersion(1)
	seen := s.runUntilSettled()
	if !slices.Equal(seen.InPlay, []string{b.Version}) || !seen.Settled {
		t.Errorf("in play is %v, settled %v", seen.InPlay, seen.Settled)
	}
	if seen.Names != nil && !cmp.Equal(seen.Names, b.Names()) {
		t.Errorf("it has %v", seen.Names)
	}
}

// lookTwice reads the status of a consumer that was never rolled, of one that rolls, and of one that has settled.
func lookTwice(t *testing.T, s *scene) {
	s.putVersion(1)
	twice := func(when string) {
		s.wantNoWrites("a look "+when, func() {
			first := s.readStatus()
			if diff := cmp.Diff(first, s.readStatus()); diff != "" {
				t.Errorf("%s, another look shows something else:\n%s", when, diff)
			}
		})
	}
	twice("before the first roll")
	s.mustRoll(s.current)
	twice("right after it")
	s.runUntilSettled()
	twice("when it is through")
}

func rollTwice(_ *testing.T, s *scene) {
	for n := 1; n <= 2; n++ {
		b := s.putVersion(n)
		s.mustRoll(b)
		s.wantNoWrites("a roll of what is under way", func() { s.mustRoll(b) })
		s.runUntilSettled()
		s.wantNoWrites("a roll of what is there", func() { s.mustRoll(b) })
		s.runUntilSettled()
	}
}

func passWithoutChange(_ *testing.T, s *scene) {
	s.settleOn(1).advanceSteps(passes)
	s.wantNoWrites("a pass over what is settled", func() { s.runUntilSettled() })
}

// watchRollout reads the status many times while the second version is rolled out.
func watchRollout(t *testing.T, s *scene) {
	s.settleOn(1)
	b := s.putVersion(2)
	s.mustRoll(b)
	s.wantNoWrites("a pass while it rolls", func() {
		for range 4 * passes {
			s.Clock.Advance(s.Step / 4)
			seen := s.readStatus()
			if p := s.planFor(seen); len(p.Rolls) > 0 {
				t.Fatalf("it would be rolled again: %+v", seen)
			}
		}
	})
	s.runUntilSettled()
}

// tellSince reads since when the consumer runs a version: from its rollout on, and the same time again later.
func tellSince(t *testing.T, s *scene) {
	s.settleOn(1).advanceSteps(passes)
	began := s.Clock.Now()
	s.putVersion(2)
	seen := s.runUntilSettled()
	s.wantBetween("it runs version 2 since", seen.Since, began)
	s.advanceSteps(2 * passes)
	if later := s.readStatus(); !later.Since.Equal(seen.Since) {
		t.Errorf("it ran version 2 since %v, and later since %v", seen.Since, later.Since)
	}
}

// wantBetween checks that a time is not before began and not after now, to the second that some sinks round to.
func (s *scene) wantBetween(what string, at, began time.Time) {
	s.t.Helper()
	if at.Before(began.Truncate(time.Second)) || at.After(s.Clock.Now()) {
		s.t.Errorf("%s %v, want from %v to %v", what, at, began, s.Clock.Now())
	}
}

// twoInARow rolls a version while the one before is still on its way.
func twoInARow(_ *testing.T, s *scene) {
	s.settleOn(1)
	s.mustRoll(s.putVersion(2))
	s.Clock.Advance(s.Step / 4)
	s.putVersion(3)
	s.runUntilSettled()
	s.settleOn(1) // a version may come back
}

// failSecondVersion brings the consumer onto version 1, rolls version 2 in vain, and fails the test unless Status shows
// that.
func (s *scene) failSecondVersion() {
	s.t.Helper()
	s.settleOn(1)
	s.Fail()
	since, began := s.readStatus().Since, s.Clock.Now()
	b := s.putVersion(2)
	s.mustRoll(b)
	s.advanceSteps(passes)
	seen := s.readStatus()
	if seen.Failed != nil {
		s.wantBetween("it failed at", seen.Failed.At, began)
	}
	switch held := s.heldVersions(); {
	case seen.Failed == nil, seen.Failed.Version != b.Version, seen.Failed.Rest != seen.Rest, seen.Failed.Reason == "":
		s.t.Fatalf("what failed is not told: %+v", seen.Failed)
	case !slices.Equal(held, []string{versionID(1)}):
		s.t.Fatalf("readers have %v", held)
	case seen.Running != "" && !seen.Since.Equal(since):
		s.t.Fatalf("it has gone back to version 1, which it runs since %v; told is %v", since, seen.Since)
	case seen.Running == b.Version || !slices.Contains(seen.InPlay, versionID(1)):
		s.t.Fatalf("running is %s, in play %v", seen.Running, seen.InPlay)
	}
}

func rememberFailure(t *testing.T, s *scene) {
	s.failSecondVersion()
	s.wantNoWrites("a pass after a failure", func() {
		for range 5 {
			rolloutFailed := func(w plan.Wait) bool { return w.Reason == plan.RolloutFailed }
			if _, p, _ := s.runPass(); !slices.ContainsFunc(p.Waits, rolloutFailed) {
				t.Errorf("nobody is told that the rollout failed: %+v", p.Waits)
			}
			s.advanceSteps(passes)
		}
	})
	s.Mend()
	s.putVersion(3)
	if _, p, err := s.runPass(); len(p.Rolls) != 1 || err != nil {
		t.Errorf("another version is not tried at once: %d rolls, %v", len(p.Rolls), err)
	}
	if seen := s.runUntilSettled(); seen.Failed != nil {
		t.Errorf("it is through, and %+v has failed", seen.Failed)
	}
}

func retryAfterChange(t *testing.T, s *scene) {
	s.failSecondVersion()
	s.Mend()
	s.Change()
	if seen, p, err := s.runPass(); len(p.Rolls) != 1 && seen.Running != s.current.Version || err != nil {
		t.Errorf("it is not tried at once: %d rolls, %v, failed %+v, rest %s", len(p.Rolls), err, seen.Failed, seen.Rest)
	}
	s.runUntilSettled()
}

// keepForeignChange checks that Roll keeps somebody's change: it is part of Seen.Rest, and that stays.
func keepForeignChange(t *testing.T, s *scene) {
	before := s.settleOn(1).runUntilSettled().Rest
	s.Change()
	after := s.runUntilSettled().Rest
	if before == after {
		t.Error("the rest is the same after somebody changed it")
	}
	if rolled := s.settleOn(2).runUntilSettled().Rest; rolled != after {
		t.Error("the rest is not as somebody left it, after a roll")
	}
}

func refuseForeignRollout(t *testing.T, s *scene) {
	s.settleOn(1)
	s.Begin()
	b := s.putVersion(2)
	seen := s.readStatus()
	if seen.Foreign == "" || seen.RollingTo != "" || seen.Settled || !slices.Contains(seen.InPlay, versionID(1)) {
		t.Errorf("somebody's deployment is seen as %+v", seen)
	}
	s.wantNoWrites("a roll over somebody's deployment", func() {
		if err := s.rollOnto(b); err == nil {
			t.Error("it is not refused")
		}
	})
	s.runUntilSettled()
}

func rollOnFromOlder(t *testing.T, s *scene) {
	s.settleOn(1).settleOn(2)
	s.Return(valueOf(1))
	for range passes {
		seen := s.readStatus()
		proven := seen.Running == versionID(2) && seen.Settled && seen.Unknown == ""
		if proven && !slices.Equal(s.heldVersions(), []string{versionID(2)}) {
			t.Fatal("it is proven to run the newest, while somebody deploys the one before")
		}
		s.Clock.Advance(s.Step / 8)
	}
	s.runUntilSettled()
}

func repairEdit(t *testing.T, s *scene) {
	s.settleOn(1)
	s.Edit()
	if _, p, err := s.runPass(); len(p.Rolls) != 1 || err != nil {
		t.Errorf("what was changed by hand is not put right: %d rolls, %v", len(p.Rolls), err)
	}
	s.runUntilSettled()
}

func (s *scene) withdrawVersion(n int) error {
	s.t.Helper()
	err := s.Open().Withdraw(s.t.Context(), []string{versionID(n)})
	if err != nil {
		s.wantNoValue("Withdraw", err.Error())
	}
	return err
}

func (s *scene) deployableVersions() []string { return s.versionsOf(s.Deployable()) }

func withdrawOlder(t *testing.T, s *scene) {
	s.settleOn(1).settleOn(2)
	if !slices.Contains(s.deployableVersions(), versionID(1)) {
		t.Fatal("nobody could start on the version before, and there is nothing to withdraw")
	}
	if err := s.withdrawVersion(1); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(s.deployableVersions(), versionID(1)) {
		t.Error("somebody can still start on it")
	}
	s.wantNoWrites("another withdrawal", func() {
		if err := s.withdrawVersion(1); err != nil {
			t.Error(err)
		}
	})
	s.runUntilSettled()
	s.settleOn(1) // it may come back all the same
}

func refuseWithdrawInPlay(t *testing.T, s *scene) {
	s.settleOn(1)
	s.mustRoll(s.putVersion(2))
	for n := 1; n <= 2; n++ {
		s.wantNoWrites("a withdrawal of what is in play", func() {
			if err := s.withdrawVersion(n); err == nil {
				t.Errorf("it says that nobody can start on version %d", n)
			}
		})
	}
	s.runUntilSettled()
}
