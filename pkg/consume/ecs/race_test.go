package ecs_test

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// A person deploys an earlier revision in the middle of a look, before each of its calls, and it may even be through.
func TestADeploymentInTheMiddleOfALookIsNeverOverlooked(t *testing.T) {
	for _, operation := range []string{"ListTasks", "ListServiceDeployments", "DescribeTaskDefinition"} {
		for _, after := range []time.Duration{0, 30 * time.Second, 10 * time.Minute} {
			w := newWorld(t)
			old := w.registerRevision("app:1", pinnedEntries(v1)...)
			w.createService(old, 2, true)
			w.rollAndFinish(v2)
			w.tap.OnCall(func(c sim.Call) sim.Fault {
				if c.Operation == operation {
					w.tap.OnCall(nil)
					w.deployRevision(old)
					w.clock.Advance(after)
				}
				return sim.Fault{}
			})
			s := w.readStatus()
			if proven := s.Settled && s.Running == v2 && s.Unknown == ""; proven {
				t.Errorf("deployed %v before %s ended: proven to run %s, in play %v", after, operation, s.Running, s.InPlay)
			}
			w.clock.Advance(10 * time.Minute)
			w.wantSeen(v1, "", true, v1)
		}
	}
}

// F26: a person deploys an image right before any of the calls of a Roll, and that deployment is at its start, half
// through, or done when the Roll goes on. Whatever happens, the image stays, and the bucket's version follows.
func TestADeploymentInTheMiddleOfARollIsNeverUndone(t *testing.T) {
	calls := callsOfARoll(t)
	if calls < 8 {
		t.Fatalf("a Roll makes %d calls", calls)
	}
	for at := range calls {
		for _, after := range []time.Duration{0, 30 * time.Second, 10 * time.Minute} {
			w := newWorld(t)
			w.createService(w.registerRevision("app:1"), 2, true)
			w.rollAndFinish(v1)
			w.slipIn(at, w.registerRevision("app:2", pinnedEntries(v1)...), after)
			_ = w.consume.Roll(ctx(), bucketAt(v2, both...)) // it may refuse
			w.tap.OnCall(nil)
			for range 3 {
				w.clock.Advance(10 * time.Minute)
				w.rollTo(v2)
			}
			w.wantSeen(v2, "", true, v2)
			if got := *w.presentDefinition().ContainerDefinitions[0].Image; got != "app:2" {
				t.Errorf("deployed %v before call %d ended: the image is %s", after, at, got)
			}
		}
	}
}

// callsOfARoll is how many there are where nobody comes in between.
func callsOfARoll(t *testing.T) int {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 2, true)
	w.rollAndFinish(v1)
	w.tap.Reset()
	w.rollTo(v2)
	return len(w.tap.Calls())
}

// slipIn deploys td right before a call, counted from 0.
func (w *world) slipIn(at int, td string, after time.Duration) {
	n := 0
	w.tap.OnCall(func(sim.Call) sim.Fault {
		if n++; n == at+1 {
			w.tap.OnCall(nil)
			w.deployRevision(td)
			w.clock.Advance(after)
		}
		return sim.Fault{}
	})
}

// The same, with a person who deploys twice: right before one of the calls, and right before the one after the next.
func TestTwoDeploymentsInTheMiddleOfARollAreNotUndone(t *testing.T) {
	for at := range callsOfARoll(t) {
		w := newWorld(t)
		w.createService(w.registerRevision("app:1"), 2, true)
		w.rollAndFinish(v1)
		left, n, last := []string{"app:2", "app:3"}, 0, "app:1"
		theirs := map[string]string{"app:2": w.registerRevision("app:2", pinnedEntries(v1)...), "app:3": w.registerRevision("app:3", pinnedEntries(v1)...)}
		inDeploy := false
		w.tap.OnCall(func(sim.Call) sim.Fault {
			if inDeploy {
				return sim.Fault{}
			}
			if n++; n > at && (n-at)%2 == 1 && len(left) > 0 {
				inDeploy = true
				w.deployRevision(theirs[left[0]])
				inDeploy, last, left = false, left[0], left[1:]
			}
			return sim.Fault{}
		})
		_ = w.consume.Roll(ctx(), bucketAt(v2, both...)) // it may refuse
		w.tap.OnCall(nil)
		for range 3 {
			w.clock.Advance(10 * time.Minute)
			w.rollTo(v2)
		}
		w.wantSeen(v2, "", true, v2)
		if got := *w.presentDefinition().ContainerDefinitions[0].Image; got != last {
			t.Errorf("deployed twice from call %d on: the image is %s, want %s", at, got, last)
		}
	}
}
