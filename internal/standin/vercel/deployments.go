package vercel

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// How long a deployment waits for its builder and how long it takes from its creation to its end.
const (
	queueTime = 5 * time.Second
	BuildTime = 40 * time.Second
)

// The names that Vercel uses.
const (
	production = "production"
	queued     = "QUEUED"
	building   = "BUILDING"
	ready      = "READY"
)

// How a build can end that does not become READY.
const (
	Failed   = "ERROR"
	Canceled = "CANCELED" // also by an Ignored Build Step
	Hanging  = building   // it never ends
)

type deployment struct {
	id         string
	target     string // production, or "" for a preview
	state      string
	createdAt  time.Time
	readyAt    time.Time
	promoted   bool      // it has seen production traffic
	liveAt     time.Time // when it got the production domain, the last time
	replacedAt time.Time // when another one did
	meta       map[string]string
	git        *gitSource
	snapshot   map[string]string // the variables it was created with
	presents   []Presented       // what its code shows to others
	unaliased  bool              // its domains are not assigned
}

type gitSource struct {
	Type   string `json:"type"`
	RepoID int    `json:"repoId"`
	Ref    string `json:"ref"`
	SHA    string `json:"sha,omitempty"`
}

type deploymentInput struct {
	Name         string            `json:"name"`
	Project      string            `json:"project"`
	Target       string            `json:"target"`
	DeploymentID string            `json:"deploymentId"`
	GitSource    *gitSource        `json:"gitSource"`
	Meta         map[string]string `json:"meta"`
}

// createDeployment builds fresh from git, or again from an earlier deployment, whose variables it inherits.
func (s *Server) createDeployment(c call) (int, any, error) {
	var in deploymentInput
	if err := decodeStrictly(c.body, &in); err != nil {
		return 0, nil, err
	}
	name := in.Project
	if name == "" {
		name = in.Name
	}
	p, err := s.findProject(c, name)
	if err != nil {
		return 0, nil, err
	}
	d, err := p.newDeployment(in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.startBuild(p, d).describeDeployment(p), nil
}

func (p *project) newDeployment(in deploymentInput) (*deployment, error) {
	d := &deployment{target: in.Target, meta: maps.Clone(in.Meta)}
	switch {
	case in.Name == "":
		return nil, newFailure(http.StatusBadRequest, "bad_request", "Invalid request: missing required property `name`.")
	case in.Target != production && in.Target != "":
		return nil, notImplemented("deployments with the target %s", in.Target)
	case in.GitSource != nil && in.DeploymentID == "":
		err := d.setGitSource(p, *in.GitSource)
		return d, err
	case in.DeploymentID != "" && in.GitSource == nil:
		err := d.copyDeployment(p, in.DeploymentID)
		return d, err
	}
	return nil, notImplemented("deployments other than from gitSource or deploymentId")
}

func (d *deployment) setGitSource(p *project, git gitSource) error {
	if p.RepoID == 0 || git.RepoID != p.RepoID || git.Type != "github" || git.Ref == "" {
		return newFailure(http.StatusBadRequest, "incorrect_git_source_info", "The provided git source does not match the project")
	}
	if git.SHA == "" {
		git.SHA = p.Head
	}
	d.git = &git
	return nil
}

// copyDeployment makes d a redeployment: it inherits code, settings and variables from the original.
func (d *deployment) copyDeployment(p *project, id string) error {
	original := p.findDeployment(id)
	if original == nil {
		return newFailure(http.StatusNotFound, "not_found", "Deployment not found")
	}
	d.git, d.snapshot = original.git, maps.Clone(original.snapshot)
	if d.meta == nil {
		d.meta = map[string]string{}
	}
	d.meta["originalDeploymentId"] = id
	return nil
}

func (p *project) headSource() *gitSource {
	if p.RepoID == 0 {
		return nil
	}
	return &gitSource{Type: "github", RepoID: p.RepoID, Ref: p.Ref, SHA: p.Head}
}

// startBuild starts a build: it takes the variables as they are now, unless it inherits some.
func (s *Server) startBuild(p *project, d *deployment) *deployment {
	d.id, d.state, d.createdAt = s.newID("dpl_"), queued, s.newStamp()
	if d.snapshot == nil {
		d.snapshot = p.snapshotVariables(d.target)
	}
	if d.meta == nil {
		d.meta = map[string]string{}
	}
	if d.git != nil {
		d.meta["githubCommitSha"], d.meta["githubCommitRef"] = d.git.SHA, d.git.Ref
		d.meta["githubRepoId"] = strconv.Itoa(d.git.RepoID)
	}
	if d.presents == nil {
		d.presents = p.Presents
	}
	p.deployments = append(p.deployments, d)
	end := cmp.Or(p.nextState, p.everyState)
	p.nextState = ""
	s.cfg.Clock.After(queueTime, "vercel builds "+d.id, func() { s.setBuildState(d, building) })
	s.cfg.Clock.After(BuildTime, "vercel finishes "+d.id, func() { s.finishBuild(p, d, end) })
	return d
}

func (s *Server) setBuildState(d *deployment, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.state == queued {
		d.state = state
	}
}

// finishBuild ends a build. A READY production deployment goes live, unless an Instant Rollback is in force or a
// newer deployment is live already.
func (s *Server) finishBuild(p *project, d *deployment, failed string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed == "" && sizeOf(d.snapshot) > maxValue {
		failed = Failed
	}
	switch {
	case d.state != building: // somebody canceled it
		return
	case failed != "":
		d.state = failed // or still building, where it hangs
		return
	}
	d.state, d.readyAt = ready, s.newStamp()
	if d.target == production && !p.rolledBack && (p.live == nil || d.createdAt.After(p.live.createdAt)) {
		s.putLive(p, d)
	}
}

func (p *project) snapshotVariables(target string) map[string]string {
	if target == "" {
		target = "preview"
	}
	out := map[string]string{}
	for _, v := range p.variables {
		if v.GitBranch == "" && slices.Contains(v.Target, target) {
			out[v.Key] = v.Value
		}
	}
	return out
}

func sizeOf(values map[string]string) (n int) {
	for key, value := range values {
		n += len(key) + len(value)
	}
	return n
}

func (p *project) findDeployment(id string) *deployment {
	for _, d := range p.deployments {
		if d.id == id {
			return d
		}
	}
	return nil
}

func (s *Server) getDeployment(c call) (int, any, error) {
	for _, id := range slices.Sorted(maps.Keys(s.projects)) {
		p := s.projects[id]
		if d := p.findDeployment(c.PathValue("id")); d != nil && p.Team == c.team {
			return http.StatusOK, d.describeDeployment(p), nil
		}
	}
	return 0, nil, newFailure(http.StatusNotFound, "not_found", "Deployment not found")
}

// listDeployments lists the newest first.
func (s *Server) listDeployments(c call) (int, any, error) {
	query := c.URL.Query()
	p, err := s.findProject(c, query.Get("projectId"))
	if err != nil {
		return 0, nil, err
	}
	limit, err := strconv.Atoi(query.Get("limit"))
	if query.Get("limit") == "" {
		limit, err = 20, nil
	}
	if err != nil || limit < 1 || limit > 100 {
		return 0, nil, newFailure(http.StatusBadRequest, "bad_request", "Invalid request: `limit` should be a number from 1 to 100.")
	}
	list := []any{}
	until, _ := strconv.ParseInt(query.Get("until"), 10, 64)
	var next any
	for _, d := range slices.Backward(p.deployments) {
		switch {
		case !d.matchesTarget(query.Get("target")) || until > 0 && unixMillis(d.createdAt) >= until:
		case len(list) == limit:
			next = list[limit-1].(map[string]any)["created"]
		default:
			list = append(list, d.describeInList(p))
		}
	}
	return http.StatusOK, map[string]any{"deployments": list, "pagination": map[string]any{"count": len(list), "next": next, "prev": nil}}, nil
}

func (d *deployment) matchesTarget(target string) bool {
	return target == "" || target == d.target || target == "preview" && d.target == ""
}

// creator is the author of every deployment.
const creator = "user_1"

func (d *deployment) describeDeployment(p *project) map[string]any {
	out := map[string]any{"id": d.id, "name": p.Name, "url": d.id + ".vercel.app", "creator": map[string]any{"uid": creator}, "projectId": p.ID, "target": nil, "readyState": d.state,
		"createdAt": unixMillis(d.createdAt), "meta": d.meta, "aliasAssigned": d.promoted && !d.unaliased, "aliasError": nil}
	if d.target != "" {
		out["target"] = d.target
	}
	if d.state == ready {
		out["ready"], out["readySubstate"] = unixMillis(d.readyAt), d.readySubstate()
	}
	if d.git != nil {
		out["gitSource"] = d.git
	}
	return out
}

// describeInList returns the shorter form that lists have: uid and created, since when it has its domains, and no
// gitSource.
func (d *deployment) describeInList(p *project) map[string]any {
	out := d.describeDeployment(p)
	out["uid"], out["created"], out["state"], out["type"], out["inspectorUrl"] = d.id, out["createdAt"], d.state, "LAMBDAS", nil
	if d.promoted && !d.unaliased {
		out["aliasAssigned"] = unixMillis(d.liveAt)
	}
	delete(out, "id")
	delete(out, "gitSource")
	return out
}

func (d *deployment) readySubstate() string {
	if d.promoted {
		return "PROMOTED"
	}
	return "STAGED"
}

// serveDeployHook builds the head of the production branch.
func (s *Server) serveDeployHook(c call) (int, any, error) {
	for _, id := range slices.Sorted(maps.Keys(s.projects)) {
		p := s.projects[id]
		if p.ID != c.PathValue("idOrName") || p.Hook == "" || p.Hook != c.PathValue("hook") {
			continue
		}
		d := s.startBuild(p, &deployment{target: production, git: p.headSource(), meta: map[string]string{"deployHookId": p.Hook}})
		job := map[string]any{"id": s.newID("job_"), "state": "PENDING", "createdAt": unixMillis(d.createdAt)}
		return http.StatusCreated, map[string]any{"job": job}, nil
	}
	return 0, nil, newFailure(http.StatusNotFound, "not_found", "The deploy hook was not found")
}
