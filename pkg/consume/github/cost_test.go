package github_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
)

// manyValues makes a version with n keys of one value.
func (w *world) manyValues(id string, n int, value string) bucket.Bucket {
	texts := map[string]string{}
	for i := range n {
		texts[fmt.Sprintf("N%02d", i)] = value
	}
	return w.addVersion(id, texts)
}

// meter counts what goes over the wire.
type meter struct {
	next          http.RoundTripper
	reads, writes int
	sent, gotten  int64
}

func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		m.reads++
	} else {
		m.writes++
	}
	m.sent += max(r.ContentLength, 0)
	resp, err := m.next.RoundTrip(r)
	if err == nil {
		body, failed := io.ReadAll(resp.Body)
		if failed != nil {
			return nil, failed
		}
		m.gotten += int64(len(body))
		resp.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	return resp, err
}

// cost is how many calls a Roll, and the look before it, make.
type cost struct{ Reads, Writes int }

func (w *world) countCost(what string, b bucket.Bucket) cost {
	w.Helper()
	m := &meter{next: sim.Transport{Handler: w.server}}
	s := w.openOver(m)
	if _, err := s.Status(w.Context()); err != nil {
		w.Fatal(err)
	}
	look := cost{m.reads, m.writes}
	if err := s.Roll(w.Context(), b); err != nil {
		w.Fatal(err)
	}
	w.Logf("%s: look %v, then a Roll %v; %d bytes sent, %d received", what, look, cost{m.reads - look.Reads, m.writes}, m.sent, m.gotten)
	return cost{m.reads, m.writes}
}

// What a pass costs grows with the keys that change, and not with those that do not.
func TestWhatAPassCosts(t *testing.T) {
	for _, n := range []int{2, 100} {
		w := newWorld(t)
		w.mustRoll(w.manyValues("v1", n, "canary-1"))
		b := w.manyValues("v2", n, "canary-1")
		w.versions["v2"]["N01"] = "canary-2"
		b.Values = secretValues(w.versions["v2"])
		got := []cost{w.countCost(fmt.Sprintf("1 of %d", n), b)}
		b = w.manyValues("v3", n, "canary-3")
		w.clock.Advance(2 * github.DefaultDrain)
		got = append(got, w.countCost(fmt.Sprintf("%d of %d", n, n), b))
		w.clock.Advance(2 * github.DefaultDrain)
		got = append(got, w.countCost(fmt.Sprintf("none of %d", n), b))
		// A look is 2 reads; a Roll that has it makes 1 for the key, and 1 after each 20 writes. The intent, each secret,
		// and the receipt after each 20 are written.
		want := []cost{{2 + 1 + 1, 1 + 1 + 1}, {2 + 1 + (n+19)/20, 1 + n + (n+19)/20}, {2, 0}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d keys: %s", n, diff)
		}
	}
}
