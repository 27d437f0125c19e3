package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// Whoever started before the swap may have the version before: it is past since the answer to the swap, not earlier.
func TestAVersionIsPastSinceTheSwap(t *testing.T) {
	b := settled(t)
	old, swapped := b.current("api-dev"), time.Time{}
	b.put("db", `{"DB_URL":"url-2"}`)
	b.interrupt("PutSecretValue", "api-dev", func() {
		b.Advance(time.Minute)
		swapped = b.Clock.Now()
	})
	b.mustRun()
	v := history.Version{Labels: b.labels("api-dev")[old]}
	if past, has := v.TimeOf(history.Past); !has || swapped.IsZero() || past.Before(swapped.Truncate(time.Second)) {
		t.Errorf("the version before carries %q, and was replaced at %s", v.Labels, swapped)
	}
}

// ECS takes what was deregistered for ten minutes more, since then and not since the look.
func TestAVersionIsGoneSinceTheLastConsumerLetItGo(t *testing.T) {
	b := settled(t)
	old, asked := b.current("api-dev"), time.Time{}
	b.put("db", `{"DB_URL":"url-2"}`)
	b.mustRun()
	b.tick()
	b.sinks["zone"].letGo = func() {
		b.sinks["zone"].letGo = nil
		b.Advance(4 * time.Minute)
		asked = b.Clock.Now()
	}
	b.mustRun()
	v := history.Version{Labels: b.labels("api-dev")[old]}
	if gone, has := v.TimeOf(history.Gone); !has || asked.IsZero() || gone.Before(asked.Truncate(time.Second)) {
		t.Errorf("the version before carries %q, and was withdrawn at %s", v.Labels, asked)
	}
}

// The manifest has cron on bucket worker; a revision of its family pins a version of bucket api.
func TestAVersionIsWithdrawnFromWhoeverCouldBeDeployedWithIt(t *testing.T) {
	b := settled(t)
	old := b.current("api-dev")
	b.sinks["cron"].pinned = []string{old}
	b.put("db", `{"DB_URL":"url-2"}`)
	b.converge()
	for name, want := range map[string]bool{"web": true, "zone": true, "cron": true, "jobs": false} {
		if got := slices.Contains(b.sinks[name].withdrawn, old); got != want {
			t.Errorf("withdrawn from %s: %v", name, got)
		}
	}
}
