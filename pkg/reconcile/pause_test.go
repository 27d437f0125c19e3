package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// A pause on any one secret holds for the whole environment, and for as long as it says.
func TestAPausedEnvironmentIsOnlyLookedAt(t *testing.T) {
	for _, secret := range []string{"source/dev/db", "api-dev"} {
		b := settled(t)
		b.put("db", `{"DB_URL":"url-2"}`)
		now := b.pass.Store.Now()
		key, value := plan.FormatPause(plan.Pause{Since: now, Until: now.Add(time.Hour), Caller: "ann"})
		if err := b.tag(secret, key, value); err != nil {
			t.Fatal(err)
		}
		n := b.writes(func() {
			for range 3 {
				if report := b.mustRun(); report.Paused == nil || !slices.Contains(doing(report), "write api") || !slices.Contains(reasons(report), "dev paused") {
					t.Errorf("%s: paused %v, it would %q and waits for %q", secret, report.Paused, doing(report), reasons(report))
				}
				b.tick()
			}
		})
		if n != 0 {
			t.Errorf("%s: %d writes while it is paused", secret, n)
		}
		b.Clock.Advance(time.Hour)
		report := b.converge()
		same(t, "what the consumer has when it is over", "url-2", b.values("worker-dev", b.sinks["jobs"].running)["WORKER_DB"])
		if report.Paused != nil {
			t.Errorf("%s: it is still %s", secret, report.Paused)
		}
		if h, err := b.pass.Store.Look(t.Context(), secret); err != nil || h.Tags[key] != "" {
			t.Errorf("%s keeps the tag: %v, %v", secret, h.Tags, err)
		}
	}
}
