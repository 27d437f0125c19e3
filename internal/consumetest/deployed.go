package consumetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// The cases of a consumer that rotary sees and does not roll.

// waitForPipeline runs passes while the pipeline does nothing: before its first deployment, and when the bucket has
// another version.
func waitForPipeline(t *testing.T, s *scene) {
	deploy := s.Deploy
	for n := 1; n <= 2; n++ {
		b := s.putVersion(n)
		s.Deploy = nil
		s.wantNoWrites("a pass that waits for a pipeline", func() {
			for range passes {
				seen, p, _ := s.runPass()
				if len(p.Rolls) > 0 || !s.waitsForPipeline(p) || seen.Running == b.Version {
					t.Fatalf("it is not waited for: %+v, %+v", p, seen)
				}
				s.Clock.Advance(s.Step)
			}
			if err := s.rollOnto(b); err == nil {
				t.Error("it is rolled all the same")
			}
		})
		wantInPlay(t, s, n-1)
		s.Deploy = deploy
		s.runUntilSettled()
	}
}

// wantInPlay fails the test unless version n alone is in play, and the wait names it; none for 0.
func wantInPlay(t *testing.T, s *scene, n int) {
	t.Helper()
	seen, p, _ := s.runPass()
	if n == 0 {
		if len(seen.InPlay) > 0 {
			t.Errorf("in play is %v, before anything was deployed", seen.InPlay)
		}
		return
	}
	if !slices.Equal(seen.InPlay, []string{versionID(n)}) || seen.Running != versionID(n) || !seen.Settled {
		t.Errorf("it runs version %d, and is seen as %+v", n, seen)
	}
	if len(p.Waits) != 1 {
		t.Fatalf("it waits for %+v", p.Waits)
	}
	for _, id := range []string{versionID(n), s.current.Version} {
		if !strings.Contains(p.Waits[0].Detail, history.Short(id)) {
			t.Errorf("the wait does not name version %s: %s", history.Short(id), p.Waits[0].Detail)
		}
	}
}

// followPipeline reads the status many times while the pipeline deploys the second version.
func followPipeline(t *testing.T, s *scene) {
	s.settleOn(1)
	s.Deploy(s.putVersion(2))
	s.wantNoWrites("a pass while its pipeline deploys", func() {
		for range 4 * passes {
			s.Clock.Advance(s.Step / 4)
			if p := s.planFor(s.readStatus()); len(p.Rolls) > 0 {
				t.Fatalf("it would be rolled: %+v", p.Rolls)
			}
		}
		if seen := s.runUntilSettled(); !slices.Equal(seen.InPlay, []string{versionID(2)}) {
			t.Errorf("in play is %v", seen.InPlay)
		}
	})
}

func seeOlderDeployed(t *testing.T, s *scene) {
	s.settleOn(1).settleOn(2)
	s.Return(valueOf(1))
	for range passes {
		seen := s.readStatus()
		if seen.Running == versionID(2) && seen.Settled && !slices.Equal(s.heldVersions(), []string{versionID(2)}) {
			t.Fatal("it is proven to run the newest, while somebody deploys the one before")
		}
		s.Clock.Advance(s.Step)
	}
	wantInPlay(t, s, 1)
	s.runUntilSettled()
}

// withdrawDeployed withdraws what its pipeline registered.
func withdrawDeployed(t *testing.T, s *scene) {
	s.settleOn(1).settleOn(2)
	if err := s.withdrawVersion(1); err != nil {
		t.Error(err)
	}
	if slices.Contains(s.deployableVersions(), versionID(1)) {
		t.Error("somebody can still start on what its pipeline registered")
	}
	s.wantNoWrites("a withdrawal of what it runs", func() {
		if err := s.withdrawVersion(2); err == nil {
			t.Error("it says that nobody can start on what it runs")
		}
	})
}

// leaveForeign withdraws a version where the manifest leaves what rotary did not make to whoever made it.
func leaveForeign(t *testing.T, s *scene) {
	s.settleOn(1).settleOn(2)
	s.wantNoWrites("a withdrawal of what rotary did not make", func() {
		if err := s.withdrawVersion(1); err != nil {
			t.Error(err)
		}
	})
	if !slices.Contains(s.askStatus().Deployable, versionID(1)) {
		t.Error("it can still be deployed, and nobody is told")
	}
}
