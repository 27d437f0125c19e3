package sim

import (
	"errors"
	"time"
)

// ErrBroken is what a client sees of a connection that broke.
var ErrBroken = errors.New("the connection broke")

// Do carries out one call of a client that reaches the stand-in directly, without HTTP, as the hook decides: what
// Serve does for a request. do performs it; refuse makes the vendor's own error for Throttled, Unavailable and Denied.
// question tells apart what Stale may answer of: two calls with the same question ask for the same thing.
func Do[Out any](t *Tap, call Call, question string, do func() (Out, error), refuse func(Outcome) error) (out Out, err error) {
	call, fault := t.begin(call)
	defer func() { t.end(call.N, status(err)) }()
	switch fault.Outcome {
	case Works:
		out, err = do()
		if err == nil && !call.Write {
			t.remember(question, out)
		}
		return out, err
	case Stale:
		if old, some := t.recall(question); some {
			return old.(Out), nil
		}
		return do()
	case Dropped:
		return out, ErrBroken
	case Lost:
		_, _ = do()
		return out, ErrBroken
	case Late:
		t.clock.After(fault.Delay, "late "+call.Operation, func() { _, _ = do() })
		return out, ErrBroken
	default:
		return out, refuse(fault.Outcome)
	}
}

func status(err error) int {
	switch {
	case err == nil:
		return 200
	case errors.Is(err, ErrBroken):
		return 0
	}
	return 400
}

// answered is what a read was answered.
type answered struct {
	at  time.Time
	out any
}

func (t *Tap) remember(question string, out any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answers == nil {
		t.answers = map[string]answered{}
	}
	t.answers[question] = answered{t.clock.Now(), out}
}

// recall returns the last answer to a question, if it is not older than MaxStale.
func (t *Tap) recall(question string) (out any, some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, some := t.answers[question]
	return a.out, some && t.clock.Now().Sub(a.at) <= MaxStale
}
