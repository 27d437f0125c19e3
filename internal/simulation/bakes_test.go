package simulation

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// besideABake are what others can do at any call of rotary's while services bake.
var besideABake = []string{
	"unbake api", "unbake worker-a", "unbake worker-b", "put db", "back db", "move db", "rotate db", "release api", "break api", "redeploy api",
	"deployold api", "copy api", "paste api", "pass", "wait 3m", "wait 20m",
}

// slowBake is a rotation until everything is retired, with a bake of half an hour.
const slowBake = "rotate db\npass\nwait 5m\npass\nwait 20m\npass\nwait 15m\npass\nwait 13m\npass"

func TestWhateverOthersDoInABakeItEndsWell(t *testing.T) {
	for _, c := range []struct {
		scenario Scenario
		besides  int // play each of this number
	}{
		{Scenario{Name: "strategies", Manifest: "twins", Bake: 30 * time.Minute}, *besides / 4},
		{Scenario{Name: "bakes of the fleet", Manifest: "fleet", Fleet: true, Bake: 30 * time.Minute}, *besides / 30},
	} {
		t.Run(c.scenario.Name, func(t *testing.T) {
			s := c.scenario.withSchedule(MustParse(slowBake))
			all := s.beside(t, besideABake)
			n := max(1, c.besides) * *every
			t.Logf("each %d. of %d schedules, of %d actions at any call", n, count(all), len(besideABake))
			try(t, s, each(all, n), 0)
		})
	}
}

func TestRandomSchedulesWithBakesEndWell(t *testing.T) {
	for _, s := range []Scenario{
		{Name: "strategies", Manifest: "twins", Bake: 40 * time.Minute},
		{Name: "bakes of the fleet", Manifest: "fleet", Fleet: true, Bake: 40 * time.Minute},
	} {
		t.Run(s.Name, func(t *testing.T) { try(t, s, randomBakes(max(*seeds/stride, 3)), 0) })
	}
}

// randomBakes returns random schedules in which people go back in the middle of deployments.
func randomBakes(n uint64) iter.Seq[Schedule] {
	goBack := strings.NewReplacer("restart api", "unbake api", "queue ci", "unbake worker-a", "edit dashboard", "unbake worker-b", "start ci", "unbake api")
	return func(yield func(Schedule) bool) {
		for seed := range n {
			s := slices.Clone(Random(seed))
			for i := range s {
				s[i].Do = goBack.Replace(s[i].Do)
				s[i].Twos = slices.Clone(s[i].Twos)
				for j := range s[i].Twos {
					s[i].Twos[j].Do = goBack.Replace(s[i].Twos[j].Do)
				}
			}
			if !yield(s) {
				return
			}
		}
	}
}

// A rollback in the middle of a bake returns to credentials that work, minutes before their retirement as well: at the last
// moment of a bake the old ones live.
func TestARollbackInABakeReturnsToWhatWorks(t *testing.T) {
	for _, fleet := range []bool{false, true} {
		for minutes := 1; minutes < 40; minutes += 2 {
			s := Scenario{Name: "bake", Manifest: "twins", Fleet: fleet, Bake: 30 * time.Minute}
			w, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.Play(MustParse(fmt.Sprintf("rotate db\npass\nwait %dm\npass\nunbake api\nunbake worker-a\nunbake worker-b\nwait 2m\npass\nwait 15m\npass\nwait 15m\npass", minutes)))
			gone := slices.ContainsFunc(w.last.Consumers, func(c plan.ConsumerReport) bool { return c.Failed != nil })
			if minutes < 30 && !gone {
				t.Errorf("fleet %v: nobody has gone back after %d minutes: %+v", fleet, minutes, w.last.Consumers)
			}
			if owed := w.last.Source("db").Owed; gone && len(owed) == 0 {
				t.Errorf("fleet %v: after %d minutes somebody went back to what was retired", fleet, minutes)
			}
			w.Finish()
			for _, v := range w.Violations {
				t.Errorf("fleet %v, after %d minutes: %s", fleet, minutes, v)
			}
			_ = w.World.Close()
		}
	}
}

// What bakes and goes back is the same with the drivers and with the fleet, as long as nobody looks on the way.
func TestABakeOfTheFleetBehavesLikeECS(t *testing.T) {
	for seed := range uint64(16) {
		schedule := withRollbacks(restful(seed), seed)
		ecs, fleet := toldOf(t, Scenario{Bake: 2 * time.Minute}, schedule), toldOf(t, Scenario{Bake: 2 * time.Minute, Fleet: true}, schedule)
		if diff := cmp.Diff(ecs, fleet); diff != "" {
			t.Errorf("seed %d\n%s\n(-ECS +fleet):\n%s", seed, schedule, diff)
		}
	}
}

// withRollbacks lets a person go back at times, half a minute after a pass has rolled, and waits longer for what rolls.
func withRollbacks(s Schedule, seed uint64) (all Schedule) {
	r := rand.New(rand.NewPCG(seed, 7))
	for _, step := range s {
		if all = append(all, step); step.Do != "pass" {
			continue
		}
		if r.IntN(2) == 0 {
			all = append(all, Step{Do: "wait 30s"}, Step{Do: "unbake " + []string{"api", "worker-a", "worker-b"}[r.IntN(3)]})
		}
		all = append(all, Step{Do: "wait 5m"})
	}
	return all
}
