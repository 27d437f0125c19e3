package httpapi_test

import (
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestWhatAnAnswerMayBe(t *testing.T) {
	const long = "0123456789abcdef"
	for body, want := range map[string]string{
		`{"token": "fresh-` + long + `", "id": "t1"}`:                  "t1",
		`{"token": "fresh-` + long + `", "id": 12345678901234567890}`:  "12345678901234567890", // every digit
		`{"token": "fresh-` + long + `", "id": 1.50, "more": [1, {}]}`: "1.50",
		`{"token": "fresh-` + long + `"}`:                              "error: exactly one $.id",
		`{"token": "fresh-` + long + `", "id": null}`:                  "error: no text or number at $.id",
		`{"token": "fresh-` + long + `", "id": ""}`:                    "error: no text or number at $.id",
		`{"token": "fresh-` + long + `", "id": true}`:                  "error: no text or number at $.id",
		`{"token": "fresh-` + long + `", "id": ["a"]}`:                 "error: no text or number at $.id",
		`{"token": {"value": "fresh-` + long + `"}, "id": "t1"}`:       "error: no text or number at $.token",
		`{"data": {"token": "fresh-` + long + `", "id": "t1"}}`:        "error: exactly one $.token",
		`["fresh-` + long + `"]`:                                       "error: exactly one $.token",
		`"fresh-` + long + `"`:                                         "error: exactly one $.token",
		`{"token": "fresh-` + long:                                     "error: not JSON",
		`<html>fresh-` + long + `</html>`:                              "error: not JSON",
		`token=fresh-` + long:                                          "error: not JSON",
		`{"token": "fresh-` + long + `", "id": "t1"} {}`:               "error: more than one JSON value",
		`{"token": "fresh-` + long + `", "id": "t1"}]`:                 "error: more than one JSON value",
		`{"token": "old-token-0123456789", "id": "t1"}`:                "error: the credential that is current",
		" ": "error: not JSON",
		`{"token": "` + strings.Repeat("x", 1<<20) + `", "id": "t1"}`: "error: larger than 1 MiB",
	} {
		s := &script{body: body}
		r := openScripted(t, simpleDescription(""), s)
		current := heldValues()
		next, err := r.Create(t.Context(), newStart(current))
		if wanted, fails := strings.CutPrefix(want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), wanted) || next != nil {
				t.Errorf("%.60s: error is %v, want %q", body, err, wanted)
			}
			if !mayHaveMade(r, err) {
				t.Errorf("%.60s: what was made is forgotten", body)
			}
			continue
		}
		if err != nil || secret.Reveal(next["TOKEN_ID"]) != want || secret.Reveal(next["TOKEN"]) != "fresh-"+long {
			t.Errorf("%.60s: %v", body, err)
		}
		if !next["NOTE"].Equal(current["NOTE"]) || !current["TOKEN"].Equal(heldValues()["TOKEN"]) {
			t.Errorf("%.60s: another key is lost, or what was current has changed", body)
		}
	}
}

func TestAPathThatFindsTwoValuesFindsNone(t *testing.T) {
	s := &script{body: `{"token": "fresh-0123456789", "id": 1, "owner": {"id": 2}}`}
	_, err := openScripted(t, strings.Replace(simpleDescription(""), "TOKEN_ID: $.id", "TOKEN_ID: $..id", 1), s).Create(t.Context(), newStart(heldValues()))
	if err == nil || !strings.Contains(err.Error(), "exactly one $..id") {
		t.Errorf("error is %v", err)
	}
}

func TestTestSaysWhetherTheVendorAcceptsACredentialAndKnowsIt(t *testing.T) {
	for answers, want := range map[string]string{
		"200":                     "",
		"401, 200":                "", // a new one is not known everywhere at once
		"401, 401, 401, 401":      "status 401: it refuses the credential",
		"403":                     "status 403: it refuses",
		"500, 200":                "",
		"500, 500, 500, 500":      "status 500: it could not do it",
		"reset, reset, dial, 200": "",
		"204":                     "not JSON", // no telling whose it is
	} {
		s := &script{words: splitWords(answers), body: `{"id": "id of the old one"}`}
		err := openScripted(t, simpleDescription(""), s).Test(t.Context(), heldValues())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error is %v, want %q", answers, err, want)
		}
	}
	s := &script{body: `{"id": "id of another one"}`}
	if err := openScripted(t, simpleDescription(""), s).Test(t.Context(), heldValues()); err == nil || !strings.Contains(err.Error(), "TOKEN_ID is of another credential") {
		t.Errorf("the id of another credential: %v", err)
	}
}

const revoked = `calls: {create: {url: "https://api.example.com/tokens", headers: {Authorization: "Bearer {{TOKEN}}"}, set: {TOKEN: $.token}},
  test: {url: "https://api.example.com/self", headers: {Authorization: "Bearer {{TOKEN}}"}},
  revoke: {url: "https://api.example.com/tokens/{{owed.TOKEN_ID}}", headers: {Authorization: "Bearer {{TOKEN}}"}, gone: [404]}}`

// TestRetireEndsOnlyWhenTheVendorRefuses: a status alone does not prove that a credential is dead.
func TestRetireEndsOnlyWhenTheVendorRefuses(t *testing.T) {
	for _, c := range []struct{ described, answers, want string }{
		{revoked, "204, 401", ""},
		{revoked, "404, 401", ""},
		{revoked, "204, 200, 200, 401", ""}, // the machines of the vendor learn it one after the other
		{revoked, "500, reset, 204, 401", ""},
		{revoked, "204, 200, 200, 200, 200", "status 200: it still accepts the credential that it was told to revoke"},
		{revoked, "404, 200, 200, 200, 200", "status 200: it still accepts"}, // somebody put a wrong id
		{revoked, "403", "status 403: it refuses"},
		{revoked, "204, 403", "status 403: it refuses"}, // neither accepted nor refused as a dead one is
		{revoked, "204, 500, 500, 500, 500", "500"},
		{simpleDescription(""), "401", ""},
		{simpleDescription(""), "200, 200, 200, 200", "no call is described that revokes it"},
	} {
		s := &script{words: splitWords(c.answers)}
		next, err := openScripted(t, c.described, s).Retire(t.Context(), rotate.End{Owed: heldValues(), Current: freshValues()})
		if next != nil || c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error is %v, want %q", c.answers, err, c.want)
		}
		if len(s.words) > 0 {
			t.Errorf("%s: it does not ask for %v", c.answers, s.words)
		}
	}
}

func freshValues() rotate.Values {
	return rotate.Values{"TOKEN": secret.New("fresh-0123456789abcdef"), "TOKEN_ID": secret.New("id of the new one")}
}

func TestTheCurrentCredentialRevokesTheOwedOne(t *testing.T) {
	s := &script{words: splitWords("204, 401")}
	if _, err := openScripted(t, revoked, s).Retire(t.Context(), rotate.End{Owed: heldValues(), Current: freshValues()}); err != nil {
		t.Fatal(err)
	}
	revoke, test := s.asked[0], s.asked[1]
	if revoke.Method != "DELETE" || revoke.URL.EscapedPath() != "/tokens/id%20of%20the%20old%20one" || revoke.Header.Get("Authorization") != "Bearer fresh-0123456789abcdef" {
		t.Error("the first call does not revoke the old one with the new one")
	}
	if test.Header.Get("Authorization") != "Bearer old-token-0123456789" {
		t.Error("the second call does not ask about the old one")
	}
}

func TestAVersionWithoutACredentialHasNothingToRevoke(t *testing.T) {
	s := &script{}
	if _, err := openScripted(t, revoked, s).Retire(t.Context(), rotate.End{Owed: rotate.Values{"NOTE": secret.New("x")}, Current: freshValues()}); err != nil || len(s.asked) > 0 {
		t.Errorf("asked %d times, error %v", len(s.asked), err)
	}
	noID := rotate.Values{"TOKEN": secret.New("old-token-0123456789")}
	if _, err := openScripted(t, revoked, s).Retire(t.Context(), rotate.End{Owed: noID, Current: freshValues()}); err == nil || !strings.Contains(err.Error(), "has no TOKEN_ID") || len(s.asked) > 0 {
		t.Errorf("without an id: asked %d times, error %v", len(s.asked), err)
	}
}

func TestACredentialIsItsOwnIdentity(t *testing.T) {
	identified, is := openScripted(t, revoked, &script{}).(rotate.Identified)
	if !is {
		t.Fatal("it is not rotate.Identified")
	}
	other := heldValues()
	other["NOTE"], other["TOKEN_ID"] = secret.New("changed"), secret.New("corrected")
	if !identified.Same(heldValues(), other) || identified.Identity(heldValues()) != identified.Identity(other) {
		t.Error("one credential with another note and id is taken for another one, and would be revoked while it is in use")
	}
	if identified.Same(heldValues(), freshValues()) {
		t.Error("two credentials are one")
	}
	if strings.Contains(identified.Identity(heldValues()), "old-token") {
		t.Error("the identity is the credential in the clear")
	}
}

// FuzzAnswer: any answer gives values for all keys, or an error with nothing of the answer in it.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{`{"token":"a","id":1}`, `{"token":["a"]}`, `[`, `{"token":"a","token":"b","id":"c"}`, "\x00", `{"id":1e999,"token":"x"}`} {
		f.Add(body)
	}
	source := sourceOf(f, "TOKEN, TOKEN_ID, NOTE", simpleDescription(""))
	f.Fuzz(func(t *testing.T, body string) {
		s := &script{body: body}
		next, err := newOn(source, s).Create(t.Context(), newStart(heldValues()))
		if (err == nil) == (next == nil) {
			t.Fatal("values and an error, or none of both")
		}
		for _, key := range []string{"TOKEN", "TOKEN_ID"} {
			if err == nil && secret.Reveal(next[key]) == "" {
				t.Fatalf("%s is empty", key)
			}
		}
		if err != nil && len(body) > 8 && strings.Contains(err.Error(), body) {
			t.Fatal("the answer is in the error")
		}
	})
}
