package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// item is a line of a board: a source and how far its change is, or why there is none.
type item struct {
	operate.Progress
	words string      // in the place of the progress
	sign  screen.Sign // before words
}

// drawItems returns the board of these items: the stages of one, a row for each of several.
func drawItems(s screen.Screen, environment string, items []item) string {
	if len(items) == 1 && items[0].words == "" {
		return drawStages(s, environment, items[0].Progress)
	}
	width := 0
	for _, i := range items {
		width = max(width, min(len(nameItem(i, environment)), widestName))
	}
	if s.Columns() < narrow {
		width = 0
	}
	var lines []string
	for _, i := range items {
		sign, words := describeItem(i)
		lead := fmt.Sprintf(" %s %-*s  ", s.Sign(sign), width, nameItem(i, environment))
		lines = append(lines, s.Fill(lead, wholeCommands(s, words)))
	}
	return strings.Join(lines, "\n")
}

// widestName is up to how many characters the names of several sources are padded.
const widestName = 24

// wholeCommands returns a text of whose commands no line is broken where they fit on one: people copy them.
func wholeCommands(s screen.Screen, text string) string {
	return regexp.MustCompile(`rotary [a-z]+ [^;,:·]+`).ReplaceAllStringFunc(text, func(command string) string {
		if len(command)+6 > s.Columns() {
			return command
		}
		return screen.Whole(command)
	})
}

func nameItem(i item, environment string) string {
	if i.Source == operate.Everything {
		return environment
	}
	return i.Source
}

// describeItem returns a row: a sign, and how far the change is.
func describeItem(i item) (screen.Sign, string) {
	if i.words != "" {
		return i.sign, i.words
	}
	p := i.Progress
	parts := []string{}
	if p.Steps > 1 && p.Phase != operate.Arrived {
		parts = append(parts, fmt.Sprintf("step %d of %d", p.Step, p.Steps))
	}
	parts = append(parts, describePhase(p))
	for _, ask := range p.Asks {
		parts = append(parts, ask.Do)
	}
	if p.Phase != operate.Arrived && !p.Held && p.Left > 0 {
		parts = append(parts, "about "+formatAbout(p.Left)+" left")
	}
	return signItem(p), strings.Join(parts, " · ")
}

func signItem(p operate.Progress) screen.Sign {
	switch {
	case p.CameToNought:
		return screen.Failed
	case p.Phase == operate.Arrived:
		return screen.Done
	case len(p.Asks) > 0:
		return screen.Attention
	}
	return screen.Busy
}

// describePhase returns in one line how far a change is.
func describePhase(p operate.Progress) string {
	all := len(p.Followers)
	followed := fmt.Sprintf("followed %d of %d", all-len(p.Behind()), all)
	gate, blocked := p.Gate()
	switch {
	case p.CameToNought:
		return "came to nothing: " + history.Short(p.Version) + " is still current"
	case p.Phase == operate.Making && p.Pending != "":
		return history.Short(p.Pending) + " is being made"
	case p.Phase == operate.Making:
		return "not taken yet"
	case p.Phase == operate.Writing:
		return fmt.Sprintf("written %d of %d", len(p.Buckets)-len(p.Unwritten), countBuckets(p))
	case p.Phase == operate.Following:
		return followed + ": " + listBehind(p)
	case p.Phase == operate.Retiring && blocked && !p.Held:
		return followed + "; old one" + untilWords(gate, p.At) + ": " + describeGate(gate)
	case p.Phase == operate.Arrived && len(p.Dead()) > 0:
		return describeDead(p.Dead(), "accepted nowhere")
	case p.Phase == operate.Arrived:
		return followed + "; nothing is owed"
	}
	return followed
}

func countBuckets(p operate.Progress) int { return len(p.Buckets) }

func listBehind(p operate.Progress) string {
	var names []string
	for _, f := range p.Behind() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

func untilWords(gate plan.Wait, now time.Time) string {
	if !gate.Until.After(now) {
		return ""
	}
	return " until " + formatMoment(gate.Until, now)
}

// stageLine is a line of a board with one source.
type stageLine struct {
	sign              screen.Sign
	name, count, when string
	words             string
	within            bool // it is a part of the stage above it
}

// drawStages returns the board of one source: a heading, and a line for each stage of its present step.
func drawStages(s screen.Screen, environment string, p operate.Progress) string {
	lines := []string{s.Heading(screen.Place{Environment: headStep(environment, p)}, describeTime(p))}
	for _, st := range listStages(p) {
		lines = append(lines, st.draw(s))
	}
	for _, ask := range p.Asks {
		lines = append(lines, s.Fill(" "+s.Sign(screen.Attention)+" ", wholeCommands(s, ask.Do)))
	}
	return strings.Join(lines, "\n")
}

func headStep(environment string, p operate.Progress) string {
	switch {
	case p.Source == operate.Everything:
		return environment
	case p.Phase == operate.Making && p.Pending != "":
		return fmt.Sprintf("step %d of %d   %s is to replace %s", p.Step, p.Steps, history.Short(p.Pending),
			history.Short(p.Version))
	case len(p.Replaced) == 0:
		return fmt.Sprintf("step %d of %d   %s", p.Step, p.Steps, history.Short(p.Version))
	}
	return fmt.Sprintf("step %d of %d   %s replaces %s", p.Step, p.Steps, history.Short(p.Version),
		history.Short(p.Replaced[len(p.Replaced)-1]))
}

// describeTime returns how long a change has taken, of how long it takes in all.
func describeTime(p operate.Progress) string {
	spent := p.At.Sub(p.Began)
	switch {
	case p.Phase == operate.Arrived && p.Began.IsZero(), p.Held, p.CameToNought:
		return ""
	case p.Phase == operate.Arrived:
		return formatLength(spent)
	case p.Began.IsZero():
		return "~" + formatAbout(p.Left) + " left"
	}
	return formatLength(spent) + " of ~" + formatAbout(spent+p.Left)
}

// listStages returns the stages that the version has come to, and the one that it is in.
func listStages(p operate.Progress) []stageLine {
	var all []stageLine
	if p.CameToNought {
		return []stageLine{{sign: screen.Failed, name: "came to nothing", words: history.Short(p.Version) +
			" is still current; the rotate Lambda's log says why"}}
	}
	if p.Source != operate.Everything {
		made := stageLine{screen.Done, "made and tested", "", clock(p.Made), "", false}
		if p.Phase == operate.Making {
			made = stageLine{sign: screen.Busy, name: "being made"}
			if p.Pending == "" {
				made = stageLine{sign: screen.Busy, name: "not taken", words: "its target has not accepted it"}
			}
			return append(all, made)
		}
		all = append(all, made)
	}
	if len(p.Buckets) > 0 {
		written := p.ListWritten()
		st := stageLine{sign: screen.Done, name: "written", count: countNoun(len(written), "bucket"),
			when: clock(p.Written), words: strings.Join(written, ", ")}
		if p.Phase == operate.Writing {
			done := len(p.Buckets) - len(p.Unwritten)
			st = stageLine{sign: screen.Busy, name: "written", count: fmt.Sprintf("%d of %d", done, len(p.Buckets)),
				words: "next: " + strings.Join(p.Unwritten, ", ")}
		}
		all = append(all, st)
		if p.Phase == operate.Writing {
			return all
		}
	}
	if len(p.Followers) > 0 {
		all = append(all, listConsumerStages(p)...)
	}
	if old, some := stageOfOld(p); some {
		all = append(all, old)
	}
	return all
}

// listConsumerStages returns the stage of the consumers: those that have followed in its line, each other one below.
func listConsumerStages(p operate.Progress) []stageLine {
	behind, all := p.Behind(), len(p.Followers)
	var names []string
	for _, f := range p.Followers {
		if f.HasFollowed {
			names = append(names, f.Name)
		}
	}
	st := stageLine{sign: screen.Done, name: "followed", count: fmt.Sprintf("%d of %d", all-len(behind), all),
		when: clock(p.FollowedAt), words: strings.Join(names, ", ")}
	if len(behind) == 0 {
		if all == 1 && p.Followers[0].Detail != "" {
			st.words += " (" + p.Followers[0].Detail + ")"
		}
		return []stageLine{st}
	}
	st.sign, st.when = screen.Busy, ""
	stages, width := []stageLine{st}, 0
	for _, f := range behind {
		width = max(width, len(f.Name))
	}
	for _, f := range behind {
		sign := screen.Busy
		if f.State == "failed" {
			sign = screen.Failed
		}
		stages = append(stages, stageLine{
			sign: sign, name: fmt.Sprintf("%-*s", width, f.Name), words: describeBehind(f, p.At), within: true,
		})
	}
	return stages
}

// describeBehind returns how far a consumer is that has not followed.
func describeBehind(f operate.Follower, now time.Time) string {
	text := f.Describe()
	if !f.RollingSince.IsZero() && f.State == "rolling" {
		text += ", rolling for " + formatLength(now.Sub(f.RollingSince))
	}
	return text
}

// stageOfOld returns the stage of what was replaced; false where nothing was.
func stageOfOld(p operate.Progress) (stageLine, bool) {
	gate, blocked := p.Gate()
	dead := p.Dead()
	old := stageLine{sign: screen.Busy, name: "old one", words: "the next pass retires it"}
	switch {
	case p.Phase == operate.Arrived && len(dead) > 0:
		old.sign, old.count, old.when = screen.Done, "dead", clock(p.RetiredAt)
		old.words = describeDead(dead, "accepted nowhere")
	case len(p.Owed) == 0:
		return stageLine{}, false
	case p.Phase == operate.Following:
		old.sign, old.words = "", "waits for "+listBehind(p)+describeDeadline(p)
	case p.Held:
		old.sign, old.count, old.words = screen.Attention, "lives", listOwed(p)
	case blocked:
		old.words = describeGate(gate) + describeDeadline(p)
		if gate.Until.After(p.At) {
			old.count = "until " + formatMoment(gate.Until, p.At)
		}
	}
	return old, true
}

// describeDeadline returns when an emergency ends what is owed; "" without one.
func describeDeadline(p operate.Progress) string {
	for _, o := range p.Owed {
		if o.Dies.After(p.At) {
			return "; dies at " + formatMoment(o.Dies, p.At) + ", whoever uses it then"
		}
	}
	return ""
}

func listOwed(p operate.Progress) string {
	var ids []string
	for _, o := range p.Owed {
		ids = append(ids, history.Short(o.Version))
	}
	return strings.Join(ids, ", ")
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return formatClock(t)
}

// narrow is below how many columns the stages have no columns of their own.
const narrow = 60

// draw returns a stage as one line, in columns where there is room; its words go on below themselves.
func (st stageLine) draw(s screen.Screen) string {
	sign := s.Sign(st.sign)
	switch {
	case st.within && s.Columns() < narrow:
		return s.Fill("   ", strings.TrimSpace(st.name)+" "+string(st.sign)+" "+st.words)
	case st.within:
		return s.Fill(fmt.Sprintf("     %s %s ", st.name, sign), st.words)
	}
	if s.Columns() < narrow {
		parts := []string{st.name, st.count, st.when, st.words}
		parts = slices.DeleteFunc(parts, func(t string) bool { return t == "" })
		return s.Fill(" "+sign+" ", strings.Join(parts, "  "))
	}
	lead := fmt.Sprintf(" %s %-10s ", sign, st.name)
	switch {
	case st.count != "":
		lead += fmt.Sprintf("%-14s %-8s  ", st.count, st.when)
	case st.when != "":
		lead = fmt.Sprintf(" %s %-25s %-8s  ", sign, st.name, st.when)
	}
	return s.Fill(lead, st.words)
}
