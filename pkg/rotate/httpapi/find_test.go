package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/vendors"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func newOn(source manifest.Source, s *script) rotate.Rotator {
	return httpapi.New(source, s.newReach())
}

// runOnFound are the ready-made descriptions that look for what an earlier try has made.
func runOnFound(t *testing.T, test func(t *testing.T, source manifest.Source, v vendor)) {
	for _, d := range described {
		source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", "vendor: "+d.vendor+", "+d.rotate)
		if source.Rotate.HTTP.Calls.Find != nil {
			t.Run(d.vendor, func(t *testing.T) { test(t, source, d.at()) })
		}
	}
}

func handHeld(v vendor) rotate.Values {
	made := v.Make("by-hand")
	return rotate.Values{"TOKEN": secret.New(made.Token), "TOKEN_ID": secret.New(made.ID)}
}

func TestWhatALostTryHasMadeIsRevokedAndNothingElse(t *testing.T) {
	runOnFound(t, func(t *testing.T, source manifest.Source, v vendor) {
		current := handHeld(v)
		other := v.Make("rotary-0a1b2c3d-0000-4000-8000-00000000000b") // of another rotation
		longer := v.Make("rotary-0a1b2c3d-0000-4000-8000-00000000000a-not")
		deaf := newReachTo(v, seen(func(req *http.Request) (*http.Response, error) {
			resp, err := sim.Transport{Handler: v}.RoundTrip(req)
			if req.Method == http.MethodPost {
				return nil, fmt.Errorf("nobody hears that %d was answered", resp.StatusCode)
			}
			return resp, err
		}))
		for range 2 {
			if _, err := httpapi.New(source, deaf).Create(t.Context(), newStart(current)); err == nil {
				t.Fatal("nobody heard the answer, and there are values")
			}
		}
		if n := len(v.Accepted()); n != 4 {
			t.Fatalf("after two tries that were lost the vendor accepts %d credentials, want the other three and the last one lost", n)
		}
		next, err := httpapi.New(source, newReachTo(v, sim.Transport{Handler: v})).Create(t.Context(), newStart(current))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{secret.Reveal(current["TOKEN"]), other.Token, longer.Token, secret.Reveal(next["TOKEN"])} {
			if !v.Accepts(k) {
				t.Error("a credential that was not this rotation's was revoked")
			}
		}
		if n := len(v.Accepted()); n != 4 {
			t.Errorf("the vendor accepts %d credentials, want the other three and the new one", n)
		}
	})
}

func TestNothingIsMadeWhileTheListCannotBeTrusted(t *testing.T) {
	const list = `calls: {create: {url: "https://api.example.com/tokens", headers: {Authorization: "Bearer {{TOKEN}}"}, json: {name: "{{marker}}"}, set: {TOKEN: $.token, TOKEN_ID: $.id}},
  test: {url: "https://api.example.com/self", headers: {Authorization: "Bearer {{TOKEN}}"}},
  revoke: {url: "https://api.example.com/tokens/{{owed.TOKEN_ID}}"},
  find: {url: "https://api.example.com/tokens", entries: $.list, name: $.name, set: {TOKEN_ID: $.id}, more: $.next}}`
	mine := `{"list": [{"name": "rotary-0a1b2c3d-0000-4000-8000-00000000000a", "id": 7}]}`
	for body, want := range map[string]string{
		`{"list": []}`: "exactly one $.token", // of create, which comes next
		`{"list": [{"name": "x"}], "next": null}`: "exactly one $.token",
		`{"list": [], "next": ""}`:                "exactly one $.token",
		`{"list": [], "next": 5}`:                 "more than one page",
		`{"list": [], "next": "/tokens?page=2"}`:  "more than one page",
		`{"liste": []}`:                           "exactly one $.list",
		`{"list": null}`:                          "no list at $.list",
		`{"list": [{"id": 7}]}`:                   "exactly one $.name",
		`{"list": ["x"]}`:                         "exactly one $.name",
		`[]`:                                      "exactly one $.list",
		`nothing`:                                 "not JSON",
		strings.Replace(mine, `, "id": 7`, "", 1): "exactly one $.id",
		mine: "it still lists what an earlier try has made",
	} {
		s := &script{body: body}
		_, err := openScripted(t, list, s).Create(t.Context(), newStart(heldValues()))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", body, err, want)
		}
		made := 0
		for _, req := range s.asked {
			if req.Method == http.MethodPost {
				made++
			}
		}
		if wanted := want == "exactly one $.token"; (made > 0) != wanted {
			t.Errorf("%s: %d credentials were asked for", body, made)
		}
	}
	linked := seen(func(req *http.Request) (*http.Response, error) {
		resp, err := (&script{body: `{"list": []}`}).RoundTrip(req)
		resp.Header.Set("Link", `<https://api.example.com/tokens?page=1>; rel="first", <https://api.example.com/tokens?page=2>; rel="next"`)
		return resp, err
	})
	reach := (&script{}).newReach()
	reach.Transport = linked
	if _, err := httpapi.New(sourceOf(t, "TOKEN, TOKEN_ID", list), reach).Create(t.Context(), newStart(heldValues())); err == nil || !strings.Contains(err.Error(), "more than one page") {
		t.Errorf("a Link to the next page: %v", err)
	}
}

func TestVercelsListIsReadOnlyWhereItIsWhole(t *testing.T) {
	v := vendors.NewVercel(fixedTime)
	current := handHeld(v)
	for n := range 25 {
		v.Make(fmt.Sprint("another ", n))
	}
	source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", "vendor: vercel-token, "+withID)
	_, err := httpapi.New(source, newReachTo(v, sim.Transport{Handler: v})).Create(t.Context(), newStart(current))
	if err == nil || !strings.Contains(err.Error(), "more than one page") || len(v.Accepted()) != 26 {
		t.Errorf("error %v, %d tokens", err, len(v.Accepted()))
	}
}

func TestATokenThatMayNotMakeAnotherIsRefused(t *testing.T) {
	v := vendors.NewVercel(fixedTime)
	current := handHeld(v)
	v.Limit(secret.Reveal(current["TOKEN"]))
	source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", "vendor: vercel-token, "+withID)
	if _, err := httpapi.New(source, newReachTo(v, sim.Transport{Handler: v})).Create(t.Context(), newStart(current)); err == nil || err.Error() != "POST https://api.vercel.com/v3/user/tokens: status 403: it refuses (request req-403)" {
		t.Errorf("error is %v", err)
	}
	g := vendors.NewGitLab(fixedTime)
	values := handHeld(g)
	bot := newReachTo(g, sim.Transport{Handler: g})
	bot.Admin = nil
	source = sourceOf(t, "TOKEN, TOKEN_ID", strings.ReplaceAll(`calls: {overlap: none,
  create: {url: "https://gitlab.com/api/v4/groups/1/access_tokens", headers: {PRIVATE-TOKEN: "{{TOKEN}}"}, json: {name: x}, set: {TOKEN: $.token}},
  test: {url: "https://gitlab.com/api/v4/personal_access_tokens/self", headers: {PRIVATE-TOKEN: "{{TOKEN}}"}}}`, "\n", ""))
	if _, err := httpapi.New(source, bot).Create(t.Context(), newStart(values)); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a group access token makes another: %v", err)
	}
}
