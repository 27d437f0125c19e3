package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Schedule holds what happens, in order. It is written as one step a line, and a failure prints it so: to keep a
// schedule that has failed, copy its text into a test.
//
//	rotate db; 14: crash after      the 14th call that rotary makes in this step is its last
//	pass; 3: stale; 9: put db       the 3rd is answered as the last time; before the 9th somebody puts
//	wait 12m
type Schedule []Step

// Step is one thing that somebody does, and what comes in between.
type Step struct {
	Do   string // an action and its arguments: "put db", "pass", "wait 5m"
	Twos []Two
}

// Two is a fault, or somebody else's action, while a step is under way.
type Two struct {
	At int    // before, or at, the call of rotary's with this number, from 1
	Do string // the name of a Fault, or an action
}

// Parse reads a schedule. Empty lines and lines that start with # are ignored.
func Parse(text string) (Schedule, error) {
	var s Schedule
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		step, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("line %d of the schedule: %w", i+1, err)
		}
		s = append(s, step)
	}
	return s, nil
}

// MustParse is Parse for a schedule in a source file.
func MustParse(text string) Schedule {
	s, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return s
}

func parseStep(line string) (Step, error) {
	parts := strings.Split(line, ";")
	step := Step{Do: strings.TrimSpace(parts[0])}
	if !isKnown(step.Do) {
		return step, fmt.Errorf("nobody knows how to %q", step.Do)
	}
	for _, part := range parts[1:] {
		at, do, _ := strings.Cut(part, ":")
		n, err := strconv.Atoi(strings.TrimSpace(at))
		do = strings.TrimSpace(do)
		if _, _, fault := findFault(do); err != nil || n < 1 || !fault && !isKnown(do) {
			return step, fmt.Errorf("%q is neither a fault nor an action at a call", part)
		}
		step.Twos = append(step.Twos, Two{n, do})
	}
	return step, nil
}

func isKnown(do string) bool {
	name, _, _ := strings.Cut(do, " ")
	return findAction(name) != nil
}

func (s Schedule) String() string {
	var b strings.Builder
	for _, step := range s {
		b.WriteString(step.String() + "\n")
	}
	return b.String()
}

func (s Step) String() string {
	text := s.Do
	for _, two := range s.Twos {
		text += fmt.Sprintf("; %d: %s", two.At, two.Do)
	}
	return text
}

// With returns the schedule with something more in between, at a call of one step.
func (s Schedule) With(step, at int, do string) Schedule {
	next := slices.Clone(s)
	next[step].Twos = append(slices.Clone(next[step].Twos), Two{at, do})
	return next
}
