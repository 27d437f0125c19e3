// Package metric has what the Lambdas measure: one table of metrics, which the dashboard and the alarms of infra are
// made from too, and how a pass or a request becomes numbers. It is given what was seen and reaches nothing. Names of
// the manifest and counts go in, never a value.
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
// its sources once for every pass that could look, and EventsRefused once for every batch of messages.
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

	Alarms Name = "Alarms" // what a person has to look at, by the alarm's name; 0 where there is nothing

	Requests        Name = "Requests"        // 1: the rotate Lambda was asked for a step, an advance or a rollback
	RequestsRefused Name = "RequestsRefused" // 1 where it may not happen now, else 0
	RequestsFailed  Name = "RequestsFailed"  // 1 where it did not succeed, else 0
)

// The names of dimensions. Every metric has the first one, and some a second.
const (
	Environment = "Environment"
	Source      = "Source"
	Alarm       = "Alarm"
)

// Units, in CloudWatch's words.
const (
	count   = "Count"
	seconds = "Seconds"
)

// table lists each metric's unit and second dimension.
var table = []struct {
	name     Name
	unit, by string
}{
	{Passes, count, ""},
	{PassesFailed, count, ""},
	{PassesIncomplete, count, ""},
	{AppointmentsFailed, count, ""},
	{EventsRefused, count, ""},
	{Steps, count, ""},
	{Waits, count, ""},
	{ConsumersBehind, count, ""},
	{CredentialAge, seconds, Source},
	{ChangeAge, seconds, Source},
	{RetirementsOwed, count, Source},
	{Alarms, count, Alarm},
	{Requests, count, Source},
	{RequestsRefused, count, Source},
	{RequestsFailed, count, Source},
}

// Series is one metric of one environment: one line in CloudWatch.
type Series struct {
	Name       Name
	Unit       string
	Dimensions map[string]string
}

// All returns every series that the Lambdas of an environment may write, in the order of the table and the manifest.
func All(env *manifest.Environment) []Series {
	values := map[string][]string{"": {""}, Alarm: plan.AlarmNames()}
	for _, s := range env.Sources {
		values[Source] = append(values[Source], s.Name)
	}
	var all []Series
	for _, m := range table {
		for _, value := range values[m.by] {
			all = append(all, m.name.seriesFor(env.Name, value))
		}
	}
	return all
}

// Of returns the series of one metric, of those that All returns.
func Of(env *manifest.Environment, name Name) []Series {
	return slices.DeleteFunc(All(env), func(s Series) bool { return s.Name != name })
}

// seriesFor returns the metric's series with this value of its second dimension.
func (n Name) seriesFor(environment, value string) Series {
	for _, m := range table {
		if m.name == n {
			s := Series{Name: n, Unit: m.unit, Dimensions: map[string]string{Environment: environment}}
			if m.by != "" {
				s.Dimensions[m.by] = value
			}
			return s
		}
	}
	return Series{}
}
