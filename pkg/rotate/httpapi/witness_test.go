package httpapi_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/rotate"
)

const told = `calls: {create: {url: "https://api.example.com/tokens", headers: {Authorization: "Bearer {{TOKEN}}"}, set: {TOKEN: $.token}},
  test: {url: "https://api.example.com/self", headers: {Authorization: "Bearer {{TOKEN}}"}},
  revoke: {url: "https://api.example.com/tokens/{{owed.TOKEN_ID}}", headers: {Authorization: "Bearer {{TOKEN}}"}, gone: [404]},
  last_used: {url: "https://api.example.com/tokens/{{owed.TOKEN_ID}}", headers: {Authorization: "Bearer {{TOKEN}}"}, at: $.last_used_at, gone: [404]}}`

// What a vendor tells of the last use, and whether the credential is revoked after that.
func TestACredentialThatItsVendorSawUsedIsNotRevoked(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	proven := rotate.Witness{Now: noon, Proof: noon.Add(-time.Hour)}
	accepted := rotate.Witness{Now: noon, Proof: noon.Add(-time.Hour), Accepted: noon.Add(-time.Minute)}
	for name, c := range map[string]struct {
		body    string
		answers string // after the one about the last use
		witness rotate.Witness
		forced  bool
		want    string // of the error; "": it is revoked
	}{
		"never":                    {body: `{"last_used_at": null}`, answers: "200, 204, 401", witness: proven},
		"nothing about it":         {body: `{}`, answers: "200, 204, 401", witness: proven},
		"an empty text":            {body: `{"last_used_at": ""}`, answers: "200, 204, 401", witness: proven},
		"before the proof":         {body: `{"last_used_at": "2026-03-01T11:00:00Z"}`, answers: "200, 204, 401", witness: proven},
		"after it":                 {body: `{"last_used_at": "2026-03-01T11:00:01Z"}`, answers: "200", witness: proven, want: "its target sees it used: used at 2026-03-01 11:00 UTC"},
		"after it, in another way": {body: `{"last_used_at": 1772364600}`, answers: "200", witness: proven, want: "used at 2026-03-01 11:30 UTC"},
		"after it, and accepted":   {body: `{"last_used_at": "2026-03-01T11:30:00Z"}`, answers: "200, 204, 401", witness: accepted},
		"a deadline has passed":    {body: `{"last_used_at": "2026-03-01T11:30:00Z"}`, answers: "204, 401", witness: proven, forced: true},
		"it is gone":               {answers: "404, 404, 401", witness: proven},
		"no time":                  {body: `{"last_used_at": "yesterday"}`, answers: "200", witness: proven, want: "its answer has no time at $.last_used_at"},
		"no answer":                {answers: "403", witness: proven, want: "status 403"},
	} {
		s := &script{words: splitWords(c.answers), body: c.body}
		_, err := openScripted(t, told, s).Retire(t.Context(), rotate.End{Owed: heldValues(), Current: freshValues(), Forced: c.forced, Witness: c.witness})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if _, is := errors.AsType[*rotate.InUse](err); is != strings.Contains(c.want, "used at") {
			t.Errorf("%s: the error is a %T", name, err)
		}
		if len(s.words) > 0 {
			t.Errorf("%s: it does not ask for %v", name, s.words)
		}
		if !c.forced && s.asked[0].URL.EscapedPath() != "/tokens/id%20of%20the%20old%20one" {
			t.Errorf("%s: it asks about %s", name, s.asked[0].URL)
		}
	}
}
