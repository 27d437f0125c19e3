package httpcall

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Forever is a wait whose length cannot be read.
const Forever = time.Duration(math.MaxInt64)

// failedTry is a try that failed, and what that means for another one.
type failedTry struct {
	*Error
	kind  kind
	after time.Duration // how long the answer asks to wait
}

type kind int

const (
	final     kind = iota // another try gives the same
	notDone               // nothing was done, and another try may succeed
	uncertain             // another try may succeed, and may do it twice
)

func (f *failedTry) mayRetry(class Retry) bool {
	switch f.kind {
	case notDone:
		return class != Never
	case uncertain:
		return class == Idempotent
	default:
		return false
	}
}

// classifyStatus returns the failure that a status which is not expected means.
func (c *Caller) classifyStatus(r *Response, try int) *failedTry {
	after, limited := RetryAfter(r.Header), false
	if after == 0 && c.Limit != nil {
		after, limited = c.Limit(r, try)
	}
	failed := func(k kind, nothingDone bool, reason string) *failedTry {
		e := r.Fail(reason)
		e.NothingDone = nothingDone
		return &failedTry{Error: e, kind: k, after: after}
	}
	asksToWait := after > 0 && (r.Status == http.StatusServiceUnavailable || r.Status >= 400 && r.Status <= 499)
	switch s := r.Status; {
	case s == http.StatusRequestTimeout, s == 499:
		return failed(uncertain, false, "it could not do it")
	case limited, s == http.StatusTooManyRequests, asksToWait:
		return failed(notDone, true, "it asks to come back later")
	case s == http.StatusNotImplemented:
		return failed(final, false, "it cannot do it")
	case s >= 500:
		return failed(uncertain, false, "it could not do it")
	case s >= 400:
		return failed(final, true, "it refuses")
	case s >= 300:
		return failed(final, false, "it redirects, which is not followed")
	}
	return failed(final, false, "another status is expected")
}

// RetryAfter reads the header Retry-After: seconds, or a date by the answer's own clock (RFC 9110, 10.2.3). It returns
// 0 for none, Forever for one that cannot be read, and at least a millisecond for any other.
func RetryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return max(time.Duration(seconds)*time.Second, time.Millisecond)
	}
	at, err := http.ParseTime(text)
	now, unknown := http.ParseTime(h.Get("Date"))
	if err != nil || unknown != nil {
		return Forever
	}
	return max(at.Sub(now), time.Millisecond)
}

// classifyTransport returns the failure that an error of the transport means, in words of our own: the error's may
// hold an address, or what a server sent. It is certain that nothing was done only where there was no connection.
func classifyTransport(ctx context.Context, call Call, err error) *failedTry {
	failed := func(k kind, reason string) *failedTry {
		e := &Error{Doing: call.Doing, Reason: reason, NothingDone: k == notDone, cause: ctx.Err()}
		return &failedTry{Error: e, kind: k}
	}
	if op, is := errors.AsType[*net.OpError](err); is && op.Op == "dial" {
		return failed(notDone, "no connection"+errnoText(err))
	}
	if _, is := errors.AsType[*net.DNSError](err); is {
		return failed(notDone, "its host has no address")
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return failed(notDone, "its certificate is not trusted")
	}
	if ended := ctx.Err(); ended != nil {
		return failed(uncertain, "no answer: "+ended.Error())
	}
	if timeout, is := errors.AsType[net.Error](err); is && timeout.Timeout() {
		return failed(uncertain, "no answer in time")
	}
	return failed(uncertain, "no answer: the connection broke, or the answer was not HTTP")
}

// errnoText returns ": connection refused" and the like, which is the operating system's own text, or "".
func errnoText(err error) string {
	if errno, is := errors.AsType[syscall.Errno](err); is {
		return ": " + errno.Error()
	}
	return ""
}

// HasNextPage reports whether the header Link names a next page (RFC 8288).
func HasNextPage(h http.Header) bool {
	for _, link := range h.Values("Link") {
		if strings.Contains(link, `rel="next"`) || strings.Contains(link, "rel=next") {
			return true
		}
	}
	return false
}
