package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const (
	callTimeout   = 15 * time.Second
	tries         = 4                // of a call, and of a question whose answer may change
	longestPause  = 20 * time.Second // a longer Retry-After ends the try: Secrets Manager or the next pass comes back
	largestAnswer = 1 << 20
)

// client makes calls. It follows no redirect, which would take the credential elsewhere.
type client struct {
	http  *http.Client
	pause func(context.Context, time.Duration) error
}

func newClient(r Reach) client {
	c := client{pause: r.Pause, http: &http.Client{
		Transport: r.Transport, Timeout: callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if c.pause == nil {
		c.pause = wait
	}
	if c.http.Transport == nil {
		c.http.Transport = transport()
	}
	return c
}

// transport connects anew for every request: one that breaks was broken by this request, and not before it.
func transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failure is the error of a call: what was called, which status and request id came back, and what that means. It holds
// nothing that was sent or answered.
type failure struct {
	place   string
	status  int // 0: none
	request string
	why     string
	nothing bool // the vendor has surely done nothing
	cause   error
}

func (f *failure) Error() string {
	text := f.place + ": "
	if f.status != 0 {
		text += strconv.Itoa(f.status) + ", "
	}
	if text += f.why; f.request != "" {
		text += " (request " + f.request + ")"
	}
	return text
}

// Unwrap gives the error of what was read before the call, or of the context that ended it.
func (f *failure) Unwrap() error { return f.cause }

// do makes a call, as often as its retry class allows. It returns the answer where the status is one of success or one
// of also, and a *failure otherwise.
//
//	what came back               | the vendor has done   | never | throttled | idempotent
//	-----------------------------|-----------------------|-------|-----------|-----------
//	no connection                | nothing               |       | again     | again
//	429, 503 with Retry-After    | nothing               |       | again     | again
//	another 4xx, but 408 and 499 | nothing               |       |           |
//	408, 499, 5xx, no answer     | we do not know        |       |           | again
//	1xx, 2xx, 3xx not expected   | we do not know        |       |           |
func (c client) do(ctx context.Context, call manifest.Call, n names, also []int) (answer, error) {
	for try := 1; ; try++ {
		a, f := c.once(ctx, call, n, also)
		if f == nil {
			return a, nil
		}
		pause := max(f.after, backoff(try))
		if !f.again(call.Retry) || try == tries || pause > longestPause || ctx.Err() != nil {
			return answer{}, f.failure
		}
		if err := c.pause(ctx, pause); err != nil {
			return answer{}, f.failure
		}
	}
}

// outcome is a failed try.
type outcome struct {
	*failure
	kind  kind
	after time.Duration // what the answer asks to wait
}

type kind int

const (
	final   kind = iota // another try gives the same
	early               // nothing was done, and another try may succeed
	unknown             // another try may succeed, and may do it twice
)

func (o *outcome) again(class string) bool {
	switch o.kind {
	case early:
		return class != manifest.RetryNever
	case unknown:
		return class == manifest.RetryIdempotent
	default:
		return false
	}
}

// backoff is how long to wait after a try: 1, 2, 4 seconds, half of it by chance.
func backoff(try int) time.Duration {
	d := time.Second << (try - 1)
	chance, err := rand.Int(rand.Reader, big.NewInt(int64(d/2)+1))
	if err != nil {
		return d
	}
	return d/2 + time.Duration(chance.Int64())
}

func (c client) once(ctx context.Context, call manifest.Call, n names, also []int) (answer, *outcome) {
	failed := func(k kind, nothing bool, why string, cause error) *outcome {
		return &outcome{failure: &failure{place: n.place(call), why: why, nothing: nothing, cause: cause}, kind: k}
	}
	req, err := n.request(ctx, call)
	if err != nil {
		return answer{}, failed(final, true, err.Error(), err)
	}
	got, err := c.send(req)
	if err != nil {
		why, nothing := broken(err)
		if nothing {
			return answer{}, failed(early, true, why, ctx.Err())
		}
		return answer{}, failed(unknown, false, why, ctx.Err())
	}
	id := requestID(got.header, req, n)
	describe := func(why string, nothing bool) *failure {
		return &failure{place: n.place(call), status: got.status, request: id, why: why, nothing: nothing}
	}
	if o := refusal(call, got, also, describe); o != nil {
		return answer{}, o
	}
	switch {
	case got.cut:
		return answer{}, &outcome{failure: describe("its answer broke off", false), kind: unknown}
	case len(got.body) > largestAnswer:
		return answer{}, &outcome{failure: describe("its answer is larger than 1 MiB", false)}
	}
	return answer{
		status: got.status, raw: got.body, goesOn: nextPage(got.header),
		failed: func(why string) error { return describe(why, false) },
	}, nil
}

// response is what came back, read as far as we read.
type response struct {
	status int
	header http.Header
	body   []byte
	cut    bool // the body broke off
}

func (c client) send(req *http.Request) (response, error) {
	resp, err := c.http.Do(req) //nolint:gosec // the host is written in the manifest, and no value is part of it
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, largestAnswer+1))
	return response{resp.StatusCode, resp.Header, body, err != nil}, nil
}

// refusal is the outcome of a status that is neither one of success nor one of also.
func refusal(call manifest.Call, got response, also []int, describe func(string, bool) *failure) *outcome {
	status, after := got.status, retryAfter(got.header)
	switch {
	case call.Succeeds(status) || slices.Contains(also, status):
		return nil
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && after > 0:
		return &outcome{describe("it asks to come back later", true), early, after}
	case status == http.StatusRequestTimeout, status == 499, status >= 500:
		return &outcome{describe("it could not do it", false), unknown, after}
	case status >= 300 && status <= 399:
		return &outcome{describe("it redirects, which is not followed", false), final, 0}
	case status < 300:
		return &outcome{describe("the description expects another status", false), final, 0}
	}
	return &outcome{describe("it refuses", true), final, 0}
}

// fail is the error for what calls have led to.
func (client) fail(call manifest.Call, n names, why string) error {
	return &failure{place: n.place(call), why: why}
}

// broken says in words of our own why no answer came: the error's may have an address in them. It is certain that
// nothing was done only where there was no connection.
func broken(err error) (why string, nothing bool) {
	if op, is := errors.AsType[*net.OpError](err); is && op.Op == "dial" {
		return "no connection", true
	}
	if _, is := errors.AsType[*net.DNSError](err); is {
		return "its host has no address", true
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return "its certificate is not trusted", true
	}
	if timeout, is := errors.AsType[net.Error](err); is && timeout.Timeout() {
		return "no answer in time", false
	}
	return "no answer", false
}

var idShape = regexp.MustCompile(`^[A-Za-z0-9:._/=+-]{1,128}$`)

// requestID is what the vendor calls the request, for its support. One that repeats what was sent is left out.
func requestID(h http.Header, sent *http.Request, n names) string {
	for _, name := range []string{"X-Request-Id", "Request-Id", "X-Vercel-Id", "Cf-Ray"} {
		if id := h.Get(name); idShape.MatchString(id) && !n.knows(id) && !repeats(id, sent) {
			return id
		}
	}
	return ""
}

func repeats(id string, sent *http.Request) bool {
	for _, values := range sent.Header {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, id) }) {
			return true
		}
	}
	return strings.Contains(sent.URL.String(), id)
}

// retryAfter reads seconds, or a date by the answer's own clock (RFC 9110, 10.2.3). What is neither counts as the longest.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 16); err == nil {
		return max(time.Duration(seconds)*time.Second, time.Millisecond)
	}
	at, err := http.ParseTime(text)
	now, unknown := http.ParseTime(h.Get("Date"))
	if err != nil || unknown != nil {
		return longestPause + 1
	}
	return max(at.Sub(now), time.Millisecond)
}

// nextPage says whether the headers name a next page (RFC 8288), as GitLab's lists do.
func nextPage(h http.Header) bool {
	return slices.ContainsFunc(h.Values("Link"), func(link string) bool {
		return strings.Contains(link, `rel="next"`) || strings.Contains(link, "rel=next")
	})
}
