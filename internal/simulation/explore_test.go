package simulation

import (
	"flag"
	"iter"
	"os"
	"runtime/debug"
	"testing"
)

var (
	only  = flag.String("scenario", "", "play only the scenario of this name")
	seeds = flag.Int("seeds", 60, "play this many random schedules")
	from  = flag.Int("from", 1, "the first seed")
)

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
	total := 0
	for _, s := range Scenarios() {
		if *only != "" && *only != s.Name {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			all, points, err := s.Singles(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			total += points
			try(t, s, all, 0)
		})
	}
	t.Logf("%d points", total)
}

// TestTwoFaultsAnywhereChangeNothingInTheEnd tries every pair of faults in a rotation that three services follow.
func TestTwoFaultsAnywhereChangeNothingInTheEnd(t *testing.T) {
	s := Scenario{Name: "pairs", Manifest: "fleet", Fleet: true, Schedule: MustParse("rotate db\nsettle")}
	all, err := s.Pairs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	try(t, s, all, 20)
}

// TestRandomSchedulesEndWell plays random changes, deployments, rotations and faults, a month each.
func TestRandomSchedulesEndWell(t *testing.T) {
	s := scenario(t, "happy")
	for n := range *seeds {
		seed := uint64(*from + n)
		w, err := s.with(Random(seed)).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(w.Violations) > 0 {
			t.Errorf("seed %d\n%s", seed, s.Shrink(t.Context(), Failure{Random(seed), w.Violations}))
		}
	}
}

// try plays these schedules and tells of the first failures, shrunk.
func try(t *testing.T, s Scenario, all iter.Seq[Schedule], enough int) {
	t.Helper()
	tally, err := s.Try(t.Context(), all, enough)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range tally.Failures {
		if i == 5 {
			break
		}
		t.Errorf("%s", s.Shrink(t.Context(), f))
	}
	t.Logf("%d runs, %d failures", tally.Runs, len(tally.Failures))
}

func BenchmarkHappy(b *testing.B) {
	s := scenario(b, "happy")
	for b.Loop() {
		if _, err := s.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
