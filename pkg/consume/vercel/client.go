package vercel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	defaultBaseURL = "https://api.vercel.com"
	callTimeout    = 20 * time.Second
	tries          = 4
	longestWait    = time.Minute // a longer Retry-After ends the pass: the next one is never far
	largestAnswer  = 16 << 20
)

// client makes the calls of Vercel's REST API that the driver needs. It never puts a body, a value, a token or an
// address into an error, and follows no redirect.
type client struct {
	http  *http.Client
	base  string
	token secret.Value
	team  string // id or slug
	sleep func(context.Context, time.Duration) error
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

// apiError is an answer that is not 2xx.
type apiError struct {
	doing  string
	status int
	code   string
	failed []failedItem // of an upsert that failed as a whole
	wait   time.Duration
}

func (e *apiError) Error() string {
	text := fmt.Sprintf("%s: vercel answered %d", e.doing, e.status)
	if e.code != "" {
		text += " " + e.code
	}
	return text
}

// call carries out r and decodes the answer into into. It retries, at most three times: every call after 429, a
// repeatable one also after 5xx and a broken connection.
func (c *client) call(ctx context.Context, r request, into any) error {
	body, err := encode(r)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := c.once(ctx, r, body, into)
		wait, again := retry(err, r.repeatable, try)
		if !again || ctx.Err() != nil {
			return err
		}
		if c.sleep(ctx, wait) != nil {
			return err
		}
	}
}

func encode(r request) ([]byte, error) {
	if r.body == nil {
		return nil, nil
	}
	body, err := json.Marshal(r.body)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot encode the request", r.doing)
	}
	return body, nil
}

// errConnection stands for every error of the transport: their texts can carry an address.
var errConnection = errors.New("no answer from vercel")

func retry(err error, repeatable bool, try int) (wait time.Duration, again bool) {
	var api *apiError
	backoff := time.Second << (try - 1)
	switch {
	case err == nil || try == tries:
		return 0, false
	case errors.As(err, &api) && api.status == http.StatusTooManyRequests:
		return max(api.wait, backoff), api.wait <= longestWait
	case errors.As(err, &api):
		return backoff, api.status >= 500 && repeatable
	default:
		return backoff, errors.Is(err, errConnection) && repeatable
	}
}

func (c *client) once(ctx context.Context, r request, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := c.build(ctx, r, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return connectionError(ctx, r)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, largestAnswer))
	if err != nil {
		return connectionError(ctx, r)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return refusal(r, resp, answer)
	}
	if into != nil && json.Unmarshal(answer, into) != nil {
		return fmt.Errorf("%s: vercel's answer is not what its contract says", r.doing)
	}
	return nil
}

func connectionError(ctx context.Context, r request) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w: %w", r.doing, errConnection, ctx.Err())
	}
	return fmt.Errorf("%s: %w", r.doing, errConnection)
}

func (c *client) build(ctx context.Context, r request, body []byte) (*http.Request, error) {
	address := c.base + r.path + "?" + c.query(r.query).Encode()
	hooked := secret.Reveal(r.hook) != ""
	if hooked {
		address = secret.Reveal(r.hook)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: the address is not a URL", r.doing)
	}
	req.Header.Set("Content-Type", "application/json")
	if !hooked {
		req.Header.Set("Authorization", "Bearer "+secret.Reveal(c.token))
	}
	return req, nil
}

// query adds the team, which every call for a team's project needs.
func (c *client) query(q url.Values) url.Values {
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

// refusal reads an error answer: its codes and key names, nothing else of it.
func refusal(r request, resp *http.Response, answer []byte) error {
	var body struct {
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
	_ = json.Unmarshal(answer, &body) // an answer that is not JSON has no code
	e := &apiError{doing: r.doing, status: resp.StatusCode, code: string(body.Error.Code), wait: pause(resp.Header, body.Error.Limit.Reset)}
	e.failed = slices.Concat(body.Failed, body.Error.Failed)
	if len(e.failed) == 0 && body.Error.name() != "" {
		e.failed = []failedItem{{Error: body.Error.failedError}}
		e.failed[0].Error.Code = body.Error.Code
	}
	return e
}

// pause is how long a refusal asks to wait: Retry-After says it, or else limit.reset, in seconds since 1970, which is
// read by the answer's own clock (vercel.com/docs/rest-api/errors, rate limits).
func pause(h http.Header, reset int64) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	switch {
	case err == nil:
		return time.Duration(seconds) * time.Second
	case errors.Is(err, strconv.ErrRange):
		return longestWait + 1
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil || reset <= now.Unix() {
		return 0
	}
	return time.Duration(min(reset-now.Unix(), 3600)) * time.Second
}

// code is a vendor's error code. Anything that does not look like one is dropped: it goes into errors.
type code string

var codePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (c *code) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil && codePattern.MatchString(s) {
		*c = code(s)
	}
	return nil
}

// noRedirect keeps the token and the values with the host they were meant for.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func hasten(ctx context.Context, _ time.Duration) error { return ctx.Err() }
