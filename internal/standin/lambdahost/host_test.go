package lambdahost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

const account = "111111111111"

// bootstrap is testdata/bootstrap, built once.
var bootstrap = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bootstrap")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bootstrap")
	out, err := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", path, "./testdata/bootstrap").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building testdata/bootstrap: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := bootstrap(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func newHost(t *testing.T) *Host {
	t.Helper()
	clock := sim.NewClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC))
	h := New(Config{Clock: clock, Account: account, Region: "us-east-1"})
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}

// register registers testdata/bootstrap under the name fn.
func register(t *testing.T, h *Host, f Function) {
	t.Helper()
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	f.Name, f.Path = "fn", path
	h.Register(f)
}

func invoke(t *testing.T, h *Host, payload string) Result {
	t.Helper()
	r, err := h.Invoke(t.Context(), "fn", []byte(payload))
	if err != nil {
		t.Fatalf("invoke: %v", err)
	}
	return r
}

func TestProcessAnswersAndStaysWarm(t *testing.T) {
	h := newHost(t)
	register(t, h, Function{})
	for want := range 3 {
		if got := invoke(t, h, `{"Do":"count"}`); string(got.Payload) != fmt.Sprint(want+1) || got.FunctionError != "" {
			t.Errorf("invocation %d: got %s %s", want+1, got.Payload, got.FunctionError)
		}
	}
	if got := invoke(t, h, `{"Do":"stream","Text":"as it comes"}`); string(got.Payload) != "as it comes" {
		t.Errorf("a chunked response: got %s", got.Payload)
	}
	if got, want := string(h.Output()), "doing count\ndoing count\ndoing count\ndoing stream\n"; got != want {
		t.Errorf("output: got %q, want %q", got, want)
	}
}

func TestProcessSeesOnlyWhatLambdaSets(t *testing.T) {
	t.Setenv("SHOULD_NOT_BE_INHERITED", "1")
	h := newHost(t)
	register(t, h, Function{Timeout: time.Hour, Env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}})
	var got struct {
		RequestID, ARN, Root string
		Env                  []string
		Seconds              int
	}
	if err := json.Unmarshal(invoke(t, h, `{"Do":"describe"}`).Payload, &got); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"AWS_ACCESS_KEY_ID=" + account, "AWS_DEFAULT_REGION=us-east-1", "AWS_ENDPOINT_URL=http://127.0.0.1:1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_FUNCTION_NAME=fn", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/fn", "AWS_LAMBDA_LOG_STREAM_NAME=standin/[$LATEST]",
		"AWS_REGION=us-east-1", "AWS_SECRET_ACCESS_KEY=x", "AWS_SESSION_TOKEN=fn",
		"LANG=en_US.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin", "TZ=:UTC", "_HANDLER=bootstrap",
	}
	if diff := cmp.Diff(want, got.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	path, _ := bootstrap()
	if got.ARN != h.ARN("fn") || got.Root != filepath.Dir(path) || got.Seconds < 3000 || got.Seconds > 3600 || got.RequestID == "" {
		t.Errorf("context: got %+v", got)
	}
}

func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		name, payload  string
		function       Function
		errorType, say string
		next           string // what the next count says: 3 where the process lived on, 1 where a new one started
	}{
		{"an error", `{"Do":"error"}`, Function{}, "refusedError", "refused as asked", "3"},
		{"a response that breaks off", `{"Do":"break"}`, Function{}, "refusedError", "refused as asked", "3"},
		{"a panic", `{"Do":"panic"}`, Function{}, "string", "panicking as asked", "1"},
		{"an exit", `{"Do":"exit"}`, Function{}, "Runtime.ExitError", "Runtime exited with error: exit status 3", "1"},
		{"the deadline", `{"Do":"sleep"}`, Function{Timeout: 3 * time.Second}, "Sandbox.Timedout", "Error: Task timed out after 3.00 seconds", "1"},
		{"too large an answer", fmt.Sprintf(`{"Do":"size","Size":%d}`, maxPayload), Function{}, "Function.ResponseSizeTooLarge", "maximum allowed payload size", "1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			register(t, h, tc.function)
			invoke(t, h, `{"Do":"count"}`)
			got := invoke(t, h, tc.payload)
			if got.FunctionError != "Unhandled" || got.ErrorType != tc.errorType || !strings.Contains(got.ErrorMessage, tc.say) {
				t.Errorf("got %q %q %q", got.FunctionError, got.ErrorType, got.ErrorMessage)
			}
			var body struct{ ErrorType, ErrorMessage string }
			if err := json.Unmarshal(got.Payload, &body); err != nil || body.ErrorType != tc.errorType {
				t.Errorf("payload %s: %v", got.Payload, err)
			}
			if next := invoke(t, h, `{"Do":"count"}`); string(next.Payload) != tc.next {
				t.Errorf("afterwards: count is %s, want %s", next.Payload, tc.next)
			}
		})
	}
}

func TestInitFailures(t *testing.T) {
	for init, want := range map[string]string{"error": "Init.Refused", "exit": "Runtime.ExitError"} {
		h := newHost(t)
		register(t, h, Function{Env: map[string]string{"INIT": init}})
		for range 2 {
			if got := invoke(t, h, `{}`); got.ErrorType != want {
				t.Errorf("init %s: got %q %q", init, got.ErrorType, got.ErrorMessage)
			}
		}
	}
}

func TestNothingCouldBeRun(t *testing.T) {
	h := newHost(t)
	h.Register(Function{Name: "missing", Path: filepath.Join(t.TempDir(), "bootstrap")})
	h.Register(Function{Name: "there", Handler: func(context.Context, []byte) ([]byte, error) { return nil, nil }})
	if _, err := h.Invoke(t.Context(), "missing", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no bootstrap: got %v", err)
	}
	for code, call := range map[string]func() error{
		"ResourceNotFoundException": func() error { _, err := h.Invoke(t.Context(), "other", nil); return err },
		"RequestTooLargeException": func() error {
			_, err := h.Invoke(t.Context(), "there", bytes.Repeat([]byte("x"), maxPayload+1))
			return err
		},
	} {
		var e *wire.Error
		if err := call(); !errors.As(err, &e) || e.Code != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Invoke(t.Context(), "there", nil); err == nil {
		t.Error("a closed host runs a function")
	}
}

func TestNamesAndPolicy(t *testing.T) {
	h := newHost(t)
	arn := h.Register(Function{Name: "fn", Callers: []string{"secretsmanager.amazonaws.com"}, Handler: func(context.Context, []byte) ([]byte, error) { return []byte("1"), nil }})
	for _, name := range []string{"fn", arn, arn + ":$LATEST", account + ":function:fn"} {
		if _, err := h.Invoke(t.Context(), name, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.Invoke(t.Context(), strings.Replace(arn, account, "222222222222", 1), nil); err == nil {
		t.Error("a function of another account was run")
	}
	const principal, source = "secretsmanager.amazonaws.com", "arn:aws:secretsmanager:us-east-1:111111111111:secret:source/dev/a-AbCdEf"
	if !h.Allows(arn, principal, source) || h.Allows(arn, "events.amazonaws.com", source) || h.Allows(arn+"x", principal, source) {
		t.Error("the resource policy lets the wrong principals in")
	}
}

func TestAPermissionCanBeForCertainSources(t *testing.T) {
	const principal, prefix = "secretsmanager.amazonaws.com", "arn:aws:secretsmanager:us-east-1:111111111111:secret:"
	for pattern, allowed := range map[string]bool{
		prefix + "legacy/token-AbCdEf": true, prefix + "legacy/token-??????": true, prefix + "*": true,
		prefix + "legacy/token-AbCdEg": false, prefix + "legacy/token-?????": false, prefix + "legacy.token-AbCdEf": false, prefix + "legacy/token": false,
	} {
		h := newHost(t)
		arn := h.Register(Function{Name: "fn", Callers: []string{principal}, Sources: []string{prefix + "other-AbCdEf", pattern}, Path: "never-started"})
		if h.Allows(arn, principal, prefix+"legacy/token-AbCdEf") != allowed {
			t.Errorf("a permission for %s: allowed is not %v", pattern, allowed)
		}
	}
}

func TestHandlerInThisProcess(t *testing.T) {
	h := newHost(t)
	h.Register(Function{Name: "fn", Timeout: time.Hour, Handler: func(ctx context.Context, payload []byte) ([]byte, error) {
		lc, ok := lambdacontext.FromContext(ctx)
		if _, timed := ctx.Deadline(); !ok || !timed || lc.InvokedFunctionArn != h.ARN("fn") {
			t.Error("the context lacks what Lambda puts there")
		}
		switch string(payload) {
		case "panic":
			panic(os.ErrClosed)
		case "error":
			return nil, &os.PathError{Op: "open", Path: "x", Err: os.ErrExist}
		}
		return append([]byte("got "), payload...), nil
	}})
	if got := invoke(t, h, "it"); string(got.Payload) != "got it" || got.FunctionError != "" {
		t.Errorf("got %s %s", got.Payload, got.FunctionError)
	}
	if got := invoke(t, h, "error"); got.ErrorType != "PathError" || got.ErrorMessage != "open x: file already exists" {
		t.Errorf("error: got %q %q", got.ErrorType, got.ErrorMessage)
	}
	if got := invoke(t, h, "panic"); got.ErrorType != "errorString" || !bytes.Contains(h.Output(), []byte("panic: file already closed")) {
		t.Errorf("panic: got %q %q", got.ErrorType, got.ErrorMessage)
	}
}

func TestReservedConcurrencyThrottles(t *testing.T) {
	h := newHost(t)
	var nested error
	h.Register(Function{Name: "fn", Concurrency: 1, Handler: func(ctx context.Context, _ []byte) ([]byte, error) {
		_, nested = h.Invoke(ctx, "fn", nil)
		return nil, nil
	}})
	invoke(t, h, "")
	var e *wire.Error
	if !errors.As(nested, &e) || e.Code != "TooManyRequestsException" || e.Status != http.StatusTooManyRequests {
		t.Errorf("a second invocation at the same time: got %v", nested)
	}
	invoke(t, h, "")
}

func TestThePIDIsThatOfTheWarmProcess(t *testing.T) {
	h := newHost(t)
	register(t, h, Function{})
	if pid, running := h.PID("fn"); running {
		t.Errorf("process %d runs before the first invocation", pid)
	}
	invoke(t, h, "")
	pid, running := h.PID("fn")
	if !running || pid != h.functions["fn"].process.cmd.Process.Pid {
		t.Errorf("process %d, running: %v", pid, running)
	}
	h.Kill("fn")
	if _, running := h.PID("fn"); running {
		t.Error("a process that was killed runs")
	}
	if _, running := h.PID("nothing"); running {
		t.Error("a function that does not exist runs")
	}
}

// A function calls back while the goroutine that advances the clock waits for it; a crash in the middle of that
// call fails the invocation and nothing else.
func TestCallsBackAndCrashes(t *testing.T) {
	h := newHost(t)
	crash := false
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if crash {
			h.Kill("fn")
		}
		if _, _, err := h.findFunction("fn", ""); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusOK)
	}))
	defer back.Close()
	register(t, h, Function{})
	payload := fmt.Sprintf(`{"Do":"call","Text":%q}`, back.URL)
	var got Result
	h.cfg.Clock.After(time.Second, "invoke", func() { got = invoke(t, h, payload) })
	h.cfg.Clock.Advance(time.Minute)
	if got.FunctionError != "" || string(got.Payload) != "null" {
		t.Errorf("got %s %s", got.Payload, got.FunctionError)
	}
	crash = true
	if got := invoke(t, h, payload); got.ErrorType != "Runtime.ExitError" {
		t.Errorf("crash: got %q %q", got.ErrorType, got.ErrorMessage)
	}
	crash = false
	if got := invoke(t, h, payload); got.FunctionError != "" {
		t.Errorf("after the crash: got %q", got.ErrorType)
	}
}

// printSignal signals that something was printed.
type printSignal chan struct{}

func (p printSignal) Write(b []byte) (int, error) {
	p <- struct{}{}
	return len(b), nil
}

func TestCloseEndsWhatRuns(t *testing.T) {
	log := make(printSignal, 10)
	h := New(Config{Clock: sim.NewClock(time.Unix(0, 0)), Account: account, Region: "us-east-1", Log: log})
	register(t, h, Function{})
	done := make(chan Result)
	go func() {
		r, _ := h.Invoke(t.Context(), "fn", []byte(`{"Do":"sleep","Text":"said at length, so that the log gets some of it at once"}`))
		done <- r
	}()
	<-log
	for range 2 {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if r := <-done; r.ErrorType != "Runtime.ExitError" {
		t.Errorf("got %q %q", r.ErrorType, r.ErrorMessage)
	}
}

func TestReplacedFunction(t *testing.T) {
	h := newHost(t)
	register(t, h, Function{})
	invoke(t, h, `{"Do":"count"}`)
	register(t, h, Function{})
	if got := invoke(t, h, `{"Do":"count"}`); string(got.Payload) != "1" {
		t.Errorf("the new function counts %s", got.Payload)
	}
}

func TestLogGetsTheOutput(t *testing.T) {
	var log bytes.Buffer
	h := New(Config{Clock: sim.NewClock(time.Unix(0, 0)), Account: account, Region: "us-east-1", Log: &log})
	register(t, h, Function{})
	invoke(t, h, `{"Do":"echo","Text":"hello"}`)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); got != "doing echo\n" {
		t.Errorf("got %q", got)
	}
}

// TestEachFunctionPrintsIntoItsOwnLogGroup: and all of them into the output, in the order of the invocations.
func TestEachFunctionPrintsIntoItsOwnLogGroup(t *testing.T) {
	groups := map[string]*bytes.Buffer{}
	h := New(Config{
		Clock: sim.NewClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)), Account: account, Region: "us-east-1",
		LogGroup: func(name string) io.Writer {
			groups[name] = &bytes.Buffer{}
			return groups[name]
		},
	})
	t.Cleanup(func() { _ = h.Close() })
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fn", "other", "idle"} {
		h.Register(Function{Name: name, Path: path})
	}
	for _, call := range []string{"fn count", "other describe", "fn stream", "other count"} {
		name, what, _ := strings.Cut(call, " ")
		if _, err := h.Invoke(t.Context(), name, []byte(`{"Do":"`+what+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{"": string(h.Output())}
	for name, text := range groups {
		got[name] = text.String()
	}
	want := map[string]string{
		"":                  "doing count\ndoing describe\ndoing stream\ndoing count\n",
		"/aws/lambda/fn":    "doing count\ndoing stream\n",
		"/aws/lambda/other": "doing describe\ndoing count\n",
		"/aws/lambda/idle":  "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("output and log groups (-want +got):\n%s", diff)
	}
}
