package consumetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

func firstRoll(t *testing.T, s *scene) {
	b := s.put(1)
	seen := s.settle()
	if !slices.Equal(seen.InPlay, []string{b.Version}) || !seen.Settled {
		t.Errorf("in play is %v, settled %v", seen.InPlay, seen.Settled)
	}
	if seen.Names != nil && !cmp.Equal(seen.Names, b.Names()) {
		t.Errorf("it has %v", seen.Names)
	}
}

// lookTwice looks at a consumer that was never rolled, one that rolls, and one that is through.
func lookTwice(t *testing.T, s *scene) {
	s.put(1)
	twice := func(when string) {
		s.quietly("a look "+when, func() {
			first := s.look()
			if diff := cmp.Diff(first, s.look()); diff != "" {
				t.Errorf("%s, another look shows something else:\n%s", when, diff)
			}
		})
	}
	twice("before the first roll")
	s.mustRoll(s.current)
	twice("right after it")
	s.settle()
	twice("when it is through")
}

func rollTwice(_ *testing.T, s *scene) {
	for n := 1; n <= 2; n++ {
		b := s.put(n)
		s.mustRoll(b)
		s.quietly("a roll of what is under way", func() { s.mustRoll(b) })
		s.settle()
		s.quietly("a roll of what is there", func() { s.mustRoll(b) })
		s.settle()
	}
}

func nothingChanged(_ *testing.T, s *scene) {
	s.on(1).wait(passes)
	s.quietly("a pass over what is settled", func() { s.settle() })
}

// watched looks many times while the second version comes.
func watched(t *testing.T, s *scene) {
	s.on(1)
	b := s.put(2)
	s.mustRoll(b)
	s.quietly("a pass while it rolls", func() {
		for range 4 * passes {
			s.Clock.Advance(s.Step / 4)
			seen := s.look()
			if p := s.decide(seen); len(p.Rolls) > 0 {
				t.Fatalf("it would be rolled again: %+v", seen)
			}
		}
	})
	s.settle()
}

// twoInARow rolls a version while the one before is still on its way.
func twoInARow(_ *testing.T, s *scene) {
	s.on(1)
	s.mustRoll(s.put(2))
	s.Clock.Advance(s.Step / 4)
	s.put(3)
	s.settle()
	s.on(1) // a version may come back
}

// failing has version 1 running, and version 2 tried in vain.
func (s *scene) failing() {
	s.t.Helper()
	s.on(1)
	s.Fail()
	b := s.put(2)
	s.mustRoll(b)
	s.wait(passes)
	seen := s.look()
	switch held := s.held(); {
	case seen.Failed == nil || seen.Failed.Version != b.Version || seen.Failed.Rest != seen.Rest || seen.Failed.Reason == "":
		s.t.Fatalf("what failed is not told: %+v", seen.Failed)
	case !slices.Equal(held, []string{id(1)}):
		s.t.Fatalf("readers have %v", held)
	case seen.Running == b.Version || !slices.Contains(seen.InPlay, id(1)):
		s.t.Fatalf("running is %s, in play %v", seen.Running, seen.InPlay)
	}
}

func failure(t *testing.T, s *scene) {
	s.failing()
	s.quietly("a pass after a failure", func() {
		for range 5 {
			if _, p, _ := s.pass(); !slices.ContainsFunc(p.Waits, func(w plan.Wait) bool { return w.Reason == plan.RolloutFailed }) {
				t.Errorf("nobody is told that the rollout failed: %+v", p.Waits)
			}
			s.wait(passes)
		}
	})
	s.Mend()
	s.put(3)
	if _, p, err := s.pass(); len(p.Rolls) != 1 || err != nil {
		t.Errorf("another version is not tried at once: %d rolls, %v", len(p.Rolls), err)
	}
	if seen := s.settle(); seen.Failed != nil {
		t.Errorf("it is through, and %+v has failed", seen.Failed)
	}
}

func changedAfterFailure(t *testing.T, s *scene) {
	s.failing()
	s.Mend()
	s.Change()
	if seen, p, err := s.pass(); len(p.Rolls) != 1 && seen.Running != s.current.Version || err != nil {
		t.Errorf("it is not tried at once: %d rolls, %v, failed %+v, rest %s", len(p.Rolls), err, seen.Failed, seen.Rest)
	}
	s.settle()
}

// changed is somebody's change, which a Roll must carry on: it is part of the rest, and the rest stays.
func changed(t *testing.T, s *scene) {
	before := s.on(1).settle().Rest
	s.Change()
	after := s.settle().Rest
	if before == after {
		t.Error("the rest is the same after somebody changed it")
	}
	if rolled := s.on(2).settle().Rest; rolled != after {
		t.Error("the rest is not as somebody left it, after a roll")
	}
}

func foreign(t *testing.T, s *scene) {
	s.on(1)
	s.Begin()
	b := s.put(2)
	seen := s.look()
	if seen.Foreign == "" || seen.RollingTo != "" || seen.Settled || !slices.Contains(seen.InPlay, id(1)) {
		t.Errorf("somebody's deployment is seen as %+v", seen)
	}
	s.quietly("a roll over somebody's deployment", func() {
		if err := s.roll(b); err == nil {
			t.Error("it is not refused")
		}
	})
	s.settle()
}

func returned(t *testing.T, s *scene) {
	s.on(1).on(2)
	s.Return(value(1))
	for range passes {
		seen := s.look()
		if seen.Running == id(2) && seen.Settled && seen.Unknown == "" && !slices.Equal(s.held(), []string{id(2)}) {
			t.Fatal("it is proven to run the newest, while somebody deploys the one before")
		}
		s.Clock.Advance(s.Step / 8)
	}
	s.settle()
}

func edited(t *testing.T, s *scene) {
	s.on(1)
	s.Edit()
	if _, p, err := s.pass(); len(p.Rolls) != 1 || err != nil {
		t.Errorf("what was changed by hand is not put right: %d rolls, %v", len(p.Rolls), err)
	}
	s.settle()
}

func (s *scene) withdraw(n int) error {
	s.t.Helper()
	err := s.Open().Withdraw(s.t.Context(), []string{id(n)})
	if err != nil {
		s.clean("Withdraw", err.Error())
	}
	return err
}

func (s *scene) deployable() []string { return s.versions(s.Deployable()) }

func withdrawn(t *testing.T, s *scene) {
	s.on(1).on(2)
	if !slices.Contains(s.deployable(), id(1)) {
		t.Fatal("nobody could start on the version before, and there is nothing to withdraw")
	}
	if err := s.withdraw(1); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(s.deployable(), id(1)) {
		t.Error("somebody can still start on it")
	}
	s.quietly("another withdrawal", func() {
		if err := s.withdraw(1); err != nil {
			t.Error(err)
		}
	})
	s.settle()
	s.on(1) // it may come back all the same
}

func withdrawnInPlay(t *testing.T, s *scene) {
	s.on(1)
	s.mustRoll(s.put(2))
	for n := 1; n <= 2; n++ {
		s.quietly("a withdrawal of what is in play", func() {
			if err := s.withdraw(n); err == nil {
				t.Errorf("it says that nobody can start on version %d", n)
			}
		})
	}
	s.settle()
}
