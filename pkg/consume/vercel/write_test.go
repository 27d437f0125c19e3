package vercel

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	standin "github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	posting  = "POST /v10/projects/{idOrName}/env"
	erasing  = "DELETE /v9/projects/{idOrName}/env/{envId}"
	editing  = "PATCH /v9/projects/{idOrName}/env/{envId}"
	starting = "POST /v13/deployments"
)

// wantFailure rolls and wants an error with all words and no value; it returns how often each operation was called.
func (b *bench) wantFailure(c bucket.Bucket, words ...string) map[string]int {
	b.Helper()
	b.tap.Reset()
	err := b.Roll(b.Context(), c)
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			b.Errorf("the error is %v, want it to say %q", err, word)
		}
	}
	if err != nil && strings.Contains(err.Error(), "hush") {
		b.Error("the error has a value")
	}
	return b.countCalls()
}

func (b *bench) countCalls() map[string]int {
	n := map[string]int{}
	for _, c := range b.tap.Calls() {
		n[c.Operation]++
	}
	return n
}

func TestOneBadKeyStopsNeitherTheOthersNorTheOtherTarget(t *testing.T) {
	for name, refuse := range map[string]func(*bench){
		"among others": func(b *bench) { b.RefuseKey("dashboard", "B", "VALUE_INVALID_TYPE") },
		"as a whole":   func(b *bench) { b.RefuseAllWith("dashboard", "B", "VALUE_INVALID_TYPE") },
	} {
		b := newBench(t, []string{preview, production}, func(v *manifest.Vercel, _ *manifest.Environment) { v.ExcludeFromPreview = []string{"B"} })
		b.rollAndBuild(newVersion("v1", "A=hush-1", "B=hush-1"))
		before, _ := b.readLive("A")
		refuse(b)
		c := newVersion("v2", "A=hush-2", "B=hush-2", "C=hush-2")
		calls := b.wantFailure(c, "B VALUE_INVALID_TYPE", "for production")
		b.clock.Advance(standin.BuildTime)
		if after, _ := b.readLive("A"); calls[starting] != 0 || after != before {
			t.Errorf("%s: a deployment was started from a half-written set", name)
		}
		written := []string{}
		for _, v := range b.Variables("dashboard") {
			if v.Comment == "rotary production v2" {
				written = append(written, v.Key+" "+v.Target[0])
			}
		}
		if diff := cmp.Diff([]string{"A preview", "A production", "C preview", "C production"}, written); diff != "" {
			t.Errorf("%s: written (-want +got):\n%s", name, diff)
		}
		b.wantSeen(plan.Seen{Names: []string{"A", "B", "C"}, InPlay: []string{"v1", "v2"}}, "not all as one version")
		b.RefuseAllWith("dashboard", "B", "")
		b.rollAndBuild(c)
		b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A", "B", "C"}, InPlay: []string{"v2"}, Settled: true}, "")
	}
}

func TestAFailingTargetDoesNotKeepProductionFromItsDeployment(t *testing.T) {
	b := newBench(t, []string{preview, production}, nil)
	b.rollAndBuild(newVersion("v1", "A=hush-1", "B=hush-1"))
	first := true
	b.tap.OnCall(func(c sim.Call) sim.Fault { // preview's is the first
		if c.Operation != posting || !first {
			return sim.Fault{}
		}
		first = false
		return sim.Fault{Outcome: sim.Denied}
	})
	c := newVersion("v2", "A=hush-2")
	b.wantFailure(c, "for preview", "403")
	b.clock.Advance(standin.BuildTime)
	if _, value := b.readLive("A"); value != "hush-2" {
		t.Error("production was kept waiting for previews")
	}
	if got := b.listVariables(); !slices.Contains(got, "B preview sensitive") || slices.Contains(got, "B production sensitive") {
		t.Errorf("what is gone should go where the write succeeded, and nowhere else: %v", got)
	}
	if s := b.mustSee(); s.Running != "" || s.Settled {
		t.Errorf("half-written is called done: %+v", s)
	}
	b.rollAndBuild(c)
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true}, "")
}

func TestAConflictSaysWhatStandsInTheWay(t *testing.T) {
	b := newBench(t, []string{preview}, nil)
	b.tap.OnCall(func(c sim.Call) sim.Fault { // it comes after the look
		if c.Operation == posting {
			b.tap.OnCall(nil)
			b.AddByHand("dashboard", standin.Variable{Key: "A", Value: "hush-x", Target: []string{preview, production}})
		}
		return sim.Fault{}
	})
	c := newVersion("v1", "A=hush-1", "B=hush-1")
	b.wantFailure(c, "A ENV_CONFLICT: another variable (env_", "split or remove it")
	b.wantRefusal(c, "variable A", "is not rotary's")
}

func TestVariablesOfBranchesAndCustomEnvironmentsAreLeftAlone(t *testing.T) {
	b := newBench(t, []string{preview, production}, nil)
	theirs := []standin.Variable{
		{Key: "A", Value: "hush-b", Target: []string{preview}, GitBranch: "topic"},
		{Key: "A", Value: "hush-c", Custom: []string{"env_staging"}},
		{Key: "GONE", Value: "hush-d", Target: []string{preview}, GitBranch: "topic", Comment: "rotary production v0"},
		{Key: "THEIRS", Value: "hush-e", Target: []string{preview, production}, Custom: []string{"env_staging"}},
	}
	for _, v := range theirs {
		b.AddByHand("dashboard", v)
	}
	was := len(b.Changes(0))
	b.rollAndBuild(newVersion("v1", "A=a1", "GONE=g1"))
	b.rollAndBuild(newVersion("v2", "A=a2"))
	for _, c := range b.Changes(was) {
		if c.Did != "created" && !strings.HasPrefix(c.Comment, "rotary production v1") {
			t.Errorf("%s on %v with comment %q was %s", c.Key, c.Target, c.Comment, c.Did)
		}
	}
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true}, "")
	if got := b.mustSee().Detail; !strings.Contains(got, "1 overridden on git branches") {
		t.Errorf("Detail is %q", got)
	}
}

func TestAVariableForSeveralEnvironmentsIsRefused(t *testing.T) {
	for _, v := range []standin.Variable{
		{Key: "A", Target: []string{production}, Custom: []string{"env_staging"}},
		{Key: "A", Target: []string{production, development}, Comment: "rotary production v1"},
	} {
		b := newBench(t, []string{production}, func(v *manifest.Vercel, _ *manifest.Environment) { v.Adopt = []string{"A"} })
		b.AddByHand("dashboard", v)
		b.wantRefusal(newVersion("v1", "A=hush"), "variable A", "split it")
		if strings.HasPrefix(v.Comment, "rotary") {
			b.wantRefusal(newVersion("v1", "B=hush"), "variable A", "split it") // it would have to go
		}
	}
}

func TestNamesThatVercelRefusesAreRefusedBeforeAnyWrite(t *testing.T) {
	for _, name := range []string{"VERCEL_URL", "VERCEL", "TZ", "AWS_LAMBDA_X", "1BAD", "BAD NAME", ""} {
		newBench(t, []string{production}, nil).wantRefusal(newVersion("v1", "GOOD=hush", name+"=hush"), "production variables of project dashboard")
	}
}

func TestNamesOfOthersCountForTheSize(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.SetByHand("dashboard", strings.Repeat("K", 200), production, "x")
	limit := manifest.Limits("vercel").TotalBytes
	b.wantRefusal(newVersion("v1", "A="+strings.Repeat("x", limit-200)), "bytes are more than Vercel's")
	b.mustRoll(newVersion("v1", "A="+strings.Repeat("x", limit-201)))
}

func TestAVariableThatMustBecomeSensitiveIsReplacedByItselfAndOneAtATime(t *testing.T) {
	b := newBench(t, []string{development, production}, func(_ *manifest.Vercel, e *manifest.Environment) { e.Protected = false })
	b.rollAndBuild(newVersion("v1", "A=a1", "B=b1"))
	b.Project = b.openProject(manifest.Environment{Name: "production", Protected: true})
	if got := b.mustSee().Detail; !strings.Contains(got, "2 variables stay readable until") {
		t.Errorf("Detail is %q", got)
	}
	least := 2
	b.tap.OnDone(func(sim.Call) {
		n := 0
		for _, v := range b.listVariables() {
			if strings.Contains(v, production) {
				n++
			}
		}
		least = min(least, n)
	})
	b.rollAndBuild(newVersion("v2", "A=a2", "B=b2"))
	b.tap.OnDone(nil)
	want := []string{"A development encrypted", "A production sensitive", "B development encrypted", "B production sensitive"}
	if diff := cmp.Diff(want, b.listVariables()); diff != "" || least != 1 {
		t.Errorf("at the least %d of 2 were there:\n%s", least, diff)
	}
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A", "B"}, InPlay: []string{"v2"}, Settled: true}, "")
	if got := b.mustSee().Detail; strings.Contains(got, "readable") {
		t.Errorf("Detail is %q", got)
	}
	b.tap.Reset()
	b.rollAndBuild(newVersion("v3", "A=a3", "B=b3"))
	if n := b.countCalls()[erasing]; n != 0 {
		t.Errorf("%d deletions where all are sensitive already", n)
	}
}

// Story 7: refused between the deletion and the creation.
func TestAReplacementThatIsInterruptedIsFinishedByTheNextRoll(t *testing.T) {
	for name, c := range map[string]struct {
		outcome  sim.Outcome
		failures int
		after    []string
	}{
		"throttled for long":       {sim.Throttled, 99, []string{"B production encrypted"}},
		"not as sensitive":         {sim.Denied, 1, []string{"A production encrypted", "B production encrypted"}},
		"for a moment":             {sim.Throttled, 1, []string{"A production sensitive", "B production sensitive"}},
		"the answer comes to none": {sim.Lost, 1, []string{"A production sensitive", "B production sensitive"}},
	} {
		b := newBench(t, []string{production}, func(_ *manifest.Vercel, e *manifest.Environment) { e.Protected = false })
		b.rollAndBuild(newVersion("v1", "A=hush-1", "B=hush-1"))
		before, _ := b.readLive("A")
		b.Project = b.openProject(manifest.Environment{Name: "production", Protected: true})
		posts := 0
		b.tap.OnCall(func(q sim.Call) sim.Fault {
			if q.Operation == posting {
				posts++
			}
			if q.Operation == posting && posts > 1 && posts <= 1+c.failures {
				return sim.Fault{Outcome: c.outcome}
			}
			return sim.Fault{}
		})
		v2 := newVersion("v2", "A=hush-2", "B=hush-2")
		err := b.Roll(t.Context(), v2)
		if diff := cmp.Diff(c.after, b.listVariables()); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		b.clock.Advance(standin.BuildTime)
		done := len(c.after) == 2 && strings.HasSuffix(c.after[0], sensitive)
		if after, _ := b.readLive("A"); (after == before) == done || (err == nil) != done || err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: live went from %s to %s, error %v", name, before, after, err)
		}
		b.tap.OnCall(nil)
		b.rollAndBuild(v2)
		b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A", "B"}, InPlay: []string{"v2"}, Settled: true}, "")
		if _, value := b.readLive("A"); value != "hush-2" {
			t.Errorf("%s: the live deployment does not have the value", name)
		}
	}
}

func TestVisibilityCountsBeforeTheType(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.AddByHand("dashboard", standin.Variable{Key: "A", Type: "encrypted", Visibility: "secret", Target: []string{production}, Comment: "rotary production v1"})
	b.AddByHand("dashboard", standin.Variable{Key: "B", Type: "encrypted", Visibility: "config", Target: []string{production}, Comment: "rotary production v1"})
	if got := b.mustSee().Detail; !strings.Contains(got, "1 variables stay readable") {
		t.Errorf("Detail is %q", got)
	}
	b.tap.Reset()
	b.rollAndBuild(newVersion("v2", "A=a2", "B=b2"))
	if n := b.countCalls()[erasing]; n != 1 {
		t.Errorf("%d variables were replaced, want the readable one", n)
	}
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A", "B"}, InPlay: []string{"v2"}, Settled: true}, "")
}

func TestASecretOfDevelopmentIsWrittenWithATypeThatDevelopmentHas(t *testing.T) {
	b := newBench(t, []string{development}, nil)
	b.AddByHand("dashboard", standin.Variable{Key: "A", Type: "encrypted", Visibility: "secret", Target: []string{development}, Comment: "rotary production v1"})
	b.rollAndBuild(newVersion("v2", "A=a2"))
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true}, "")
}

func TestASensitiveVariableIsNeverMadeReadable(t *testing.T) {
	b := newBench(t, []string{production, development}, nil)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	b.Project = b.openProject(manifest.Environment{Name: "production"})
	b.rollAndBuild(newVersion("v2", "A=a2"))
	if diff := cmp.Diff([]string{"A development encrypted", "A production sensitive"}, b.listVariables()); diff != "" {
		t.Error(diff)
	}
}

func TestReceiptsAreWrittenOneByOneWhereAnUpsertLeavesComments(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.rollAndBuild(newVersion("v1", "A=a1", "B=b1"))
	b.CommentsStay("dashboard")
	b.tap.Reset()
	under := sim.Transport{Handler: b.Server}
	WithTransport(roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPatch { // a comment alone must not cost the value
			body, err := io.ReadAll(req.Body)
			req.Body = io.NopCloser(bytes.NewReader(body))
			if err != nil || !bytes.Contains(body, []byte(`"value":"`)) {
				t.Error("an edit does not carry the value")
			}
		}
		return under.RoundTrip(req)
	}))(b.Project)
	b.rollAndBuild(newVersion("v2", "A=a2", "B=b2", "C=c2"))
	if n := b.countCalls()[editing]; n != 2 {
		t.Errorf("%d edits, want one for each that was there", n)
	}
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A", "B", "C"}, InPlay: []string{"v2"}, Settled: true}, "")
	if _, value := b.readLive("B"); value != "b2" {
		t.Error("the comment was written and the value lost")
	}
}

func TestWithoutCommentsNothingIsDeployedAndTheErrorSaysWhy(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.NoComments("dashboard")
	c := newVersion("v1", "A=hush-1", "B=hush-1")
	calls := b.wantFailure(c, "variable A", "variable B", "does not keep its comment")
	if calls[starting] != 0 {
		t.Error("a deployment was started")
	}
	b.wantRefusal(c, "is not rotary's")
}

func TestACommentThatAPersonEditsMakesTheVariableTheirs(t *testing.T) {
	for _, comment := range []string{"", "do not touch", "rotary production"} {
		b := newBench(t, []string{production}, nil)
		c := newVersion("v1", "A=a1", "B=b1")
		b.rollAndBuild(c)
		b.clock.Advance(time.Hour)
		b.CommentByHand("dashboard", "B", production, comment)
		if got := b.mustSee().Names; !slices.Equal(got, []string{"A"}) {
			t.Errorf("Names are %v", got)
		}
		b.wantRefusal(newVersion("v2", "A=a2", "B=b2"), "variable B", "is not rotary's", "adopt")
		b.spec.Adopt = []string{"B"}
		b.adopting = b.spec.Adopt
		b.rollAndBuild(newVersion("v2", "A=a2", "B=b2"))
		b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A", "B"}, InPlay: []string{"v2"}, Settled: true, Adopted: []string{"B"}}, "")
	}
}

func TestAForeignVariableIsNeverDeletedNotEvenWhenAdopted(t *testing.T) {
	b := newBench(t, []string{production}, func(v *manifest.Vercel, _ *manifest.Environment) { v.Adopt = []string{"THEIRS"} })
	b.SetByHand("dashboard", "THEIRS", production, "x")
	b.rollAndBuild(newVersion("v1", "A=a1"))
	b.rollAndBuild(newVersion("v2", "A=a2"))
	if diff := cmp.Diff([]string{"A production sensitive", "THEIRS production encrypted"}, b.listVariables()); diff != "" {
		t.Error(diff)
	}
}

func TestTheTeamIsNamedByIDOrSlug(t *testing.T) {
	for team, parameter := range map[string]string{"acme": "slug=acme", "team_1": "teamId=team_1", "": ""} {
		b := newBench(t, []string{production}, nil)
		b.AddProject(standin.Project{Name: "other", Team: team, RepoID: 7, Head: "c1"})
		b.AddToken("tok", team)
		b.config.Team, b.config.Project = team, "other"
		b.Project = b.openProject(manifest.Environment{Name: "production"})
		b.Push("other", "c1")
		b.clock.Advance(standin.BuildTime)
		b.tap.Reset()
		b.rollAndBuild(newVersion("v1", "A=a1"))
		for _, c := range b.tap.Calls() {
			if !c.Write && (!strings.Contains(c.Question, parameter) || team == "" && strings.Contains(c.Question, "slug")) {
				t.Errorf("team %q: %s", team, c.Question)
			}
		}
		b.wantSeen(plan.Seen{Running: "v1", Names: []string{"A"}, InPlay: []string{"v1"}, Settled: true}, "")
	}
}

func TestWithoutRetryAfterTheLimitsResetIsWaitedFor(t *testing.T) {
	date := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for body, want := range map[string]time.Duration{
		`{"error":{"code":"rate_limited","limit":{"remaining":0,"reset":1772355630,"total":120}}}`: 30 * time.Second,
		`{"error":{"code":"rate_limited","limit":{"remaining":0,"reset":1772355599,"total":120}}}`: time.Second,
		`{"error":{"code":"rate_limited","limit":{"remaining":0,"reset":1772355661,"total":120}}}`: 0,
		`{"error":{"code":"rate_limited","limit":{"reset":9223372036854775807}}}`:                  0,
		`{"error":{"code":"rate_limited","limit":{"reset":"soon"}}}`:                               time.Second,
		`{"error":{"code":"rate_limited","limit":7}}`:                                              time.Second,
	} {
		a := &forged{route: upserting, status: http.StatusTooManyRequests, body: body, header: http.Header{"Date": {date.Format(http.TimeFormat)}}}
		b := newForgedBench(t, a)
		b.slept = nil
		if err := b.rollThrough(a, newVersion("v2", "A=canary-2")); err == nil || !strings.Contains(err.Error(), "429 rate_limited") {
			t.Errorf("%s: %v", body, err)
		}
		if want == 0 && len(b.slept) == 0 || want != 0 && len(b.slept) > 0 && b.slept[0] == want {
			continue
		}
		t.Errorf("%s: slept %v, want %v", body, b.slept, want)
	}
}

func TestADeploymentThatStartsDuringTheWritesIsNotSuperseded(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	theirs := ""
	b.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == posting {
			theirs = b.Push("dashboard", "c2") // with the old variables
		}
		return sim.Fault{}
	})
	c := newVersion("v2", "A=a2")
	b.tap.Reset()
	b.mustRoll(c)
	b.tap.OnCall(nil)
	if n := b.countCalls()[starting]; n != 0 {
		t.Error("a deployment of the old commit supersedes theirs")
	}
	b.clock.Advance(standin.BuildTime)
	if id, value := b.readLive("A"); id != theirs || value != "a1" {
		t.Errorf("live is %s, want %s", id, theirs)
	}
	b.rollAndBuild(c)
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true}, "")
	if got := b.mustSee().Rest; got != "git c2" {
		t.Errorf("Rest is %q: their commit was put back", got)
	}
}

func TestADeploymentWithoutItsDomainsIsNotRunning(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	b.LoseDomains("dashboard")
	b.wantSeen(plan.Seen{RollingTo: "v1", Names: []string{"A"}, InPlay: []string{"v1"}}, "its domains are not assigned")
	b.tap.Reset()
	b.mustRoll(newVersion("v1", "A=a1"))
	if n := b.countWrites(); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestAVariableThatCannotBeDeletedKeepsNoOtherFromIt(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.rollAndBuild(newVersion("v1", "A=hush-1", "B=hush-1", "C=hush-1"))
	first := true
	b.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation != erasing || !first {
			return sim.Fault{}
		}
		first = false
		return sim.Fault{Outcome: sim.Denied}
	})
	c := newVersion("v2", "A=hush-2")
	if calls := b.wantFailure(c, "delete variable", "403"); calls[starting] != 0 {
		t.Error("a deployment was started with a variable that should be gone")
	}
	left := b.listVariables() // A, and whichever of the others was to go first
	if len(left) != 2 || left[0] != "A production sensitive" || left[1] != "B production sensitive" && left[1] != "C production sensitive" {
		t.Errorf("left are %q", left)
	}
	b.rollAndBuild(c)
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true}, "")
}

// worldmonitor#8216: the step compares commits, and rotary builds the same one again.
func TestAnIgnoredBuildStepThatCancelsTheSameCommitIsAFailureThatSaysSo(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	b.rollAndBuild(newVersion("v1", "A=a1"))
	b.FailBuilds("dashboard", standin.Canceled)
	b.rollAndBuild(newVersion("v2", "A=a2"))
	s := b.mustSee()
	if s.Failed == nil || s.Failed.Version != "v2" || s.Failed.Rest != s.Rest || !strings.Contains(s.Failed.Reason, "Ignored Build Step") {
		t.Fatalf("Failed is %+v, Rest %q", s.Failed, s.Rest)
	}
	b.FailBuilds("dashboard", "")
	b.Push("dashboard", "c2") // a new commit is not ignored
	b.clock.Advance(standin.BuildTime)
	b.wantSeen(plan.Seen{Running: "v2", Names: []string{"A"}, InPlay: []string{"v2"}, Settled: true}, "")
}

func TestTheTokenIsTrimmed(t *testing.T) {
	b := newBench(t, []string{production}, nil)
	config := b.config
	p, err := New(manifest.Consumer{Name: "dashboard", Vercel: &config}, manifest.Environment{Name: "production"}, secret.New(" tok\n"),
		WithBaseURL("https://vercel.standin"), WithTransport(sim.Transport{Handler: b.Server}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Status(t.Context()); err != nil {
		t.Error(err)
	}
}
