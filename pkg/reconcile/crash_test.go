package reconcile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
)

// crash ends a pass at its k-th write, of Secrets Manager or of a sink: that write comes to outcome, and nothing the
// pass tries after it reaches anybody.
type crash struct {
	k       int
	outcome sim.Outcome
	n       int
	dead    bool
	at      string
}

func (c *crash) step(what string, write bool) sim.Outcome {
	if c.dead {
		return sim.Dropped
	}
	if write {
		c.n++
	}
	if !write || c.n != c.k {
		return sim.Works
	}
	c.dead, c.at = true, what
	return c.outcome
}

func (c *crash) install(b *bench) {
	b.Tap.OnCall(func(call sim.Call) sim.Fault {
		return sim.Fault{Outcome: c.step(call.Operation+" "+call.Resource, call.Write), Delay: delay}
	})
	b.step = func() sim.Outcome { return c.step("a sink", true) }
}

// delay is when a Late write lands: after the next two passes.
const delay = 11 * time.Minute

// story is one change, told until nothing is left to do. It runs passes through crashes, and says how many writes
// there were.
type story struct {
	name   string
	change func(b *bench)
}

func (s story) tell(t *testing.T, b *bench, c *crash) {
	t.Helper()
	s.change(b)
	c.install(b)
	for range 60 {
		report, err := b.run()
		switch {
		case err == nil && len(report.Steps) == 0 && !waiting(report):
			b.Advance(delay)
			if n := b.writes(func() { b.mustRun() }); n != 0 {
				t.Errorf("%s, crash at write %d (%s): the pass after the end made %d writes", s.name, c.k, c.at, n)
			}
			return
		case err == nil && c.dead:
			t.Errorf("%s, crash at write %d (%s): the pass called it done", s.name, c.k, c.at)
		case err != nil && !c.dead:
			t.Fatalf("%s: %v", s.name, err)
		}
		c.dead = false
		b.tick()
	}
	t.Fatalf("%s, crash at write %d (%s): not done after 60 passes", s.name, c.k, c.at)
}

// After a crash at every single write, done or not done or done late, later passes end where the story ends without.
func TestACrashAtAnyWriteChangesNothingInTheEnd(t *testing.T) {
	t.Parallel()
	points := 0
	for _, s := range []story{
		{"a key is changed", func(b *bench) { b.put("db", `{"DB_URL":"url-2"}`) }},
		{"two sources are changed", func(b *bench) {
			b.put("db", `{"DB_URL":"url-2"}`)
			b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-2"}`)
		}},
		{"a label is moved back", func(b *bench) {
			first := b.current("source/dev/db")
			second := b.put("db", `{"DB_URL":"url-2"}`)
			b.mustRun()
			b.tick()
			b.relabel("source/dev/db", history.AWSCurrent, first, second)
		}},
		{"a consumer is moved and another one removed", func(b *bench) {
			web, zone := b.sinks["web"], b.sinks["zone"]
			b.deploy(smallWeb, movedWeb, "  "+smallActor+"\n", "")
			web.running, zone.running = "", ""
			b.put("db", `{"DB_URL":"url-2"}`)
		}},
	} {
		calm, whole := settled(t), &crash{}
		s.tell(t, calm, whole)
		want := calm.end()
		for k := 1; k <= whole.n; k++ {
			for _, outcome := range []sim.Outcome{sim.Dropped, sim.Lost, sim.Late} {
				points++
				b, c := settled(t), &crash{k: k, outcome: outcome}
				s.tell(t, b, c)
				if diff := cmp.Diff(want, b.end()); diff != "" {
					t.Errorf("%s, crash at write %d (%s, outcome %d): the end (-want +got):\n%s", s.name, k, c.at, outcome, diff)
				}
			}
		}
	}
	if points < 100 {
		t.Errorf("only %d points were tried", points)
	}
}

func TestTheFirstAdoptionSurvivesACrashAtAnyWrite(t *testing.T) {
	fresh := func() *bench {
		b := start(t, small)
		b.put("db", `{"DB_URL":"url-1"}`)
		b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
		return b
	}
	s := story{"the first pass", func(*bench) {}}
	calm, whole := fresh(), &crash{}
	s.tell(t, calm, whole)
	want := calm.end()
	for k := 1; k <= whole.n; k++ {
		for _, outcome := range []sim.Outcome{sim.Dropped, sim.Lost, sim.Late} {
			b, c := fresh(), &crash{k: k, outcome: outcome}
			s.tell(t, b, c)
			if diff := cmp.Diff(want, b.end()); diff != "" {
				t.Errorf("crash at write %d (%s, outcome %d): the end (-want +got):\n%s", k, c.at, outcome, diff)
			}
		}
	}
	if whole.n < 8 || want["web"] == "" {
		t.Errorf("%d writes, and web runs %q", whole.n, want["web"])
	}
}
