package simulation

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What rotary does at the same time comes in another order with every seed, the same calls all the same, and in the same
// order whenever a seed is played again, also where a call meets a fault.
func TestASeedDecidesTheOrderOfCalls(t *testing.T) {
	traces := map[string][]string{}
	for _, seed := range []string{"0", "1", "2", "3"} {
		for _, what := range []string{"put vendor\npass\nwait 20m\npass", "put vendor\npass; 40: lost; 55: throttled\nwait 20m\npass"} {
			s := stageOf(t, "happy").withSchedule(MustParse("interleave " + seed + "\n" + what))
			twin(t, s)
			w := outcome(t, s)
			if len(w.Violations) > 0 {
				t.Errorf("seed %s: %v", seed, w.Violations)
			}
			if traces[seed] == nil {
				traces[seed] = w.Trace
			}
		}
	}
	for _, seed := range []string{"1", "2", "3"} {
		if slices.Equal(traces[seed], traces["0"]) {
			t.Errorf("seed %s plays the calls one task after the other", seed)
		}
		if diff := cmp.Diff(operationsOf(traces["0"]), operationsOf(traces[seed])); diff != "" {
			t.Errorf("seed %s makes other calls (-one after the other +interleaved):\n%s", seed, diff)
		}
	}
	if slices.Equal(traces["1"], traces["2"]) {
		t.Error("two seeds play the same order")
	}
}

// operationsOf returns what a trace has beside the times, sorted.
func operationsOf(trace []string) (all []string) {
	for _, line := range trace {
		all = append(all, line[len("15:04:05 "):])
	}
	slices.Sort(all)
	return all
}

// Whatever order the calls of every scenario come in, it ends well.
func TestEveryScenarioEndsWellInAnotherOrder(t *testing.T) {
	for i, s := range Scenarios() {
		if *every > 1 && i%4 != 0 && *only == "" {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			step := Step{Do: fmt.Sprintf("interleave %d", i+1)}
			w, err := s.withSchedule(append(Schedule{step}, s.Schedule...)).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range w.Violations {
				t.Errorf("%s: %s", step.Do, v)
			}
		})
	}
}
