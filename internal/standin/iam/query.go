package iam

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// The versions of the two APIs, which the query protocol goes by, and their namespaces.
const (
	iamVersion   = "2010-05-08"
	stsVersion   = "2011-06-15"
	iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
)

// request is one request of the query protocol.
type request struct {
	*http.Request
	call      sim.Call
	body      []byte
	form      url.Values
	namespace string
}

// ServeHTTP answers one request to IAM or STS.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := readRequest(r)
	s.cfg.Tap.Serve(w, q.call, func(w http.ResponseWriter) {
		result, err := s.answerRequest(q)
		if err != nil {
			s.writeError(w, q, err)
			return
		}
		s.writeAnswer(w, http.StatusOK, response{q, result})
	}, func(w http.ResponseWriter, o sim.Outcome) { s.writeError(w, q, refusalError(o)) })
}

func readRequest(r *http.Request) request {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	form, parseErr := url.ParseQuery(string(body))
	if err != nil || parseErr != nil {
		panic(http.ErrAbortHandler)
	}
	q := request{r, wire.Caller(r), body, form, stsNamespace}
	q.call.Service, q.call.Operation, q.call.Bytes = "sts", form.Get("Action"), len(body)
	if form.Get("Version") == iamVersion {
		q.namespace = iamNamespace
		q.call.Service, q.call.Resource, q.call.Write = "iam", form.Get("UserName"), !isRead(q.call.Operation)
	}
	if q.call.Service == "iam" || isKeyID(q.signingKeyID()) {
		asked := sha256.Sum256([]byte(q.signingKeyID() + string(body))) // both hold ids of keys, which are values of sources
		q.call.Question = q.call.Operation + hex.EncodeToString(asked[:])
	}
	return q
}

// signingKeyID returns the access key id that a request was signed with.
func (q request) signingKeyID() string {
	_, credential, _ := strings.Cut(q.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(credential, "/")
	return id
}

func (s *Service) answerRequest(q request) (any, error) {
	switch q.form.Get("Version") {
	case iamVersion:
		return s.answerIAM(q)
	case stsVersion:
		return s.answerSTS(q)
	}
	return nil, wire.NotImplemented("%s in version %q of its API", q.call.Operation, q.form.Get("Version"))
}

func (s *Service) answerIAM(q request) (any, error) {
	op, known := operationTable()[q.call.Operation]
	if !known {
		return nil, wire.NotImplemented("iam %s", q.call.Operation)
	}
	for name := range q.form {
		if name != "Action" && name != "Version" && !slices.Contains(op.takes, name) {
			return nil, wire.NotImplemented("parameter %s of iam %s", name, q.call.Operation)
		}
	}
	if isKeyID(q.signingKeyID()) {
		return nil, wire.NotImplemented("iam %s by a user", q.call.Operation)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return op.do(s, q.call, q.form)
}

// refusalError returns the query protocols' error for an outcome that a hook chose.
func refusalError(o sim.Outcome) error {
	switch o {
	case sim.Throttled:
		return wire.Errorf("Throttling", "Rate exceeded")
	case sim.Denied:
		return &wire.Error{Code: "AccessDenied", Message: "not authorized to perform this action", Status: http.StatusForbidden}
	default:
		return &wire.Error{Code: "ServiceFailure", Message: "The request processing has failed because of an unknown error.", Status: http.StatusInternalServerError}
	}
}

// response is an answer: the operation's name is in the names of its elements.
type response struct {
	request
	result any // nil: the operation has none
}

const requestID = "00000000-0000-4000-8000-000000000000"

type responseMetadata struct {
	RequestID string `xml:"RequestId"`
}

// MarshalXML implements xml.Marshaler.
func (r response) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	name := func(suffix string) xml.StartElement {
		return xml.StartElement{Name: xml.Name{Local: r.call.Operation + suffix}}
	}
	start := name("Response")
	start.Name.Space = r.namespace
	err := e.EncodeToken(start)
	if r.result != nil {
		err = errors.Join(err, e.EncodeElement(r.result, name("Result")))
	}
	return errors.Join(err, e.EncodeElement(responseMetadata{requestID}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}), e.EncodeToken(start.End()))
}

type failure struct {
	XMLName   xml.Name
	Type      string `xml:"Error>Type"`
	Code      string `xml:"Error>Code"`
	Message   string `xml:"Error>Message"`
	RequestID string `xml:"RequestId"`
}

func (s *Service) writeError(w http.ResponseWriter, q request, err error) {
	e, is := errors.AsType[*wire.Error](err)
	if !is {
		e = &wire.Error{Code: "ServiceFailure", Message: err.Error(), Status: http.StatusInternalServerError}
	}
	status, who := e.Status, "Sender"
	if status == 0 {
		status = http.StatusBadRequest
	}
	if status >= http.StatusInternalServerError {
		who = "Receiver"
	}
	s.writeAnswer(w, status, failure{xml.Name{Space: q.namespace, Local: "ErrorResponse"}, who, e.Code, e.Message, requestID})
}

// writeAnswer sends an answer in one piece.
func (s *Service) writeAnswer(w http.ResponseWriter, status int, v any) {
	text, err := xml.Marshal(v)
	if err != nil {
		panic(err) // plain structs
	}
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
