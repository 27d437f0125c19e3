package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rotary-secrets/rotary/pkg/parallel"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// rollConsumers rolls what is not stuck: the kinds of consumers at the same time, so that no service waits for GitHub's
// pace or Vercel's answers, and the consumers of a kind too, those that the plan names first before the others. Where
// the time does not do for all of them the error says how far it came.
func rollConsumers(ctx, inner context.Context, rolls []plan.Roll, consumers map[string]openConsumer, all *steps) {
	rolls = slices.DeleteFunc(slices.Clone(rolls), func(r plan.Roll) bool { return all.stuck[r.Bucket.Secret] })
	if len(rolls) == 0 || all.stopped != nil {
		return
	}
	var kinds []string
	byKind := map[string][]int{}
	for i, r := range rolls {
		kind := consumers[r.Consumer].kind
		if byKind[kind] == nil {
			kinds = append(kinds, kind)
		}
		byKind[kind] = append(byKind[kind], i)
	}
	errs := make([]error, len(rolls))
	parallel.Gather(ctx, len(kinds), func(_ context.Context, k int) error {
		ofKind := byKind[kinds[k]]
		var over atomic.Bool // none of this kind is begun any more
		parallel.Gather(ctx, len(ofKind), func(_ context.Context, i int) error {
			err := ErrOutOfTime
			if !over.Load() {
				err = rollConsumer(ctx, inner, rolls[ofKind[i]], consumers)
			}
			if isOutOfTime(err) {
				over.Store(true)
			}
			errs[ofKind[i]] = err
			return nil
		})
		return nil
	})
	all.noteRolls(rolls, errs)
}

func rollConsumer(ctx, inner context.Context, r plan.Roll, consumers map[string]openConsumer) error {
	if err := checkTimeLeft(ctx); err != nil {
		return err
	}
	if len(r.Disown) > 0 {
		return disownNames(inner, consumers[r.Consumer].Consumer, r)
	}
	if err := consumers[r.Consumer].Roll(inner, r.Bucket); err != nil {
		return fmt.Errorf("roll %s: %w", r.Consumer, err)
	}
	return nil
}

// isOutOfTime reports whether something was not begun, or was cut off, because the time is over: a turn at a sink's rate
// would have come too late for it.
func isOutOfTime(err error) bool {
	return errors.Is(err, ErrOutOfTime) || errors.Is(err, context.DeadlineExceeded)
}

// noteRolls notes which rolls failed, in the order of the plan, and where the time was not enough for some how many were
// done and with whom the next pass goes on.
func (s *steps) noteRolls(rolls []plan.Roll, errs []error) {
	var left []string
	for i, err := range errs {
		switch {
		case isOutOfTime(err):
			left = append(left, rolls[i].Consumer)
		case err != nil:
			s.failed = append(s.failed, err)
		}
	}
	if len(left) > 0 {
		s.stopped = fmt.Errorf("%w: rolled %d of %d, and it begins with %s",
			ErrOutOfTime, len(rolls)-len(left), len(rolls), nameSome(left))
	}
}

// mostNamed is how many consumers a message names.
const mostNamed = 5

// nameSome lists the first names, and counts the others.
func nameSome(names []string) string {
	if n := len(names) - mostNamed; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), n)
	}
	return strings.Join(names, ", ")
}
