package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

var nine = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

// look is one answer of a scripted environment.
type look struct {
	report    plan.Report
	err       error
	interrupt bool // somebody interrupts after it
}

// watching follows scripted looks at source key; each wait takes as long as it says.
func watching(t *testing.T, w watch, looks ...look) (looked int, out, errs string, err error) {
	t.Helper()
	var printed, said bytes.Buffer
	now := nine
	if w.session == nil {
		w.session = &session{env: &manifest.Environment{Name: "dev"}}
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	w.session.app = &app{terminal: terminal{nil, &printed, &said}, ctx: ctx, json: w.display != nil, outside: piped(outside{
		now: func() time.Time { return now },
		wait: func(ctx context.Context, d time.Duration) error {
			now = now.Add(d)
			if looked == len(looks) && looks[looked-1].interrupt {
				interrupt()
			}
			return ctx.Err()
		},
	})}
	w.look = func() (plan.Report, error) {
		l := looks[min(looked, len(looks)-1)]
		looked++
		if l.report.Environment != "" {
			l.report.At = now
		}
		return l.report, l.err
	}
	if w.sources == nil {
		w.sources = []string{"key"}
	}
	w.goal, w.done = operate.Dead, "rotated"
	err = w.run()
	return looked, printed.String(), said.String(), err
}

// piped is an outside whose standard output and error are pipes.
func piped(o outside) outside {
	o.view = func() screen.Screen { return screen.Screen{} }
	o.watched = func() watched { return watched{} }
	o.shown = func() bool { return false }
	return o
}

// rotated is a report of a source whose version old was replaced; its consumer is in a state.
func rotated(state string, gate plan.Wait) plan.Report {
	r := report()
	r.Consumers = []plan.ConsumerReport{{Name: "api", Bucket: "app", State: state, Current: state == "current", Detail: "2 of 2 tasks"}}
	r.Buckets = []plan.BucketReport{{Name: "app"}}
	r.Sources = []plan.SourceReport{{
		Name: "key", Rotator: "random", Version: "v-new00000", Since: nine, Buckets: []string{"app"}, Consumers: []string{"api"}, Step: 1,
		Pace: plan.Pace{Steps: 1, Follow: 3 * 60e9, Settle: 11 * 60e9},
		Owed: []plan.OwedReport{{Version: "v-old00000", Blocked: []plan.Wait{gate}}},
	}}
	return r
}

func over() plan.Report {
	r := rotated("current", plan.Wait{})
	r.Sources[0].Owed = nil
	return r
}

func report(waits ...plan.Wait) plan.Report {
	return plan.Report{
		Environment: "dev", Mode: "retire", At: nine, Waits: waits, Converged: len(waits) == 0,
		Consumers: []plan.ConsumerReport{{Name: "api"}},
	}
}

var settling = plan.Wait{Reason: plan.Settling, Until: nine.Add(14 * time.Minute)}

func TestWatchingOutlastsAPassThatIsUnderWayAndAFewFailures(t *testing.T) {
	throttled, broken := look{err: &types.TooManyRequestsException{}}, look{err: errors.New("connection reset\nby peer")}
	looked, out, errs, err := watching(t, watch{}, look{report: rotated("current", settling)}, throttled, throttled, broken, broken, broken, broken, throttled, look{report: over()})
	if looked != 9 || err != nil || !strings.Contains(out, "key rotated. Nothing is owed.") && !strings.Contains(out, "key rotated in ") {
		t.Errorf("%d looks, error %v and %q", looked, err, out)
	}
	for _, want := range []string{" a pass is under way: looking again\n", " cannot look: connection reset; trying again\n"} {
		if !strings.Contains(errs, want) {
			t.Errorf("it does not say %q:\n%s", want, errs)
		}
	}
}

func TestWatchingGivesUpWhereNobodyAnswers(t *testing.T) {
	broken := errors.New("broken")
	looked, _, _, err := watching(t, watch{}, look{report: rotated("current", settling)}, look{err: broken})
	if looked != 1+patience || !errors.Is(err, broken) {
		t.Errorf("%d looks and error %v, want %d and that it broke", looked, err, 1+patience)
	}
}

func TestCredentialsThatExpireEndTheWatchingAndNotTheRotation(t *testing.T) {
	for _, err := range []error{
		&smithy.GenericAPIError{Code: "ExpiredTokenException"}, fmt.Errorf("look: %w", &smithy.GenericAPIError{Code: "ExpiredToken"}),
		errors.New("failed to refresh cached credentials, refresh cached SSO token failed"),
	} {
		looked, _, _, got := watching(t, watch{}, look{report: rotated("current", settling)}, look{err: err})
		want := "expired. The rotation goes on.\nSign in again (aws sso login), then join: rotary wait dev key\n"
		if looked != 2 || got == nil || !strings.Contains(got.Error(), want) || classifyError(got) != exitFailed {
			t.Errorf("%v: %d looks and error %v", err, looked, got)
		}
	}
	if isExpired(errors.New("access denied")) || isExpired(nil) {
		t.Error("anything counts as expired")
	}
}

func TestWatchingTakesTwiceTheEstimateAndTellsEachThingOnce(t *testing.T) {
	rolling := rotated("rolling", plan.Wait{Reason: plan.InUse})
	_, _, errs, err := watching(t, watch{}, look{report: rolling})
	if _, is := errors.AsType[unfinished](err); !is || !strings.Contains(err.Error(), "not over after 28m: key: followed 0 of 1: api") ||
		!strings.Contains(err.Error(), "it goes on: rotary wait dev key") {
		t.Errorf("error %v", err)
	}
	if want := "09:00:00 key 1/1 made new00000\n09:00:00 key 1/1 written app\n09:00:00 key 1/1 following api: 2 of 2 tasks\n"; errs != want {
		t.Errorf("printed %q, want %q", errs, want)
	}
	if _, _, _, err = watching(t, watch{timeout: time.Minute}, look{report: rolling}); !strings.Contains(err.Error(), "after 1m") {
		t.Errorf("error %v", err)
	}
}

func TestARotationThatCameToNothingHasFailed(t *testing.T) {
	before := over()
	before.Sources[0].Version = "v-old00000"
	w := watch{}
	w.tracker.Start(operate.Watch{Source: "key", Before: "v-old00000", Version: "v-new00000"}, nine)
	looked, _, errs, err := watching(t, w, look{report: before})
	if looked != 3 || err == nil || classifyError(err) != exitFailed || !strings.Contains(err.Error(), "has come to nothing: old00000 is still current; the rotate Lambda's log says why") {
		t.Errorf("%d looks and error %v", looked, err)
	}
	if !strings.Contains(errs, "09:00:10 key came to nothing: old00000 is still current") {
		t.Errorf("it says %q", errs)
	}
}

func TestInterruptedItSaysThatTheRotationGoesOnAndHowToJoin(t *testing.T) {
	_, _, _, err := watching(t, watch{}, look{report: rotated("current", settling), interrupt: true})
	var errs bytes.Buffer
	code := terminal{nil, nil, &errs}.reportError(err)
	if code != exitUnfinished || errs.String() != "Stopped watching. The rotation goes on: rotary wait dev key\n" {
		t.Errorf("exit code %d and %q", code, errs.String())
	}
}

func TestAProgramGetsALineForEachChangeAndTheEnd(t *testing.T) {
	_, out, errs, err := watching(t, watch{display: &display{}}, look{report: rotated("rolling", plan.Wait{Reason: plan.InUse})}, look{report: rotated("current", settling)}, look{report: over()})
	var events []string
	for line := range strings.Lines(out) {
		var e struct{ Event, Source, Error string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		events = append(events, e.Event)
	}
	want := []string{"made", "written", "consumer", "followed", "waiting", "done", "end"}
	if diff := cmp.Diff(want, events); diff != "" || err != nil || errs != "" {
		t.Errorf("error %v, %q on standard error, and the events (-want +got):\n%s", err, errs, diff)
	}
	if !strings.Contains(out, `"event":"end","environment":"dev","reached":true,"converged":true`) || !strings.Contains(out, `"dead":["v-old00000"]`) {
		t.Errorf("the end is not told:\n%s", out)
	}
}

func TestWhatOnlyAPersonEndsDoesNotHoldTheTerminal(t *testing.T) {
	byHand := plan.Wait{Reason: plan.ByHand, Detail: "safe to revoke at the vendor now; then: rotary retire dev key --revoked"}
	looked, _, _, err := watching(t, watch{}, look{report: rotated("current", byHand)})
	if _, is := errors.AsType[unfinished](err); looked != 1 || !is || !strings.Contains(err.Error(), "key waits for a person: safe to revoke") {
		t.Errorf("%d looks and error %v", looked, err)
	}
}

func TestApplyFollowsWhatIsUnderWayAndNotWhatOnlyTimeOrPeopleEnd(t *testing.T) {
	steps := report()
	steps.Steps, steps.Converged = []plan.Step{{Do: "roll", Subject: "api"}}, false
	for name, c := range map[string]struct {
		apply applyCmd
		seen  plan.Report
		over  bool
	}{
		"a step":                   {seen: steps},
		"a rollout":                {seen: report(plan.Wait{Subject: "api", Reason: plan.Rolling})},
		"somebody else's rollout":  {seen: report(plan.Wait{Subject: "api", Reason: plan.Foreign})},
		"a gate behind a rollout":  {seen: report(plan.Wait{Subject: "vendors", Reason: plan.Rolling}), over: true},
		"a failed rollout":         {seen: report(plan.Wait{Subject: "api", Reason: plan.RolloutFailed}), over: true},
		"a quiet period":           {seen: report(plan.Wait{Subject: "vendors", Reason: plan.Settling, Until: nine.Add(time.Minute)}), over: true},
		"the brake":                {seen: report(plan.Wait{Subject: "bucket", Reason: plan.Brake}), over: true},
		"the brake, loosened":      {apply: applyCmd{AcceptRemovals: []string{"A"}}, seen: report(plan.Wait{Subject: "bucket", Reason: plan.Brake})},
		"the brake, loosened here": {apply: applyCmd{AcceptRemovals: []string{"A"}, Direct: true}, seen: report(plan.Wait{Subject: "bucket", Reason: plan.Brake}), over: true},
		"nothing":                  {seen: report(), over: true},
	} {
		over, err := c.apply.isDone(c.seen)
		_, waits := errors.AsType[unfinished](err)
		if over != c.over || waits != (over && !c.seen.Converged) {
			t.Errorf("%s: over %v with error %v", name, over, err)
		}
	}
}
