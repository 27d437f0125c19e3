package simulation

import (
	"slices"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// A role that no manifest has keeps the login that it has read, of the source or of a bucket, for a day or until a person
// dismisses it; then that dies. So does nothing before the trail was read as far as somebody could have read it.
func TestARoleThatHasReadASourceKeepsItsLoginForADay(t *testing.T) {
	for _, act := range []string{"spy db", "spy api"} {
		for _, end := range []string{"wait 24h", "pardon"} {
			t.Run(act+" "+end, func(t *testing.T) {
				w, err := Scenario{Manifest: "watched"}.Open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				w.Play(MustParse(act + "\nrotate db\npass\nwait 10m\npass\nwait 20m\npass\nwait 20m\npass\nwait 6h\npass"))
				owed := w.last.Source("db").Owed
				if len(owed) != 1 || !slices.ContainsFunc(owed[0].Blocked, func(wait plan.Wait) bool { return wait.Reason == plan.Stranger }) {
					t.Errorf("db owes %+v", owed)
				}
				w.Play(MustParse(end + "\npass\nwait 20m\npass"))
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
}
