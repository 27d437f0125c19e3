package vendors_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/vendors"
)

func clock() time.Time { return time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC) }

// sendRequest sends one request with a credential in a header, and returns the status and the answer.
func sendRequest(h http.Handler, header, credential, request, body string) (int, map[string]any) {
	method, path, _ := strings.Cut(request, " ")
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	for i, name := range strings.Split(header, " ") {
		value := strings.Split(credential, " ")[i]
		if name == "Authorization" {
			value = "Bearer " + value
		}
		req.Header.Set(name, value)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	var answer map[string]any
	_ = json.Unmarshal(bytes.TrimLeft(rec.Body.Bytes(), "["), &answer)
	return rec.Code, answer
}

type step struct {
	credential, request, body string
	want                      int
}

func playSteps(t *testing.T, h http.Handler, header string, steps []step) {
	t.Helper()
	for _, s := range steps {
		status, answer := sendRequest(h, header, s.credential, s.request, s.body)
		if status != s.want {
			t.Errorf("%s %s: %d %v, want %d", s.request, s.body, status, answer, s.want)
		}
		if first, _, _ := strings.Cut(s.credential, " "); status >= 400 && !strings.Contains(fmt.Sprint(answer), first[:3]) {
			t.Errorf("%s: the refusal does not repeat the credential, as a careless vendor's would", s.request)
		}
	}
}

func TestGitLabHoldsToItsPages(t *testing.T) {
	g := vendors.NewGitLab(clock)
	owner, bot := g.Admin(), g.Make("bot")
	good := `{"name": "n", "scopes": ["api"], "access_level": 20, "expires_at": "2026-04-05"}`
	with := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	playSteps(t, g, "PRIVATE-TOKEN", []step{
		{"nobodys", "POST /api/v4/groups/1/access_tokens", good, 401},
		{bot.Token, "POST /api/v4/groups/1/access_tokens", good, 403},
		{owner, "POST /api/v4/groups/a%2Fb/access_tokens", good, 201},
		{owner, "POST /api/v4/projects/1/access_tokens", good, 201},
		{owner, "POST /api/v4/groups/1/access_tokens", with(`, "expires_at": "2026-04-05"`, ""), 400},
		{owner, "POST /api/v4/groups/1/access_tokens", with("2026-04-05", "2027-04-05"), 400},
		{owner, "POST /api/v4/groups/1/access_tokens", with("2026-04-05", "2026-01-01"), 400},
		{owner, "POST /api/v4/groups/1/access_tokens", with(`["api"]`, `"api"`), 400},
		{owner, "POST /api/v4/groups/1/access_tokens", with(`["api"]`, `[]`), 400},
		{owner, "POST /api/v4/groups/1/access_tokens", with("20,", "21,"), 400},
		{owner, "POST /api/v4/groups/1/access_tokens", with(`"n"`, `""`), 400},
		{owner, "DELETE /api/v4/groups/1/access_tokens/1", "", 404},
		{bot.Token, "GET /api/v4/personal_access_tokens/self", "", 200},
		{bot.Token, "GET /api/v4/groups/1/access_tokens", "", 403},
		{owner, "DELETE /api/v4/groups/1/access_tokens/" + bot.ID, "", 204},
		{owner, "DELETE /api/v4/groups/1/access_tokens/" + bot.ID, "", 400},
		{bot.Token, "GET /api/v4/personal_access_tokens/self", "", 401},
		{owner, "GET /api/v4/users", "", 404},
	})
}

// TestGitLabsTokensKillTheirSuccessors: see gitlab.com/gitlab-org/gitlab/-/issues/524639.
func TestGitLabsTokensKillTheirSuccessors(t *testing.T) {
	g := vendors.NewGitLab(clock)
	first := g.Make("x")
	rotate := func(token string) (int, string) {
		status, answer := sendRequest(g, "PRIVATE-TOKEN", token, "POST /api/v4/personal_access_tokens/self/rotate", `{"expires_at": "2026-04-05"}`)
		next, _ := answer["token"].(string)
		return status, next
	}
	status, second := rotate(first.Token)
	if status != 200 || g.Accepts(first.Token) || !g.Accepts(second) {
		t.Fatalf("rotating: %d, the first is accepted: %v, the second: %v", status, g.Accepts(first.Token), g.Accepts(second))
	}
	if status, _ := rotate(first.Token); status != 401 || g.Accepts(second) {
		t.Errorf("rotating again: %d, the second is accepted: %v", status, g.Accepts(second))
	}
}

func TestVercelHoldsToItsPages(t *testing.T) {
	v := vendors.NewVercel(clock)
	token, limited := v.Make("x"), v.Make("limited")
	v.Limit(limited.Token)
	playSteps(t, v, "Authorization", []step{
		{"nobodys", "GET /v6/user/tokens", "", 403},
		{limited.Token, "POST /v3/user/tokens", `{"name": "n"}`, 403},
		{token.Token, "POST /v3/user/tokens", `{"name": "n", "expiresAt": 1775383200000}`, 200},
		{token.Token, "POST /v3/user/tokens", `{"name": "n", "expiresAt": "2026-04-05"}`, 400},
		{token.Token, "POST /v3/user/tokens", `{"name": "n", "expiresAt": 1}`, 400},
		{token.Token, "POST /v3/user/tokens", `{"expiresAt": 1775383200000}`, 400},
		{token.Token, "POST /v3/user/tokens", `{"name": "n", "scope": "all"}`, 400},
		{token.Token, "GET /v5/user/tokens/current", "", 200},
		{token.Token, "GET /v5/user/tokens/unknown", "", 404},
		{token.Token, "DELETE /v3/user/tokens/" + limited.ID, "", 200},
		{token.Token, "DELETE /v3/user/tokens/" + limited.ID, "", 404},
		{limited.Token, "GET /v5/user/tokens/current", "", 403},
		{token.Token, "DELETE /v3/user/tokens/current", "", 200},
		{token.Token, "GET /v6/user/tokens", "", 403},
	})
}

func TestDatadogHoldsToItsPages(t *testing.T) {
	d := vendors.NewDatadog(clock)
	key, other, app := d.Make("x"), d.Make("other"), d.Admin()
	body := `{"data": {"type": "api_keys", "attributes": {"name": "n"}}}`
	playSteps(t, d, "DD-API-KEY DD-APPLICATION-KEY", []step{
		{"nobodys " + app, "GET /api/v1/validate", "", 403},
		{key.Token + " nobodys", "GET /api/v1/validate", "", 200},
		{"nobodys " + app, "POST /api/v2/api_keys", body, 403},
		{key.Token + " " + app, "POST /api/v2/api_keys", body, 201},
		{key.Token + " " + app, "POST /api/v2/api_keys", `{"name": "n"}`, 400},
		{key.Token + " " + app, "POST /api/v2/api_keys", strings.Replace(body, "api_keys", "keys", 1), 400},
		{key.Token + " " + app, "GET /api/v2/api_keys?filter=n&page%5Bsize%5D=100", "", 200},
		{key.Token + " " + app, "DELETE /api/v2/api_keys/" + other.ID, "", 204},
		{key.Token + " " + app, "DELETE /api/v2/api_keys/" + other.ID, "", 404},
		{other.Token + " " + app, "GET /api/v1/validate", "", 403},
	})
}

func TestARolledKeyLivesOnForAsLongAsWasAsked(t *testing.T) {
	now := clock()
	r := vendors.NewRolled(func() time.Time { return now })
	first := r.Make("x")
	roll := func(minutes string) int {
		status, _ := sendRequest(r, "Authorization Idempotency-Key", first.Token+" once", "POST /v2/iam/api_keys/"+first.ID+"/rotate", `{"expire_current_key_in_minutes": `+minutes+`}`)
		return status
	}
	if roll("20000") != 400 || roll("60") != 200 || roll("60") != 200 {
		t.Error("rolling for two weeks is accepted, or rolling for an hour is refused")
	}
	if n := len(r.Accepted()); n != 2 {
		t.Errorf("rolled twice under one Idempotency-Key there are %d keys, want 2", n)
	}
	if now = now.Add(61 * time.Minute); r.Accepts(first.Token) {
		t.Error("after an hour the old one is still accepted")
	}
	playSteps(t, r, "Authorization", []step{
		{first.Token, "GET /v2/iam/api_keys/" + first.ID, "", 401},
		{r.Accepted()[0].Token, "POST /v2/iam/api_keys/" + first.ID + "/expire", "", 400},
		{r.Accepted()[0].Token, "POST /v2/iam/api_keys/" + r.Accepted()[0].ID + "/expire", "", 200},
	})
}
