package simulation

import (
	"strings"
	"testing"
)

// Where not all is played, the busy world meets faults in one of busyScenarios scenarios, at one in busyThin of the calls.
const (
	busyScenarios = 6
	busyThin      = 100
)

// inBusyWorld returns a scenario with services that roll slowly and are deployed all the time, as long as its schedule
// lasts: where that settles, hours go by instead. What nobody deploys stays as it is.
func (s Scenario) inBusyWorld() Scenario {
	text := "busy\n"
	for _, step := range s.Schedule {
		if step.Do == "settle" {
			text += "sweeps\nsweeps\n"
			continue
		}
		text += step.String() + "\n"
	}
	s.Name, s.Slow, s.Schedule = s.Name+", busy", true, MustParse(text+"calm\nsettle")
	return s
}

// listBusy returns the scenarios with services that can be deployed.
func listBusy() (all []Scenario) {
	for _, s := range Scenarios() {
		if !s.Fleet && !s.Fresh && !strings.Contains(s.Schedule.String(), "busy") {
			all = append(all, s.inBusyWorld())
		}
	}
	return all
}

// TestEveryScenarioEndsWellInABusyWorld plays every scenario while pipelines deploy every service each five minutes, and
// some outcomes at calls of it: with -every 1, each at each.
func TestEveryScenarioEndsWellInABusyWorld(t *testing.T) {
	for _, s := range listBusy() {
		if *only != "" && *only != s.Name {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			w, err := s.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range w.Violations {
				t.Error(v)
			}
		})
	}
}

// TestFaultsInABusyWorldChangeNothingInTheEnd tries outcomes at calls of every scenario in the busy world: with
// -every 1, each at each.
func TestFaultsInABusyWorldChangeNothingInTheEnd(t *testing.T) {
	for i, s := range listBusy() {
		if *only != "" && *only != s.Name || *every > 1 && i%busyScenarios > 0 {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			all, _, err := s.Singles(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := thinned(s)
			if *every > 1 {
				n *= busyThin
			}
			try(t, s, each(all, n), 0)
		})
	}
}

// A roll that lands late after a rollback brings what is current: the newest version of the bucket was withdrawn.
func TestALateRollAfterARollbackBringsWhatIsCurrent(t *testing.T) {
	for _, s := range listBusy() {
		if s.Name != "access key: rollback, busy" {
			continue
		}
		w, err := s.withSchedule(MustParse("busy\nrotate storage\nwait 3m\nrollback storage\nsweeps; 583: late")).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(w.Violations) > 0 {
			t.Errorf("%q", w.Violations)
		}
		return
	}
	t.Fatal("there is no such scenario")
}
