// Package metric has what the Lambdas measure: one table of metrics, which the dashboard and the alarms of infra are
// made from too, and how a pass or a request becomes numbers. It is given what was seen and reaches nothing. Names of
// the manifest and counts go in, never a value. infra.metrics of the manifest decides which part of the table is written.
package metric

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Namespace is where all of them are, in CloudWatch's words.
const Namespace = "rotary"

// Name is a metric's name.
type Name string

// The metrics. The first four are written once for every pass, whatever became of it, the others of the environment and
// its sources once for every pass that could look, and EventsRefused once for every batch of messages. infra.metrics: few has no Passes, EventsRefused and AppointmentsFailed:
// PassesFailed is counted instead of the first, and the others are Problems.
const (
	Passes             Name = "Passes"             // 1: a pass came to an end, whatever end
	PassesFailed       Name = "PassesFailed"       // 1 where it stopped before its end, else 0
	PassesIncomplete   Name = "PassesIncomplete"   // 1 where a consumer or retirement refused or time was up, else 0
	AppointmentsFailed Name = "AppointmentsFailed" // 1 where the next look could not be scheduled, else 0

	EventsRefused Name = "EventsRefused" // messages of a batch about another environment, or not of rotary

	Steps           Name = "Steps"           // what a pass did, or tried to
	Waits           Name = "Waits"           // what is not done now
	ConsumersBehind Name = "ConsumersBehind" // consumers not on their bucket's version; not those that only drain

	CredentialAge   Name = "CredentialAge"   // since the current version was made; not written without one
	ChangeAge       Name = "ChangeAge"       // from a change until its last consumer followed, or now
	RetirementsOwed Name = "RetirementsOwed" // versions that are live, and neither current nor pending

	Alarms   Name = "Alarms"   // what a person has to look at, by the alarm's name; 0 where there is nothing
	Problems Name = "Problems" // the same, of those that have no alarm of their own, by their urgency

	Requests        Name = "Requests"        // 1: the rotate Lambda was asked for a step, an advance or a rollback
	RequestsRefused Name = "RequestsRefused" // 1 where it may not happen now, else 0
	RequestsFailed  Name = "RequestsFailed"  // 1 where it did not succeed, else 0
)

// The names of dimensions. Every metric has the first one, and some a second.
const (
	Environment = "Environment"
	Source      = "Source"
	Alarm       = "Alarm"
	Urgency     = "Urgency"
)

// Units, in CloudWatch's words.
const (
	count   = "Count"
	seconds = "Seconds"
)

// The choices of infra.metrics with which a metric is written.
var (
	always  = []string{manifest.MetricsFew, manifest.MetricsAll} // but with none
	onlyAll = []string{manifest.MetricsAll}
	onlyFew = []string{manifest.MetricsFew}
)

// table lists each metric's unit and second dimension, and with which choices it is written.
var table = []struct {
	name     Name
	unit, by string
	with     []string
}{
	{Passes, count, "", onlyAll},
	{PassesFailed, count, "", always},
	{PassesIncomplete, count, "", always},
	{AppointmentsFailed, count, "", onlyAll},
	{EventsRefused, count, "", onlyAll},
	{Steps, count, "", onlyAll},
	{Waits, count, "", onlyAll},
	{ConsumersBehind, count, "", always},
	{CredentialAge, seconds, Source, onlyAll},
	{ChangeAge, seconds, Source, onlyAll},
	{RetirementsOwed, count, Source, onlyAll},
	{Alarms, count, Alarm, onlyAll}, // and with few, where an alarm is alone
	{Problems, count, Urgency, onlyFew},
	{Requests, count, Source, onlyAll},
	{RequestsRefused, count, Source, onlyAll},
	{RequestsFailed, count, Source, onlyAll},
}

// Series is one metric of one environment: one line in CloudWatch.
type Series struct {
	Name       Name
	Unit       string
	Dimensions map[string]string
}

// All returns every series that the Lambdas of an environment may write, in the order of the table and the manifest:
// none of them with infra.metrics: none.
func All(env *manifest.Environment) []Series {
	values := map[string][]string{"": {""}, Alarm: plan.AlarmNames(), Urgency: {ByTomorrow, ThisWeek}}
	for _, s := range env.Sources {
		values[Source] = append(values[Source], s.Name)
	}
	var all []Series
	for _, m := range table {
		for _, value := range values[m.by] {
			if s, written := m.name.seriesFor(env, value); written {
				all = append(all, s)
			}
		}
	}
	return all
}

// Of returns the series of one metric, of those that All returns.
func Of(env *manifest.Environment, name Name) []Series {
	return slices.DeleteFunc(All(env), func(s Series) bool { return s.Name != name })
}

// seriesFor returns the metric's series with this value of its second dimension, and reports whether the environment
// publishes it.
func (n Name) seriesFor(env *manifest.Environment, value string) (s Series, written bool) {
	for _, m := range table {
		if m.name == n {
			s = Series{Name: n, Unit: m.unit, Dimensions: map[string]string{Environment: env.Name}}
			if m.by != "" {
				s.Dimensions[m.by] = value
			}
			choice := env.PublishedMetrics()
			return s, slices.Contains(m.with, choice) || n == Alarms && problems[value].alone && choice == manifest.MetricsFew
		}
	}
	return Series{}, false
}
