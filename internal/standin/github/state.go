package github

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/nacl/box"
)

type repository struct {
	id           int64
	fullName     string
	archived     bool
	scope        *scope
	environments map[string]*scope
	shared       *scope // what its owner shares with it, by ShareOrganizationSecret
	dependabot   *scope
	owner        *organization // nil for a person's
	runs         []*run        // oldest first
	described    []byte
}

// scope is the owner of secrets and variables: a repository, one of its environments, or an organization; or of the
// Dependabot secrets of a repository or an organization.
type scope struct {
	id           int64
	repository   *repository   // nil for an organization's
	organization *organization // nil for a repository's
	environment  string        // "" for the repository's own
	dependabot   bool
	created      time.Time
	rotations    int
	key          keyPair
	secrets      map[string]*secret
	variables    map[string]*variable
	presents     []Presented
}

type keyPair struct {
	id              string
	public, private *[32]byte
}

type secret struct {
	access
	plaintext        string
	created, updated time.Time
}

type variable struct {
	access
	value            string
	created, updated time.Time
}

// AddRepository makes a private repository, owner/name, with environments. Repeatable: environments are added; "" is
// none.
func (s *Server) AddRepository(fullName string, environments ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[strings.ToLower(fullName)]
	if r == nil {
		r = &repository{id: int64(1000 + len(s.repositories)), fullName: fullName, environments: map[string]*scope{}}
		r.scope, r.shared, r.dependabot = s.newScope(r, ""), s.newScope(r, ""), s.newScope(r, "")
		r.dependabot.dependabot = true
		r.dependabot.newKey(fullName + " Dependabot")
		s.repositories[strings.ToLower(fullName)] = r
		r.joinOwner(s)
		delete(s.moved, strings.ToLower(fullName))
	}
	for _, name := range environments {
		if name != "" && r.environments[strings.ToLower(name)] == nil {
			r.environments[strings.ToLower(name)] = s.newScope(r, name)
		}
	}
}

func (s *Server) newScope(r *repository, environment string) *scope {
	c := s.newEmptyScope(strings.TrimSpace(r.fullName + " " + environment))
	c.repository, c.environment = r, environment
	return c
}

// newEmptyScope returns a scope with a key that is made from seed.
func (s *Server) newEmptyScope(seed string) *scope {
	sum := sha256.Sum256([]byte(seed))
	c := &scope{
		id: int64(binary.BigEndian.Uint32(sum[:])), created: s.clock.Now(),
		secrets: map[string]*secret{}, variables: map[string]*variable{},
	}
	c.newKey(seed)
	return c
}

// newKey derives a key pair from the seed and the number of rotations, so that every run is the same.
func (c *scope) newKey(seed string) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", seed, c.rotations))
	public, private, err := box.GenerateKey(bytes.NewReader(sum[:]))
	if err != nil {
		panic(err) // 32 bytes are always enough
	}
	c.rotations++
	c.key = keyPair{id: fmt.Sprintf("%d", binary.BigEndian.Uint64(public[:])), public: public, private: private}
}

// RotatePublicKey replaces the key pair of a repository, or of its environment; boxes sealed for the old one are
// refused from then on.
func (s *Server) RotatePublicKey(fullName, environment string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindScope(fullName, environment).newKey(fullName + " " + environment)
}

// KeyPair returns the key pair of a repository, or of its environment, for another implementation of sealed boxes.
func (s *Server) KeyPair(fullName, environment string) (public, private [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.mustFindScope(fullName, environment)
	return *c.key.public, *c.key.private
}

// Secret returns what a workflow would read, and when it was last written. environment is "" for the repository's own.
func (s *Server) Secret(fullName, environment, name string) (plaintext string, updated time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.mustFindScope(fullName, environment).secrets[strings.ToUpper(name)]
	if !ok {
		return "", time.Time{}, false
	}
	return held.plaintext, held.updated, true
}

// Secrets returns the names of all secrets of a repository, or of its environment, sorted.
func (s *Server) Secrets(fullName, environment string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.mustFindScope(fullName, environment).secrets))
}

// Variable returns a variable's value.
func (s *Server) Variable(fullName, environment, name string) (value string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.mustFindScope(fullName, environment).variables[strings.ToUpper(name)]
	if !ok {
		return "", false
	}
	return held.value, true
}

// mustFindScope returns a scope that the scenario has made; naming another one is a mistake in the scenario.
func (s *Server) mustFindScope(fullName, environment string) *scope {
	r := s.mustFindRepository(fullName)
	if environment == "" {
		return r.scope
	}
	c := r.environments[strings.ToLower(environment)]
	if c == nil {
		panic("the stand-in has no environment " + environment + " in " + fullName)
	}
	return c
}

func (s *Server) mustFindRepository(fullName string) *repository {
	r := s.repositories[strings.ToLower(fullName)]
	if r == nil {
		panic("the stand-in has no repository " + fullName)
	}
	return r
}

// listEnvironments lists them by name.
func listEnvironments(q *request) answer {
	names := q.shuffleNames(maps.Keys(q.repository.environments))
	return q.answerPage("environments", names, 30, 100, func(name string) any { return q.repository.environments[name].describeScope() })
}

func getEnvironment(q *request) answer { return okAnswer(q.scope.describeScope()) }

func getPublicKey(q *request) answer {
	return okAnswer(map[string]string{"key_id": q.scope.key.id, "key": base64.StdEncoding.EncodeToString(q.scope.key.public[:])})
}

// withRepository answers 404 where the token cannot see the repository, as GitHub does for a private one.
func (s *Server) withRepository(h handler) handler {
	return s.requireToken(func(q *request) answer {
		name := strings.ToLower(q.PathValue("owner") + "/" + q.PathValue("repo"))
		if r := s.moved[name]; r != nil && q.token.seesRepository(r) {
			return q.redirectTo(r)
		}
		q.repository = s.repositories[name]
		switch {
		case q.repository == nil, !q.token.seesRepository(q.repository):
			return notFound()
		case !q.token.hasPermission(q.needs):
			return lacksPermission(q.needs)
		}
		return h(q)
	})
}

// redirectTo returns the answer to a repository's former name. Source:
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
func (q *request) redirectTo(r *repository) answer {
	parts := strings.SplitN(q.URL.EscapedPath(), "/", 5) // "", repos, owner, name, the rest
	to := fmt.Sprintf("https://%s/repositories/%d", q.Host, r.id)
	if len(parts) == 5 {
		to += "/" + parts[4]
	}
	a := errorAnswer(http.StatusTemporaryRedirect, "Temporary Redirect")
	if q.Method == http.MethodGet {
		a = errorAnswer(http.StatusMovedPermanently, "Moved Permanently")
	}
	a.header = http.Header{"Location": {to}}
	return a
}

// withScope finds the environment that the path names, or the repository's own scope. An archived repository can only
// be read.
func (s *Server) withScope(h handler) handler {
	return s.withRepository(func(q *request) answer {
		q.scope = q.repository.scope
		if environment := q.PathValue("environment"); environment != "" {
			q.scope = q.repository.environments[strings.ToLower(environment)]
		}
		switch {
		case q.scope == nil:
			return notFound()
		case q.repository.archived && q.Method != http.MethodGet:
			return errorAnswer(http.StatusForbidden, "Repository was archived so is read-only.")
		}
		return h(q)
	})
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

var _ http.Handler = (*Server)(nil)
