package github

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v92/github"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
)

// isAboutOneName reports whether a refusal is about what one request holds, so that the next one may succeed.
func isAboutOneName(err error) bool {
	refused, is := errors.AsType[*httpcall.Error](err)
	return is && (refused.Status >= 500 || slices.Contains([]int{
		http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
	}, refused.Status))
}

// isServerFailure reports whether GitHub failed, and not the request.
func isServerFailure(err error) bool {
	refused, is := errors.AsType[*httpcall.Error](err)
	return is && refused.Status >= 500
}

func hasStatus(err error, status int) bool {
	refused, is := errors.AsType[*httpcall.Error](err)
	return is && refused.Status == status
}

// permissionsShape is the form of GitHub's list of permissions: "secrets=write", or "a=read,b=write; c=read" for
// either.
var permissionsShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z_]+=[a-z]+([,;] ?[a-z_]+=[a-z]+)*$`)
})

// explainRefusal returns a call's error with the reason that GitHub's answer r stands for.
func explainRefusal(r *httpcall.Response, err error) error {
	failed, is := errors.AsType[*httpcall.Error](err)
	if !is || r == nil {
		return err
	}
	refusal := parseRefusal(r)
	primary, used := errors.AsType[*gh.RateLimitError](refusal)
	_, secondary := errors.AsType[*gh.AbuseRateLimitError](refusal)
	switch {
	case used:
		failed.Reason = "the hourly limit is used up until " + primary.Rate.Reset.UTC().Format(time.RFC3339)
	case secondary:
		failed.Reason = "a secondary rate limit"
	case r.Status == http.StatusUnauthorized:
		failed.Reason = "the token is not valid, or no longer"
	case r.Status == http.StatusForbidden:
		failed.Reason = explainForbidden(r, refusal)
	case r.Status == http.StatusNotFound:
		failed.Reason = "it does not exist, or the token does not see it"
	case r.Status == http.StatusUnprocessableEntity:
		failed.Reason = "GitHub refuses the name or the value"
	case r.Status >= 300 && r.Status < 400:
		failed.Reason = "the repository was renamed or moved: name it anew in the manifest"
	}
	return failed
}

// explainForbidden returns why a token that is valid is not enough. GitHub's own message is only searched for one word.
func explainForbidden(r *httpcall.Response, refusal error) string {
	needs := r.Header.Get("X-Accepted-GitHub-Permissions")
	answered, is := errors.AsType[*gh.ErrorResponse](refusal)
	switch {
	case is && strings.Contains(answered.Message, "archived"):
		return "the repository is archived, and can only be read"
	case r.Header.Get("X-GitHub-SSO") != "":
		return "the token is not authorized for the organization's single sign-on"
	case permissionsShape().MatchString(needs):
		return "the token lacks one of the permissions " + needs
	}
	return "the token does not allow it"
}
