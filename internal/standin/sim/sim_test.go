package sim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
			status := sendInMemory(t, handler)
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

// counter is a service whose reads answer how often it was written to. step makes one call of it, read or write, in
// some account, and returns what the client saw, or "" where that was no answer.
type counter struct {
	clock *Clock
	tap   *Tap
	n     int
}

func newCounter() *counter {
	clock := NewClock(start)
	return &counter{clock: clock, tap: NewTap(clock)}
}

func (c *counter) do(write bool) string {
	if write {
		c.n++
		return "written"
	}
	return fmt.Sprint(c.n)
}

func (c *counter) callOverHTTP(t *testing.T, call Call) string {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.tap.Serve(w, call, func(w http.ResponseWriter) {
			w.Header().Set("X-Count", fmt.Sprint(c.n))
			_, _ = io.WriteString(w, c.do(call.Write))
		}, func(w http.ResponseWriter, _ Outcome) { w.WriteHeader(http.StatusTeapot) })
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://standin/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: Transport{handler}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	if header := resp.Header.Get("X-Count"); !call.Write && header != string(text) {
		t.Errorf("the header says %q and the body %q", header, text)
	}
	return string(text)
}

func (c *counter) callDirectly(t *testing.T, call Call) string {
	out, err := Do(c.tap, call, call.Question, func() (string, error) { return c.do(call.Write), nil }, func(Outcome) error { return errors.New("refused") })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A read may be answered as it was when it last worked; a write is always done, and none of its answers is given again.
func TestStaleAnswers(t *testing.T) {
	read, write := Call{Operation: "Get", Question: "how many"}, Call{Operation: "Put", Question: "how many", Write: true}
	other, elsewhere, vague := read, read, read
	other.Question, elsewhere.Account, vague.Question = "how much", "222222222222", ""
	type step struct {
		wait    time.Duration
		call    Call
		outcome Outcome
		want    string
	}
	for name, steps := range map[string][]step{
		"as the last time": {
			{0, read, Works, "0"}, {0, write, Works, "written"}, {0, read, Stale, "0"}, {0, read, Works, "1"}, {0, read, Stale, "1"},
		},
		"works where it was never asked":       {{0, write, Works, "written"}, {0, read, Stale, "1"}},
		"and that is an answer":                {{0, read, Stale, "0"}, {0, write, Works, "written"}, {0, read, Stale, "0"}},
		"another question":                     {{0, read, Works, "0"}, {0, write, Works, "written"}, {0, other, Stale, "1"}},
		"another account":                      {{0, read, Works, "0"}, {0, write, Works, "written"}, {0, elsewhere, Stale, "1"}},
		"a read without a question":            {{0, vague, Works, "0"}, {0, write, Works, "written"}, {0, vague, Stale, "1"}},
		"until MaxStale has passed":            {{0, read, Works, "0"}, {0, write, Works, "written"}, {MaxStale, read, Stale, "0"}},
		"and not for longer":                   {{0, read, Works, "0"}, {0, write, Works, "written"}, {MaxStale + 1, read, Stale, "1"}},
		"its age counts from when it was true": {{0, read, Works, "0"}, {0, write, Works, "written"}, {MaxStale, read, Stale, "0"}, {1, read, Stale, "1"}},
		"a write is done":                      {{0, read, Works, "0"}, {0, write, Stale, "written"}, {0, read, Works, "1"}},
		"and never remembered":                 {{0, write, Works, "written"}, {0, read, Stale, "1"}, {0, write, Stale, "written"}, {0, read, Works, "2"}},
	} {
		for way, step := range map[string]func(*counter, *testing.T, Call) string{"HTTP": (*counter).callOverHTTP, "directly": (*counter).callDirectly} {
			t.Run(name+" "+way, func(t *testing.T) {
				c := newCounter()
				for i, s := range steps {
					c.clock.Advance(s.wait)
					c.tap.OnCall(func(Call) Fault { return Fault{Outcome: s.outcome} })
					if got := step(c, t, s.call); got != s.want {
						t.Errorf("step %d: the answer is %q, want %q", i+1, got, s.want)
					}
				}
				if calls := c.tap.Calls(); len(calls) != len(steps) || calls[len(calls)-1].Status != http.StatusOK {
					t.Errorf("journal: %+v", calls)
				}
			})
		}
	}
}

// An answer that was no 200, or no answer at all, is not given again.
func TestFailuresAreNotRemembered(t *testing.T) {
	clock := NewClock(start)
	tap := NewTap(clock)
	ask := func(answer int, result error) int {
		out, _ := Do(tap, Call{}, "q", func() (int, error) { return answer, result }, func(Outcome) error { return nil })
		return out
	}
	ask(0, errors.New("not found"))
	tap.OnCall(func(Call) Fault { return Fault{Outcome: Stale} })
	if got := ask(1, nil); got != 1 {
		t.Errorf("directly, after a failure: %d", got)
	}

	status := http.StatusNotFound
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tap.Serve(w, Call{Question: "over HTTP"}, func(w http.ResponseWriter) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "{}")
		}, nil)
	})
	first := sendInMemory(t, handler)
	status = http.StatusOK
	if second := sendInMemory(t, handler); first != http.StatusNotFound || second != http.StatusOK {
		t.Errorf("over HTTP: first %d, then %d", first, second)
	}
}

// Do gives a direct client what Serve gives one over HTTP.
func TestOutcomesOfADirectCall(t *testing.T) {
	refused, failed := errors.New("refused"), errors.New("failed")
	for name, c := range map[string]struct {
		outcome Outcome
		fails   error // what doing it answers
		done    int   // at once
		later   int   // and after the delay
		err     error // that the client sees
		status  int   // in the journal
	}{
		"works":       {Works, nil, 1, 1, nil, 200},
		"fails":       {Works, failed, 1, 1, failed, 400},
		"throttled":   {Throttled, nil, 0, 0, refused, 400},
		"unavailable": {Unavailable, nil, 0, 0, refused, 400},
		"denied":      {Denied, nil, 0, 0, refused, 400},
		"dropped":     {Dropped, nil, 0, 0, ErrBroken, 0},
		"lost":        {Lost, nil, 1, 1, ErrBroken, 0},
		"late":        {Late, nil, 0, 1, ErrBroken, 0},
		"stale":       {Stale, nil, 1, 1, nil, 200}, // a write is never stale
	} {
		t.Run(name, func(t *testing.T) {
			clock := NewClock(start)
			tap, done, reason := NewTap(clock), 0, Works
			tap.OnCall(func(Call) Fault { return Fault{Outcome: c.outcome, Delay: time.Minute} })
			out, err := Do(tap, Call{Operation: "Put", Write: true}, "question",
				func() (string, error) { done++; return "done", c.fails },
				func(o Outcome) error { reason = o; return refused })
			if !errors.Is(err, c.err) || done != c.done || (out == "done") != (c.status == 200 || c.fails != nil) {
				t.Errorf("the client saw %q, %v and it was done %d times, want %v and %d", out, err, done, c.err, c.done)
			}
			if c.err == refused && reason != c.outcome { //nolint:errorlint // the very one above
				t.Errorf("refused as outcome %d, want %d", reason, c.outcome)
			}
			clock.Advance(time.Minute)
			if calls := tap.Calls(); done != c.later || len(calls) != 1 || calls[0].Status != c.status || tap.Writes() != 1 {
				t.Errorf("done %d times in the end, %d writes, journal %+v", done, tap.Writes(), calls)
			}
		})
	}
}

// sendInMemory makes one request in memory and returns the status, or 0 where the connection broke.
func sendInMemory(t *testing.T, handler http.Handler) int {
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

func TestTheJournalKeepsNothingOfWhatAWriteSays(t *testing.T) {
	tap := NewTap(NewClock(time.Unix(0, 0)))
	for _, call := range []Call{{Operation: "Put", Write: true}, {Operation: "Get"}} {
		if _, err := Do(tap, call, "a body", func() (int, error) { return 0, nil }, nil); err != nil {
			t.Fatal(err)
		}
	}
	if calls := tap.Calls(); calls[0].Question != "" || calls[1].Question != "a body" {
		t.Errorf("the write is journaled with %d bytes of its body, the read with %d", len(calls[0].Question), len(calls[1].Question))
	}
}

// noter is a response writer that keeps the call it answers.
type noter struct {
	http.ResponseWriter
	noted Call
}

func (n *noter) NoteCall(c Call) { n.noted = c }

func TestAWriterIsToldWhichCallItAnswers(t *testing.T) {
	tap := NewTap(NewClock(start))
	w := &noter{ResponseWriter: httptest.NewRecorder()}
	tap.OnCall(func(Call) Fault { return Fault{Outcome: Throttled} })
	tap.Serve(w, Call{Service: "ecs", Operation: "UpdateService", Resource: "api", Write: true, Question: "x"},
		func(http.ResponseWriter) { t.Error("it is done though it is refused") },
		func(http.ResponseWriter, Outcome) {
			if w.noted.Operation != "UpdateService" {
				t.Error("it is refused before it is named")
			}
		})
	if w.noted.Service != "ecs" || w.noted.Resource != "api" || w.noted.N != 1 || w.noted.Question != "" {
		t.Errorf("noted %+v", w.noted)
	}
}
