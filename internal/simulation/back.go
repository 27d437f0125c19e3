package simulation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const (
	tries    = 5  // of what somebody asks for
	stepsTo  = 20 // of one way back, at most
	noSource = "there is no version to go back to"
)

// command lets somebody's command line work. Its calls are rotary's: faults hit them, and its machine may die.
func (w *World) command(do func(client *secretsmanager.Direct, st *store.Store) error) error {
	defer w.now.second()()
	client := w.region().SecretsManager.Direct(w.Tap, operator)
	return do(client, store.New(client))
}

// goBack is a person who makes the version before current again, as rotary rollback does, and runs it again where it
// failed; not where it is refused, nor when their machine has died. The schedule's passes come meanwhile.
func goBack(w *World, args []string) error {
	s, err := w.source(args)
	if err != nil {
		return err
	}
	delete(w.now.dead, operator)
	for range tries {
		if err = w.retreat(s); err == nil || final(err) || w.now.dead[operator] {
			return err
		}
		w.sweepUntil(w.Clock.Now().Add(sweep))
	}
	return err
}

// beginBack is the first step of that: then their machine dies.
func beginBack(w *World, args []string) error {
	s, err := w.source(args)
	if err != nil {
		return err
	}
	delete(w.now.dead, operator)
	b, err := w.wayBack(s)
	if err == nil {
		_, err = w.stepBack(b)
	}
	return err
}

// final says whether it is no use to ask again.
func final(err error) bool {
	_, refused := errors.AsType[*rotate.Refused](err)
	return refused || errors.Is(err, errNotNow)
}

// retreat asks for step after step until it is done.
func (w *World) retreat(s manifest.Source) error {
	b, err := w.wayBack(s)
	if err != nil {
		return err
	}
	for range stepsTo {
		p, err := w.stepBack(b)
		if err != nil {
			return err
		}
		if p.Done {
			w.wentBack(s)
			return nil
		}
		w.sweepUntil(later(p.Until, w.Clock.Now().Add(time.Second)))
	}
	w.violate("L2 a rollback of %s does not come to an end in %d steps", s.Name, stepsTo)
	return nil
}

// wayBack decides what is gone back to: what somebody has begun to go back to, or else what AWSPREVIOUS is on.
func (w *World) wayBack(s manifest.Source) (b rotate.Back, err error) {
	err = w.command(func(_ *secretsmanager.Direct, st *store.Store) error {
		h, err := st.Look(w.ctx, s.Secret)
		if err != nil {
			return err
		}
		current, _ := h.Current()
		b = rotate.Back{Source: s.Name, From: current.ID}
		if holder, begun := h.Labelled(history.Rollback); begun {
			b.Version = holder.ID
			return nil
		}
		previous, some := h.Labelled(history.AWSPrevious)
		if b.Version = previous.ID; !some || !slices.ContainsFunc(h.Owed(), func(v history.Version) bool { return v.ID == previous.ID }) {
			return fmt.Errorf("%s: %w", noSource, errNotNow)
		}
		return nil
	})
	return b, err
}

// stepBack asks the rotate Lambda for the next step.
func (w *World) stepBack(b rotate.Back) (rotate.Progress, error) {
	defer w.now.second()()
	call := sim.Call{Service: "lambda", Operation: "Invoke", Resource: rotateLambda, Write: true, Caller: operator}
	return sim.Do(w.Tap, call, "", func() (rotate.Progress, error) {
		w.invoked()
		job, err := w.job(b.Source)
		if err != nil {
			return rotate.Progress{}, err
		}
		return job.Rollback(w.ctx, b)
	}, func(o sim.Outcome) error { return fmt.Errorf("no answer from Lambda: %d", o) })
}

// sweepUntil lets the schedule's passes come until then. While a pass is under way, no other one begins.
func (w *World) sweepUntil(until time.Time) {
	for w.Clock.Now().Before(until) {
		if !w.passing {
			if err := w.pass(w.ctx); err != nil {
				w.tell("pass: %v", err)
			}
		}
		w.Advance(min(sweep, until.Sub(w.Clock.Now())))
	}
}
