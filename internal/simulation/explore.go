package simulation

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// open makes a scenario's world.
func (s Scenario) open(ctx context.Context) (*World, error) {
	if s.Fresh {
		return OpenFresh(ctx, manifests[s.Manifest])
	}
	return Open(ctx, manifests[s.Manifest])
}

// Run plays a scenario in a new world, lets it settle and returns the world.
func (s Scenario) Run(ctx context.Context) (*World, error) {
	w, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	w.Play(s.Schedule)
	w.Finish()
	return w, w.Close()
}

// with is the scenario with another schedule.
func (s Scenario) with(other Schedule) Scenario {
	s.Schedule = other
	return s
}

// Point is a place in a schedule where something can come in between: a call of rotary's, and a fault.
type Point struct {
	Step int // of the schedule, from 0
	At   int // call of the step, from 1
	Call sim.Call
	Do   string
}

// Points plays a scenario once, and returns every fault at every call that rotary made.
func (s Scenario) Points(ctx context.Context) ([]Point, error) {
	w, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	var all []Point
	for i, step := range s.Schedule {
		for n, call := range w.Step(step) {
			for _, fault := range outcomes(call) {
				all = append(all, Point{i, n + 1, call, fault})
			}
		}
	}
	return all, w.Close()
}

// Failure is a schedule after which something is not as it must be.
type Failure struct {
	Schedule   Schedule
	Violations []string
}

func (f Failure) String() string {
	text := f.Schedule.String()
	for _, v := range f.Violations {
		text += "  violated: " + v + "\n"
	}
	return text
}

// Try plays each of these schedules in a world of its own, on every processor, and returns what failed, in their order.
// It stops after enough failures; 0 means all.
func (s Scenario) Try(ctx context.Context, all []Schedule, enough int) ([]Failure, error) {
	var mu sync.Mutex
	var failures []Failure
	var broken error
	found := map[int]Failure{}
	work := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range work {
				w, err := s.with(all[i]).Run(ctx)
				mu.Lock()
				if err != nil {
					broken = err
				} else if len(w.Violations) > 0 {
					found[i] = Failure{all[i], w.Violations}
				}
				mu.Unlock()
			}
		})
	}
	for i := range all {
		mu.Lock()
		stop := broken != nil || enough > 0 && len(found) >= enough
		mu.Unlock()
		if stop {
			break
		}
		work <- i
	}
	close(work)
	workers.Wait()
	for i := range all {
		if f, failed := found[i]; failed {
			failures = append(failures, f)
		}
	}
	return failures, broken
}

// Shrink takes away whatever a failing schedule fails without: steps, and what comes in between. What is left fails
// with the same kind of violation.
func (s Scenario) Shrink(ctx context.Context, f Failure) Failure {
	for smaller := true; smaller; {
		smaller = false
		for _, less := range f.Schedule.less() {
			w, err := s.with(less).Run(ctx)
			if err == nil && alike(w.Violations, f.Violations) {
				f, smaller = Failure{less, w.Violations}, true
				break
			}
		}
	}
	return f
}

// less returns the schedule with one step, or one thing in between, taken away.
func (s Schedule) less() (all []Schedule) {
	for i := range s {
		all = append(all, slices.Delete(slices.Clone(s), i, i+1))
	}
	for i, step := range s {
		for j := range step.Twos {
			next := slices.Clone(s)
			next[i].Twos = slices.Delete(slices.Clone(step.Twos), j, j+1)
			all = append(all, next)
		}
	}
	return all
}

// alike says whether two runs broke a rule in common.
func alike(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return rule(x) == rule(y) })
	})
}

func rule(violation string) string {
	var name string
	_, _ = fmt.Sscan(violation, &name)
	return name
}
