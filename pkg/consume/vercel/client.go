package vercel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
	"github.com/rotary-secrets/rotary/pkg/retry"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	defaultBaseURL = "https://api.vercel.com"
	tries          = 4
	longestWait    = time.Minute // a longer one is left to the next pass, which is never far
)

// client makes the calls of Vercel's REST API that the driver needs.
type client struct {
	caller httpcall.Caller
	base   string
	token  secret.Value
	team   string // id or slug
}

func newClient(token secret.Value, team string) *client {
	return &client{base: defaultBaseURL, token: token, team: team, caller: httpcall.Caller{
		Tries: tries, Timeout: 20 * time.Second, LongestWait: longestWait, LargestBody: 16 << 20,
		Wait: retry.Skip, Limit: readRateLimit,
	}}
}

// request is one call. Only a repeatable one is tried again after an answer that leaves open whether it was done.
type request struct {
	doing      string // for errors: "list the variables of project dashboard"
	method     string
	path       string
	query      url.Values
	body       any
	repeatable bool
	hook       secret.Value // a whole address instead of path; sent without the token
}

// refusedError is an answer that is not 2xx, with the variables of an upsert that failed as a whole.
type refusedError struct {
	call   *httpcall.Error
	failed []failedItem
}

func (e *refusedError) Error() string { return e.call.Error() }

func (e *refusedError) Unwrap() error { return e.call }

// callAPI makes a call and decodes the answer into into, unless that is nil. An answer that is not 2xx is a
// *refusedError.
func (c *client) callAPI(ctx context.Context, r request, into any) error {
	body, err := encodeBody(r)
	if err != nil {
		return err
	}
	build := func(ctx context.Context) (*http.Request, error) { return c.buildRequest(ctx, r, body) }
	call := httpcall.Call{Doing: r.doing, Retry: httpcall.Throttled, Build: build}
	if r.repeatable {
		call.Retry = httpcall.Idempotent
	}
	answer, err := c.caller.Do(ctx, call)
	if err != nil {
		return explainRefusal(answer, err)
	}
	if into != nil && json.Unmarshal(answer.Body, into) != nil {
		return answer.Fail("vercel's answer is not what its contract says")
	}
	return nil
}

func encodeBody(r request) ([]byte, error) {
	if r.body == nil {
		return nil, nil
	}
	body, err := json.Marshal(r.body)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot encode the request", r.doing)
	}
	return body, nil
}

func (c *client) buildRequest(ctx context.Context, r request, body []byte) (*http.Request, error) {
	address := c.base + r.path + "?" + c.addTeam(r.query).Encode()
	hooked := secret.Reveal(r.hook) != ""
	if hooked {
		address = secret.Reveal(r.hook)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address is not a URL") // the error quotes it
	}
	req.Header.Set("Content-Type", "application/json")
	if !hooked {
		req.Header.Set("Authorization", "Bearer "+secret.Reveal(c.token))
	}
	return req, nil
}

// addTeam returns q with the team, which every call for a team's project needs.
func (c *client) addTeam(q url.Values) url.Values {
	out := url.Values{}
	for name, values := range q {
		out[name] = values
	}
	switch {
	case strings.HasPrefix(c.team, "team_"):
		out.Set("teamId", c.team)
	case c.team != "":
		out.Set("slug", c.team)
	}
	return out
}

// refusal is the body of an error answer, as far as it is read: codes, and names of variables.
type refusal struct {
	Error struct {
		Code   code         `json:"code"`
		Failed []failedItem `json:"failed"`
		Limit  struct {
			Reset int64 `json:"reset"`
		} `json:"limit"`
		failedError
	} `json:"error"`
	Failed []failedItem `json:"failed"`
}

func parseRefusal(r *httpcall.Response) (body refusal) {
	_ = json.Unmarshal(r.Body, &body) // an answer that is not JSON has no code
	return body
}

// explainRefusal returns a call's error with the code of Vercel's answer and the variables that failed.
func explainRefusal(r *httpcall.Response, err error) error {
	failed, is := errors.AsType[*httpcall.Error](err)
	if !is || r == nil || r.Status >= 200 && r.Status <= 299 {
		return err
	}
	body := parseRefusal(r)
	failed.Code = string(body.Error.Code)
	items := slices.Concat(body.Failed, body.Error.Failed)
	if len(items) == 0 && body.Error.variableName() != "" {
		items = []failedItem{{Error: body.Error.failedError}}
		items[0].Error.Code = body.Error.Code
	}
	return &refusedError{failed, items}
}

// readRateLimit returns how long a refusal asks to wait by limit.reset, in seconds since 1970, which is read by the
// answer's own clock (vercel.com/docs/rest-api/errors, rate limits).
func readRateLimit(r *httpcall.Response, _ int) (wait time.Duration, limited bool) {
	if r.Status != http.StatusTooManyRequests {
		return 0, false
	}
	reset := parseRefusal(r).Error.Limit.Reset
	now, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil || reset <= now.Unix() {
		return 0, true
	}
	return time.Duration(min(reset-now.Unix(), 3600)) * time.Second, true
}

// code is an error code of Vercel's. Anything that does not look like one is dropped, because codes go into errors.
type code string

var codeShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
})

func (c *code) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil && codeShape().MatchString(s) {
		*c = code(s)
	}
	return nil
}
