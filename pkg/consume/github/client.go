package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	gh "github.com/google/go-github/v92/github"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// writeSpacing is the pause before each write. Source:
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api (pause between requests that
// change something)
const writeSpacing = time.Second

// client makes calls of GitHub's API with a token.
type client struct {
	requests *gh.Client // makes requests and sends none
	caller   httpcall.Caller
	pacer    pacer // of writes; nil: writeSpacing before each
	token    func(context.Context) (secret.Value, error)
}

func newClient(o options) (client, error) {
	base := strings.TrimSuffix(o.url, "/") + "/"
	requests, err := gh.NewClient(gh.WithURLs(&base, nil), gh.WithUserAgent("rotary"))
	if err != nil {
		return client{}, errors.New("the API's URL is not a URL")
	}
	transport := o.transport
	if o.pacer != nil {
		transport = watchedTransport{o.transport, o.pacer}
	}
	return client{requests: requests, pacer: o.pacer, caller: httpcall.Caller{
		Transport: transport, Wait: o.pause, Limit: readRateLimit,
		Tries: 4, Timeout: 30 * time.Second, LongestWait: 2 * time.Minute, LargestBody: 16 << 20,
	}}, nil
}

// watchedTransport tells a pacer of every answer that refuses a request for its rate: a 429, or a 403 that says when to come
// back or that nothing is left (readRateLimit has the source).
type watchedTransport struct {
	http.RoundTripper
	pacer pacer
}

func (t watchedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	isLimit := resp.Header.Get("Retry-After") != "" || resp.Header.Get("X-Ratelimit-Remaining") == "0"
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusForbidden && isLimit {
		t.pacer.NoteThrottled()
	}
	return resp, nil
}

// request is one call of GitHub's API.
type request struct {
	doing        string // for errors: "list secrets"
	method, path string
	in, out      any
	once         bool // is not tried again
}

// callAPI makes a call and decodes the answer into q.out. The call is tried again where that can help: every request
// that rotary makes is repeatable, or fails harmlessly the second time. A redirect is an error: a repository that was
// renamed is no longer the manifest's.
func (c *client) callAPI(ctx context.Context, q request) (*httpcall.Response, error) {
	build := func(ctx context.Context) (*http.Request, error) { return c.buildRequest(ctx, q) }
	call := httpcall.Call{Doing: q.doing, Retry: httpcall.Idempotent, Build: build}
	if q.once {
		call.Retry = httpcall.Never
	}
	answer, err := c.caller.Do(ctx, call)
	if err != nil {
		return nil, explainRefusal(answer, err)
	}
	if q.out != nil && len(answer.Body) > 0 && json.Unmarshal(answer.Body, q.out) != nil {
		return nil, answer.Fail("the answer could not be read")
	}
	return answer, nil
}

func (c *client) buildRequest(ctx context.Context, q request) (*http.Request, error) {
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	req, err := c.requests.NewRequest(ctx, q.method, q.path, q.in)
	if err != nil {
		return nil, errors.New("the request cannot be made") // the error quotes the address
	}
	req.Header.Set("Authorization", "Bearer "+secret.Reveal(token))
	return req, nil
}

// callPaced is callAPI at the pace that GitHub asks for of writes.
func (s *Scope) callPaced(ctx context.Context, q request) error {
	if err := s.client.waitForTurn(ctx); err != nil {
		return fmt.Errorf("%s: %w", q.doing, err)
	}
	_, err := s.client.callAPI(ctx, q)
	return err
}

func (c *client) waitForTurn(ctx context.Context) error {
	if c.pacer != nil {
		return c.pacer.Wait(ctx)
	}
	return c.caller.Wait(ctx, writeSpacing)
}

// parseRefusal returns go-github's error for an answer; nil for one of success.
func parseRefusal(r *httpcall.Response) error {
	return gh.CheckResponse(&http.Response{
		StatusCode: r.Status, Header: r.Header, Body: io.NopCloser(bytes.NewReader(r.Body)),
	})
}

// readRateLimit recognizes GitHub's two rate limits and returns how long to wait. Source:
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
func readRateLimit(r *httpcall.Response, try int) (wait time.Duration, limited bool) {
	refusal := parseRefusal(r)
	if primary, is := errors.AsType[*gh.RateLimitError](refusal); is {
		return untilReset(r.Header, primary.Rate), true
	}
	if _, is := errors.AsType[*gh.AbuseRateLimitError](refusal); is {
		return time.Minute << (try - 1), true
	}
	return 0, false
}

// untilReset returns how long a limit that is used up stays so, by GitHub's own clock.
func untilReset(h http.Header, rate gh.Rate) time.Duration {
	now, err := http.ParseTime(h.Get("Date"))
	wait := rate.Reset.Sub(now) + time.Second // the headers have whole seconds
	if err != nil || wait <= 0 {
		return httpcall.Forever
	}
	return wait
}
