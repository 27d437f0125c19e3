package vercel

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	contract "github.com/rotary-secrets/rotary/internal/contract/vercel"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	standin "github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// recorded are the calls that the driver made of the stand-in in all tests, and the stand-in's answers.
var recorded contract.Recorder

func TestMain(m *testing.M) { os.Exit(contract.Main(m, &recorded)) }

// bench is one consumer of the stand-in's project dashboard, which has a first deployment of commit c1 live.
type bench struct {
	*testing.T
	*standin.Server
	*Project
	clock  *sim.Clock
	tap    *sim.Tap
	slept  []time.Duration
	first  string // the deployment that is live at the start
	config manifest.Vercel
}

const hookURL = "https://api.vercel.com/v1/integrations/deploy/prj_dashboard/hook-secret"

// newBench opens the environment production with targets; change may alter the consumer's configuration.
func newBench(t *testing.T, targets []string, change func(*manifest.Vercel, *manifest.Environment), opts ...Option) *bench {
	t.Helper()
	b := &bench{T: t, clock: sim.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))}
	b.tap = sim.NewTap(b.clock)
	b.Server = standin.New(standin.Config{Clock: b.clock, Tap: b.tap})
	b.AddToken("tok", "acme")
	b.AddProject(standin.Project{Name: "dashboard", Team: "acme", RepoID: 7, Head: "c1", Domain: "dash.example.com", Hook: "hook-secret"})
	b.first = b.Push("dashboard", "c1")
	b.clock.Advance(time.Hour)
	environment := manifest.Environment{Name: "production", Protected: true}
	b.config = manifest.Vercel{Project: "dashboard", Team: "acme", Targets: map[string][]string{"production": targets, "dev": targets}}
	if change != nil {
		change(&b.config, &environment)
	}
	b.Project = b.openProject(environment, opts...)
	b.tap.Reset()
	return b
}

func (b *bench) openProject(environment manifest.Environment, opts ...Option) *Project {
	b.Helper()
	config := b.config
	opts = append([]Option{
		WithBaseURL("https://vercel.standin"), WithTransport(recorded.Over(sim.Transport{Handler: b.Server})),
		WithClock(b.clock.Now), WithAdopting(config.Adopt),
		WithSleep(func(_ context.Context, d time.Duration) error { b.slept = append(b.slept, d); return nil }),
	}, opts...)
	p, err := New(manifest.Consumer{Name: "dashboard", Vercel: &config}, environment, secret.New("tok"), opts...)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// newVersion makes a bucket version from name=value pairs.
func newVersion(version string, pairs ...string) bucket.Bucket {
	b := bucket.Bucket{Name: "dashboard-secrets", Version: version, Values: map[string]secret.Value{}}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		b.Values[name] = secret.New(value)
	}
	return b
}

func (b *bench) mustRoll(c bucket.Bucket) {
	b.Helper()
	if err := b.Roll(b.Context(), c); err != nil {
		b.Fatalf("Roll: %v", err)
	}
}

func (b *bench) rollAndBuild(c bucket.Bucket) {
	b.Helper()
	b.mustRoll(c)
	b.clock.Advance(standin.BuildTime)
}

func (b *bench) mustSee() plan.Seen {
	b.Helper()
	s, err := b.Status(b.Context())
	if err != nil {
		b.Fatalf("Status: %v", err)
	}
	return s
}

// wantRefusal rolls, wants an error with all words, and wants that no call wrote anything.
func (b *bench) wantRefusal(c bucket.Bucket, words ...string) {
	b.Helper()
	b.tap.Reset()
	err := b.Roll(b.Context(), c)
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			b.Errorf("the error is %v, want it to say %q", err, word)
		}
	}
	if n := b.countWrites(); n != 0 {
		b.Errorf("%d writes before the refusal", n)
	}
}

func (b *bench) countWrites() (n int) {
	for _, c := range b.tap.Calls() {
		if c.Write {
			n++
		}
	}
	return n
}

// listVariables returns "KEY target type" for every variable, without values.
func (b *bench) listVariables() (out []string) {
	for _, v := range b.Variables("dashboard") {
		out = append(out, fmt.Sprintf("%s %s %s", v.Key, strings.Join(v.Target, "+"), v.Type))
	}
	return out
}

// readLive returns the live deployment and the value that it was built with for a name.
func (b *bench) readLive(name string) (id, value string) {
	id, values := b.Live("dashboard")
	return id, values[name]
}

var essential = cmpopts.IgnoreFields(plan.Seen{}, "Consumer", "Changed", "Since", "RollingSince", "Detail", "Rest", "Waiting", "WaitTill")

func (b *bench) wantSeen(want plan.Seen, waiting string) {
	b.Helper()
	got := b.mustSee()
	if diff := cmp.Diff(want, got, essential, cmpopts.EquateEmpty()); diff != "" {
		b.Errorf("Status (-want +got):\n%s", diff)
	}
	if !strings.Contains(got.Waiting, waiting) || waiting == "" && got.Waiting != "" {
		b.Errorf("Waiting is %q, want %q in it", got.Waiting, waiting)
	}
}

func TestFirstPush(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.wantSeen(plan.Seen{Settled: true, Unknown: "deployment " + b.first + " may have variables that rotary did not write"}, "")

	b.mustRoll(newVersion("v1", "A=a1", "B=b1"))
	v1 := []string{"v1"}
	b.wantSeen(plan.Seen{RollingTo: "v1", Names: []string{"A", "B"}, InPlay: v1,
		Unknown: "deployment " + b.first + " is older than the variables and does not say what it was built with"}, "is QUEUED")

	b.clock.Advance(standin.BuildTime)
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A", "B"}, InPlay: v1, Settled: true}, "")
	if id, value := b.readLive("A"); id == b.first || value != "a1" {
		t.Errorf("live is %s", id)
	}
	if got := b.mustSee().Rest; got != "git c1" {
		t.Errorf("Rest is %q", got)
	}
}

func TestChangesAndRemovesNames(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.SetByHand("dashboard", "THEIRS", production, "x")
	b.rollAndBuild(newVersion("v1", "A=a1", "GONE=g"))
	b.clock.Advance(time.Hour)
	b.mustRoll(newVersion("v2", "A=a2", "NEW=n"))
	b.wantSeen(plan.Seen{RollingTo: "v2", Names: []string{"A", "NEW"}, InPlay: []string{"v1", "v2"}}, "is QUEUED")
	b.clock.Advance(standin.BuildTime)
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A", "NEW"}, InPlay: []string{"v2"}, Settled: true}, "")
	want := []string{"A production sensitive", "NEW production sensitive", "THEIRS production encrypted"}
	if diff := cmp.Diff(want, b.listVariables()); diff != "" {
		t.Error(diff)
	}
	if _, value := b.readLive("A"); value != "a2" {
		t.Error("the live deployment does not have the new value")
	}
}

func TestARepeatedRollDoesNothing(t *testing.T) {
	for _, targets := range [][]string{{production}, {production, preview}, {development, preview}} {
		b := newBench(t, targets, nil)
		c := newVersion("v1", "A=a1", "B=b1")
		b.mustRoll(c)
		for _, wait := range []time.Duration{0, standin.BuildTime, time.Hour} {
			b.clock.Advance(wait)
			b.tap.Reset()
			b.mustRoll(c)
			if n := b.countWrites(); n != 0 {
				t.Errorf("%v, %s later: %d writes", targets, wait, n)
			}
		}
	}
}

func TestTypesAndPreviewExclusion(t *testing.T) {
	exclude := func(v *manifest.Vercel, _ *manifest.Environment) { v.ExcludeFromPreview = []string{"URL"} }
	dev := func(v *manifest.Vercel, e *manifest.Environment) {
		v.ExcludeFromPreview, *e = []string{"URL"}, manifest.Environment{Name: "dev"}
	}
	always := func(v *manifest.Vercel, e *manifest.Environment) { dev(v, e); v.Sensitive = "always" }
	for name, c := range map[string]struct {
		change  func(*manifest.Vercel, *manifest.Environment)
		targets []string
		want    []string
	}{
		"protected": {exclude, []string{production, preview}, []string{"A preview sensitive", "A production sensitive", "URL production sensitive"}},
		"dev":       {dev, []string{development, preview}, []string{"A development encrypted", "A preview encrypted", "URL development encrypted"}},
		"always":    {always, []string{development, preview}, []string{"A development encrypted", "A preview sensitive", "URL development encrypted"}},
	} {
		b := newBench(t, c.targets, c.change)
		b.rollAndBuild(newVersion("v1", "A=a", "URL=u"))
		if diff := cmp.Diff(c.want, b.listVariables()); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A", "URL"}, InPlay: []string{"v1"}, Settled: true}, "")
	}
}

func TestAnExclusionThatComesLaterRemovesTheVariable(t *testing.T) {
	b := newBench(t, []string{development, preview}, nil)
	c := newVersion("v1", "A=a", "URL=u")
	b.rollAndBuild(c)
	b.spec.ExcludeFromPreview = []string{"URL"}
	if got := b.mustSee().Drift; !slices.Equal(got, []string{"URL"}) {
		t.Errorf("Drift is %v", got)
	}
	b.rollAndBuild(c)
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A", "URL"}, InPlay: []string{"v1"}, Settled: true}, "")
}

func TestAForeignVariableIsRefusedUntilAdopted(t *testing.T) {
	b := newBench(t, []string{preview, production}, nil)
	b.SetByHand("dashboard", "B", production, "theirs")
	b.wantRefusal(newVersion("v1", "A=a", "B=b"), "variable B", "adopt")
	b.spec.Adopt = []string{"B"}
	b.adopting = b.spec.Adopt
	b.rollAndBuild(newVersion("v1", "A=a", "B=b"))
	if _, value := b.readLive("B"); value != "b" {
		t.Error("the adopted variable was not written")
	}
	if got := b.mustSee(); got.Running != "v1" || strings.Contains(got.Detail, "readable") {
		t.Errorf("Running %q, detail %q", got.Running, got.Detail)
	}
}

func TestTwoEnvironmentsDoNotShareATarget(t *testing.T) {
	b := newBench(t, []string{preview}, nil)
	b.rollAndBuild(newVersion("v1", "A=a"))
	dev := b.openProject(manifest.Environment{Name: "dev"})
	b.Project = dev
	b.wantRefusal(newVersion("v1", "OTHER=a"), "variable A", "environment production")
	if s := b.mustSee(); s.Running != "" || len(s.Names) != 0 {
		t.Errorf("dev runs %q with %v", s.Running, s.Names)
	}
}

func TestRefusesWhatDoesNotFit(t *testing.T) {
	many := []string{}
	for i := range 1001 {
		many = append(many, fmt.Sprintf("K%d=v", i))
	}
	for name, c := range map[string]bucket.Bucket{
		"65537 bytes are":    newVersion("v1", "A="+strings.Repeat("x", 65536)),
		"1001 variables are": newVersion("v1", many...),
		"A is not text":      newVersion("v1", "A=\xff"),
	} {
		newBench(t, []string{production}, nil).wantRefusal(c, name)
	}
}

func TestAFailedItemIsNamedWithoutItsValue(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.RefuseKey("dashboard", "B", "VALUE_INVALID_TYPE")
	c := newVersion("v1", "A=hush-a", "B=hush-b")
	err := b.Roll(b.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "B VALUE_INVALID_TYPE") || strings.Contains(err.Error(), "hush") {
		t.Fatal("the error does not name the key and the code alone")
	}
	if got := b.listVariables(); !slices.Equal(got, []string{"A production sensitive"}) {
		t.Errorf("the others should stay written: %v", got)
	}
	b.rollAndBuild(c) // refused once only
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A", "B"}, InPlay: []string{"v1"}, Settled: true}, "")

	b.RefuseKey("dashboard", "ONLY", "KEY_RESERVED")
	b.spec.Targets["production"] = []string{production}
	err = b.Roll(b.Context(), newVersion("v2", "ONLY=hush-c"))
	if err == nil || !strings.Contains(err.Error(), "400") || !strings.Contains(err.Error(), "ONLY KEY_RESERVED") || strings.Contains(err.Error(), "hush") {
		t.Error("a call that fails as a whole does not name the key and the code alone")
	}
}

func TestThrottlingIsWaitedOut(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	throttled := 0
	b.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Write && throttled < 2 {
			throttled++
			return sim.Fault{Outcome: sim.Throttled}
		}
		return sim.Fault{}
	})
	b.mustRoll(newVersion("v1", "A=a"))
	if diff := cmp.Diff([]time.Duration{7 * time.Second, 7 * time.Second}, b.slept); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

func TestFaultsEndInAnErrorWithoutSecrets(t *testing.T) {
	for outcome, want := range map[sim.Outcome]string{
		sim.Throttled: "429 rate_limited", sim.Unavailable: "500 internal_server_error", sim.Denied: "403 forbidden", sim.Dropped: "no answer",
	} {
		for _, reads := range []bool{true, false} {
			b := newBench(t, []string{production}, nil)
			b.tap.OnCall(func(c sim.Call) sim.Fault {
				if c.Write != reads {
					return sim.Fault{Outcome: outcome}
				}
				return sim.Fault{}
			})
			err := b.Roll(b.Context(), newVersion("v1", "A=hush"))
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "variables of project dashboard") {
				t.Errorf("outcome %d: %v, want %q", outcome, err, want)
			}
			if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "tok")) {
				t.Error("the error has a secret")
			}
			if len(b.slept) > tries-1 {
				t.Errorf("outcome %d: %d retries", outcome, len(b.slept))
			}
		}
	}
}

func TestALostAnswerIsHarmless(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	lost := map[string]bool{}
	b.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Write && !lost[c.Operation] {
			lost[c.Operation] = true
			return sim.Fault{Outcome: sim.Lost}
		}
		return sim.Fault{}
	})
	c := newVersion("v1", "A=a")
	if err := b.Roll(b.Context(), c); err == nil {
		t.Error("a deployment whose answer is lost is reported as started")
	}
	b.tap.Reset()
	b.mustRoll(c)
	if n := b.countWrites(); n != 0 {
		t.Errorf("%d writes: the deployment exists already", n)
	}
	b.clock.Advance(standin.BuildTime)
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A"}, InPlay: []string{"v1"}, Settled: true}, "")
}

func TestACrashBetweenTheWriteAndTheDeployment(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	b.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "POST /v13/deployments" {
			return sim.Fault{Outcome: sim.Dropped}
		}
		return sim.Fault{}
	})
	c := newVersion("v2", "A=a2")
	if b.Roll(b.Context(), c) == nil {
		t.Fatal("the Roll should fail")
	}
	b.wantSeen(plan.Seen{Names: []string{"A"}, InPlay: []string{"v1", "v2"}}, "no deployment has the new variables yet")
	b.tap.OnCall(nil)
	b.tap.Reset()
	b.rollAndBuild(c)
	if n := b.countWrites(); n != 1 {
		t.Errorf("%d writes, want the deployment alone", n)
	}
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true}, "")
}
