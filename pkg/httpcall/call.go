// Package httpcall makes HTTP calls to APIs that rotary does not own: GitHub, Vercel and vendors. A call is tried
// again where that cannot do harm, its tries, waits and answers are bounded, it follows no redirect, and its errors
// hold nothing that was sent or answered. AWS is called by its SDK, which has retries of its own.
package httpcall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/rotary-secrets/rotary/pkg/retry"
)

// Retry is when a call may be tried again.
type Retry int

// The retry classes.
const (
	Never      Retry = iota // one try
	Throttled               // only where nothing was done: no connection, or an answer that asks to come back later
	Idempotent              // also where the API may have done it: a 5xx, a connection that broke
)

// Caller makes the calls of one API. The zero value of a bound is no bound, but for Tries, of which there is at least
// one.
type Caller struct {
	Transport   http.RoundTripper // nil: http.DefaultTransport
	Tries       int
	Timeout     time.Duration // of one try
	LongestWait time.Duration // before another try; where the answer asks for more, the call fails
	LargestBody int64         // of an answer, in bytes; a larger one is an error

	// Wait waits between two tries. It returns early, with an error, where ctx ends or leaves no time; then the call fails
	// as its last try did. nil: retry.Sleep.
	Wait func(ctx context.Context, d time.Duration) error

	// Limit recognizes a rate limit that an API reports in its own way, in an answer without Retry-After: it returns how
	// long the API wants callers to wait (Forever where that cannot be read), and whether the answer is one. nil: there
	// is none.
	Limit func(r *Response, try int) (wait time.Duration, limited bool)
}

// Call is one call.
type Call struct {
	Doing string // for errors: "list secrets". It must hold no value.
	Retry Retry

	// Build makes the request, anew for each try. Its error ends the call, with nothing done; it must hold no value.
	Build func(context.Context) (*http.Request, error)

	// Expects reports whether an answer's status is a success; nil: 2xx.
	Expects func(status int) bool

	// Withhold reports whether a text must not be repeated in an error, beside what stands in the request itself; nil:
	// none.
	Withhold func(text string) bool
}

// Response is an answer, read to its end.
type Response struct {
	Status  int
	Header  http.Header
	Body    []byte
	Request string // the API's id of the request, for its support; "" where it gave none that may be repeated

	doing string
}

// Fail returns the error for an answer whose content is not as it should be. reason must hold nothing of the answer.
func (r *Response) Fail(reason string) *Error {
	return &Error{Doing: r.doing, Status: r.Status, Reason: reason, Request: r.Request}
}

// Do makes a call, as often as its class and the Caller's bounds allow. It returns the answer, or an *Error; beside an
// error it returns the last try's answer, if there was one, which tells the caller more than the error may hold.
//
//	what came back                                       | the API has done | Never | Throttled | Idempotent
//	-----------------------------------------------------|------------------|-------|-----------|-----------
//	no connection                                        | nothing          |       | again     | again
//	429; another 4xx or 503 with Retry-After; Limit's    | nothing          |       | again     | again
//	another 4xx, but 408 and 499                         | nothing          |       |           |
//	408, 499, 5xx but 501, no answer, one that broke off | we do not know   |       |           | again
//	501; 1xx, 2xx, 3xx not expected; too large a body    | we do not know   |       |           |
//
// Between two tries it waits as long as the answer asks, by Retry-After or by Limit, and at least retry.Backoff.
func (c *Caller) Do(ctx context.Context, call Call) (*Response, error) {
	for try := 1; ; try++ {
		answer, failed := c.tryOnce(ctx, call, try)
		if failed == nil {
			return answer, nil
		}
		wait := max(failed.after, retry.Backoff(try))
		if !failed.mayRetry(call.Retry) || try >= c.Tries || c.LongestWait > 0 && wait > c.LongestWait ||
			ctx.Err() != nil {
			return answer, failed.Error
		}
		if err := c.waitBetween(ctx, wait); err != nil {
			failed.unwaited = wait
			return answer, failed.Error
		}
	}
}

func (c *Caller) waitBetween(ctx context.Context, d time.Duration) error {
	if c.Wait == nil {
		return retry.Sleep(ctx, d)
	}
	return c.Wait(ctx, d)
}

// tryOnce makes a call once.
func (c *Caller) tryOnce(ctx context.Context, call Call, try int) (*Response, *failedTry) {
	req, err := call.Build(ctx)
	if err != nil {
		return nil, &failedTry{Error: &Error{Doing: call.Doing, Reason: err.Error(), NothingDone: true, cause: err}}
	}
	answer, brokeOff, err := c.sendRequest(ctx, req)
	if err != nil {
		return nil, classifyTransport(ctx, call, err)
	}
	answer.doing = call.Doing
	answer.Request = requestID(answer.Header, req, call.Withhold)
	if !call.isExpected(answer.Status) {
		return answer, c.classifyStatus(answer, try)
	}
	switch {
	case brokeOff:
		return answer, &failedTry{Error: answer.Fail("its answer broke off"), kind: uncertain}
	case c.LargestBody > 0 && int64(len(answer.Body)) > c.LargestBody:
		reason := fmt.Sprintf("its answer is larger than %d MiB", c.LargestBody>>20)
		return answer, &failedTry{Error: answer.Fail(reason)}
	}
	return answer, nil
}

func (c Call) isExpected(status int) bool {
	if c.Expects == nil {
		return status >= 200 && status <= 299
	}
	return c.Expects(status)
}

// sendRequest sends a request and reads its answer, up to one byte more than LargestBody. It reports whether the body broke
// off.
func (c *Caller) sendRequest(ctx context.Context, req *http.Request) (answer *Response, brokeOff bool, err error) {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	direct := http.Client{Transport: c.Transport, CheckRedirect: refuseRedirect}
	resp, err := direct.Do(req.WithContext(ctx))
	if err != nil {
		return nil, false, err
	}
	if resp.Body == nil {
		return nil, false, errors.New("a transport returned an answer without a body")
	}
	defer resp.Body.Close()
	body := io.Reader(resp.Body)
	if c.LargestBody > 0 {
		body = io.LimitReader(resp.Body, c.LargestBody+1)
	}
	text, err := io.ReadAll(body)
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: text}, err != nil, nil
}

// refuseRedirect keeps credentials and values with the host that they are meant for.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
