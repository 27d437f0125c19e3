package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// watch follows changes of an environment until they are over, and shows how they go. It may join what is under way.
type watch struct {
	*session
	title   string                                   // what is done, at the right end of the heading
	done    string                                   // the word for a change that is over: "rotated"
	goal    operate.Goal                             // what is waited for
	sources []string                                 // whose changes are followed
	steps   bool                                     // what passes do is shown too
	look    func() (plan.Report, error)              // nil: lookNow
	settled func(r plan.Report) (over bool, e error) // where nothing but what this asks for is waited for
	timeout time.Duration                            // 0: twice the estimate
	local   bool                                     // nothing goes on without this program

	tracker operate.Tracker
	display *display
	report  plan.Report
	now     []operate.Progress
	started time.Time
	told    map[string]bool // the steps of the last report
}

// The pace of watching.
const (
	patience    = 5                // looks in a row that may fail
	leastTime   = 10 * time.Minute // that is waited at least, where nobody says how long
	unknownTime = 3 * time.Hour    // where the deployed functions do not tell how long a change takes
)

// noteReport notes a report without showing it: what it has is no news.
func (w *watch) noteReport(r plan.Report) { w.tracker.Note(r, w.sources) }

// followChanges follows until everything is over, the time is up, somebody interrupts, or too many looks in a row have failed.
func (w *watch) followChanges() error {
	w.display = &display{app: w.app, environment: w.env.Name}
	if w.look == nil {
		w.look = w.lookNow
	}
	w.started = w.app.now()
	failures, end := 0, w.started.Add(cmp.Or(w.timeout, unknownTime))
	for {
		report, err := w.look()
		seen := report.Environment != ""
		if seen {
			first := w.report.Environment == ""
			if drawn := w.showReport(report); drawn != nil {
				return drawn
			}
			if first && w.timeout == 0 {
				w.timeout = w.chooseTimeout()
				end = w.started.Add(w.timeout)
			}
		}
		switch {
		case w.ctx.Err() != nil:
			return w.printEnd(w.describeInterrupt())
		case isExpired(err):
			return w.printEnd(w.describeExpired(err))
		case isBusy(err):
			w.display.showWord("a pass is under way: looking again")
		case err != nil:
			if failures++; failures >= patience {
				return w.printEnd(err)
			}
			w.display.showWord("cannot look: " + firstSentence(err) + "; trying again")
		default:
			failures = 0
			if over, err := w.isOver(); over || err != nil {
				return w.printEnd(err)
			}
		}
		if !w.app.now().Before(end) {
			return w.printEnd(w.describeTimeout())
		}
		if err := w.wait(w.ctx, operate.NextLook(w.report, w.now...)); err != nil {
			return w.printEnd(w.describeInterrupt())
		}
	}
}

// showReport shows what a report has. The first one that is shown has a heading.
func (w *watch) showReport(r plan.Report) error {
	first := w.report.Environment == ""
	w.report = r
	var news []operate.Event
	w.now, news = w.tracker.Note(r, w.sources)
	if w.steps && r.Paused == nil {
		news = append(w.tellSteps(r), news...)
	}
	if first && w.display.showsBoard() {
		fmt.Fprintln(w.err, w.renderHeading())
	}
	if err := w.display.showEvents(news); err != nil {
		return err
	}
	w.display.drawBoard(w.listItems())
	return nil
}

// tellSteps returns an event for each step of a pass that the report before did not have.
func (w *watch) tellSteps(r plan.Report) []operate.Event {
	var news []operate.Event
	lines := map[string]bool{}
	for _, step := range r.Steps {
		line := step.Line(5)
		if lines[line] = true; !w.told[line] {
			news = append(news, operate.Event{At: r.At, Event: newsStep, Detail: line})
		}
	}
	w.told = lines
	return news
}

func (w *watch) listItems() []item {
	var all []item
	for _, p := range w.now {
		all = append(all, item{Progress: p})
	}
	return all
}

// renderHeading returns what stands above the board: where, what, how long it takes, and how to leave and to join.
func (w *watch) renderHeading() string {
	s := w.display.watched().Screen
	lines := []string{s.Heading(placeOf(w.env), w.title, "UTC")}
	if len(w.now) == 1 && w.now[0].Source != operate.Everything {
		lines = append(lines, s.Fill("", w.describePace(w.now[0])))
	}
	if !w.local {
		lines = append(lines, describeLeaving(s, w.describeJoin()))
	}
	return strings.Join(lines, "\n") + "\n"
}

// describeLeaving returns how to leave a board, and to join what it shows.
func describeLeaving(s screen.Screen, join string) string {
	return s.Fill("", "Ctrl-C stops watching only. To join: "+screen.Whole(join))
}

// describePace returns what a change is made of, and how long it takes.
func (w *watch) describePace(p operate.Progress) string {
	s := w.report.Source(p.Source)
	text := s.Rotator
	if s.Pace.Steps == 0 {
		return text // of deployed functions that do not tell
	}
	if n := s.Pace.Steps; n > 1 {
		text += fmt.Sprintf(" · %d steps · about %s", n, formatAbout(s.Pace.Total()))
	} else {
		text += " · 1 step · about " + formatAbout(s.Pace.Total()) + ": write, " + countNoun(len(p.Followers), "rollout")
	}
	if settle := s.Pace.Settle.Std(); settle > 0 && s.Pace.Steps == 1 {
		text += ", " + formatAbout(settle) + " until the old one may die"
	}
	return text
}

// joinCommand returns the command that shows the changes of these sources again; of everything without one.
func (s *session) joinCommand(sources ...string) string {
	return strings.Join(append([]string{"rotary wait", s.env.Name}, sources...), " ")
}

func (w *watch) describeJoin() string {
	if len(w.sources) == 1 && w.sources[0] != operate.Everything {
		return w.joinCommand(w.sources[0])
	}
	return w.joinCommand()
}

// chooseTimeout returns twice the estimate of what takes longest.
func (w *watch) chooseTimeout() time.Duration {
	longest := time.Duration(0)
	for _, p := range w.now {
		longest = max(longest, p.Left)
	}
	return doubleEstimate(longest)
}

// doubleEstimate returns how long to wait for what takes so long as a rule; 0 for what is not known.
func doubleEstimate(estimate time.Duration) time.Duration {
	if estimate == 0 {
		return unknownTime
	}
	return max(2*estimate, leastTime)
}

// isOver reports whether nothing is left to wait for; the error is what is left for a person.
func (w *watch) isOver() (bool, error) {
	if w.settled != nil {
		return w.settled(w.report)
	}
	return w.isEveryOver()
}

// isEveryOver is isOver by the progress of the changes.
func (w *watch) isEveryOver() (bool, error) {
	for _, p := range w.now {
		if !p.IsOver(w.goal) {
			return false, nil
		}
	}
	return true, w.describeHeld()
}

// describeHeld returns what has come to nothing, or waits for a person, as an error.
func (w *watch) describeHeld() error {
	var nothing, held []string
	for _, p := range w.now {
		switch {
		case p.Reaches(w.goal):
		case p.CameToNought:
			nothing = append(nothing, fmt.Sprintf("the rotation of %s has come to nothing: %s", p.Source, describeNought(p.Version)))
		default:
			held = append(held, describeAsks(p))
		}
	}
	switch {
	case len(nothing) > 0:
		return errors.New(strings.Join(append(nothing, held...), "\n"))
	case len(held) == 0:
		return nil
	case len(w.now) == 1:
		return unfinished{held[0] + "\nnot waiting for that"}
	}
	return unfinished{fmt.Sprintf("%d of %d wait for a person; not waiting for that\n  %s",
		len(held), len(w.now), strings.Join(held, "\n  "))}
}

// describeAsks returns what a person has to do about a change.
func describeAsks(p operate.Progress) string {
	var asks []string
	for _, a := range p.Asks {
		asks = append(asks, a.Do)
	}
	name := p.Source
	if name == operate.Everything {
		return strings.Join(asks, "; ")
	}
	return name + " waits for a person: " + strings.Join(asks, "; ")
}

// describeTimeout returns what is not over.
func (w *watch) describeTimeout() error {
	var open []string
	for _, p := range w.now {
		if !p.IsOver(w.goal) {
			_, words := describeItem(item{Progress: p})
			open = append(open, cmp.Or(p.Source, w.env.Name)+": "+words)
		}
	}
	text := fmt.Sprintf("not over after %s: %s", formatLength(w.timeout), strings.Join(open, "\n  "))
	if w.local {
		return unfinished{text}
	}
	return unfinished{text + "\nit goes on: " + w.describeJoin()}
}

// describeInterrupt returns what is said after Ctrl-C.
func (w *watch) describeInterrupt() error {
	if w.local {
		return fmt.Errorf("%s: %w", describeStanding(w.report), context.Canceled)
	}
	return stopNotice{"Stopped watching. " + w.whatGoesOn() + ": " + w.describeJoin()}
}

// whatGoesOn returns that what is watched goes on without this program.
func (w *watch) whatGoesOn() string {
	if w.done == "rotated" || w.isRotation() {
		return "The rotation goes on"
	}
	return "What is under way goes on"
}

// isRotation reports whether it is a change of one source that rotary rotates.
func (w *watch) isRotation() bool {
	if len(w.sources) != 1 {
		return false
	}
	source, known := w.env.Source(w.sources[0])
	return known && operate.ByPerson(w.env, source) == nil
}

// firstSentence returns the first line of an error.
func firstSentence(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// printEnd prints the end: for people one line on standard output, for a program the last object.
func (w *watch) printEnd(err error) error {
	w.display.leaveBoard()
	if w.json {
		return errors.Join(w.printLine(w.lastLine(err)), err)
	}
	if err != nil || w.report.Environment == "" {
		return err
	}
	text := w.describeEnd()
	if w.shown() {
		text = w.view().Fill("", text)
	}
	_, err = fmt.Fprintln(w.out, text)
	return err
}

// describeEnd returns what is true once everything is over, and what comes next.
func (w *watch) describeEnd() string {
	if len(w.now) != 1 {
		return fmt.Sprintf("All %d are over. %s.", len(w.now), w.describeOwed())
	}
	p := w.now[0]
	if p.Source == operate.Everything {
		return fmt.Sprintf("%s: every consumer runs what the sources say. %s.", w.env.Name, w.describeOwed())
	}
	if p.Phase != operate.Arrived {
		return fmt.Sprintf("%s: every consumer runs %s. The old one is not retired yet: %s", p.Source,
			history.Short(p.Version), w.describeJoin())
	}
	text := p.Source + " " + w.done
	if !p.Began.IsZero() {
		text += " in " + formatLength(p.At.Sub(p.Began))
	}
	text += ". Nothing is owed."
	if next := w.report.Source(p.Source).Next; !next.IsZero() {
		text += " Next: " + formatDay(next, p.At) + "."
	}
	return text
}

// formatDay returns a day, with its year where that is another one than now's; of the same day the time.
func formatDay(t, now time.Time) string {
	switch t, now = t.UTC(), now.UTC(); {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04")
	case t.Year() != now.Year():
		return t.Format("2 Jan 2006")
	}
	return t.Format("2 Jan")
}

func (w *watch) describeOwed() string {
	if open := operate.ListUnderWay(w.report); len(open) > 0 {
		return "Still owed: " + strings.Join(open, ", ")
	}
	return "Nothing is owed"
}
