package metric

import (
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Outcome is how a pass went.
type Outcome struct {
	Report     plan.Report // what it saw; the zero Report where it could not look
	Failed     bool        // it stopped before its end
	Incomplete bool        // it did what it could, and something refused
	Forgotten  bool        // the next look could not be scheduled
}

// Pass returns the lines of one pass that ended at a time. A dry run is no pass.
func Pass(environment string, at time.Time, o Outcome) []byte {
	d := document{at: at}
	d.add(Passes.seriesFor(environment, ""), 1)
	d.add(PassesFailed.seriesFor(environment, ""), oneIf(o.Failed))
	d.add(PassesIncomplete.seriesFor(environment, ""), oneIf(o.Incomplete))
	d.add(AppointmentsFailed.seriesFor(environment, ""), oneIf(o.Forgotten))
	if o.Report.At.IsZero() {
		return d.encodeLine()
	}
	d.add(Steps.seriesFor(environment, ""), int64(len(o.Report.Steps)))
	d.add(Waits.seriesFor(environment, ""), int64(len(o.Report.Waits)))
	d.add(ConsumersBehind.seriesFor(environment, ""), countBehind(o.Report))
	lines := d.encodeLine()
	for _, s := range o.Report.Sources {
		lines = append(lines, sourceLine(environment, at, o.Report, s)...)
	}
	for _, name := range plan.AlarmNames() {
		lines = append(lines, alarmLine(environment, at, o.Report, name)...)
	}
	return lines
}

// Events returns the line of a batch of messages, of which so many were refused.
func Events(environment string, at time.Time, refused int) []byte {
	d := document{at: at}
	d.add(EventsRefused.seriesFor(environment, ""), int64(refused))
	return d.encodeLine()
}

// Request returns the line of what the rotate Lambda was asked for and did. What was about no source of the environment
// is not counted here: Lambda counts it as an error.
func Request(environment, source string, at time.Time, refused, failed bool) []byte {
	d := document{at: at}
	d.add(Requests.seriesFor(environment, source), 1)
	d.add(RequestsRefused.seriesFor(environment, source), oneIf(refused))
	d.add(RequestsFailed.seriesFor(environment, source), oneIf(failed))
	return d.encodeLine()
}

func sourceLine(environment string, at time.Time, r plan.Report, s plan.SourceReport) []byte {
	d := document{at: at}
	if !s.Since.IsZero() {
		d.add(CredentialAge.seriesFor(environment, s.Name), secondsBetween(s.Since, r.At))
	}
	d.add(ChangeAge.seriesFor(environment, s.Name), measureChangeAge(r, s))
	d.add(RetirementsOwed.seriesFor(environment, s.Name), int64(len(s.Owed)))
	return d.encodeLine()
}

func alarmLine(environment string, at time.Time, r plan.Report, name string) []byte {
	raised := int64(0)
	for _, a := range r.Alarms {
		raised += oneIf(a.Name == name)
	}
	d := document{at: at}
	d.add(Alarms.seriesFor(environment, name), raised)
	return d.encodeLine()
}

// measureChangeAge returns the age of a change in seconds. It grows while somebody has not followed. It stands still
// from then on, until nothing is left of the change: a consumer that follows between two passes counts with the time at
// which it did, not with that of the last look before.
func measureChangeAge(r plan.Report, s plan.SourceReport) int64 {
	switch {
	case s.Changed.IsZero():
		return 0
	case s.Followed.IsZero():
		return secondsBetween(s.Changed, r.At)
	}
	return secondsBetween(s.Changed, s.Followed)
}

// countBehind counts the consumers that are not where they should be, whatever the reason. Where a bucket or
// a source has no version yet, nobody can be on it, and what drains is on it. One that rolls is not counted for as long as
// bake times and lifecycle hooks explain that it does.
func countBehind(r plan.Report) int64 {
	empty := map[string]bool{}
	for _, b := range r.Buckets {
		empty[plan.ConsumerReport{Bucket: b.Name}.Reads()] = b.Version == ""
	}
	for _, s := range r.Sources {
		empty[plan.ConsumerReport{Source: s.Name}.Reads()] = s.Version == ""
	}
	n := int64(0)
	for _, c := range r.Consumers {
		explained := c.State == "rolling" && c.RollsTill.After(r.At)
		n += oneIf(c.State != "current" && c.State != "draining" && !explained && !empty[c.Reads()])
	}
	return n
}

// secondsBetween returns seconds, and never a negative number: two clocks may differ.
func secondsBetween(from, to time.Time) int64 { return max(0, int64(to.Sub(from)/time.Second)) }

func oneIf(is bool) int64 {
	if is {
		return 1
	}
	return 0
}
