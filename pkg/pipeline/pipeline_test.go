package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

func TestAdvanceAsksTheLambdaThatReachesTheTarget(t *testing.T) {
	for source, function := range map[string]string{"handshake": "rotary-dev-rotate",
		"app-db": "rotary-dev-rotate-network"} {
		w := newWorld(t)
		w.deploy("rotary-dev-rotate", "null", "advance", "rollback")
		w.deploy("rotary-dev-rotate-network", "null", "advance", "rollback")
		if err := w.functions().Advance(t.Context(), plan.Advance{Source: source, Version: "v1",
			Current: "v2"}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{function + `:advance {"advance":{"source":"` + source +
			`","version":"v1","current":"v2"}}`}, w.got); diff != "" {
			t.Errorf("invocations (-want +got):\n%s", diff)
		}
	}
}

func TestRollbackAsksTheLambdaThatReachesTheTarget(t *testing.T) {
	for answer, want := range map[string]rotate.Progress{
		`{"done":true}`:                    {Done: true},
		`{"until":"2026-01-05T09:00:00Z"}`: {Until: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)},
	} {
		w := newWorld(t)
		w.deploy("rotary-dev-rotate-network", answer, "advance", "rollback")
		got, err := w.functions().Rollback(t.Context(), rotate.Back{Source: "app-db", Version: "v1", From: "v2"})
		if err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
		if diff := cmp.Diff([]string{`rotary-dev-rotate-network:rollback {"rollback":{"source":"app-db","version":"v1","from":"v2"}}`}, w.got); diff != "" {
			t.Errorf("invocations (-want +got):\n%s", diff)
		}
	}
}

func TestARollbackWithoutAnAnswerIsAnError(t *testing.T) {
	for _, answer := range []string{"null", "{}", `"canary"`, `{"until":"canary"}`} { // an older Lambda answers null
		w := newWorld(t)
		w.deploy("rotary-dev-rotate", answer, "advance", "rollback")
		_, err := w.functions().Rollback(t.Context(), rotate.Back{Source: "handshake"})
		if err == nil || !strings.Contains(err.Error(), "is it an older rotary?") ||
			strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error is %v", answer, err)
		}
	}
	w := newWorld(t)
	if _, err := w.functions().Rollback(t.Context(), rotate.Back{Source: "billing"}); err == nil ||
		len(w.Tap.Calls()) > 0 {
		t.Errorf("a source of another environment: %v", err)
	}
}

func TestAdvanceOfAnUnknownSourceCallsNobody(t *testing.T) {
	w := newWorld(t)
	w.deploy("rotary-dev-rotate", "null", "advance", "rollback")
	err := w.functions().Advance(t.Context(), plan.Advance{Source: "billing"}) // only in production
	if err == nil || err.Error() != "source billing is none of environment dev" || len(w.Tap.Calls()) > 0 {
		t.Errorf("%v, %d calls", err, len(w.Tap.Calls()))
	}
}

func TestAFailureSaysWhichLambdaAndWhat(t *testing.T) {
	w := newWorld(t)
	w.deploy("rotary-dev-rotate", "null", "advance", "rollback")
	w.fail = "retire version 1234 of handshake: no answer"
	err := w.functions().Advance(t.Context(), plan.Advance{Source: "handshake"})
	if err == nil || err.Error() != "rotary-dev-rotate:advance failed: Failed: retire version 1234 of handshake: no answer" {
		t.Errorf("error is %v", err)
	}
	w.refuse("Invoke", sim.Denied)
	err = w.functions().Advance(t.Context(), plan.Advance{Source: "handshake"})
	if err == nil || !strings.HasPrefix(err.Error(), "call rotary-dev-rotate:advance: ") ||
		errors.Is(err, pipeline.ErrNotDeployed) {
		t.Errorf("error is %v", err)
	}
}

func TestAFailureWithoutATypeSaysWhereToLook(t *testing.T) {
	unhandled := "Unhandled"
	for _, payload := range []string{"", "{}", "oops canary", `{"errorMessage":"canary"}`} {
		client := &answering{out: &lambda.InvokeOutput{FunctionError: &unhandled, Payload: []byte(payload)}}
		_, err := pipeline.New(newWorld(t).env, client).Look(t.Context())
		if err == nil || err.Error() != "rotary-dev-look failed: without saying why; see its log" {
			t.Errorf("%q: %v", payload, err)
		}
	}
}

func TestWithoutAPipelineItIsErrNotDeployed(t *testing.T) {
	w := newWorld(t)
	_, look := w.functions().Look(t.Context())
	advance := w.functions().Advance(t.Context(), plan.Advance{Source: "handshake"})
	for name, err := range map[string]error{"rotary-dev-propagate": look, "rotary-dev-rotate": advance} {
		if !errors.Is(err, pipeline.ErrNotDeployed) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestARotateFunctionWithoutTheAliasIsAnOlderOne: it is not called without.
func TestARotateFunctionWithoutTheAliasIsAnOlderOne(t *testing.T) {
	w := newWorld(t)
	w.deploy("rotary-dev-rotate", "null")
	err := w.functions().Confirm(t.Context(), plan.Confirm{Source: "handshake"})
	want := "call rotary-dev-rotate:advance: no pipeline is deployed for this environment, or an older rotary: make deploy"
	if !errors.Is(err, pipeline.ErrNotDeployed) || err.Error() != want || len(w.got) > 0 {
		t.Errorf("%v, called %v", err, w.got)
	}
}

func TestLookIsADryRunOfTheEnvironment(t *testing.T) {
	const answer = `{"environment":"dev","converged":true,"sources":[{"name":"handshake","owed":[{"version":"v1"}]}]}`
	const asked = ` {"dryRun":true,"environment":"dev"}`
	want := plan.Report{Environment: "dev", Converged: true,
		Sources: []plan.SourceReport{{Name: "handshake", Owed: []plan.OwedReport{{Version: "v1"}}}}}
	for _, tt := range []struct {
		name     string
		deployed []string
		denied   string // the function that the caller's policy does not have
		want     string // who answers
	}{
		{"this rotary", []string{"rotary-dev-look", "rotary-dev-propagate"}, "", "rotary-dev-look"},
		{"an older one", []string{"rotary-dev-propagate"}, "", "rotary-dev-propagate"},
		{"an older one, with its platform role", []string{"rotary-dev-propagate"}, "rotary-dev-look", "rotary-dev-propagate"},
		{"a caller who may only look", []string{"rotary-dev-look", "rotary-dev-propagate"}, "rotary-dev-propagate", "rotary-dev-look"},
	} {
		w := newWorld(t)
		for _, name := range tt.deployed {
			w.deploy(name, answer)
		}
		w.deny(tt.denied)
		report, err := w.functions().Look(t.Context())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(want, report); diff != "" {
			t.Errorf("%s: report (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff([]string{tt.want + asked}, w.got); diff != "" {
			t.Errorf("%s: invocations (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestALookThatIsRefusedNamesTheFunctionToAllow: the one that cannot write.
func TestALookThatIsRefusedNamesTheFunctionToAllow(t *testing.T) {
	w := newWorld(t)
	w.deploy("rotary-dev-propagate", "{}")
	w.deny("rotary-dev-look", "rotary-dev-propagate")
	_, err := w.functions().Look(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "call rotary-dev-look: ") || errors.Is(err, pipeline.ErrNotDeployed) {
		t.Errorf("error is %v", err)
	}
}

// TestALookOfAnOlderRotaryIsBusyWhileAPassIsUnderWay: its only function has room for one.
func TestALookOfAnOlderRotaryIsBusyWhileAPassIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.deploy("rotary-dev-propagate", "{}")
	w.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "Invoke" && c.Resource == "rotary-dev-propagate" {
			return sim.Fault{Outcome: sim.Throttled}
		}
		return sim.Fault{}
	})
	_, err := w.functions().Look(t.Context())
	if _, busy := errors.AsType[*types.TooManyRequestsException](err); !busy {
		t.Errorf("error is %v", err)
	}
}

func TestAnAnswerThatIsNoReportIsAnError(t *testing.T) {
	for _, answer := range []string{"null", "{}", `"ok"`, "[]", `{"environment":"production"}`,
		`{"environment":"dev","steps":"none"}`} {
		w := newWorld(t)
		w.deploy("rotary-dev-look", answer)
		report, err := w.functions().Look(t.Context())
		if err == nil || !strings.Contains(err.Error(),
			"read the answer of rotary-dev-look: it is no report about environment dev") {
			t.Errorf("%s: %v", answer, err)
		}
		if diff := cmp.Diff(plan.Report{}, report); diff != "" {
			t.Errorf("%s: a report beside the error:\n%s", answer, diff)
		}
	}
}

// TestAnInvocationIsWaitedForAsLongAsALambdaMayRun: a client that gave up after ten seconds and tried again would run
// the function twice.
func TestAnInvocationIsWaitedForAsLongAsALambdaMayRun(t *testing.T) {
	client := &answering{out: &lambda.InvokeOutput{Payload: []byte(`{"environment":"dev"}`)}}
	if _, err := pipeline.New(newWorld(t).env, client).Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	short := awshttp.NewBuildableClient().WithTimeout(10 * time.Second)
	o := lambda.Options{HTTPClient: short}
	for _, change := range client.options {
		change(&o)
	}
	if got := o.HTTPClient.(*awshttp.BuildableClient).GetTimeout(); got != 15*time.Minute {
		t.Errorf("one try is bounded by %v", got)
	}
	if short.GetTimeout() != 10*time.Second {
		t.Error("every other call of this client waits as long")
	}
}

type answering struct {
	out     *lambda.InvokeOutput
	options []func(*lambda.Options)
}

func (a *answering) Invoke(_ context.Context, _ *lambda.InvokeInput,
	options ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	a.options = options
	return a.out, nil
}
