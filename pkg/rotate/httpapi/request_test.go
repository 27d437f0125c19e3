package httpapi_test

import (
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// sendCreate sends the call that create describes, with id as TOKEN_ID, and returns what was sent.
func sendCreate(t *testing.T, create, id string) (s *script, err error) {
	t.Helper()
	s = &script{}
	described := `admin: owner, calls: {overlap: none, create: {` + create + `, set: {TOKEN: $.token}}, test: {url: "https://api.example.com/self", headers: {Authorization: "Bearer {{TOKEN}}"}}}`
	current := heldValues()
	current["TOKEN_ID"] = secret.New(id)
	_, err = openScripted(t, described, s).Create(t.Context(), newStart(current))
	return s, err
}

const nasty = `a/b?c&d=e#f%g "h" \i {{TOKEN}} ü+;:@`

func TestValuesAreEscapedForWhereTheyStand(t *testing.T) {
	for _, c := range []struct{ create, id, want string }{
		{`url: "https://api.example.com/t/{{TOKEN_ID}}/x"`, nasty, "/t/a%2Fb%3Fc&d=e%23f%25g%20%22h%22%20%5Ci%20%7B%7BTOKEN%7D%7D%20%C3%BC+%3B:@/x"},
		{`url: "https://api.example.com/t?id={{TOKEN_ID}}&x=1"`, nasty, "/t?id=a%2Fb%3Fc%26d%3De%23f%25g+%22h%22+%5Ci+%7B%7BTOKEN%7D%7D+%C3%BC%2B%3B%3A%40&x=1"},
		{`url: "https://api.example.com/{{TOKEN_ID}}?{{TOKEN_ID}}"`, "a b/c", "/a%20b%2Fc?a+b%2Fc"},
		{`url: "https://api.example.com/{{env}}/{{source}}/{{version}}?{{marker}}"`, "x", "/dev/x/0a1b2c3d-0000-4000-8000-00000000000a?rotary-0a1b2c3d-0000-4000-8000-00000000000a"},
		{`url: "https://api.example.com?until={{unix 60d}}"`, "x", "?until=1772791200"},
	} {
		s, err := sendCreate(t, c.create, c.id)
		if err != nil {
			t.Errorf("%s: %v", c.create, err)
			continue
		}
		u := s.asked[0].URL
		if got := u.EscapedPath() + strings.TrimSuffix("?"+u.RawQuery, "?"); got != c.want || u.Host != "api.example.com" || u.Fragment != "" {
			t.Errorf("%s: asked is %s, want %s", c.create, got, c.want)
		}
	}
}

func TestBodies(t *testing.T) {
	const url = `url: "https://api.example.com/t", `
	for create, want := range map[string]string{
		`json: {a: "{{TOKEN_ID}}", b: "x {{TOKEN_ID}}"}`:                             `{"a":"a/b?c\u0026d=e#f%g \"h\" \\i {{TOKEN}} ü+;:@","b":"x a/b?c\u0026d=e#f%g \"h\" \\i {{TOKEN}} ü+;:@"}`,
		`json: {n: 5, t: true, z: null, l: [1, "{{env}}", {}], o: {p: "{{admin}}"}}`: `{"l":[1,"dev",{}],"n":5,"o":{"p":"owners-own-0123456789"},"t":true,"z":null}`,
		`json: {d: "{{date 90d}}", r: "{{rfc3339 36d}}"}`:                            `{"d":"2026-04-05","r":"2026-02-10T10:00:00Z"}`,
		`json: {u: "{{unix 60d}}", m: "{{unix_ms 60d}}", t: "at {{unix 60d}}"}`:      `{"m":1772791200000,"t":"at 1772791200","u":1772791200}`,
		`json: {}`:                            `{}`,
		`form: {a: "{{TOKEN_ID}}", b: "1 2"}`: `a=a%2Fb%3Fc%26d%3De%23f%25g+%22h%22+%5Ci+%7B%7BTOKEN%7D%7D+%C3%BC%2B%3B%3A%40&b=1+2`,
		`method: PUT`:                         ``,
	} {
		s, err := sendCreate(t, url+create, nasty)
		if err != nil || s.sent[0] != want {
			t.Errorf("%s: sent is %v (%v), want %s", create, s.sent, err, want)
			continue
		}
		kind := map[string]string{"j": "application/json", "f": "application/x-www-form-urlencoded"}[create[:1]]
		if got := s.asked[0].Header.Get("Content-Type"); got != kind {
			t.Errorf("%s: Content-Type is %q", create, got)
		}
	}
}

func TestHeaders(t *testing.T) {
	const url = `url: "https://api.example.com/t", `
	s, err := sendCreate(t, url+`headers: {X-Id: "id {{TOKEN_ID}}", Accept: application/vnd.example+json, Content-Type: application/vnd.api+json}, json: {a: 1}`, "a ü b")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"X-Id": "id a ü b", "Accept": "application/vnd.example+json", "Content-Type": "application/vnd.api+json", "User-Agent": "rotary"} {
		if got := s.asked[0].Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	s, err = sendCreate(t, url+`basic: "{{TOKEN_ID}}:{{TOKEN}}:x"`, "AC12")
	if user, password, _ := s.asked[0].BasicAuth(); err != nil || user != "AC12" || password != "old-token-0123456789:x" {
		t.Errorf("basic: %s, %v", user, err)
	}
}

// TestWhatCannotBeSaidIsNotSent: nothing is asked of the vendor, so nothing was made.
func TestWhatCannotBeSaidIsNotSent(t *testing.T) {
	const url = `url: "https://api.example.com/t", `
	for _, c := range []struct{ create, id, want string }{
		{url + `headers: {X-Id: "{{TOKEN_ID}}"}`, "a\r\nX-Evil: b", "control character"},
		{url + `headers: {X-Id: "{{TOKEN_ID}}"}`, "a\x00", "control character"},
		{url + `basic: "{{TOKEN_ID}}:{{TOKEN}}"`, "a:b", "colon"},
		{`url: "https://api.example.com/t/{{TOKEN_ID}}/x"`, "..", "only dots"},
		{`url: "https://api.example.com/t/{{TOKEN_ID}}"`, ".", "only dots"},
		{`url: "https://api.example.com/t/{{TOKEN_ID}}"`, "", "the version has no TOKEN_ID"},
		{url + `json: {id: "{{TOKEN_ID}}"}`, "", "the version has no TOKEN_ID"},
		{url + `form: {id: "{{TOKEN_ID}}"}`, "", "the version has no TOKEN_ID"},
		{url + `headers: {X-Id: "{{TOKEN_ID}}"}`, "", "the version has no TOKEN_ID"},
	} {
		s, err := sendCreate(t, c.create, c.id)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(s.asked) > 0 {
			t.Errorf("%s: asked %d times, error %v; want %q", c.create, len(s.asked), err, c.want)
		}
		if mayHaveMade(openScripted(t, simpleDescription(""), &script{}), err) {
			t.Errorf("%s: what was never sent may have made a credential", c.create)
		}
	}
}

func TestAnAdministratorIsReadOnlyWhereOneIsNeeded(t *testing.T) {
	for _, admin := range []rotate.Values{nil, {}, {"A": secret.New("a"), "B": secret.New("b")}, {"A": secret.New("")}} {
		s := &script{}
		reach := s.newReach()
		reach.Admin = func(_ ctx) (rotate.Values, error) { return admin, nil }
		source := sourceOf(t, "TOKEN, TOKEN_ID", `admin: owner, calls: {overlap: none, create: {url: "https://api.example.com/t", headers: {X-Admin: "{{admin}}"}, set: {TOKEN: $.token}}, test: {url: "https://api.example.com/self", headers: {Authorization: "Bearer {{TOKEN}}"}}}`)
		r := newRotator(source, reach)
		if _, err := r.Create(t.Context(), newStart(heldValues())); err == nil || !strings.Contains(err.Error(), "source owner does not hold exactly one value") || len(s.asked) > 0 {
			t.Errorf("asked %d times, error %v", len(s.asked), err)
		}
		if err := r.Test(t.Context(), heldValues()); err != nil {
			t.Errorf("a test that needs no administrator: %v", err)
		}
	}
}
