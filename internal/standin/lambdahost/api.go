package lambdahost

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// ServeHTTP serves Invoke and GetFunction of the Lambda API (restJson1); everything else is refused as not implemented.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", h.tapOperation("Invoke", true, h.serveInvoke))
	mux.HandleFunc("GET /2015-03-31/functions/{name}", h.tapOperation("GetFunction", false, h.serveGetFunction))
	mux.HandleFunc("/", h.tapOperation(r.Method+" "+r.URL.Path, true, refuseUnknown))
	mux.ServeHTTP(w, r)
}

// answer carries out one operation. It writes the answer itself, or returns why there is none.
type answer func(w http.ResponseWriter, r *http.Request, body []byte) error

// tapOperation passes a request through the tap.
func (h *Host) tapOperation(name string, write bool, do answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		call := wire.Caller(r)
		call.Service, call.Operation, call.Resource = "lambda", name, r.PathValue("name")
		call.Write, call.Bytes = write, len(body)
		h.cfg.Tap.Serve(w, call, func(w http.ResponseWriter) {
			if err := do(w, r, body); err != nil {
				wire.WriteError(h.cfg.Clock, w, err)
			}
		}, func(w http.ResponseWriter, o sim.Outcome) { wire.WriteError(h.cfg.Clock, w, refusalError(o)) })
	}
}

func refuseUnknown(_ http.ResponseWriter, r *http.Request, _ []byte) error {
	return wire.NotImplemented("lambda %s %s", r.Method, r.URL.Path)
}

// refusalError returns Lambda's own error for an outcome that a hook chose.
func refusalError(o sim.Outcome) error {
	if o == sim.Throttled {
		return &wire.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: http.StatusTooManyRequests}
	}
	return wire.Refusal(o)
}

func (h *Host) serveInvoke(w http.ResponseWriter, r *http.Request, body []byte) error {
	if err := checkParameters(r); err != nil {
		return err
	}
	f, qualifier, err := h.findFunction(r.PathValue("name"), r.URL.Query().Get("Qualifier"))
	if err != nil {
		return err
	}
	name := qualifyARN(f.arn, qualifier)
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
		return h.serveSync(w, r, name, body)
	case "Event":
		err := h.InvokeAsync(name, body)
		if err == nil {
			w.WriteHeader(http.StatusAccepted)
		}
		return err
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
		return nil
	default:
		return wire.NotImplemented("lambda invocation type %q", kind)
	}
}

// checkParameters refuses the parameters of Invoke that would change what it does.
func checkParameters(r *http.Request) error {
	if t := r.Header.Get("X-Amz-Log-Type"); t != "" && t != "None" {
		return wire.NotImplemented("lambda log type %q", t)
	}
	for _, name := range []string{"X-Amz-Client-Context", "X-Amz-Tenant-Id", "X-Amz-Durable-Execution-Name"} {
		if r.Header.Get(name) != "" {
			return wire.NotImplemented("lambda %s", name)
		}
	}
	return nil
}

func (h *Host) serveSync(w http.ResponseWriter, r *http.Request, name string, body []byte) error {
	result, err := h.Invoke(r.Context(), name, body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amz-Executed-Version", latest) // an alias is one of it, too
	if result.FunctionError != "" {
		w.Header().Set("X-Amz-Function-Error", result.FunctionError)
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(result.Payload)
	return nil
}

type configuration struct {
	FunctionName     string
	FunctionArn      string
	Runtime          string
	Handler          string
	Version          string
	PackageType      string
	State            string
	LastUpdateStatus string
	MemorySize       int
	Timeout          int // seconds
}

type concurrency struct{ ReservedConcurrentExecutions int }

func (h *Host) serveGetFunction(w http.ResponseWriter, r *http.Request, _ []byte) error {
	if err := checkParameters(r); err != nil {
		return err
	}
	f, qualifier, err := h.findFunction(r.PathValue("name"), r.URL.Query().Get("Qualifier"))
	if err != nil {
		return err
	}
	out := struct {
		Configuration configuration
		Concurrency   *concurrency `json:",omitempty"`
	}{Configuration: configuration{FunctionName: f.Name, FunctionArn: qualifyARN(f.arn, qualifier), Runtime: "provided.al2023", Handler: "bootstrap",
		Version: latest, PackageType: "Zip", State: "Active", LastUpdateStatus: "Successful", MemorySize: 128, Timeout: int(f.Timeout / time.Second)}}
	if f.Concurrency > 0 {
		out.Concurrency = &concurrency{f.Concurrency}
	}
	wire.WriteJSON(h.cfg.Clock, w, http.StatusOK, out)
	return nil
}

// asyncEvent is an asynchronous invocation that has been accepted.
type asyncEvent struct {
	arn      string
	payload  []byte
	accepted time.Time
	failures int // the function ran and failed
	refusals int // it could not be run
}

// InvokeAsync accepts an asynchronous invocation, which runs when the clock is advanced. A function that fails is
// run again after one and after two more minutes; one that is throttled is tried for six hours. After that the
// event is lost, as it is in Lambda without a destination or dead-letter queue.
func (h *Host) InvokeAsync(nameOrARN string, payload []byte) error {
	f, qualifier, err := h.findFunction(nameOrARN, "")
	if err != nil {
		return err
	}
	if len(payload) > maxAsyncPayload {
		return sizeError(maxAsyncPayload)
	}
	h.runAttemptAfter(0, asyncEvent{arn: qualifyARN(f.arn, qualifier), payload: payload, accepted: h.cfg.Clock.Now()})
	return nil
}

func (h *Host) runAttemptAfter(wait time.Duration, e asyncEvent) {
	h.cfg.Clock.After(wait, "asynchronous invocation of "+e.arn, func() { h.attemptEvent(e) })
}

func (h *Host) attemptEvent(e asyncEvent) {
	result, err := h.Invoke(context.Background(), e.arn, e.payload)
	var refused *wire.Error
	switch {
	case errors.As(err, &refused) && refused.Code == "TooManyRequestsException" && h.cfg.Clock.Now().Sub(e.accepted) < 6*time.Hour:
		e.refusals++
		h.runAttemptAfter(min(time.Second<<min(e.refusals, 16), 5*time.Minute), e)
	case err == nil && result.FunctionError != "" && e.failures < 2:
		e.failures++
		h.runAttemptAfter(time.Duration(e.failures)*time.Minute, e)
	case err != nil || result.FunctionError != "":
		h.out.printLine("lambdahost: an asynchronous event of " + e.arn + " was given up\n")
	}
}
