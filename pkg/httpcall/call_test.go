package httpcall_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
)

const (
	never      = httpcall.Never
	throttled  = httpcall.Throttled
	idempotent = httpcall.Idempotent
)

func TestWhatIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		class       httpcall.Retry
		answers     string
		waits       []int  // seconds, one before each try but the first
		err         string // "": it succeeds
		nothingDone bool
	}{
		{throttled, "200", nil, "", false},
		{throttled, "204", nil, "", false},
		{throttled, "429, 200", []int{1}, "", false},
		{throttled, "429, 429, 429, 200", []int{1, 2, 4}, "", false},
		{throttled, "429, 429, 429, 429, 200", []int{1, 2, 4}, "status 429: it asks to come back later (request req_1)", true},
		{throttled, "429 after 7, 200", []int{7}, "", false},
		{throttled, "429 after 7, 429, 429 after 3, 200", []int{7, 2, 4}, "", false},
		{throttled, "429 after 20, 200", []int{20}, "", false},
		{throttled, "429 after 21, 200", nil, "status 429: it asks to come back later", true},
		{throttled, "429 after 9223372037, 200", nil, "status 429", true}, // less than nothing in nanoseconds
		{throttled, "429 after 99999999999999999999, 200", nil, "status 429", true},
		{throttled, "429 after -1, 200", nil, "status 429", true},
		{throttled, "429 after soon, 200", nil, "status 429", true},
		{throttled, "429 after Mon; 05 Jan 2026 10:00:09 GMT, 200", []int{9}, "", false},
		{throttled, "429 after Mon; 05 Jan 2026 09:00:00 GMT, 200", []int{1}, "", false},
		{throttled, "429 after Mon; 05 Jan 2026 11:00:00 GMT, 200", nil, "status 429", true},
		{throttled, "503 after 2, 200", []int{2}, "", false},
		{throttled, "503 after 0, 200", []int{1}, "", false},
		{throttled, "403 after 3, 200", []int{3}, "", false},
		{throttled, "503, 200", nil, "status 503: it could not do it", false},
		{throttled, "500 after 1, 200", nil, "status 500: it could not do it", false},
		{throttled, "502, 200", nil, "status 502", false},
		{throttled, "408, 200", nil, "status 408: it could not do it", false},
		{throttled, "408 after 1, 200", nil, "status 408: it could not do it", false},
		{throttled, "499, 200", nil, "status 499: it could not do it", false},
		{throttled, "400, 200", nil, "status 400: it refuses", true},
		{throttled, "401, 200", nil, "status 401: it refuses", true},
		{throttled, "409, 200", nil, "status 409: it refuses", true},
		{throttled, "301, 200", nil, "status 301: it redirects, which is not followed", false},
		{throttled, "303, 200", nil, "status 303: it redirects, which is not followed", false},
		{throttled, "307, 200", nil, "status 307: it redirects, which is not followed", false},
		{throttled, "200 cut, 200", nil, "status 200: its answer broke off", false},
		{throttled, "400 cut, 200", nil, "status 400: it refuses", true},
		{throttled, "dial, 200", []int{1}, "", false},
		{throttled, "dial, dial, dial, dial, 200", []int{1, 2, 4}, "no connection: connection refused", true},
		{throttled, "dns, 200", []int{1}, "", false},
		{throttled, "dns, dns, dns, dns", []int{1, 2, 4}, "its host has no address", true},
		{throttled, "certificate, certificate, certificate, certificate", []int{1, 2, 4}, "its certificate is not trusted", true},
		{throttled, "reset, 200", nil, "no answer: the connection broke", false},
		{throttled, "malformed, 200", nil, "no answer: the connection broke, or the answer was not HTTP", false},
		{throttled, "timeout, 200", nil, "no answer in time", false},
		{throttled, "silence, 200", nil, "no answer in time", false},
		{throttled, "429, reset, 200", []int{1}, "no answer", false},

		{never, "429, 200", nil, "status 429", true},
		{never, "dial, 200", nil, "no connection", true},
		{never, "503 after 1, 200", nil, "status 503", true},
		{never, "500, 200", nil, "status 500", false},

		{idempotent, "500, 502, reset, 200", []int{1, 2, 4}, "", false},
		{idempotent, "503, 503 after 9, 503, 200", []int{1, 9, 4}, "", false},
		{idempotent, "timeout, 200 cut, 408, 200", []int{1, 2, 4}, "", false},
		{idempotent, "silence, 499, dial, 200", []int{31, 2, 4}, "", false}, // 30 seconds of silence before the first wait
		{idempotent, "429, 503, malformed, 200", []int{1, 2, 4}, "", false},
		{idempotent, "500, 400, 200", []int{1}, "status 400: it refuses", true},
		{idempotent, "503 after 21, 200", nil, "status 503", true},
		{idempotent, "500 after soon, 200", nil, "status 500", false},
		{idempotent, "400, 200", nil, "status 400: it refuses", true},
		{idempotent, "301, 200", nil, "status 301", false},
		{idempotent, "501, 200", nil, "status 501: it cannot do it", false},
	} {
		t.Run(c.answers, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(c.answers)
				answer, err := s.newCaller().Do(t.Context(), newCall(c.class))
				s.wantWaits(t, c.waits)
				if c.err == "" {
					if err != nil || answer.Status > 299 || !strings.Contains(string(answer.Body), value) {
						t.Errorf("the answer is not returned, or the last try sent something else: %v", err)
					}
					return
				}
				if failed := failedCall(t, err); !strings.Contains(err.Error(), "write the value: "+c.err) || failed.NothingDone != c.nothingDone {
					t.Errorf("the error is %v, nothing was done: %v; want %q, %v", err, failed.NothingDone, c.err, c.nothingDone)
				}
			})
		})
	}
}

func TestALimitOfAnAPIsOwn(t *testing.T) {
	for _, c := range []struct {
		answers string
		wait    time.Duration
		limited bool
		asked   int // of Limit
		waits   []int
	}{
		{"403, 200", 5 * time.Second, true, 1, []int{5}},
		{"403, 200", 0, true, 1, []int{1}},
		{"403, 200", 21 * time.Second, true, 1, nil},
		{"403, 200", httpcall.Forever, true, 1, nil},
		{"403, 200", 0, false, 1, nil},
		{"403 after 3, 200", 5 * time.Second, true, 0, []int{3}}, // Retry-After comes first
		{"429, 200", 5 * time.Second, true, 1, []int{5}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, asked := newScript(c.answers), 0
			caller := s.newCaller()
			caller.Limit = func(r *httpcall.Response, try int) (time.Duration, bool) {
				if asked++; try != asked || r.Header.Get("X-Echo") == "" || len(r.Body) == 0 {
					t.Error("it is not asked about each answer")
				}
				return c.wait, c.limited
			}
			_, err := caller.Do(t.Context(), newCall(throttled))
			s.wantWaits(t, c.waits)
			if asked != c.asked || (err == nil) != (c.waits != nil) {
				t.Errorf("%s, %v: it asked %d times; %v", c.answers, c.wait, asked, err)
			}
		})
	}
}

// A call beside whose error an answer is returned tells its driver more than the error may hold.
func TestTheAnswerStandsBesideTheError(t *testing.T) {
	answer, err := newScript("400").newCaller().Do(t.Context(), newCall(never))
	if err == nil || answer == nil || answer.Status != http.StatusBadRequest || !strings.Contains(string(answer.Body), value) {
		t.Errorf("the answer is %v", answer != nil)
	}
	if answer, err = newScript("dial").newCaller().Do(t.Context(), newCall(never)); err == nil || answer != nil {
		t.Error("there is an answer where none came")
	}
}

func TestWhatIsExpectedIsASuccess(t *testing.T) {
	for status, good := range map[string]bool{"404": true, "200": false, "302": false, "500": false} {
		wanted := newCall(never)
		wanted.Expects = func(status int) bool { return status == http.StatusNotFound }
		answer, err := newScript(status).newCaller().Do(t.Context(), wanted)
		if (err == nil) != good || answer.Status == http.StatusOK && !strings.Contains(err.Error(), "another status is expected") {
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s := newScript("silence, 200")
		_, err := s.newCaller().Do(ctx, newCall(idempotent))
		if !errors.Is(err, context.DeadlineExceeded) || len(s.asked) != 1 {
			t.Errorf("asked %d times, error %v", len(s.asked), err)
		}
		_ = failedCall(t, err)
	})
}

func TestNobodyWaitsWhereNoTimeIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s, began := newScript("429 after 11, 200"), time.Now()
		_, err := s.newCaller().Do(ctx, newCall(idempotent))
		if _ = failedCall(t, err); !strings.HasSuffix(err.Error(), "; no time was left to wait 11s and try again") || len(s.asked) != 1 || time.Since(began) > 0 {
			t.Errorf("asked %d times, error %v", len(s.asked), err)
		}
	})
}

func TestARequestThatCannotBeMadeIsNotSent(t *testing.T) {
	broken := errors.New("the version has no ID")
	s := newScript("200")
	_, err := s.newCaller().Do(t.Context(), httpcall.Call{Doing: "write", Retry: idempotent, Build: func(context.Context) (*http.Request, error) { return nil, broken }})
	if failed := failedCall(t, err); err.Error() != "write: the version has no ID" || !errors.Is(err, broken) || !failed.NothingDone || len(s.asked) > 0 {
		t.Errorf("asked %d times, error %v", len(s.asked), err)
	}
}

func TestAnAnswerIsReadToItsBound(t *testing.T) {
	for size, want := range map[int64]string{1 << 20: "", 1<<20 + 1: "status 200: its answer is larger than 1 MiB"} {
		read := 0
		caller := httpcall.Caller{LargestBody: 1 << 20, Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			body := io.TeeReader(io.LimitReader(endless{}, size), counter(func(n int) { read += n }))
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: req, Body: io.NopCloser(body)}, nil
		})}
		answer, err := caller.Do(t.Context(), newCall(never))
		if want == "" && (err != nil || int64(len(answer.Body)) != size) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if read > 1<<20+1 {
			t.Errorf("%d bytes were read", read)
		}
	}
}

func TestARequestsID(t *testing.T) {
	for _, c := range []struct {
		name string
		ids  http.Header
		want string
	}{
		{"none", http.Header{}, ""},
		{"GitHub's", http.Header{"X-Github-Request-Id": {"1A2B:3C4D"}}, "1A2B:3C4D"},
		{"the first that may be repeated", http.Header{"X-Request-Id": {token}, "Request-Id": {"req_2"}}, "req_2"},
		{"a piece of a header", http.Header{"X-Request-Id": {token[:12]}}, ""},
		{"a header in it", http.Header{"X-Request-Id": {"x-" + token}}, ""},
		{"a piece of the address", http.Header{"X-Request-Id": {"hook"}}, ""},
		{"the body", http.Header{"X-Request-Id": {value}}, ""},
		{"withheld", http.Header{"X-Request-Id": {"withheld"}}, ""},
		{"no id", http.Header{"X-Request-Id": {"a b"}}, ""},
		{"too long", http.Header{"X-Request-Id": {strings.Repeat("x", 129)}}, ""},
	} {
		s := newScript("400")
		s.ids = c.ids
		careful := newCall(never)
		careful.Withhold = func(text string) bool { return text == "withheld" }
		answer, err := s.newCaller().Do(t.Context(), careful)
		if failed := failedCall(t, err); failed.Request != c.want || answer.Request != c.want {
			t.Errorf("%s: %q, want %q", c.name, failed.Request, c.want)
		}
	}
}

func TestAnErrorsText(t *testing.T) {
	for want, e := range map[string]*httpcall.Error{
		"list: status 429 rate_limited: later (request 1A)": {Doing: "list", Status: 429, Code: "rate_limited", Reason: "later", Request: "1A"},
		"list: status 400: it refuses":                      {Doing: "list", Status: 400, Reason: "it refuses"},
		"list: no connection":                               {Doing: "list", Reason: "no connection"},
	} {
		if e.Error() != want {
			t.Errorf("%q, want %q", e.Error(), want)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	caller := httpcall.Caller{}
	_, err := caller.Do(t.Context(), httpcall.Call{Doing: "write", Retry: idempotent, Build: func(ctx context.Context) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader(value))
	}})
	if err == nil || !strings.Contains(err.Error(), "status 307: it redirects, which is not followed") {
		t.Errorf("error is %v", err)
	}
}

func TestANextPage(t *testing.T) {
	for link, want := range map[string]bool{
		"": false, `<https://x/?page=2>; rel="next"`: true, `<https://x/?page=1>; rel="prev", <https://x/?page=3>; rel=next`: true, `<https://x/>; rel="last"`: false,
	} {
		if got := httpcall.HasNextPage(http.Header{"Link": {link}}); got != want {
			t.Errorf("%s: %v", link, got)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// counter is an io.Writer that is told how much is written.
type counter func(int)

func (f counter) Write(p []byte) (int, error) { f(len(p)); return len(p), nil }
