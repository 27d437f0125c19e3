package rotatetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

var (
	errKilled = errors.New("killed")
	errFails  = errors.New("no answer")
)

// killer ends a process at one of the calls that it makes of its store and of its rotator: before the call, or when it
// is done and nobody has heard. Every call after that one does nothing.
type killer struct {
	mu    sync.Mutex // a driver cleans up in the background
	at    int        // 0: never
	done  bool
	calls int
	dead  bool
	name  string
	names []string // of the calls, in their order
}

func (k *killer) String() string {
	when := map[bool]string{false: "before", true: "after"}[k.done]
	return fmt.Sprintf("a crash %s call %d of %d (%s)", when, k.at, k.calls, k.name)
}

func (k *killer) call(name string, do func() error) (err error) {
	does, survives := k.makeNextID(name)
	if does {
		err = do() // with the calls that it makes itself
	}
	if survives {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dead = true
	return errKilled
}

// makeNextID reports whether the next call is done, and whether the process hears of it.
func (k *killer) makeNextID(name string) (does, survives bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead {
		return false, false
	}
	k.calls++
	k.names = append(k.names, name)
	if k.calls != k.at {
		return true, true
	}
	k.name = name
	return k.done, false
}

// visitor does something of its own just before one of a process's calls.
type visitor struct {
	at    int // 0: never
	visit func()
	calls int
	name  string
}

func (v *visitor) call(name string, do func() error) error {
	if v.calls++; v.calls == v.at {
		v.name = name
		v.visit()
	}
	return do()
}

// caller comes between a process and the calls that it makes.
type caller interface {
	call(name string, do func() error) error
}

// openThrough returns a job that makes its calls through c: those of its store and of its rotator, and the rotator's of
// its target.
func (s *source) openThrough(c caller) rotate.Job {
	j := s.openJob()
	j.Store, j.Rotator = mortal{j.Store, c}, wrapRotator(s.Open(c.call), c.call)
	return j
}

type mortal struct {
	rotate.Store
	caller
}

func (m mortal) Look(ctx context.Context, name string) (h history.History, err error) {
	err = m.call("Look", func() error { h, err = m.Store.Look(ctx, name); return err })
	return h, err
}

func (m mortal) LookAll(ctx context.Context, name string) (h history.History, err error) {
	err = m.call("LookAll", func() error { h, err = m.Store.LookAll(ctx, name); return err })
	return h, err
}

func (m mortal) Value(ctx context.Context, name, version string) (text secret.Value, has bool, err error) {
	err = m.call("Value", func() error { text, has, err = m.Store.Value(ctx, name, version); return err })
	return text, has, err
}

func (m mortal) Put(ctx context.Context, name, version string, text secret.Value, labels ...string) error {
	return m.call("Put", func() error { return m.Store.Put(ctx, name, version, text, labels...) })
}

func (m mortal) Move(ctx context.Context, name, label, to, from string) error {
	return m.call("Move "+label, func() error { return m.Store.Move(ctx, name, label, to, from) })
}

// recorder notes the writes in their order, and fails those of one label.
type recorder struct {
	rotate.Store
	did   []string
	fails string
}

func (r *recorder) Put(ctx context.Context, name, version string, text secret.Value, labels ...string) error {
	r.did = append(r.did, "put "+strings.Join(labels, " "))
	return r.Store.Put(ctx, name, version, text, labels...)
}

func (r *recorder) Move(ctx context.Context, name, label, to, from string) error {
	if label == r.fails {
		return errFails
	}
	what := "move "
	if to == "" {
		what = "off "
	}
	r.did = append(r.did, what+label)
	return r.Store.Move(ctx, name, label, to, from)
}

// noteRetirements notes a rotator's retirements among the writes.
func noteRetirements(r rotate.Rotator, in *recorder) rotate.Rotator {
	return wrapRotator(r, func(name string, do func() error) error {
		in.did = append(in.did, strings.ToLower(name))
		return do()
	})
}

// wrapRotator puts around into every call of a rotator. It stays Identified and Unrepeatable if it was.
func wrapRotator(r rotate.Rotator, around Calls) rotate.Rotator {
	w := wrapped{r, around}
	identified, is := r.(rotate.Identified)
	once, unrepeatable := r.(rotate.Unrepeatable)
	switch {
	case is && unrepeatable:
		return struct {
			wrapped
			rotate.Identified
			rotate.Unrepeatable
		}{w, identified, once}
	case is:
		return struct {
			wrapped
			rotate.Identified
		}{w, identified}
	case unrepeatable:
		return struct {
			wrapped
			rotate.Unrepeatable
		}{w, once}
	}
	return w
}

type wrapped struct {
	rotate.Rotator
	around Calls
}

func (w wrapped) Create(ctx context.Context, s rotate.Start) (next rotate.Values, err error) {
	err = w.around("Create", func() error { next, err = w.Rotator.Create(ctx, s); return err })
	return next, err
}

func (w wrapped) Set(ctx context.Context, c rotate.Change) error {
	return w.around("Set", func() error { return w.Rotator.Set(ctx, c) })
}

func (w wrapped) Test(ctx context.Context, pending rotate.Values) error {
	return w.around("Test", func() error { return w.Rotator.Test(ctx, pending) })
}

func (w wrapped) Retire(ctx context.Context, e rotate.End) (next rotate.Values, err error) {
	err = w.around("Retire", func() error { next, err = w.Rotator.Retire(ctx, e); return err })
	return next, err
}
