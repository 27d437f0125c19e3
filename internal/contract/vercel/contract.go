// Package vercel checks calls of Vercel's API against what nobody here wrote: @vercel/sdk, Vercel's own client, and
// emulate, a server of vercel-labs'. Both run in Node, from contracts/; tests use it, the product never does.
package vercel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
)

// Call is one request and its answer.
type Call struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Sent   string `json:"sent"`
	Status int    `json:"status"`
	Got    string `json:"got"`
}

// Recorder keeps every call that differs from those before. The zero value is ready. Safe for concurrent use.
type Recorder struct {
	Keep func(Call) bool // nil keeps all

	mu    sync.Mutex
	calls []Call
	known map[Call]bool
}

// Over returns next, with what goes through it recorded. A call without an answer is not.
func (r *Recorder) Over(next http.RoundTripper) http.RoundTripper { return &recording{r, next} }

type recording struct {
	recorder *Recorder
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *recording) RoundTrip(req *http.Request) (*http.Response, error) {
	sent, err := readBody(&req.Body)
	if err != nil {
		return nil, err
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	got, err := readBody(&resp.Body)
	t.recorder.addCall(Call{req.Method, req.URL.String(), sent, resp.StatusCode, got})
	return resp, err
}

// readBody reads a body and puts it back.
func readBody(body *io.ReadCloser) (string, error) {
	if *body == nil {
		return "", nil
	}
	content, err := io.ReadAll(*body)
	*body = io.NopCloser(bytes.NewReader(content))
	return string(content), err
}

// addCall records a call once, except those that are not in the SDK: deploy hooks, and calls that the stand-in does not
// implement.
func (r *Recorder) addCall(c Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	unknown := strings.Contains(c.URL, "/v1/integrations/deploy/") || c.Status == http.StatusNotImplemented
	if unknown || r.known[c] || r.Keep != nil && !r.Keep(c) {
		return
	}
	if r.known == nil {
		r.known = map[Call]bool{}
	}
	r.known[c] = true
	r.calls = append(r.calls, c)
}

// Calls returns what was recorded.
func (r *Recorder) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Call(nil), r.calls...)
}

// Main runs the tests of a package, from its TestMain, and then checks everything that they recorded, with one start of
// Node. It returns the exit status. In a fuzzing run it checks nothing.
func Main(m *testing.M, r *Recorder) int {
	status := m.Run()
	if status != 0 || isFuzzing() {
		return status
	}
	wrong := checkRecorded(context.Background(), r.Calls())
	for _, w := range wrong {
		fmt.Fprintln(os.Stderr, "Vercel's contract:", w)
	}
	return min(len(wrong), 1)
}

// checkRecorded returns what is wrong with calls. That they cannot be checked is wrong only if REQUIRE_ALL is 1.
func checkRecorded(ctx context.Context, calls []Call) []string {
	wrong, err := Check(ctx, calls)
	switch {
	case errors.Is(err, ErrMissing) && !contract.Required():
		return nil
	case err != nil:
		return []string{err.Error()}
	}
	return wrong
}

func isFuzzing() bool {
	for _, arg := range os.Args {
		f := strings.TrimLeft(arg, "-")
		if strings.HasPrefix(f, "test.fuzzworker") || strings.HasPrefix(f, "test.fuzz=") && f != "test.fuzz=" {
			return true
		}
	}
	return false
}

// ErrMissing is returned where Node, or what contracts/ installs, is missing.
var ErrMissing = errors.New(
	"the description of Vercel's API is not installed: make contracts (it needs Node and npm)")

// Require skips a test where ErrMissing would come, or fails it under REQUIRE_ALL=1.
func Require(t *testing.T) {
	t.Helper()
	if err := checkInstalled(); err != nil {
		contract.Missing(t, err)
	}
}

func checkInstalled() error {
	contracts, err := contract.Folder()
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("node"); err != nil {
		return ErrMissing
	}
	for _, name := range []string{"@vercel/sdk", "emulate"} {
		if _, err := os.Stat(filepath.Join(contracts, "node_modules", name)); err != nil {
			return ErrMissing
		}
	}
	return nil
}

// nodeCommand returns the command that runs a script of contracts/.
func nodeCommand(ctx context.Context, name string) (*exec.Cmd, error) {
	if err := checkInstalled(); err != nil {
		return nil, err
	}
	dir, err := contract.Folder()
	cmd := exec.CommandContext(ctx, "node", name) //nolint:gosec // its two callers name a script of contracts/
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	return cmd, err
}

// Check asks the SDK about all calls and returns what is wrong with them, each thing once, without a value.
func Check(ctx context.Context, calls []Call) (wrong []string, err error) {
	found, err := askSDK(ctx, calls)
	for _, f := range found {
		text := fmt.Sprintf("%s, answered with %d: %s", f.Operation, calls[f.Line].Status, f.What)
		if !slices.Contains(wrong, text) {
			wrong = append(wrong, text)
		}
	}
	return wrong, err
}

// finding is one thing that contracts/vercel.mjs finds wrong with the call with the number Line.
type finding struct {
	Line      int
	Operation string
	What      string
}

func askSDK(ctx context.Context, calls []Call) (found []finding, err error) {
	cmd, err := nodeCommand(ctx, "vercel.mjs")
	if err != nil {
		return nil, err
	}
	var in bytes.Buffer
	for lines := json.NewEncoder(&in); len(calls) > 0; calls = calls[1:] {
		if err := lines.Encode(calls[0]); err != nil {
			return nil, err
		}
	}
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("check calls with @vercel/sdk: %w", err)
	}
	for lines := json.NewDecoder(bytes.NewReader(out)); lines.More(); {
		var f finding
		if err := lines.Decode(&f); err != nil {
			return nil, fmt.Errorf("read what @vercel/sdk found: %w", err)
		}
		found = append(found, f)
	}
	return found, nil
}
