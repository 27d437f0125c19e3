package github

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// organization owns repositories, and secrets and variables that some of them see.
type organization struct {
	name       string
	scope      *scope
	dependabot *scope
}

// The visibilities of what an organization shares. Source:
// https://docs.github.com/en/rest/actions/secrets#create-or-update-an-organization-secret
const (
	toAll      = "all"
	toPrivate  = "private" // every repository of the stand-in is private
	toSelected = "selected"
)

// access is who sees a secret or a variable of an organization; zero for one of a repository.
type access struct {
	visibility string
	selected   []int64 // ids of repositories, sorted
}

func (a access) seenBy(r *repository) bool {
	return a.visibility == toAll || a.visibility == toPrivate || slices.Contains(a.selected, r.id)
}

func (a access) describeAccess(out map[string]string) {
	if a.visibility != "" {
		out["visibility"] = a.visibility
	}
	if a.visibility == toSelected {
		out["selected_repositories_url"] = api + "/orgs/selected/" + out["name"] + "/repositories"
	}
}

// accessInput is the part of a body that says who sees it. GitHub replaces the list of repositories by what the body has.
type accessInput struct {
	Visibility *string `json:"visibility"`
	Selected   []int64 `json:"selected_repository_ids"`
}

// readAccess reads who sees what is written: of an organization's it has to be said, and of others it cannot.
func (q *request) readAccess(in accessInput) (seen access, refused answer, good bool) {
	o := q.scope.organization
	switch {
	case o == nil && (in.Visibility != nil || in.Selected != nil):
		return access{}, errorAnswer(http.StatusNotImplemented, "the stand-in does not implement the parameter visibility of a repository"), false
	case o == nil:
		return access{}, answer{}, true
	case in.Visibility == nil || !slices.Contains([]string{toAll, toPrivate, toSelected}, *in.Visibility):
		return access{}, validationError("Invalid request. \"visibility\" wasn't supplied."), false
	case *in.Visibility != toSelected && len(in.Selected) > 0:
		return access{}, validationError("Repository ids can only be given with the visibility selected."), false
	}
	slices.Sort(in.Selected)
	return access{*in.Visibility, slices.Compact(in.Selected)}, answer{}, true
}

// AddOrganization makes an organization. Its repositories are those with its name before the slash. Repeatable.
func (s *Server) AddOrganization(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[strings.ToLower(name)] != nil {
		return
	}
	o := &organization{name: name, scope: s.newEmptyScope("organization " + name), dependabot: s.newEmptyScope("organization " + name + " Dependabot")}
	o.scope.organization, o.dependabot.organization, o.dependabot.dependabot = o, o, true
	s.owners[strings.ToLower(name)] = o
	for _, r := range s.repositories {
		r.joinOwner(s)
	}
}

// joinOwner gives a repository its organization.
func (r *repository) joinOwner(s *Server) {
	owner, _, _ := strings.Cut(r.fullName, "/")
	r.owner = s.owners[strings.ToLower(owner)]
}

// sharedScope is a scope as one repository sees it.
type sharedScope struct {
	*scope
	repository *repository
}

// visible returns the secrets of the scope that the repository sees.
func (c sharedScope) visible() map[string]*secret {
	if c.organization == nil {
		return c.secrets
	}
	seen := map[string]*secret{}
	for name, held := range c.secrets {
		if held.seenBy(c.repository) {
			seen[name] = held
		}
	}
	return seen
}

// listShared returns the scopes that a run of the repository reads as it is queued, the ones that hide others last.
func (r *repository) listShared(dependabot bool) []sharedScope {
	var scopes []sharedScope
	switch {
	case dependabot && r.owner != nil:
		scopes = append(scopes, sharedScope{r.owner.dependabot, r})
	case r.owner != nil:
		scopes = append(scopes, sharedScope{r.owner.scope, r})
	}
	if dependabot {
		return append(scopes, sharedScope{r.dependabot, r})
	}
	return append(scopes, sharedScope{r.shared, r}, sharedScope{r.scope, r})
}

// ownerName returns the name of a scope's repository or organization.
func (c *scope) ownerName() string {
	if c.organization != nil {
		return c.organization.name
	}
	return c.repository.fullName
}

func (s *Server) registerOrganizationRoutes() {
	s.handleRoute("GET /orgs/{org}", "metadata=read", s.withOwner(false, s.getOrganization))
	s.handleRoute("GET /orgs/{org}/repos", "metadata=read", s.withOwner(false, s.listOwned))
	s.handleRoute("GET /orgs/{org}/installation", "", s.getOrganizationInstallation)
	s.handleRoute("GET /installation/repositories", "", s.requireToken(s.listInstalled))
	for _, of := range []struct {
		path, permission string
		dependabot       bool
	}{
		{"/orgs/{org}/actions", "organization_secrets", false}, {"/orgs/{org}/dependabot", "organization_dependabot_secrets", true},
	} {
		in := func(h handler) handler { return s.withOwner(of.dependabot, h) }
		s.registerSecretRoutes(of.path, of.permission, in)
		s.handleRoute("GET "+of.path+"/secrets/{name}/repositories", of.permission+"=read", in(s.listSelected))
	}
	s.registerVariableRoutes("/orgs/{org}/actions", "organization_actions_variables", func(h handler) handler { return s.withOwner(false, h) })
}

// withOwner finds the organization that the path names. Where the token does not reach it, it answers 404.
func (s *Server) withOwner(dependabot bool, h handler) handler {
	return s.requireToken(func(q *request) answer {
		o := s.owners[strings.ToLower(q.PathValue("org"))]
		switch {
		case o == nil, !q.token.seesOrganization(o):
			return notFound()
		case !q.token.hasPermission(q.needs):
			return lacksPermission(q.needs)
		}
		if q.scope = o.scope; dependabot {
			q.scope = o.dependabot
		}
		return h(q)
	})
}

func lacksPermission(needs string) answer {
	a := errorAnswer(http.StatusForbidden, "Resource not accessible by personal access token")
	a.header = http.Header{"X-Accepted-Github-Permissions": {needs}}
	return a
}

// withDependabot finds the Dependabot secrets of the repository that the path names.
func (s *Server) withDependabot(h handler) handler {
	return s.withScope(func(q *request) answer {
		q.scope = q.repository.dependabot
		return h(q)
	})
}

// ownedBy returns the names, lower case, of an organization's repositories, sorted.
func (s *Server) ownedBy(o *organization) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(s.repositories)) {
		if s.repositories[name].owner == o {
			names = append(names, name)
		}
	}
	return names
}

// listOwned lists the organization's repositories that the token sees, as an array.
func (s *Server) listOwned(q *request) answer {
	names := slices.DeleteFunc(s.ownedBy(q.scope.organization), func(name string) bool { return !q.token.seesRepository(s.repositories[name]) })
	a := q.answerPage("repositories", names, 30, 100, func(name string) any { return s.repositories[name].describeRepository() })
	a.body = a.body.(map[string]any)["repositories"]
	return a
}

// listInstalled lists the repositories that an App's token reaches.
func (s *Server) listInstalled(q *request) answer {
	if !strings.HasPrefix(q.token.of, "app ") {
		return errorAnswer(http.StatusForbidden, "You must authenticate with an installation access token in order to list repositories for an installation.")
	}
	names := slices.DeleteFunc(slices.Sorted(slices.Values(q.token.repositories)), func(name string) bool { return s.repositories[name] == nil })
	return q.answerPage("repositories", names, 30, 100, func(name string) any { return s.repositories[name].describeWhole() })
}

func (s *Server) listSelected(q *request) answer {
	held := q.scope.secrets[strings.ToUpper(q.PathValue("name"))]
	if held == nil {
		return notFound()
	}
	if held.visibility != toSelected {
		return errorAnswer(http.StatusConflict, "Visibility type of the secret is not set to selected")
	}
	byID := map[string]*repository{}
	for _, r := range s.repositories {
		if slices.Contains(held.selected, r.id) {
			byID[strconv.FormatInt(r.id, 10)] = r
		}
	}
	return q.answerPage("repositories", q.shuffleNames(maps.Keys(byID)), 30, 100, func(id string) any { return byID[id].describeRepository() })
}

func getRepository(q *request) answer { return okAnswer(q.repository.describeWhole()) }

// listOrganizationSecrets lists what the organization shares with the repository.
func listOrganizationSecrets(q *request) answer {
	all := map[string]*secret{}
	if o := q.repository.owner; o != nil {
		maps.Copy(all, sharedScope{o.scope, q.repository}.visible())
	}
	maps.Copy(all, q.repository.shared.secrets)
	plain := map[string]*secret{}
	for name, held := range all {
		plain[name] = &secret{created: held.created, updated: held.updated}
	}
	return q.listSecrets(plain)
}

func (s *Server) getOrganization(q *request) answer {
	o := q.scope.organization
	out := describeAccount(o.name)
	for _, what := range []string{"hooks", "issues", "members", "public_members"} {
		out[what+"_url"] = api + "/orgs/" + o.name + "/" + what
	}
	out["url"], out["description"], out["created_at"], out["updated_at"], out["archived_at"] = api+"/orgs/"+o.name, nil, formatTime(o.scope.created), formatTime(o.scope.created), nil
	out["public_repos"], out["public_gists"], out["followers"], out["following"] = 0, 0, 0, 0
	out["has_organization_projects"], out["has_repository_projects"] = true, true
	if q.token.hasPermission("organization_administration=read") {
		out["total_private_repos"] = len(s.ownedBy(o))
	}
	return okAnswer(out)
}

// OrganizationSecret is a secret of an organization as a person sees it in the settings, with its value.
type OrganizationSecret struct {
	Value      string
	Visibility string
	Selected   []string // full names, sorted
}

// OrganizationSecrets returns the secrets of an organization, of Actions or of Dependabot, by name.
func (s *Server) OrganizationSecrets(name string, dependabot bool) map[string]OrganizationSecret {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]OrganizationSecret{}
	for secretName, held := range s.mustFindOwner(name, dependabot).secrets {
		seen := OrganizationSecret{Value: held.plaintext, Visibility: held.visibility}
		for _, r := range s.repositories {
			if slices.Contains(held.selected, r.id) {
				seen.Selected = append(seen.Selected, r.fullName)
			}
		}
		slices.Sort(seen.Selected)
		out[secretName] = seen
	}
	return out
}

// DependabotSecrets returns the values of a repository's Dependabot secrets, by name.
func (s *Server) DependabotSecrets(fullName string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	for name, held := range s.mustFindRepository(fullName).dependabot.secrets {
		out[name] = held.plaintext
	}
	return out
}

// SetDependabotSecretByHand writes a Dependabot secret of a repository as a person would in the settings page.
func (s *Server) SetDependabotSecretByHand(fullName, name, plaintext string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setSecret(s.mustFindRepository(fullName).dependabot, ByHand, strings.ToUpper(name), plaintext)
}

// OrganizationVariable returns the value of an organization's variable, and who sees it.
func (s *Server) OrganizationVariable(name, variable string) (value, visibility string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.mustFindOwner(name, false).variables[strings.ToUpper(variable)]
	if !ok {
		return "", "", false
	}
	return held.value, held.visibility, true
}

// SetOrganizationSecretByHand writes a secret of an organization as an owner would in the settings page.
func (s *Server) SetOrganizationSecretByHand(name string, dependabot bool, secretName, plaintext, visibility string, selected ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.mustFindOwner(name, dependabot)
	s.setSecret(c, ByHand, strings.ToUpper(secretName), plaintext)
	c.secrets[strings.ToUpper(secretName)].access = s.newAccess(visibility, selected)
}

// SelectRepositories changes who sees a secret of an organization, as an owner would in the settings page; its time of
// update stays.
func (s *Server) SelectRepositories(name string, dependabot bool, secretName, visibility string, selected ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindOwner(name, dependabot).secrets[strings.ToUpper(secretName)].access = s.newAccess(visibility, selected)
}

func (s *Server) newAccess(visibility string, selected []string) access {
	a := access{visibility: visibility}
	for _, fullName := range selected {
		a.selected = append(a.selected, s.mustFindRepository(fullName).id)
	}
	slices.Sort(a.selected)
	return a
}

// PresentOrganization sets what runs present of the secrets that they read from an organization. It replaces what was
// said before, for runs that are under way too.
func (s *Server) PresentOrganization(name string, dependabot bool, shown ...Presented) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindOwner(name, dependabot).presents = slices.Clone(shown)
}

// PresentDependabot sets what runs that Dependabot starts present of the secrets of a repository.
func (s *Server) PresentDependabot(fullName string, shown ...Presented) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindRepository(fullName).dependabot.presents = slices.Clone(shown)
}

// mustFindOwner returns a scope of an organization that the scenario has made.
func (s *Server) mustFindOwner(name string, dependabot bool) *scope {
	o := s.owners[strings.ToLower(name)]
	switch {
	case o == nil:
		panic(fmt.Sprintf("the stand-in has no organization %s", name))
	case dependabot:
		return o.dependabot
	}
	return o.scope
}

// EditOrganizationSecret replaces the value of a secret as an owner would in the settings page; who sees it stays.
func (s *Server) EditOrganizationSecret(name string, dependabot bool, secretName, plaintext string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setSecret(s.mustFindOwner(name, dependabot), ByHand, strings.ToUpper(secretName), plaintext)
}

// RotateOrganizationKeys replaces the key pairs of an organization.
func (s *Server) RotateOrganizationKeys(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, dependabot := range []bool{false, true} {
		s.mustFindOwner(name, dependabot).newKey(fmt.Sprintf("organization %s %v", name, dependabot))
	}
}
