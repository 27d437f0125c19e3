package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// A pass that takes longer than history.LookFresh until it retires looks again, and the new look decides.
func TestWhatHappensDuringALongPassIsSeenBeforeItRetires(t *testing.T) {
	for _, tt := range []struct {
		name     string
		deployed bool // the version before, after web was looked at
		retires  bool
	}{
		{"nothing", false, true},
		{"somebody deploys the version before", true, false},
	} {
		b := settled(t)
		old := b.current("api-dev")
		b.put("db", `{"DB_URL":"url-2"}`)
		for !slices.Contains(b.sinks["web"].withdrawn, old) {
			b.mustRun()
			b.tick()
		}
		b.Advance(history.Deregistered)
		b.worked = nil
		b.sinks["cron"].asked = func() { // web has been looked at already
			b.sinks["cron"].asked = nil
			if tt.deployed {
				b.sinks["web"].rolling = old
			}
			b.Advance(history.LookFresh + time.Second)
		}
		b.mustRun()
		if got := slices.Contains(b.worked, "retire db"); got != tt.retires {
			t.Errorf("%s: it did %q", tt.name, b.worked)
		}
	}
}
