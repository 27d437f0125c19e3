package consumetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// lateness is how long a call that was given up may take to land.
const lateness = time.Minute

// callFault is a fault that one call meets.
type callFault struct {
	name    string
	outcome sim.Outcome
	dead    bool // and no later call is made: whoever made it was killed
	writes  bool // only a call that changes something can meet it: to a read it is like another
}

var callFaults = []callFault{
	{name: "throttled", outcome: sim.Throttled},
	{name: "unavailable", outcome: sim.Unavailable},
	{name: "denied", outcome: sim.Denied},
	{name: "dropped", outcome: sim.Dropped},
	{name: "lost", outcome: sim.Lost, writes: true},
	{name: "late", outcome: sim.Late, writes: true},
	{name: "killed before", outcome: sim.Dropped, dead: true, writes: true},
	{name: "killed after", outcome: sim.Lost, dead: true, writes: true},
}

// playEachFault runs before, do and after in a world of their own for every call that do makes and every fault that the
// call can meet. after gets do's error.
func playEachFault(
	t *testing.T, open func(*testing.T) World,
	before func(*scene), do func(*scene) error, after func(s *scene, err error),
) {
	s := newScene(t, open)
	before(s)
	s.Tap.Reset()
	_ = do(s)
	for n, call := range s.Tap.Calls() {
		for _, f := range callFaults {
			if f.writes && !call.Write {
				continue
			}
			t.Run(fmt.Sprintf("%s %d %s", call.Operation, n+1, f.name), func(t *testing.T) {
				s := newScene(t, open)
				before(s)
				s.Tap.Reset()
				s.Tap.OnCall(f.faultAt(n + 1))
				err := do(s)
				s.Tap.OnCall(nil)
				after(s, err)
			})
		}
	}
}

func (f callFault) faultAt(n int) func(sim.Call) sim.Fault {
	calls := 0
	return func(sim.Call) sim.Fault {
		switch calls++; {
		case calls == n:
			return sim.Fault{Outcome: f.outcome, Delay: lateness}
		case calls > n && f.dead:
			return sim.Fault{Outcome: sim.Dropped}
		}
		return sim.Fault{}
	}
}

// statusFaults reads the status of a consumer that rolls onto the second version, as begin makes it, which needs the most
// calls. A driver may retry by itself.
func statusFaults(t *testing.T, open func(*testing.T) World, begin func(*scene)) {
	var seen, undisturbed plan.Seen
	playEachFault(t, open, func(s *scene) {
		s.settleOn(1)
		begin(s)
		s.Clock.Advance(s.Step / 4)
		undisturbed = s.readStatus()
		s.takeWrites()
	}, func(s *scene) (err error) {
		seen, err = s.Open().Status(s.t.Context())
		return err
	}, func(s *scene, err error) {
		s.wantNoValue("Status", fmt.Sprintf("%+v %v", seen, err))
		if n := s.takeWrites(); n > 0 {
			s.t.Errorf("the look made %d calls that change something", n)
		}
		known := err == nil && seen.Unknown == "" && !seen.Unread
		if diff := cmp.Diff(undisturbed, seen); known && diff != "" {
			s.t.Errorf("it says that it knows all, and shows something else:\n%s", diff)
		}
	})
}

func rollFaults(t *testing.T, open func(*testing.T) World) {
	playEachFault(t, open, func(s *scene) { s.settleOn(1).putVersion(2) },
		func(s *scene) error { return s.rollOnto(s.current) },
		func(s *scene, _ error) {
			s.readStatus()
			s.runUntilSettled()
			s.Clock.Advance(2 * lateness)
			s.runUntilSettled()
			s.wantNoWrites("a pass in the end", func() { s.runUntilSettled() })
		})
}

func withdrawFaults(t *testing.T, open func(*testing.T) World) {
	playEachFault(t, open, func(s *scene) { s.settleOn(1).settleOn(2) },
		func(s *scene) error { return s.withdrawVersion(1) },
		func(s *scene, err error) {
			if err == nil && s.Deployable != nil && slices.Contains(s.deployableVersions(), versionID(1)) {
				s.t.Error("it says that nobody can start on it, and somebody can")
			}
			if err := s.withdrawVersion(1); err != nil {
				s.t.Errorf("again: %v", err)
			}
			s.Clock.Advance(2 * lateness)
			if s.Deployable != nil && slices.Contains(s.deployableVersions(), versionID(1)) {
				s.t.Error("somebody can still start on it")
			}
			s.runUntilSettled()
		})
}
