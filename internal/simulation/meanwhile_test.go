package simulation

import (
	"flag"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	besides = flag.Int("besides", 61, "of everything that others can do at a call of rotary's, play each of this number; 1 plays all")
	crossed = flag.Int("crossed", 61, "of what others can do first, and of what they can do then, play each of this number; 1 plays all")
)

// slowly is a rotation from its beginning until everything is retired, a pass at a time.
const slowly = "rotate db\npass\nwait 5m\npass\nwait 10m\npass\nwait 13m\npass"

// What others can do at any call of rotary's. A pass, or a rotation, is another rotary's: it works beside the first.
var (
	besideTheFleet = []string{
		"put db", "back db", "move db", "begin db", "rotate db", "retain db", "unretain db", "login db", "logout db", "allow db",
		"release api", "break api", "redeploy api", "deployold api", "deployold api 1", "copy api", "paste api", "pass", "wait 3m",
	}
	besideTheDrivers = slices.Concat(besideTheFleet, []string{
		"put vendor", "back vendor", "put admin", "restart api", "queue ci", "start ci", "complete ci", "edit ci", "foreign ci",
		"deploy api", "force api", "blind api", "sight api", "blind ci", "sight ci", "edit dashboard", "foreign dashboard", "failbuild dashboard", "rollback dashboard", "promote dashboard", "push dashboard",
		"canary api", "runtask api", "exile api", "direct api",
	})
	besideTheWitnesses = []string{"spy db", "spy api", "pardon", "stray ci", "forgive ci", "gone"}
	besideTheOwners    = []string{"select ci", "share ci", "queue ci", "start ci", "complete ci", "edit ci"}
)

// TestWhateverOthersDoMeanwhileItEndsWell lets somebody else act before each call that rotary makes in a rotation.
func TestWhateverOthersDoMeanwhileItEndsWell(t *testing.T) {
	for _, c := range []struct {
		scenario Scenario
		before   string
		acts     []string
	}{
		{Scenario{Name: "drivers", Manifest: "main"}, "", besideTheDrivers},
		{Scenario{Name: "fleet", Manifest: "fleet", Fleet: true}, "", besideTheFleet},
		{Scenario{Name: "witnesses", Manifest: "watched"}, "stray ci\nwait 61m\npass\n", besideTheWitnesses},
		{Scenario{Name: "owners", Manifest: "organization"}, "queue ci\nqueue ci\n", besideTheOwners},
	} {
		t.Run(c.scenario.Name, func(t *testing.T) {
			s := c.scenario.withSchedule(MustParse(c.before + slowly))
			all := s.beside(t, c.acts)
			t.Logf("each %d. of %d schedules, of %d actions at any call", *besides**every, count(all), len(c.acts))
			try(t, s, each(all, *besides**every), 0)
		})
	}
}

// TestWhateverOthersDoTwiceMeanwhileItEndsWell lets others act before two calls of a rotation that three services
// follow: any action at any call, and then any action at any call that is made after it.
func TestWhateverOthersDoTwiceMeanwhileItEndsWell(t *testing.T) {
	s := Scenario{Name: "fleet", Manifest: "fleet", Fleet: true, Schedule: MustParse(slowly)}
	n := *crossed * *every
	first := s.beside(t, besideTheFleet)
	t.Logf("each %d. of the %d schedules with one action, and each %d. of what can come after it", n, count(first), n)
	try(t, s, func(yield func(Schedule) bool) {
		for once := range each(first, n) {
			then := s.withSchedule(once).beside(t, besideTheFleet)
			for both := range each(after(once, then), n) {
				if !yield(both) {
					return
				}
			}
		}
	}, 0)
}

// after returns those of the schedules in which what was added comes after what was there.
func after(once Schedule, then iter.Seq[Schedule]) iter.Seq[Schedule] {
	had := slices.IndexFunc(once, func(step Step) bool { return len(step.Twos) > 0 })
	return func(yield func(Schedule) bool) {
		for both := range then {
			added := slices.IndexFunc(both, func(step Step) bool { return len(step.Twos) > 0 })
			twos := both[had].Twos
			if later := added == had && (len(twos) == 1 || twos[1].At > twos[0].At); later && !yield(both) {
				return
			}
		}
	}
}

// A second rotary is neither numbered, nor hit by the first one's faults, nor does it bring the first one back to life.
func TestASecondRotaryHasALifeOfItsOwn(t *testing.T) {
	s := stageOf(t, "fleet")
	alone := places(t, s, "put db\npass; {fleet Update api}: crash before")
	crash := alone[1].Twos[0].At
	want, _ := calls(t, s.withSchedule(alone))
	got, trace := calls(t, s.withSchedule(alone.With(1, crash, "pass")))
	if diff := cmp.Diff(want[:min(len(got), len(want))], got); diff != "" { // what the second one has rolled is not rolled again
		t.Errorf("the first one's calls (-alone +beside another):\n%s", diff)
	}
	updates := slices.DeleteFunc(trace, func(line string) bool { return !strings.Contains(line, "fleet Update") })
	second := []string{"api 0", "worker-a 0", "worker-b 0"}
	first := []string{"api 4"} // sim.Dropped
	for i, end := range slices.Concat(second, first) {
		if len(updates) != len(second)+len(first) || !strings.HasSuffix(updates[i], end) {
			t.Fatalf("what was rolled: %q", updates)
		}
	}
}

// calls plays a schedule and returns the calls of its last step, and the trace of all.
func calls(t *testing.T, s Scenario) (made, trace []string) {
	t.Helper()
	w, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range s.Schedule {
		made = nil
		for _, c := range w.Step(step) {
			made = append(made, c.Operation+" "+c.Resource)
		}
	}
	return made, w.Trace
}

// tooLate reports whether an action comes too late for rotary to keep people from its harm: while Advance is under way,
// which has looked and now revokes, going back to the old value or retaining it; while an emergency is, going back to a
// value whose place its new one takes; and once Vercel has been looked at before that, bringing a deployment back that
// keeps the value it was built with. People go back through rotary, which waits until nothing can be under way.
func tooLate(act string, p Point, all []Point) bool {
	step := slices.DeleteFunc(slices.Clone(all), func(c Point) bool { return c.Step != p.Step })
	begun := slices.IndexFunc(step, func(c Point) bool { return c.Call.Operation == "RotateSecret" })
	if begun >= 0 && p.At > step[begun].At && (act == "back db" || act == "move db") {
		return true
	}
	advance := slices.IndexFunc(step, func(c Point) bool { return c.Call.Operation == "Invoke" })
	if advance < 0 {
		return false
	}
	switch act {
	case "back db", "move db", "retain db":
		return p.At > step[advance].At
	case "rollback dashboard":
		return slices.ContainsFunc(step, func(c Point) bool { return c.Call.Service == "vercel" && c.At < p.At })
	}
	return false
}

// beside returns the scenario's schedules with one action of somebody else's at one call.
func (s Scenario) beside(t testing.TB, acts []string) iter.Seq[Schedule] {
	t.Helper()
	points, err := s.Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	places := slices.CompactFunc(points, func(a, b Point) bool { return a.Step == b.Step && a.At == b.At })
	return func(yield func(Schedule) bool) {
		for _, p := range places {
			for _, act := range acts {
				if !tooLate(act, p, places) && !yield(s.Schedule.With(p.Step, p.At, act)) {
					return
				}
			}
		}
	}
}

func count(all iter.Seq[Schedule]) (n int) {
	for range all {
		n++
	}
	return n
}
