package simulation

import (
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// impatience is for how long an impatient person asks: longer than any rollback takes.
const impatience = 15 * time.Minute

// rollBackImpatiently goes back to what AWSPREVIOUS is on, as a person who does not wait for what they are told to wait
// for: they ask three times at once, and then twice in every minute until it is done or refused.
func rollBackImpatiently(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	delete(w.now.dead, operator)
	b, err := w.chooseBack(s)
	if err != nil {
		return err
	}
	for end := w.Clock.Now().Add(impatience); w.Clock.Now().Before(end); w.Advance(time.Minute) {
		for range 3 {
			p, err := w.askBack(b)
			if err != nil {
				w.checkGivenUp(s, b)
			}
			if err != nil || p.Done {
				return err
			}
		}
	}
	w.noteViolation("L2 a rollback of %s does not come to an end within %s, however often it is asked for", s.Name, impatience)
	return nil
}

// chooseBack returns the way back to what carries ROLLBACK, or else AWSPREVIOUS. Whether that may be current again is
// for the rotate Lambda to say: an impatient person does not look.
func (w *World) chooseBack(s manifest.Source) (rotate.Back, error) {
	versions := w.peekAt(s.Secret)
	current, _ := findLabelled(versions, history.AWSCurrent)
	to, begun := findLabelled(versions, history.Rollback)
	if !begun {
		to, _ = findLabelled(versions, history.AWSPrevious)
	}
	if to.ID == "" || to.ID == current.ID {
		return rotate.Back{}, errNotNow
	}
	return rotate.Back{Source: s.Name, Version: to.ID, From: current.ID}, nil
}

// askBack invokes the rotate Lambda for a step back. It checks what the answer must mean: that a version which is
// current again is one whose credential nobody has retired.
func (w *World) askBack(b rotate.Back) (rotate.Progress, error) {
	defer w.now.beginSecond()()
	call := sim.Call{Service: "lambda", Operation: "Invoke", Resource: rotateLambda, Write: true, Caller: operator}
	return sim.Do(w.Tap, call, "", func() (rotate.Progress, error) {
		w.noteInvocation()
		job, err := w.openJob(b.Source)
		if err != nil {
			return rotate.Progress{}, err
		}
		was, _ := findLabelled(w.peekAt(job.Source.Secret), history.AWSCurrent)
		p, err := job.Rollback(w.ctx, b)
		w.checkRevived(job.Source, was.ID, b.Version)
		return p, err
	}, func(o sim.Outcome) error { return fmt.Errorf("no answer from Lambda: %d", o) })
}

// checkGivenUp checks that a rollback over which somebody has put a version vetoes nothing any more.
func (w *World) checkGivenUp(s manifest.Source, b rotate.Back) {
	versions := w.peekAt(s.Secret)
	current, _ := findLabelled(versions, history.AWSCurrent)
	left, begun := findLabelled(versions, history.Rollback)
	if begun && left.ID == b.Version && current.ID != b.From && current.ID != b.Version {
		w.noteViolation("L2 ROLLBACK stays on version %s of %s, and nobody goes back to it", history.Short(b.Version), s.Name)
	}
}

// checkRevived checks that a version which has just become current carries LIVE, and is accepted where a database
// tells.
func (w *World) checkRevived(s manifest.Source, was, version string) {
	v, _ := findLabelled(w.peekAt(s.Secret), history.AWSCurrent)
	if v.ID != version || was == version {
		return
	}
	if _, live := (history.Version{ID: v.ID, Labels: v.Labels}).Label(history.Live); !live {
		w.noteViolation("S4 version %s of %s is current again, and its credential is retired", history.Short(version), s.Name)
	}
	if d := w.databases[s.Name]; d != nil && !d.acceptsLogin(readContent(s, v.Value)) {
		w.noteViolation("S1 version %s of %s is current again, and the database refuses it", history.Short(version), s.Name)
	}
}
