package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
)

// lap is a time that is promised from a rotation to something that is then true.
type lap struct {
	what string
	most time.Duration
	is   func() bool
	took time.Duration // 0: it was not true yet
}

// What is promised from a rotation on, where a rollout takes two minutes.
const (
	deadWithin     = 16 * time.Minute // the old credential of a rotation that replaces one version
	unsentWithin   = 20 * time.Minute // nobody sends the old value of a symmetric secret
	refusedWithin  = 33 * time.Minute // nobody accepts it
	finishedWithin = 45 * time.Minute // nothing of the rotation is left
)

// startLaps begins to measure the rotations of storage and handshake, which began now.
func (p *play) startLaps() {
	p.rotated = p.s.Clock.Now()
	p.laps = []lap{
		{what: "storage: the old key is dead", most: deadWithin, is: func() bool { return p.retired("storage") }},
		{what: "handshake: nobody sends the old key", most: unsentWithin, is: func() bool { return !p.hasOld(handshakeKey) }},
		{what: "handshake: nobody accepts it", most: refusedWithin, is: func() bool {
			return !p.hasOld(handshakeKey) && !p.hasOld(handshakeAlso)
		}},
		{what: "handshake: its rotation is over", most: finishedWithin, is: func() bool { return p.retired("handshake") }},
	}
}

// noteLaps notes what has become true. A report of before the rotation tells nothing.
func (p *play) noteLaps() {
	for i := range p.laps {
		if l := &p.laps[i]; l.took == 0 && p.report.At.After(p.rotated) && l.is() {
			l.took = p.s.Clock.Now().Sub(p.rotated)
		}
	}
}

// hasOld reports whether somebody runs with the old value of handshake under a name that the key has.
func (p *play) hasOld(key string) bool {
	old := p.old["handshake"]
	tasks := p.s.Region(p.s.Env.Account, p.s.Env.Region).ECS
	for _, c := range p.s.Env.Consumers {
		if c.ECS == nil {
			continue
		}
		for _, container := range c.ECS.Containers {
			for _, env := range tasks.Environments(container) {
				if slices.ContainsFunc(stage.BucketNames(p.s.Env, c, key), func(name string) bool { return env[name] == old }) {
					return true
				}
			}
		}
	}
	isOld := func(value string) bool { return value == old }
	return len(p.s.Vercel.Holders(isOld))+len(p.s.GitHub.Holders(isOld)) > 0
}

// printLaps prints the times beside what is promised, and reports whether each promise was kept.
func (p *play) printLaps() bool {
	p.tl.printAct("Minutes from rotate")
	kept := len(p.laps) > 0
	for _, l := range p.laps {
		fmt.Fprintf(p.out, "  %4.1f  at most %2.0f  %s\n", l.took.Minutes(), l.most.Minutes(), l.what)
		kept = kept && l.took > 0 && l.took <= l.most
	}
	return kept
}
