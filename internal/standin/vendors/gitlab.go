package vendors

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GitLab is its API of group, project and personal access tokens: docs.gitlab.com/api/group_access_tokens,
// /project_access_tokens and /personal_access_tokens. People's tokens are Owners' of every group and project.
type GitLab struct{ keyRing }

// NewGitLab returns a GitLab without tokens. now is its clock.
func NewGitLab(now func() time.Time) *GitLab { return &GitLab{newRing(now, "glpat-")} }

const gitLabDay = time.DateOnly

// ServeHTTP answers one request.
func (g *GitLab) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	token := req.Header.Get("PRIVATE-TOKEN")
	parts := strings.Split(strings.TrimPrefix(req.URL.EscapedPath(), "/api/v4/"), "/")
	switch {
	case parts[0] == "personal_access_tokens" && len(parts) > 1 && parts[1] == "self":
		g.serveSelf(w, req, token, strings.Join(parts[2:], "/"))
	case (parts[0] == "groups" || parts[0] == "projects") && len(parts) >= 3 && parts[1] != "" && parts[2] == "access_tokens":
		g.serveResourceTokens(w, req, token, strings.Join(parts[3:], "/"))
	default:
		g.refuseRequest(w, 404, "404 Not Found", token)
	}
}

// refuseRequest answers as GitLab does, and repeats the token.
func (g *GitLab) refuseRequest(w http.ResponseWriter, status int, message, token string) {
	writeJSON(w, status, map[string]any{"message": message, "token": token})
}

func (g *GitLab) serveSelf(w http.ResponseWriter, req *http.Request, token, rest string) {
	k := g.findLive(token)
	switch {
	case req.Method == http.MethodPost && rest == "rotate":
		g.rotateToken(w, req, token, k)
	case k == nil:
		g.refuseRequest(w, 401, "401 Unauthorized", token)
	case req.Method == http.MethodGet && rest == "":
		writeJSON(w, 200, g.describeToken(k, false))
	case req.Method == http.MethodDelete && rest == "":
		k.Revoked = true
		writeJSON(w, 204, nil)
	default:
		g.refuseRequest(w, 404, "404 Not Found", token)
	}
}

// rotateToken revokes a token and makes its successor. Asked with a token that was revoked, it revokes the whole family
// ("Automatic reuse detection").
func (g *GitLab) rotateToken(w http.ResponseWriter, req *http.Request, token string, k *Key) {
	if k == nil {
		if dead := g.findFirst(func(k *Key) bool { return k.Token == token }); dead != nil {
			for _, member := range g.keys {
				member.Revoked = member.Revoked || member.Family == dead.Family
			}
		}
		g.refuseRequest(w, 401, "401 Unauthorized", token)
		return
	}
	if !slices.Contains(k.Scopes, "api") && !slices.Contains(k.Scopes, "self_rotate") {
		g.refuseRequest(w, 403, "403 Forbidden", token)
		return
	}
	in, ok := readObject(req)
	if !ok || !g.isExpiryDay(in["expires_at"]) {
		g.refuseRequest(w, 400, "400 Bad request - Expires at is not valid", token)
		return
	}
	k.Revoked = true
	writeJSON(w, 200, g.describeToken(g.addKey(Key{Name: k.Name, Scopes: k.Scopes, Family: k.Family}), true))
}

// serveResourceTokens serves the tokens of groups and projects, to people: "You cannot use group access tokens to
// create other group, project, or personal access tokens".
func (g *GitLab) serveResourceTokens(w http.ResponseWriter, req *http.Request, token, id string) {
	switch {
	case !g.admins[token] && g.findLive(token) == nil:
		g.refuseRequest(w, 401, "401 Unauthorized", token)
	case !g.admins[token]:
		g.refuseRequest(w, 403, "403 Forbidden", token)
	case req.Method == http.MethodPost && id == "":
		g.createToken(w, req, token)
	case req.Method == http.MethodGet && id == "":
		g.listTokens(w, req)
	case req.Method == http.MethodDelete && id != "":
		g.revokeToken(w, token, id)
	default:
		g.refuseRequest(w, 404, "404 Not Found", token)
	}
}

func (g *GitLab) createToken(w http.ResponseWriter, req *http.Request, token string) {
	in, ok := readObject(req)
	name, _ := in["name"].(string)
	scopes, level, listed := parseTokenRights(in)
	switch {
	case !ok || !hasOnly(in, "name", "scopes", "access_level", "expires_at") || name == "" || !listed:
		g.refuseRequest(w, 400, "name is missing, scopes is missing or a field is invalid", token)
	case !slices.Contains([]float64{10, 20, 30, 40, 50}, level):
		g.refuseRequest(w, 400, "access_level does not have a valid value", token)
	case !g.isExpiryDay(in["expires_at"]):
		g.refuseRequest(w, 400, "400 Bad request - Expires at must expire in 365 days", token)
	default:
		writeJSON(w, 201, g.describeToken(g.addKey(Key{Name: name, Scopes: scopes}), true))
	}
}

func parseTokenRights(in map[string]any) (scopes []string, level float64, ok bool) {
	list, _ := in["scopes"].([]any)
	for _, item := range list {
		scope, is := item.(string)
		if !is {
			return nil, 0, false
		}
		scopes = append(scopes, scope)
	}
	level, is := in["access_level"].(float64)
	return scopes, level, is && len(scopes) > 0
}

// isExpiryDay reports whether a text is a day that a token may end on.
func (g *GitLab) isExpiryDay(value any) bool {
	text, _ := value.(string)
	at, err := time.Parse(gitLabDay, text)
	return err == nil && at.After(g.now()) && at.Before(g.now().AddDate(0, 0, 366))
}

func (g *GitLab) listTokens(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	size, err := strconv.Atoi(q.Get("per_page"))
	if err != nil || size > 100 {
		size = 20
	}
	found := []any{}
	for _, k := range g.keys {
		if g.isAlive(k) == (q.Get("state") != "inactive") && strings.Contains(k.Name, q.Get("search")) {
			found = append(found, g.describeToken(k, false))
		}
	}
	if len(found) > size {
		w.Header().Set("Link", `<https://`+req.Host+req.URL.Path+`?page=2>; rel="next"`)
		found = found[:size]
	}
	writeJSON(w, 200, found)
}

func (g *GitLab) revokeToken(w http.ResponseWriter, token, id string) {
	k := g.findByID(id)
	switch {
	case k == nil:
		g.refuseRequest(w, 404, "404 Not Found", token)
	case !g.isAlive(k):
		g.refuseRequest(w, 400, "400 Bad request - could not be revoked", token)
	default:
		k.Revoked = true
		writeJSON(w, 204, nil)
	}
}

func (g *GitLab) describeToken(k *Key, whole bool) map[string]any {
	id, _ := strconv.Atoi(k.ID)
	out := map[string]any{
		"id": id, "name": k.Name, "scopes": k.Scopes, "active": g.isAlive(k), "revoked": k.Revoked,
		"created_at": k.Made, "user_id": 1000 + id, "access_level": 20,
	}
	if whole {
		out["token"] = k.Token
	}
	return out
}
