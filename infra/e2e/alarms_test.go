package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/cloudwatch"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// watched holds what an alarm of a template looks at.
type watched struct {
	AlarmName, Namespace, MetricName string
	Dimensions                       []struct{ Name, Value string }
}

func (w watched) series() string {
	dimensions := map[string]string{}
	for _, d := range w.Dimensions {
		dimensions[d.Name] = d.Value
	}
	return series(w.Namespace, w.MetricName, dimensions)
}

// series is a metric with its dimensions, in a word.
func series(namespace, name string, dimensions map[string]string) string {
	text := namespace + " " + name
	for _, dimension := range slices.Sorted(maps.Keys(dimensions)) {
		text += " " + dimension + "=" + dimensions[dimension]
	}
	return text
}

// of reads the properties of every resource of a type.
func of[T any](t *testing.T, a *assembly, kind string) (all []T) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(a.stacks)) {
		for _, id := range slices.Sorted(maps.Keys(a.stacks[name].Resources)) {
			r := a.stacks[name].Resources[id]
			if r.Type != kind {
				continue
			}
			var one T
			text, err := json.Marshal(r.Properties)
			if err == nil {
				err = json.Unmarshal(text, &one)
			}
			if err != nil {
				t.Fatalf("read %s: %v", id, err)
			}
			all = append(all, one)
		}
	}
	return all
}

// measured are the series that the Lambdas have written, in the format that CloudWatch reads.
func (p *played) measured() (map[string]bool, error) {
	points, err := cloudwatch.Metrics(p.Region(p.Env.Account, p.Env.Region).Lambda.Output())
	all := map[string]bool{}
	for _, point := range points {
		all[series(point.Namespace, point.Name, point.Dimensions)] = true
	}
	return all, err
}

// fed compares what alarms and dashboard look at with what the story's Lambdas have written: nothing may be looked at
// that nobody writes, and nothing written that nobody looks at. AWS itself writes about queues and functions that are
// deployed.
func (p *played) fed(t *testing.T) {
	t.Helper()
	written, err := p.measured()
	if err != nil {
		t.Fatal(err)
	}
	looked := map[string]bool{}
	for _, a := range of[watched](t, p.assembly, "AWS::CloudWatch::Alarm") {
		looked[a.series()] = true
		if !written[a.series()] && !p.vended(t)[a.series()] {
			t.Errorf("the alarm %s looks at %s, which nobody writes", a.AlarmName, a.series())
		}
	}
	for line, rarely := range p.lines(t) {
		looked[line] = true
		if !written[line] && !rarely {
			t.Errorf("the dashboard shows %s, which nobody writes", line)
		}
	}
	for _, s := range slices.Sorted(maps.Keys(written)) {
		if !looked[s] {
			t.Errorf("%s is written, and neither an alarm nor the dashboard shows it", s)
		}
	}
}

// vended are the series of AWS that alarms look at, of everything that is deployed.
func (p *played) vended(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, q := range of[struct{ QueueName string }](t, p.assembly, "AWS::SQS::Queue") {
		for _, name := range []string{"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"} {
			all[series("AWS/SQS", name, map[string]string{"QueueName": q.QueueName})] = true
		}
	}
	for _, f := range of[struct{ FunctionName string }](t, p.assembly, "AWS::Lambda::Function") {
		for _, name := range []string{"Errors", "Invocations"} {
			all[series("AWS/Lambda", name, map[string]string{"FunctionName": f.FunctionName})] = true
		}
	}
	return all
}

// lines are those of the dashboard. Some are written rarely: where the rotate Lambda is asked about a source.
func (p *played) lines(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, d := range of[struct{ DashboardBody string }](t, p.assembly, "AWS::CloudWatch::Dashboard") {
		var body struct {
			Widgets []struct{ Properties struct{ Metrics [][]string } }
		}
		if err := json.Unmarshal([]byte(d.DashboardBody), &body); err != nil {
			t.Fatal(err)
		}
		for _, w := range body.Widgets {
			for _, line := range w.Properties.Metrics {
				dimensions := map[string]string{}
				for pair := range slices.Chunk(line[2:], 2) {
					dimensions[pair[0]] = pair[1]
				}
				all[series(line[0], line[1], dimensions)] = strings.HasPrefix(line[1], string(metric.Requests)) && !p.asked(dimensions[metric.Source])
			}
		}
	}
	if shown := len(all) > 0; shown != (p.Env.PublishedMetrics() == manifest.MetricsAll) {
		t.Fatalf("a dashboard is there: %v, with metrics %s", shown, p.Env.PublishedMetrics())
	}
	return all
}

// asked reports whether the story rotates a source.
func (p *played) asked(name string) bool {
	return slices.ContainsFunc(p.rotating(), func(s manifest.Source) bool { return s.Name == name })
}

// TestEveryAlarmTellsPeople: all of them go to the topic, and so does their end where that is news.
func TestEveryAlarmTellsPeople(t *testing.T) {
	for _, environment := range environments {
		topic := map[string]any{"Ref": "Alarms"}
		for _, s := range load(t, environment).stacks {
			for id, r := range s.Resources {
				if r.Type != "AWS::CloudWatch::Alarm" {
					continue
				}
				if actions, _ := r.Properties["AlarmActions"].([]any); len(actions) != 1 || fmt.Sprint(actions[0]) != fmt.Sprint(topic) || s.Resources["Alarms"].Type != "AWS::SNS::Topic" {
					t.Errorf("%s of %s tells %v", id, environment, actions)
				}
				if ends, has := r.Properties["OKActions"]; has && fmt.Sprint(ends) != fmt.Sprint(r.Properties["AlarmActions"]) {
					t.Errorf("%s of %s tells %v when it is over", id, environment, ends)
				}
				if enabled, has := r.Properties["ActionsEnabled"]; has && enabled != true {
					t.Errorf("%s of %s does nothing", id, environment)
				}
			}
		}
	}
}
