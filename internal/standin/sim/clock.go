// Package sim holds what every part of the stand-in shares: one clock, and one tap that every call passes through.
package sim

import (
	"container/heap"
	"sync"
	"time"
)

// Clock is the stand-in's only source of time. It stands still until somebody advances it, so a scenario of
// months runs in milliseconds and runs the same way every time. Safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	seq    int
	timers timers
}

// NewClock returns a clock that stands at start.
func NewClock(start time.Time) *Clock { return &Clock{now: start.UTC()} }

// Now returns the simulated time, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Timer is something due later. Stop is repeatable and harmless after the timer ran.
type Timer struct {
	at      time.Time
	seq     int
	name    string
	run     func()
	stopped bool
	clock   *Clock
}

// Stop keeps a timer that has not run yet from running.
func (t *Timer) Stop() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.stopped = true
}

// After runs f once, d from now, on the goroutine that advances the clock. Timers due at the same time run in
// the order they were set. f may set timers, call into any service, and block; it may not advance the clock.
// name is for Next.
func (c *Clock) After(d time.Duration, name string, f func()) *Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	t := &Timer{at: c.now.Add(max(d, 0)), seq: c.seq, name: name, run: f, clock: c}
	heap.Push(&c.timers, t)
	return t
}

// Next returns the time and the name of the next timer; ok is false where nothing is due.
func (c *Clock) Next() (at time.Time, name string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropStopped()
	if len(c.timers) == 0 {
		return time.Time{}, "", false
	}
	return c.timers[0].at, c.timers[0].name, true
}

// Advance moves the clock d forward and runs every timer due on the way, in order, each at its own time.
// It returns when the last of them has returned. Only one goroutine may advance a clock.
func (c *Clock) Advance(d time.Duration) { c.AdvanceTo(c.Now().Add(d)) }

// AdvanceTo is Advance up to a point in time; a point in the past runs what is due now and moves nothing.
func (c *Clock) AdvanceTo(end time.Time) {
	for {
		t := c.popDue(end)
		if t == nil {
			return
		}
		t.run()
	}
}

func (c *Clock) popDue(end time.Time) *Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropStopped()
	if len(c.timers) == 0 || c.timers[0].at.After(end) {
		if end.After(c.now) {
			c.now = end
		}
		return nil
	}
	t := heap.Pop(&c.timers).(*Timer)
	if t.at.After(c.now) {
		c.now = t.at
	}
	return t
}

func (c *Clock) dropStopped() {
	for len(c.timers) > 0 && c.timers[0].stopped {
		heap.Pop(&c.timers)
	}
}

type timers []*Timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	if t[i].at.Equal(t[j].at) {
		return t[i].seq < t[j].seq
	}
	return t[i].at.Before(t[j].at)
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)   { *t = append(*t, x.(*Timer)) }
func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	*t = old[:len(old)-1]
	return last
}
