package simulation

import (
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// Fault is a way for one call to fail.
type Fault struct {
	outcome sim.Outcome
	crash   bool // whoever made the call makes no other in this invocation
}

// faults are the eight outcomes that a call can have, by name (docs/safety.md, "How it is tried"). "late" can have a
// time: "late 6m30s".
var faults = map[string]Fault{
	"crash before": {sim.Dropped, true},
	"crash after":  {sim.Lost, true},
	"lost":         {sim.Lost, false}, // it timed out, after it was done
	"late":         {sim.Late, false}, // it timed out, and is done after lateBy
	"throttled":    {sim.Throttled, false},
	"unavailable":  {sim.Unavailable, false},
	"denied":       {sim.Denied, false},
	"stale":        {sim.Stale, false}, // a read is answered as the last time
}

// listOutcomes returns the faults that a call can meet, in a fixed order. A crash after a read is one before it, what
// is late of a read is lost, and a write has no stale answer: those are not played twice.
func listOutcomes(c sim.Call) []string {
	if c.Write {
		return append([]string{"crash before", "crash after", "lost", "throttled", "unavailable", "denied"}, listDelays(c)...)
	}
	return []string{"crash before", "lost", "throttled", "unavailable", "denied", "stale"}
}

// between holds the faults and actions of one step, and what its calls have come to so far.
type between struct {
	w    *World
	twos []Two
	n    int             // calls of rotary's so far
	dead map[string]bool // by who makes the calls
	open bool            // somebody else is acting: their calls are not rotary's

	runs   time.Time // since when the rotate Lambda does
	vetoes []string  // versions that RETAIN or ROLLBACK was on then
	made   []sim.Call

	meanwhile bool // somebody acts at a call of the step's
	wrote     bool // the last call could change something
}

// decideCall returns the fault of a call. The tap calls it before each.
func (b *between) decideCall(c sim.Call) sim.Fault {
	if b.open {
		return sim.Fault{}
	}
	if b.wrote {
		b.w.checkAll()
	}
	b.wrote = c.Write
	if b.meanwhile {
		return sim.Fault{}
	}
	b.n++
	b.made = append(b.made, c)
	f, crash := b.findTwo()
	f.Delay = min(f.Delay, longestDelay(c))
	dead := b.dead[callerOf(c)] || b.timedOut(c)
	if meet := b.w.Meet; meet != nil && !dead && f.Outcome == sim.Works {
		f, crash, _ = findFault(meet(c))
	}
	b.dead[callerOf(c)] = dead || crash
	if dead {
		return sim.Fault{Outcome: sim.Dropped}
	}
	return f
}

// timedOut reports whether a call would be made by a rotate Lambda that has run for too long: what came in between took
// time.
func (b *between) timedOut(c sim.Call) bool {
	return callerOf(c) == rotateLambda && b.w.Clock.Now().Sub(b.runs) > rotate.Timeout
}

// findTwo runs the actions that the step has at this call, and returns its fault.
func (b *between) findTwo() (f sim.Fault, crash bool) {
	for _, two := range b.twos {
		if two.At != b.n {
			continue
		}
		if fault, crashes, is := findFault(two.Do); is {
			f, crash = fault, crashes
			continue
		}
		b.actMeanwhile(two.Do)
	}
	return f, crash
}

// findFault returns the fault of this name; is reports whether there is one.
func findFault(name string) (f sim.Fault, crash, is bool) {
	if text, timed := strings.CutPrefix(name, "late "); timed {
		delay, err := time.ParseDuration(text)
		return sim.Fault{Outcome: sim.Late, Delay: delay}, false, err == nil && delay >= 0
	}
	fault, is := faults[name]
	if is {
		f = sim.Fault{Outcome: fault.outcome, Delay: lateBy}
	}
	return f, fault.crash, is
}

// actMeanwhile lets somebody act while rotary waits at a call.
func (b *between) actMeanwhile(do string) {
	b.open, b.meanwhile = true, true
	b.w.doAction(do)
	b.open, b.meanwhile, b.wrote = false, false, true
}

// beginSecond lets another rotary work within what somebody does meanwhile, until the function it returns is called.
// Its calls are traced and checked like all of rotary's. They have no numbers, and nothing comes in between them; nor
// does it know what the first one has seen, or bring it back to life.
func (b *between) beginSecond() (end func()) {
	if !b.meanwhile {
		return func() {}
	}
	dead, runs, vetoes := b.dead, b.runs, b.vetoes
	b.open, b.dead = false, map[string]bool{}
	return func() {
		b.open, b.dead, b.runs, b.vetoes = true, dead, runs, vetoes
	}
}

// isCalm reports whether nothing comes in between during this step.
func (b *between) isCalm() bool { return len(b.twos) == 0 && !b.meanwhile }

// callerOf makes a call. GitHub and Vercel are called by propagate alone.
func callerOf(c sim.Call) string {
	switch {
	case c.Caller == rotateLambda || slices.Contains([]string{"database", "vendor", "iam", "sts"}, c.Service):
		return rotateLambda
	case c.Caller == operator:
		return operator
	}
	return propagateLambda
}

// The Lambdas, and whoever runs rotary's command line, as the journal names them.
const (
	propagateLambda = "propagate"
	rotateLambda    = "rotate"
	operator        = "operator"
)
