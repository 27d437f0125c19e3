package vercel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	standin "github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

const skewAge = 12 * time.Hour

// newSkewBench has v1 live, with Skew Protection.
func newSkewBench(t *testing.T, skew standin.Skew, change func(*manifest.Vercel, *manifest.Environment)) *bench {
	t.Helper()
	b := newBench(t, []string{production}, change)
	b.SetSkewProtection("dashboard", skew)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	return b
}

// A deployment that was replaced is in play until its maximum age is over, and its version is not forgotten earlier than
// the stand-in stops serving it.
func TestWhatSkewProtectionServesIsInPlay(t *testing.T) {
	b := newSkewBench(t, standin.Skew{MaxAge: skewAge}, nil)
	b.clock.Advance(2 * skewAge) // the first deployment, without a receipt, is out of play
	old, _ := b.readLive("A")
	b.rollAndBuild(newVersion("v2", "A=a2"))
	replaced := b.clock.Now()
	s := b.mustSee()
	if diff := cmp.Diff([]string{"v1", "v2"}, s.InPlay); diff != "" || s.Running != "v2" || s.Settled || s.Unknown != "" {
		t.Errorf("Running %q, settled %v, unknown %q, in play %s", s.Running, s.Settled, s.Unknown, diff)
	}
	if !strings.Contains(s.Waiting, old) || s.WaitTill.Before(replaced.Add(skewAge-time.Minute)) ||
		s.WaitTill.After(replaced.Add(skewAge+2*aliasMargin)) || s.ServesFor != skewAge {
		t.Errorf("waiting %q until %s, serves for %s", s.Waiting, s.WaitTill, s.ServesFor)
	}
	for range 13 * 4 {
		b.clock.Advance(15 * time.Minute)
		served, inPlay := slices.Contains(b.Served("dashboard"), old), slices.Contains(b.mustSee().InPlay, "v1")
		if served && !inPlay {
			t.Fatalf("%s after it was replaced %s is served and not in play", b.clock.Now().Sub(replaced), old)
		}
	}
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true, ServesFor: skewAge}, "")
}

// Deployments of the same version that replace one another are no reason to wait.
func TestSkewProtectionOfTheSameVersionIsNoWait(t *testing.T) {
	b := newSkewBench(t, standin.Skew{MaxAge: skewAge}, nil)
	b.clock.Advance(2 * skewAge)
	for n := range 5 {
		b.Push("dashboard", fmt.Sprint("later", n))
		b.clock.Advance(time.Hour)
	}
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A"}, InPlay: []string{"v1"}, Settled: true, ServesFor: skewAge}, "")
}

// A commit that somebody pushed before the variables were written does not say what it has: it is unknown for as long as
// it is served.
func TestAServedDeploymentWithoutAReceiptIsUnknown(t *testing.T) {
	b := newSkewBench(t, standin.Skew{MaxAge: skewAge}, nil)
	b.clock.Advance(2 * skewAge)
	theirs := b.Push("dashboard", "c2")
	b.clock.Advance(time.Hour)
	b.rollAndBuild(newVersion("v2", "A=a2"))
	s := b.mustSee()
	if s.Settled || !strings.Contains(s.Unknown, theirs) || !strings.Contains(s.Unknown, "until 2026-") || s.Running != "v2" {
		t.Errorf("Running %q, settled %v, unknown %q", s.Running, s.Settled, s.Unknown)
	}
	b.clock.Advance(skewAge + time.Hour)
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true, ServesFor: skewAge}, "")
}

func TestWhoSaysHowLongSkewProtectionServes(t *testing.T) {
	for name, c := range map[string]struct {
		skew    standin.Skew
		stated  string
		inPlay  bool
		unknown bool
		serves  time.Duration
	}{
		"the project, off":                    {standin.Skew{}, "", false, false, 0},
		"the project, off, before the file":   {standin.Skew{}, "12h", false, false, 0},
		"the project, on, before the file":    {standin.Skew{MaxAge: skewAge}, "off", true, false, skewAge},
		"nobody":                              {standin.Skew{MaxAge: skewAge, Untold: true}, "", true, true, 0},
		"the file":                            {standin.Skew{MaxAge: skewAge, Untold: true}, "12h", true, false, skewAge},
		"the file, off":                       {standin.Skew{Untold: true}, "off", false, false, 0},
		"a threshold after the old one":       {standin.Skew{MaxAge: skewAge, Boundary: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}, "", false, false, skewAge},
		"a threshold before the old one":      {standin.Skew{MaxAge: skewAge, Boundary: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, "", true, false, skewAge},
		"a maximum age of 30 days, and short": {standin.Skew{MaxAge: 30 * 24 * time.Hour}, "1h", true, true, 30 * 24 * time.Hour}, // the first deployment is served too
	} {
		b := newSkewBench(t, c.skew, func(v *manifest.Vercel, _ *manifest.Environment) { v.SkewProtection = c.stated })
		b.clock.Advance(2 * skewAge)
		b.rollAndBuild(newVersion("v2", "A=a2"))
		s := b.mustSee()
		if slices.Contains(s.InPlay, "v1") != c.inPlay || (s.Unknown != "") != c.unknown || s.ServesFor != c.serves || s.Settled != !c.inPlay {
			t.Errorf("%s: in play %v, unknown %q, serves for %s, settled %v", name, s.InPlay, s.Unknown, s.ServesFor, s.Settled)
		}
		if name == "nobody" && !strings.Contains(s.Unknown, "skew_protection") {
			t.Errorf("it does not say what to write: %q", s.Unknown)
		}
	}
}

// After an Instant Rollback and a promotion each deployment counts from when it really lost the domains: never less than
// the stand-in serves it.
func TestMovesByHandProlongWhatIsServed(t *testing.T) {
	b := newSkewBench(t, standin.Skew{MaxAge: skewAge}, nil)
	b.clock.Advance(2 * skewAge)
	first, _ := b.readLive("A")
	b.rollAndBuild(newVersion("v2", "A=a2"))
	second, _ := b.readLive("A")
	b.clock.Advance(20 * time.Hour)
	b.InstantRollback("dashboard", first)
	b.clock.Advance(3 * time.Hour)
	b.wantAllServedInPlay("v1", "v2")
	b.Promote("dashboard", second)
	b.clock.Advance(3 * time.Hour)
	b.wantAllServedInPlay("v1", "v2")
	b.rollAndBuild(newVersion("v3", "A=a3")) // the promoted one is older than the move
	b.clock.Advance(11 * time.Hour)          // 14 since the move: the first is out, the second is served for another hour
	b.wantAllServedInPlay("v2", "v3")
	b.clock.Advance(2 * time.Hour)
	b.wantSeen(plan.Seen{Running: "v3", Names: []string{"A"}, InPlay: []string{"v3"}, Settled: true, ServesFor: skewAge}, "")
}

// wantAllServedInPlay asserts that these versions are in play; more may be.
func (b *bench) wantAllServedInPlay(versions ...string) {
	b.Helper()
	s := b.mustSee()
	for _, version := range versions {
		if !slices.Contains(s.InPlay, version) {
			b.Errorf("at %s %s is not in play: %v; served %v", b.clock.Now(), version, s.InPlay, b.Served("dashboard"))
		}
	}
}

// A project that deploys more than a page of the list within the maximum age has all of its pages read.
func TestEveryPageOfWhatIsServedIsRead(t *testing.T) {
	b := newSkewBench(t, standin.Skew{MaxAge: skewAge}, nil)
	b.clock.Advance(2 * skewAge)
	old, _ := b.readLive("A")
	b.rollAndBuild(newVersion("v2", "A=a2"))
	for n := range 170 {
		b.Push("dashboard", fmt.Sprint("many", n))
		b.clock.Advance(2 * time.Minute)
	}
	if !slices.Contains(b.Served("dashboard"), old) {
		t.Fatal("the old deployment is not served any more")
	}
	b.wantAllServedInPlay("v1", "v2")
	b.tap.Reset()
	b.mustSee()
	if n := len(b.tap.Calls()); n != 4+2 { // a page of 50, two of 100: the last has one that is not served any more
		t.Errorf("%d calls for 170 deployments", n)
	}
}

// Where the list does not end, what could be served is not known.
func TestMoreThanRotaryReadsIsUnknown(t *testing.T) {
	l := &projectState{}
	p := &Project{spec: manifest.Vercel{SkewProtection: "12h"}}
	if why := p.explainUnknownSkew(l); !strings.Contains(why, "more deployments") {
		t.Errorf("where the list was not whole: %q", why)
	}
	l.servedWhole = true
	if why := p.explainUnknownSkew(l); why != "" {
		t.Errorf("where it was: %q", why)
	}
}

// An answer that is no number above 0 says nothing.
func TestAnAgeThatIsNoneIsUnknown(t *testing.T) {
	p := &Project{}
	for _, seconds := range []float64{-1} {
		if age, known := p.skewMaxAge(project{SkewMaxAge: &seconds}); known || age != 0 {
			t.Errorf("%v: %s, %v", seconds, age, known)
		}
	}
	huge := 1e300
	if age, known := p.skewMaxAge(project{SkewMaxAge: &huge}); !known || age < 50*365*24*time.Hour {
		t.Errorf("a huge one: %s, %v", age, known)
	}
}

// Where Vercel does not tell when a deployment got its domains, a move by request says it.
func TestAMoveByRequestCountsByItself(t *testing.T) {
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	at := func(hours int) millis { return millis(start.Add(time.Duration(hours) * time.Hour).UnixMilli()) }
	made := func(id string, hours int) deployment {
		return deployment{ID: id, ReadyState: "READY", ReadySubstate: "PROMOTED", CreatedAt: at(hours), Ready: at(hours)}
	}
	first, second, third := made("dpl_1", 0), made("dpl_2", 1), made("dpl_3", 30)
	for name, c := range map[string]struct {
		live  deployment
		line  []deployment
		moved int
		want  map[string]int // hours at which each was replaced at the latest
	}{
		"back and forth, the second is live":      {second, []deployment{second, first}, 20, map[string]int{"dpl_1": 20}},
		"the first is live again":                 {first, []deployment{second, first}, 20, map[string]int{"dpl_2": 20}},
		"a third one went live after the move":    {third, []deployment{third, second, first}, 20, map[string]int{"dpl_1": 30, "dpl_2": 30}},
		"a move before the third one was made":    {third, []deployment{third, second, first}, 2, map[string]int{"dpl_1": 30, "dpl_2": 30}},
		"nobody has moved the domains: in a line": {third, []deployment{third, second, first}, 0, map[string]int{"dpl_1": 1, "dpl_2": 30}},
	} {
		l := &projectState{live: &c.live, deployments: c.line}
		if c.moved > 0 {
			l.project.LastMove = &aliasMove{RequestedAt: at(c.moved)}
		}
		got := map[string]int{}
		for _, d := range l.listReplaced() {
			got[d.ID] = int(d.until.Add(-aliasMargin).Sub(start) / time.Hour)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
