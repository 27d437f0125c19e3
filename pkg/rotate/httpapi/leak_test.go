package httpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// watched collects errors, however they are printed, and finds values in them.
type watched struct {
	search leak.Search
	text   bytes.Buffer
	of     []string // which error stands in which line
}

func watch(t *testing.T, values ...string) *watched {
	t.Helper()
	w := &watched{}
	for i, v := range values {
		if err := w.search.Add(fmt.Sprintf("value %d", i+1), v); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *watched) add(of string, err error) {
	line := strings.ReplaceAll(fmt.Sprintf("%v %+v %#v %q", err, err, err, err), "\n", " ")
	w.text.WriteString(line + "\n")
	w.of = append(w.of, of)
}

func (w *watched) check(t *testing.T) {
	t.Helper()
	for _, f := range w.search.In(w.text.Bytes()) {
		t.Errorf("the error after %s tells %v", w.of[f.Line-1], f)
	}
}

// TestNoErrorTellsAValue has vendors that repeat everything they were sent, in bodies and headers, at every status.
func TestNoErrorTellsAValue(t *testing.T) {
	answers := words("200, 201, 204, 301, 400, 401, 403, 404, 408, 409, 422, 429, 429 after 99, 500, 502, 503 after 1, 200 cut, 400 cut, dial, dns, reset, timeout")
	w := watch(t, "old-token-0123456789", "id of the old one", "fresh-token-leaks-0123456789", "owners-own-0123456789")
	for _, described := range []string{simple(""), simple(`, basic: "{{TOKEN_ID}}:{{TOKEN}}", json: {a: "{{TOKEN}}"}`), strings.Replace(simple(""), "?by={{source}}", "?by={{TOKEN}}", 1), revoked} {
		source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", strings.Replace(described, `headers: {Authorization: "Bearer {{TOKEN}}"}, set`, `headers: {X-Token: "{{TOKEN}}"}, set`, 1))
		for _, word := range answers {
			for _, body := range []string{"", "[", `{"token": "fresh-token-leaks-0123456789"}`, `{"token": ["fresh-token-leaks-0123456789"], "id": 1}`} {
				again := func() rotate.Rotator {
					return newOn(source, &script{words: words(strings.Repeat(word+", ", 9) + word), body: body})
				}
				_, err := again().Create(t.Context(), begun(held()))
				w.add("create: "+word, err)
				w.add("test: "+word, again().Test(t.Context(), held()))
				_, err = again().Retire(t.Context(), rotate.End{Owed: held(), Current: fresh()})
				w.add("revoke: "+word, err)
			}
		}
	}
	w.check(t)
}

// TestNoErrorOfAStandInTellsAValue breaks every request to every vendor in turn, by a wrong credential.
func TestNoErrorOfAStandInTellsAValue(t *testing.T) {
	for _, d := range described {
		source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", "vendor: "+d.vendor+", "+d.rotate)
		v := d.at()
		good, wrong := handHeld(v), held()
		w := watch(t, secret.Reveal(good["TOKEN"]), secret.Reveal(wrong["TOKEN"]), secret.Reveal(wrong["TOKEN_ID"]), v.Admin())
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
				w.add(d.vendor, e)
			}
			_, err = r.Retire(t.Context(), rotate.End{Owed: wrong, Current: good})
			w.add(d.vendor, err)
		}
		w.check(t)
		if failed == 0 {
			t.Errorf("%s: nothing has failed", d.vendor)
		}
	}
}

// TestARequestIDThatRepeatsTheCredentialIsLeftOut: the other one is told.
func TestARequestIDThatRepeatsTheCredentialIsLeftOut(t *testing.T) {
	s := &script{words: words("400")}
	_, err := open(t, simple(""), s).Create(t.Context(), begun(held()))
	if err == nil || err.Error() != "POST https://api.example.com/tokens/{{TOKEN_ID}}: status 400: it refuses (request req_1)" {
		t.Errorf("error is %v", err)
	}
}
