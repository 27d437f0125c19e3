package rotate

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Test asks the target of the source whether it accepts a version. It changes nothing. An error means that the version
// could not be read, or that the rotator has no test.
//
//	the version or its target          | the answer
//	-----------------------------------|-----------
//	cannot be read as the source       | refused
//	accepts it                         | accepted
//	refuses it (ErrNotAccepted)        | refused
//	anything else                      | unknown
func (j Job) Test(ctx context.Context, t plan.Test) (plan.Outcome, error) {
	if !j.Source.Rotate.IsTested() {
		return plan.Outcome{}, fmt.Errorf("test version %s of %s: its rotator asks no target",
			history.Short(t.Version), j.Source.Name)
	}
	h, err := j.Store.LookAll(ctx, j.Source.Secret)
	if err != nil {
		return plan.Outcome{}, err
	}
	values, err := j.readVersion(ctx, h, t.Version)
	if _, is := errors.AsType[*malformed](err); is {
		return plan.Outcome{Answer: plan.Refused, Why: err.Error()}, nil
	}
	if err != nil {
		return plan.Outcome{}, err
	}
	switch err := j.Rotator.Test(ctx, values); {
	case err == nil:
		return plan.Outcome{Answer: plan.Accepted}, nil
	case errors.Is(err, ErrNotAccepted):
		return plan.Outcome{Answer: plan.Refused, Why: err.Error()}, nil
	default:
		return plan.Outcome{Answer: plan.Unknown, Why: err.Error()}, nil
	}
}

// newLabels is how many labels a rotation puts at most from its look on, TAKEN among them: AWSPENDING, LIVE, DEADLINE.
const newLabels = 4

// takeVersion puts TAKEN on a version that is about to become current and that the target accepts, where the source
// carries that label. It goes on before AWSCURRENT does, so that no pass meets one without the other; the next pass takes
// it off what was taken before. Without room, that pass asks the target again.
func (j Job) takeVersion(ctx context.Context, h history.History, version string) error {
	v, _ := h.Version(version)
	if _, has := v.Label(history.Taken); has || !j.isTaken(h) || !h.HasRoom(newLabels) {
		return nil
	}
	return j.Store.Move(ctx, h.Secret, h.LabelFor(history.Taken, version), version, "")
}

// isTaken reports whether buckets are computed from what a label of the source names.
func (j Job) isTaken(h history.History) bool {
	return j.Source.Rotate.IsTested() || len(h.Placements(history.Taken)) > 0
}
