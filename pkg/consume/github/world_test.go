package github_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	contract "github.com/rotary-secrets/rotary/internal/contract/github"
	stand "github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	repo  = "example/app"
	token = "ghp_canary"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a repository with an environment, and a consumer on it. Waiting moves the clock.
type world struct {
	hints bool // somebody looks
	*testing.T
	clock       *sim.Clock
	tap         *sim.Tap
	server      *stand.Server
	consumer    manifest.Consumer
	environment string
	token       string
	appID       string
	versions    map[string]map[string]string // what Secrets Manager still has
	waited      []time.Duration
}

func newWorld(t *testing.T) *world {
	clock := sim.NewClock(start)
	tap := sim.NewTap(clock)
	w := &world{
		T: t, clock: clock, tap: tap, server: stand.New(stand.Config{Clock: clock, Tap: tap}), token: token, environment: "dev",
		consumer: manifest.Consumer{Name: "ci", GitHub: &manifest.GitHub{Repository: repo, Environment: "prod/eu"}},
		versions: map[string]map[string]string{},
	}
	contract.Watch(t, w.server)
	w.server.AddRepository(repo, "prod/eu")
	w.server.AddToken(token, repo)
	return w
}

// openScope opens the consumer anew, as each pass does.
func (w *world) openScope() *github.Scope {
	w.Helper()
	return w.openOver(sim.Transport{Handler: w.server})
}

// openOver opens the consumer on another transport.
func (w *world) openOver(transport http.RoundTripper) *github.Scope {
	w.Helper()
	s, err := github.New(w.consumer, w.environment, secret.New(w.token), w.appID,
		github.URL("https://github.standin"), github.Transport(transport),
		github.Clock(w.clock.Now, w.recordWait), github.Previous(w.readPrevious), github.Hints(w.hints),
		github.Adopting(w.consumer.GitHub.Adopt))
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func (w *world) recordWait(ctx context.Context, d time.Duration) error {
	w.waited = append(w.waited, d)
	w.clock.Advance(d)
	return ctx.Err()
}

func (w *world) readPrevious(_ context.Context, version string) (map[string]secret.Value, error) {
	return secretValues(w.versions[version]), nil
}

func secretValues(texts map[string]string) map[string]secret.Value {
	if texts == nil {
		return nil
	}
	out := map[string]secret.Value{}
	for name, text := range texts {
		out[name] = secret.New(text)
	}
	return out
}

// addVersion makes a bucket version that Secrets Manager remembers.
func (w *world) addVersion(id string, texts map[string]string) bucket.Bucket {
	w.versions[id] = texts
	return bucket.Bucket{Name: "platform-config", Version: id, Values: secretValues(texts)}
}

func (w *world) mustRoll(b bucket.Bucket) {
	w.Helper()
	if err := w.openScope().Roll(w.Context(), b); err != nil {
		w.Fatal(err)
	}
}

// wantRefusal asserts that a Roll fails with these words and no secret in its error, and writes nothing.
func (w *world) wantRefusal(b bucket.Bucket, words ...string) {
	w.Helper()
	w.tap.Reset()
	err := w.openScope().Roll(w.Context(), b)
	if err == nil {
		w.Fatal("the Roll was not refused")
	}
	w.wantWords(err, words...)
	if got := w.listWrites(); len(got) != 0 {
		w.Errorf("a refused Roll wrote: %v", got)
	}
}

func (w *world) wantWords(err error, words ...string) {
	w.Helper()
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.Errorf("the error does not say %q: %v", word, err)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		w.Error("the error holds a secret")
	}
}

func (w *world) mustSee() plan.Seen {
	w.Helper()
	seen, err := w.openScope().Status(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return seen
}

// listWrites lists the writes since the journal was reset: "PUT A", "POST", "PATCH ROTARY_RECEIPT".
func (w *world) listWrites() (out []string) {
	for _, c := range w.tap.Calls() {
		if !c.Write {
			continue
		}
		method, _, _ := strings.Cut(c.Operation, " ")
		_, name, _ := strings.Cut(strings.NewReplacer("/variables", "/secrets").Replace(c.Resource), "/secrets")
		out = append(out, strings.TrimSpace(method+" "+strings.TrimPrefix(name, "/")))
	}
	return out
}

func (w *world) wantWrites(want ...string) {
	w.Helper()
	if diff := cmp.Diff(want, w.listWrites()); diff != "" {
		w.Errorf("writes (-want +got):\n%s", diff)
	}
	w.tap.Reset()
}

// wantSecrets asserts the scope's secrets without printing a value.
func (w *world) wantSecrets(texts map[string]string) {
	w.Helper()
	environment := w.consumer.GitHub.Environment
	got := w.server.Secrets(repo, environment)
	if len(got) != len(texts) {
		w.Errorf("the scope holds %v, want %d secrets", got, len(texts))
	}
	for name, text := range texts {
		if held, _, ok := w.server.Secret(repo, environment, name); !ok || held != text {
			w.Errorf("secret %s is not the version's (there: %v)", name, ok)
		}
	}
}

// wantConverged asserts that the consumer is proven to run a version and that another Roll writes nothing.
func (w *world) wantConverged(b bucket.Bucket) {
	w.Helper()
	seen := w.mustSee()
	if seen.Running != b.Version || !seen.Settled || len(seen.Drift) != 0 || seen.Unknown != "" {
		w.Errorf("not converged on %s: %+v", b.Version, seen)
	}
	var names []string
	for name := range b.Values {
		names = append(names, strings.ToUpper(name))
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, seen.Names); diff != "" {
		w.Errorf("names of %s: %s", b.Version, diff)
	}
	w.tap.Reset()
	w.mustRoll(b)
	w.wantWrites()
}

// readReceipt returns the receipt as JSON.
func (w *world) readReceipt() (out map[string]any) {
	w.Helper()
	text, ok := w.server.Variable(repo, w.consumer.GitHub.Environment, "ROTARY_RECEIPT")
	if !ok || json.Unmarshal([]byte(text), &out) != nil {
		w.Fatal("there is no receipt")
	}
	return out
}

// breakFromWrite breaks every call from the nth write on.
func (w *world) breakFromWrite(n int, o sim.Outcome) {
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Write {
			n--
		}
		if n < 0 {
			return sim.Fault{Outcome: o}
		}
		return sim.Fault{}
	})
}
