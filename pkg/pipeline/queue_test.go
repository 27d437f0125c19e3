package pipeline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/pipeline/queue"
)

func request(kind, execution string) event.Request {
	return event.Request{Rotary: kind, Environment: "dev", Execution: execution}
}

func TestAskPutsARequestIntoTheEnvironmentsGroup(t *testing.T) {
	w := newWorld(t)
	w.queue()
	ask := request("apply", "1")
	ask.AcceptRemovals = []string{"A", "B"}
	if err := queue.AskForPass(t.Context(), w.env, w.sqs(), ask); err != nil {
		t.Fatal(err)
	}
	got := w.received()
	if diff := cmp.Diff([]string{`dev {"rotary":"apply","environment":"dev","execution":"1","acceptRemovals":["A","B"]}`}, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	_, body, _ := strings.Cut(got[0], " ")
	wake, err := event.Read(w.env, []byte(body))
	if err != nil || wake.Why != "apply" || len(wake.AcceptRemovals) != 2 {
		t.Errorf("event.Read of it gives %+v, %v", wake, err)
	}
}

func TestEachAskIsAMessageOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.queue()
	for _, execution := range []string{"1", "2", "2"} {
		if err := queue.AskForPass(t.Context(), w.env, w.sqs(), request("apply", execution)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.received(); len(got) != 2 {
		t.Errorf("%d messages of two executions: %v", len(got), got)
	}
}

func TestAskWithoutAQueueIsErrNotDeployed(t *testing.T) {
	w := newWorld(t)
	err := queue.AskForPass(t.Context(), w.env, w.sqs(), request("apply", "1"))
	if !errors.Is(err, pipeline.ErrNotDeployed) || !strings.Contains(err.Error(), "rotary-dev.fifo") {
		t.Errorf("error is %v", err)
	}
	w.queue()
	for _, operation := range []string{"GetQueueUrl", "SendMessage"} {
		w.refuse(operation, sim.Denied)
		err := queue.AskForPass(t.Context(), w.env, w.sqs(), request("apply", "1"))
		if err == nil || errors.Is(err, pipeline.ErrNotDeployed) || !strings.Contains(err.Error(), "rotary-dev.fifo") {
			t.Errorf("%s denied: %v", operation, err)
		}
	}
}

// TestAgainSendsTheRequestOnceAtItsTime creates the schedule, moves it twice, and lets it pass.
func TestAgainSendsTheRequestOnceAtItsTime(t *testing.T) {
	w := newWorld(t)
	w.queue()
	start := w.Clock.Now()
	for i, after := range []time.Duration{time.Hour, 10 * time.Minute, 30*time.Minute + 400*time.Millisecond} {
		if err := w.schedule().Again(t.Context(), start.Add(after), request("again", string(rune('a'+i)))); err != nil {
			t.Fatal(err)
		}
	}
	w.AdvanceTo(start.Add(30*time.Minute + 400*time.Millisecond))
	if got := w.received(); len(got) > 0 {
		t.Errorf("at its time, to the part of a second, there is already %v", got)
	}
	w.Advance(2 * time.Second)
	if diff := cmp.Diff([]string{`dev {"rotary":"again","environment":"dev","execution":"c"}`},
		w.received()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	w.Advance(2 * time.Hour)
	if got := w.received(); len(got) > 0 {
		t.Errorf("an appointment that was replaced is kept: %v", got)
	}
	w.Tap.Reset()
	if err := w.schedule().Again(t.Context(), w.Clock.Now().Add(time.Minute), request("again", "d")); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Tap.Calls()); n != 1 {
		t.Errorf("the next appointment takes %d calls", n)
	}
	w.Advance(2 * time.Minute)
	if got := w.received(); len(got) != 1 {
		t.Errorf("the next appointment gives %v", got)
	}
}

func TestAgainIsRepeatable(t *testing.T) {
	w := newWorld(t)
	w.queue()
	at := w.Clock.Now().Add(time.Minute)
	for range 3 {
		if err := w.schedule().Again(t.Context(), at, request("again", "1")); err != nil {
			t.Fatal(err)
		}
	}
	w.Advance(5 * time.Minute)
	if got := w.received(); len(got) != 1 {
		t.Errorf("messages: %v", got)
	}
}

func TestAgainSaysForWhenItFailed(t *testing.T) {
	w := newWorld(t)
	w.queue()
	at := w.Clock.Now().Add(time.Minute)
	w.refuse("CreateSchedule", sim.Denied)
	if err := w.schedule().Again(t.Context(), at, request("again", "1")); err == nil ||
		!strings.Contains(err.Error(), "schedule another pass at 2026-01-05T09:01:00Z") {
		t.Errorf("error is %v", err)
	}
	w.Tap.OnCall(nil)
	if err := w.schedule().Again(t.Context(), at, request("again", "1")); err != nil {
		t.Fatal(err)
	}
	w.refuse("UpdateSchedule", sim.Unavailable)
	if err := w.schedule().Again(t.Context(), at, request("again", "1")); err == nil ||
		!strings.Contains(err.Error(), "schedule another pass") {
		t.Errorf("error is %v", err)
	}
}
