package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// newsStep is a step of a pass.
const newsStep operate.News = "step"

// describeNews returns an event as a line of a log: a clock, the source and its step, and what is news.
func describeNews(e operate.Event, environment string) string {
	subject := e.Source
	switch {
	case e.Event == newsStep:
		return formatClock(e.At) + " " + e.Detail
	case e.Source == operate.Everything:
		subject = environment
	case e.Event != operate.NewsDone && e.Event != operate.NewsNothing:
		subject += fmt.Sprintf(" %d/%d", e.Step, e.Steps)
	}
	return formatClock(e.At) + " " + subject + " " + describeEvent(e)
}

func describeEvent(e operate.Event) string {
	switch e.Event {
	case operate.NewsMaking:
		return "making " + history.Short(e.Version)
	case operate.NewsMade:
		return "made " + history.Short(e.Version)
	case operate.NewsWritten:
		return "written " + strings.Join(e.Buckets, ", ")
	case operate.NewsConsumer:
		return "following " + e.Consumer + ": " + e.Detail
	case operate.NewsFollows:
		return "followed " + e.Consumer
	case operate.NewsFollowed:
		return fmt.Sprintf("followed %d of %d", e.Followed, e.Of)
	case operate.NewsWaiting:
		return "waiting: " + describeGate(plan.Wait{Reason: e.Reason, Detail: e.Detail}) + untilClock(e.Until, e.At)
	case operate.NewsAsk:
		return "needs a person: " + e.Detail
	case operate.NewsRetired:
		return "retired " + listShortIDs(e.Versions)
	case operate.NewsNothing:
		return "came to nothing: " + history.Short(e.Version) + " is still current; the rotate Lambda's log says why"
	case operate.NewsDone:
		if e.Source == operate.Everything {
			return "every consumer runs what the sources say"
		}
		if len(e.Versions) == 0 {
			return "done: nothing is owed"
		}
		return "done: " + describeDead(e.Versions, "dead") + ", nothing is owed"
	}
	return string(e.Event)
}

// describeGate returns what an owed version waits for, in words.
func describeGate(w plan.Wait) string {
	switch w.Reason {
	case plan.Settling:
		return "nobody runs it; what was withdrawn must not start any more"
	case plan.Deployable, plan.PendingWork:
		return "the next pass withdraws it"
	case plan.RetryLater:
		return w.Detail
	default:
		return cmp.Or(w.Detail, string(w.Reason))
	}
}

// describeDead returns that versions are accepted nowhere any more, in these words.
func describeDead(versions []string, words string) string {
	if len(versions) == 1 {
		return history.Short(versions[0]) + " is " + words
	}
	return listShortIDs(versions) + " are " + words
}

func listShortIDs(versions []string) string {
	var ids []string
	for _, id := range versions {
		ids = append(ids, history.Short(id))
	}
	return strings.Join(ids, ", ")
}

// formatClock returns the time of day in UTC, to the second.
func formatClock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

// formatMoment returns a time in UTC to the minute, with its day where that is another one than now's.
func formatMoment(t, now time.Time) string {
	if t, now = t.UTC(), now.UTC(); t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return t.Format("2 Jan 15:04")
	}
	return t.UTC().Format("15:04")
}

func untilClock(until, now time.Time) string {
	if !until.After(now) {
		return ""
	}
	return ", until " + formatMoment(until, now)
}

// formatLength returns how long something takes: 50s, 7m20s, 14m, 2h05m, 3d.
func formatLength(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour && d%time.Minute != 0:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// formatAbout returns an estimate, in whole minutes.
func formatAbout(d time.Duration) string { return formatLength(max(d.Round(time.Minute), time.Minute)) }
