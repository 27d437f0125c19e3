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
			old := w.register("app:1", pinned(v1)...)
			w.create(old, 2, true)
			w.rollAndFinish(v2)
			w.tap.OnCall(func(c sim.Call) sim.Fault {
				if c.Operation == operation {
					w.tap.OnCall(nil)
					w.deploy(old)
					w.clock.Advance(after)
				}
				return sim.Fault{}
			})
			s := w.status()
			if proven := s.Settled && s.Running == v2 && s.Unknown == ""; proven {
				t.Errorf("deployed %v before %s ended: proven to run %s, in play %v", after, operation, s.Running, s.InPlay)
			}
			w.clock.Advance(10 * time.Minute)
			w.wantSeen(v1, "", true, v1)
		}
	}
}
