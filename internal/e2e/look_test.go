package e2e

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// TestALookAnswersWhileAPassIsUnderWay looks at the first value that a pass writes, while it waits for the answer: the
// only writer is at work then, and refuses every other invocation.
func TestALookAnswersWhileAPassIsUnderWay(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	host := s.ownRegion().Lambda
	var once sync.Once
	var seen plan.Report
	var lookErr, passErr error
	s.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Caller == s.Env.PropagateFunction() && c.Operation == "PutSecretValue" {
			once.Do(func() {
				seen, lookErr = s.Look(t.Context())
				_, passErr = host.Invoke(t.Context(), s.Env.PropagateFunction(), []byte(`{"dryRun":true,"environment":"production"}`))
			})
		}
		return sim.Fault{}
	})
	s.rotateSource("session")
	s.watchConverged()
	s.Tap.OnCall(nil)
	if lookErr != nil || seen.Environment != "production" || seen.Converged || len(seen.Steps) == 0 {
		t.Errorf("the look: %+v, %v", seen, lookErr)
	}
	busy, is := errors.AsType[*wire.Error](passErr)
	if !is || busy.Code != "TooManyRequestsException" {
		t.Errorf("no pass was under way: %v", passErr)
	}
	s.finishScenario()
}

// TestALookChangesNothing: whatever the look function is invoked with, it asks AWS, GitHub and Vercel for nothing that
// could change something.
func TestALookChangesNothing(t *testing.T) {
	t.Parallel()
	s := openConverged(t, sinks)
	s.rotateSource("session") // there is something to do
	host := s.ownRegion().Lambda
	batch, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": "1", "eventSource": "aws:sqs", "body": `{"rotary":"apply","environment":"production","execution":"1"}`,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for payload, refused := range map[string]bool{`{"dryRun":true,"environment":"production"}`: false, string(batch): true, `{}`: true} {
		s.Tap.Reset()
		result, err := host.Invoke(t.Context(), s.Env.LookFunction(), []byte(payload))
		if err != nil || refused != (result.ErrorType == "Unreadable") || !refused && result.FunctionError != "" {
			t.Errorf("%s: %s %s, %v", payload, result.ErrorType, result.ErrorMessage, err)
		}
		asked := map[string]bool{}
		for _, c := range s.Tap.Calls() { // the clock stands: nobody else calls
			if asked[c.Service] = true; c.Write {
				t.Errorf("%s: a look called %s of %s", payload, c.Operation, c.Service)
			}
		}
		for _, service := range []string{"secretsmanager", "ecs", "github", "vercel"} {
			if asked[service] == refused {
				t.Errorf("%s: it asked %s: %v", payload, service, asked[service])
			}
		}
	}
	s.finishScenario()
}
