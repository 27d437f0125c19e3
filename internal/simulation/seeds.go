package simulation

import (
	"context"
	"fmt"
	"iter"
)

// SeedFailure is a seed after which something is not as it must be.
type SeedFailure struct {
	Seed   uint64
	Shrunk Failure
	Steady bool // it has failed the same way twice more
}

func (f SeedFailure) String() string {
	steady := ""
	if !f.Steady {
		steady = " (NOT the same every time)"
	}
	return fmt.Sprintf("seed %d%s\n%s", f.Seed, steady, f.Shrunk)
}

// Seeds plays so many random schedules, on every processor: those of odd seeds with the real drivers, those of even
// seeds with the fleet. What fails is played twice more, to see that it fails the same way, and shrunk if so asked.
func Seeds(ctx context.Context, from, n uint64, shrink bool) ([]SeedFailure, error) {
	var all []SeedFailure
	for _, s := range []Scenario{{Name: "seeds", Manifest: "main"}, {Name: "seeds of the fleet", Manifest: "fleet", Fleet: true}} {
		tally, err := s.Try(ctx, s.random(from, n), 0)
		if err != nil {
			return all, err
		}
		for _, f := range tally.Failures {
			failed := SeedFailure{s.first(from) + 2*uint64(f.N), f, s.steady(ctx, f)} //nolint:gosec // a count
			if shrink {
				failed.Shrunk = s.Shrink(ctx, f)
			}
			all = append(all, failed)
		}
	}
	return all, ctx.Err()
}

// random returns the schedules of this scenario's seeds.
func (s Scenario) random(from, n uint64) iter.Seq[Schedule] {
	return func(yield func(Schedule) bool) {
		for seed := s.first(from); seed < from+n; seed += 2 {
			if !yield(Random(seed)) {
				return
			}
		}
	}
}

// first returns the scenario's first seed: the fleet has the even ones.
func (s Scenario) first(from uint64) uint64 {
	if s.Fleet == (from%2 == 0) {
		return from
	}
	return from + 1
}

// steady reports whether a schedule fails the same way, call by call, whenever it is played.
func (s Scenario) steady(ctx context.Context, f Failure) bool {
	first, err1 := s.withSchedule(f.Schedule).Run(ctx)
	second, err2 := s.withSchedule(f.Schedule).Run(ctx)
	return err1 == nil && err2 == nil && fmt.Sprint(first.Trace, first.Violations) == fmt.Sprint(second.Trace, second.Violations)
}
