package simulation

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestAScheduleRunsTheSameWayAgain plays every scenario and thirty random schedules, of the drivers and of the fleet,
// twice.
func TestAScheduleRunsTheSameWayAgain(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) { twin(t, s) })
	}
	for seed := range uint64(30) {
		s := stageOf(t, []string{"happy", "fleet"}[seed%2])
		twin(t, s.withSchedule(Random(seed)))
	}
}

// twin plays a scenario twice, and compares every call, everything that came out, and what went wrong.
func twin(t *testing.T, s Scenario) {
	t.Helper()
	first, second := outcome(t, s), outcome(t, s)
	if diff := cmp.Diff(first.Trace, second.Trace); diff != "" {
		t.Errorf("%s\nits calls differ:\n%s", s.Schedule, diff)
	}
	if diff := cmp.Diff(lines(first.Told), lines(second.Told)); diff != "" {
		t.Errorf("%s\nwhat it tells differs:\n%s", s.Schedule, diff)
	}
	if diff := cmp.Diff(first.Violations, second.Violations); diff != "" {
		t.Errorf("%s\nwhat goes wrong differs:\n%s", s.Schedule, diff)
	}
}

func outcome(t *testing.T, s Scenario) *World {
	t.Helper()
	w, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func lines(told [][]byte) []string {
	return strings.Split(string(bytes.Join(told, []byte("\n"))), "\n")
}

func TestAScheduleIsReadAsItIsWritten(t *testing.T) {
	act := rapid.SampledFrom([]string{"pass", "settle", "wait 12m", "rotate db", "put vendor", "release api", "manifest renamed", "mend"})
	between := rapid.OneOf(act, rapid.SampledFrom(faultNames))
	step := rapid.Custom(func(t *rapid.T) Step {
		s := Step{Do: act.Draw(t, "do")}
		for range rapid.IntRange(0, 3).Draw(t, "things in between") {
			s.Twos = append(s.Twos, Two{rapid.IntRange(1, 400).Draw(t, "at"), between.Draw(t, "two")})
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		written := Schedule(rapid.SliceOf(step).Draw(t, "schedule"))
		read, err := Parse(written.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(written.String(), read.String()); diff != "" || len(written) != len(read) {
			t.Fatalf("it changes (-written +read):\n%s", diff)
		}
		for i := range written {
			if diff := cmp.Diff(written[i], read[i]); diff != "" {
				t.Fatalf("step %d changes (-written +read):\n%s", i+1, diff)
			}
		}
	})
}

func TestAScheduleThatNobodyCanPlayIsNotRead(t *testing.T) {
	for _, text := range []string{
		"dance", "pass; crash before", "pass; 0: lost", "pass; -1: lost", "pass; x: lost", "pass; 3: dance", "pass; 3:", "pass;", "; 3: lost",
	} {
		if s, err := Parse("wait 5m\n" + text); err == nil || !strings.HasPrefix(err.Error(), "line 2 ") {
			t.Errorf("%q is read as %q: %v", text, s, err)
		}
	}
}

// Somebody who deletes a service that the manifest has leaves a pass that never comes to rest: that fails, and not for
// what else is done.
func TestAFailureIsShrunkToWhatItNeeds(t *testing.T) {
	s := stageOf(t, "happy")
	s.Schedule = places(t, s, `
		edit ci
		rotate db; {login}: queue ci
		pass; {DescribeSecret api-secrets}: edit ci; {ecs DescribeServices}: delete api
		wait 5m
		complete ci
		pass`)
	at := s.Schedule[2].Twos[1]
	failed := Failure{Schedule: s.Schedule, Violations: outcome(t, s).Violations}
	if len(failed.Violations) == 0 {
		t.Fatal("it does not fail")
	}
	shrunk := s.Shrink(t.Context(), failed)
	if got, want := shrunk.Schedule.String(), (Schedule{{"pass", []Two{at}}}).String(); got != want {
		t.Errorf("it is shrunk to\n%swant\n%s", got, want)
	}
	if again := outcome(t, s.withSchedule(shrunk.Schedule)); !breakAlike(again.Violations, failed.Violations) {
		t.Errorf("what is left fails otherwise: %v", again.Violations)
	}
	for _, less := range shrunk.Schedule.listShorter() {
		if w := outcome(t, s.withSchedule(less)); breakAlike(w.Violations, failed.Violations) {
			t.Errorf("less fails as well:\n%s", less)
		}
	}
}
