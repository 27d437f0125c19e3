package main

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// newDashboard shows what the Lambdas measure: how old every credential is, what is owed, how far consumers are behind.
func (p pipeline) newDashboard() {
	awscloudwatch.NewCfnDashboard(p.stack, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardName: jsii.String(p.environment.Dashboard()),
		DashboardBody: jsii.String(renderDashboard(p.environment)),
	})
}

// renderDashboard returns the dashboard's body
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
func renderDashboard(env *manifest.Environment) string {
	var widgets []any
	add := func(properties map[string]any, kind string) {
		i := len(widgets)
		widgets = append(
			widgets,
			map[string]any{
				"type":       kind,
				"x":          12 * (i % 2),
				"y":          6 * (i / 2),
				"width":      12,
				"height":     6,
				"properties": properties,
			},
		)
	}
	for _, g := range graphs {
		add(g.renderProperties(env), "metric")
	}
	var raised []string
	for _, a := range listAlarms(env) {
		raised = append(raised, env.ARN("cloudwatch", "alarm:"+env.Named(a.name)))
	}
	add(map[string]any{"title": "Alarms", "alarms": raised, "sortBy": "stateUpdatedTimestamp"}, "alarm")
	body, _ := json.Marshal(map[string]any{"widgets": widgets}) // texts and numbers: it cannot fail
	return string(body)
}

// graph draws a line for every series of these metrics.
type graph struct {
	title, statistic, unit string
	metrics                []metric.Name
}

var graphs = []graph{
	{"Age of every credential", "Maximum", "seconds", []metric.Name{metric.CredentialAge}},
	{"From a change until every consumer has followed", "Maximum", "seconds", []metric.Name{metric.ChangeAge}},
	{"Retirements owed", "Maximum", "versions", []metric.Name{metric.RetirementsOwed}},
	{"What is not as it should be", "Maximum", "", []metric.Name{metric.ConsumersBehind, metric.Steps, metric.Waits}},
	{"Passes", "Sum", "in five minutes", []metric.Name{metric.Passes}},
	{
		"Failures",
		"Sum",
		"in five minutes",
		[]metric.Name{
			metric.PassesFailed,
			metric.PassesIncomplete,
			metric.AppointmentsFailed,
			metric.EventsRefused,
			metric.RequestsFailed,
			metric.RequestsRefused,
		},
	},
	{"Rotation steps, retirements and rollbacks", "Sum", "in five minutes", []metric.Name{metric.Requests}},
}

func (g graph) renderProperties(env *manifest.Environment) map[string]any {
	var lines []any
	for _, name := range g.metrics {
		for _, s := range metric.Of(env, name) {
			lines = append(lines, renderSeries(s))
		}
	}
	return map[string]any{
		"title": g.title, "region": env.Region, "view": "timeSeries", "stat": g.statistic, "period": 300,
		"metrics": lines,
		"yAxis":   map[string]any{"left": map[string]any{"label": g.unit, "showUnits": false, "min": 0}},
	}
}

// renderSeries returns one series as a graph takes it: namespace, name, dimensions.
func renderSeries(s metric.Series) []any {
	out := []any{metric.Namespace, s.Name}
	for _, name := range slices.Sorted(maps.Keys(s.Dimensions)) {
		out = append(out, name, s.Dimensions[name])
	}
	return out
}
