package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Lambda's quotas on payloads: 6 MB each way for a synchronous invocation, 1 MB for an asynchronous one.
const (
	maxPayload      = 6 << 20
	maxAsyncPayload = 1 << 20
)

// Result is the result of an invocation. A function that failed is a Result, not an error.
type Result struct {
	Payload       []byte // the function's answer, or {errorType, errorMessage, ...}
	FunctionError string // "" or Unhandled
	ErrorType     string
	ErrorMessage  string
}

// invocation is one piece of work for a function.
type invocation struct {
	id       string
	arn      string
	payload  []byte
	deadline time.Time
}

// Invoke runs a function and waits for it. Its name or ARN may have a qualifier. An error (ResourceNotFoundException, TooManyRequestsException,
// RequestTooLargeException, a bootstrap that cannot be started) means that nothing was run. ctx bounds the wait
// for the function's process to be free; what has started runs to its own end or deadline, as in Lambda.
func (h *Host) Invoke(ctx context.Context, nameOrARN string, payload []byte) (Result, error) {
	f, qualifier, err := h.findFunction(nameOrARN, "")
	if err != nil {
		return Result{}, err
	}
	if len(payload) > maxPayload {
		return Result{}, sizeError(maxPayload)
	}
	id, err := h.enterInvocation(f)
	if err != nil {
		return Result{}, err
	}
	defer h.leaveInvocation(f)
	in := invocation{id: id, arn: qualifyARN(f.arn, qualifier), payload: payload}
	if f.Instead != nil {
		if r, did := h.callInstead(ctx, f, in); did {
			return limitAnswer(r), nil
		}
	}
	if f.Handler != nil {
		return limitAnswer(h.callHandler(ctx, f, f.Handler, in)), nil
	}
	return h.runInOwnProcess(ctx, f, in)
}

// enterInvocation counts an invocation in and names it, unless the reserved concurrency is used up.
func (h *Host) enterInvocation(f *function) (requestID string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return "", errors.New("invoking " + f.Name + ": the Lambda host is closed")
	}
	if f.Concurrency > 0 && f.running >= f.Concurrency {
		return "", &wire.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: http.StatusTooManyRequests}
	}
	f.running++
	h.requests++
	return fmt.Sprintf("1a3bda00-0000-4000-8000-%012d", h.requests), nil
}

func (h *Host) leaveInvocation(f *function) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.running--
}

// callInstead asks a function's Instead, and reports whether that has answered.
func (h *Host) callInstead(ctx context.Context, f *function, in invocation) (r Result, did bool) {
	r = h.callHandler(ctx, f, func(ctx context.Context, payload []byte) (answer []byte, err error) {
		answer, did, err = f.Instead(ctx, payload)
		return answer, err
	}, in)
	return r, did || r.FunctionError != ""
}

// callHandler runs a handler that lives in this process.
func (h *Host) callHandler(ctx context.Context, f *function, handler func(context.Context, []byte) ([]byte, error), in invocation) (r Result) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.Timeout)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: in.id, InvokedFunctionArn: in.arn})
	defer func() {
		if p := recover(); p != nil {
			h.out.printLine(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			r = failedResult(errorTypeName(p), fmt.Sprint(p))
		}
	}()
	answer, err := handler(ctx, in.payload)
	if err != nil {
		return failedResult(errorTypeName(err), err.Error())
	}
	return Result{Payload: answer}
}

// runInOwnProcess gives an invocation to the function's process, starting one where none is warm.
func (h *Host) runInOwnProcess(ctx context.Context, f *function, in invocation) (Result, error) {
	select {
	case <-f.turn:
	case <-ctx.Done():
		return Result{}, fmt.Errorf("waiting for %s to be free: %w", f.Name, ctx.Err())
	}
	defer func() { f.turn <- struct{}{} }()
	if f.process == nil || f.process.hasEnded() {
		if err := h.startFunction(f); err != nil {
			return Result{}, fmt.Errorf("starting %s: %w", f.Name, err)
		}
	}
	h.waitForPrints() // of whoever has called this one: its lines come first
	r := f.process.runInvocation(in, f.Timeout)
	h.waitForPrints()
	h.out.waitForOutput()
	return r, nil
}

// startFunction makes the function's process and remembers it for Close.
func (h *Host) startFunction(f *function) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errors.New("the Lambda host is closed")
	}
	p, err := startProcess(f.Path, h.processEnvironment(f), h.prints[f.Name].file)
	if err != nil {
		return err
	}
	delete(h.processes, f.process)
	f.process, h.processes[p] = p, true
	return nil
}

// PID returns the process id of a function's warm process; false where none runs.
func (h *Host) PID(nameOrARN string) (pid int, running bool) {
	f, _, err := h.findFunction(nameOrARN, "")
	if err != nil {
		return 0, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.process == nil || f.process.hasEnded() {
		return 0, false
	}
	return f.process.cmd.Process.Pid, true
}

// Kill ends the function's process at whatever point it is, as a crash or a lost machine would: the invocation it
// runs fails with Runtime.ExitError, and the next one starts a new process. Nothing happens where none runs.
func (h *Host) Kill(nameOrARN string) {
	f, _, err := h.findFunction(nameOrARN, "")
	if err != nil {
		return
	}
	h.mu.Lock()
	p := f.process
	h.mu.Unlock()
	if p != nil {
		p.killAndWait()
	}
}

// endReplacedProcess ends the process of a function that was replaced, after what it is running.
func (h *Host) endReplacedProcess(f *function) {
	<-f.turn
	defer func() { f.turn <- struct{}{} }()
	if f.process != nil {
		f.process.killAndWait()
	}
}

// failedResult returns the result of a function that did not answer.
func failedResult(errorType, message string) Result {
	body, _ := json.Marshal(map[string]string{"errorType": errorType, "errorMessage": message}) // strings always encode
	return Result{Payload: body, FunctionError: "Unhandled", ErrorType: errorType, ErrorMessage: message}
}

// limitAnswer replaces an answer that is over the quota by the error that Lambda has for it.
func limitAnswer(r Result) Result {
	if len(r.Payload) > maxPayload {
		return failedResult("Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxPayload))
	}
	return r
}

func sizeError(limit int) error {
	return &wire.Error{Code: "RequestTooLargeException", Status: http.StatusRequestEntityTooLarge,
		Message: fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", limit)}
}

// errorTypeName returns the errorType that aws-lambda-go reports for v.
func errorTypeName(v any) string {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}
