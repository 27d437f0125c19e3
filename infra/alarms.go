package main

import (
	"slices"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
)

// runbooks is where an alarm's page stands: its name and .md.
const runbooks = "https://github.com/rotary-secrets/rotary/blob/main/docs/runbook/"

// logged are the alarms that the Lambdas raise in their log, by the field alarm of a line, with what each means.
var logged = map[string]string{
	"event-refused":      "a message was refused: another environment's, or none of rotary's",
	"pass-failed":        "a pass stopped before its end",
	"pass-incomplete":    "a consumer or a retirement refused in a pass; the others went on",
	"appointment-failed": "the next look could not be scheduled; the sweep comes instead",
	"rotation-due":       "a credential is older than the manifest allows",
	"rotation-stuck":     "a rotation neither ends nor fails",
	"retirement-owed":    "an old credential lives too long",
	"rollback-abandoned": "somebody has begun to go back, and left",
	"deadline-passed":    "an emergency's deadline is over, and the old credential lives",
}

// newAlarms has one alarm for each thing that a person has to look at, each with its page of the runbook.
func (p pipeline) newAlarms(q queues, topic awssns.CfnTopic) {
	env := p.environment
	for _, name := range sortedKeys(logged) {
		filter := "rotary-" + env.Name + "-" + name
		awslogs.NewCfnMetricFilter(p.stack, jsii.String("Filter-"+name), &awslogs.CfnMetricFilterProps{
			LogGroupName: jsii.String(p.logs[env.PropagateFunction()]), FilterPattern: jsii.String(`{ $.alarm = "` + name + `" }`),
			MetricTransformations: []any{&awslogs.CfnMetricFilter_MetricTransformationProperty{MetricNamespace: jsii.String("rotary"), MetricName: &filter, MetricValue: jsii.String("1"), DefaultValue: jsii.Number(0)}},
		})
		p.alarm(topic, name, logged[name], metric{namespace: "rotary", name: filter, statistic: "Sum", above: 0})
	}
	p.alarm(topic, "dead-letters", "a message was given up", metric{namespace: "AWS/SQS", name: "ApproximateNumberOfMessagesVisible", statistic: "Maximum", dimensions: map[string]string{"QueueName": *q.dead.AttrQueueName()}})
	p.alarm(topic, "undelivered", "an event or a sweep could not be delivered", metric{namespace: "AWS/SQS", name: "ApproximateNumberOfMessagesVisible", statistic: "Maximum", dimensions: map[string]string{"QueueName": *q.undelivered.AttrQueueName()}})
	p.alarm(topic, "queue-old", "a message waits for longer than three passes", metric{namespace: "AWS/SQS", name: "ApproximateAgeOfOldestMessage", statistic: "Maximum", above: 3 * propagateSeconds, dimensions: map[string]string{"QueueName": *q.events.AttrQueueName()}})
	p.alarm(topic, "no-passes", "no pass has run for a quarter of an hour", metric{namespace: "AWS/Lambda", name: "Invocations", statistic: "Sum", below: true, above: 1, missing: "breaching", periods: 3, dimensions: map[string]string{"FunctionName": env.PropagateFunction()}})
	for _, function := range sortedKeys(p.logs) {
		short := function[len("rotary-"+env.Name+"-"):]
		p.alarm(topic, short+"-errors", "the "+short+" Lambda failed", metric{namespace: "AWS/Lambda", name: "Errors", statistic: "Sum", dimensions: map[string]string{"FunctionName": function}})
	}
}

// metric is what an alarm looks at.
type metric struct {
	namespace, name, statistic string
	dimensions                 map[string]string
	above                      float64
	below                      bool // the alarm is raised below, not above
	missing                    string
	periods                    float64
}

func (p pipeline) alarm(topic awssns.CfnTopic, name, about string, m metric) {
	full, operator := "rotary-"+p.environment.Name+"-"+name, "GreaterThanThreshold"
	if m.below {
		operator = "LessThanThreshold"
	}
	if m.missing == "" {
		m.missing = "notBreaching"
	}
	awscloudwatch.NewCfnAlarm(p.stack, jsii.String("Alarm-"+name), &awscloudwatch.CfnAlarmProps{
		AlarmName: &full, AlarmDescription: jsii.String(about + ": " + runbooks + name + ".md"), Namespace: &m.namespace, MetricName: &m.name, Statistic: &m.statistic,
		Dimensions: m.list(), Period: jsii.Number(300), EvaluationPeriods: jsii.Number(max(m.periods, 1)), Threshold: &m.above, ComparisonOperator: &operator, TreatMissingData: &m.missing,
		AlarmActions: &[]any{*topic.Ref()}, OkActions: &[]any{*topic.Ref()},
	})
}

func (m metric) list() any {
	var all []any
	for _, name := range sortedKeys(m.dimensions) {
		all = append(all, &awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(name), Value: jsii.String(m.dimensions[name])})
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// newDashboard shows what the reconciler measures: how old every credential is, what is owed, how far consumers are behind.
func (p pipeline) newDashboard() {
	env := p.environment
	awscloudwatch.NewCfnDashboard(p.stack, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardName: jsii.String("rotary-" + env.Name), DashboardBody: jsii.String(p.board()),
	})
}

// board is the dashboard's body
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
func (p pipeline) board() string {
	env := p.environment
	search := func(name string) string {
		return `[{"expression":"SEARCH('{rotary,Environment,Source} MetricName=\"` + name + `\" Environment=\"` + env.Name + `\"', 'Maximum', 300)","id":"m"}]`
	}
	plain := func(names ...string) string {
		out := ""
		for i, name := range names {
			if i > 0 {
				out += ","
			}
			out += `["rotary","` + name + `","Environment","` + env.Name + `"]`
		}
		return out
	}
	widget := func(i int, title, metrics string) string {
		return `{"type":"metric","x":` + strconv.Itoa(12*(i%2)) + `,"y":` + strconv.Itoa(6*(i/2)) + `,"width":12,"height":6,"properties":{"title":"` + title + `","region":"` + env.Region + `","view":"timeSeries","stat":"Maximum","period":300,"metrics":[` + metrics + `]}}`
	}
	return `{"widgets":[` +
		widget(0, "Age of every credential (s)", search("CredentialAge")) + "," +
		widget(1, "From a change until everybody has followed (s)", search("ChangeAge")) + "," +
		widget(2, "Retirements owed", search("RetirementsOwed")) + "," +
		widget(3, "Passes, and what they found", plain("Passes", "PassesFailed", "Steps", "Waits")) + `]}`
}
