// Package vercel is Vercel's REST API for project environment variables and deployments, in memory. Values reach a
// deployment when it is created and never later; an Instant Rollback keeps new deployments off the domain; a
// sensitive value is never readable. What it does not reproduce it refuses with 501.
package vercel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// Config holds what a Server depends on. Targets may be nil: then nothing is refused.
type Config struct {
	Clock   *sim.Clock
	Tap     *sim.Tap
	Lists   sim.Lists // in which order variables are listed
	Targets interface {
		Accepts(target, credential string) bool     // presents it
		WouldAccept(target, credential string) bool // does not
	}
}

// Server is an http.Handler for api.vercel.com. Safe for concurrent use.
type Server struct {
	cfg Config
	mux *http.ServeMux

	mu       sync.Mutex
	projects map[string]*project // by id
	tokens   map[string]string   // token → team
	changes  []Change
	last     time.Time // the newest stamp given out
	seq      int
}

// New returns a Server without projects and tokens.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, mux: http.NewServeMux(), projects: map[string]*project{}, tokens: map[string]string{}}
	s.registerRoute("GET /v9/projects/{idOrName}", "", s.getProject)
	s.registerRoute("GET /v9/projects/{idOrName}/env", "", s.listVariables)
	s.registerRoute("GET /v10/projects/{idOrName}/env", "", s.listVariables)
	s.registerRoute("POST /v10/projects/{idOrName}/env", "upsert", s.createVariables)
	s.registerRoute("PATCH /v9/projects/{idOrName}/env/{envId}", "", s.editVariable)
	s.registerRoute("DELETE /v9/projects/{idOrName}/env/{envId}", "", s.deleteVariable)
	s.registerRoute("POST /v13/deployments", "forceNew", s.createDeployment)
	s.registerRoute("GET /v13/deployments/{id}", "", s.getDeployment)
	s.registerRoute("GET /v7/deployments", "projectId target limit until", s.listDeployments)
	s.registerRoute("POST /v1/integrations/deploy/{idOrName}/{hook}", "", s.serveDeployHook)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.serveRequest(w, r, r.Method+" unknown", r.URL.Path, func(call) (int, any, error) { return 0, nil, notImplemented("%s %s", r.Method, r.URL.Path) })
	})
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// call is one request: its body read, its scope known.
type call struct {
	*http.Request
	body []byte
	team string
}

// failure is Vercel's error body. Extra fields are those that some errors add.
type failure struct {
	status int
	code   string
	text   string
	extra  map[string]any
}

func (f *failure) Error() string { return f.code + ": " + f.text }

func (f *failure) errorBody() map[string]any {
	fields := map[string]any{"code": f.code, "message": f.text}
	for name, value := range f.extra {
		fields[name] = value
	}
	return map[string]any{"error": fields}
}

func newFailure(status int, code, format string, args ...any) *failure {
	return &failure{status: status, code: code, text: fmt.Sprintf(format, args...)}
}

func notImplemented(format string, args ...any) *failure {
	return newFailure(http.StatusNotImplemented, "standin_not_implemented", "the stand-in does not implement "+format, args...)
}

type answerFunc func(call) (status int, body any, err error)

// registerRoute serves pattern; query lists the parameters it knows beside the team's.
func (s *Server) registerRoute(pattern, query string, do answerFunc) {
	known := append(strings.Fields(query), "teamId", "slug")
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		about := r.PathValue("idOrName") + r.PathValue("id")
		s.serveRequest(w, r, pattern, about, func(c call) (int, any, error) {
			for name := range r.URL.Query() {
				if !slices.Contains(known, name) {
					return 0, nil, notImplemented("query parameter %s of %s", name, pattern)
				}
			}
			return do(c)
		})
	})
}

func (s *Server) serveRequest(w http.ResponseWriter, r *http.Request, operation, about string, do answerFunc) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	entry := sim.Call{Service: "vercel", Operation: operation, Resource: about, Write: r.Method != http.MethodGet, Bytes: len(body), Question: r.URL.String()}
	s.cfg.Tap.Serve(w, entry, func(w http.ResponseWriter) { s.answerCall(w, call{Request: r, body: body}, do) }, s.refuseCall)
}

func (s *Server) answerCall(w http.ResponseWriter, c call, do answerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.authorizeCall(&c)
	var status int
	var body any
	if err == nil {
		status, body, err = do(c)
	}
	var f *failure
	if errors.As(err, &f) {
		status, body = f.status, f.errorBody()
	} else if err != nil {
		status, body = http.StatusBadRequest, newFailure(0, "bad_request", "Invalid request: %v", err).errorBody()
	}
	sendJSON(w, status, body)
}

// authorizeCall finds out for which team the call is made. A deploy hook needs no token: its address is the secret.
func (s *Server) authorizeCall(c *call) error {
	if c.PathValue("hook") != "" {
		return nil
	}
	token, found := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	team, known := s.tokens[token]
	if !found || !known {
		return &failure{http.StatusForbidden, "forbidden", "Not authorized", map[string]any{"invalidToken": true}}
	}
	c.team = c.URL.Query().Get("teamId") + c.URL.Query().Get("slug")
	if c.team != "" && c.team != team {
		return newFailure(http.StatusForbidden, "forbidden", "Not authorized: Trying to access resource under scope %q", c.team)
	}
	return nil
}

// refuseCall sends Vercel's error for an outcome that a hook chose. Source: https://vercel.com/docs/rest-api/errors
func (s *Server) refuseCall(w http.ResponseWriter, outcome sim.Outcome) {
	switch outcome {
	case sim.Throttled:
		w.Header().Set("Retry-After", "7")
		reset := s.cfg.Clock.Now().Add(7 * time.Second).Unix()
		limit := map[string]any{"limit": map[string]any{"remaining": 0, "reset": reset, "total": 120}}
		sendJSON(w, http.StatusTooManyRequests, (&failure{code: "rate_limited", text: "The rate limit has been exceeded", extra: limit}).errorBody())
	case sim.Denied:
		sendJSON(w, http.StatusForbidden, newFailure(0, "forbidden", "You don't have permission").errorBody())
	default:
		sendJSON(w, http.StatusInternalServerError, newFailure(0, "internal_server_error", "An unexpected error occurred").errorBody())
	}
}

func sendJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err) // a body of this package that cannot be encoded
	}
}

// decodeStrictly reads strictly: a field that the stand-in does not know is refused as not implemented.
func decodeStrictly(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		return nil
	}
	if field, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return notImplemented("body field %s", field)
	}
	return newFailure(http.StatusBadRequest, "bad_request", "Invalid JSON")
}

// newStamp returns the present time in whole milliseconds, later than every stamp before: on a clock that stands
// still, what happens second is still seen to happen second.
func (s *Server) newStamp() time.Time {
	now := s.cfg.Clock.Now().Truncate(time.Millisecond)
	if !now.After(s.last) {
		now = s.last.Add(time.Millisecond)
	}
	s.last = now
	return now
}

func (s *Server) newID(prefix string) string {
	s.seq++
	return fmt.Sprintf("%s%06d", prefix, s.seq)
}
