package sim

import (
	"errors"
	"time"
)

// ErrBroken is a client's error for a connection that broke.
var ErrBroken = errors.New("the connection broke")

// Do carries out one call of a client that reaches the stand-in directly, without HTTP, as the hook decides: what
// Serve does for a request. do performs it; refuse makes the vendor's own error for Throttled, Unavailable and Denied.
// question identifies the answer that Stale may repeat: two calls with the same question ask for the same thing, and
// have the same Out. With "" nothing is answered again.
func Do[Out any](t *Tap, call Call, question string, do func() (Out, error), refuse func(Outcome) error) (out Out, err error) {
	call.Question = question
	call, fault := t.beginCall(call)
	defer func() { t.endCall(call, statusOf(err)) }()
	switch fault.Outcome {
	case Works:
		return performCall(t, call, do)
	case Stale:
		old := t.recallAnswer(call)
		if out, is := old.(Out); is {
			return out, nil
		}
		return performCall(t, call, do)
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

// performCall performs a call, and keeps the answer to a read.
func performCall[Out any](t *Tap, call Call, do func() (Out, error)) (Out, error) {
	out, err := do()
	if err == nil && call.canBeStale() {
		t.rememberAnswer(call, out)
	}
	return out, err
}

func statusOf(err error) int {
	switch {
	case err == nil:
		return 200
	case errors.Is(err, ErrBroken):
		return 0
	}
	return 400
}

// readKey identifies a read; the same question can be asked of several accounts.
type readKey struct{ service, account, region, question string }

func (c Call) readKey() readKey { return readKey{c.Service, c.Account, c.Region, c.Question} }

// staleAnswer is the answer to a read, with its time.
type staleAnswer struct {
	at  time.Time
	out any
}

func (t *Tap) rememberAnswer(call Call, out any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answers == nil {
		t.answers = map[readKey]staleAnswer{}
	}
	t.answers[call.readKey()] = staleAnswer{t.clock.Now(), out}
}

// recallAnswer returns the last answer to a read, if it is not older than MaxStale, and nil otherwise.
func (t *Tap) recallAnswer(call Call) (out any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, some := t.answers[call.readKey()]
	if !some || !call.canBeStale() || t.clock.Now().Sub(a.at) > MaxStale {
		return nil
	}
	return a.out
}

func (c Call) canBeStale() bool { return c.Question != "" && !c.Write }
