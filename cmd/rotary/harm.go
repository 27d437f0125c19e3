package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// harm is what an emergency does to a source, as far as it can be told before it begins.
type harm struct {
	Source    string    `json:"source"`
	Replaced  string    `json:"replaced,omitempty"`   // the current version, where the emergency begins
	UnderWay  string    `json:"underWay,omitempty"`   // its new version, where it is under way
	Deadline  time.Time `json:"deadline,omitzero"`    // when everything older than the new credential dies, used or not
	AtOnce    bool      `json:"atOnce,omitempty"`     // the old credential dies as soon as there is a new one
	Stopped   string    `json:"stopped,omitempty"`    // the version of a rotation that is under way: it is not finished
	Dead      []string  `json:"diesAtOnce,omitempty"` // versions whose place the new credential takes
	Retained  []string  `json:"retained,omitempty"`   // versions that live on, deadline or not
	Notes     []string  `json:"notes,omitempty"`      // what depends on others
	Consumers []exposed `json:"consumers"`
}

// exposed is a consumer of the source, and what becomes of it.
type exposed struct {
	Name  string `json:"name"`
	Runs  string `json:"runs,omitempty"` // a bucket and its version
	State string `json:"state"`
	Fate  string `json:"fate"`
}

// foresee tells what the emergency e does. What the consumers run is the report's, what is live the history's.
func foresee(env *manifest.Environment, e emergency, r plan.Report) harm {
	h := harm{Source: e.source.Name, Replaced: e.current.ID, Deadline: e.until, Stopped: e.stopped.ID, Notes: notes(e.source), Consumers: []exposed{}}
	if e.begins() {
		h.AtOnce = e.source.AtOnce()
	} else {
		h.Replaced, h.UnderWay = "", e.going.ID
	}
	for _, v := range e.doomed() {
		h.Dead = append(h.Dead, v.ID)
	}
	for _, v := range e.history.Versions {
		if v.Has(history.Retain) {
			h.Retained = append(h.Retained, v.ID)
		}
	}
	seen := r.Source(e.source.Name)
	for _, c := range r.Consumers {
		if slices.Contains(seen.Consumers, c.Name) {
			h.Consumers = append(h.Consumers, h.expose(env, e, c, behind(c, r)))
		}
	}
	return h
}

func (h harm) expose(env *manifest.Environment, e emergency, c plan.ConsumerReport, behind bool) exposed {
	x := exposed{Name: c.Name, State: c.State, Fate: h.fate(e, behind)}
	if c.Running != "" {
		x.Runs = c.Bucket + " " + history.Short(c.Running)
	}
	if declared, known := env.Consumer(c.Name); known && declared.Drain > 0 {
		x.Fate += "; nobody sees what it runs"
	}
	return x
}

// behind says whether a consumer may run something that is owed: it is not seen on its bucket's version, or its bucket is
// not what the sources say.
func behind(c plan.ConsumerReport, r plan.Report) bool {
	refused := []plan.Reason{plan.Brake, plan.LabelsFull, plan.WriteRate}
	return c.State != "current" ||
		slices.ContainsFunc(r.Steps, func(s plan.Step) bool { return s.Do == "write" && s.Subject == c.Bucket }) ||
		slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == c.Bucket && slices.Contains(refused, w.Reason) })
}

// fate says what becomes of a consumer.
//
//	the emergency                          | the consumer | its fate
//	---------------------------------------|--------------|------------------------------------
//	of a source that ends the old at once  | any          | refused until it has followed
//	has made the current version           | is not behind| nothing
//	takes the place of an owed credential  | is behind    | refused at once where it runs that
//	has a deadline                         | any other    | refused then, unless it has followed
//	has none                               | any other    | nothing
func (h harm) fate(e emergency, behind bool) string {
	var parts []string
	switch {
	case h.AtOnce:
		return "refused until it has followed"
	case !e.begins() && !e.going.Has(history.AWSPending) && !behind:
		return "has followed"
	case len(h.Dead) > 0 && behind:
		parts = append(parts, "refused at once where it still runs "+shorts(h.Dead))
	}
	if !h.Deadline.IsZero() {
		parts = append(parts, "refused from "+instant(h.Deadline)+" on, unless it has followed")
	}
	if len(parts) == 0 {
		return "runs on until it has followed"
	}
	return strings.Join(parts, "; ")
}

// notes says what nobody can tell beforehand.
func notes(source manifest.Source) []string {
	var all []string
	switch source.Rotate.With {
	case manifest.HTTP:
		all = append(all, "rotary does not know how many credentials its vendor lets live side by side: it may refuse the new one, or end an older one")
		if life := source.Overlap().Std(); life > 0 {
			all = append(all, fmt.Sprintf("its vendor ends the old credential %s after the rotation, whoever still uses it", life))
		}
	case manifest.Random:
		until := "until all have followed"
		if source.Rotate.Also != "" {
			until = "from a deadline on, and not before: they accept two values of it"
		}
		all = append(all, "only its consumers know it: whoever has followed and whoever has not may refuse each other "+until)
	}
	return all
}

// lines says it for people.
func (h harm) lines(env string, now time.Time) []string {
	lines := []string{h.Source + ": version " + history.Short(h.Replaced) + " is replaced"}
	if h.UnderWay != "" {
		lines[0] = h.Source + ": an emergency is under way, with version " + history.Short(h.UnderWay) + "; it goes on, and --again begins another one"
	}
	add := func(format string, args ...any) { lines = append(lines, "  "+fmt.Sprintf(format, args...)) }
	switch {
	case h.AtOnce:
		add("its rotation ends the old credential at once")
	case h.Deadline.IsZero():
		add("without a deadline, an old credential dies once every consumer was seen without it")
	default:
		add("every credential before the new one dies at %s, %s, whoever still uses it", instant(h.Deadline), left(h.Deadline, now))
	}
	if h.Stopped != "" {
		add("the rotation to version %s that is under way is stopped; what it has made is owed", history.Short(h.Stopped))
	}
	for _, id := range h.Dead {
		add("version %s dies at once: its target has room for two credentials, and the new one takes its place", history.Short(id))
	}
	for _, id := range h.Retained {
		add("version %s is retained and lives on, until: rotary retain %s %s --release", history.Short(id), env, h.Source)
	}
	for _, note := range h.Notes {
		add("%s", note)
	}
	if len(h.Consumers) == 0 {
		add("no consumer runs on it: nobody breaks")
		return lines
	}
	t := newTable("consumer", "runs", "state", "what becomes of it")
	for _, c := range h.Consumers {
		t.AppendRow(table.Row{c.Name, dash(c.Runs), c.State, c.Fate})
	}
	for line := range strings.Lines(render(t)) {
		add("%s", strings.TrimSuffix(line, "\n"))
	}
	return lines
}

func shorts(ids []string) string {
	var all []string
	for _, id := range ids {
		all = append(all, history.Short(id))
	}
	return strings.Join(all, ", ")
}
