package sim

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

func TestTimersRunInOrderEachAtItsOwnTime(t *testing.T) {
	c := NewClock(start)
	var ran []string
	note := func(name string) func() {
		return func() { ran = append(ran, name+" "+c.Now().Sub(start).String()) }
	}
	c.After(2*time.Second, "late", note("late"))
	c.After(time.Second, "first", note("first"))
	c.After(time.Second, "second", func() {
		note("second")()
		c.After(500*time.Millisecond, "set by second", note("set by second"))
	})
	c.After(time.Second, "stopped", note("stopped")).Stop()
	c.After(time.Hour, "not due", note("not due"))
	c.Advance(3 * time.Second)
	want := []string{"first 1s", "second 1s", "set by second 1.5s", "late 2s"}
	if diff := cmp.Diff(want, ran); diff != "" {
		t.Errorf("timers (-want +got):\n%s", diff)
	}
	if at, name, due := c.Next(); !due || name != "not due" || !at.Equal(start.Add(time.Hour)) {
		t.Errorf("next is %q at %v, due %v", name, at, due)
	}
	if got := c.Now().Sub(start); got != 3*time.Second {
		t.Errorf("the clock stands at %v", got)
	}
}

func TestAPointInThePastMovesNothing(t *testing.T) {
	c := NewClock(start)
	c.AdvanceTo(start.Add(-time.Hour))
	if !c.Now().Equal(start) {
		t.Errorf("the clock stands at %v", c.Now())
	}
}

// What the server did, what the client saw, and what the journal says, for each outcome.
func TestOutcomesOfACall(t *testing.T) {
	for name, c := range map[string]struct {
		outcome Outcome
		done    int // at once
		later   int // and after the delay
		status  int // that the client saw; 0: the connection broke
	}{
		"works":       {Works, 1, 1, http.StatusOK},
		"throttled":   {Throttled, 0, 0, http.StatusTeapot},
		"unavailable": {Unavailable, 0, 0, http.StatusTeapot},
		"denied":      {Denied, 0, 0, http.StatusTeapot},
		"dropped":     {Dropped, 0, 0, 0},
		"lost":        {Lost, 1, 1, 0},
		"late":        {Late, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			clock := NewClock(start)
			tap, done := NewTap(clock), 0
			tap.OnCall(func(Call) Fault { return Fault{Outcome: c.outcome, Delay: time.Minute} })
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				tap.Serve(w, Call{Operation: "Put", Write: true}, func(w http.ResponseWriter) {
					done++
					_, _ = io.WriteString(w, "done")
				}, func(w http.ResponseWriter, _ Outcome) { w.WriteHeader(http.StatusTeapot) })
			})
			status := call(t, handler)
			if status != c.status || done != c.done {
				t.Errorf("the client saw %d and it was done %d times, want %d and %d", status, done, c.status, c.done)
			}
			clock.Advance(time.Minute)
			if calls := tap.Calls(); done != c.later || len(calls) != 1 || calls[0].Status != c.status || tap.Writes() != 1 {
				t.Errorf("done %d times in the end, %d writes, journal %+v", done, tap.Writes(), calls)
			}
		})
	}
}

// call makes one request in memory and returns the status, or 0 where the connection broke.
func call(t *testing.T, handler http.Handler) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://standin/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: Transport{handler}}).Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}
