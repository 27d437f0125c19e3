package github

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The statuses that a run can be in. Source: the status parameter of
// https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository.
// The parameter also takes a completed run's conclusion; the stand-in's runs always succeed.
const (
	Requested  = "requested"
	Pending    = "pending"
	Waiting    = "waiting"
	Queued     = "queued"
	InProgress = "in_progress"
	Completed  = "completed"
)

// maxResults is the number of runs that a search lists at most; it counts them all. Source: the same page.
const maxResults = 1000

type run struct {
	id               int64
	status           string
	attempt          int
	dependabot       bool // Dependabot started it: it gets Dependabot's secrets and no others
	created, updated time.Time
	started          time.Time // when this attempt was asked for
	named            []*scope  // environments that its jobs name
	environments     []*scope  // and those that it has not read in this attempt
	read             []scopeReading
}

// scopeReading holds the secrets that a run read of a scope, at one moment.
type scopeReading struct {
	scope      *scope
	repository *repository // the run's
	secrets    map[string]string
}

// StartRun makes a workflow run in a status, created now, whose jobs name environments. It reads the repository's
// secrets as it is queued, which is now, and those of the environments when its jobs start: now, if the status is
// in_progress or completed, or else at the MoveRun to in_progress. Source:
// https://docs.github.com/en/actions/reference/secrets-reference
func (s *Server) StartRun(fullName, status string, environments ...string) (id int64) {
	return s.startRun(fullName, status, false, environments)
}

// StartDependabotRun is StartRun of a workflow that Dependabot has started. Source:
// https://docs.github.com/en/code-security/reference/secret-security/understanding-github-secret-types
func (s *Server) StartDependabotRun(fullName, status string) (id int64) {
	return s.startRun(fullName, status, true, nil)
}

func (s *Server) startRun(fullName, status string, dependabot bool, environments []string) (id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustFindRepository(fullName)
	started := &run{id: int64(1 + len(r.runs)), created: s.clock.Now(), dependabot: dependabot}
	for _, environment := range environments {
		started.named = append(started.named, s.mustFindScope(fullName, environment))
	}
	started.queueAttempt(r, status, s.clock.Now())
	r.runs = append(r.runs, started)
	return started.id
}

// RerunRun starts a completed run again, as the button does: another attempt of the same run, which keeps its id and
// the time of its creation, and reads secrets anew. Source:
// https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
func (s *Server) RerunRun(fullName string, id int64, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := s.mustFindRun(fullName, id)
	if again.status != Completed {
		panic("the stand-in runs only completed runs again")
	}
	again.read = nil
	again.queueAttempt(s.mustFindRepository(fullName), status, s.clock.Now())
}

// queueAttempt begins an attempt: the repository's secrets are read now.
func (r *run) queueAttempt(of *repository, status string, now time.Time) {
	r.attempt++
	r.started, r.environments = now, slices.Clone(r.named)
	for _, c := range of.listShared(r.dependabot) {
		r.readScope(c)
	}
	if status == Completed {
		r.startJobs()
	}
	r.setStatus(status, now)
}

func (r *run) setStatus(status string, now time.Time) {
	r.status, r.updated = status, now
	if status == InProgress {
		r.startJobs()
	}
}

// startJobs reads the environments' secrets, once.
func (r *run) startJobs() {
	for _, environment := range r.environments {
		r.readScope(sharedScope{environment, environment.repository})
	}
	r.environments = nil
}

func (r *run) readScope(c sharedScope) {
	secrets := map[string]string{}
	for name, held := range c.visible() {
		secrets[name] = held.plaintext
	}
	r.read = append(r.read, scopeReading{c.scope, c.repository, secrets})
}

// RunSecret returns what a run has read under a name so far; an environment's secret hides the repository's.
func (s *Server) RunSecret(fullName string, id int64, name string) (plaintext string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, reading := range slices.Backward(s.mustFindRun(fullName, id).read) {
		if plaintext, ok = reading.secrets[strings.ToUpper(name)]; ok {
			return plaintext, true
		}
	}
	return "", false
}

// FinishRun completes a run. Repeatable.
func (s *Server) FinishRun(fullName string, id int64) { s.MoveRun(fullName, id, Completed) }

// MoveRun puts a run into another status. Its jobs start with in_progress; one that is completed before never starts
// any.
func (s *Server) MoveRun(fullName string, id int64, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindRun(fullName, id).setStatus(status, s.clock.Now())
}

func (s *Server) mustFindRun(fullName string, id int64) *run {
	runs := s.mustFindRepository(fullName).runs
	if id < 1 || int(id) > len(runs) {
		panic("the stand-in has no such run in " + fullName)
	}
	return runs[id-1]
}

func (s *Server) listRuns(q *request) answer {
	for name := range q.URL.Query() {
		if !slices.Contains([]string{"status", "created", "page", "per_page", "exclude_pull_requests"}, name) {
			return errorAnswer(http.StatusNotImplemented, "the stand-in does not implement listing runs by %s", name)
		}
	}
	status := q.URL.Query().Get("status")
	created, err := parseCreatedFilter(q.URL.Query().Get("created"))
	if err != nil {
		return errorAnswer(http.StatusNotImplemented, "the stand-in does not implement this: %v", err)
	}
	found := map[string]*run{}
	for _, r := range q.repository.runs {
		if created(r.created) && (status == "" || status == r.status || status == "success" && r.status == Completed) {
			found[strconv.FormatInt(r.id, 10)] = r
		}
	}
	a := q.answerPage("workflow_runs", sortNewestFirst(found, maxResults), 30, 100, func(id string) any { return found[id].describeRun(q.repository) })
	a.body.(map[string]any)["total_count"] = len(found)
	return a
}

// sortNewestFirst returns the ids of the newest runs, most at most.
func sortNewestFirst(runs map[string]*run, most int) []string {
	ids := make([]string, 0, len(runs))
	for id := range runs {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(runs[b].id, runs[a].id) })
	return ids[:min(len(ids), most)]
}

// parseCreatedFilter reads GitHub's search syntax for dates, as far as points in time go. Source:
// https://docs.github.com/en/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax#query-for-dates
func parseCreatedFilter(query string) (func(time.Time) bool, error) {
	if query == "" {
		return func(time.Time) bool { return true }, nil
	}
	if from, to, ok := strings.Cut(query, ".."); ok {
		first, err1 := time.Parse(time.RFC3339, from)
		last, err2 := time.Parse(time.RFC3339, to)
		return func(t time.Time) bool { return !t.Before(first) && !t.After(last) }, cmp.Or(err1, err2)
	}
	operator := query[:len(query)-len(strings.TrimLeft(query, "<>="))]
	point, err := time.Parse(time.RFC3339, query[len(operator):])
	compare, known := map[string]func(time.Time) bool{
		"<=": func(t time.Time) bool { return !t.After(point) },
		"<":  func(t time.Time) bool { return t.Before(point) },
		">=": func(t time.Time) bool { return !t.Before(point) },
		">":  func(t time.Time) bool { return t.After(point) },
	}[operator]
	if !known {
		err = cmp.Or(err, fmt.Errorf("created %q", query))
	}
	return compare, err
}
