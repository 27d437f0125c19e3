package vercel

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// Emulate is vercel-labs' emulate: a Vercel with the team acme, its project dashboard and the token tok.
type Emulate struct {
	URL string

	in  io.Writer
	out *bufio.Scanner
}

// Start starts emulate and ends it with the test. Where it is not installed the test is skipped, or fails if
// REQUIRE_ALL is 1. Its answers differ from Vercel's in much: callers keep a list.
func Start(t *testing.T) *Emulate {
	t.Helper()
	Require(t)
	cmd, err := nodeCommand(t.Context(), "emulate.mjs")
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // killed at the latest by the end of the test's context
	})
	e := &Emulate{in: in, out: bufio.NewScanner(out)}
	if !e.out.Scan() || !strings.HasPrefix(e.out.Text(), "http://127.0.0.1:") {
		t.Fatal("emulate does not say its address")
	}
	e.URL = e.out.Text()
	return e
}

// Advance moves emulate's clock on. It stands still otherwise.
func (e *Emulate) Advance(t *testing.T, d time.Duration) {
	t.Helper()
	if _, err := fmt.Fprintln(e.in, d.Milliseconds()); err != nil || !e.out.Scan() {
		t.Fatal("emulate's clock does not move")
	}
}
