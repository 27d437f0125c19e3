package vercel

import (
	"slices"
)

// AddToken makes token work for a team, or for the personal account where team is "".
func (s *Server) AddToken(token, team string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = team
}

// RevokeToken makes token invalid. Repeatable.
func (s *Server) RevokeToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
}

// SetByHand does what a person does in the dashboard: the value of an existing variable changes and its comment
// stays; otherwise an encrypted variable without a comment appears.
func (s *Server) SetByHand(project, key, target, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, now := s.mustFindProject(project), s.newStamp()
	if v := p.findVariable(key, target); v != nil {
		s.noteChange(p, v.Variable, "updated", ByHand)
		v.Value, v.UpdatedAt = value, now
		return
	}
	s.addVariable(p, Variable{
		ID: s.newID("env_"), Key: key, Value: value, Type: "encrypted", Target: []string{target}, CreatedAt: now, UpdatedAt: now,
	}, ByHand)
}

// AddByHand puts a variable that only a person makes: for a git branch, for custom environments, for several targets
// at once, or with a visibility.
func (s *Server) AddByHand(project string, v Variable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.newStamp()
	v.ID, v.CreatedAt, v.UpdatedAt = s.newID("env_"), now, now
	if v.Type == "" {
		v.Type = "encrypted"
	}
	s.addVariable(s.mustFindProject(project), v, ByHand)
}

// CommentByHand changes a variable's comment and nothing else.
func (s *Server) CommentByHand(project, key, target, comment string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustFindProject(project)
	v := p.findVariable(key, target)
	s.noteChange(p, v.Variable, "updated", ByHand)
	v.Comment, v.UpdatedAt = comment, s.newStamp()
}

// How comments are not taken.
const (
	stay  = "stay"
	never = "never"
)

// CommentsStay makes upserts leave the comments of existing variables as they are: the documentation promises no more
// than a new value.
func (s *Server) CommentsStay(project string) { s.setComments(project, stay) }

// NoComments makes Vercel keep no comment at all.
func (s *Server) NoComments(project string) { s.setComments(project, never) }

func (s *Server) setComments(project, how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindProject(project).comments = how
}

// DeleteByHand removes a variable from all its targets. Repeatable.
func (s *Server) DeleteByHand(project, key, target string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustFindProject(project)
	for v := p.findVariable(key, target); v != nil; v = p.findVariable(key, target) {
		s.dropVariable(p, v, ByHand)
	}
}

func (p *project) findVariable(key, target string) *variable {
	for _, v := range p.variables {
		if v.Key == key && slices.Contains(v.Target, target) {
			return v
		}
	}
	return nil
}

// RefuseKey makes the next write of key land in failed[] with code, its value echoed as Vercel may.
func (s *Server) RefuseKey(project, key, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindProject(project).refused[key] = code
}

// RefuseAllWith makes every request with key fail as a whole, with 400, its item in error.failed and nothing written.
// With "" it works again.
func (s *Server) RefuseAllWith(project, key, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustFindProject(project)
	if p.refusesAll[key] = code; code == "" {
		delete(p.refusesAll, key)
	}
}

// LoseDomains makes the live deployment one whose domains are not assigned.
func (s *Server) LoseDomains(project string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindProject(project).live.unaliased = true
}

// FailNextBuild makes the next deployment end in state: Failed, Canceled or Hanging.
func (s *Server) FailNextBuild(project, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindProject(project).nextState = state
}

// FailBuilds makes every deployment from now on end in state: Failed, Canceled or Hanging. With "" they work again.
func (s *Server) FailBuilds(project, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindProject(project).everyState = state
}

// CancelBuild cancels a deployment that is queued or building. Any other stays as it is.
func (s *Server) CancelBuild(project, deploymentID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.mustFindProject(project).findDeployment(deploymentID); d != nil && (d.state == queued || d.state == building) {
		d.state = Canceled
	}
}

// Unfinished lists the deployments that are queued or building, oldest first.
func (s *Server) Unfinished(project string) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.mustFindProject(project).deployments {
		if d.state == queued || d.state == building {
			ids = append(ids, d.id)
		}
	}
	return ids
}

// Push pushes a commit on the production branch, which Vercel deploys; it returns the deployment's id.
func (s *Server) Push(project, sha string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustFindProject(project)
	p.Head = sha
	return s.startBuild(p, &deployment{target: production, git: p.headSource()}).id
}

// Redeploy builds an earlier deployment again for production, with the variables that it had; it returns the new
// one's id.
func (s *Server) Redeploy(project, deploymentID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, d := s.mustFindProject(project), &deployment{target: production}
	if err := d.copyDeployment(p, deploymentID); err != nil {
		panic("vercel stand-in: no deployment " + deploymentID)
	}
	return s.startBuild(p, d).id
}

// InstantRollback puts an earlier deployment on the domain and keeps new ones off it until a Promote. It takes those
// that RollbackTargets lists. Source: https://vercel.com/docs/instant-rollback
func (s *Server) InstantRollback(project, deploymentID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustFindProject(project)
	d := p.findDeployment(deploymentID)
	if d == nil || !p.canServe(d) {
		panic("vercel stand-in: no deployment that production was on before " + deploymentID)
	}
	s.requestAlias(p, d, "rollback")
	p.rolledBack = true
}

// requestAlias moves the production domain to a deployment because somebody asked for it.
func (s *Server) requestAlias(p *project, d *deployment, how string) {
	from := any(nil)
	if p.live != nil {
		from = p.live.id
	}
	p.moved = map[string]any{"fromDeploymentId": from, "toDeploymentId": d.id, "jobStatus": "succeeded",
		"requestedAt": unixMillis(s.newStamp()), "type": how}
	s.putLive(p, d)
}

// NewestReady returns the production deployment that was built last and is READY, live or not; empty where there is none.
func (s *Server) NewestReady(project string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range slices.Backward(s.mustFindProject(project).deployments) {
		if d.state == ready && d.target == production {
			return d.id
		}
	}
	return ""
}

// Promote puts a READY deployment on the domain and ends an Instant Rollback.
func (s *Server) Promote(project, deploymentID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustFindProject(project)
	d := p.findDeployment(deploymentID)
	if d == nil || d.state != ready {
		panic("vercel stand-in: no READY deployment " + deploymentID)
	}
	s.requestAlias(p, d, "promote")
	p.rolledBack = false
}

// RemoveProject deletes a project with its variables and deployments: from then on every call about it answers 404.
func (s *Server) RemoveProject(project string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.projects, s.mustFindProject(project).ID)
}
