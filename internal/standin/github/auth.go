package github

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// token is a personal access token, or one that an App got for an installation.
type token struct {
	of           string   // for the journal of changes: "token" or "app 4711"
	repositories []string // owner/name, lower case
	permissions  []string // as secrets=write; nil is all
	expires      time.Time
	used         int
	reset        time.Time
}

func (t *token) seesRepository(r *repository) bool {
	return slices.Contains(t.repositories, strings.ToLower(r.fullName))
}

// seesOrganization reports whether a token reaches what belongs to an organization.
func (t *token) seesOrganization(o *organization) bool {
	return slices.Contains(t.repositories, strings.ToLower(o.name))
}

type app struct {
	id           int64
	key          *rsa.PublicKey
	repositories []string
	created      time.Time
}

// AddToken makes a personal access token known that sees these repositories and organizations: those without a slash.
func (s *Server) AddToken(value string, repositories ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value] = &token{of: "token", repositories: lowerAll(repositories)}
}

// LimitToken leaves a token these permissions only, as secrets=read or environments=write. Source of the names:
// https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens
func (s *Server) LimitToken(value string, permissions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindToken(value).permissions = slices.Clone(permissions)
}

// mustFindToken returns a token that the scenario has made; naming another one is a mistake in the scenario.
func (s *Server) mustFindToken(value string) *token {
	if s.tokens[value] == nil {
		panic("the stand-in has no such token")
	}
	return s.tokens[value]
}

// hasPermission reports whether a token has a permission; one to write is one to read too.
func (t *token) hasPermission(needs string) bool {
	name, _, _ := strings.Cut(needs, "=")
	return t.permissions == nil || slices.Contains(t.permissions, needs) || slices.Contains(t.permissions, name+"=write")
}

// RevokeToken makes a token unknown: from then on it answers 401. Repeatable.
func (s *Server) RevokeToken(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, value)
}

// ExpireToken lets a token end at a point in time: from then on it answers 401. Tokens that Apps get end by themselves.
func (s *Server) ExpireToken(value string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindToken(value).expires = at
}

// RevokeAppKey removes an App's private key: it gets no more tokens, and those it has work until they end. Repeatable.
func (s *Server) RevokeAppKey(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.apps, strconv.FormatInt(id, 10))
}

// AddApp registers a GitHub App with its public key and installs it on repositories, and on organizations: those without
// a slash.
func (s *Server) AddApp(id int64, key *rsa.PublicKey, repositories ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[strconv.FormatInt(id, 10)] = &app{id: id, key: key, repositories: lowerAll(repositories), created: s.clock.Now()}
}

// installationID returns the id of an App's installation; it differs from the App's own.
func (a *app) installationID() int64 { return 50_000_000 + a.id }

func lowerAll(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.ToLower(name)
	}
	return out
}

func bearerToken(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token") {
		return value
	}
	return ""
}

// requireToken lets only known, unexpired tokens through.
func (s *Server) requireToken(h handler) handler {
	return func(q *request) answer {
		switch {
		case q.Header.Get("Authorization") == "":
			return errorAnswer(http.StatusUnauthorized, "Requires authentication")
		case q.token == nil, !q.token.expires.IsZero() && !s.clock.Now().Before(q.token.expires):
			return errorAnswer(http.StatusUnauthorized, "Bad credentials")
		}
		return h(q)
	}
}

// HourlyLimit is the number of requests that a token may make in an hour. Source:
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
const HourlyLimit = 5000

// limitRate counts against the token's primary limit and adds GitHub's rate-limit headers.
func (s *Server) limitRate(q *request, h handler) answer {
	if q.token == nil {
		return h(q)
	}
	if now := s.clock.Now(); !now.Before(q.token.reset) {
		q.token.used, q.token.reset = 0, now.Add(time.Hour)
	}
	a := errorAnswer(http.StatusForbidden, "API rate limit exceeded")
	if q.token.used < HourlyLimit {
		q.token.used++
		a = h(q)
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	for name, n := range q.token.describeRate() {
		a.header.Set("X-RateLimit-"+name, strconv.FormatInt(n, 10))
	}
	a.header.Set("X-RateLimit-Resource", "core")
	return a
}

func (t *token) describeRate() map[string]int64 {
	return map[string]int64{"limit": HourlyLimit, "used": int64(t.used), "remaining": int64(HourlyLimit - t.used), "reset": t.reset.Unix()}
}

func (s *Server) rateLimit(q *request) answer {
	search := map[string]int64{"limit": 30, "used": 0, "remaining": 30, "reset": q.token.reset.Unix()}
	return okAnswer(map[string]any{"resources": map[string]any{"core": q.token.describeRate(), "search": search}, "rate": q.token.describeRate()})
}

func (s *Server) getInstallation(q *request) answer {
	a, refused := s.verifyJWT(bearerToken(q.Request))
	if a == nil {
		return refused
	}
	name := strings.ToLower(q.PathValue("owner") + "/" + q.PathValue("repo"))
	if r := s.moved[name]; r != nil && slices.Contains(a.repositories, strings.ToLower(r.fullName)) {
		return q.redirectTo(r)
	}
	if !slices.Contains(a.repositories, name) {
		return notFound()
	}
	return okAnswer(a.describeInstallation(q.PathValue("owner")))
}

func (s *Server) getOrganizationInstallation(q *request) answer {
	a, refused := s.verifyJWT(bearerToken(q.Request))
	switch {
	case a == nil:
		return refused
	case !slices.Contains(a.repositories, strings.ToLower(q.PathValue("org"))):
		return notFound()
	}
	return okAnswer(a.describeInstallation(q.PathValue("org")))
}

func (s *Server) createInstallationToken(q *request) answer {
	a, refused := s.verifyJWT(bearerToken(q.Request))
	if a == nil {
		return refused
	}
	if q.PathValue("installation") != strconv.FormatInt(a.installationID(), 10) {
		return notFound()
	}
	var in struct {
		Repositories []string `json:"repositories"`
	}
	if refused, good := q.decodeBody(&in); !good {
		return refused
	}
	repositories, good := a.selectRepositories(in.Repositories)
	if !good {
		return validationError("There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	s.requests++
	value := fmt.Sprintf("ghs_%036x", sha256.Sum256(fmt.Appendf(nil, "%d %d", a.id, s.requests)))[:40]
	expires := s.clock.Now().Add(time.Hour)
	s.tokens[value] = &token{of: fmt.Sprintf("app %d", a.id), repositories: repositories, expires: expires}
	return answer{status: http.StatusCreated, body: map[string]any{"token": value, "expires_at": formatTime(expires), "repository_selection": "selected"}}
}

// selectRepositories keeps the installed repositories with these names, or all where none is given.
func (a *app) selectRepositories(names []string) ([]string, bool) {
	if len(names) == 0 {
		return a.repositories, true
	}
	var kept []string
	for _, full := range a.repositories {
		if _, name, _ := strings.Cut(full, "/"); slices.Contains(lowerAll(names), name) {
			kept = append(kept, full)
		}
	}
	return kept, len(kept) == len(names)
}

// verifyJWT checks an App's JWT: RS256, signed with the App's key, issued in the past, good for ten minutes at most.
// Source:
// https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
func (s *Server) verifyJWT(jwt string) (*app, answer) {
	refused := errorAnswer(http.StatusUnauthorized, "A JSON web token could not be decoded")
	parts := strings.Split(jwt, ".")
	var header struct{ Alg string }
	var claims struct {
		Iss json.RawMessage
		Iat int64
		Exp int64
	}
	if len(parts) != 3 || !decodeJWTPart(parts[0], &header) || !decodeJWTPart(parts[1], &claims) || header.Alg != "RS256" {
		return nil, refused
	}
	a := s.apps[strings.Trim(string(claims.Iss), `"`)]
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if a == nil || err != nil || rsa.VerifyPKCS1v15(a.key, crypto.SHA256, sum[:], signature) != nil {
		return nil, refused
	}
	switch now := s.clock.Now().Unix(); {
	case claims.Iat > now:
		return nil, errorAnswer(http.StatusUnauthorized, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	case claims.Exp <= now:
		return nil, errorAnswer(http.StatusUnauthorized, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case claims.Exp > now+600:
		return nil, errorAnswer(http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future")
	}
	return a, answer{}
}

func decodeJWTPart(part string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, into) == nil
}
