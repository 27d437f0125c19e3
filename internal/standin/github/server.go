// Package github stands in for GitHub's REST API: Actions secrets and variables of repositories and environments,
// workflow runs, tokens and Apps. It holds the private half of every public key it hands out and opens each sealed
// box when it arrives, so a test sees what a workflow would see. What it does not reproduce it refuses with 501.
//
// Source of the contract: https://docs.github.com/en/rest/actions (secrets, variables, workflow-runs) and
// https://docs.github.com/en/rest/apps.
package github

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// Config holds what a Server depends on. Targets may be nil: then Present finds nothing refused.
type Config struct {
	Clock   *sim.Clock
	Tap     *sim.Tap
	Lists   sim.Lists // in which order secrets, variables and environments are listed; pages are as large as GitHub's own
	Targets interface {
		Accepts(target, credential string) bool
	}
}

// Server is GitHub, in memory. Safe for concurrent use.
type Server struct {
	cfg   Config
	clock *sim.Clock
	tap   *sim.Tap
	mux   *http.ServeMux

	mu           sync.Mutex
	requests     int
	tokens       map[string]*token
	apps         map[string]*app
	repositories map[string]*repository // by their name, lower case
	owners       map[string]*organization
	moved        map[string]*repository // by their former names
	changes      []Change
	exchanged    func(Exchange)
}

// New returns a GitHub without repositories, which knows no token.
func New(c Config) *Server {
	s := &Server{
		cfg: c, clock: c.Clock, tap: c.Tap, mux: http.NewServeMux(), tokens: map[string]*token{}, apps: map[string]*app{},
		repositories: map[string]*repository{}, owners: map[string]*organization{}, moved: map[string]*repository{},
	}
	s.registerRoutes()
	return s
}

// request is one call on its way through the server.
type request struct {
	*http.Request
	body       []byte
	lists      sim.Lists
	needs      string // permission
	token      *token
	repository *repository
	scope      *scope // of the repository or of the environment that the path names
}

// answer is an HTTP answer: a status and a body to encode. An error's body is made of its message.
type answer struct {
	status  int
	body    any
	message string
	header  http.Header
}

type handler func(*request) answer

func (s *Server) registerRoutes() {
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.sendAnswer(w, errorAnswer(http.StatusNotImplemented, "the stand-in does not implement %s %s", r.Method, r.URL.Path))
	})
	s.handleRoute("GET /rate_limit", "", s.requireToken(s.rateLimit))
	s.handleRoute("GET /repos/{owner}/{repo}/environments", "actions=read", s.withRepository(listEnvironments))
	s.handleRoute("GET /repos/{owner}/{repo}/environments/{environment}", "actions=read", s.withScope(getEnvironment))
	s.handleRoute("GET /repos/{owner}/{repo}/actions/organization-secrets", "secrets=read", s.withRepository(listOrganizationSecrets))
	s.handleRoute("GET /repos/{owner}/{repo}/actions/runs", "actions=read", s.withRepository(s.listRuns))
	s.handleRoute("GET /repos/{owner}/{repo}/installation", "", s.getInstallation)
	s.handleRoute("POST /app/installations/{installation}/access_tokens", "", s.createInstallationToken)
	s.handleRoute("GET /repos/{owner}/{repo}", "metadata=read", s.withRepository(getRepository))
	s.registerSecretRoutes("/repos/{owner}/{repo}/actions", "secrets", s.withScope)
	s.registerVariableRoutes("/repos/{owner}/{repo}/actions", "actions_variables", s.withScope)
	s.registerSecretRoutes("/repos/{owner}/{repo}/environments/{environment}", "environments", s.withScope)
	s.registerVariableRoutes("/repos/{owner}/{repo}/environments/{environment}", "environments", s.withScope)
	s.registerSecretRoutes("/repos/{owner}/{repo}/dependabot", "dependabot_secrets", s.withDependabot)
	s.registerOrganizationRoutes()
}

// registerSecretRoutes registers the routes of the secrets of a scope, with the permission that they need; in finds the
// scope.
func (s *Server) registerSecretRoutes(scope, permission string, in func(handler) handler) {
	s.handleRoute("GET "+scope+"/secrets", permission+"=read", in(listSecrets))
	s.handleRoute("GET "+scope+"/secrets/public-key", permission+"=read", in(getPublicKey))
	s.handleRoute("GET "+scope+"/secrets/{name}", permission+"=read", in(getSecret))
	s.handleRoute("PUT "+scope+"/secrets/{name}", permission+"=write", in(s.putSecret))
	s.handleRoute("DELETE "+scope+"/secrets/{name}", permission+"=write", in(s.deleteSecret))
}

// registerVariableRoutes registers the routes of the variables of a scope, with the permission that they need; in finds
// the scope.
func (s *Server) registerVariableRoutes(scope, permission string, in func(handler) handler) {
	s.handleRoute("GET "+scope+"/variables", permission+"=read", in(listVariables))
	s.handleRoute("POST "+scope+"/variables", permission+"=write", in(s.createVariable))
	s.handleRoute("GET "+scope+"/variables/{name}", permission+"=read", in(getVariable))
	s.handleRoute("PATCH "+scope+"/variables/{name}", permission+"=write", in(s.updateVariable))
	s.handleRoute("DELETE "+scope+"/variables/{name}", permission+"=write", in(s.deleteVariable))
}

func (s *Server) handleRoute(pattern, needs string, h handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		q := &request{Request: r, body: body, lists: s.cfg.Lists, needs: needs, token: s.tokens[bearerToken(r)]}
		s.sendAnswer(w, s.limitRate(q, h))
	})
}

// ServeHTTP implements http.Handler. The journal's Operation is the route as GitHub documents it; exchanging an
// App's JWT for a token is not counted as a write.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	_, operation := s.mux.Handler(r)
	call := sim.Call{
		Service: "github", Operation: operation, Resource: strings.TrimPrefix(r.URL.Path, "/"), Bytes: len(body), Question: r.URL.String(),
		Write: r.Method != http.MethodGet && !strings.HasSuffix(operation, "/access_tokens"),
	}
	if operation == "/" {
		call.Operation = r.Method + " " + r.URL.Path
	}
	s.tap.Serve(w, call,
		func(w http.ResponseWriter) {
			s.reportExchange(w, r, body, func(w http.ResponseWriter) { s.mux.ServeHTTP(w, r) })
		},
		func(w http.ResponseWriter, o sim.Outcome) {
			s.reportExchange(w, r, body, func(w http.ResponseWriter) { s.sendAnswer(w, refusalAnswer(o)) })
		})
}

// Exchange is a request and its answer, whether it reached the client or not.
type Exchange struct {
	Request *http.Request
	Body    []byte
	Status  int
	Header  http.Header
	Answer  []byte
}

// OnExchange sets a function to be called with every request and its answer, values included; nil removes it.
func (s *Server) OnExchange(told func(Exchange)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exchanged = told
}

func (s *Server) reportExchange(w http.ResponseWriter, r *http.Request, body []byte, do func(http.ResponseWriter)) {
	s.mu.Lock()
	told := s.exchanged
	s.mu.Unlock()
	if told == nil {
		do(w)
		return
	}
	rec := httptest.NewRecorder()
	do(rec)
	told(Exchange{Request: r, Body: body, Status: rec.Code, Header: rec.Header().Clone(), Answer: bytes.Clone(rec.Body.Bytes())})
	maps.Copy(w.Header(), rec.Header())
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// refusalAnswer returns GitHub's error for an outcome that a hook chose. Source of the secondary limit's form:
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
func refusalAnswer(o sim.Outcome) answer {
	switch o {
	case sim.Throttled:
		a := errorAnswer(http.StatusTooManyRequests, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		a.header = http.Header{"Retry-After": {"60"}}
		a.body = map[string]string{"message": a.message, "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}
		return a
	case sim.Denied:
		a := errorAnswer(http.StatusForbidden, "Resource not accessible by integration")
		a.header = http.Header{"X-Accepted-Github-Permissions": {"secrets=write"}}
		return a
	default:
		return errorAnswer(http.StatusBadGateway, "Server Error")
	}
}

func okAnswer(body any) answer { return answer{status: http.StatusOK, body: body} }

func createdAnswer() answer { return answer{status: http.StatusCreated, body: struct{}{}} }

func noContentAnswer() answer { return answer{status: http.StatusNoContent} }

func errorAnswer(status int, format string, args ...any) answer {
	return answer{status: status, message: fmt.Sprintf(format, args...)}
}

func notFound() answer { return errorAnswer(http.StatusNotFound, "Not Found") }

func validationError(format string, args ...any) answer {
	return errorAnswer(http.StatusUnprocessableEntity, format, args...)
}

// sendAnswer writes an answer with the stand-in's time in its Date header.
func (s *Server) sendAnswer(w http.ResponseWriter, a answer) {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	h.Set("Date", s.clock.Now().Format(http.TimeFormat))
	h.Set("X-Github-Request-Id", fmt.Sprintf("STANDIN:%d", s.clock.Now().Unix()))
	if a.status == http.StatusNoContent {
		w.WriteHeader(a.status)
		return
	}
	if a.body == nil {
		a.body = map[string]string{"message": a.message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(a.status)}
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body)
}

// decodeBody reads a request's body strictly: a field that into does not have is refused with 501.
func (q *request) decodeBody(into any) (answer, bool) {
	if len(bytes.TrimSpace(q.body)) == 0 {
		return answer{}, true
	}
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		return answer{}, true
	}
	if field, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return errorAnswer(http.StatusNotImplemented, "the stand-in does not implement the parameter %s", field), false
	}
	if _, wrong := err.(*json.UnmarshalTypeError); wrong { //nolint:errorlint // Decode returns it bare
		return validationError("Invalid request."), false
	}
	return errorAnswer(http.StatusBadRequest, "Problems parsing JSON"), false
}
