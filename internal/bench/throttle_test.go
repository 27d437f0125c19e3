package bench

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// TestARateRefusesWhatExceedsIt spends the burst of ECS's RegisterTaskDefinition, and gets one token each second.
func TestARateRefusesWhatExceedsIt(t *testing.T) {
	register := sim.Call{Service: "ecs", Operation: "RegisterTaskDefinition"}
	deregister := sim.Call{Service: "ecs", Operation: "DeregisterTaskDefinition"}
	limit, now := newThrottle(), time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	limit.now = func() time.Time { return now }
	taken := func(c sim.Call, times int) (n int) {
		for range times {
			if limit.judgeCall(c).Outcome == sim.Works {
				n++
			}
		}
		return n
	}
	if n := taken(register, 100); n != 100 {
		t.Errorf("%d of 100 while it is off", n)
	}
	limit.setOn(true)
	if n := taken(register, 15) + taken(deregister, 10); n != 20 {
		t.Errorf("%d together at once, want the burst of 20", n)
	}
	if n := taken(sim.Call{Service: "ecs", Operation: "DescribeServices"}, 5); n != 5 {
		t.Errorf("%d of 5 of another operation", n)
	}
	now = now.Add(2500 * time.Millisecond)
	if n := taken(register, 10); n != 2 {
		t.Errorf("%d after two and a half seconds, want 2", n)
	}
	now = now.Add(time.Hour)
	if n := taken(register, 100); n != 20 {
		t.Errorf("%d after an hour, want the burst", n)
	}
}

func TestTheSlowestRateDecides(t *testing.T) {
	var calls []Call
	for range 100 {
		calls = append(calls, Call{Service: "ecs", Operation: "RegisterTaskDefinition"}, Call{Service: "ecs", Operation: "UpdateService"})
	}
	calls = append(calls, Call{Service: "ecs", Operation: "RegisterTaskDefinition", Throttled: true})
	name, least := findSlowestRate(calls)
	if name != "ecs task definition modify" || least != 80*time.Second {
		t.Errorf("%s, %s", name, least)
	}
	if name, least := findSlowestRate(calls[:20]); name != "" || least != 0 {
		t.Errorf("%s, %s", name, least)
	}
}
