package simulation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Each stranger keeps the login that it has, for as long as it runs or reads; then that dies.
func TestAStrangerKeepsTheLoginThatItHas(t *testing.T) {
	for _, act := range []string{"canary api", "runtask api", "exile api", "direct api"} {
		t.Run(act, func(t *testing.T) {
			w, err := Scenario{Manifest: "main"}.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.Play(MustParse(act + "\nwait 5m\npass\nwait 5m\npass\nrotate db\npass\nwait 10m\npass\nwait 20m\npass\nwait 20m\npass"))
			owed := w.last.Source("db").Owed
			if len(owed) != 1 || !slices.ContainsFunc(owed[0].Blocked, func(wait plan.Wait) bool { return wait.Reason == plan.Stranger }) {
				t.Errorf("db owes %+v", owed)
			}
			w.Play(MustParse("gone\nwait 1m\npass\nwait 20m\npass\nwait 20m\npass"))
			if owed := w.last.Source("db").Owed; len(owed) > 0 || len(w.last.Strangers) > 0 {
				t.Errorf("once it is gone: db owes %+v; strangers %+v", owed, w.last.Strangers)
			}
			w.Finish()
			for _, v := range w.Violations {
				t.Error(v)
			}
		})
	}
}

// The check sees a dead login under a stranger, and not under one that was dismissed.
func TestADeadLoginUnderAStrangerIsAViolationUnlessItWasDismissed(t *testing.T) {
	for _, dismissed := range []bool{false, true} {
		w, err := Scenario{Manifest: "main"}.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.Play(MustParse("canary api\nwait 2m"))
		if dismissed {
			w.Play(MustParse("dismiss ecs:main/api-canary\nrotate db\npass\nwait 20m\npass\nwait 20m\npass\nwait 20m\npass"))
		} else {
			login := w.readSource(w.db.source)[w.db.key]
			w.Play(MustParse("rotate db\npass\nwait 10m\npass"))
			w.Targets.Revoke(stage.Target(w.Env, w.db.key), secret.Reveal(login))
			w.Advance(time.Minute)
			w.checkAll()
		}
		if got := strings.Contains(strings.Join(w.Violations, "\n"), "service api-canary"); got == dismissed {
			t.Errorf("dismissed %v: %v", dismissed, w.Violations)
		}
		if owed := w.last.Source("db").Owed; dismissed && len(owed) > 0 {
			t.Errorf("it owes %+v", owed)
		}
	}
}
