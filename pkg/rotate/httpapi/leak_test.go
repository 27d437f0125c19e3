package httpapi_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// watch knows the values of an error's neighbourhood, and finds them in its text however it is printed.
func watch(t *testing.T, values ...string) func(err error) {
	t.Helper()
	search := &leak.Search{}
	for i, v := range values {
		if err := search.Add(fmt.Sprintf("value %d", i+1), v); err != nil {
			t.Fatal(err)
		}
	}
	return func(err error) {
		t.Helper()
		if err == nil {
			return
		}
		for _, f := range search.In(fmt.Appendf(nil, "%v\n%+v\n%#v\n%q\n%s", err, err, err, err, err)) {
			t.Errorf("an error tells %v", f)
		}
	}
}

// TestNoErrorTellsAValue has vendors that repeat everything they were sent, in bodies and headers, at every status.
func TestNoErrorTellsAValue(t *testing.T) {
	answers := words("200, 201, 204, 301, 400, 401, 403, 404, 408, 409, 422, 429, 429 after 99, 500, 502, 503 after 1, 200 cut, 400 cut, dial, dns, reset, timeout")
	for _, described := range []string{simple(""), simple(`, basic: "{{TOKEN_ID}}:{{TOKEN}}", json: {a: "{{TOKEN}}"}`), strings.Replace(simple(""), "?by={{source}}", "?by={{TOKEN}}", 1), revoked} {
		described = strings.Replace(described, `headers: {Authorization: "Bearer {{TOKEN}}"}, set`, `headers: {X-Token: "{{TOKEN}}"}, set`, 1)
		for _, word := range answers {
			for _, body := range []string{"", "[", `{"token": "fresh-token-leaks-0123456789"}`, `{"token": ["fresh-token-leaks-0123456789"], "id": 1}`} {
				check := watch(t, "old-token-0123456789", "id of the old one", "fresh-token-leaks-0123456789", "owners-own-0123456789")
				again := func() *script { return &script{words: words(strings.Repeat(word+", ", 9) + word), body: body} }
				_, err := open(t, described, again()).Create(t.Context(), begun(held()))
				check(err)
				check(open(t, described, again()).Test(t.Context(), held()))
				_, err = open(t, described, again()).Retire(t.Context(), rotate.End{Owed: held(), Current: fresh()})
				check(err)
			}
		}
	}
}

// TestNoErrorOfAStandInTellsAValue breaks every request to every vendor in turn, by a wrong credential.
func TestNoErrorOfAStandInTellsAValue(t *testing.T) {
	for _, d := range described {
		source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", "vendor: "+d.vendor+", "+d.rotate)
		v := d.at()
		good, wrong := handHeld(v), held()
		check := watch(t, secret.Reveal(good["TOKEN"]), secret.Reveal(wrong["TOKEN"]), secret.Reveal(wrong["TOKEN_ID"]), v.Admin())
		failed := 0
		for at := range 6 {
			n := 0
			r := httpapi.New(source, reach(v, seen(func(req *http.Request) (*http.Response, error) {
				if n++; n == at+1 {
					req = req.Clone(req.Context())
					for _, name := range []string{"Authorization", "PRIVATE-TOKEN", "DD-API-KEY"} {
						if req.Header.Get(name) != "" {
							req.Header.Set(name, strings.Replace(req.Header.Get(name), "-", "+", 1)+" ")
						}
					}
				}
				return sim.Transport{Handler: v}.RoundTrip(req)
			})))
			_, err := r.Create(t.Context(), begun(good))
			for _, e := range []error{err, r.Test(t.Context(), wrong)} {
				if e != nil {
					failed++
				}
				check(e)
			}
			_, err = r.Retire(t.Context(), rotate.End{Owed: wrong, Current: good})
			check(err)
		}
		if failed == 0 {
			t.Errorf("%s: nothing has failed", d.vendor)
		}
	}
}

// TestARequestIDThatRepeatsTheCredentialIsLeftOut: the other one is told.
func TestARequestIDThatRepeatsTheCredentialIsLeftOut(t *testing.T) {
	s := &script{words: words("400")}
	_, err := open(t, simple(""), s).Create(t.Context(), begun(held()))
	if err == nil || err.Error() != "POST https://api.example.com/tokens/{{TOKEN_ID}}: 400, it refuses (request req_1)" {
		t.Errorf("error is %v", err)
	}
}
