package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// weighted is an action and how often it is drawn.
type weighted struct {
	do     string
	weight int
}

// drawn are the actions of a random schedule.
var drawn = []weighted{
	{"pass", 40},
	{"wait 1m", 8}, {"wait 5m", 14}, {"wait 20m", 8}, {"wait 6h", 2},
	{"rotate db", 8}, {"begin db", 3}, {"create db", 3}, {"set db", 3}, {"test db", 2}, {"finish db", 3}, {"resume db", 3},
	{"put db", 5}, {"put vendor", 5}, {"back db", 3}, {"back vendor", 2}, {"move db", 3}, {"move vendor", 1},
	{"release api", 4}, {"break api", 2}, {"fix api", 3}, {"redeploy api", 4}, {"restart api", 2},
	{"deployold api", 2}, {"deployold api 1", 2}, {"deployold api 2", 1}, {"copy api", 4}, {"paste api", 6}, {"deploy api", 3}, {"force api", 2},
	{"blind api", 1}, {"sight api", 2}, {"blind ci", 1}, {"sight ci", 2},
	{"queue ci", 3}, {"start ci", 3}, {"complete ci", 4}, {"edit ci", 2}, {"foreign ci", 1},
	{"edit dashboard", 2}, {"foreign dashboard", 1}, {"failbuild dashboard", 2}, {"rollback dashboard", 2}, {"promote dashboard", 2}, {"push dashboard", 2},
	{"outage vercel", 1}, {"outage github", 1}, {"outage ecs", 1}, {"mend", 4},
	{"retain db", 1}, {"unretain db", 2},
	{"login db", 2}, {"logout db", 2}, {"allow db", 2},
	{"canary api", 2}, {"runtask api", 2}, {"exile api", 1}, {"direct api", 1}, {"gone", 5},
	{"dismiss ecs:main/api-canary", 1}, {"dismiss ecs-family:main/api-production", 1},
}

// drawnOfStrangers is drawn too where the trail and receipts are witnesses.
var drawnOfStrangers = []weighted{{"spy db", 6}, {"spy api", 3}, {"pardon", 2}, {"stray ci", 5}, {"wait 61m", 4}, {"forgive ci", 1}, {"gone", 3}}

// drawnOfOwners is drawn too with the secrets of an organization.
var drawnOfOwners = []weighted{{"select ci", 4}, {"share ci", 4}, {"queue ci", 8}, {"start ci", 4}, {"complete ci", 6}}

// months is the number of rotations in a random schedule, each with what comes with it, ten days apart.
const months = 3

// Random returns the schedule of a seed: three rotations at least, and thirty days. more are drawn beside drawn. The calls
// that rotary makes at the same time come in an order of the seed's.
func Random(seed uint64, more ...weighted) Schedule {
	r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // it is to be repeated
	s := Schedule{{Do: fmt.Sprintf("interleave %d", seed+1)}}
	for range months {
		s = append(s, randomStep(r, "rotate db"))
		for range 3 + r.IntN(8) {
			s = append(s, randomStep(r, pick(r, slices.Concat(drawn, more))))
		}
		s = append(s, randomStep(r, "sweeps"), Step{Do: "wait 240h"})
	}
	return s
}

func pick(r *rand.Rand, from []weighted) string {
	total := 0
	for _, d := range from {
		total += d.weight
	}
	n := r.IntN(total)
	for _, d := range from {
		if n -= d.weight; n < 0 {
			return d.do
		}
	}
	panic("the weights changed")
}

// randomStep adds faults, and what others do in the meantime, to a step in which rotary makes calls.
func randomStep(r *rand.Rand, do string) Step {
	step := Step{Do: do}
	if r.IntN(3) > 0 {
		return step
	}
	for range 1 + r.IntN(2) {
		two := Two{At: 1 + r.IntN(40), Do: faultNames[r.IntN(len(faultNames))]}
		if two.Do == "late" {
			two.Do += " " + (time.Duration(r.Int64N(int64(history.LateWrite/time.Second))) * time.Second).String()
		}
		if r.IntN(4) == 0 {
			two.Do = meanwhile[r.IntN(len(meanwhile))]
		}
		step.Twos = append(step.Twos, two)
	}
	return step
}

var faultNames = []string{"crash before", "crash after", "lost", "late", "throttled", "unavailable", "denied", "stale"}

// meanwhile holds what others do while rotary works. TestWhateverOthersDoMeanwhileItEndsWell plays what comes too late
// to be seen, while a credential is being revoked.
var meanwhile = []string{
	"put db", "put vendor", "release api", "redeploy api", "deployold api", "deployold api 1", "copy api", "paste api", "deploy api", "restart api",
	"queue ci", "start ci", "complete ci",
	"edit ci", "edit dashboard", "wait 30s", "wait 3m", "canary api", "runtask api", "direct api", "gone",
}
