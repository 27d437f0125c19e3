package httpapi_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type ctx = context.Context

func newRotator(source manifest.Source, reach httpapi.Reach) rotate.Rotator {
	return httpapi.New(source, reach)
}

// createOverNetwork asks a server with the client that is used in production.
func createOverNetwork(t *testing.T, server *httptest.Server) (rotate.Rotator, rotate.Values, error) {
	t.Helper()
	t.Cleanup(server.Close)
	source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", strings.ReplaceAll(simpleDescription(`, json: {name: "{{marker}}"}`), "https://api.example.com", server.URL))
	r := httpapi.New(source, httpapi.Reach{Environment: "dev", Pause: func(context.Context, time.Duration) error { return errors.New("no second try") }})
	next, err := r.Create(t.Context(), newStart(heldValues()))
	return r, next, err
}

func TestTheRealClient(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
		may     bool
	}{
		{"answers", func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.Header.Get("Authorization") != "Bearer old-token-0123456789" || string(body) != `{"name":"rotary-0a1b2c3d-0000-4000-8000-00000000000a"}` || r.Close == false {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, `{"token": "fresh-0123456789", "id": 7}`)
		}, "", false},
		{"redirects", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "status 307: it redirects, which is not followed", true},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "no answer", true},
		{"breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"token": "fresh`)
		}, "its answer broke off", true},
		{"says too much", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, 3<<20))
		}, "larger than 1 MiB", true},
		{"has too many headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		}, "no answer", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, next, err := createOverNetwork(t, httptest.NewServer(c.handler))
			if c.want == "" && (err != nil || secret.Reveal(next["TOKEN_ID"]) != "7") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("error is %v, want %q", err, c.want)
			}
			if err != nil && mayHaveMade(r, err) != c.may {
				t.Errorf("it may have made a credential: %v", !c.may)
			}
		})
	}
	if elsewhere > 0 {
		t.Error("the credential went elsewhere")
	}
}

func TestAServerThatCannotBeReachedHasMadeNothing(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("an untrusted server was asked") }))
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	untrusted.StartTLS()
	r, _, err := createOverNetwork(t, untrusted)
	if err == nil || !strings.Contains(err.Error(), "its certificate is not trusted") || mayHaveMade(r, err) {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	gone.URL = "http://" + listener.Addr().String()
	_ = listener.Close()
	r, _, err = createOverNetwork(t, gone)
	if err == nil || !strings.Contains(err.Error(), "no connection") || mayHaveMade(r, err) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestAServerThatIsTooSlowIsGivenUp(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(asked); <-release }))
	defer server.Close()
	defer close(release)
	source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", strings.ReplaceAll(simpleDescription(""), "https://api.example.com", server.URL))
	r := httpapi.New(source, httpapi.Reach{Environment: "dev"})
	ended, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := r.Create(ended, newStart(heldValues()))
	if !errors.Is(err, context.Canceled) || !mayHaveMade(r, err) {
		t.Errorf("error is %v", err)
	}
}
