package simulation

import (
	"flag"
	"os"
	"runtime/debug"
	"testing"
)

var only = flag.String("scenario", "", "play only the scenario of this name")

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(800) // worlds are many and short-lived
	os.Exit(m.Run())
}

func scenario(t testing.TB, name string) Scenario {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no scenario %q", name)
	return Scenario{}
}

func TestEveryScenarioEndsWellWithoutAFault(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			w, err := s.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range w.Violations {
				t.Error(v)
			}
		})
	}
}

// TestOneFaultAnywhereChangesNothingInTheEnd tries every outcome at every call of every scenario.
func TestOneFaultAnywhereChangesNothingInTheEnd(t *testing.T) {
	calls, points := 0, 0
	for _, s := range Scenarios() {
		if *only != "" && *only != s.Name {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			all, err := s.Points(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var schedules []Schedule
			for _, p := range all {
				schedules = append(schedules, s.Schedule.With(p.Step, p.At, p.Do))
			}
			points += len(all)
			failures, err := s.Try(t.Context(), schedules, 0)
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range failures {
				if i < 5 {
					t.Errorf("%s", s.Shrink(t.Context(), f))
				}
			}
			t.Logf("%d points, %d failures", len(all), len(failures))
		})
	}
	t.Logf("%d calls, %d points", calls, points)
}

func BenchmarkHappy(b *testing.B) {
	s := scenario(b, "happy")
	for b.Loop() {
		if _, err := s.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
