package vercel

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Project is a Vercel project as a test sets it up.
type Project struct {
	ID     string // prj_...; default: prj_ and the name
	Name   string
	Team   string // "" for the personal account
	RepoID int    // the GitHub repository; 0: deployed without git
	Ref    string // its production branch; default main
	Head   string // the commit at the head of that branch
	Domain string // the production domain
	Hook   string // id of a deploy hook; "" for none

	SkewProtection Skew // zero: the project's answer says that it is off

	Presents []Presented // what its code shows to others
}

// Skew is a project's Skew Protection: requests of a page that an earlier deployment has sent reach that deployment for
// MaxAge after another one has replaced it. Untold leaves it out of the project's answer; Boundary is the time before
// which a deployment has to be created not to be served. Source: https://vercel.com/docs/skew-protection
type Skew struct {
	MaxAge   time.Duration
	Untold   bool
	Boundary time.Time
}

type project struct {
	Project
	variables   []*variable
	deployments []*deployment // oldest first
	live        *deployment
	rolledBack  bool              // an Instant Rollback is in force
	moved       map[string]any    // the last request to put the domains on another deployment
	nextState   string            // how the next build ends, where it fails
	everyState  string            // how every other one ends, where it fails
	refused     map[string]string // key → the code that its next write fails with
	refusesAll  map[string]string // key → the code that every request with it fails with
	comments    string            // when comments are not taken: "", stay or never
}

// AddProject adds a project without variables and deployments.
func (s *Server) AddProject(p Project) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.ID == "" {
		p.ID = "prj_" + p.Name
	}
	if p.Ref == "" {
		p.Ref = "main"
	}
	s.projects[p.ID] = &project{Project: p, refused: map[string]string{}, refusesAll: map[string]string{}}
}

// Variables returns the project's variables with their plaintext, sorted by key, target and id.
func (s *Server) Variables(project string) []Variable {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Variable
	for _, v := range s.mustFindProject(project).variables {
		out = append(out, v.Variable)
	}
	slices.SortFunc(out, compareVariables)
	return out
}

// Live returns the deployment that production traffic reaches and the values it was built with; "" for none.
func (s *Server) Live(project string) (deploymentID string, values map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.mustFindProject(project).live; d != nil {
		return d.id, maps.Clone(d.snapshot)
	}
	return "", nil
}

// Built returns the values that a deployment was built with; nil where there is no such deployment.
func (s *Server) Built(project, deploymentID string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.mustFindProject(project).findDeployment(deploymentID); d != nil {
		return maps.Clone(d.snapshot)
	}
	return nil
}

// mustFindProject finds a project for a test, which has to know its own projects.
func (s *Server) mustFindProject(idOrName string) *project {
	for _, id := range slices.Sorted(maps.Keys(s.projects)) {
		if p := s.projects[id]; p.ID == idOrName || p.Name == idOrName {
			return p
		}
	}
	panic(fmt.Sprintf("vercel stand-in: no project %q", idOrName))
}

// findProject finds a project for a caller, in the scope of the call's team.
func (s *Server) findProject(c call, idOrName string) (*project, error) {
	for _, id := range slices.Sorted(maps.Keys(s.projects)) {
		if p := s.projects[id]; (p.ID == idOrName || p.Name == idOrName) && p.Team == c.team {
			return p, nil
		}
	}
	return nil, newFailure(http.StatusNotFound, "not_found", "Project not found.")
}

func (s *Server) getProject(c call) (int, any, error) {
	p, err := s.findProject(c, c.PathValue("idOrName"))
	if err != nil {
		return 0, nil, err
	}
	targets := map[string]any{}
	if d := p.live; d != nil {
		targets[production] = p.describeServing(d)
	}
	functions := map[string]any{"functionDefaultRegions": []string{"iad1"}}
	body := map[string]any{"id": p.ID, "name": p.Name, "accountId": p.Team, "targets": targets, "alias": []any{}, "directoryListing": false,
		"nodeVersion": "22.x", "defaultResourceConfig": functions, "resourceConfig": functions, "deploymentExpiration": map[string]any{}}
	p.describeSkew(body)
	if p.moved != nil {
		body["lastAliasRequest"] = p.moved
	}
	if p.RepoID != 0 {
		body["link"] = map[string]any{"type": "github", "repoId": p.RepoID, "productionBranch": p.Ref, "org": "acme", "repo": p.Name,
			"gitCredentialId": "cred_1", "deployHooks": []any{}}
	}
	return http.StatusOK, body, nil
}

// describeSkew adds Skew Protection to a project's answer.
func (p *project) describeSkew(body map[string]any) {
	if skew := p.SkewProtection; !skew.Untold {
		body["skewProtectionMaxAge"] = int64(skew.MaxAge / time.Second)
		if !skew.Boundary.IsZero() {
			body["skewProtectionBoundaryAt"] = unixMillis(skew.Boundary)
		}
	}
}

// SetSkewProtection changes a project's Skew Protection, as a person does in its settings.
func (s *Server) SetSkewProtection(project string, skew Skew) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindProject(project).SkewProtection = skew
}

// putLive puts the production domain on a deployment; nobody else has it from now on.
func (s *Server) putLive(p *project, d *deployment) {
	if p.live != nil && p.live != d {
		p.live.replacedAt = s.cfg.Clock.Now()
	}
	p.live, d.promoted, d.liveAt = d, true, s.cfg.Clock.Now()
}

// listServed returns the deployments that requests reach: the live one, and those that Skew Protection serves, oldest
// first.
func (s *Server) listServed(p *project) (served []*deployment) {
	now := s.cfg.Clock.Now()
	for _, d := range p.deployments {
		protected := d.promoted && d.state == ready && now.Before(d.replacedAt.Add(p.SkewProtection.MaxAge)) &&
			!d.createdAt.Before(p.SkewProtection.Boundary)
		if d == p.live || protected {
			served = append(served, d)
		}
	}
	return served
}

// Served returns the ids of the deployments that requests reach: the live one, and those that Skew Protection serves.
func (s *Server) Served(project string) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.listServed(s.mustFindProject(project)) {
		ids = append(ids, d.id)
	}
	return ids
}

// describeServing returns the deployment that has the production domain, in the form that a project shows.
func (p *project) describeServing(d *deployment) map[string]any {
	out := d.describeInList(p)
	delete(out, "uid")
	delete(out, "projectId")
	out["id"], out["alias"], out["deploymentHostname"] = d.id, []string{p.Domain}, p.Domain
	out["createdIn"], out["plan"], out["private"], out["userId"] = "iad1", "pro", false, creator
	return out
}

func unixMillis(t time.Time) int64 { return t.UnixMilli() }
