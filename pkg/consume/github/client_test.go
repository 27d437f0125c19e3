package github_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	stand "github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestAReplacedPublicKey(t *testing.T) {
	w := newWorld(t)
	rotated := false
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if strings.HasPrefix(c.Operation, "PUT") && strings.HasSuffix(c.Resource, "/B") && !rotated {
			rotated = true
			w.server.RotatePublicKey(repo, "prod/eu")
		}
		return sim.Fault{}
	})
	b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1", "C": "canary-1"})
	w.mustRoll(b)
	w.wantWrites("POST", "PUT A", "PUT B", "PUT B", "PUT C", "PATCH ROTARY_RECEIPT")
	w.wantSecrets(w.versions["v1"])
	w.wantConverged(b)
}

func TestApp(t *testing.T) {
	w := newWorld(t)
	w.useApp(7, repo)
	s, b := w.openScope(), w.addVersion("v1", map[string]string{"A": "canary-1"})
	for range 2 {
		if err := s.Roll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(58 * time.Minute) // near the token's end: a new one is due
	}
	if got := w.countCalls("access_tokens"); got != 2 {
		t.Errorf("%d tokens in two hours, want 2", got)
	}
	w.wantConverged(b)

	w.appID = "8"
	w.wantRefusal(b, "find the App's installation", "status 401")
	w.token = "canary"
	if _, err := github.New(w.consumer, "dev", secret.New(w.token), w.appID); err == nil {
		t.Error("a key that is none is accepted")
	} else {
		w.wantWords(err, "consumer ci", "PEM")
	}
}

// useApp gives the consumer the key of an App that is installed on a repository.
func (w *world) useApp(id int64, repositories ...string) {
	w.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		w.Fatal(err)
	}
	w.server.AddApp(id, &key.PublicKey, repositories...)
	w.appID, w.token = strconv.FormatInt(id, 10), string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

func (w *world) countCalls(operation string) (n int) {
	for _, c := range w.tap.Calls() {
		if strings.HasSuffix(c.Operation, operation) {
			n++
		}
	}
	return n
}

func TestErrorsNameTheCallAndNoSecret(t *testing.T) {
	w := newWorld(t)
	b := w.addVersion("v1", map[string]string{"A": "canary-1"})
	w.server.RevokeToken(token)
	w.wantRefusal(b, "consumer ci", "example/app, environment prod/eu", "list secrets", "status 401", "request STANDIN", "not valid")
	if got := w.countCalls("secrets"); got != 1 {
		t.Errorf("a revoked token was tried %d times", got)
	}
	w.server.AddToken(token)
	w.wantRefusal(b, "status 404", "does not see it")
	w.server.AddToken(token, repo)
	w.breakFromWrite(0, sim.Denied)
	if err := w.openScope().Roll(t.Context(), b); err == nil {
		t.Error("a denied write works")
	} else {
		w.wantWords(err, "create the receipt", "status 403", "secrets=write")
	}
}

func TestLimitsAreRespected(t *testing.T) {
	w := newWorld(t)
	refusals := 2
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if strings.HasPrefix(c.Operation, "PUT") && refusals > 0 {
			refusals--
			return sim.Fault{Outcome: sim.Throttled}
		}
		return sim.Fault{}
	})
	b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"})
	w.mustRoll(b)
	want := []time.Duration{time.Second, time.Second, time.Minute, time.Minute, time.Second, time.Second}
	if diff := cmp.Diff(want, w.waited); diff != "" {
		t.Errorf("waits: %s", diff)
	}
	w.wantConverged(b)

	w.waited = nil
	w.tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: sim.Unavailable} })
	_, err := w.openScope().Status(t.Context())
	if err == nil {
		t.Fatal("GitHub is down, and nobody noticed")
	}
	w.wantWords(err, "status 502")
	if diff := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, w.waited); diff != "" {
		t.Errorf("waits: %s", diff)
	}

	w.tap.OnCall(nil)
	for range stand.HourlyLimit {
		if _, err = w.openScope().Status(t.Context()); err != nil {
			break
		}
	}
	if err == nil {
		t.Fatal("the hourly limit was not met")
	}
	w.wantWords(err, "hourly limit", "until 2026-01-01T01:00:00Z")
}

func TestNoWriteAfterTheEndOfTheContext(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Write && strings.HasSuffix(c.Resource, "/A") {
			cancel()
		}
		return sim.Fault{}
	})
	b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"})
	if err := w.openScope().Roll(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("Roll = %v", err)
	}
	w.wantWrites("POST", "PUT A")
	w.mustRoll(b)
	w.wantConverged(b)
}

func TestManifestsThatNameNoRepository(t *testing.T) {
	for _, repository := range []string{"", "app", "example/app/more", "example/app?x", "https://github.com/example/app"} {
		c := manifest.Consumer{Name: "ci", GitHub: &manifest.GitHub{Repository: repository}}
		if _, err := github.New(c, "dev", secret.New(token), ""); err == nil {
			t.Errorf("repository %q is accepted", repository)
		}
	}
	if _, err := github.New(newWorld(t).consumer, "dev", secret.New(" "), ""); err == nil {
		t.Error("an empty token is accepted")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnAnswerIsReadToALimitAndNeverQuoted(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		transport roundTrip
		says      string
	}{
		"without end": {func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(io.MultiReader(
				strings.NewReader(`{"canary":"`), io.LimitReader(forever{}, 1<<30)))}, nil
		}, "larger than 16 MiB"},
		"moved": {func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "github.standin" {
				t.Error("a redirect was followed")
			}
			return &http.Response{StatusCode: 301, Header: http.Header{"Location": {"https://canary.example.com/"}}, Request: r, Body: http.NoBody}, nil
		}, "renamed or moved"},
	} {
		s, err := github.New(w.consumer, w.environment, secret.New(w.token), "",
			github.URL("https://github.standin"), github.Transport(c.transport), github.Clock(w.clock.Now, w.recordWait))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Status(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		w.wantWords(err, "list secrets", c.says)
	}
}

// forever is an answer that does not end.
type forever struct{}

func (forever) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
