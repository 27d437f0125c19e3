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
	d.add(Passes.of(environment, ""), 1)
	d.add(PassesFailed.of(environment, ""), one(o.Failed))
	d.add(PassesIncomplete.of(environment, ""), one(o.Incomplete))
	d.add(AppointmentsFailed.of(environment, ""), one(o.Forgotten))
	if o.Report.At.IsZero() {
		return d.line()
	}
	d.add(Steps.of(environment, ""), int64(len(o.Report.Steps)))
	d.add(Waits.of(environment, ""), int64(len(o.Report.Waits)))
	d.add(ConsumersBehind.of(environment, ""), behind(o.Report))
	lines := d.line()
	for _, s := range o.Report.Sources {
		lines = append(lines, source(environment, at, o.Report, s)...)
	}
	for _, name := range plan.AlarmNames() {
		lines = append(lines, alarm(environment, at, o.Report, name)...)
	}
	return lines
}

// Events returns the line of a batch of messages, of which so many were refused.
func Events(environment string, at time.Time, refused int) []byte {
	d := document{at: at}
	d.add(EventsRefused.of(environment, ""), int64(refused))
	return d.line()
}

// Request returns the line of what the rotate Lambda was asked for and did. What was about no source of the environment
// is not counted here: Lambda counts it as an error.
func Request(environment, source string, at time.Time, refused, failed bool) []byte {
	d := document{at: at}
	d.add(Requests.of(environment, source), 1)
	d.add(RequestsRefused.of(environment, source), one(refused))
	d.add(RequestsFailed.of(environment, source), one(failed))
	return d.line()
}

func source(environment string, at time.Time, r plan.Report, s plan.SourceReport) []byte {
	d := document{at: at}
	if !s.Since.IsZero() {
		d.add(CredentialAge.of(environment, s.Name), between(s.Since, r.At))
	}
	d.add(ChangeAge.of(environment, s.Name), changeAge(r, s))
	d.add(RetirementsOwed.of(environment, s.Name), int64(len(s.Owed)))
	return d.line()
}

func alarm(environment string, at time.Time, r plan.Report, name string) []byte {
	raised := int64(0)
	for _, a := range r.Alarms {
		raised += one(a.Name == name)
	}
	d := document{at: at}
	d.add(Alarms.of(environment, name), raised)
	return d.line()
}

// changeAge grows while somebody has not followed. It stands still from then on, until nothing is left of the change:
// a consumer that follows between two passes counts with the time at which it did, not with that of the last look before.
func changeAge(r plan.Report, s plan.SourceReport) int64 {
	switch {
	case s.Changed.IsZero():
		return 0
	case s.Followed.IsZero():
		return between(s.Changed, r.At)
	}
	return between(s.Changed, s.Followed)
}

// behind counts the consumers that are not where they should be, whatever the reason. Where a bucket has no version yet,
// nobody can be on it, and what drains is on it.
func behind(r plan.Report) int64 {
	empty := map[string]bool{}
	for _, b := range r.Buckets {
		empty[b.Name] = b.Version == ""
	}
	n := int64(0)
	for _, c := range r.Consumers {
		n += one(c.State != "current" && c.State != "draining" && !empty[c.Bucket])
	}
	return n
}

// between is in seconds, and never negative: two clocks may differ.
func between(from, to time.Time) int64 { return max(0, int64(to.Sub(from)/time.Second)) }

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}
