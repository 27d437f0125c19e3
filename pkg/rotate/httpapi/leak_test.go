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

// leakWatch collects errors, however they are printed, and finds values in them.
type leakWatch struct {
	search leak.Search
	text   bytes.Buffer
	of     []string // which error stands in which line
}

func newLeakWatch(t *testing.T, values ...string) *leakWatch {
	t.Helper()
	w := &leakWatch{}
	for i, v := range values {
		if err := w.search.Add(fmt.Sprintf("value %d", i+1), v); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *leakWatch) addError(of string, err error) {
	line := strings.ReplaceAll(fmt.Sprintf("%v %+v %#v %q", err, err, err, err), "\n", " ")
	w.text.WriteString(line + "\n")
	w.of = append(w.of, of)
}

func (w *leakWatch) wantNoLeak(t *testing.T) {
	t.Helper()
	for _, f := range w.search.In(w.text.Bytes()) {
		t.Errorf("the error after %s tells %v", w.of[f.Line-1], f)
	}
}

// TestNoErrorTellsAValue calls vendors that repeat everything they were sent, in bodies and headers, at every status.
func TestNoErrorTellsAValue(t *testing.T) {
	answers := splitWords("200, 201, 204, 301, 400, 401, 403, 404, 408, 409, 422, 429, 429 after 99, 500, 502, 503 after 1, 200 cut, 400 cut, dial, dns, reset, timeout")
	w := newLeakWatch(t, "old-token-0123456789", "id of the old one", "fresh-token-leaks-0123456789", "owners-own-0123456789")
	for _, described := range []string{simpleDescription(""), simpleDescription(`, basic: "{{TOKEN_ID}}:{{TOKEN}}", json: {a: "{{TOKEN}}"}`), strings.Replace(simpleDescription(""), "?by={{source}}", "?by={{TOKEN}}", 1), revoked} {
		source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", strings.Replace(described, `headers: {Authorization: "Bearer {{TOKEN}}"}, set`, `headers: {X-Token: "{{TOKEN}}"}, set`, 1))
		for _, word := range answers {
			for _, body := range []string{"", "[", `{"token": "fresh-token-leaks-0123456789"}`, `{"token": ["fresh-token-leaks-0123456789"], "id": 1}`} {
				again := func() rotate.Rotator {
					return newOn(source, &script{words: splitWords(strings.Repeat(word+", ", 9) + word), body: body})
				}
				_, err := again().Create(t.Context(), newStart(heldValues()))
				w.addError("create: "+word, err)
				w.addError("test: "+word, again().Test(t.Context(), heldValues()))
				_, err = again().Retire(t.Context(), rotate.End{Owed: heldValues(), Current: freshValues()})
				w.addError("revoke: "+word, err)
			}
		}
	}
	w.wantNoLeak(t)
}

// TestNoErrorOfAStandInTellsAValue breaks every request to every vendor in turn, by a wrong credential.
func TestNoErrorOfAStandInTellsAValue(t *testing.T) {
	for _, d := range described {
		source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", "vendor: "+d.vendor+", "+d.rotate)
		v := d.at()
		good, wrong := handHeld(v), heldValues()
		w := newLeakWatch(t, secret.Reveal(good["TOKEN"]), secret.Reveal(wrong["TOKEN"]), secret.Reveal(wrong["TOKEN_ID"]), v.Admin())
		failed := 0
		for at := range 6 {
			n := 0
			r := httpapi.New(source, newReachTo(v, seen(func(req *http.Request) (*http.Response, error) {
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
			_, err := r.Create(t.Context(), newStart(good))
			for _, e := range []error{err, r.Test(t.Context(), wrong)} {
				if e != nil {
					failed++
				}
				w.addError(d.vendor, e)
			}
			_, err = r.Retire(t.Context(), rotate.End{Owed: wrong, Current: good})
			w.addError(d.vendor, err)
		}
		w.wantNoLeak(t)
		if failed == 0 {
			t.Errorf("%s: nothing has failed", d.vendor)
		}
	}
}

// TestARequestIDThatRepeatsTheCredentialIsLeftOut: the other one is told.
func TestARequestIDThatRepeatsTheCredentialIsLeftOut(t *testing.T) {
	s := &script{words: splitWords("400")}
	_, err := openScripted(t, simpleDescription(""), s).Create(t.Context(), newStart(heldValues()))
	if err == nil || err.Error() != "POST https://api.example.com/tokens/{{TOKEN_ID}}: status 400: it refuses (request req_1)" {
		t.Errorf("error is %v", err)
	}
}
