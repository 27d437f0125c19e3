package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// How often a watched environment is looked at: by what its report waits for, and within these bounds.
const (
	watchMost  = 5 * time.Second
	watchLeast = time.Minute
)

// watch shows an environment again whenever it has changed, until the context ends: that is no error.
func (c statusCmd) watch(s *session) error {
	w := watcher{statusCmd: c, told: map[string]string{}}
	for {
		report, err := s.lookNow()
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil && !isBusy(err) {
			return err
		}
		next := watchMost
		if err == nil {
			if err := w.show(s, report); err != nil {
				return err
			}
			next = nextLook(report)
		}
		if err := s.wait(s.ctx, next); err != nil {
			return nil //nolint:nilerr // whoever watches has stopped
		}
	}
}

// nextLook returns how long after a report the next one is worth asking for: when the first of its waits is over, or
// soon while something goes on that ends by itself.
func nextLook(r plan.Report) time.Duration {
	next := watchLeast
	note := func(w plan.Wait) {
		if w.Until.After(r.At) {
			next = min(next, w.Until.Sub(r.At))
		}
	}
	for _, w := range r.Waits {
		note(w)
	}
	rolling := slices.ContainsFunc(r.Consumers, func(c plan.ConsumerReport) bool { return c.State == "rolling" })
	rotating := slices.ContainsFunc(r.Sources, func(s plan.SourceReport) bool { return s.Pending != "" })
	if rolling || rotating || len(r.Steps) > 0 {
		next = watchMost
	}
	return max(next, watchMost)
}

// watcher remembers what it has shown.
type watcher struct {
	statusCmd
	told map[string]string // by subject
}

// show shows a report: redrawn on a terminal; a line for each change in a pipe, and one object a line as JSON.
func (w *watcher) show(s *session, r plan.Report) error {
	news := listStates(s.newPage(r))
	fresh := w.tellNews(news)
	var err error
	switch {
	case len(fresh) == 0 && !s.hasScreen():
	case s.json:
		err = json.NewEncoder(s.out).Encode(r)
	case s.hasScreen():
		_, err = fmt.Fprintf(s.out, "\x1b[H\x1b[2J%s\n", w.render(s.newPage(r)))
	default:
		for _, line := range fresh {
			if _, err = fmt.Fprintf(s.out, "%s %s\n", r.At.UTC().Format(time.TimeOnly), line); err != nil {
				break
			}
		}
	}
	if err != nil {
		return fmt.Errorf("show the status: %w", err)
	}
	return nil
}

// tellNews returns the lines that differ from what was told of their subject before, and remembers them. A subject that
// is gone is told as such.
func (w *watcher) tellNews(news map[string]string) []string {
	var fresh []string
	for subject := range maps.Clone(w.told) {
		if _, still := news[subject]; !still {
			news[subject] = "nothing more"
		}
	}
	for _, subject := range slices.Sorted(maps.Keys(news)) {
		line := news[subject]
		if w.told[subject] == line {
			continue
		}
		w.told[subject] = line
		if subject == "" {
			fresh = append(fresh, line)
		} else {
			fresh = append(fresh, subject+": "+line)
		}
	}
	return fresh
}

// listStates returns what a watcher in a pipe tells, by subject: the verdict under "", each consumer, each old
// credential, each source that needs attention. Nothing in it changes with the time alone.
func listStates(p page) map[string]string {
	p.Width, p.Color = 1000, false
	states := map[string]string{"": p.renderVerdict()}
	for _, c := range p.report.Consumers {
		text := consumerState(c)
		if c.Running != "" {
			text += " on " + history.Short(c.Running)
		}
		if c.Failed != nil {
			text += ", rollout failed: " + c.Failed.Reason
		}
		states[c.Name] = text
	}
	for _, s := range p.report.Sources {
		if s.Pending != "" {
			states[s.Name] = "is being rotated to " + history.Short(s.Pending)
		}
		for _, o := range s.Owed {
			states[s.Name+" "+history.Short(o.Version)] = describeStage(o)
		}
	}
	for _, w := range p.listOtherWaits() {
		states[w.Subject+" "+history.Short(w.Version)] = string(w.Reason) + " " + w.Detail
	}
	return states
}

// describeStage returns what an old credential waits for, without times.
func describeStage(o plan.OwedReport) string {
	if len(o.Blocked) == 0 {
		return "nothing blocks it"
	}
	text := "waits: " + string(o.Blocked[0].Reason)
	if len(o.HeldBy) > 0 {
		text += " (" + strings.Join(o.HeldBy, ", ") + ")"
	}
	if o.Failed != nil {
		text += ", failed " + countTimes(o.Failed.Count)
	}
	return text
}
