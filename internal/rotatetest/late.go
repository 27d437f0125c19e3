package rotatetest

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// race is an older call that comes late, and a newer rotation, of one source.
type race struct {
	*source
	token        string // the newer rotation's
	from         string // what was current when it began
	older, newer func(rotate.Rotator) error
}

// newRace begins an emergency beside an older call.
func newRace(s *source, older func(rotate.Rotator) error) *race {
	from := s.currentID()
	token := s.beginEmergency()
	return &race{source: s, token: token, from: from, older: older, newer: func(r rotate.Rotator) error {
		job := s.openJob()
		job.Rotator = r
		return s.runSteps(job, token)
	}}
}

// testLateSet stops a rotation between createSecret and setSecret. Its setSecret comes late.
func testLateSet(t *testing.T, start func(*testing.T) *source) {
	turns := 0
	superseded := playRaces(t, func(t *testing.T) *race {
		s := startTurned(t, start, &turns)
		first, token := s.currentID(), s.beginRotation()
		s.must(s.runSteps(s.openJob(), token, "createSecret"))
		s.must(s.store.Move(t.Context(), s.Source.Secret, history.AWSPending, "", token))
		change := rotate.Change{Since: s.createdAt(token), Pending: s.readContent(token), Current: s.readContent(first)}
		return newRace(s, func(r rotate.Rotator) error { return r.Set(t.Context(), change) })
	})
	if s := start(t); s.Fenced && superseded == 0 {
		t.Error("no Set that came late was told so")
	}
}

// testLateRetire retires the version whose user an emergency takes for its own version.
func testLateRetire(t *testing.T, start func(*testing.T) *source) {
	turns := 0
	playRaces(t, func(t *testing.T) *race {
		s, back := startRotated(t, func(t *testing.T) *source { return startTurned(t, start, &turns) })
		owed := s.readContent(back.Version)
		end := rotate.End{
			Since: s.createdAt(back.Version), Owed: owed, Current: s.readContent(back.From),
			Others: func(context.Context) ([]rotate.Other, error) { return []rotate.Other{{Values: owed, Live: true}}, nil },
		}
		return newRace(s, func(r rotate.Rotator) error { _, err := r.Retire(t.Context(), end); return err })
	})
}

// startTurned starts a source whose target knows both of two users that take turns: one and the other in turn is
// current.
func startTurned(t *testing.T, start func(*testing.T) *source, turns *int) *source {
	t.Helper()
	s := start(t)
	for range 1 + *turns%2 {
		s.must(s.runChange(&visitor{}, s.beginRotation()))
	}
	*turns++
	return s
}

// playRaces runs the newer rotation at some messages of the older call, the last ones among them, and the older call at
// some messages of the newer rotation. It returns how many older calls failed because they came late.
func playRaces(t *testing.T, start func(*testing.T) *race) (superseded int) {
	t.Helper()
	dry := start(t)
	older, newer := &visitor{}, &visitor{}
	_ = dry.older(dry.Open(older.call))
	_ = dry.newer(dry.Open(newer.call))
	for _, at := range someAndLast(older.calls + 1) {
		r := start(t)
		late, _ := r.interleaveCalls(at, r.older, r.newer)
		superseded += r.checkNewerStands(at, late)
	}
	for _, at := range someAndLast(newer.calls + 1) {
		r := start(t)
		_, late := r.interleaveCalls(at, r.newer, r.older)
		superseded += r.checkNewerStands(at, late)
	}
	return superseded
}

// someAndLast returns some numbers up to n, and the last ones: a call decides in its last messages.
func someAndLast(n int) (all []int) {
	for at := 1; at <= n; at++ {
		if at%8 == 1 || at > n-7 {
			all = append(all, at)
		}
	}
	return all
}

// interleaveCalls runs one call just before the message of another with this number, or after the other one where it
// has fewer messages. A call that waits for the other one goes on while the other one does.
func (r *race) interleaveCalls(at int, outer, inner func(rotate.Rotator) error) (outerErr, innerErr error) {
	var finish func() error
	v := &visitor{at: at}
	v.visit = func() { finish = r.runBeside(inner) }
	outerErr = outer(r.Open(v.call))
	if finish == nil {
		v.visit()
	}
	return outerErr, finish()
}

// runBeside runs a call until it has ended, or waits for somebody. finish waits for its end.
func (r *race) runBeside(call func(rotate.Rotator) error) (finish func() error) {
	done := make(chan error, 1)
	go func() { done <- call(r.Open(func(_ string, do func() error) error { return do() })) }()
	for r.Waits == nil || !r.Waits() {
		select {
		case err := <-done:
			return func() error { return err }
		default:
			runtime.Gosched()
		}
	}
	return func() error { return <-done }
}

// checkNewerStands asks for the newer rotation until it is done, as Secrets Manager does, and checks that its
// credential is accepted: at once at a fenced target, elsewhere after another Set, where Test says that it is refused.
func (r *race) checkNewerStands(at int, late error) (superseded int) {
	r.t.Helper()
	r.must(r.runSteps(r.openJob(), r.token))
	rotator, now := r.openJob().Rotator, r.readContent(r.token)
	err := rotator.Test(r.t.Context(), now)
	if err != nil && (r.Fenced || !errors.Is(err, rotate.ErrNotAccepted)) {
		r.t.Fatalf("the older call came at message %d, and of the newer credential Test says: %v", at, err)
	}
	if err != nil {
		again := rotate.Change{Since: r.createdAt(r.token), Pending: now, Current: r.readContent(r.from)}
		r.must(rotator.Set(r.t.Context(), again))
		r.must(rotator.Test(r.t.Context(), now))
	}
	r.checkCurrentAccepted()
	r.must(r.retireAll(r.openJob()))
	r.checkAlone()
	if r.t.Failed() {
		r.t.Fatalf("the older call came at message %d, and ended with %v", at, late)
	}
	if errors.Is(late, rotate.ErrSuperseded) {
		superseded = 1
	}
	return superseded
}
