package reconcile_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// TestEveryFollowIsToldOnceWhenItsWithdrawalsAreDone: two sources change, one consumer clings to its version for a while.
func TestEveryFollowIsToldOnceWhenItsWithdrawalsAreDone(t *testing.T) {
	b := settled(t)
	var told []string
	b.pass.Followed = func(f plan.Follow) {
		if f.At.After(b.Clock.Now()) || len(f.After) == 0 {
			t.Errorf("%s followed at %v, after %v", f.Source, f.At, f.After)
		}
		told = append(told, f.Source+" "+f.Version)
	}
	old := b.current("source/dev/db")
	b.sinks["web"].clinging = errors.New("somebody has started on it")
	b.put("db", `{"DB_URL":"url-2"}`)
	for range 6 {
		_, _ = b.run() // lagging
		b.tick()
	}
	if len(told) > 0 {
		t.Errorf("told before the withdrawal: %q", told)
	}
	b.sinks["web"].clinging = nil
	b.pass.DryRun = true
	b.mustRun()
	b.pass.DryRun = false
	if len(told) > 0 {
		t.Errorf("told by a look: %q", told)
	}
	b.converge()
	if want := []string{"db " + old}; !slices.Equal(want, told) {
		t.Errorf("told are %q, want %q", told, want)
	}
}
