package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

const manyKinds = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  db: {keys: [DB_URL]}
  tokens: {keys: [GH_TOKEN]}
buckets: {api: {originals: [db]}}
consumers:
`

// slowSink is a consumer whose Roll takes a while.
type slowSink struct {
	*sink
	takes time.Duration
	mu    *sync.Mutex // of all sinks: they share what they note
	done  func(name string)
}

func (s slowSink) Roll(ctx context.Context, b bucket.Bucket) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn: %w", context.DeadlineExceeded)
	case <-time.After(s.takes):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done(s.name)
	return s.sink.Roll(ctx, b)
}

// startKinds sets so many repositories and services up, whose bucket is written and which are not rolled yet; each takes so
// long.
func startKinds(t *testing.T, repositories, services int, takes map[string]time.Duration) (b *bench, rolled func() []string) {
	t.Helper()
	var yaml strings.Builder
	yaml.WriteString(manyKinds)
	for i := range repositories {
		fmt.Fprintf(&yaml, "  a%02d: {bucket: api, github: {repository: example/app%02d, sign_in: {token: GH_TOKEN}}}\n", i, i)
	}
	for i := range services {
		fmt.Fprintf(&yaml, "  s%02d: {bucket: api, ecs: {cluster: main, service: s%02d, container: app}}\n", i, i)
	}
	b = start(t, yaml.String())
	b.put("db", `{"DB_URL":"url"}`)
	b.put("tokens", `{"GH_TOKEN":"token"}`)
	for _, s := range b.sinks {
		s.broken = errors.New("not yet")
	}
	if _, err := b.run(); err == nil { // it writes the bucket
		t.Fatal("the consumers were rolled")
	}
	for _, s := range b.sinks {
		s.broken = nil
	}
	var done []string
	var mu sync.Mutex
	b.pass.Open = func(c manifest.Consumer, _ reconcile.Opening) (reconcile.Consumer, error) {
		return slowSink{b.sinkAt(c), takes[c.Kind()], &mu, func(name string) { done = append(done, name) }}, nil
	}
	return b, func() []string { return done }
}

// Services do not wait for repositories, however many there are and however long they take.
func TestServicesDoNotWaitForGitHub(t *testing.T) {
	b, rolled := startKinds(t, 25, 3, map[string]time.Duration{"github": time.Minute, "ecs": time.Second})
	synctest.Test(t, func(t *testing.T) {
		if _, err := b.pass.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if got := rolled(); len(got) != 28 || !slices.Equal(slices.Sorted(slices.Values(got[:3])), []string{"s00", "s01", "s02"}) {
		t.Errorf("they were rolled in the order %v", got)
	}
}

// A pass that cannot roll all of them rolls those that it can, says how far it came, and the next one does the others.
func TestAPassTellsHowFarItCame(t *testing.T) {
	b, rolled := startKinds(t, 0, 40, map[string]time.Duration{"ecs": 30 * time.Second})
	synctest.Test(t, func(t *testing.T) {
		for pass, want := range []string{"rolled 20 of 40, and it begins with s20, s21, s22, s23, s24 and 15 more", ""} {
			ctx, cancel := context.WithTimeout(t.Context(), reconcile.Margin+50*time.Second)
			_, err := b.pass.Run(ctx)
			cancel()
			if want == "" && err != nil || want != "" && (!errors.Is(err, reconcile.ErrOutOfTime) || !strings.Contains(err.Error(), want)) {
				t.Errorf("pass %d: %v", pass+1, err)
			}
		}
	})
	if n := len(rolled()); n != 40 {
		t.Errorf("%d were rolled", n)
	}
}
