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

	Presents []Presented // what its code shows to others
}

// Presented says which variable the running code presents to which target as its credential.
type Presented struct{ Env, Target string }

// Refusal is a live deployment whose credential a target does not accept.
type Refusal struct{ Project, Deployment, Env, Target string }

type project struct {
	Project
	variables   []*variable
	deployments []*deployment // oldest first
	live        *deployment
	rolledBack  bool              // an Instant Rollback is in force
	nextState   string            // how the next build ends, where it fails
	refused     map[string]string // key → the code that its next write fails with
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
	s.projects[p.ID] = &project{Project: p, refused: map[string]string{}}
}

// Variables returns the project's variables with their plaintext, sorted by key and target.
func (s *Server) Variables(project string) []Variable {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Variable
	for _, v := range s.must(project).variables {
		out = append(out, v.Variable)
	}
	slices.SortFunc(out, compareVariables)
	return out
}

// SetByHand does what a person does in the dashboard: the value of an existing variable changes and its comment
// stays; otherwise an encrypted variable without a comment appears.
func (s *Server) SetByHand(project, key, target, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, now := s.must(project), s.stamp()
	for _, v := range p.variables {
		if v.Key == key && slices.Contains(v.Target, target) {
			v.Value, v.UpdatedAt = value, now
			return
		}
	}
	p.variables = append(p.variables, &variable{Variable: Variable{ID: s.id("env_"), Key: key, Value: value,
		Type: "encrypted", Target: []string{target}, CreatedAt: now, UpdatedAt: now}})
}

// DeleteByHand removes a variable.
func (s *Server) DeleteByHand(project, key, target string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.must(project)
	p.variables = slices.DeleteFunc(p.variables, func(v *variable) bool { return v.Key == key && slices.Contains(v.Target, target) })
}

// RefuseKey makes the next write of key land in failed[] with code, its value echoed as Vercel may.
func (s *Server) RefuseKey(project, key, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.must(project).refused[key] = code
}

// FailNextBuild makes the next deployment end in state: ERROR or CANCELED.
func (s *Server) FailNextBuild(project, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.must(project).nextState = state
}

// Push is somebody's commit on the production branch, which Vercel deploys; it returns the deployment's id.
func (s *Server) Push(project, sha string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.must(project)
	p.Head = sha
	return s.deploy(p, &deployment{target: production, git: p.head()}).id
}

// InstantRollback puts an earlier deployment on the domain and keeps new ones off it until a Promote.
func (s *Server) InstantRollback(project, deploymentID string) { s.point(project, deploymentID, true) }

// Promote puts a READY deployment on the domain and ends an Instant Rollback.
func (s *Server) Promote(project, deploymentID string) { s.point(project, deploymentID, false) }

func (s *Server) point(project, deploymentID string, rollback bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.must(project)
	d := p.deployment(deploymentID)
	if d == nil || d.state != ready {
		panic("vercel stand-in: no READY deployment " + deploymentID)
	}
	p.live, p.rolledBack, d.promoted = d, rollback, true
}

// Live returns the deployment that production traffic reaches and the values it was built with; "" for none.
func (s *Server) Live(project string) (deploymentID string, values map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.must(project).live; d != nil {
		return d.id, maps.Clone(d.snapshot)
	}
	return "", nil
}

// Present lets every live deployment use its credentials and returns the refusals, sorted by project.
func (s *Server) Present() []Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Refusal
	for _, id := range slices.Sorted(maps.Keys(s.projects)) {
		out = append(out, s.present(s.projects[id])...)
	}
	return out
}

func (s *Server) present(p *project) (out []Refusal) {
	if p.live == nil || s.cfg.Targets == nil {
		return nil
	}
	for _, use := range p.Presents {
		if !s.cfg.Targets.Accepts(use.Target, p.live.snapshot[use.Env]) {
			out = append(out, Refusal{p.Name, p.live.id, use.Env, use.Target})
		}
	}
	return out
}

// must finds a project for a test, which has to know its own projects.
func (s *Server) must(idOrName string) *project {
	for _, id := range slices.Sorted(maps.Keys(s.projects)) {
		if p := s.projects[id]; p.ID == idOrName || p.Name == idOrName {
			return p
		}
	}
	panic(fmt.Sprintf("vercel stand-in: no project %q", idOrName))
}

// find finds a project for a caller, in the scope of the call's team.
func (s *Server) find(c call, idOrName string) (*project, error) {
	for _, id := range slices.Sorted(maps.Keys(s.projects)) {
		if p := s.projects[id]; (p.ID == idOrName || p.Name == idOrName) && p.Team == c.team {
			return p, nil
		}
	}
	return nil, fail(http.StatusNotFound, "not_found", "Project not found.")
}

func (s *Server) getProject(c call) (int, any, error) {
	p, err := s.find(c, c.PathValue("idOrName"))
	if err != nil {
		return 0, nil, err
	}
	targets := map[string]any{}
	if d := p.live; d != nil {
		targets[production] = map[string]any{"id": d.id, "alias": []string{p.Domain}, "createdAt": millis(d.createdAt),
			"readyState": d.state, "readySubstate": d.substate(), "meta": d.meta, "target": production}
	}
	body := map[string]any{"id": p.ID, "name": p.Name, "accountId": p.Team, "targets": targets}
	if p.RepoID != 0 {
		body["link"] = map[string]any{"type": "github", "repoId": p.RepoID, "productionBranch": p.Ref}
	}
	return http.StatusOK, body, nil
}

func millis(t time.Time) int64 { return t.UnixMilli() }
