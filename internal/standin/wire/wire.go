// Package wire speaks AWS's wire protocols from the server's side, strictly: an operation or a parameter that a
// service does not implement is refused, never ignored.
package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// Error is an AWS error: its code is what an SDK client branches on. Status 0 means 400.
type Error struct {
	Code    string
	Message string
	Status  int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf returns an Error with status 400.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotImplemented returns the error for what the stand-in does not reproduce.
func NotImplemented(format string, args ...any) *Error {
	return &Error{Code: "StandinNotImplemented", Message: "the stand-in does not implement " + fmt.Sprintf(format, args...), Status: http.StatusNotImplemented}
}

// Time is a timestamp as AWS's JSON protocols write it: seconds since 1970 with milliseconds.
type Time time.Time

// MarshalJSON writes seconds with three decimals.
func (t Time) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Time(t).UnixMilli())/1000, 'f', 3, 64), nil
}

// UnmarshalJSON reads seconds.
func (t *Time) UnmarshalJSON(b []byte) error {
	s, err := strconv.ParseFloat(string(b), 64)
	*t = Time(time.UnixMilli(int64(s * 1000)).UTC())
	return err
}

// Op answers one operation: JSON in, a value to encode or an *Error out.
type Op func(ctx context.Context, body []byte) (any, error)

// Handle returns a typed function as an Op. Input with a field that In does not have is refused as not implemented.
func Handle[In, Out any](f func(context.Context, In) (Out, error)) Op {
	return func(ctx context.Context, body []byte) (any, error) {
		var in In
		if err := Decode(body, &in); err != nil {
			return nil, err
		}
		return f(ctx, in)
	}
}

// Decode reads strictly: an unknown field is refused as not implemented, anything else malformed as
// SerializationException.
func Decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		return nil
	}
	if field, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return NotImplemented("parameter %s", field)
	}
	return Errorf("SerializationException", "could not read the request body")
}

type callKey struct{}

// CallFrom returns the call that ctx belongs to: who made it, in which account and region.
func CallFrom(ctx context.Context) sim.Call {
	call, _ := ctx.Value(callKey{}).(sim.Call)
	return call
}

// WithCall puts a call into ctx.
func WithCall(ctx context.Context, call sim.Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// Caller fills in who made a request: the account is the access key id where that is a 12-digit number (otherwise
// 000000000000), the region is the signature's, and the caller's name is the session token.
func Caller(r *http.Request) sim.Call {
	call := sim.Call{Account: "000000000000", Region: "us-east-1", Caller: r.Header.Get("X-Amz-Security-Token")}
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(credential, "/")
	if len(parts) < 4 {
		return call
	}
	if len(parts[0]) == 12 && strings.Trim(parts[0], "0123456789") == "" {
		call.Account = parts[0]
	}
	call.Region = parts[2]
	return call
}

// JSONService is a service that speaks awsJson1.0 or awsJson1.1: one path, the operation in X-Amz-Target.
type JSONService struct {
	Name   string // for the journal: "secretsmanager"
	Target string // what comes before the dot in X-Amz-Target
	Ops    map[string]Op
	Reads  func(operation string) bool // reports whether an operation changes nothing

	// Refuse returns the service's errors for the outcomes that a hook chose; nil is Refusal.
	Refuse func(sim.Outcome) *Error
}

// ServeCall answers one request that has been routed to this service.
func (s JSONService) ServeCall(tap *sim.Tap, clock *sim.Clock, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	call := Caller(r)
	call.Service, call.Operation, call.Resource, call.Bytes = s.Name, operation, resourceName(body), len(body)
	call.Write, call.Question = !s.Reads(operation), operation+string(body)
	refusal := s.Refuse
	if refusal == nil {
		refusal = Refusal
	}
	tap.Serve(w, call, func(w http.ResponseWriter) { s.answerOperation(WithCall(r.Context(), call), clock, w, operation, body) },
		func(w http.ResponseWriter, o sim.Outcome) { WriteError(clock, w, refusal(o)) })
}

func (s JSONService) answerOperation(ctx context.Context, clock *sim.Clock, w http.ResponseWriter, operation string, body []byte) {
	op, known := s.Ops[operation]
	if !known {
		WriteError(clock, w, NotImplemented("%s %s", s.Name, operation))
		return
	}
	out, err := op(ctx, body)
	if err != nil {
		WriteError(clock, w, err)
		return
	}
	WriteJSON(clock, w, http.StatusOK, out)
}

// resourceName returns the name of a request's resource, for the journal. It reads only members that carry names.
func resourceName(body []byte) string {
	var named struct {
		SecretID       string `json:"SecretId"`
		Name           string
		Service        string `json:"service"`
		TaskDefinition string `json:"taskDefinition"`
		Family         string `json:"family"`
		QueueURL       string `json:"QueueUrl"`
		QueueName      string
		Rule           string
		ResourceARN    string `json:"resourceArn"`
		LogGroupName   string `json:"logGroupName"`
	}
	if json.Unmarshal(body, &named) != nil {
		return ""
	}
	for _, s := range []string{named.SecretID, named.Name, named.Service, named.TaskDefinition, named.Family, named.QueueURL, named.QueueName, named.Rule, named.ResourceARN, named.LogGroupName} {
		if s != "" {
			return s
		}
	}
	return ""
}

// Refusal returns the AWS error for an outcome that a hook chose.
func Refusal(o sim.Outcome) *Error {
	switch o {
	case sim.Throttled:
		return &Error{Code: "ThrottlingException", Message: "Rate exceeded"}
	case sim.Denied:
		return &Error{Code: "AccessDeniedException", Message: "not authorized to perform this action"}
	default:
		return &Error{Code: "InternalServiceError", Message: "An error occurred on the server side.", Status: http.StatusInternalServerError}
	}
}

// WriteJSON sends an answer with the stand-in's time in its Date header.
func WriteJSON(clock *sim.Clock, w http.ResponseWriter, status int, out any) {
	setHeader(clock, w)
	w.WriteHeader(status)
	if out != nil {
		_ = json.NewEncoder(w).Encode(out)
	}
}

// WriteError sends an error as AWS's JSON protocols do. An error that is not an *Error is the stand-in's own bug,
// status 500.
func WriteError(clock *sim.Clock, w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: "InternalServiceError", Message: err.Error(), Status: http.StatusInternalServerError}
	}
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	setHeader(clock, w)
	w.Header().Set("X-Amzn-Errortype", e.Code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": e.Code, "message": e.Message})
}

func setHeader(clock *sim.Clock, w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.1")
	h.Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
	h.Set("Date", clock.Now().UTC().Format(http.TimeFormat))
}
