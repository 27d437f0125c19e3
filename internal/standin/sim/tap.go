package sim

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Call is one request that a client made of the stand-in.
type Call struct {
	N         int    // its number in the journal, from 1
	Service   string // secretsmanager, ecs, events, sqs, scheduler, lambda, iam, sts, github, vercel
	Operation string // the vendor's name for it: PutSecretValue, "PUT /repos/{owner}/{repo}/actions/secrets/{name}"
	Account   string // AWS account, where there is one
	Region    string
	Caller    string // who called: a Lambda's name, or "" for anybody else
	Resource  string // what the call was about, as the caller named it; never a value
	Write     bool   // it can change something
	Question  string `json:"-"` // what exactly a read asks, where its answer may be given again as Stale; a write has none
	Status    int    // HTTP status that was sent; 0 where no answer was
	Bytes     int    // size of the request's body
}

// Outcome is the fate of a call.
type Outcome int

// The outcomes a hook can choose.
const (
	Works       Outcome = iota // the zero value: nothing is wrong
	Throttled                  // refused for the rate, nothing done
	Unavailable                // 5xx, nothing done
	Denied                     // no permission, nothing done
	Dropped                    // nothing done, and the connection breaks
	Lost                       // done, but the answer is lost
	Late                       // the connection breaks, and the call is done after Delay
	Stale                      // a read is answered as when it last worked, if that is not longer ago than MaxStale; or else it works
)

// MaxStale is the greatest age of an eventually consistent answer.
const MaxStale = 5 * time.Minute

// Fault is a hook's verdict on one call.
type Fault struct {
	Outcome Outcome
	Delay   time.Duration // for Late
}

// Tap counts, journals and, where a hook wants it, breaks every call. Safe for concurrent use.
type Tap struct {
	clock *Clock

	mu     sync.Mutex
	hook   func(Call) Fault
	done   func(Call)
	calls  []Call
	writes int

	answers map[readKey]staleAnswer // to reads
}

// Noter is a response writer that is told which call it answers, before it is answered: what stands in front of the
// stand-in knows calls by their names so.
type Noter interface{ NoteCall(call Call) }

// NewTap returns a tap on which everything works.
func NewTap(clock *Clock) *Tap { return &Tap{clock: clock} }

// OnCall sets the hook that is asked before each call; nil means that everything works. The hook runs on the
// request's goroutine and may be called concurrently.
func (t *Tap) OnCall(hook func(Call) Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hook = hook
}

// OnDone sets a function to be called after each call was answered, with its Status; nil removes it.
func (t *Tap) OnDone(done func(Call)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = done
}

// Calls returns a copy of the journal since the last Reset, in order.
func (t *Tap) Calls() []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Call(nil), t.calls...)
}

// Writes counts the calls so far that could change something. Reset does not touch it.
func (t *Tap) Writes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes
}

// Reset empties the journal.
func (t *Tap) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = nil
}

// Serve carries out one call as the hook decides. do performs it and writes the answer; the request's body
// must have been read before. refuse writes the vendor's own error for Throttled, Unavailable and Denied.
func (t *Tap) Serve(w http.ResponseWriter, call Call, do func(http.ResponseWriter), refuse func(http.ResponseWriter, Outcome)) {
	call, fault := t.beginCall(call)
	if asking, is := w.(Noter); is {
		asking.NoteCall(call)
	}
	seen := &statusWriter{ResponseWriter: w}
	defer func() { t.endCall(call, seen.status) }()
	switch fault.Outcome {
	case Works:
		do(t.recordAnswer(seen, call))
	case Stale:
		t.replayAnswer(seen, call, do)
	case Dropped:
		panic(http.ErrAbortHandler)
	case Lost:
		do(discardWriter{http.Header{}})
		panic(http.ErrAbortHandler)
	case Late:
		t.clock.After(fault.Delay, "late "+call.Operation, func() { do(discardWriter{http.Header{}}) })
		panic(http.ErrAbortHandler)
	default:
		refuse(seen, fault.Outcome)
	}
}

func (t *Tap) beginCall(call Call) (Call, Fault) {
	if call.Write {
		call.Question = "" // its body holds values
	}
	t.mu.Lock()
	call.N = len(t.calls) + 1
	t.calls = append(t.calls, call)
	if call.Write {
		t.writes++
	}
	hook := t.hook
	t.mu.Unlock()
	if hook == nil {
		return call, Fault{}
	}
	return call, hook(call)
}

func (t *Tap) endCall(call Call, status int) {
	call.Status = status
	t.mu.Lock()
	if call.N <= len(t.calls) {
		t.calls[call.N-1].Status = status
	}
	done := t.done
	t.mu.Unlock()
	if done != nil {
		done(call)
	}
}

// recordAnswer returns a writer that keeps the answer to a read, where its question is known.
func (t *Tap) recordAnswer(w http.ResponseWriter, call Call) http.ResponseWriter {
	if !call.canBeStale() {
		return w
	}
	return &recorder{ResponseWriter: w, tap: t, call: call, status: http.StatusOK}
}

// replayAnswer repeats the last answer to a read, or performs the call where there is none.
func (t *Tap) replayAnswer(w http.ResponseWriter, call Call, do func(http.ResponseWriter)) {
	old := t.recallAnswer(call)
	page, is := old.(httpAnswer)
	if !is {
		do(t.recordAnswer(w, call))
		return
	}
	maps.Copy(w.Header(), page.header)
	w.WriteHeader(page.status)
	_, _ = w.Write(page.body)
}

// httpAnswer is an answer over HTTP.
type httpAnswer struct {
	status int
	header http.Header
	body   []byte
}

type recorder struct {
	http.ResponseWriter
	tap    *Tap
	call   Call
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write keeps the last write: the stand-in's services write each answer in one piece.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == http.StatusOK {
		r.tap.rememberAnswer(r.call, httpAnswer{r.status, r.Header().Clone(), bytes.Clone(b)})
	}
	return r.ResponseWriter.Write(b)
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

type discardWriter struct{ header http.Header }

func (d discardWriter) Header() http.Header         { return d.header }
func (d discardWriter) WriteHeader(int)             {}
func (d discardWriter) Write(b []byte) (int, error) { return io.Discard.Write(b) }
