// Package iam stands in for the identities of an account. So far it answers who a caller is.
package iam

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

type callerIdentity struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Result  struct {
		Account string
		Arn     string
		UserID  string `xml:"UserId"`
	} `xml:"GetCallerIdentityResult"`
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

type failure struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Code    string   `xml:"Error>Code"`
	Message string   `xml:"Error>Message"`
}

// ServeSTS answers one request of the query protocol. It knows GetCallerIdentity and refuses everything else.
func ServeSTS(tap *sim.Tap, clock *sim.Clock, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	form, parseErr := url.ParseQuery(string(body))
	if err != nil || parseErr != nil {
		panic(http.ErrAbortHandler)
	}
	call := wire.Caller(r)
	call.Service, call.Operation, call.Bytes = "sts", form.Get("Action"), len(body)
	tap.Serve(w, call, func(w http.ResponseWriter) { answer(clock, w, call) },
		func(w http.ResponseWriter, o sim.Outcome) { fail(clock, w, wire.Refusal(o)) })
}

func answer(clock *sim.Clock, w http.ResponseWriter, call sim.Call) {
	if call.Operation != "GetCallerIdentity" {
		fail(clock, w, wire.NotImplemented("sts %s", call.Operation))
		return
	}
	name := call.Caller
	if name == "" {
		name = "somebody"
	}
	var out callerIdentity
	out.Result.Account, out.Result.UserID = call.Account, "AROASTANDIN:"+name
	out.Result.Arn = "arn:aws:sts::" + call.Account + ":assumed-role/" + name + "/session"
	out.RequestID = "00000000-0000-4000-8000-000000000000"
	write(clock, w, http.StatusOK, out)
}

func fail(clock *sim.Clock, w http.ResponseWriter, e *wire.Error) {
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	write(clock, w, status, failure{Code: e.Code, Message: e.Message})
}

func write(clock *sim.Clock, w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Date", clock.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(v)
}
