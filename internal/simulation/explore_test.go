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
	seeds = flag.Uint64("seeds", 200, "play this many random schedules")
	from  = flag.Uint64("from", 1, "the first seed")
	less  = flag.Bool("shrink", true, "look for the shortest schedule that still fails")
	every = flag.Int("every", stride, "of the exhaustive runs, play each of this number; 1 plays all")
	stop  = flag.Int("enough", 0, "stop after this many failures of an exhaustive run; 0 plays all, but for pairs, which stop after twenty")
	pairs = flag.Int("pairs", 31, "of all pairs of faults, play each of this number; 1 plays all")
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

// TestOneFaultAnywhereChangesNothingInTheEnd tries outcomes at calls of every scenario: with -every 1, each at each.
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
			try(t, s, each(all, thinned(s)), 0)
		})
	}
	t.Logf("%d points", total)
}

// thinned returns n where one in n of a scenario's schedules is played.
func thinned(s Scenario) int {
	if *every == 1 {
		return 1
	}
	return *every * max(1, s.Thin)
}

// TestTwoFaultsAnywhereChangeNothingInTheEnd tries pairs of faults in a rotation that three services follow: with
// -every 1 and -pairs 1, all.
func TestTwoFaultsAnywhereChangeNothingInTheEnd(t *testing.T) {
	s := Scenario{Name: "pairs", Manifest: "fleet", Fleet: true, Schedule: MustParse("rotate db\nsettle")}
	all, err := s.Pairs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	try(t, s, each(all, *pairs**every), 20)
}

// each returns the first of every n.
func each(all iter.Seq[Schedule], n int) iter.Seq[Schedule] {
	return func(yield func(Schedule) bool) {
		i := 0
		for s := range all {
			if i%n == 0 && !yield(s) {
				return
			}
			i++
		}
	}
}

// TestRandomSchedulesEndWell plays random changes, deployments, rotations and faults, a month each; make sim plays
// more.
func TestRandomSchedulesEndWell(t *testing.T) {
	failures, err := Seeds(t.Context(), *from, max(*seeds*44/stride, 4), *less)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
}

// try plays these schedules and tells of the first failures, shrunk.
func try(t *testing.T, s Scenario, all iter.Seq[Schedule], enough int) {
	t.Helper()
	if *stop > 0 {
		enough = *stop
	}
	tally, err := s.tryAll(t, all, enough)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range tally.Failures {
		if i == 5 {
			break
		}
		if *less {
			f = s.Shrink(t.Context(), f)
		}
		t.Errorf("%s", f)
	}
	t.Logf("%d runs, %d failures", tally.Runs, len(tally.Failures))
}

// tryAll is Try, or with -done what is left of it.
func (s Scenario) tryAll(t *testing.T, all iter.Seq[Schedule], enough int) (Tally, error) {
	if *done == "" {
		return s.Try(t.Context(), all, enough)
	}
	p, err := readProgress(*done)
	if err != nil {
		return Tally{}, err
	}
	return s.playOn(t, p, all, enough)
}

func BenchmarkHappy(b *testing.B) {
	s := scenario(b, "happy")
	for b.Loop() {
		if _, err := s.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
