package operate

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// changing is a report of a source whose version old was replaced by new, with two consumers and readers.
func changing(gates ...plan.Wait) plan.Report {
	owed := plan.OwedReport{Version: "old", Blocked: gates}
	return plan.Report{
		Environment: "dev", Mode: "retire", At: nine.Add(4 * time.Minute),
		Sources: []plan.SourceReport{{
			Name: "key", Secret: "source/dev/key", Version: "new", Since: nine, Buckets: []string{"app"}, Step: 1,
			Consumers: []string{"api", "laptops", "web"}, Owed: []plan.OwedReport{owed}, Pace: plan.Pace{Steps: 1, Follow: 3 * 60e9, Settle: 11 * 60e9},
		}},
		Buckets: []plan.BucketReport{{Name: "app", Secret: "app-dev", Version: "b2"}, {Name: "other", Stale: true}},
		Consumers: []plan.ConsumerReport{
			{Name: "api", Bucket: "app", State: "current", Current: true}, {Name: "web", Bucket: "app", State: "current", Current: true},
			{Name: "laptops", Bucket: "app", State: "draining", Drains: true}, {Name: "elsewhere", Bucket: "other", State: "behind"},
		},
	}
}

func gate(r plan.Reason) plan.Wait { return plan.Wait{Subject: "key", Reason: r, Detail: string(r)} }

func TestHowFarAChangeIs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*plan.Report)
		phase  Phase
		behind int
		left   time.Duration
	}{
		"it is made":                {func(r *plan.Report) { r.Sources[0].Owed, r.Sources[0].Pending = nil, "newer" }, Making, 0, 14 * time.Minute},
		"its target refuses it":     {func(r *plan.Report) { r.Sources[0].Taken = "old" }, Making, 2, 14 * time.Minute},
		"its bucket is not written": {func(r *plan.Report) { r.Buckets[0].Stale = true }, Writing, 2, 12 * time.Minute},
		"one has not followed":      {func(r *plan.Report) { r.Consumers[1].Current, r.Consumers[1].State = false, "rolling" }, Following, 1, 12 * time.Minute},
		"readers drain":             {func(*plan.Report) {}, Retiring, 0, 10 * time.Minute},
		"a gate knows its time": {func(r *plan.Report) {
			r.Sources[0].Owed[0].Blocked[0] = plan.Wait{Reason: plan.Settling, Until: r.At.Add(3 * time.Minute)}
		}, Retiring, 0, 3 * time.Minute},
		"a drain is longer": {func(r *plan.Report) {
			r.Sources[0].Owed[0].Blocked[0] = plan.Wait{Reason: plan.Draining, Until: r.At.Add(time.Hour)}
		}, Retiring, 0, time.Hour + time.Minute},
		"a deadline comes before":  {func(r *plan.Report) { r.Sources[0].Owed[0].Dies = r.At.Add(2 * time.Minute) }, Retiring, 0, 3 * time.Minute},
		"of three it is the first": {func(r *plan.Report) { r.Sources[0].Pace.Steps = 3 }, Retiring, 0, 10*time.Minute + 30*time.Minute},
		"nothing is owed":          {func(r *plan.Report) { r.Sources[0].Owed = nil }, Arrived, 0, 0},
	} {
		r := changing(gate(plan.InUse))
		c.change(&r)
		p := Measure(r, "key")
		if p.Phase != c.phase || len(p.Behind()) != c.behind || p.Left != c.left {
			t.Errorf("%s: %s, %d behind, %v left; want %s, %d, %v", name, p.Phase, len(p.Behind()), p.Left, c.phase, c.behind, c.left)
		}
	}
}

func TestWhatOnlyAPersonEndsIsNotWaitedFor(t *testing.T) {
	fail := func(r *plan.Report) {
		r.Consumers[0].State, r.Consumers[0].Current = "failed", false
		r.Consumers[0].Failed = &plan.RolloutFailure{Reason: "image pull: not found", At: nine.Add(2 * time.Minute)}
	}
	for name, c := range map[string]struct {
		gates  []plan.Reason
		change func(*plan.Report)
		held   bool
		says   string
	}{
		"it is retained":             {[]plan.Reason{plan.Retained}, nil, true, "RETAIN keeps old: rotary retain dev key --release"},
		"a rollback is not finished": {[]plan.Reason{plan.Retained}, func(r *plan.Report) { r.Sources[0].Owed[0].Kept = []string{"ROLLBACK"} }, true, "rotary rollback dev key"},
		"a person revokes it":        {[]plan.Reason{plan.ByHand}, nil, true, "by-hand"},
		"the mode retires nothing":   {[]plan.Reason{plan.Mode}, func(r *plan.Report) { r.Mode = "propagate" }, true, "nobody retires old; revoke it at its target"},
		"nothing is written":         {[]plan.Reason{plan.Mode}, func(r *plan.Report) { r.Mode, r.Steps = "observe", []plan.Step{{Subject: "app"}} }, true, "mode observe writes nothing in dev"},
		"a stranger has it":          {[]plan.Reason{plan.Stranger}, nil, true, "stranger"},
		"a rollout failed":           {[]plan.Reason{plan.InUse}, fail, true, "mend api and deploy it; its rollout failed at 09:02: image pull: not found"},
		"its value is not accepted": {nil, func(r *plan.Report) {
			r.Sources[0].Taken, r.Sources[0].AskedAgain, r.Sources[0].Owed = "old", nine, nil
		}, true, "rotary accept dev key --value"},
		"it is frozen": {[]plan.Reason{plan.Frozen}, func(r *plan.Report) { r.Sources[0].Frozen = "malformed" }, true, "malformed"},
		"the brake holds its bucket": {[]plan.Reason{plan.Deployable}, func(r *plan.Report) {
			r.Buckets[0].Stale, r.Waits = true, []plan.Wait{{Subject: "app", Reason: plan.Brake, Names: []string{"A"}}}
		}, true, "would lose A: rotary apply dev --accept-removals NAME"},
		"it is retained, and one follows":   {[]plan.Reason{plan.Retained}, func(r *plan.Report) { r.Consumers[1].State, r.Consumers[1].Current = "rolling", false }, false, "RETAIN"},
		"a rollout failed, another goes on": {[]plan.Reason{plan.InUse}, func(r *plan.Report) { fail(r); r.Consumers[1].State, r.Consumers[1].Current = "rolling", false }, false, "mend api"},
		"the next pass does something":      {[]plan.Reason{plan.ByHand}, func(r *plan.Report) { r.Steps = []plan.Step{{Do: "drop", Subject: "app-dev"}} }, false, "by-hand"},
		"it does so elsewhere":              {[]plan.Reason{plan.ByHand}, func(r *plan.Report) { r.Steps = []plan.Step{{Do: "write", Subject: "other"}} }, true, "by-hand"},
		"its target was not asked yet": {nil, func(r *plan.Report) {
			r.Sources[0].Taken, r.Sources[0].Owed, r.Steps = "old", nil, []plan.Step{{Do: "test", Subject: "key"}}
		}, false, ""},
		"one of two ends by itself": {[]plan.Reason{plan.ByHand}, func(r *plan.Report) {
			r.Sources[0].Owed = append(r.Sources[0].Owed, plan.OwedReport{Version: "b", Blocked: []plan.Wait{gate(plan.Settling)}})
		}, false, "by-hand"},
		"a deadline ends it":       {[]plan.Reason{plan.ByHand}, func(r *plan.Report) { r.Sources[0].Owed[0].Dies = nine.Add(time.Hour) }, false, ""},
		"a deadline, and RETAIN":   {[]plan.Reason{plan.Retained}, func(r *plan.Report) { r.Sources[0].Owed[0].Dies = nine.Add(time.Hour) }, true, "RETAIN"},
		"time ends it":             {[]plan.Reason{plan.Settling}, nil, false, ""},
		"it is tried again":        {[]plan.Reason{plan.RetryLater}, nil, false, ""},
		"the next pass retires it": {nil, nil, false, ""},
		"a pipeline deploys":       {[]plan.Reason{plan.NotRolled}, func(r *plan.Report) { r.Consumers[1].State, r.Consumers[1].Current = "behind", false }, false, ""},
	} {
		var gates []plan.Wait
		for _, reason := range c.gates {
			gates = append(gates, gate(reason))
		}
		r := changing(gates...)
		if c.change != nil {
			c.change(&r)
		}
		p := Measure(r, "key")
		var says []string
		for _, a := range p.Asks {
			says = append(says, a.Do)
		}
		if all := strings.Join(says, "; "); p.Held != c.held || (all == "") != (c.says == "") || !strings.Contains(all, c.says) {
			t.Errorf("%s: held %v, %q; want %v and %q", name, p.Held, all, c.held, c.says)
		}
		if p.IsOver(Dead) != c.held {
			t.Errorf("%s: over %v", name, p.IsOver(Dead))
		}
	}
}

func TestWhatIsWaitedForIsReachedWithTheLastStep(t *testing.T) {
	r := changing(gate(plan.Settling))
	if p := Measure(r, "key"); !p.Reaches(Followed) || p.Reaches(Dead) {
		t.Error("every consumer has followed, and the old one is not dead")
	}
	r.Sources[0].Pace.Steps, r.Sources[0].Step = 3, 2
	if p := Measure(r, "key"); p.Reaches(Followed) {
		t.Error("the second step of three is not the end")
	}
	r.Sources[0].Owed = nil
	if p := Measure(r, "key"); !p.Reaches(Followed) || !p.Reaches(Dead) {
		t.Error("nothing is owed, and it is not the end")
	}
}

// A rotation that leaves no trace comes to nothing after a few looks; one that shows late does not.
func TestARotationThatLeavesNoTraceCameToNothing(t *testing.T) {
	before := changing()
	before.Sources[0].Owed, before.Sources[0].Version = nil, "old"
	pending := changing()
	pending.Sources[0].Owed, pending.Sources[0].Version, pending.Sources[0].Pending = nil, "old", "new"
	done := changing()
	done.Sources[0].Owed = nil
	for name, c := range map[string]struct {
		started bool
		reports []plan.Report
		want    error
	}{
		"it is refused":                   {true, []plan.Report{before, before, before}, errNought},
		"it shows late":                   {true, []plan.Report{before, before, pending, before, before, done}, nil},
		"it is made and then is not":      {true, []plan.Report{pending, before, before, before}, errNought},
		"one that was joined is not made": {false, []plan.Report{pending, before, before, before}, errNought},
		"it is there at once":             {true, []plan.Report{done}, nil},
		"nothing was under way":           {false, []plan.Report{before}, nil},
	} {
		var tracker Tracker
		if c.started {
			tracker.Start(Watch{Source: "key", Before: "old", Version: "new"}, nine)
		}
		var p []Progress
		for i, r := range c.reports {
			p, _ = tracker.Note(r, []string{"key"})
			if p[0].IsOver(Dead) != (i == len(c.reports)-1) {
				t.Errorf("%s: over %v after %d reports", name, p[0].IsOver(Dead), i+1)
			}
		}
		if p[0].CameToNought != (c.want != nil) || p[0].Reaches(Dead) == p[0].CameToNought && name != "nothing was under way" {
			t.Errorf("%s: came to nothing %v", name, p[0].CameToNought)
		}
	}
}

var errNought = errors.New("it comes to nothing")

func TestTheNextLookIsDueWhenTheReportSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		report plan.Report
		want   time.Duration
	}{
		"nothing is known":    {plan.Report{At: nine}, 30 * time.Second},
		"a step is due":       {plan.Report{At: nine, Steps: []plan.Step{{}}}, 5 * time.Second},
		"something rolls":     {plan.Report{At: nine, Waits: []plan.Wait{{Reason: plan.Rolling}}}, 5 * time.Second},
		"soon":                {plan.Report{At: nine, Waits: []plan.Wait{{Until: nine.Add(12 * time.Second)}}}, 12 * time.Second},
		"at once":             {plan.Report{At: nine, Waits: []plan.Wait{{Until: nine.Add(time.Second)}}}, 5 * time.Second},
		"later":               {plan.Report{At: nine, Waits: []plan.Wait{{Until: nine.Add(time.Hour)}}}, 30 * time.Second},
		"it should have been": {plan.Report{At: nine, Waits: []plan.Wait{{Until: nine.Add(-time.Hour)}}}, 30 * time.Second},
	} {
		if got := NextLook(c.report); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWhatIsBeingMadeIsLookedAtSoon(t *testing.T) {
	if got := NextLook(plan.Report{At: nine}, Progress{Phase: Retiring}, Progress{Phase: Making}); got != 5*time.Second {
		t.Error(got)
	}
	if got := NextLook(plan.Report{At: nine}, Progress{Phase: Making, Held: true}); got != 30*time.Second {
		t.Error(got)
	}
}

func TestAllOfAnEnvironmentIsFollowedAsOneThing(t *testing.T) {
	r := changing(gate(plan.Settling))
	p := Measure(r, Everything)
	if p.Phase != Writing || len(p.Followers) != 3 || len(p.Unwritten) != 1 {
		t.Errorf("%s, %d followers, %v not written", p.Phase, len(p.Followers), p.Unwritten)
	}
	r.Buckets[1].Stale = false
	if p := Measure(r, Everything); p.Phase != Following || len(p.Behind()) != 1 {
		t.Errorf("%s, %d behind", p.Phase, len(p.Behind()))
	}
	r.Consumers[3].Current = true
	if p := Measure(r, Everything); p.Phase != Arrived {
		t.Error(p.Phase)
	}
}
