package metric

import (
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
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
func Pass(env *manifest.Environment, at time.Time, o Outcome) []byte {
	d := document{env: env, at: at}
	d.add(Passes, "", 1)
	d.add(PassesFailed, "", oneIf(o.Failed))
	d.add(PassesIncomplete, "", oneIf(o.Incomplete))
	d.add(AppointmentsFailed, "", oneIf(o.Forgotten))
	if o.Report.At.IsZero() {
		return d.encodeLine()
	}
	d.add(Steps, "", int64(len(o.Report.Steps)))
	d.add(Waits, "", int64(len(o.Report.Waits)))
	d.add(ConsumersBehind, "", countBehind(o.Report))
	lines := d.encodeLine()
	for _, s := range o.Report.Sources {
		lines = append(lines, sourceLine(env, at, o.Report, s)...)
	}
	for _, name := range plan.AlarmNames() {
		lines = append(lines, alarmLine(env, at, o.Report, name)...)
	}
	for _, urgency := range []string{ByTomorrow, ThisWeek} {
		lines = append(lines, problemLine(env, at, urgency, o.countProblems(urgency))...)
	}
	return lines
}

// Events returns the line of a batch of messages, of which so many were refused.
func Events(env *manifest.Environment, at time.Time, refused int) []byte {
	d := document{env: env, at: at}
	d.add(EventsRefused, "", int64(refused))
	lines := d.encodeLine()
	if refused > 0 { // 0 would hide what the last pass found
		lines = append(lines, problemLine(env, at, ByTomorrow, int64(refused))...)
	}
	return lines
}

func problemLine(env *manifest.Environment, at time.Time, urgency string, n int64) []byte {
	d := document{env: env, at: at}
	d.add(Problems, urgency, n)
	return d.encodeLine()
}

// Request returns the line of what the rotate Lambda was asked for and did. What was about no source of the environment
// is not counted here: Lambda counts it as an error.
func Request(env *manifest.Environment, source string, at time.Time, refused, failed bool) []byte {
	d := document{env: env, at: at}
	d.add(Requests, source, 1)
	d.add(RequestsRefused, source, oneIf(refused))
	d.add(RequestsFailed, source, oneIf(failed))
	return d.encodeLine()
}

func sourceLine(env *manifest.Environment, at time.Time, r plan.Report, s plan.SourceReport) []byte {
	d := document{env: env, at: at}
	if !s.Since.IsZero() {
		d.add(CredentialAge, s.Name, secondsBetween(s.Since, r.At))
	}
	d.add(ChangeAge, s.Name, measureChangeAge(r, s))
	d.add(RetirementsOwed, s.Name, int64(len(s.Owed)))
	return d.encodeLine()
}

func alarmLine(env *manifest.Environment, at time.Time, r plan.Report, name string) []byte {
	raised := int64(0)
	for _, a := range r.Alarms {
		raised += oneIf(a.Name == name)
	}
	d := document{env: env, at: at}
	d.add(Alarms, name, raised)
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
