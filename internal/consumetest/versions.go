package consumetest

import (
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// The cases about versions that are not proven to run: deployable, deployed lately, taken when a task starts.

// askStatus returns what Status shows where a pass asks for what somebody could deploy.
func (s *scene) askStatus() plan.Seen {
	s.t.Helper()
	seen, err := s.Ask().Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.wantTruth(seen)
	return seen
}

// wantDeployable fails the test unless a look that is asked shows exactly what somebody could deploy.
func (s *scene) wantDeployable() {
	s.t.Helper()
	if got, want := s.askStatus().Deployable, s.deployableVersions(); !slices.Equal(got, want) {
		s.t.Errorf("deployable is %v, and somebody could deploy %v", got, want)
	}
}

func seeDeployable(t *testing.T, s *scene) {
	s.wantDeployable()
	for n := 1; n <= 3; n++ {
		s.settleOn(n).wantDeployable()
	}
	if got := s.readStatus().Deployable; got != nil {
		t.Errorf("nobody asks, and deployable is %v", got)
	}
	for n := 1; n <= 2; n++ {
		if err := s.withdrawVersion(n); err != nil {
			t.Error(err)
		}
		s.wantDeployable()
	}
	if s.Return != nil {
		s.settleOn(4)
		s.Return(valueOf(3))
		s.wantDeployable()
	}
}

// withdrawCopy withdraws a version of which somebody has a copy that was never deployed.
func withdrawCopy(t *testing.T, s *scene) {
	s.settleOn(1)
	s.Copy(valueOf(1))
	s.settleOn(2)
	s.Copy(valueOf(1))
	s.wantDeployable()
	if err := s.withdrawVersion(1); err != nil {
		t.Fatal(err)
	}
	s.wantDeployable()
	if slices.Contains(s.deployableVersions(), versionID(1)) {
		t.Error("somebody can still start on a copy")
	}
	s.wantNoWrites("another withdrawal", func() {
		if err := s.withdrawVersion(1); err != nil {
			t.Error(err)
		}
	})
	s.Copy(valueOf(2)) // of what runs
	s.settleOn(3)
	s.wantDeployable()
}

// seeMoves looks at a consumer before, while and after it is rolled, and long after.
func seeMoves(t *testing.T, s *scene) {
	wantNone := func(when string) {
		s.Clock.Advance(2 * history.Deregistered)
		if got := s.runUntilSettled().Moves; len(got) > 0 {
			t.Errorf("%s: moved lately are %v", when, got)
		}
	}
	s.settleOn(1)
	wantNone("long after the first roll")
	began := s.Clock.Now()
	s.mustRoll(s.putVersion(2))
	s.wantMoves("right after a roll", began, 1, 2)
	s.runUntilSettled()
	s.wantMoves("when it is through", began, 1, 2)
	wantNone("long after the second roll")
}

// wantMoves fails the test unless a look shows moves of these versions, not before since and not in the future.
func (s *scene) wantMoves(when string, since time.Time, versions ...int) {
	s.t.Helper()
	moves := s.readStatus().Moves
	for _, n := range versions {
		i := slices.IndexFunc(moves, func(m plan.Move) bool { return m.Version == versionID(n) })
		if i < 0 || moves[i].At.Before(since.Truncate(time.Second)) || moves[i].At.After(s.Clock.Now()) {
			s.t.Errorf("%s: the move of version %d, since %s, is not among %v", when, n, since, moves)
		}
	}
}

// seeUnpinned looks at a consumer whose readers took version 1 when they started, before and after version 2 is put.
func seeUnpinned(t *testing.T, s *scene) {
	s.settleOn(1)
	s.Unpin()
	for n := 1; n <= 2; n++ {
		s.putVersion(n)
		seen := s.readStatus()
		if seen.Unpinned == "" || seen.Unknown != "" || seen.Running != "" || !slices.Contains(seen.InPlay, versionID(1)) {
			t.Errorf("at version %d: it may have version 1, and is seen as %+v", n, seen)
		}
		if p := s.planFor(seen); len(p.Rolls) != 1 {
			t.Errorf("at version %d it is not rolled: %+v", n, p)
		}
	}
	if seen := s.runUntilSettled(); seen.Unpinned != "" || !slices.Equal(seen.InPlay, []string{versionID(2)}) {
		t.Errorf("after a roll: %+v", seen)
	}
}
