package github

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	gh "github.com/google/go-github/v92/github"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	attempts    = 4
	callTimeout = 30 * time.Second
	longestWait = 2 * time.Minute // a longer one is left to the next pass
	largest     = 16 << 20        // bytes of an answer
	// spacing comes before each write. Source:
	// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#pause-between-mutative-requests
	spacing = time.Second
)

// client makes calls that wait as GitHub asks, and whose errors hold nothing of a token or an answer's body.
type client struct {
	api   *gh.Client
	token func(context.Context) (secret.Value, error)
	pause func(context.Context, time.Duration) error
}

func newClient(o options) (client, error) {
	base := strings.TrimSuffix(o.url, "/") + "/"
	// No redirect is followed: a renamed repository is no longer the manifest's, and a token must not go elsewhere.
	direct := &http.Client{Transport: bounded{o.transport}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	api, err := gh.NewClient(gh.WithHTTPClient(direct), gh.WithURLs(&base, nil), gh.WithUserAgent("rotary"), gh.WithDisableRateLimitCheck())
	if err != nil {
		return client{}, errors.New("the API's URL is not a URL")
	}
	return client{api: api, pause: o.pause}, nil
}

// bounded reads no more of an answer than any answer of GitHub's can have.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, largest), resp.Body}
	}
	return resp, err
}

type request struct {
	doing        string // for errors
	method, path string
	in, out      any
}

// call makes one request and repeats it where that can help: after a broken connection, a 5xx, or a secondary
// limit. Every request that rotary makes is repeatable, or fails harmlessly the second time.
func (c *client) call(ctx context.Context, q request) (*gh.Response, error) {
	for attempt := 1; ; attempt++ {
		resp, err := c.once(ctx, q)
		if err == nil {
			return resp, nil
		}
		wait, again := patience(resp, err, attempt)
		if !again || attempt == attempts || ctx.Err() != nil {
			return resp, describe(ctx, q, resp, err)
		}
		if c.pause(ctx, wait) != nil {
			return resp, fmt.Errorf("%w; no time was left to wait %v and try again", describe(ctx, q, resp, err), wait)
		}
	}
}

func (c *client) once(ctx context.Context, q request) (*gh.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	token, err := c.token(ctx)
	if err != nil {
		return nil, &tokenError{err}
	}
	req, err := c.api.NewRequest(ctx, q.method, q.path, q.in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+secret.Reveal(token))
	return c.api.Do(req, q.out)
}

// tokenError is a failure to get a token: described, and tried again where it could help, when that call was made.
type tokenError struct{ error }

func (e *tokenError) Unwrap() error { return e.error }

// patience says whether trying again can help, and after how long. Source of the order of the headers:
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
func patience(resp *gh.Response, err error, attempt int) (wait time.Duration, again bool) {
	var used *gh.RateLimitError
	var secondary *gh.AbuseRateLimitError
	var broken *url.Error
	backoff := time.Second << (attempt - 1)
	switch {
	case resp != nil && resp.Header.Get("Retry-After") != "" && resp.StatusCode >= 400:
		seconds, bad := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
		wait = time.Duration(seconds) * time.Second
		return wait, bad == nil && wait <= longestWait
	case errors.As(err, &used):
		return untilReset(used)
	case errors.As(err, &secondary):
		wait = time.Minute << (attempt - 1)
		return wait, wait <= longestWait
	case resp != nil && resp.Response != nil:
		return backoff, resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented
	default:
		return backoff, errors.As(err, &broken)
	}
}

// untilReset is how long a used up limit stays so, by GitHub's own clock.
func untilReset(used *gh.RateLimitError) (wait time.Duration, again bool) {
	now, err := http.ParseTime(used.Response.Header.Get("Date"))
	wait = used.Rate.Reset.Sub(now) + time.Second // the headers tell whole seconds
	return wait, err == nil && wait > 0 && wait <= longestWait
}

// statusError is GitHub's refusal.
type statusError struct {
	doing   string
	status  int
	request string
	hint    string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s: status %d, request %s%s", e.doing, e.status, e.request, e.hint)
}

// isOneName says whether a refusal is about what one request says, so that the next one can do better.
func isOneName(err error) bool {
	var refused *statusError
	return errors.As(err, &refused) && (refused.status >= 500 || slices.Contains([]int{
		http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
	}, refused.status))
}

// isDown says whether GitHub failed, and not the request.
func isDown(err error) bool {
	var refused *statusError
	return errors.As(err, &refused) && refused.status >= 500
}

func isStatus(err error, status int) bool {
	var refused *statusError
	return errors.As(err, &refused) && refused.status == status
}

// describe makes an error that says what was being done, the status and the request's id, and nothing else.
func describe(ctx context.Context, q request, resp *gh.Response, err error) error {
	var broken *url.Error
	var token *tokenError
	switch {
	case errors.As(err, &token):
		return fmt.Errorf("%s: %w", q.doing, token.error)
	case resp != nil && resp.Response != nil && (resp.StatusCode < 200 || resp.StatusCode > 299):
		return &statusError{q.doing, resp.StatusCode, resp.Header.Get(gh.HeaderRequestID), hint(resp, err)}
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", q.doing, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer within %v", q.doing, callTimeout)
	case errors.As(err, &broken):
		return fmt.Errorf("%s: %w", q.doing, connection(broken.Err))
	default:
		return fmt.Errorf("%s: the answer could not be read", q.doing)
	}
}

// connection keeps what says why nothing could be reached. Other errors of net/http quote what a server sent.
func connection(err error) error {
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return failed
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return untrusted
	}
	return errors.New("the connection broke, or the answer was not HTTP")
}

// permissions is the form of GitHub's list of permissions: "secrets=write", or "a=read,b=write; c=read" for either.
var permissions = regexp.MustCompile(`^[a-z_]+=[a-z]+([,;] ?[a-z_]+=[a-z]+)*$`)

// hint says in words what a refusal means.
func hint(resp *gh.Response, err error) string {
	var used *gh.RateLimitError
	var secondary *gh.AbuseRateLimitError
	switch {
	case errors.As(err, &used):
		return ": the hourly limit is used up until " + used.Rate.Reset.UTC().Format(time.RFC3339)
	case errors.As(err, &secondary):
		return ": a secondary rate limit"
	case resp.StatusCode == http.StatusUnauthorized:
		return ": the token is not valid, or no longer"
	case resp.StatusCode == http.StatusForbidden:
		return forbidden(resp, err)
	case resp.StatusCode == http.StatusNotFound:
		return ": it does not exist, or the token does not see it"
	case resp.StatusCode == http.StatusUnprocessableEntity:
		return ": GitHub refuses the name or the value"
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return ": the repository was renamed or moved: name it anew in the manifest"
	}
	return ""
}

// forbidden says why a token that is valid is not enough. Of GitHub's own words it only looks for one.
func forbidden(resp *gh.Response, err error) string {
	needs := resp.Header.Get("X-Accepted-GitHub-Permissions")
	var refused *gh.ErrorResponse
	switch {
	case errors.As(err, &refused) && strings.Contains(refused.Message, "archived"):
		return ": the repository is archived, and can only be read"
	case resp.Header.Get("X-GitHub-SSO") != "":
		return ": the token is not authorized for the organization's single sign-on"
	case permissions.MatchString(needs):
		return ": the token lacks one of the permissions " + needs
	}
	return ": the token does not allow it"
}

// write is call with the pause that GitHub asks for between writes.
func (s *Scope) write(ctx context.Context, q request) error {
	if err := s.client.pause(ctx, spacing); err != nil {
		return fmt.Errorf("%s: %w", q.doing, err)
	}
	_, err := s.client.call(ctx, q)
	return err
}
