package plan

import (
	"time"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// usualRollout is how long consumers usually take to follow, with the pass that begins it and the one that sees its
// end. No gate depends on it.
const usualRollout = 3 * time.Minute

// nextPass is how long it takes at most until a pass acts on what only time has brought.
const nextPass = history.LookFresh

// Pace is how long a change of a source usually takes where everybody follows. It is made from what the gates wait for:
// settlingTime, history.LateWrite and the drains of readers. The zero Pace: nothing is known.
type Pace struct {
	Steps  int               `json:"steps"`  // how many versions a rotation makes, one after the other
	Follow duration.Duration `json:"follow"` // from a version until every consumer runs it
	// Settle is from then until what it has replaced is retired; 0 where nobody retires it.
	Settle duration.Duration `json:"settle,omitzero"`
}

// Step returns how long one of the versions takes.
func (p Pace) Step() time.Duration { return p.Follow.Std() + p.Settle.Std() }

// Total returns how long all of them take.
func (p Pace) Total() time.Duration { return p.After(0) }

// After returns how long the versions take that come after the one of step k. Each is made by the pass that ends the one
// before, and seen by the next.
func (p Pace) After(k int) time.Duration {
	left := time.Duration(max(p.Steps-k, 0))
	passes := left
	if k == 0 {
		passes--
	}
	return left*p.Step() + max(passes, 0)*nextPass
}

// measurePace returns how long a change of a source usually takes.
//
//	what was replaced                 | may be retired
//	----------------------------------|-----------------------------------------------------------
//	is in no bucket                   | history.LateWrite after the change
//	is in a bucket                    | settlingTime after the bucket's version was withdrawn: once
//	                                  |   every consumer follows, and the drain of its readers is over
//	is read from the source itself    | once the drain of its readers is over
//	ends with the rotation itself, or | is not waited for
//	  is retired by nobody            |
func (s State) measurePace(source Source) Pace {
	follow, until := nextPass, history.LateWrite
	drained, fed := time.Duration(0), false
	for _, b := range s.Buckets {
		if !b.isFedBy(source.Name) {
			continue
		}
		fed = true
		for _, c := range b.Consumers {
			if drained = max(drained, c.Drain); c.Drain == 0 {
				follow = usualRollout
			}
		}
	}
	if fed {
		until = max(until, max(follow, drained)+s.settlingTime())
	}
	for _, c := range source.Consumers {
		until = max(until, c.Drain)
	}
	p := Pace{Steps: source.Manifest.CountSteps(), Follow: duration.Duration(follow)}
	if s.isRetiredByRotary(source) {
		p.Settle = duration.Duration(until - follow)
	}
	return p
}

// isRetiredByRotary reports whether what a change of the source replaces is owed until it is retired, and the mode
// allows that.
func (s State) isRetiredByRotary(source Source) bool {
	return s.Mode == manifest.Retire && !source.Manifest.AtOnce() && source.Manifest.Rotate.Managed == nil
}

// findStep returns which of the versions of a change the current one is, from 1 on. A credential that moves in three
// versions goes from {old, old} over {old, new} and {new, old} to {new, new}.
//
//	the current version holds            | step
//	-------------------------------------|-----
//	one credential, or no second place   | the last
//	two, and what stands second was sent | the second
//	  by a version that is owed          |
//	two                                  | the first
func (s State) findStep(source Source) int {
	last := source.Manifest.CountSteps()
	if source.Manifest.Symmetric() == "" {
		return last
	}
	sent, waits := source.Manifest.FirstAndSecond()
	current, _ := source.Current()
	now := source.Contents[current.ID].Values
	if now[sent].Equal(now[waits]) {
		return last
	}
	for _, v := range source.Owed() {
		if values := source.Contents[v.ID].Values; values != nil && values[sent].Equal(now[waits]) {
			return 2
		}
	}
	return 1
}
