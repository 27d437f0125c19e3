package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// readMilestones returns the milestones in the log of a function, oldest first.
func (s *scene) readMilestones(function string) (all []metric.Milestone) {
	for _, line := range s.ownRegion().Logs.Lines(s.Env.FunctionLogs(function), time.Time{}) {
		if m, is := metric.ReadMilestone(line); is {
			all = append(all, m)
		}
	}
	return all
}

// wantMilestones fails the test unless the functions have logged these, each once: "kind source version".
func (s *scene) wantMilestones(want ...string) (rotated, followed, retired time.Time) {
	s.t.Helper()
	var got []string
	at := map[metric.MilestoneKind]time.Time{}
	for _, function := range []string{s.Env.RotateFunction(manifest.Source{}), s.Env.PropagateFunction(), s.Env.LookFunction()} {
		for _, m := range s.readMilestones(function) {
			got = append(got, fmt.Sprintf("%s %s %s", m.Kind, m.Source, m.Version))
			at[m.Kind] = m.At
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("milestones of rotate, propagate, look (-want +got):\n%s", diff)
	}
	return at[metric.Rotated], at[metric.Followed], at[metric.Retired]
}

// TestEveryMilestoneIsLoggedOnceByTheFunctionThatReachesIt rotates, with looks all the while, until the old value is dead.
func TestEveryMilestoneIsLoggedOnceByTheFunctionThatReachesIt(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	first, _ := s.currentVersion("session")
	begun := s.Clock.Now()
	s.rotateSource("session")
	now, _ := s.currentVersion("session")
	s.finishScenario()
	rotated, followed, retired := s.wantMilestones("rotated session "+now, "retired session "+first, "followed session "+first)
	if rotated.Before(begun.Add(-time.Second)) || !followed.After(rotated) || !retired.After(followed) {
		t.Errorf("begun %v, rotated %v, followed %v, retired %v", begun, rotated, followed, retired)
	}
}

// TestAWithdrawalThatFailsIsNotYetAMilestone: the consumer cannot be asked to let go for a while, and the pass that
// succeeds says so once.
func TestAWithdrawalThatFailsIsNotYetAMilestone(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	first, _ := s.currentVersion("session")
	heal := s.failCalls(sim.Unavailable, func(c sim.Call) bool { return c.Operation == "DeregisterTaskDefinition" })
	s.rotateSource("session")
	now, _ := s.currentVersion("session")
	s.Advance(30 * time.Minute)
	s.wantMilestones("rotated session " + now)
	heal()
	s.finishScenario()
	s.wantMilestones("rotated session "+now, "retired session "+first, "followed session "+first)
}
