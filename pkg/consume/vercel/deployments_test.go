package vercel

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	standin "github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestFailedBuildsAreRemembered(t *testing.T) {
	for _, state := range []string{"ERROR", "CANCELED"} {
		b := newBench(t, []string{production}, nil)
		b.rollAndBuild(newVersion("v1", "A=a1"))
		b.FailNextBuild("dashboard", state)
		c := newVersion("v2", "A=a2")
		b.rollAndBuild(c)
		s := b.mustSee()
		if s.Failed == nil || s.Failed.Version != "v2" || s.Failed.Rest != s.Rest || !strings.Contains(s.Failed.Reason, state) {
			t.Fatalf("%s: Failed is %+v, Rest %q", state, s.Failed, s.Rest)
		}
		failed := s.Failed
		b.wantSeen(plan.Seen{Names: []string{"A"}, InPlay: []string{"v1", "v2"}, Failed: failed}, state)

		b.rollAndBuild(c) // asked again, it tries again
		b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true}, "")
	}
}

func TestSomebodysCommitChangesTheRestAndConverges(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.FailNextBuild("dashboard", "ERROR")
	b.rollAndBuild(newVersion("v1", "A=a1"))
	b.Push("dashboard", "c2")
	if s := b.mustSee(); s.Failed != nil || s.RollingTo != "v1" || s.Foreign != "" {
		t.Errorf("while a commit builds with the new variables: %+v", s)
	}
	b.clock.Advance(standin.BuildTime)
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A"}, InPlay: []string{"v1"}, Settled: true}, "")
	if got := b.mustSee().Rest; got != "git c2" {
		t.Errorf("Rest is %q", got)
	}
}

func TestInstantRollbackWaitsForAPromotion(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	old, _ := b.readLive("A")
	b.rollAndBuild(newVersion("v2", "A=a2"))
	b.InstantRollback("dashboard", old)
	b.wantSeen(plan.Seen{RollingTo: "v2", Names: []string{"A"}, InPlay: []string{"v1", "v2"}}, "promote it")

	c := newVersion("v3", "A=a3")
	b.rollAndBuild(c)
	b.wantSeen(plan.Seen{RollingTo: "v3", Names: []string{"A"}, InPlay: []string{"v1", "v3"}}, "promote it")
	b.tap.Reset()
	b.mustRoll(c)
	if n := b.countWrites(); n != 0 {
		t.Errorf("%d writes while a promotion is waited for", n)
	}
	_, waiting, _ := strings.Cut(b.mustSee().Waiting, "deployment ")
	b.Promote("dashboard", strings.Fields(waiting)[0])
	b.wantSeen(plan.Seen{Running: "v3", Names: []string{"A"}, InPlay: []string{"v3"}, Settled: true}, "")
}

func TestARedeploymentIsNotTrusted(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	c := newVersion("v1", "A=a1")
	b.rollAndBuild(c)
	body := `{"name":"dashboard","target":"production","deploymentId":"` + b.first + `","meta":{"action":"redeploy"}}`
	req, _ := http.NewRequest("POST", "https://vercel.standin/v13/deployments?teamId=acme", bytes.NewReader([]byte(body)))
	req.Header.Set("Authorization", "Bearer tok")
	if resp, err := (sim.Transport{Handler: b.Server}).RoundTrip(req); err != nil || resp.StatusCode != 200 {
		t.Fatal("the redeployment was not accepted")
	}
	b.clock.Advance(standin.BuildTime)
	id, _ := b.readLive("A")
	b.wantSeen(plan.Seen{RollingTo: "v1", Names: []string{"A"}, InPlay: []string{"v1"},
		Unknown: "deployment " + id + " was made from another one, whose variables it may have inherited"}, "promote it")
}

func TestSomebodyElsesDeploymentIsNotSuperseded(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	theirs := b.Push("dashboard", "c2")
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A"}, InPlay: []string{"v1"}}, theirs+" is QUEUED")

	c := newVersion("v2", "A=a2")
	b.mustRoll(c)
	s := b.mustSee()
	if s.Foreign != "deployment "+theirs+" is QUEUED" || !strings.Contains(s.Unknown, theirs) || s.Settled {
		t.Errorf("Foreign %q, Unknown %q, settled %v", s.Foreign, s.Unknown, s.Settled)
	}
	b.clock.Advance(standin.BuildTime)
	if id, _ := b.readLive("A"); id != theirs {
		t.Errorf("live is %s, want theirs: rotary deployed meanwhile", id)
	}
	b.rollAndBuild(c)
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true}, "")
	if got := b.mustSee().Rest; got != "git c2" {
		t.Errorf("Rest is %q: their commit was put back", got)
	}
}

func TestChangesByHandAreFoundAndMended(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*bench)
		drift []string
		names []string
	}{
		"a value":                 {func(b *bench) { b.SetByHand("dashboard", "B", production, "x") }, []string{"B"}, []string{"A", "B"}},
		"a value on previews":     {func(b *bench) { b.SetByHand("dashboard", "B", preview, "x") }, []string{"B"}, []string{"A", "B"}},
		"removed from one target": {func(b *bench) { b.DeleteByHand("dashboard", "B", production) }, []string{"B"}, []string{"A", "B"}},
	} {
		b := newBench(t, []string{preview, production}, nil)
		want := newVersion("v1", "A=a1", "B=b1")
		b.rollAndBuild(want)
		b.clock.Advance(time.Hour)
		c.spoil(b)
		s := b.mustSee()
		if diff := cmp.Diff(c.drift, s.Drift); diff != "" || s.Running != "" || s.Settled || s.RollingTo != "" {
			t.Errorf("%s: Running %q, drift:\n%s", name, s.Running, diff)
		}
		b.rollAndBuild(want)
		b.wantSeen(plan.Seen{Running: "v1", Names: c.names, InPlay: []string{"v1"}, Settled: true}, "")
	}
}

func TestARemovedVariableComesBackInOneRoll(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	c := newVersion("v1", "A=a1", "B=b1")
	b.rollAndBuild(c)
	b.DeleteByHand("dashboard", "B", production)
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A"}, InPlay: []string{"v1"}, Settled: true}, "")
	b.rollAndBuild(c)
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A", "B"}, InPlay: []string{"v1"}, Settled: true}, "")
}

func TestAMendedVariableIsNotDoneBeforeItsDeployment(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	c := newVersion("v1", "A=a1", "B=b1")
	b.rollAndBuild(c)
	b.clock.Advance(time.Hour)
	b.SetByHand("dashboard", "B", production, "x")
	b.tap.OnCall(failOperation("POST /v13/deployments"))
	if err := b.Roll(b.Context(), c); err == nil || len(b.slept) != 0 {
		t.Errorf("%v after %d retries: creating a deployment is not repeatable", err, len(b.slept))
	}
	b.wantSeen(plan.Seen{Names: []string{"A", "B"}, InPlay: []string{"v1"}}, "no deployment has")
}

func failOperation(operation string) func(sim.Call) sim.Fault {
	return func(c sim.Call) sim.Fault {
		if c.Operation == operation {
			return sim.Fault{Outcome: sim.Unavailable}
		}
		return sim.Fault{}
	}
}

func TestOnlyTheReleasedCommitIsBuiltAgain(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.FailNextBuild("dashboard", "ERROR")
	b.Push("dashboard", "c2")
	b.clock.Advance(standin.BuildTime)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	if s := b.mustSee(); s.Running != "v1" || s.Rest != "git c1" {
		t.Errorf("Running %q at %q, want v1 at the commit that was live", s.Running, s.Rest)
	}
}

func TestMendingPreviewsDoesNotDeployProduction(t *testing.T) {
	b := newBench(t, []string{preview, production}, nil)
	c := newVersion("v1", "A=a1", "B=b1")
	b.rollAndBuild(c)
	b.clock.Advance(time.Hour)
	b.SetByHand("dashboard", "B", preview, "x")
	before, _ := b.readLive("A")
	b.tap.Reset()
	b.rollAndBuild(c)
	if after, _ := b.readLive("A"); b.countWrites() != 1 || after != before {
		t.Errorf("%d writes; live went from %s to %s", b.countWrites(), before, after)
	}
}

func TestDeployHook(t *testing.T) {
	b := newBench(t, []string{production}, nil, WithDeployHook(secret.New(hookURL)))
	b.rollAndBuild(newVersion("v1", "A=a1"))
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A"}, InPlay: []string{"v1"}, Settled: true}, "")
	if got := b.mustSee().Rest; got != "deploy hook" {
		t.Errorf("Rest is %q", got)
	}
	b.tap.OnCall(func(c sim.Call) sim.Fault {
		if strings.Contains(c.Operation, "{hook}") {
			return sim.Fault{Outcome: sim.Dropped}
		}
		return sim.Fault{}
	})
	err := b.Roll(b.Context(), newVersion("v2", "A=a2"))
	if err == nil || strings.Contains(err.Error(), "hook-secret") || !strings.Contains(err.Error(), "deploy hook of project dashboard") {
		t.Error("the error should name the hook's project and not its address")
	}
}

func TestAProjectWithoutGitNeedsAHook(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.AddProject(standin.Project{Name: "static", Team: "acme"})
	b.spec.Project = "static"
	b.rollAndBuild(newVersion("v1", "A=a1")) // nothing is live yet: nothing to build again
	b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A"}, InPlay: []string{"v1"}, Settled: true}, "")
	b.Push("static", "")
	b.clock.Advance(standin.BuildTime)
	b.mustSee() // the next pass
	b.wantRefusal(newVersion("v2", "A=a2"), "deploy_hook")
}

func TestPreviewsAreCounted(t *testing.T) {
	b := newBench(t, []string{development, preview}, nil)
	body := `{"name":"dashboard","gitSource":{"type":"github","repoId":7,"ref":"topic","sha":"t1"}}`
	req, _ := http.NewRequest("POST", "https://vercel.standin/v13/deployments?teamId=acme", bytes.NewReader([]byte(body)))
	req.Header.Set("Authorization", "Bearer tok")
	if _, err := (sim.Transport{Handler: b.Server}).RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(standin.BuildTime)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	if s := b.mustSee(); s.Running != "v1" || !strings.Contains(s.Detail, "1 previews built before") {
		t.Errorf("Running %q, detail %q", s.Running, s.Detail)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(manifest.Consumer{Name: "d", Vercel: &manifest.Vercel{SignIn: manifest.VercelSignIn{Token: "TOKEN"}, Targets: map[string][]string{"production": {production}}}},
		manifest.Environment{Name: "production"}, secret.New(" \n")); err == nil || !strings.Contains(err.Error(), "token TOKEN is empty") {
		t.Errorf("an empty token: %v", err)
	}
	for want, v := range map[string]*manifest.Vercel{
		"not a Vercel project":    nil,
		"no Vercel targets":       {Targets: map[string][]string{"dev": {preview}}},
		`target "staging"`:        {Targets: map[string][]string{"production": {"staging"}}},
		"deploy hook HOOK has no": {DeployHook: "HOOK", Targets: map[string][]string{"production": {production}}},
	} {
		_, err := New(manifest.Consumer{Name: "d", Vercel: v}, manifest.Environment{Name: "production"}, secret.New("tok"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}

func TestAnAnswerThatIsNotWholeStopsTheRoll(t *testing.T) {
	for answer, want := range map[string]string{
		`{}`: "no list", `{"envs":[],"pagination":{"next":1540095775951}}`: "only a part", `hush`: "not what its contract says",
	} {
		transport := roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method != "GET" {
				t.Errorf("%s: a %s was sent", want, req.Method)
			}
			return newResponse(answer), nil
		})
		b := newBench(t, []string{production}, nil, WithTransport(transport))
		err := b.Roll(b.Context(), newVersion("v1", "A=a"))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func newResponse(body string) *http.Response {
	w := sim.Transport{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) })}
	req, _ := http.NewRequest("GET", "https://vercel.standin/", nil)
	resp, _ := w.RoundTrip(req)
	return resp
}

// A person rolls back in the middle of a look.
func TestARollbackInTheMiddleOfALookIsNeverOverlooked(t *testing.T) {
	for _, operation := range []string{"GET /v10/projects/{idOrName}/env", "GET /v9/projects/{idOrName}", "GET /v7/deployments"} {
		b := newBench(t, []string{production}, nil)
		b.rollAndBuild(newVersion("v1", "A=a1"))
		old, _ := b.readLive("A")
		b.rollAndBuild(newVersion("v2", "A=a2"))
		b.tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Operation == operation {
				b.tap.OnCall(nil)
				b.InstantRollback("dashboard", old)
			}
			return sim.Fault{}
		})
		b.wantSeen(plan.Seen{RollingTo: "v2", Names: []string{"A"}, InPlay: []string{"v1", "v2"}}, "promote it")
	}
}

// The project's answer lacks what is live, although something is.
func TestAPartialAnswerAboutTheProjectProvesNothing(t *testing.T) {
	var b *bench
	b = newBench(t, []string{production}, nil, WithTransport(roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/v9/projects/dashboard" {
			return newResponse(`{"id":"prj_dashboard","name":"dashboard"}`), nil
		}
		return sim.Transport{Handler: b.Server}.RoundTrip(req)
	})))
	b.mustRoll(newVersion("v1", "A=a1"))
	s := b.mustSee()
	if s.Running != "" || s.Settled || s.RollingTo != "v1" || !strings.Contains(s.Unknown, b.first) {
		t.Errorf("Running %q, settled %v, rolling to %q, unknown %q", s.Running, s.Settled, s.RollingTo, s.Unknown)
	}
}

func TestARedirectIsNotFollowedAndAnAnswerIsReadToALimit(t *testing.T) {
	for status, body := range map[int]io.Reader{
		http.StatusTemporaryRedirect: strings.NewReader("hush"),
		http.StatusOK:                io.MultiReader(strings.NewReader(`{"envs":[],"hush":"`), io.LimitReader(forever{}, 1<<30)),
	} {
		calls := 0
		b := newBench(t, []string{production}, nil, WithTransport(roundTrip(func(req *http.Request) (*http.Response, error) {
			calls++
			return &http.Response{StatusCode: status, Request: req, Body: io.NopCloser(body),
				Header: http.Header{"Location": {"https://hush.example.com/"}}}, nil
		})))
		_, err := b.Status(t.Context())
		if err == nil || calls != 1 || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "tok") {
			t.Errorf("%d: %d calls, error %v", status, calls, err)
		}
	}
}

// forever is an answer that does not end.
type forever struct{}

func (forever) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
