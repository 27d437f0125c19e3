package github_test

import (
	"context"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// turns counts who asks for a turn.
type turns struct{ waits, refusals int }

func (p *turns) Wait(context.Context) error { p.waits++; return nil }

func (p *turns) NoteThrottled() { p.refusals++ }

// Each write waits for a turn at the pace that scopes share, and for nothing else; what GitHub refuses for its rate slows
// it.
func TestWritesKeepToTheSharedPace(t *testing.T) {
	w := newWorld(t)
	shared := &turns{}
	open := func() *github.Scope {
		s, err := github.New(w.consumer, w.environment, secret.New(w.token), w.appID, github.URL("https://github.standin"),
			github.Transport(sim.Transport{Handler: w.server}), github.Clock(w.clock.Now, w.recordWait), github.Previous(w.readPrevious), github.Paced(shared))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	b := w.addVersion("v1", map[string]string{"A": "canary-1", "B": "canary-1"})
	refused := false
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Write && !refused {
			refused = true
			return sim.Fault{Outcome: sim.Throttled}
		}
		return sim.Fault{}
	})
	if err := open().Roll(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	w.wantConverged(b)
	if shared.waits != 4 || shared.refusals != 1 { // intent, two secrets, proof
		t.Errorf("%d writes asked for a turn, %d refusals were told", shared.waits, shared.refusals)
	}
	if len(w.waited) != 1 { // before the try after the refusal
		t.Errorf("it waited %v beside", w.waited)
	}
	if err := open().Roll(t.Context(), w.addVersion("v2", map[string]string{"A": "canary-1"})); err != nil {
		t.Fatal(err)
	}
	if shared.waits != 4+3 { // intent, deletion, proof
		t.Errorf("another scope's writes ask elsewhere: %d", shared.waits)
	}
}
