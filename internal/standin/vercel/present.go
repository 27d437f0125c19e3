package vercel

import (
	"maps"
	"slices"
)

// Presented is a variable that the running code presents to a target as its credential.
type Presented struct{ Env, Target string }

// Refusal is a deployment that serves, live or by Skew Protection, and whose credential a target does not accept. It never holds the credential.
type Refusal struct{ Project, Deployment, Env, Target string }

// SetPresented sets what a project's code presents from its next build on.
func (s *Server) SetPresented(project string, shown ...Presented) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindProject(project).Presents = slices.Clone(shown)
}

// Present lets every deployment that serves, live or by Skew Protection, use its credentials and returns the refusals, sorted by project.
func (s *Server) Present() []Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Refusal
	for _, id := range slices.Sorted(maps.Keys(s.projects)) {
		p := s.projects[id]
		if s.cfg.Targets == nil {
			continue
		}
		for _, d := range s.listServed(p) {
			for _, use := range p.collectRefusals(d, s.cfg.Targets.Accepts) {
				out = append(out, Refusal{p.Name, d.id, use.Env, use.Target})
			}
		}
	}
	return out
}

// Holders returns what has a value for which holds returns true, in words: projects by their variables, and the
// deployments that serve by those that they were created with.
func (s *Server) Holders(holds func(value string) bool) (who []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.projects)) {
		p := s.projects[id]
		for _, v := range p.variables {
			if holds(v.Value) {
				who = append(who, "project "+p.Name+", variable "+v.Key)
			}
		}
		for _, d := range s.listServed(p) {
			for _, key := range slices.Sorted(maps.Keys(d.snapshot)) {
				if holds(d.snapshot[key]) {
					who = append(who, "project "+p.Name+", deployment "+d.id)
					break
				}
			}
		}
	}
	return who
}

func (p *project) collectRefusals(d *deployment, accepts func(target, credential string) bool) (refused []Presented) {
	for _, use := range d.presents {
		if !accepts(use.Target, d.snapshot[use.Env]) {
			refused = append(refused, use)
		}
	}
	return refused
}

// RollbackTarget is a deployment of a project that serves production, or that could at once.
type RollbackTarget struct {
	Deployment string
	Live       bool
	Refused    []Presented // what its targets would refuse now of what it presents
}

// RollbackTargets returns the live deployment, if there is one, and those that an Instant Rollback could put in its
// place: every READY production deployment that was live before; newest first. It presents nothing. Built has their
// values. Source of the rule, which is a team's (a Hobby account can only take the one before):
// https://vercel.com/docs/instant-rollback#eligible-deployments
func (s *Server) RollbackTargets(project string) (out []RollbackTarget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustFindProject(project)
	for _, d := range slices.Backward(p.deployments) {
		if !p.canServe(d) {
			continue
		}
		r := RollbackTarget{Deployment: d.id, Live: d == p.live}
		if s.cfg.Targets != nil {
			r.Refused = p.collectRefusals(d, s.cfg.Targets.WouldAccept)
		}
		out = append(out, r)
	}
	return out
}

// canServe reports whether production is or was on a deployment.
func (p *project) canServe(d *deployment) bool { return d == p.live || d.state == ready && d.promoted }
