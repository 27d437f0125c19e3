package lambdahost

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// runtimeAPI is the server's side of the Lambda Runtime API, version 2018-06-01, for one process
// (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). Extensions and streamed responses are not there.
type runtimeAPI struct {
	asks    chan struct{}   // the process asks for work: one send per /next
	work    chan invocation // what it then gets
	answers chan Result     // what became of it

	mu      sync.Mutex
	current string // request id that may be answered, once
}

func newRuntimeAPI() *runtimeAPI {
	return &runtimeAPI{asks: make(chan struct{}), work: make(chan invocation), answers: make(chan Result, 1)}
}

func (a *runtimeAPI) registerRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.serveResponse)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.serveError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.serveInitError)
	return mux
}

// giveInvocation hands work to a process that has asked; false means that it ended first. A complaint about its start
// that did not keep the process from asking is forgotten.
func (a *runtimeAPI) giveInvocation(in invocation, exited <-chan struct{}) bool {
	select {
	case <-a.answers:
	default:
	}
	a.mu.Lock()
	a.current = in.id
	a.mu.Unlock()
	select {
	case a.work <- in:
		return true
	case <-exited:
		return false
	}
}

func (a *runtimeAPI) serveNext(w http.ResponseWriter, r *http.Request) {
	select {
	case a.asks <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	select {
	case in := <-a.work:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", in.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(in.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", in.arn)
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0")
		_, _ = w.Write(in.payload)
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) serveResponse(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Lambda-Runtime-Function-Response-Mode") != "" {
		http.Error(w, "the stand-in does not implement streamed responses", http.StatusNotImplemented)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		return // the process broke off: it has not answered
	}
	result, status := limitAnswer(Result{Payload: body}), http.StatusAccepted
	if result.FunctionError != "" {
		status = http.StatusRequestEntityTooLarge
	}
	if errorType := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); errorType != "" {
		body, _ = base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		result = reportedFailure(errorType, body)
	}
	a.endInvocation(w, r.PathValue("id"), result, status)
}

func (a *runtimeAPI) serveError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload))
	if err != nil {
		return
	}
	a.endInvocation(w, r.PathValue("id"), reportedFailure(r.Header.Get("Lambda-Runtime-Function-Error-Type"), body), http.StatusAccepted)
}

// serveInitError keeps the error of a process that fails to start; the first one counts.
func (a *runtimeAPI) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload))
	if err != nil {
		return
	}
	select {
	case a.answers <- reportedFailure(r.Header.Get("Lambda-Runtime-Function-Error-Type"), body):
	default:
	}
	w.WriteHeader(http.StatusAccepted)
}

// endInvocation ends the current invocation; any other id, or a second answer, is refused.
func (a *runtimeAPI) endInvocation(w http.ResponseWriter, id string, result Result, status int) {
	a.mu.Lock()
	mine := id == a.current
	if mine {
		a.current = ""
	}
	a.mu.Unlock()
	if !mine {
		http.Error(w, "no such invocation", http.StatusBadRequest)
		return
	}
	w.WriteHeader(status)
	a.answers <- result
}

// reportedFailure returns the result of an invocation that the function itself reports as failed.
func reportedFailure(errorType string, body []byte) Result {
	var said struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(body, &said) // a body of another shape is passed on as it is
	if said.ErrorType == "" {
		said.ErrorType = errorType
	}
	return Result{Payload: body, FunctionError: "Unhandled", ErrorType: said.ErrorType, ErrorMessage: said.ErrorMessage}
}
