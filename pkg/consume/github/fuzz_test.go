package github_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	stand "github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// route is one kind of request that the driver makes.
type route struct{ method, path string }

// routes are all of them; the last stands for every request.
var routes = []route{
	{"GET", `/secrets$`}, {"GET", `/variables/ROTARY_RECEIPT$`}, {"GET", `/actions/runs$`}, {"GET", `/secrets/public-key$`}, {"PUT", `/secrets/\w+$`},
	{"DELETE", `/secrets/\w+$`}, {"PATCH", `/variables/ROTARY_RECEIPT$`}, {"POST", `/variables$`}, {"GET", `/installation$`}, {"POST", `/access_tokens$`}, {"", ``},
}

func (r route) matches(q *http.Request) bool {
	return (r.method == "" || q.Method == r.method) && regexp.MustCompile(r.path).MatchString(q.URL.Path)
}

// mostCalls is more than any look or Roll here needs, with every retry.
const mostCalls = 400

// forged answers one route with a fixed answer, and notes what is called.
type forged struct {
	http.RoundTripper
	route  route
	status int
	header http.Header
	body   string
	calls  int
	writes []string
}

func (f *forged) RoundTrip(q *http.Request) (*http.Response, error) {
	if f.calls++; f.calls > mostCalls {
		return nil, errors.New("too many calls")
	}
	if q.Method != "GET" && !strings.HasSuffix(q.URL.Path, "/access_tokens") {
		f.writes = append(f.writes, q.Method+" "+q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:])
	}
	if !f.route.matches(q) {
		return f.RoundTripper.RoundTrip(q)
	}
	return &http.Response{StatusCode: f.status, Header: f.header.Clone(), Body: io.NopCloser(strings.NewReader(f.body)), Request: q}, nil
}

func parseHeaders(text string) http.Header {
	out := http.Header{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		out.Add(name, strings.TrimSpace(value))
	}
	return out
}

// newSettledWorld is a scope that runs v2, beside a secret of somebody else's and a run that may hold v1.
func newSettledWorld(t *testing.T, key *rsa.PrivateKey) *world {
	w := newWorld(t)
	if key != nil {
		w.server.AddApp(7, &key.PublicKey, repo)
		w.appID, w.token = "7", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	}
	w.mustRoll(w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"}))
	w.server.SetSecretByHand(repo, "prod/eu", "FOREIGN", "canary-by-hand")
	w.server.StartRun(repo, stand.InProgress, "prod/eu")
	w.clock.Advance(2 * time.Minute)
	w.mustRoll(w.addVersion("v2", map[string]string{"A": "canary-2", "B": "canary-1"}))
	w.clock.Advance(2 * time.Minute)
	return w
}

// openThrough opens the consumer over f.
func (w *world) openThrough(f *forged) *github.Scope {
	w.Helper()
	f.RoundTripper, f.calls, f.writes = sim.Transport{Handler: w.server}, 0, nil
	return w.openOver(f)
}

// seeThrough and rollOnto check what holds for every answer.
func (w *world) seeThrough(f *forged) (plan.Seen, error) {
	w.Helper()
	seen, err := w.openThrough(f).Status(w.Context())
	if len(f.writes) > 0 {
		w.Fatalf("a look wrote %v", f.writes)
	}
	w.checkTexts(f, err, seen.Unknown, seen.Waiting, seen.Detail, seen.Foreign)
	return seen, err
}

func (w *world) rollThrough(f *forged, b bucket.Bucket) error {
	w.Helper()
	err := w.openThrough(f).Roll(w.Context(), b)
	w.checkTexts(f, err)
	return err
}

var strange = regexp.MustCompile(`[^\s"\\]*[^\s"\\\w.:/,;-][^\s"\\]*`)

func (w *world) checkTexts(f *forged, err error, texts ...string) {
	w.Helper()
	if f.calls > mostCalls {
		w.Fatal("the calls do not end")
	}
	if err != nil {
		texts = append(texts, err.Error())
	}
	said := strings.Join(texts, "\n")
	if strings.Contains(said, "canary-") || strings.Contains(said, "canary <") {
		w.Fatal("it says what a secret or an answer holds")
	}
	for _, word := range strange.FindAllString(f.body, -1) {
		if len(word) > 10 && strings.Contains(said, word) {
			w.Fatal("it says a piece of the answer")
		}
	}
}

// FuzzAnswers gives every answer that GitHub could give to one kind of request, or to all. The driver always ends,
// quotes nothing of it, deletes nothing that is not rotary's, and takes nothing for proven that the answer does not say.
func FuzzAnswers(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	const date = "Date: Thu, 01 Jan 2026 00:10:00 GMT\n"
	next := date + "Link: <https://github.standin/x?page=2>; rel=\"next\", <https://github.standin/x?page=9>; rel=\"last\"\n"
	refusal := `{"message":"canary <&> is invalid","documentation_url":"https://docs.github.com/canary#secondary-rate-limits","errors":[{"message":"canary <&>"}]}`
	bodies := []string{
		`{"total_count":2,"secrets":[{"name":"A","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:02:07Z"},{"name":"B","updated_at":"2026-01-01T00:00:03Z"}]}`,
		`{"total_count":0,"secrets":[]}`, `{"total_count":1,"secrets":[null]}`, `{"secrets":null}`, `{"name":"ROTARY_RECEIPT","value":"canary <&> canary","updated_at":"2026-01-01T00:02:00Z"}`,
		`{"name":"ROTARY_RECEIPT","value":"{\"environment\":\"canary <&>\",\"version\":\"v\",\"names\":{}}"}`, `{"total_count":0,"workflow_runs":[]}`, `{"workflow_runs":[]}`,
		`{"total_count":1,"workflow_runs":[{"id":1,"created_at":"2025-12-31T00:00:00Z"}]}`, `{"total_count":1,"workflow_runs":[{"created_at":1e99}]}`,
		`{"key_id":"canary <&>","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`, `{"key_id":"canary","key":"canary"}`, `{"id":-1}`, `{"token":"canary \r\n canary","expires_at":"9999-12-31T23:59:59Z"}`,
		refusal,
		"", "null", "{}", "[]", "canary <&>", `"canary <&>`, "{\"total_count\":\"canary <&>\"}", "<html>canary <html>", strings.Repeat("[", 20000),
	}
	for n := range routes {
		for i, body := range bodies {
			if n < 4 || i >= 10 {
				f.Add(byte(n), 200, date, body)
			}
		}
		f.Add(byte(n), 200, next, bodies[0])
		f.Add(byte(n), 200, next, `{"total_count":1,"workflow_runs":[{"created_at":"2025-12-31T00:00:00Z"}]}`)
		for _, status := range []int{201, 204, 304, 403, 404, 422, 500, 501} {
			f.Add(byte(n), status, date, refusal)
		}
	}
	for _, header := range []string{
		"Retry-After: 1", "Retry-After: -5", "Retry-After: 9223372037", "Retry-After: 99999999999999999999", "Retry-After: canary", "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 99999999999999",
		"X-RateLimit-Remaining: 0\nX-RateLimit-Reset: -1", "Date: canary", "Link: canary", "Link: <canary>; rel=\"next\"", "Location: https://github.standin/canary", "X-Accepted-GitHub-Permissions: secrets=write",
	} {
		for _, status := range []int{200, 301, 403, 503} {
			f.Add(byte(0), status, header, refusal)
			f.Add(byte(4), status, header, refusal)
		}
	}
	f.Fuzz(func(t *testing.T, n byte, status int, header, body string) {
		a := &forged{route: routes[int(n)%len(routes)], status: 100 + int(uint(status-100)%500), header: parseHeaders(header), body: body}
		switch a.route.path {
		case `/installation$`, `/access_tokens$`:
			newSettledWorld(t, key).checkConclusions(a)
		case `/variables$`:
			_ = newWorld(t).rollThrough(a, bucket.Bucket{Name: "platform-config", Version: "v1", Values: secretValues(map[string]string{"A": "canary-1"})})
		default:
			newSettledWorld(t, nil).checkConclusions(a)
		}
	})
}

// checkConclusions looks and rolls, and checks what is concluded from the answers.
func (w *world) checkConclusions(a *forged) {
	w.Helper()
	seen, err := w.seeThrough(a)
	switch {
	case err != nil:
	case seen.Running != "" && a.route.path == `/secrets$` && !w.listsSecrets(a.body, "A", "B"):
		w.Fatalf("%s is running, by a list that does not show it", seen.Running)
	case seen.Settled && seen.Running != "" && a.route.path == `/actions/runs$` && !isWholePage(a.body, "workflow_runs"):
		w.Fatal("settled, by a list of runs that is not whole")
	case seen.Settled && seen.Running != "" && a.route.path == "":
		w.Fatal("settled, without any answer of GitHub's")
	}
	b := w.addVersion("v3", map[string]string{"A": "canary-3", "C": "canary-3"})
	for range 2 {
		if err := w.rollThrough(a, b); err == nil && a.route.path == "" {
			w.Fatal("everything is written, and GitHub never heard of it")
		}
		for _, write := range a.writes {
			if name, is := strings.CutPrefix(write, "DELETE "); is && name != "B" && a.route.path != `/variables/ROTARY_RECEIPT$` {
				w.Fatalf("it deleted %s", name)
			}
		}
	}
	b = w.addVersion("v4", map[string]string{"A": "canary-4", "FOREIGN": "canary-4"})
	if _ = w.rollThrough(a, b); slices.Contains(a.writes, "PUT FOREIGN") && a.route.path == `/secrets$` && !isWholePage(a.body, "secrets") {
		w.Fatal("it overwrote a secret of somebody else's, by a list that is not whole")
	}
}

// listsSecrets reports whether a list is whole and shows these secrets as GitHub has them.
func (w *world) listsSecrets(body string, names ...string) bool {
	var list struct {
		Secrets []struct {
			Name    string
			Updated time.Time `json:"updated_at"`
		}
	}
	if json.Unmarshal([]byte(body), &list) != nil || !isWholePage(body, "secrets") {
		return false
	}
	for _, name := range names {
		_, updated, _ := w.server.Secret(repo, "prod/eu", name)
		if !slices.ContainsFunc(list.Secrets, func(s struct {
			Name    string
			Updated time.Time `json:"updated_at"`
		}) bool {
			return strings.EqualFold(s.Name, name) && s.Updated.Equal(updated)
		}) {
			return false
		}
	}
	return true
}

// isWholePage reports whether a page counts what it lists.
func isWholePage(body, member string) bool {
	var page map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &page) != nil {
		return false
	}
	var count *int
	var items []json.RawMessage
	for name, value := range page {
		switch strings.ToLower(name) {
		case "total_count":
			_ = json.Unmarshal(value, &count)
		case member:
			_ = json.Unmarshal(value, &items)
		}
	}
	return count != nil && *count == len(items)
}

// FuzzReceipt puts any text into the receipt. One that rotary cannot have written is no proof of anything, and no
// permission to write or delete; one that it can deletes only what stands in it.
func FuzzReceipt(f *testing.F) {
	for _, text := range []string{
		`{"environment":"dev","version":"v2","done":true,"names":{"A":"2026-01-01T00:02:07Z","B":"2026-01-01T00:00:03Z"}}`,
		`{"environment":"dev","version":"v2","previous":{"v1":"2026-01-01T00:02:08Z","":"0001-01-01T00:00:00Z"},"done":true,"names":{"A":"0001-01-01T00:00:00Z"}}`,
		`{"environment":"dev","version":"v2","done":true,"names":{"FOREIGN":"2026-01-01T00:00:00Z"}}`, `{"environment":"dev","version":"v2","done":true,"names":{}}`,
		`{"environment":"dev","version":"v2","done":true,"names":{"B":"2026-01-01T00:00:03Z"}} canary`, `{"environment":"dev","version":"v2","done":true,"names":{"B":"2026-01-01T00:00:03Z"}}]`,
		`{"environment":"dev","version":"v2","names":{"../../../variables/ROTARY_RECEIPT":"0001-01-01T00:00:00Z","b":"0001-01-01T00:00:00Z"}}`, `{"environment":"production","version":"v2","names":{}}`,
		`{"environment":"canary <&> canary","version":"v2","names":{}}`, `{"environment":"dev","version":"canary <&>","names":{},"previous":{"canary <&>":"9999-12-31T23:59:59-23:59"}}`,
		`{"environment":"dev","version":"v2","names":{"A":"9999-12-31T23:59:59-23:59"}}`, `{"environment":"dev","version":"v2","names":null}`, `{"environment":"dev","version":"v2","names":{},"canary":1}`,
		"", "null", "{}", "[]", "canary", `"canary"`, `{"environment":`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := newSettledWorld(t, nil)
		w.server.SetVariableByHand(repo, "prod/eu", "ROTARY_RECEIPT", text)
		held, _ := w.server.Variable(repo, "prod/eu", "ROTARY_RECEIPT")
		names, readable := receiptNames(held)
		none := &forged{route: route{"NONE", ""}, body: text}
		seen, err := w.seeThrough(none)
		if err == nil && !readable && (seen.Settled || seen.Unknown == "" || seen.Running != "" || seen.Names != nil) {
			t.Fatalf("by a receipt that is none: %+v", seen)
		}
		err = w.rollThrough(none, w.addVersion("v3", map[string]string{"A": "canary-3", "C": "canary-3"}))
		if !readable && (err == nil || len(none.writes) > 0) {
			t.Fatalf("with a receipt that is none it wrote %v", none.writes)
		}
		for _, write := range none.writes {
			if name, is := strings.CutPrefix(write, "DELETE "); is && !slices.Contains(names, name) {
				t.Fatalf("it deleted %s, which the receipt does not have", name)
			}
		}
	})
}

// receiptNames reads a receipt by another way: the names in it, and whether rotary can have written it for dev.
func receiptNames(text string) (names []string, readable bool) {
	var r struct {
		Environment, Version string
		Previous             map[string]time.Time
		Done                 bool
		Names                map[string]time.Time
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if !json.Valid([]byte(text)) || d.Decode(&r) != nil || r.Environment != "dev" || r.Version == "" || r.Names == nil {
		return nil, false
	}
	for name := range r.Names {
		names = append(names, name)
	}
	return names, true
}
