// Package rotatetest is the conformance suite of rotators. It runs a rotator through rotate.Step and rotate.Advance, on
// the stand-in's Secrets Manager, and ends it at every call that it makes.
package rotatetest

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// World is a rotator and its target.
type World struct {
	// Source is the manifest's entry. Its secret need not exist anywhere.
	Source manifest.Source
	// Open makes a rotator over the target. A new one is opened after every crash. What the rotator sends its target
	// goes through calls, which ends the process there or lets it pass: see Conn and Transport.
	Open func(calls Calls) rotate.Rotator
	// Put makes a credential at the target, as a person would, and returns the content that holds it: another one at
	// each call.
	Put func() rotate.Values
	// Accepts reports whether the target accepts what a version holds. nil: the readers are the target.
	Accepts func(rotate.Values) bool
	// Accepted counts the credentials that the target accepts. nil: the readers are the target.
	Accepted func() int
	// Standin is where the source is, in Account and Region, for a target that is AWS too. nil: nobody asks.
	Standin *standin.World
	// Fenced is set where the target keeps what a newer rotation has installed from older ones that come late.
	Fenced bool
	// Waits reports whether somebody waits at the target for another one to finish. nil: nobody ever does.
	Waits func() bool
	// Session logs in with what a version holds, as an application does. It returns what reports whether the session
	// still works. nil: the target knows no sessions.
	Session func(rotate.Values) (works func() bool)
	// Elsewhere returns a version with the same login at another server. nil: a source names no server.
	Elsewhere func(rotate.Values) rotate.Values
	// Moves is how many versions one change takes: 1, or 3 for a symmetric secret.
	Moves int
}

// Calls comes between a process and each call that it makes. It does the call, or not, or does it and says that nobody
// has heard of it.
type Calls func(name string, do func() error) error

// Run checks a rotator against the contracts of rotate.Rotator, rotate.Job.Step and rotate.Job.Advance. newWorld makes
// a new target, on which nothing has happened, at each call.
func Run(t *testing.T, newWorld func(t *testing.T) World) {
	for _, c := range listCases(t, newWorld(t)) {
		t.Run(c.name, func(t *testing.T) {
			c.test(t, func(t *testing.T) *source { return newSource(t, newWorld(t)) })
		})
	}
}

type testCase struct {
	name string
	test func(*testing.T, func(*testing.T) *source)
}

// listCases returns the cases that hold for a rotator of this kind.
func listCases(t *testing.T, w World) []testCase {
	t.Helper()
	r := openWhole(t, w)
	all := ofEvery()
	if _, is := r.(rotate.Unrepeatable); is {
		all = append(all, testCase{"a rotator that cannot be asked twice is asked under a label", onceIsAsked})
	}
	if _, is := r.(rotate.Identified); is {
		all = append(all, testCase{"every content has an identity, and only its own", testIdentities})
	}
	if w.Accepts != nil {
		all = append(all, testCase{"Test tells a refused credential from an unknown one", testTellsRefused})
	}
	if !w.Source.AtOnce() {
		all = append(all, ofOverlapping()...)
		all = append(all, testCase{"what another source holds now is not retired", testSharedIsNotRetired})
		if w.Accepts != nil {
			all = append(all, testCase{"nothing is taken over that another source holds", testNothingIsTakenOver})
		}
	}
	if w.Session != nil {
		all = append(all, testCase{"a deadline ends the sessions of what dies", testDeadlineEndsSessions})
	}
	return all
}

// ofEvery returns the cases of every rotator.
func ofEvery() []testCase {
	return []testCase{
		{"a rotation and its retirement leave one live version", testRotation},
		{"rotation follows rotation", rotatesAgain},
		{"every step and every advance may be repeated", testRepeats},
		{"a crash at any call is made good by asking again", testCrashes},
		{"a crash at any call of a repetition is made good too", crashesTwice},
		{"create marks a first version that is not marked yet", marksFirst},
		{"a step that may not be done changes nothing", testGuards},
		{"a source without a value is refused", refusesEmpty},
		{"a rotation is refused while a version is owed", refusesOwed},
		{"a rotation is refused while a version is unseen", refusesUnseen},
		{"a refusal that cannot take AWSPENDING off is no refusal", refusesNotHalf},
		{"a person may put a value between any two steps", testOvertaken},
		{"a person may swap a value in before any call", testSwapped},
		{"an AWSPENDING left on the current version stops nothing", testLeftover},
		{"testSecret of a version that was never created succeeds", testsCopy},
		{"finishSecret of a version that was never created fails", finishesNothing},
		{"Advance of a version that is not owed does nothing", advancesNothing},
		{"Advance fails where AWSCURRENT has moved", advanceMoved},
		{"Advance fails where somebody retains the version", advanceRetained},
		{"LIVE comes off last", liveLast},
		{"a credential that another source holds is not rotated", testHeldElsewhere},
		{"a credential that another source has held is rotated", testDeadElsewhere},
		{"a credential that another source still owes is rotated", testOwedElsewhere},
		{"a credential under a key that does not move is not rotated", testUndeclaredHolder},
	}
}

// ofOverlapping returns the cases about credentials that live side by side: one that dies at once cannot be gone back
// to.
func ofOverlapping() []testCase {
	return []testCase{
		{"a rollback makes the version before current again", rollsBack},
		{"a crash at any call of a rollback is made good by asking again", rollsBackAfterACrash},
		{"a rollback and a retirement may meet at any call", rollbackMeetsAdvance},
		{"a rollback ends a rotation that is under way", rollbackStopsARotation},
		{"a rollback to what is dead or overtaken is refused", rollbackRefuses},
		{"a rollback gives way to a value that is put meanwhile", rollbackOvertaken},
		{"a rollback under way holds its version and keeps rotations away", rollbackHolds},
		{"a rollback ends an emergency", rollbackEndsEmergency},
		{"an emergency rotates past what is owed", testEmergency},
		{"a crash at any call of an emergency is made good by asking again", urgentCrashes},
		{"a person may put a value between any two steps of an emergency", urgentOvertaken},
		{"a deadline forces what is older to die, unless it is retained", testForced},
		{"an emergency ends no credential that somebody retains", testEmergencySparesRetained},
		{"a Set of a stopped rotation may come late, at any message", testLateSet},
		{"a Retire may come late, when an emergency has its user again", testLateRetire},
	}
}

// openWhole opens the rotator. One that has half of an interface would be treated as if it had nothing of it.
func openWhole(t *testing.T, w World) rotate.Rotator {
	t.Helper()
	r := w.Open(func(_ string, do func() error) error { return do() })
	_, half := r.(interface{ Identity(rotate.Values) string })
	if _, is := r.(rotate.Identified); half && !is {
		t.Fatal("it has Identity, and is not rotate.Identified")
	}
	return r
}

func testRotation(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	token := s.beginRotation()
	s.must(s.runSteps(s.openJob(), token))
	if got := s.currentID(); got != token {
		t.Errorf("AWSCURRENT is on %s, want the rotation's version", got)
	}
	s.checkBothAccepted()
	s.must(s.retireAll(s.openJob()))
	s.checkEnded(1)
}

func rotatesAgain(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	for n := range 4 {
		s.must(s.runSteps(s.openJob(), s.beginRotation()))
		s.checkBothAccepted()
		s.must(s.retireAll(s.openJob()))
		s.checkEnded(n + 1)
	}
}

// testRepeats does each prefix of the steps again before the next one.
func testRepeats(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	token := s.beginRotation()
	for n := range steps {
		for range 2 {
			s.must(s.runSteps(s.openJob(), token, steps[:n+1]...))
		}
	}
	for owed := range s.eachOwed() {
		ask := plan.Advance{Source: s.Source.Name, Version: owed.ID, Current: s.currentID()}
		s.passQuiet()
		s.must(s.openJob().Advance(t.Context(), ask))
		before := s.takeLook()
		s.must(s.openJob().Advance(t.Context(), ask))
		s.checkUnchanged(before)
	}
	s.checkEnded(1)
}

// testCrashes kills one change at each of its calls, before and after the call has done its work, and then asks again.
func testCrashes(t *testing.T, start func(*testing.T) *source) {
	dry := start(t)
	count := &killer{}
	dry.must(dry.runChange(count, dry.beginRotation()))
	if count.calls < 20 {
		t.Fatalf("a change made %d calls: the count is wrong", count.calls)
	}
	t.Logf("%d kill points: before and after each of %s", 2*count.calls, strings.Join(count.names, ", "))
	for at := 1; at <= count.calls; at += sampleStep(count.calls) {
		for _, done := range []bool{false, true} {
			s, k := start(t), &killer{at: at, done: done}
			token := s.beginRotation()
			if err := s.runChange(k, token); err == nil {
				t.Fatalf("%v: the change survived", k)
			}
			s.checkAlive(k)
			if outcome := s.askAgain(token, s.beginRotation); s.isUnrepeatable() {
				t.Logf("%v: %s", k, outcome)
			}
			s.checkAlive(k)
			s.checkEnded(1)
			if t.Failed() {
				t.Fatalf("after %v", k)
			}
		}
	}
}

// crashesTwice kills the repetition as well.
func crashesTwice(t *testing.T, start func(*testing.T) *source) {
	dry := start(t)
	count := &killer{}
	dry.must(dry.runChange(count, dry.beginRotation()))
	for first := 2; first <= count.calls; first += max(6, 2*sampleStep(count.calls)+1) {
		for second := 1; second <= count.calls; second += max(4, 2*sampleStep(count.calls)+1) {
			s := start(t)
			token := s.beginRotation()
			k1, k2 := &killer{at: first, done: true}, &killer{at: second, done: second%8 == 1}
			_, _ = s.runChange(k1, token), s.runChange(k2, token)
			s.askAgain(token, s.beginRotation)
			s.checkEnded(1)
			if t.Failed() {
				t.Fatalf("after %v, then %v", k1, k2)
			}
		}
	}
}

var every = flag.Int("every", 3, "of the calls of a change that makes more than thirty, try each of this number; 1 tries all")

// sampleStep returns the distance between two calls that a case tries: a target of many messages would take long.
func sampleStep(calls int) int {
	if calls <= 30 {
		return 1
	}
	return *every
}

func marksFirst(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	first := s.currentID()
	if s.takeLook().isLive(first) {
		t.Fatal("the first version is marked before anything has happened")
	}
	token := s.beginRotation()
	s.must(s.runSteps(s.openJob(), token, "createSecret"))
	if l := s.takeLook(); !l.isLive(first) || !l.isLive(token) {
		t.Errorf("after createSecret LIVE is on the first version: %v, on the new one: %v; want both", l.isLive(first), l.isLive(token))
	}
}

func testGuards(t *testing.T, start func(*testing.T) *source) {
	for _, step := range append(slices.Clone(steps), "danceSecret") {
		s := start(t)
		token := s.beginRotation()
		s.disableRotation()
		s.failsUnchanged("while rotation is disabled", step, token)

		s = start(t)
		s.beginRotation()
		s.failsUnchanged("of a version that does not exist", step, versionID(99))

		s = start(t)
		token = s.beginRotation()
		s.must(s.store.Move(t.Context(), s.Source.Secret, history.AWSPending, "", token))
		s.failsUnchanged("of a version that is not pending", step, token)

		s = start(t)
		s.beginRotation()
		before := s.takeLook()
		s.must(s.openJob().Step(t.Context(), rotate.Event{Step: step, Version: s.currentID()}))
		s.checkUnchanged(before)
	}
	s := start(t)
	s.failsUnchanged("that does not exist", "danceSecret", s.beginRotation())
}

func refusesEmpty(t *testing.T, start func(*testing.T) *source) {
	w := start(t).World
	w.Source.Name += "-empty"
	empty := newEmptySource(t, w)
	before := empty.takeLook()
	empty.checkRefused(empty.beginRotation(), before)
}

func refusesOwed(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	s.must(s.runSteps(s.openJob(), s.beginRotation()))
	before := s.takeLook()
	s.checkRefused(s.beginRotation(), before)
	s.must(s.retireAll(s.openJob()))
	s.must(s.runSteps(s.openJob(), s.beginRotation()))
	s.must(s.retireAll(s.openJob()))
	s.checkEnded(2)
}

// refusesUnseen puts a value by hand, and in a second run moves AWSCURRENT back after that. A rotation is refused until
// the version that is not current is retired.
func refusesUnseen(t *testing.T, start func(*testing.T) *source) {
	for _, back := range []bool{false, true} {
		s := start(t)
		first := s.currentID()
		second := s.putByHand()
		if back {
			s.must(s.store.Move(t.Context(), s.Source.Secret, history.AWSCurrent, first, second))
		}
		before := s.takeLook()
		s.checkRefused(s.beginRotation(), before)
		s.must(s.retireAll(s.openJob()))
		s.must(s.runSteps(s.openJob(), s.beginRotation()))
		s.must(s.retireAll(s.openJob()))
		s.checkEnded(1)
	}
}
