package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// interleaving is the parallel.Scheduler of a world. Without a seed it runs one task after the other. With one, tasks of a
// group are threads of which one runs at a time: before each of rotary's calls the seed decides which of them goes on. So
// calls land in an order that follows from the schedule alone, a call has the same number whenever the schedule is
// played, and between two calls of one thread there may be any of the others'.
type interleaving struct {
	w       *World
	rng     *rand.Rand // nil: one task after the other
	current *thread    // the one that runs; nil outside of every group
	ready   []*thread  // those that would go on
}

// thread is a task, or the one that waits for its group.
type thread struct{ resume chan struct{} }

func newThread() *thread { return &thread{make(chan struct{})} }

// interleaveCalls sets the seed by which the calls of the steps that follow are interleaved; 0 is none.
func interleaveCalls(w *World, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("interleave takes a seed")
	}
	seed, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return fmt.Errorf("interleave takes a seed: %w", err)
	}
	if w.now.meanwhile {
		return errNotNow // its own calls are under way
	}
	w.threads.rng = nil
	if seed > 0 {
		w.threads.rng = rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // it is to be repeated
	}
	return nil
}

// Run implements parallel.Scheduler. What another rotary does within what somebody does meanwhile is one after the other.
func (s *interleaving) Run(limit int, tasks []func()) {
	if s.rng == nil || s.w.now.meanwhile {
		for _, task := range tasks {
			task()
		}
		return
	}
	parent := s.current
	if parent == nil {
		parent = newThread()
	}
	left, begun := len(tasks), 0
	var begin func()
	begin = func() {
		if begun == len(tasks) {
			return
		}
		t, task := newThread(), tasks[begun]
		begun++
		s.ready = append(s.ready, t)
		go func() {
			<-t.resume
			task()
			begin()
			if left--; left == 0 {
				s.ready = append(s.ready, parent)
			}
			s.pickNext().resume <- struct{}{}
		}()
	}
	for range min(limit, len(tasks)) {
		begin()
	}
	was := s.current
	s.pickNext().resume <- struct{}{}
	<-parent.resume
	s.current = was
}

// letOthersGo lets the seed decide who makes the next call.
func (s *interleaving) letOthersGo() {
	if len(s.ready) == 0 || s.w.now.meanwhile {
		return
	}
	self := s.current
	s.ready = append(s.ready, self)
	if next := s.pickNext(); next != self {
		next.resume <- struct{}{}
		<-self.resume
	}
}

// pickNext takes a thread out of those that are ready, and makes it the one that runs.
func (s *interleaving) pickNext() *thread {
	i := s.rng.IntN(len(s.ready))
	s.current = s.ready[i]
	s.ready = slices.Delete(s.ready, i, i+1)
	return s.current
}
