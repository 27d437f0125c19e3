package simulation

import (
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// A repository of no consumer keeps what its receipt names, once a pass has found it, until it is cleaned or a person
// dismisses it; then that dies.
func TestARepositoryOfNoConsumerKeepsWhatItsReceiptNames(t *testing.T) {
	for _, end := range []string{"gone", "forgive ci"} {
		t.Run(end, func(t *testing.T) {
			w, err := Scenario{Manifest: "watched"}.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.Play(MustParse("stray ci\nwait 61m\npass\nwait 5m\npass\nrotate db\npass\nwait 10m\npass\nwait 20m\npass\nwait 20m\npass\nwait 3h\npass"))
			owed := w.last.Source("db").Owed
			if len(owed) != 1 || !slices.ContainsFunc(owed[0].Blocked, func(wait plan.Wait) bool { return wait.Reason == plan.Stranger }) || !w.stray.named {
				t.Errorf("db owes %+v", owed)
			}
			w.Play(MustParse(end + "\npass\nwait 20m\npass\nwait 20m\npass\nwait 20m\npass"))
			if owed := w.last.Source("db").Owed; len(owed) > 0 {
				t.Errorf("in the end db owes %+v", owed)
			}
			w.Finish()
			for _, v := range w.Violations {
				t.Error(v)
			}
		})
	}
}

// The check sees a dead login under a repository that a pass has named.
func TestADeadLoginUnderANamedRepositoryIsAViolation(t *testing.T) {
	for _, named := range []bool{false, true} {
		w, err := Scenario{Manifest: "watched"}.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		login := w.readSource(w.db.source)[w.db.key]
		w.Play(MustParse("stray ci"))
		if named {
			w.Play(MustParse("wait 61m\npass\npass"))
		}
		w.Play(MustParse("rotate db\npass\nwait 10m\npass"))
		w.Targets.Revoke(stage.Target(w.Env, w.db.key), secret.Reveal(login))
		w.checkAll()
		if got := strings.Contains(strings.Join(w.Violations, "\n"), "repository "+strayRepository); got != named {
			t.Errorf("named %v: %v", named, w.Violations)
		}
	}
}
