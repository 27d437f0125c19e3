package simulation

import (
	"context"
	"fmt"
	"iter"
)

// SeedFailure is a seed after which something is not as it must be.
type SeedFailure struct {
	World  string // the scenario's name
	Seed   uint64
	Shrunk Failure
	Steady bool // it has failed the same way twice more
}

func (f SeedFailure) String() string {
	steady := ""
	if !f.Steady {
		steady = " (NOT the same every time)"
	}
	return fmt.Sprintf("seed %d of %s%s\n%s", f.Seed, f.World, steady, f.Shrunk)
}

// seedWorlds are the worlds of random schedules: those of odd seeds have the real drivers, those of even seeds the fleet.
// The schedules of one odd seed in four are played again where the trail and receipts are witnesses, and those of another
// one with the secrets of an organization.
func seedWorlds() []Scenario {
	return []Scenario{
		{Name: "seeds", Manifest: "main", Seeds: Every{2, 1}},
		{Name: "seeds of the fleet", Manifest: "fleet", Fleet: true, Seeds: Every{2, 0}},
		{Name: "seeds of strangers", Manifest: "watched", Seeds: Every{8, 3}, Draws: drawnOfStrangers},
		{Name: "seeds of an organization", Manifest: "organization", Seeds: Every{8, 7}, Draws: drawnOfOwners},
	}
}

// Every names the seeds that leave a rest when they are divided.
type Every struct{ By, Rest uint64 }

// Seeds plays so many random schedules, on every processor, in the worlds of seedWorlds. What fails is played twice more, to see that it fails the same way, and shrunk if so asked.
func Seeds(ctx context.Context, from, n uint64, shrink bool) ([]SeedFailure, error) {
	var all []SeedFailure
	for _, s := range seedWorlds() {
		tally, err := s.Try(ctx, s.random(from, n), 0)
		if err != nil {
			return all, err
		}
		for _, f := range tally.Failures {
			failed := SeedFailure{s.Name, s.first(from) + s.Seeds.By*uint64(f.N), f, s.steady(ctx, f)} //nolint:gosec // a count
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
		for seed := s.first(from); seed < from+n; seed += s.Seeds.By {
			if !yield(Random(seed, s.Draws...)) {
				return
			}
		}
	}
}

// first returns the scenario's first seed that is not before another.
func (s Scenario) first(from uint64) uint64 {
	return from + (s.Seeds.By+s.Seeds.Rest-from%s.Seeds.By)%s.Seeds.By
}

// steady reports whether a schedule fails the same way, call by call, whenever it is played.
func (s Scenario) steady(ctx context.Context, f Failure) bool {
	first, err1 := s.withSchedule(f.Schedule).Run(ctx)
	second, err2 := s.withSchedule(f.Schedule).Run(ctx)
	return err1 == nil && err2 == nil && fmt.Sprint(first.Trace, first.Violations) == fmt.Sprint(second.Trace, second.Violations)
}
