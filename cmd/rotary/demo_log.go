package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// recorder passes on what is printed and keeps it for the canary search.
type recorder struct {
	out io.Writer

	mu   sync.Mutex
	text bytes.Buffer
}

func newRecorder(out io.Writer) *recorder { return &recorder{out: out} }

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Write(b)
	return r.out.Write(b)
}

func (r *recorder) recordedBytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.text.Bytes())
}

// entry is a line of a Lambda's log, as far as the timeline tells it.
type entry struct {
	Level   string   `json:"level"`
	Msg     string   `json:"msg"`
	Why     string   `json:"why"`
	Do      string   `json:"do"`
	Subject string   `json:"subject"`
	Version string   `json:"version"`
	Names   []string `json:"names"`
	Detail  string   `json:"detail"`
	Reason  string   `json:"reason"`
	Source  string   `json:"source"`
	Step    string   `json:"step"`
	OK      bool     `json:"ok"`
	Error   string   `json:"error"`
	Alarm   string   `json:"alarm"`
}

// Write takes the Lambdas' log.
func (t *timeline) Write(b []byte) (int, error) {
	t.rest = append(t.rest, b...)
	for {
		line, rest, whole := bytes.Cut(t.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		t.rest = rest
		var e entry
		if json.Unmarshal(line, &e) == nil {
			t.printEvent(e)
		}
	}
}

// printEvent turns a log entry into a line of the timeline.
func (t *timeline) printEvent(e entry) {
	if e.Msg == "step" || e.Msg == "wait" {
		t.found += e.Do + e.Subject + e.Version + e.Reason + e.Detail + "\n"
	}
	switch {
	case e.Msg == "pass":
		t.passes++
		t.found = ""
	case e.Alarm != "" && e.Detail != "":
		t.printAlarm(e)
	case e.Level == "ERROR":
		t.printLine("propagate", e.Msg+": "+e.Error)
	case e.Msg == "asked" && e.Step == "advance":
		t.printLine("rotate", e.Source+": nobody needs "+history.Short(e.Version)+
			" any more: next step taken"+describeOutcome(e.OK))
	case e.Msg == "asked":
		t.printLine("rotate", e.Source+": "+e.Step+" of "+history.Short(e.Version)+describeOutcome(e.OK))
	case e.Msg == "event" && e.Why != "sweep" && e.Why != "again" && !strings.HasPrefix(e.Why, "a deployment"):
		t.printLine("event", e.Why+": propagate wakes up")
	case e.Msg == "step" && (e.Do == "write" || e.Do == "roll"):
		text := plan.Step{Do: e.Do, Subject: e.Subject, Version: e.Version}.String()
		if len(e.Names) > 0 {
			text += ": " + strings.Join(e.Names, ", ")
		}
		t.printLine("propagate", text)
	}
}

// printAlarm prints an alarm of a pass, once as long as it says the same.
func (t *timeline) printAlarm(e entry) {
	if text := e.Subject + ": " + e.Detail + " (" + e.Alarm + ")"; text != t.alarm {
		t.alarm = text
		t.printLine("alarm", text)
	}
}

func describeOutcome(ok bool) string {
	if ok {
		return ""
	}
	return ": refused"
}
