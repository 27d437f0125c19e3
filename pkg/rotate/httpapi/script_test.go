package httpapi_test

import (
	"context"
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

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// script is a vendor that answers one word after the other: "429 after 7", "200", or how a connection breaks. Its answers
// repeat what came with the request.
type script struct {
	words []string
	body  string // of 200; none: a new token
	asked []*http.Request
	sent  []string
	waits []time.Duration
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		text, _ := io.ReadAll(req.Body)
		body = string(text)
	}
	s.asked, s.sent = append(s.asked, req), append(s.sent, body)
	word := "200"
	if len(s.words) > 0 {
		word, s.words = s.words[0], s.words[1:]
	}
	switch word {
	case "dial":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case "dns":
		return nil, &net.DNSError{Err: "no such host", Name: req.URL.Host}
	case "reset":
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case "timeout":
		return nil, &url.Error{Op: req.Method, URL: req.URL.String(), Err: os.ErrDeadlineExceeded}
	}
	return s.answerWord(req, body, word), nil
}

func (s *script) answerWord(req *http.Request, body, word string) *http.Response {
	status, after, _ := strings.Cut(word, " after ")
	code, err := strconv.Atoi(strings.TrimSuffix(status, " cut"))
	if err != nil {
		panic("the script says " + word)
	}
	auth := req.Header.Get("Authorization")
	text := "you sent " + auth + " " + body
	if code == http.StatusOK {
		text = s.body
		if text == "" {
			text = fmt.Sprintf(`{"id": 12345678901234567890, "token": "new-%s-0123456789"}`, strings.Repeat("n", len(s.asked)))
		}
	}
	header := http.Header{"X-Request-Id": {auth[strings.LastIndex(auth, " ")+1:]}, "Request-Id": {"req_1"}, "Location": {"https://elsewhere.example.com/?" + auth}}
	if after != "" {
		header.Set("Retry-After", after)
		header.Set("Date", "Mon, 05 Jan 2026 10:00:00 GMT")
	}
	resp := &http.Response{StatusCode: code, Header: header, Request: req, Body: io.NopCloser(strings.NewReader(text))}
	if strings.HasSuffix(status, " cut") {
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(text), broken{}))
	}
	return resp
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (s *script) newReach() httpapi.Reach {
	return httpapi.Reach{
		Environment: "dev", Transport: s,
		Admin: func(context.Context) (rotate.Values, error) {
			return rotate.Values{"OWNER": secret.New("owners-own-0123456789")}, nil
		},
		Pause: func(_ context.Context, d time.Duration) error { s.waits = append(s.waits, d); return nil },
	}
}

// simpleDescription is a description of as few words as can be; extra goes into create.
func simpleDescription(extra string) string {
	return `calls: {overlap: none, create: {url: "https://api.example.com/tokens/{{TOKEN_ID}}?by={{source}}", headers: {Authorization: "Bearer {{TOKEN}}"}, set: {TOKEN: $.token, TOKEN_ID: $.id}` + extra + `},
  test: {url: "https://api.example.com/self", headers: {Authorization: "Bearer {{TOKEN}}"}, same: {TOKEN_ID: $.id}}}`
}

func heldValues() rotate.Values {
	return rotate.Values{"TOKEN": secret.New("old-token-0123456789"), "TOKEN_ID": secret.New("id of the old one"), "NOTE": secret.New("kept")}
}

func newStart(current rotate.Values) rotate.Start {
	return rotate.Start{Version: "0a1b2c3d-0000-4000-8000-00000000000a", Since: fixedTime(), Current: current}
}

// openScripted is the rotator of a source that is described so, over a scripted vendor.
func openScripted(t testing.TB, described string, s *script) rotate.Rotator {
	t.Helper()
	return httpapi.New(sourceOf(t, "TOKEN, TOKEN_ID, NOTE", described), s.newReach())
}

func mayHaveMade(r rotate.Rotator, err error) bool {
	once, is := r.(rotate.Unrepeatable)
	return is && once.MayHaveMade(err)
}

func splitWords(text string) []string { return strings.Split(text, ", ") }

// How often, after what and how long, is httpcall's: here is which class a description has.
func TestARetryClassIsTheDescriptions(t *testing.T) {
	const repeatable = `, repeatable: true, json: {once: "{{version}}"}`
	for _, c := range []struct {
		class   string
		answers string
		asked   int
		err     string // "": it succeeds
		may     bool   // have made a credential
	}{
		{"", "200", 1, "", false},
		{"", "201", 1, "not JSON", true},
		{"", "429, 200", 2, "", false},
		{"", "429, 429, 429, 429, 200", 4, "status 429: it asks to come back later", false},
		{"", "429 after 20, 200", 2, "", false},
		{"", "429 after 21, 200", 1, "status 429: it asks to come back later", false},
		{"", "500, 200", 1, "status 500: it could not do it", true},
		{"", "400, 200", 1, "status 400: it refuses", false},
		{"", "301, 200", 1, "status 301: it redirects, which is not followed", true},
		{"", "200 cut, 200", 1, "status 200: its answer broke off", true},
		{"", "dial, 200", 2, "", false},
		{"", "dial, dial, dial, dial, 200", 4, "no connection", false},
		{"", "reset, 200", 1, "no answer", true},
		{`, expect: [201]`, "200", 1, "status 200: another status is expected", true},
		{`, expect: [201]`, "204", 1, "status 204: another status is expected", true},
		{`, retry: never`, "429, 200", 1, "status 429", false},
		{`, retry: never`, "dial, 200", 1, "no connection", false},
		{`, method: PUT`, "500, 200", 1, "status 500", true},
		{repeatable, "500, 200 cut, reset, 200", 4, "", false},
		{repeatable, "500, 400, 200", 2, "status 400: it refuses", false},
		{repeatable + `, retry: never`, "500, 200", 1, "status 500", false},
		{repeatable + `, retry: throttled`, "429, 500, 200", 2, "status 500", false},
	} {
		t.Run(c.answers+c.class, func(t *testing.T) {
			s := &script{words: splitWords(c.answers)}
			r := openScripted(t, simpleDescription(c.class), s)
			next, err := r.Create(t.Context(), newStart(heldValues()))
			if len(s.asked) != c.asked || len(s.waits) != c.asked-1 {
				t.Errorf("it was asked %d times, with the pauses %v; want %d", len(s.asked), s.waits, c.asked)
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error is %v, want %q", err, c.err)
			}
			if (next == nil) != (err != nil) {
				t.Error("an error with values, or none of both")
			}
			if err != nil && mayHaveMade(r, err) != c.may {
				t.Errorf("after %v it may have made a credential: %v, want %v", err, !c.may, c.may)
			}
		})
	}
}

func TestOnlyARefusalSaysThatNothingWasMade(t *testing.T) {
	r := openScripted(t, simpleDescription(""), &script{})
	if !mayHaveMade(r, errors.New("something else")) {
		t.Error("an error that nobody knows is taken for a refusal")
	}
	for _, described := range []string{simpleDescription(`, repeatable: true, json: {once: "{{version}}"}`), "vendor: vercel-token, " + withID} {
		if _, is := openScripted(t, described, &script{}).(rotate.Unrepeatable); is {
			t.Error("what may be tried again is refused a second try")
		}
	}
}

// TestTheWholeMethodEndsBeforeTheLambda: what was made still has to be put.
func TestTheWholeMethodEndsBeforeTheLambda(t *testing.T) {
	s := &script{words: splitWords("429, 200")}
	reach := s.newReach()
	reach.Pause = func(ctx context.Context, _ time.Duration) error {
		if deadline, has := ctx.Deadline(); !has || time.Until(deadline) > rotate.Timeout-10*time.Second {
			t.Error("a method may take longer than the Lambda lives")
		}
		return nil
	}
	if _, err := httpapi.New(sourceOf(t, "TOKEN, TOKEN_ID, NOTE", simpleDescription("")), reach).Create(t.Context(), newStart(heldValues())); err != nil {
		t.Fatal(err)
	}
}

// seen is an http.RoundTripper.
type seen func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f seen) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
