package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
)

// harmView is a Harm as programs read it.
type harmView struct {
	Source    string         `json:"source"`
	Replaced  string         `json:"replaced,omitempty"`   // the current version, where the emergency begins
	UnderWay  string         `json:"underWay,omitempty"`   // its new version, where it is under way
	Joined    string         `json:"joined,omitempty"`     // its new version: the rotation becomes the emergency
	Deadline  time.Time      `json:"deadline,omitzero"`    // when everything older dies, used or not
	AtOnce    bool           `json:"atOnce,omitempty"`     // the old credential dies as soon as there is a new one
	Stopped   string         `json:"stopped,omitempty"`    // the version of a rotation that is stopped
	Dead      []string       `json:"diesAtOnce,omitempty"` // versions whose place the new credential takes
	Retained  []string       `json:"retained,omitempty"`   // versions that live on, deadline or not
	Notes     []string       `json:"notes,omitempty"`      // what depends on others
	Consumers []consumerView `json:"consumers"`
}

// consumerView is a consumer of the source, and what becomes of it.
type consumerView struct {
	Name  string `json:"name"`
	Runs  string `json:"runs,omitempty"` // a bucket and its version
	State string `json:"state"`
	Fate  string `json:"fate"`
}

func viewHarm(h operate.Harm) harmView {
	v := harmView{
		Source: h.Source, Replaced: h.Replaced, UnderWay: h.UnderWay, Joined: h.Joined,
		Deadline: h.Deadline, AtOnce: h.AtOnce, Stopped: h.Stopped, Dead: h.Dead, Retained: h.Retained,
		Notes: describeUnknowns(h), Consumers: []consumerView{},
	}
	for _, c := range h.Consumers {
		v.Consumers = append(v.Consumers, viewConsumer(c))
	}
	return v
}

func viewConsumer(c operate.Exposed) consumerView {
	v := consumerView{Name: c.Name, State: c.State, Fate: describeFate(c.Fate)}
	if c.Running != "" {
		v.Runs = c.Reads + " " + history.Short(c.Running)
	}
	if c.Unseen {
		v.Fate += "; nobody sees what it runs"
	}
	return v
}

// describeFate returns what an emergency does to a consumer, and when.
func describeFate(f operate.Fate) string {
	var parts []string
	switch {
	case f.AtOnce:
		return "refused until it has followed"
	case f.Followed:
		return "has followed"
	case len(f.Dead) > 0:
		parts = append(parts, "refused at once where it still runs "+shortenAll(f.Dead))
	}
	if !f.From.IsZero() {
		parts = append(parts, "refused from "+formatInstant(f.From)+" on, unless it has followed")
	}
	if len(parts) == 0 {
		return "runs on until it has followed"
	}
	return strings.Join(parts, "; ")
}

// describeUnknowns returns what cannot be known before an emergency begins, one line each.
func describeUnknowns(h operate.Harm) []string {
	var all []string
	if h.Starts != "" {
		all = append(all, fmt.Sprintf("it starts from version %s, which buckets have: the target has not accepted "+
			"version %s, which is current", history.Short(h.Starts), history.Short(h.Replaced)))
	}
	switch source := h.Rotates; source.Rotate.Kind() {
	case manifest.HTTP:
		all = append(all, "rotary does not know how many credentials its vendor lets live side by side: "+
			"it may refuse the new one, or end an older one")
		if life := source.Overlap().Std(); life > 0 {
			all = append(all, fmt.Sprintf("its vendor ends the old credential %s after the rotation, "+
				"whoever still uses it", life))
		}
	case manifest.Random:
		until := "until all have followed"
		if source.Symmetric() != "" {
			until = "from a deadline on, and not before: they accept two values of it"
		}
		all = append(all,
			"only its consumers know it: whoever has followed and whoever has not may refuse each other "+until)
	}
	if h.Confirmed {
		all = append(all, "what was sent before may still take the new login away: rotary tests it each minute and "+
			"sets it again; consumers are refused for a minute at most")
	}
	return all
}

// describeHarm returns the lines that tell people, before an emergency begins, what it does.
func describeHarm(h operate.Harm, env string, now time.Time) []string {
	lines := []string{h.Source + ": version " + history.Short(h.Replaced) + " is replaced"}
	if h.UnderWay != "" {
		lines[0] = h.Source + ": an emergency is under way, with version " + history.Short(h.UnderWay) +
			"; it goes on, and --again begins another one"
	}
	add := func(format string, args ...any) { lines = append(lines, "  "+fmt.Sprintf(format, args...)) }
	if h.Joined != "" {
		add("the rotation to version %s that is under way becomes the emergency; if that one has leaked too, "+
			"say --again", history.Short(h.Joined))
	}
	switch {
	case h.AtOnce:
		add("its rotation ends the old credential at once")
	case h.Deadline.IsZero():
		add("without a deadline, an old credential dies once every consumer was seen without it")
	default:
		add("consumers accept both credentials until %s, %s; after that, those that have not followed are refused",
			formatInstant(h.Deadline), formatLeft(h.Deadline, now))
	}
	if h.Raised {
		add("that is the soonest deadline for this kind of source: until then " +
			"the old login is needed to keep the new one working")
	}
	if h.Stopped != "" {
		add("the rotation to version %s that is under way is stopped; what it has made is owed",
			history.Short(h.Stopped))
	}
	for _, id := range h.Dead {
		add("version %s dies at once: its target has room for two credentials, and the new one takes its place",
			history.Short(id))
	}
	for _, id := range h.Retained {
		add("version %s is retained and lives on, until: rotary retain %s %s --release",
			history.Short(id), env, h.Source)
	}
	for _, note := range describeUnknowns(h) {
		add("%s", note)
	}
	if len(h.Consumers) == 0 {
		add("no consumer runs on it: nobody breaks")
		return lines
	}
	for line := range strings.Lines(renderTable(tabulateConsumers(h.Consumers))) {
		add("%s", strings.TrimSuffix(line, "\n"))
	}
	return lines
}

func tabulateConsumers(all []operate.Exposed) table.Writer {
	t := newTable("consumer", "runs", "state", "what becomes of it")
	for _, c := range all {
		v := viewConsumer(c)
		t.AppendRow(table.Row{v.Name, orDash(v.Runs), v.State, v.Fate})
	}
	return t
}

// shortenAll lists version ids for people.
func shortenAll(ids []string) string {
	var all []string
	for _, id := range ids {
		all = append(all, history.Short(id))
	}
	return strings.Join(all, ", ")
}
