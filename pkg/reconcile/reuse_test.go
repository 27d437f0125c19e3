package reconcile

import (
	"testing"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// What can be done again may follow from a look that has reused lists; what ends something, or asks a target, may not. From
// reused buckets nothing follows.
func TestWhatMayFollowFromWhatIsReused(t *testing.T) {
	for name, c := range map[string]struct {
		plan  plan.Plan
		lists bool
	}{
		"nothing":  {plan.Plan{}, true},
		"marks":    {plan.Plan{Marks: make([]plan.Mark, 1)}, true},
		"writes":   {plan.Plan{Writes: make([]plan.Write, 1)}, true},
		"rolls":    {plan.Plan{Rolls: make([]plan.Roll, 1)}, true},
		"tags":     {plan.Plan{Tags: make([]plan.Tag, 1)}, true},
		"tests":    {plan.Plan{Tests: make([]plan.Asked, 1)}, false},
		"confirms": {plan.Plan{Confirms: make([]plan.Confirm, 1)}, false},
		"withdraw": {plan.Plan{Withdrawals: make([]plan.Withdrawal, 1)}, false},
		"drops":    {plan.Plan{Drops: make([]plan.Mark, 1)}, false},
		"advances": {plan.Plan{Advances: make([]plan.Advance, 1)}, false},
	} {
		if got := mayReuse(c.plan, false); got != c.lists {
			t.Errorf("%s: from reused lists %v, want %v", name, got, c.lists)
		}
		if got := mayReuse(c.plan, true); got != (name == "nothing") {
			t.Errorf("%s: from reused buckets %v", name, got)
		}
	}
}
