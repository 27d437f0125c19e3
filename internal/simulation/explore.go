package simulation

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// Run plays a scenario in a new world, lets it settle and returns the world.
func (s Scenario) Run(ctx context.Context) (*World, error) {
	w, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	w.Play(s.Schedule)
	w.Finish()
	return w, w.World.Close()
}

// withSchedule returns the scenario with another schedule.
func (s Scenario) withSchedule(other Schedule) Scenario {
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
	w, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	var all []Point
	for i, step := range s.Schedule {
		for n, call := range w.Step(step) {
			for _, fault := range listOutcomes(call) {
				all = append(all, Point{i, n + 1, call, fault})
			}
		}
	}
	return all, w.World.Close()
}

// Failure is a schedule after which something is not as it must be.
type Failure struct {
	N          int // which schedule it was, from 0
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

// Singles returns the scenario's schedules with one fault: every outcome at every call.
func (s Scenario) Singles(ctx context.Context) (iter.Seq[Schedule], int, error) {
	points, err := s.Points(ctx)
	return func(yield func(Schedule) bool) {
		for _, p := range points {
			if !yield(s.Schedule.With(p.Step, p.At, p.Do)) {
				return
			}
		}
	}, len(points), err
}

// Pairs returns the scenario's schedules with two faults: every outcome at every call, and then every outcome at every
// later call that is made after the first fault.
func (s Scenario) Pairs(ctx context.Context) (iter.Seq[Schedule], error) {
	points, err := s.Points(ctx)
	return func(yield func(Schedule) bool) {
		for _, first := range points {
			once := s.withSchedule(s.Schedule.With(first.Step, first.At, first.Do))
			then, err := once.Points(ctx)
			for _, second := range then {
				if err == nil && second.isAfter(first) && !yield(once.Schedule.With(second.Step, second.At, second.Do)) {
					return
				}
			}
		}
	}, err
}

func (p Point) isAfter(q Point) bool { return p.Step > q.Step || p.Step == q.Step && p.At > q.At }

// Tally holds the number of runs and the schedules that failed.
type Tally struct {
	Runs     int
	Failures []Failure // in the order of their schedules
}

// Try plays each of these schedules in a world of its own, on every processor. It stops after enough failures; 0 plays
// all. The order in which worlds end decides nothing.
func (s Scenario) Try(ctx context.Context, all iter.Seq[Schedule], enough int) (Tally, error) {
	t := trial{scenario: s, failed: map[int]Failure{}}
	work := make(chan numbered)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() { t.playSchedules(ctx, work) })
	}
	for schedule := range all {
		if t.isDone(enough) {
			break
		}
		work <- numbered{t.tally.Runs, schedule}
		t.tally.Runs++
	}
	close(work)
	workers.Wait()
	for _, n := range slices.Sorted(maps.Keys(t.failed)) {
		t.tally.Failures = append(t.tally.Failures, t.failed[n])
	}
	return t.tally, t.err
}

type numbered struct {
	n        int
	schedule Schedule
}

type trial struct {
	scenario Scenario
	tally    Tally

	mu     sync.Mutex
	failed map[int]Failure
	err    error
}

func (t *trial) playSchedules(ctx context.Context, work <-chan numbered) {
	for one := range work {
		w, err := t.scenario.withSchedule(one.schedule).Run(ctx)
		t.mu.Lock()
		switch {
		case err != nil:
			t.err = err
		case len(w.Violations) > 0:
			t.failed[one.n] = Failure{one.n, one.schedule, w.Violations}
		}
		t.mu.Unlock()
	}
}

func (t *trial) isDone(enough int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err != nil || enough > 0 && len(t.failed) >= enough
}

// Shrink removes from a failing schedule whatever it fails without: steps, and what comes in between. What is left
// fails with the same kind of violation.
func (s Scenario) Shrink(ctx context.Context, f Failure) Failure {
	for smaller := true; smaller; {
		smaller = false
		for _, less := range f.Schedule.listShorter() {
			w, err := s.withSchedule(less).Run(ctx)
			if err == nil && breakAlike(w.Violations, f.Violations) {
				f, smaller = Failure{f.N, less, w.Violations}, true
				break
			}
		}
	}
	return f
}

// listShorter returns the schedule with one step, or one thing in between, taken away.
func (s Schedule) listShorter() (all []Schedule) {
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

// breakAlike reports whether two runs broke a rule in common.
func breakAlike(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return ruleOf(x) == ruleOf(y) })
	})
}

func ruleOf(violation string) string {
	var name string
	_, _ = fmt.Sscan(violation, &name)
	return name
}
