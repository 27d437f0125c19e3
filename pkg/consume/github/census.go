package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Sighting is a receipt of an environment that stands at a place of no consumer.
type Sighting struct {
	Location string   // as manifest.Consumer.Location writes it
	Versions []string // every bucket version that it names, sorted
	SeenAt   time.Time
}

// Census looks for receipts of an environment at repositories that stand in no manifest: in those that the tokens of its
// consumers see, at the owners of its consumers. It remembers, for as long as it is kept, what it has seen and when, so
// that a pass makes callsAPass calls and a few more at most, however many repositories there are. Where a token may not
// look nobody does: a Census can object to a retirement, and never permits one. Not safe for concurrent use.
type Census struct {
	environment *manifest.Environment
	options     []Option
	groups      []*censusGroup
	declared    map[string]bool // the locations of the environment's consumers, in lower case
}

// The pace of a Census.
const (
	callsAPass   = 10        // after which a pass looks at no other repository
	lookAgain    = time.Hour // at what was looked at before, and at the lists
	mostListed   = 20        // pages of a list of repositories
	sightingLate = 30 * time.Second
)

// censusGroup is what one token sees of one owner.
type censusGroup struct {
	consumer manifest.Consumer // with whose sign-in it is looked at
	owner    string
	declared map[string]bool
	listed   time.Time // when the repositories were listed
	failed   time.Time // when GitHub refused or did not answer last
	places   map[string]*censusPlace
	calls    int // in this pass
}

// censusPlace is a repository, or an organization itself, as it was seen last.
type censusPlace struct {
	path string // orgs/OWNER, or repos/OWNER/NAME
	seen time.Time
	held []Sighting
}

// NewCensus returns the census of an environment's consumers at GitHub. It makes no call. options are those with which
// New opens the consumers.
func NewCensus(env *manifest.Environment, options ...Option) *Census {
	c := &Census{environment: env, options: options, declared: map[string]bool{}}
	known := map[string]bool{}
	for _, consumer := range env.Consumers {
		if consumer.GitHub == nil {
			continue
		}
		c.declared[strings.ToLower(consumer.Location(env.Name))] = true
		owner := strings.ToLower(ownerOf(consumer.GitHub))
		id := owner + " " + consumer.GitHub.SignIn.Credential()
		if !known[id] {
			known[id] = true
			c.groups = append(c.groups, &censusGroup{
				consumer: consumer, owner: owner, declared: c.declared, places: map[string]*censusPlace{},
			})
		}
	}
	return c
}

func ownerOf(g *manifest.GitHub) string {
	if g.Organization != "" {
		return g.Organization
	}
	owner, _, _ := strings.Cut(g.Repository, "/")
	return owner
}

// Look looks at some places, those first that were looked at longest ago, and returns every receipt of the environment
// that was seen there or before, of no consumer of it, sorted by location. key returns the value of a canonical key. Its
// error is for people: what could not be looked at keeps what was seen there before.
func (c *Census) Look(ctx context.Context, key func(string) secret.Value, now time.Time) ([]Sighting, error) {
	var failed []error
	for _, group := range c.groups {
		if now.Before(group.failed.Add(lookAgain)) { // a token that is refused is not tried in every pass
			failed = append(failed, fmt.Errorf("look for receipts at GitHub (%s): it failed at %s and is tried again an hour later",
				group.owner, group.failed.UTC().Format(time.TimeOnly)))
			continue
		}
		if err := c.lookAtGroup(ctx, group, key, now); err != nil {
			group.failed = now
			failed = append(failed, fmt.Errorf("look for receipts at GitHub (%s): %w", group.owner, err))
		}
	}
	return c.listStrangers(), errors.Join(failed...)
}

// listStrangers returns what was seen, once for each location.
func (c *Census) listStrangers() []Sighting {
	found := map[string]Sighting{}
	for _, group := range c.groups {
		for _, place := range group.places {
			for _, s := range place.held {
				if at := strings.ToLower(s.Location); found[at].SeenAt.Before(s.SeenAt) {
					found[at] = s
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Sighting) int { return strings.Compare(a.Location, b.Location) })
}

// lookAtGroup lists the places of a group, where that is due, and looks at as many as a pass may.
func (c *Census) lookAtGroup(ctx context.Context, group *censusGroup, key func(string) secret.Value, now time.Time) error {
	group.calls = 0
	due := group.listDue(now)
	if len(due) == 0 && now.Before(group.listed.Add(lookAgain)) {
		return nil
	}
	s, err := c.openGroup(group, key)
	if err != nil {
		return err
	}
	if !now.Before(group.listed.Add(lookAgain)) {
		if err := group.listPlaces(ctx, s); err != nil {
			return err
		}
		group.listed, due = now, group.listDue(now)
	}
	for _, place := range due {
		if group.calls >= callsAPass {
			return nil
		}
		if err := group.lookAtPlace(ctx, s, place, now); err != nil {
			return err
		}
	}
	return nil
}

// openGroup returns a scope that signs in as the group's consumer, at everything that its App is installed on.
func (c *Census) openGroup(group *censusGroup, key func(string) secret.Value) (*Scope, error) {
	signIn, appID := group.consumer.GitHub.SignIn, ""
	if signIn.AppID != "" {
		appID = secret.Reveal(key(signIn.AppID))
	}
	return newScope(group.consumer, c.environment.Name, key(signIn.Credential()), appID, true, c.options...)
}

// listDue returns the places that were not looked at within lookAgain, and those where something was seen; the latter
// first, and then those that were looked at longest ago.
func (g *censusGroup) listDue(now time.Time) []*censusPlace {
	var due []*censusPlace
	for _, path := range slices.Sorted(maps.Keys(g.places)) {
		if p := g.places[path]; len(p.held) > 0 && !now.Before(p.seen.Add(sightingLate)) || !now.Before(p.seen.Add(lookAgain)) {
			due = append(due, p)
		}
	}
	slices.SortStableFunc(due, func(a, b *censusPlace) int {
		if (len(a.held) > 0) != (len(b.held) > 0) {
			return len(b.held) - len(a.held)
		}
		return a.seen.Compare(b.seen)
	})
	return due
}

// listPlaces lists the owner's repositories that the token sees, and the organization itself. Those that are gone from
// the list are forgotten. A token that may not list sees none.
func (g *censusGroup) listPlaces(ctx context.Context, s *Scope) error {
	names, err := g.listRepositories(ctx, s)
	if isNotAllowed(err) {
		names, err = nil, nil
	}
	if err != nil {
		return err
	}
	paths := []string{"orgs/" + g.owner}
	for _, name := range names {
		paths = append(paths, "repos/"+name)
	}
	places := map[string]*censusPlace{}
	for _, path := range paths {
		at := strings.ToLower(path)
		if places[at] = g.places[at]; places[at] == nil {
			places[at] = &censusPlace{path: path}
		}
	}
	g.places = places
	return nil
}

// listRepositories returns the full names of the owner's repositories that the token sees: those on which its App is
// installed, or those of the organization.
func (g *censusGroup) listRepositories(ctx context.Context, s *Scope) (names []string, err error) {
	path, installed := "orgs/"+g.owner+"/repos?type=all", g.consumer.GitHub.SignIn.AppID != ""
	if installed {
		path = "installation/repositories?"
	}
	type listed []struct {
		FullName string `json:"full_name"`
		Archived bool   `json:"archived"`
	}
	for page := 1; page <= mostListed; page++ {
		var whole struct {
			Repositories listed `json:"repositories"`
		}
		q := request{
			doing: "list repositories", method: http.MethodGet, out: &whole,
			path: fmt.Sprintf("%s&per_page=100&page=%d", path, page),
		}
		if !installed {
			q.out = &whole.Repositories
		}
		g.calls++
		resp, err := s.client.callAPI(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range whole.Repositories {
			owner, _, _ := strings.Cut(r.FullName, "/")
			if repositoryShape().MatchString(r.FullName) && strings.EqualFold(owner, g.owner) {
				names = append(names, r.FullName)
			}
		}
		if !httpcall.HasNextPage(resp.Header) {
			break
		}
	}
	return names, nil
}

// lookAtPlace reads the receipts of a place: its own, and those of a repository's environments.
func (g *censusGroup) lookAtPlace(ctx context.Context, s *Scope, place *censusPlace, now time.Time) error {
	var held []Sighting
	own, isRepository := strings.CutPrefix(place.path, "repos/")
	at := manifest.GitHub{Organization: g.owner}
	if isRepository {
		at = manifest.GitHub{Repository: own}
	}
	if err := g.lookForReceipt(ctx, s, place.path+"/actions", at, now, &held); err != nil {
		return err
	}
	if isRepository {
		s.repository = place.path
		g.calls++
		for _, environment := range s.listEnvironments(ctx) {
			at.Environment = environment
			if err := g.lookForReceipt(ctx, s, s.environmentPath(environment), at, now, &held); err != nil {
				return err
			}
		}
	}
	place.held, place.seen = held, now
	return nil
}

// lookForReceipt adds the receipt at a path, where it is one of the environment's and the place is no consumer's.
func (g *censusGroup) lookForReceipt(
	ctx context.Context, s *Scope, path string, at manifest.GitHub, now time.Time, held *[]Sighting,
) error {
	location := manifest.Consumer{GitHub: &at}.Location(s.environment)
	if g.declared[strings.ToLower(location)] {
		return nil
	}
	g.calls++
	s.path = path
	r, _, err := s.readReceipt(ctx)
	switch {
	case errors.Is(err, errReceipt), isNotAllowed(err), err == nil && (r == nil || r.Environment != s.environment):
		return nil
	case err != nil:
		return err
	}
	versions := dropUnmanaged(append(slices.Collect(maps.Keys(r.Previous)), r.Version))
	*held = append(*held, Sighting{location, slices.Compact(versions), now})
	return nil
}

// isNotAllowed reports whether GitHub does not let the token see something, or it is not there.
func isNotAllowed(err error) bool {
	return hasStatus(err, http.StatusForbidden) || hasStatus(err, http.StatusNotFound)
}
