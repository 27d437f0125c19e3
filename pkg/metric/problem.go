package metric

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// How long what an alarm of a plan is about may wait, as its page of the runbook begins; and the values of the dimension
// Urgency.
const (
	Now        = "now" // wake somebody
	ByTomorrow = "by-tomorrow"
	ThisWeek   = "this-week"
)

// The alarms that several problems share with infra.metrics: few.
const (
	ProblemByTomorrow = "problem-by-tomorrow"
	ProblemThisWeek   = "problem-this-week"
)

// problem describes an alarm of a plan: how long it may wait, and whether it is alone, which keeps an alarm of its own with
// infra.metrics: few. Whatever may wake somebody is alone: an alarm that is raised already tells nobody of a second problem.
type problem struct {
	urgency string
	alone   bool
}

var problems = map[string]problem{
	plan.DeadlinePassed:    {Now, true},
	plan.FrozenSecret:      {Now, true},
	plan.ValueNotAccepted:  {ByTomorrow, true}, // now, where nothing older is accepted
	plan.RotationStuck:     {ByTomorrow, false},
	plan.RetirementOwed:    {ByTomorrow, false},
	plan.RollbackAbandoned: {ByTomorrow, false},
	plan.LabelsFilling:     {ByTomorrow, false},
	plan.RetirementFailed:  {ByTomorrow, false},
	plan.StrangerRuns:      {ByTomorrow, false},
	plan.RotationDue:       {ThisWeek, false},
	plan.StrangerReads:     {ThisWeek, false},
	plan.UndeclaredKey:     {ThisWeek, false},
}

// UrgencyOf returns how long what an alarm of a plan is about may wait: Now, ByTomorrow or ThisWeek.
func UrgencyOf(alarm string) string { return problems[alarm].urgency }

// countProblems counts what a pass found that shares the alarm of this urgency. A look that could not be scheduled is one
// of this week's.
func (o Outcome) countProblems(urgency string) int64 {
	n := int64(0)
	for _, a := range o.Report.Alarms {
		p := problems[a.Name]
		n += oneIf(p.urgency == urgency && !p.alone)
	}
	return n + oneIf(o.Forgotten && urgency == ThisWeek)
}

// ListAlarms returns the names of an environment's alarms, which are those of their pages of the runbook. What
// infra.metrics does not publish has none.
func ListAlarms(env *manifest.Environment) []string {
	var all []string
	switch env.PublishedMetrics() {
	case manifest.MetricsAll:
		all = append([]string{"no-passes", "pass-failed", "pass-incomplete", "consumer-behind", "event-refused", "appointment-failed"},
			plan.AlarmNames()...)
	case manifest.MetricsFew:
		all = append([]string{"no-passes", "pass-failed", "pass-incomplete", "consumer-behind"},
			slices.DeleteFunc(plan.AlarmNames(), func(name string) bool { return !problems[name].alone })...)
		all = append(all, ProblemByTomorrow, ProblemThisWeek)
	default:
		all = []string{"no-passes"}
	}
	all = append(all, "dead-letters", "undelivered", "queue-old", "propagate-errors")
	for _, network := range env.RotateFunctions() {
		if network {
			all = append(all, "rotate-network-errors")
		} else {
			all = append(all, "rotate-errors")
		}
	}
	return all
}
