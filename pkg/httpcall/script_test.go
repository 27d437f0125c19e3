package httpcall_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
)

const (
	token = "canary-token-0123456789"
	value = "canary-value-0123456789"
)

// script is a server that gives one answer after the other: "429 after 7", "200", "200 cut", or a way in which a connection
// breaks. Its answers repeat what was sent, in their bodies and headers.
type script struct {
	answers []string
	asked   []time.Time
	header  http.Header // of every answer, besides
	ids     http.Header // the request's id; nil: a good one
}

// newScript returns the script of a table's line: answers are separated by commas, a date has semicolons in place of its own.
func newScript(line string) *script {
	s := &script{}
	for _, word := range strings.Split(line, ", ") {
		s.answers = append(s.answers, strings.ReplaceAll(word, ";", ","))
	}
	return s
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, time.Now())
	word := "200"
	if len(s.answers) > 0 {
		word, s.answers = s.answers[0], s.answers[1:]
	}
	switch word {
	case "dial":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case "dns":
		return nil, &net.DNSError{Err: "no such host", Name: req.URL.Host}
	case "certificate":
		return nil, &tls.CertificateVerificationError{Err: errors.New("canary-certificate")}
	case "reset":
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case "timeout":
		return nil, &url.Error{Op: req.Method, URL: req.URL.String(), Err: os.ErrDeadlineExceeded}
	case "malformed":
		return nil, fmt.Errorf("malformed HTTP response %q", req.Header.Get("Authorization"))
	case "silence":
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return s.answerWord(req, word), nil
}

func (s *script) answerWord(req *http.Request, word string) *http.Response {
	word, after, waits := strings.Cut(word, " after ")
	word, cut := strings.CutSuffix(word, " cut")
	status, err := strconv.Atoi(word)
	if err != nil {
		panic("the script says " + word)
	}
	header := http.Header{"X-Request-Id": {"req_1"}, "Location": {"https://canary.example.com/?" + token}, "X-Echo": {token}, "Date": {"Mon, 05 Jan 2026 10:00:00 GMT"}}
	if s.ids != nil {
		header.Del("X-Request-Id")
	}
	for _, more := range []http.Header{s.header, s.ids} {
		for name, values := range more {
			header[name] = values
		}
	}
	if waits {
		header.Set("Retry-After", after)
	}
	sent, _ := io.ReadAll(req.Body)
	body := io.MultiReader(strings.NewReader("you sent " + req.Header.Get("Authorization") + " " + req.URL.String() + " " + string(sent)))
	if cut {
		body = io.MultiReader(body, brokenReader{})
	}
	return &http.Response{StatusCode: status, Header: header, Request: req, Body: io.NopCloser(body)}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// newCaller returns a Caller with bounds like the drivers'. It waits with retry.Sleep, which synctest plays.
func (s *script) newCaller() *httpcall.Caller {
	return &httpcall.Caller{Transport: s, Tries: 4, Timeout: 30 * time.Second, LongestWait: 20 * time.Second, LargestBody: 1 << 20}
}

// newCall sends a token in the address and in a header, and a value in the body.
func newCall(class httpcall.Retry) httpcall.Call {
	return httpcall.Call{Doing: "write the value", Retry: class, Build: func(ctx context.Context) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.example.com/hook/"+token, strings.NewReader(value))
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		return req, err
	}}
}

// wantWaits checks how many seconds lay between the tries. retry.Sleep may add a tenth.
func (s *script) wantWaits(t *testing.T, seconds []int) {
	t.Helper()
	if len(s.asked) != len(seconds)+1 {
		t.Errorf("it was asked %d times, want %d", len(s.asked), len(seconds)+1)
		return
	}
	for i, n := range seconds {
		want := time.Duration(n) * time.Second
		if got := s.asked[i+1].Sub(s.asked[i]); got < want || got > want+want/10 {
			t.Errorf("wait %d is %v, want %v", i+1, got, want)
		}
	}
}

// failedCall returns the call's *httpcall.Error, of which no form repeats what was sent or answered.
func failedCall(t *testing.T, err error) *httpcall.Error {
	t.Helper()
	failed, is := errors.AsType[*httpcall.Error](err)
	if !is {
		t.Fatalf("the error is %T", err)
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%q", "%s"} {
		if text := fmt.Sprintf(form, err) + fmt.Sprintf(form, *failed); strings.Contains(text, "canary") || strings.Contains(text, "example.com") {
			t.Errorf("%s of the error repeats what was sent or answered", form)
		}
	}
	return failed
}
