package lambdahost

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// client returns the genuine SDK client, talking to h in memory as the function "caller" would.
func client(h *Host) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(account, "x", "caller"),
		HTTPClient: &http.Client{Transport: sim.Transport{Handler: h}}, Retryer: aws.NopRetryer{},
	})
}

// scriptFailures registers a function in process that fails the given number of times, and counts.
func scriptFailures(h *Host, failures int) *int {
	calls := 0
	h.Register(Function{Name: "fn", Timeout: 90 * time.Second, Concurrency: 1, Handler: func(_ context.Context, payload []byte) ([]byte, error) {
		calls++
		if calls <= failures {
			return nil, errors.New("not yet")
		}
		return payload, nil
	}})
	return &calls
}

func TestInvokeAPI(t *testing.T) {
	h := newHost(t)
	scriptFailures(h, 1)
	c := client(h)
	for _, want := range []struct{ functionError, payload string }{
		{"Unhandled", `{"errorMessage":"not yet","errorType":"errorString"}`},
		{"", `{"a":1}`},
	} {
		got, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(h.ARN("fn")), Payload: []byte(`{"a":1}`)})
		if err != nil {
			t.Fatal(err)
		}
		if got.StatusCode != http.StatusOK || aws.ToString(got.FunctionError) != want.functionError || string(got.Payload) != want.payload {
			t.Errorf("got %d %q %s", got.StatusCode, aws.ToString(got.FunctionError), got.Payload)
		}
	}
}

func TestInvokeAsyncRetriesTwice(t *testing.T) {
	for _, tc := range []struct {
		failures int
		after    time.Duration
		want     int
	}{{0, 0, 1}, {1, 59 * time.Second, 1}, {1, time.Minute, 2}, {2, 3 * time.Minute, 3}, {9, time.Hour, 3}} {
		h := newHost(t)
		calls := scriptFailures(h, tc.failures)
		out, err := client(h).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("fn"), InvocationType: types.InvocationTypeEvent})
		if err != nil || out.StatusCode != http.StatusAccepted {
			t.Fatalf("got %v, %v", out, err)
		}
		if *calls != 0 {
			t.Error("it ran inside the call")
		}
		h.cfg.Clock.Advance(tc.after)
		if *calls != tc.want {
			t.Errorf("%d failures, after %v: ran %d times, want %d", tc.failures, tc.after, *calls, tc.want)
		}
	}
}

func TestInvokeAsyncWaitsOutThrottling(t *testing.T) {
	h := newHost(t)
	calls := scriptFailures(h, 0)
	f, _, err := h.findFunction("fn", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.enterInvocation(f); err != nil { // the one place is taken
		t.Fatal(err)
	}
	if err := h.InvokeAsync("fn", nil); err != nil {
		t.Fatal(err)
	}
	h.cfg.Clock.Advance(time.Hour)
	if *calls != 0 {
		t.Error("it ran past the reserved concurrency")
	}
	h.leaveInvocation(f)
	h.cfg.Clock.Advance(5 * time.Minute)
	if *calls != 1 {
		t.Errorf("ran %d times", *calls)
	}
}

func TestDryRunAndGetFunction(t *testing.T) {
	h := newHost(t)
	calls := scriptFailures(h, 0)
	c := client(h)
	out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("fn"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || out.StatusCode != http.StatusNoContent || *calls != 0 {
		t.Errorf("dry run: %v, %v, ran %d times", out, err, *calls)
	}
	got, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("fn")})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(got.Configuration.FunctionArn) != h.ARN("fn") || aws.ToInt32(got.Configuration.Timeout) != 90 || aws.ToInt32(got.Concurrency.ReservedConcurrentExecutions) != 1 {
		t.Errorf("got %+v", got.Configuration)
	}
}

// TestAFunctionIsToldThroughWhichAliasItWasCalled: by name, by ARN and by parameter, with a process and without waiting, too.
func TestAFunctionIsToldThroughWhichAliasItWasCalled(t *testing.T) {
	h := newHost(t)
	var got []string
	arn := h.Register(Function{Name: "fn", Aliases: []string{"advance", "rollback"}, Callers: []string{"secretsmanager.amazonaws.com"}, Handler: func(ctx context.Context, _ []byte) ([]byte, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		got = append(got, strings.TrimPrefix(lc.InvokedFunctionArn, h.ARN("fn")))
		return []byte("null"), nil
	}})
	c := client(h)
	for _, in := range []lambda.InvokeInput{
		{FunctionName: aws.String("fn")}, {FunctionName: aws.String("fn"), Qualifier: aws.String("$LATEST")}, {FunctionName: aws.String("fn"), Qualifier: aws.String("advance")},
		{FunctionName: aws.String("fn:rollback")}, {FunctionName: aws.String(arn + ":advance")}, {FunctionName: aws.String("fn:advance"), Qualifier: aws.String("advance")},
		{FunctionName: aws.String("fn"), Qualifier: aws.String("rollback"), InvocationType: types.InvocationTypeEvent},
	} {
		if _, err := c.Invoke(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
	}
	h.cfg.Clock.Advance(time.Second)
	if diff := cmp.Diff([]string{"", ":$LATEST", ":advance", ":rollback", ":advance", ":advance", ":rollback"}, got); diff != "" {
		t.Errorf("called through (-want +got):\n%s", diff)
	}
	var invalid *types.InvalidParameterValueException
	if _, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("fn:advance"), Qualifier: aws.String("rollback")}); !errors.As(err, &invalid) {
		t.Errorf("two qualifiers: %v", err)
	}
	alias, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("fn"), Qualifier: aws.String("advance")})
	if err != nil || aws.ToString(alias.Configuration.FunctionArn) != arn+":advance" || aws.ToString(alias.Configuration.Version) != "$LATEST" {
		t.Errorf("the alias: %+v, %v", alias, err)
	}
	if h.Allows(arn+":advance", "secretsmanager.amazonaws.com", "arn:aws:secretsmanager:us-east-1:111111111111:secret:a-AbCdEf") {
		t.Error("the function's policy lets a service call an alias")
	}
}

func TestAPIRefusals(t *testing.T) {
	h := newHost(t)
	scriptFailures(h, 0)
	c := client(h)
	invoke := func(in lambda.InvokeInput) error { _, err := c.Invoke(t.Context(), &in); return err }
	var missing *types.ResourceNotFoundException
	if err := invoke(lambda.InvokeInput{FunctionName: aws.String("other")}); !errors.As(err, &missing) {
		t.Errorf("no such function: got %v", err)
	}
	if _, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("other")}); !errors.As(err, &missing) {
		t.Errorf("no such function: got %v", err)
	}
	for what, in := range map[string]lambda.InvokeInput{
		"no such alias":         {FunctionName: aws.String("fn"), Qualifier: aws.String("live")},
		"no such alias by name": {FunctionName: aws.String("fn:live")},
		"no such version":       {FunctionName: aws.String("fn"), Qualifier: aws.String("1")},
	} {
		if err := invoke(in); !errors.As(err, &missing) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	_, list := c.ListFunctions(t.Context(), nil)
	for what, err := range map[string]error{
		"the log's end": invoke(lambda.InvokeInput{FunctionName: aws.String("fn"), LogType: types.LogTypeTail}),
		"a context":     invoke(lambda.InvokeInput{FunctionName: aws.String("fn"), ClientContext: aws.String("e30=")}),
		"ListFunctions": list,
	} {
		var e smithy.APIError
		if !errors.As(err, &e) || e.ErrorCode() != "StandinNotImplemented" {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestCallsAreTapped(t *testing.T) {
	h := newHost(t)
	calls := scriptFailures(h, 0)
	c := client(h)
	outcome := sim.Works
	h.cfg.Tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: outcome} })
	call := func() error {
		_, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("fn"), Payload: []byte("{}")})
		return err
	}
	if err := call(); err != nil {
		t.Fatal(err)
	}
	want := []sim.Call{{N: 1, Service: "lambda", Operation: "Invoke", Account: account, Region: "us-east-1", Caller: "caller", Resource: "fn", Write: true, Status: 200, Bytes: 2}}
	if diff := cmp.Diff(want, h.cfg.Tap.Calls()); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	outcome = sim.Throttled
	var throttled *types.TooManyRequestsException
	if err := call(); !errors.As(err, &throttled) {
		t.Errorf("throttled: got %v", err)
	}
	outcome = sim.Lost
	if err := call(); err == nil || *calls != 2 {
		t.Errorf("lost answer: got %v after %d runs", err, *calls)
	}
}
