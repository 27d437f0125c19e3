package vercel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	standin "github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// The kinds of request that the driver makes; the last stands for all.
const (
	listing = iota
	reading
	production6
	preview6
	deployment13
	upserting
	removing
	deploying
	hooking
	everything
	routes
)

func routeOf(q *http.Request) int {
	path := q.Method + " " + q.URL.Path
	for n, pattern := range []string{`^GET .*/env$`, `^GET /v9/projects/[^/]*$`, `^GET /v7/`, `^-$`, `^GET /v13/`, `^POST .*/env$`, `^DELETE `, `^POST /v13/`, `^POST .*/deploy/`} {
		if !regexp.MustCompile(pattern).MatchString(path) {
			continue
		}
		if n == production6 && q.URL.Query().Get("target") == preview {
			return preview6
		}
		return n
	}
	return everything
}

// mostCalls is more than any look or Roll here needs, with every retry.
const mostCalls = 80

// forged answers one kind of request with a fixed answer, and notes what is called.
type forged struct {
	http.RoundTripper
	route  int
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
	if q.Method != "GET" {
		f.writes = append(f.writes, q.Method+" "+q.URL.EscapedPath())
	}
	if f.route != everything && f.route != routeOf(q) {
		return f.RoundTripper.RoundTrip(q)
	}
	return &http.Response{StatusCode: f.status, Header: f.header.Clone(), Body: io.NopCloser(strings.NewReader(f.body)), Request: q}, nil
}

func (f *forged) hasWritten(method, path string) bool {
	return slices.ContainsFunc(f.writes, func(w string) bool { return strings.HasPrefix(w, method+" ") && strings.Contains(w, path) })
}

// newForgedBench is a project that runs v1 on production and preview, beside a variable of somebody else's, with f in between.
func newForgedBench(t *testing.T, f *forged) *bench {
	t.Helper()
	hook := func(c *manifest.Vercel, _ *manifest.Environment) {
		if f.route == hooking {
			c.DeployHook = "HOOK"
		}
	}
	opts := []Option{}
	if f.route == hooking {
		opts = append(opts, WithDeployHook(secret.New(hookURL)))
	}
	b := newBench(t, []string{production, preview}, hook, opts...)
	b.SetByHand("dashboard", "FOREIGN", production, "canary-by-hand")
	b.rollAndBuild(newVersion("v1", "A=canary-1", "B=canary-1"))
	f.RoundTripper = recorded.Over(sim.Transport{Handler: b.Server})
	WithTransport(f)(b.Project)
	return b
}

// seeThrough and rollOnto check what holds for every answer.
func (b *bench) seeThrough(f *forged) (plan.Seen, error) {
	b.Helper()
	f.calls, f.writes = 0, nil
	s, err := b.Status(b.Context())
	if len(f.writes) > 0 {
		b.Fatalf("a look wrote %v", f.writes)
	}
	texts := append(slices.Clone(s.Drift), s.Unknown, s.Waiting, s.Foreign, s.Detail)
	if s.Failed != nil {
		texts = append(texts, s.Failed.Reason)
	}
	b.checkTexts(f, err, texts...)
	return s, err
}

func (b *bench) rollThrough(f *forged, c bucket.Bucket) error {
	b.Helper()
	f.calls, f.writes = 0, nil
	err := b.Roll(b.Context(), c)
	b.checkTexts(f, err)
	return err
}

var strange = regexp.MustCompile(`[^\s"\\]*[^\s"\\\w.:/,;()-][^\s"\\]*`)

func (b *bench) checkTexts(f *forged, err error, texts ...string) {
	b.Helper()
	if f.calls > mostCalls {
		b.Fatal("the calls do not end")
	}
	if err != nil {
		texts = append(texts, err.Error())
	}
	said := strings.Join(texts, "\n")
	if strings.Contains(said, "canary-") || strings.Contains(said, "canary <") || strings.Contains(said, "hook-secret") {
		b.Fatal("it says what a secret or an answer holds")
	}
	for _, word := range strange.FindAllString(f.body, -1) {
		if len(word) > 10 && strings.Contains(said, word) {
			b.Fatal("it says a piece of the answer")
		}
	}
}

// FuzzAnswers gives every answer that Vercel could give to one kind of request, or to all. The driver always ends,
// quotes nothing of it, and takes nothing for there, or for proven, that the answer does not say.
func FuzzAnswers(f *testing.F) {
	owned := func(more string) string {
		return `{"envs":[{"id":"env_9","key":"A","type":"encrypted","target":["production"],"value":"canary <&>","comment":"rotary production v1"` + more + `}]}`
	}
	both := func(more string) string {
		production := strings.TrimSuffix(owned(more), "]}")
		return production + "," + strings.NewReplacer("env_9", "env_8", `["production"]`, `["preview"]`).Replace(strings.TrimPrefix(owned(more), `{"envs":[`))
	}
	refusal := `{"error":{"code":"ENV_CONFLICT","message":"canary <&>","key":"A","value":"canary <&>","failed":[{"error":{"code":"X","key":"canary <&>","value":["canary <&>"]}}]}}`
	bodies := []string{
		both(""), both(`,"updatedAt":0`), both(`,"updatedAt":-5`), both(`,"updatedAt":1772359200000`), strings.NewReplacer("env_9", "..", `"A"`, `"B"`).Replace(both(`,"updatedAt":1772359200000`)),
		strings.Replace(both(`,"updatedAt":1772359200000`), `["production"]`, `["production","canary <&>"]`, 1),
		owned(""), owned(`,"updatedAt":1772359200000,"createdAt":1772359200000`), owned(`,"updatedAt":-1`), owned(`,"updatedAt":1e99`), owned(`,"gitBranch":"canary <&>"`),
		strings.Replace(owned(`,"updatedAt":1772359200000`), "env_9", "..", 1), strings.Replace(owned(`,"updatedAt":1772359200000`), `"A"`, `"canary <&>"`, 1),
		strings.Replace(owned(""), "rotary production v1", "rotary canary<&>canary v1", 1), strings.Replace(owned(`,"updatedAt":1772359200000`), `["production"]`, `"preview"`, 1),
		`{"envs":[]}`, `{"envs":null}`, `{"envs":[null]}`, `{"envs":[{}]}`, `{"envs":["canary <&>"]}`, `{"envs":[],"pagination":{"count":0,"next":1}}`, `{"envs":[],"pagination":{"count":5,"next":null}}`,
		`{"id":"prj_dashboard","name":"dashboard"}`, `{"id":"prj_dashboard","name":"dashboard","targets":{"production":null}}`, `{"id":"prj_dashboard","name":"dashboard","targets":{"production":{"id":"canary <&>"}}}`,
		`{"id":"canary <&>","name":"canary <&>"}`, `{"deployments":[]}`, `{"deployments":null}`, `{"deployments":[null,{}]}`, `{"deployments":[{"uid":"canary <&>","state":"canary <&>","created":1772359200000}]}`,
		`{"deployments":[{"uid":"dpl_9","state":"READY","readySubstate":"ROLLING","created":9772359200000,"meta":{"rotary":"canary <&>"}},{"uid":"dpl_8","state":"ERROR","created":9772359200000,"meta":{"rotary":7}}]}`,
		`{"id":"dpl_9","readyState":"READY","createdAt":9772359200000}`, `{"readyState":"READY","createdAt":9772359200000,"meta":{"rotary":"rotary production v1"},"gitSource":{"type":"github","ref":"main","sha":"canary <&>","repoId":{}}}`,
		`{"created":[{"key":"A"},{"key":"C"}],"failed":[]}`, `{"created":[],"failed":[{"error":{"code":"canary <&>","key":"canary <&>","envVarKey":"A","value":"canary <&>"}}]}`, `{"created":{"key":"A"}}`,
		refusal,
		"", "null", "{}", "[]", "canary <&>", `"canary <&>`, "<html>canary <html>", strings.Repeat("[", 20000),
	}
	for n := range byte(routes) {
		for _, body := range bodies {
			f.Add(n, 200, "", body)
		}
		for _, status := range []int{201, 204, 301, 304, 400, 403, 404, 409, 422, 500} {
			f.Add(n, status, "", refusal)
		}
	}
	for _, header := range []string{"Retry-After: 1", "Retry-After: -5", "Retry-After: 9223372037", "Retry-After: 99999999999999999999", "Retry-After: canary", "Location: https://vercel.standin/canary"} {
		for _, status := range []int{200, 301, 429, 503} {
			f.Add(byte(listing), status, header, refusal)
			f.Add(byte(upserting), status, header, refusal)
		}
	}
	f.Fuzz(func(t *testing.T, n byte, status int, header, body string) {
		a := &forged{route: int(n) % routes, status: 100 + int(uint(status-100)%500), header: http.Header{}, body: body}
		for line := range strings.Lines(header) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			a.header.Add(name, strings.TrimSpace(value))
		}
		newForgedBench(t, a).checkConclusions(a)
	})
}

// checkConclusions looks and rolls, and checks what is concluded from the answers.
func (b *bench) checkConclusions(a *forged) {
	b.Helper()
	seen, err := b.seeThrough(a)
	if err == nil && seen.Running != "" {
		b.checkProof(a)
	}
	err = b.rollThrough(a, newVersion("v2", "A=canary-2", "C=canary-2"))
	if err == nil && a.route == upserting && !confirmsKeys(a.body, "A", "C") {
		b.Fatal("everything is written, by an answer that does not say so")
	}
	b.checkWrites(a)
	_ = b.rollThrough(a, newVersion("v3", "A=canary-3", "FOREIGN=canary-3"))
	b.checkWrites(a)
	if a.route != listing && a.hasWritten("POST", "/env") {
		b.Fatal("it overwrote a variable of somebody else's")
	}
}

type listedVariable struct {
	ID, Key, Comment     string
	Target               targets
	UpdatedAt, CreatedAt int64
}

// parseList reads a list of variables; nil where an answer is none.
func parseList(body string) []listedVariable {
	var list struct{ Envs []*listedVariable }
	if json.Unmarshal([]byte(body), &list) != nil || list.Envs == nil {
		return nil
	}
	out := []listedVariable{}
	for _, v := range list.Envs {
		if v == nil || v.Key == "" {
			return nil
		}
		out = append(out, *v)
	}
	return out
}

// checkProof checks what a version that is said to run rests on.
func (b *bench) checkProof(a *forged) {
	b.Helper()
	switch a.route {
	case everything:
		var all struct{ Envs, Deployments, ID, Name any }
		if json.Unmarshal([]byte(a.body), &all) != nil || all.Envs == nil || all.Deployments == nil || all.ID == nil || all.Name == nil {
			b.Fatal("it runs, by answers that say nothing")
		}
		fallthrough
	case listing:
		list := parseList(a.body)
		marked := func(v listedVariable) bool { return strings.HasPrefix(strings.TrimSpace(v.Comment), "rotary") }
		if !slices.ContainsFunc(list, marked) {
			b.Fatal("it runs, by a list without a receipt")
		}
		if slices.ContainsFunc(list, func(v listedVariable) bool {
			return marked(v) && slices.Contains(v.Target, production) && max(v.UpdatedAt, v.CreatedAt) <= 0 && strings.Contains(v.Comment, "rotary production v1")
		}) {
			b.Fatal("it runs, by a receipt without a time")
		}
	case deployment13:
		var d struct{ ID, UID string }
		if id, _ := b.readLive(""); json.Unmarshal([]byte(a.body), &d) != nil || d.ID != id && d.UID != id {
			b.Fatal("it runs, by an answer about another deployment")
		}
	}
}

var plainID = regexp.MustCompile(`^DELETE /v9/projects/dashboard/env/[A-Za-z0-9_-]+$`)

// checkWrites checks that a Roll wrote and deleted only what the list allows.
func (b *bench) checkWrites(a *forged) {
	b.Helper()
	if a.route == listing && a.status == http.StatusOK && len(a.writes) > 0 && parseList(a.body) == nil {
		b.Fatal("it writes, by an answer that is no list")
	}
	for _, w := range a.writes {
		if strings.HasPrefix(w, "DELETE") && !plainID.MatchString(w) {
			b.Fatal("it deletes something else than a variable")
		}
		if strings.HasPrefix(w, "DELETE") && a.route != listing && a.route != everything && slices.ContainsFunc(b.Variables("dashboard"), func(v standin.Variable) bool {
			return v.Key != "B" && strings.HasSuffix(w, "/"+v.ID)
		}) {
			b.Fatal("it deletes what is not rotary's, or still needed")
		}
	}
}

// confirmsKeys reports whether an upsert's answer names every key as created.
func confirmsKeys(body string, keys ...string) bool {
	var out struct{ Created, Failed []struct{ Key string } }
	if json.Unmarshal([]byte(body), &out) != nil || len(out.Failed) > 0 {
		return false
	}
	for _, key := range keys {
		if !strings.Contains(fmt.Sprint(out.Created), "{"+key+"}") {
			return false
		}
	}
	return true
}
