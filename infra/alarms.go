package main

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// runbooks is where an alarm's page stands: its name and .md.
const runbooks = "https://github.com/rotary-secrets/rotary/blob/main/docs/runbook/"

// alarm is one thing that a person has to look at. Its name is that of its page of the runbook, which begins with
// about.
type alarm struct {
	name, about string
	series
	statistic string // of each period
	when      string // beyond the threshold: above or below
	threshold float64
	minutes   int // of a period; a sweep comes every five
	of        int // periods that are looked at
	beyond    int // so many of them raise the alarm
	missing   string
	quietly   bool // it does not say when it is over
}

// series identifies one metric of CloudWatch: a name and its dimensions.
type series struct {
	namespace, name string
	dimensions      map[string]string
}

// What a period without data says. A pass that does not come changes nothing of what the last one saw: another alarm
// says that there is none.
const (
	keepsState  = "ignore"       // of what passes see
	nothingDone = "notBreaching" // of what is only counted when it happens
	silence     = "breaching"    // of what must come
)

// listAlarms returns those of an environment, in the order in which a person would want to read them: of what is described
// here, those that its metrics allow.
func listAlarms(env *manifest.Environment) []alarm {
	names := metric.ListAlarms(env)
	return slices.DeleteFunc(
		describeAlarms(env),
		func(a alarm) bool { return !slices.Contains(names, a.name) },
	)
}

// alarmOnSilence returns the alarm that is raised where no pass comes. Each pass writes PassesFailed once, so that the number
// of its values is that of passes. Without metrics it counts the calls of the Lambda, which the sweep causes.
func alarmOnSilence(env *manifest.Environment) alarm {
	a := alarm{
		name:      "no-passes",
		about:     "No pass has come to an end for a quarter of an hour",
		series:    ownMetric(env, metric.Passes),
		statistic: "Sum",
		when:      "below",
		threshold: 1,
		minutes:   5,
		of:        3,
		beyond:    3,
		missing:   silence,
	}
	switch env.PublishedMetrics() {
	case manifest.MetricsFew:
		a.series, a.statistic = ownMetric(env, metric.PassesFailed), "SampleCount"
	case manifest.MetricsNone:
		a.series = ofFunction("Invocations", env.PropagateFunction())
	}
	return a
}

// alarmOnLook returns an alarm that one pass raises, and that stays until a pass finds nothing.
func alarmOnLook(name, about string, s series) alarm {
	return alarm{
		name:      name,
		about:     about,
		series:    s,
		statistic: "Maximum",
		when:      "above",
		minutes:   5,
		of:        1,
		beyond:    1,
		missing:   keepsState,
	}
}

// describeAlarms returns the alarms that any choice of infra.metrics has. The series of those that this environment's choice
// does not have is empty.
func describeAlarms(env *manifest.Environment) []alarm {
	all := []alarm{
		alarmOnSilence(env),
		alarmOnState("pass-failed", "Passes stop before their end", ownMetric(env, metric.PassesFailed)),
		alarmOnState(
			"pass-incomplete",
			"A consumer or a retirement refuses, pass after pass; the others go on",
			ownMetric(env, metric.PassesIncomplete),
		),
		{
			name:      "consumer-behind",
			about:     "A consumer has not followed for an hour",
			series:    ownMetric(env, metric.ConsumersBehind),
			statistic: "Minimum",
			when:      "above",
			minutes:   15,
			of:        4,
			beyond:    4,
			missing:   keepsState,
		},
		alarmOnEvent(
			"event-refused",
			"A message was refused: another environment's, or none of rotary's",
			ownMetric(env, metric.EventsRefused),
		),
		alarmOnEvent(
			"appointment-failed",
			"The next look could not be scheduled; the sweep comes instead",
			ownMetric(env, metric.AppointmentsFailed),
		),
	}
	for _, name := range plan.AlarmNames() {
		all = append(all, alarmOnLook(name, looked[name], secondMetric(env, metric.Alarms, metric.Alarm, name)))
	}
	all = append(
		all,
		alarmOnLook(
			"problem-by-tomorrow",
			"Something that has no alarm of its own wants a person by tomorrow",
			secondMetric(env, metric.Problems, metric.Urgency, metric.ByTomorrow),
		),
		alarmOnLook(
			"problem-this-week",
			"Something that has no alarm of its own wants a person this week",
			secondMetric(env, metric.Problems, metric.Urgency, metric.ThisWeek),
		),
	)
	for _, queue := range []struct{ name, queue, about string }{
		{"dead-letters", env.DeadLetters(), "A message was given up"},
		{"undelivered", env.Undelivered(), "An event or a sweep could not be delivered"},
	} {
		all = append(
			all,
			alarm{
				name:      queue.name,
				about:     queue.about,
				series:    ofQueue("ApproximateNumberOfMessagesVisible", queue.queue),
				statistic: "Maximum",
				when:      "above",
				minutes:   5,
				of:        1,
				beyond:    1,
				missing:   nothingDone,
			},
		)
	}
	all = append(
		all,
		alarm{
			name:      "queue-old",
			about:     "A message waits for longer than three passes",
			series:    ofQueue("ApproximateAgeOfOldestMessage", env.Queue()),
			statistic: "Maximum",
			when:      "above",
			threshold: 3 * propagateSeconds,
			minutes:   5,
			of:        1,
			beyond:    1,
			missing:   nothingDone,
		},
	)
	for _, f := range listFunctions(env) {
		all = append(
			all,
			alarmOnEvent(
				f.short+"-errors",
				f.about,
				ofFunction("Errors", f.name),
			),
		)
	}
	return all
}

// looked maps each alarm of a plan to its description.
var looked = map[string]string{
	plan.RotationDue:       "A credential is older than the manifest allows",
	plan.RotationStuck:     "A rotation neither ends nor fails, or it has failed and left a person something to do",
	plan.RetirementOwed:    "An old credential lives too long",
	plan.RollbackAbandoned: "Somebody has begun to go back, and left",
	plan.DeadlinePassed:    "An emergency's deadline is over, and the old credential lives",
	plan.UndeclaredKey:     "A secret that rotary made holds a key that the manifest does not declare",
	plan.ValueNotAccepted:  "A value is current that the target of its source has not accepted, and is not rolled out",
	plan.FrozenSecret:      "One source or one bucket cannot be read or used. It keeps what it has, and nothing else stops",
	plan.LabelsFilling:     "A secret carries 15 or more of the 20 labels that Secrets Manager allows",
	plan.StrangerReads:     "Somebody reads a secret, by CloudTrail, who is in no manifest",
	plan.RetirementFailed:  "Ending an old credential has failed three times or more, and it is still accepted",
	plan.StrangerRuns:      "Something runs on a secret of the environment and stands in no manifest",
}

// alarmOnState returns an alarm that two of three periods of passes raise: once is no incident, because the next pass
// tries again.
func alarmOnState(name, about string, s series) alarm {
	return alarm{
		name:      name,
		about:     about,
		series:    s,
		statistic: "Sum",
		when:      "above",
		minutes:   5,
		of:        3,
		beyond:    2,
		missing:   keepsState,
	}
}

// alarmOnEvent returns an alarm that is raised by what happens once. When it is over there is nothing to say: nobody
// has mended anything.
func alarmOnEvent(name, about string, s series) alarm {
	return alarm{
		name:      name,
		about:     about,
		series:    s,
		statistic: "Sum",
		when:      "above",
		minutes:   5,
		of:        1,
		beyond:    1,
		missing:   nothingDone,
		quietly:   true,
	}
}

// ownMetric returns a metric that the Lambdas write of the whole environment.
func ownMetric(env *manifest.Environment, name metric.Name) series {
	return secondMetric(env, name, "", "")
}

// secondMetric returns a metric that the Lambdas write, with this value of its second dimension; the empty series where the
// environment does not publish it.
func secondMetric(env *manifest.Environment, name metric.Name, dimension, value string) series {
	for _, s := range metric.Of(env, name) {
		if s.Dimensions[dimension] == value {
			return series{metric.Namespace, string(s.Name), s.Dimensions}
		}
	}
	return series{}
}

func ofQueue(name, queue string) series {
	return series{"AWS/SQS", name, map[string]string{"QueueName": queue}}
}

func ofFunction(name, function string) series {
	return series{"AWS/Lambda", name, map[string]string{"FunctionName": function}}
}

// function is a Lambda of an environment, as its alarm calls it.
type function struct{ name, short, about string }

// listFunctions returns the Lambdas of an environment.
func listFunctions(env *manifest.Environment) []function {
	all := []function{{env.PropagateFunction(), "propagate", "The propagate Lambda failed"}}
	for _, network := range env.RotateFunctions() {
		f := function{env.RotateFunction(manifest.Source{}), "rotate", "The rotate Lambda failed"}
		if network {
			f = function{env.RotateFunction(manifest.Source{Network: true}), "rotate-network", "The rotate Lambda inside the VPC failed"}
		}
		all = append(all, f)
	}
	return all
}

// newAlarms adds one alarm for each thing that a person has to look at. All of them notify the topic.
func (p pipeline) newAlarms(topic *string) {
	for _, a := range listAlarms(p.environment) {
		props := a.newProps(p.environment)
		props.AlarmActions = &[]any{*topic}
		if !a.quietly {
			props.OkActions = &[]any{*topic}
		}
		awscloudwatch.NewCfnAlarm(p.stack, jsii.String("Alarm-"+a.name), props)
	}
}

func (a alarm) newProps(env *manifest.Environment) *awscloudwatch.CfnAlarmProps {
	operator := "GreaterThanThreshold"
	if a.when == "below" {
		operator = "LessThanThreshold"
	}
	return &awscloudwatch.CfnAlarmProps{
		AlarmName:        jsii.String(env.Named(a.name)),
		AlarmDescription: jsii.String(a.about + ": " + runbooks + a.name + ".md"),
		Namespace:        &a.namespace, MetricName: &a.series.name, Statistic: &a.statistic,
		Dimensions:        a.renderDimensions(),
		Period:            jsii.Number(60 * a.minutes),
		EvaluationPeriods: jsii.Number(a.of), DatapointsToAlarm: jsii.Number(a.beyond), Threshold: &a.threshold,
		ComparisonOperator: &operator, TreatMissingData: &a.missing,
	}
}

func (s series) renderDimensions() any {
	var all []any
	for _, name := range slices.Sorted(maps.Keys(s.dimensions)) {
		all = append(
			all,
			&awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(name), Value: jsii.String(s.dimensions[name])},
		)
	}
	return all
}

// rotationFailed is the page about what Secrets Manager says by itself: no alarm, but an event, which a rule sends to
// the topic with the page's address
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html).
const rotationFailed = "rotation-failed"

func addRunbook(page string) *awsevents.CfnRule_InputTransformerProperty {
	return &awsevents.CfnRule_InputTransformerProperty{
		InputTemplate: jsii.String(`{"runbook":"` + runbooks + page + `.md","event":<aws.events.event.json>}`),
	}
}
