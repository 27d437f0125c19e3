package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	gh "github.com/google/go-github/v92/github"
)

// mostEnvironments bounds how many environments are looked into for names that hide rotary's.
const mostEnvironments = 10

// describeShadows names the secrets of other levels that have names of this scope. GitHub shows a job the
// environment's before the repository's, and the repository's before the organization's
// (https://docs.github.com/en/actions/reference/secrets-reference). Where the token does not see a level, or GitHub
// does not answer at once, that level is left out: the text is for people and decides nothing.
func (s *Scope) describeShadows(ctx context.Context, names []string) string {
	if s.owner != nil {
		return "" // each of its repositories would have to be asked
	}
	var told []string
	if both := s.findCommonNames(ctx, s.repository+"/actions/organization-secrets", names); both != "" {
		told = append(told, "it hides the organization's "+both)
	}
	if s.own != "" {
		if both := s.findCommonNames(ctx, s.repository+"/actions/secrets", names); both != "" {
			told = append(told, "it hides the repository's "+both)
		}
		return joinNotes(told)
	}
	for _, environment := range s.listEnvironments(ctx) {
		if both := s.findCommonNames(ctx, s.environmentPath(environment)+"/secrets", names); both != "" {
			told = append(told, fmt.Sprintf("environment %q has its own %s, which its jobs get instead",
				environment, both))
		}
	}
	return joinNotes(told)
}

func joinNotes(told []string) string {
	if len(told) == 0 {
		return ""
	}
	return "; " + strings.Join(told, "; ")
}

// findCommonNames returns those of names that a list of secrets has. It reads one page: a job gets at most 100 secrets
// of a level.
func (s *Scope) findCommonNames(ctx context.Context, path string, names []string) string {
	var out secretsPage
	if _, err := s.client.callAPI(ctx, request{
		once: true, method: http.MethodGet, path: path + "?per_page=100", out: &out,
	}); err != nil {
		return ""
	}
	var both []string
	for _, held := range out.Secrets {
		if slices.Contains(names, held.Name) {
			both = append(both, held.Name)
		}
	}
	return abbreviateNames(both)
}

// listEnvironments returns the names of the repository's environments, as far as the token sees them.
func (s *Scope) listEnvironments(ctx context.Context) (names []string) {
	var out gh.EnvResponse
	if _, err := s.client.callAPI(ctx, request{
		once: true, method: http.MethodGet,
		path: fmt.Sprintf("%s/environments?per_page=%d", s.repository, mostEnvironments), out: &out,
	}); err != nil {
		return nil
	}
	for _, environment := range out.Environments {
		if name := environment.GetName(); name != "" && !isPathStep(name) {
			names = append(names, name)
		}
	}
	return names[:min(len(names), mostEnvironments)]
}
