// Package github carries a bucket to the Actions secrets of a GitHub repository, of one of its environments, or of an
// organization, and to the Dependabot secrets of a repository or an organization.
//
// Secrets are write-only there, so the scope itself carries a receipt, the Actions variable ROTARY_RECEIPT: which
// version it has, and the updated_at of every secret that rotary wrote. A secret whose updated_at is no longer the
// receipt's was changed by hand. Dependabot secrets are a second vault of the same scope, and stand in the same receipt.
package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v92/github"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/retry"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// DefaultDrain is the longest time for which a workflow run that holds old values can go on. Source: a job on GitHub's
// own runners ends after six hours, https://docs.github.com/en/actions/reference/limits.
const DefaultDrain = 6 * time.Hour

// Scope is a consumer: the secrets of one repository, environment or organization. It serves one pass, because the token is read
// again for each, and is not safe for concurrent use.
type Scope struct {
	name        string // the consumer's, in the manifest
	environment string // rotary's
	path        string // of the scope, below the base URL
	repository  string // its path; "" for an organization's scope
	own         string // GitHub's environment, "" for the repository's scope
	where       string // for people: example/app, environment dev
	drain       time.Duration
	permitted   []string // names to adopt, as GitHub has them
	adopting    []string // those of them that are adopted now
	client      *client
	actions     *vault
	dependabot  *vault // nil where the scope cannot have Dependabot secrets
	wanted      bool   // the manifest wants Dependabot secrets
	owner       *organization
	previous    func(context.Context, string) (map[string]secret.Value, error)
	hints       bool        // for people who look
	looked      *scopeState // what Status has read of the scope; nil before, and once it was written
}

// Option changes how a Scope works.
type Option func(*options)

type options struct {
	url       string
	transport http.RoundTripper
	now       func() time.Time
	pause     func(context.Context, time.Duration) error
	previous  func(context.Context, string) (map[string]secret.Value, error)
	adopting  []string
	hints     bool
	pacer     pacer
}

// pacer decides when the next write may be made; *pace.Pace is one.
type pacer interface {
	Wait(ctx context.Context) error
	NoteThrottled()
}

// Paced sets the pace of writes, which several scopes may share. Without it there is a second before each.
func Paced(p pacer) Option { return func(o *options) { o.pacer = p } }

// URL sets the API's base URL: GitHub Enterprise Server's, or a stand-in's.
func URL(base string) Option { return func(o *options) { o.url = base } }

// Transport sets what carries the requests.
func Transport(t http.RoundTripper) Option { return func(o *options) { o.transport = t } }

// Clock replaces the wall clock, and sets how to wait between writes and before retries. Without it nobody waits,
// which only servers without github.com's limits accept. pause returns early, with an error, when ctx ends or leaves
// no time.
func Clock(now func() time.Time, pause func(ctx context.Context, d time.Duration) error) Option {
	return func(o *options) { o.now, o.pause = now, pause }
}

// Previous sets how to read an earlier version of the bucket, so that a Roll puts only the values that differ. read
// returns a nil map where the version is gone: then every secret is put. Its error fails the Roll.
func Previous(read func(ctx context.Context, version string) (map[string]secret.Value, error)) Option {
	return func(o *options) { o.previous = read }
}

// Hints lets Status ask, for its detail, which names of other levels hide the scope's or are hidden by them. That decides
// nothing and costs some calls.
func Hints(asked bool) Option { return func(o *options) { o.hints = asked } }

var repositoryShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$`)
})

// New returns the scope that consumer c of a rotary environment stands for. It makes no call. token is a personal
// access token; where appID is not empty, it is the private key of that GitHub App, in PEM. A token needs the
// repository permissions Secrets and Variables (Environments for an environment's scope) to write, Actions to read; for
// an organization its permissions Secrets and Variables to write, and of its repositories Actions to read; with
// Dependabot secrets, the same level's Dependabot secrets to write.
func New(c manifest.Consumer, environment string, token secret.Value, appID string, opts ...Option) (*Scope, error) {
	return newScope(c, environment, token, appID, false, opts...)
}

// newScope is New; a wide one's App token reaches everything that the App is installed on.
func newScope(
	c manifest.Consumer, environment string, token secret.Value, appID string, wide bool, opts ...Option,
) (*Scope, error) {
	o := options{url: "https://api.github.com/", transport: http.DefaultTransport, now: time.Now, pause: retry.Skip}
	for _, opt := range opts {
		opt(&o)
	}
	s := &Scope{name: c.Name, environment: environment, previous: o.previous, adopting: o.adopting, hints: o.hints}
	if err := s.applyManifest(c.GitHub); err != nil {
		return nil, s.wrapError("open", err)
	}
	base, err := newClient(o)
	if err != nil {
		return nil, s.wrapError("open", err)
	}
	at := s.installation()
	if wide {
		at.repository = ""
	}
	if s.client, err = authenticateClient(base, at, token, appID, o.now); err != nil {
		return nil, s.wrapError("open", err)
	}
	return s, nil
}

// applyManifest sets what the manifest has about the scope, or returns an error for a name that cannot stand in a path.
func (s *Scope) applyManifest(g *manifest.GitHub) error {
	switch {
	case g != nil && g.Organization != "":
		if err := s.placeInOrganization(g); err != nil {
			return err
		}
	case g == nil || !repositoryShape().MatchString(g.Repository):
		return errors.New("the manifest names no repository as owner/name")
	default:
		if err := s.placeInRepository(g); err != nil {
			return err
		}
	}
	s.actions, s.wanted = &vault{path: s.path}, g.Dependabot
	s.drain = time.Duration(g.Drain)
	if s.drain == 0 {
		s.drain = DefaultDrain
	}
	for _, name := range g.Adopt {
		s.permitted = append(s.permitted, strings.ToUpper(name))
	}
	return nil
}

// placeInRepository sets where the secrets of a repository or of its environment are.
func (s *Scope) placeInRepository(g *manifest.GitHub) error {
	if _, name, _ := strings.Cut(g.Repository, "/"); isPathStep(name) || isPathStep(g.Environment) {
		return errors.New("the manifest names . or .., which is a way in a path")
	}
	s.repository = "repos/" + g.Repository
	s.path, s.where = s.repository+"/actions", g.Repository
	if g.Environment != "" {
		s.own = g.Environment
		s.path, s.where = s.environmentPath(g.Environment), g.Repository+", environment "+g.Environment
		return nil
	}
	s.dependabot = &vault{name: dependabotPrefix, path: s.repository + "/dependabot"}
	return nil
}

// isPathStep reports whether a name would be a step in a path: . itself, or .. between slashes, which go-github
// refuses even where it is escaped.
func isPathStep(name string) bool {
	return name == "." || slices.Contains(strings.Split(name, "/"), "..")
}

func (s *Scope) environmentPath(name string) string {
	return s.repository + "/environments/" + url.PathEscape(name)
}

// Withdraw does nothing, because nobody can go back to a secret that was overwritten.
func (s *Scope) Withdraw(context.Context, []string) error { return nil }

func (s *Scope) wrapError(doing string, err error) error {
	return fmt.Errorf("%s consumer %s (GitHub %s): %w", doing, s.name, s.where, err)
}

// scopeState is one reading of the scope.
type scopeState struct {
	secrets map[string]time.Time // every secret's updated_at; those of Dependabot with dependabotPrefix
	receipt *receipt             // nil where there is none
	written time.Time            // when the receipt was
	now     time.Time            // by GitHub's own clock
}

// foreignNames returns the names that rotary does not own, sorted.
func (l scopeState) foreignNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(l.secrets)), func(name string) bool {
		return l.ownsName(name) || !isSecretName(name)
	})
}

// readScope reads the secrets' names and the receipt. Its error is errReceipt for a receipt that rotary did not write.
func (s *Scope) readScope(ctx context.Context) (scopeState, error) {
	secrets, now, err := s.listVault(ctx, s.actions)
	if err != nil {
		return scopeState{}, err
	}
	l := scopeState{secrets: secrets, now: now}
	l.receipt, l.written, err = s.readReceipt(ctx)
	if err == nil && l.receipt != nil && l.receipt.Environment != s.environment {
		return scopeState{}, fmt.Errorf("its receipt is of environment %q: two environments share one scope",
			l.receipt.Environment)
	}
	if err == nil && s.asksDependabot(l.receipt) {
		err = s.addVault(ctx, s.dependabot, l.secrets)
	}
	return l, err
}

// mostPages bounds every list: a scope has at most 1,000 secrets, and GitHub lists 1,000 runs of a search and no more
// (https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository).
const mostPages = 10

// secretsPage is a page of the list of secrets. An answer without a count is no such page.
type secretsPage struct {
	TotalCount *int `json:"total_count"`
	Secrets    []struct {
		Name       string       `json:"name"`
		UpdatedAt  gh.Timestamp `json:"updated_at"`
		Visibility string       `json:"visibility"` // of an organization's secret
	} `json:"secrets"`
}

// listSecrets returns every secret's updated_at, and GitHub's time: of Actions and, where the scope may have some of
// rotary's, of Dependabot.
func (s *Scope) listSecrets(ctx context.Context, r *receipt) (map[string]time.Time, time.Time, error) {
	found, now, err := s.listVault(ctx, s.actions)
	if err == nil && s.asksDependabot(r) {
		err = s.addVault(ctx, s.dependabot, found)
	}
	return found, now, err
}

// listVault returns the updated_at of every secret of a vault, and GitHub's time; it notes their visibilities.
func (s *Scope) listVault(ctx context.Context, v *vault) (map[string]time.Time, time.Time, error) {
	found := map[string]time.Time{}
	v.visibility = map[string]string{}
	for page := 1; page <= mostPages; page++ {
		var out secretsPage
		resp, err := s.client.callAPI(ctx, request{
			doing: v.listing(), method: http.MethodGet,
			path: fmt.Sprintf("%s/secrets?per_page=100&page=%d", v.path, page), out: &out,
		})
		if err != nil {
			return nil, time.Time{}, err
		}
		for _, held := range out.Secrets {
			name := v.name + strings.ToUpper(held.Name)
			found[name], v.visibility[name] = held.UpdatedAt.UTC(), held.Visibility
		}
		if httpcall.HasNextPage(resp.Header) {
			continue
		}
		if out.TotalCount == nil {
			return nil, time.Time{}, errors.New(v.listing() + ": GitHub's answer has no list")
		}
		if len(found) != *out.TotalCount {
			return nil, time.Time{}, fmt.Errorf("%s: GitHub listed %d of %d", v.listing(), len(found), *out.TotalCount)
		}
		now, err := http.ParseTime(resp.Header.Get("Date"))
		if err != nil {
			return nil, time.Time{}, errors.New(v.listing() + ": GitHub's answer does not say its time")
		}
		return found, now.UTC(), nil
	}
	return nil, time.Time{}, fmt.Errorf("%s: the list does not end within %d pages", v.listing(), mostPages)
}
