package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const (
	tries   = 5  // of what somebody asks for
	stepsTo = 20 // of one way back, at most
)

// listOperated returns the actions that people carry out with rotary's command line, by name.
func listOperated() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{
		"enter": putThroughRotary, "emergency": rotateInEmergency, "beginemergency": beginEmergency, "beginrollback": beginBack,
		"retain": retainPrevious, "unretain": releaseRetained,
	}
}

// actAsOperator lets somebody's command line work. Its calls are rotary's: faults hit them, and its machine may die.
func (w *World) actAsOperator(do func(o operate.Operator) error) error {
	defer w.now.beginSecond()()
	return do(w.newOperator(operator))
}

// newOperator returns the operator of rotary's command line, with the rights of a person.
func (w *World) newOperator(caller string) operate.Operator {
	return operate.Operator{
		Environment: w.Env, Secrets: store.New(w.region().SecretsManager.Direct(w.Tap, caller)), Rotator: rollbacker{w}, NewID: w.makeID,
	}
}

// rollbacker asks the rotate Lambda for the next step of going back.
type rollbacker struct{ w *World }

func (r rollbacker) Rollback(ctx context.Context, b rotate.Back) (rotate.Progress, error) {
	call := sim.Call{Service: "lambda", Operation: "Invoke", Resource: rotateLambda, Write: true, Caller: operator}
	return sim.Do(r.w.Tap, call, "", func() (rotate.Progress, error) {
		r.w.noteInvocation()
		job, err := r.w.openJob(b.Source)
		if err != nil {
			return rotate.Progress{}, err
		}
		return job.Rollback(ctx, b)
	}, func(o sim.Outcome) error { return fmt.Errorf("no answer from Lambda: %d", o) })
}

// putThroughRotary puts a new value with rotary put.
func putThroughRotary(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	w.Advance(time.Second)
	given := w.makeValues(s)
	if s.Symmetric() != "" { // the new value enters through the second key, and is given as the first
		next := s.Symmetric()
		if s.Random().Next != "" {
			next = s.Random().Next
		}
		given = rotate.Values{s.Random().Key: given[next]}
	}
	return w.actAsOperator(func(o operate.Operator) error {
		change, err := o.NewChange(w.ctx, s, given)
		if err == nil {
			_, err = o.Put(w.ctx, change)
		}
		return err
	})
}

// rotateInEmergency rotates a source past what it owes, as rotary rotate --emergency does, with a deadline or without:
// "emergency db 2h". "again" means that what is under way has leaked too. Where the operator's machine dies, the
// rotation goes on if Secrets Manager was told.
func rotateInEmergency(w *World, args []string) error {
	version, err := w.startEmergency(args)
	if version == "" {
		return err
	}
	if pending, _ := findLabelled(w.peekAt(w.secretName(args)), history.AWSPending); pending.ID != version {
		return err
	}
	return w.runSteps(args[0], version, steps...)
}

// beginEmergency does as rotateInEmergency up to where Secrets Manager has been told.
func beginEmergency(w *World, args []string) error {
	_, err := w.startEmergency(args)
	return err
}

// startEmergency carries out the steps that begin an emergency. A version that is returned with an error may or may not
// have been begun.
func (w *World) startEmergency(args []string) (version string, err error) {
	s, err := w.findSource(args)
	if err != nil {
		return "", err
	}
	again := slices.Contains(args, "again")
	deadline := time.Duration(0)
	for _, arg := range args[1:] {
		if arg == "again" {
			continue
		}
		if deadline, err = time.ParseDuration(arg); err != nil {
			return "", err
		}
	}
	delete(w.now.dead, operator)
	w.Advance(time.Second)
	err = w.actAsOperator(func(o operate.Operator) error {
		e, err := o.FindEmergency(w.ctx, s, deadline, again)
		if err != nil {
			return err
		}
		version = e.Version()
		told := w.noteAnnounced(s, e)
		began, err := o.StartEmergency(w.ctx, e)
		if began != "" {
			version, w.started[s.Name] = began, began
			told.noteVersion(version, e.Until)
		}
		return err
	})
	return version, err
}

// goBack makes the version before current again, as rotary rollback does, and runs it again where it failed; not where
// it is refused, nor when the operator's machine has died. The schedule's passes come meanwhile.
func goBack(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	delete(w.now.dead, operator)
	for range tries {
		if err = w.takeBack(s); err == nil || isFinal(err) || w.now.dead[operator] {
			return err
		}
		w.sweepUntil(w.Clock.Now().Add(sweep))
	}
	return err
}

// beginBack carries out the first step of goBack: then the operator's machine dies.
func beginBack(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	delete(w.now.dead, operator)
	return w.actAsOperator(func(o operate.Operator) error {
		r, err := o.FindRollback(w.ctx, s, "")
		if err == nil {
			_, err = o.StepRollback(w.ctx, r)
		}
		return err
	})
}

// isFinal reports whether it is no use to ask again.
func isFinal(err error) bool {
	_, refused := errors.AsType[*rotate.Refused](err)
	_, theirs := errors.AsType[*operate.Refused](err)
	_, invalid := errors.AsType[*operate.Invalid](err)
	return refused || theirs || invalid || errors.Is(err, errNotNow)
}

// takeBack carries out step after step of a rollback until it is done.
func (w *World) takeBack(s manifest.Source) error {
	var r operate.Rollback
	err := w.actAsOperator(func(o operate.Operator) (err error) {
		r, err = o.FindRollback(w.ctx, s, "")
		return err
	})
	if err != nil {
		return err
	}
	for range stepsTo {
		var p rotate.Progress
		err := w.actAsOperator(func(o operate.Operator) (err error) {
			p, err = o.StepRollback(w.ctx, r)
			return err
		})
		if err != nil {
			return err
		}
		if p.Done {
			w.wentBack(s)
			return nil
		}
		w.sweepUntil(laterOf(p.Until, w.Clock.Now().Add(time.Second)))
	}
	w.noteViolation("L2 a rollback of %s does not come to an end in %d steps", s.Name, stepsTo)
	return nil
}

// sweepUntil runs the schedule's passes until then. While a pass is under way, no other one begins.
func (w *World) sweepUntil(until time.Time) {
	for w.Clock.Now().Before(until) {
		if !w.passing {
			if err := w.runPass(w.ctx); err != nil {
				w.keepText("pass: %v", err)
			}
		}
		w.Advance(min(sweep, until.Sub(w.Clock.Now())))
	}
}

// retainPrevious vetoes the retiring of the version before the current one, as rotary retain does. Its calls meet no
// fault: it is what others do meanwhile that is played.
func retainPrevious(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	previous, some := findLabelled(w.peekAt(s.Secret), history.AWSPrevious)
	if !some {
		return errNotNow
	}
	defer w.openForOthers()()
	o := w.newOperator("person")
	r, err := o.FindRetainable(w.ctx, s, previous.ID, "person")
	if err != nil {
		return err
	}
	if err := o.Retain(w.ctx, r); err != nil {
		return err
	}
	_ = o.NoteRetention(w.ctx, r) // where there is no room for the note, rotary retain warns
	return nil
}

// releaseRetained ends that.
func releaseRetained(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	defer w.openForOthers()()
	o := w.newOperator("person")
	r, err := o.FindRetained(w.ctx, s, "")
	if err != nil {
		return err
	}
	return o.Release(w.ctx, r)
}
