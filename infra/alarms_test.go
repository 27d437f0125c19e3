package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// choices are those of infra.metrics.
var choices = []string{manifest.MetricsNone, manifest.MetricsFew, manifest.MetricsAll}

// allMetrics returns the examples that publish every metric.
func allMetrics(t *testing.T) []*manifest.Environment { return withMetrics(t, manifest.MetricsAll) }

func withMetrics(t *testing.T, choice string) []*manifest.Environment {
	return slices.DeleteFunc(examples(t), func(e *manifest.Environment) bool { return e.PublishedMetrics() != choice })
}

// examples are the environments of the repository's manifest, and one of what stood there before rotary, with each choice
// of infra.metrics.
func examples(t *testing.T) (all []*manifest.Environment) {
	t.Helper()
	for _, path := range []string{example, brownfield} {
		file, err := manifest.Parse(path, []byte(readText(t, path)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range file.Names() {
			for _, choice := range choices {
				env := readEnvironment(t, path, name)
				env.Infra.Metrics = choice
				all = append(all, env)
			}
		}
	}
	return all
}

// TestEveryAlarmHasItsPageAndEveryPageItsAlarm: a page begins with the alarm's name and what it means.
func TestEveryAlarmHasItsPageAndEveryPageItsAlarm(t *testing.T) {
	begins := map[string]string{rotationFailed: "Secrets Manager says that a rotation failed or was abandoned"}
	for _, env := range examples(t) {
		for _, a := range listAlarms(env) {
			begins[a.name] = a.about
		}
	}
	for _, name := range slices.Sorted(maps.Keys(begins)) {
		page, err := os.ReadFile("../docs/runbook/" + name + ".md")
		if want := "# " + name + "\n\n" + begins[name] + ".\n\n"; err != nil || !strings.HasPrefix(string(page), want) || len(page) < len(want)+100 {
			t.Errorf("the page of %s does not begin with %q and go on: %v", name, want, err)
		}
	}
	pages, err := filepath.Glob("../docs/runbook/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if name := strings.TrimSuffix(filepath.Base(page), ".md"); begins[name] == "" && name != "README" {
			t.Errorf("nobody is sent to the page of %s", name)
		}
	}
}

func TestThePageIsTheLinkOfItsAlarm(t *testing.T) {
	for _, env := range examples(t) {
		for _, a := range listAlarms(env) {
			p := a.newProps(env)
			if !strings.HasSuffix(*p.AlarmDescription, ": "+runbooks+a.name+".md") || len(*p.AlarmDescription) > 1024 || *p.AlarmName != "rotary-"+env.Name+"-"+a.name {
				t.Errorf("%s says %s", *p.AlarmName, *p.AlarmDescription)
			}
		}
	}
}

// TestWhatEachAlarmWaitsForAndMakesOfSilence lists every alarm, so that a new one is thought about, too.
func TestWhatEachAlarmWaitsForAndMakesOfSilence(t *testing.T) {
	const once, twice = "5 minutes, 1 of 1", "5 minutes, 2 of 3"
	want := map[string][3]string{
		"no-passes":           {"5 minutes, 3 of 3", silence, "and when it is over"}, // a sweep comes every five minutes
		"pass-failed":         {twice, keepsState, "and when it is over"},
		"pass-incomplete":     {twice, keepsState, "and when it is over"},
		"consumer-behind":     {"15 minutes, 4 of 4", keepsState, "and when it is over"},
		"event-refused":       {once, nothingDone, ""},
		"appointment-failed":  {once, nothingDone, ""},
		"rotation-due":        {once, keepsState, "and when it is over"},
		"rotation-stuck":      {once, keepsState, "and when it is over"},
		"retirement-owed":     {once, keepsState, "and when it is over"},
		"rollback-abandoned":  {once, keepsState, "and when it is over"},
		"deadline-passed":     {once, keepsState, "and when it is over"},
		"undeclared-key":      {once, keepsState, "and when it is over"},
		"value-not-accepted":  {once, keepsState, "and when it is over"},
		"stranger-reads":      {once, keepsState, "and when it is over"},
		"frozen-secret":       {once, keepsState, "and when it is over"},
		"labels-filling":      {once, keepsState, "and when it is over"},
		"retirement-failed":   {once, keepsState, "and when it is over"},
		"stranger-runs":       {once, keepsState, "and when it is over"},
		"problem-by-tomorrow": {once, keepsState, "and when it is over"},
		"problem-this-week":   {once, keepsState, "and when it is over"},
		"dead-letters":        {once, nothingDone, "and when it is over"},
		"undelivered":         {once, nothingDone, "and when it is over"},
		"queue-old":           {once, nothingDone, "and when it is over"},
		"propagate-errors":    {once, nothingDone, ""},
		"rotate-errors":       {once, nothingDone, ""},
	}
	for _, env := range examples(t) {
		got := map[string][3]string{}
		for _, a := range listAlarms(env) {
			got[a.name] = [3]string{fmt.Sprintf("%d minutes, %d of %d", a.minutes, a.beyond, a.of), a.missing, map[bool]string{false: "and when it is over"}[a.quietly]}
		}
		expected := maps.Clone(want)
		expected["rotate-network-errors"] = expected["rotate-errors"]
		if names := metric.ListAlarms(env); len(names) != len(got) {
			t.Errorf("%s with %s has %d alarms, and lists %d", env.Name, env.Infra.Metrics, len(got), len(names))
		}
		maps.DeleteFunc(expected, func(name string, _ [3]string) bool { return !slices.Contains(metric.ListAlarms(env), name) })
		for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(slices.Collect(maps.Keys(got)), maps.Keys(expected))))) {
			if got[name] != expected[name] {
				t.Errorf("%s of %s is %q, want %q", name, env.Name, got[name], expected[name])
			}
		}
	}
}

func TestEveryAlarmOfAPlanIsRaised(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(looked)), slices.Sorted(slices.Values(plan.AlarmNames())); !slices.Equal(got, want) {
		t.Errorf("meanings are of %q, and alarms are %q", got, want)
	}
}

// written reports whether the Lambdas write a series with exactly these dimensions.
func written(env *manifest.Environment, name string, dimensions map[string]string) bool {
	return slices.ContainsFunc(metric.All(env), func(s metric.Series) bool {
		return string(s.Name) == name && maps.Equal(s.Dimensions, dimensions)
	})
}

func TestAlarmsLookAtWhatIsWritten(t *testing.T) {
	for _, env := range examples(t) {
		for _, a := range listAlarms(env) {
			names := map[string][]string{
				"AWS/SQS QueueName":       {env.Queue(), env.DeadLetters(), env.Undelivered()},
				"AWS/Lambda FunctionName": {env.PropagateFunction(), env.RotateFunction(manifest.Source{}), env.RotateFunction(manifest.Source{Network: true})},
			}
			known := a.namespace == metric.Namespace && written(env, a.series.name, a.dimensions)
			for dimension, value := range a.dimensions {
				known = known || len(a.dimensions) == 1 && slices.Contains(names[a.namespace+" "+dimension], value)
			}
			if !known {
				t.Errorf("%s looks at %s %s %v, which nobody writes", a.name, a.namespace, a.series.name, a.dimensions)
			}
		}
	}
}

// widget holds what the test reads of a dashboard's body.
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Region, Stat string
		Metrics             [][]string
		Alarms              []string
	}
}

func widgets(t *testing.T, env *manifest.Environment) []widget {
	t.Helper()
	var body struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(renderDashboard(env)), &body); err != nil {
		t.Fatal(err)
	}
	return body.Widgets
}

// TestTheDashboardShowsExactlyWhatIsWritten: every line is a series, and every series but those of alarms is a line.
func TestTheDashboardShowsExactlyWhatIsWritten(t *testing.T) {
	for _, env := range allMetrics(t) {
		shown := map[string]bool{}
		for _, w := range widgets(t, env) {
			for _, line := range w.Properties.Metrics {
				dimensions := map[string]string{}
				for pair := range slices.Chunk(line[2:], 2) {
					dimensions[pair[0]] = pair[1]
				}
				if line[0] != metric.Namespace || !written(env, line[1], dimensions) {
					t.Errorf("%q shows %q, which nobody writes", w.Properties.Title, line)
				}
				shown[line[1]+dimensions[metric.Source]] = true
			}
			if w.Type == "metric" && (w.Properties.Region != env.Region || len(w.Properties.Metrics) == 0 || len(w.Properties.Metrics) > 500) {
				t.Errorf("%q has %d lines, of %s", w.Properties.Title, len(w.Properties.Metrics), w.Properties.Region)
			}
		}
		for _, s := range metric.All(env) {
			if s.Name != metric.Alarms && !shown[string(s.Name)+s.Dimensions[metric.Source]] {
				t.Errorf("%s %v is on no dashboard", s.Name, s.Dimensions)
			}
		}
	}
}

func TestTheDashboardShowsEveryAlarm(t *testing.T) {
	for _, env := range allMetrics(t) {
		var want []string
		for _, a := range listAlarms(env) {
			want = append(want, env.ARN("cloudwatch", "alarm:"+env.Named(a.name)))
		}
		all := widgets(t, env)
		if last := all[len(all)-1]; last.Type != "alarm" || !slices.Equal(last.Properties.Alarms, want) {
			t.Errorf("the last widget of %s is %+v", env.Name, last)
		}
	}
}

func TestNoWidgetHidesAnother(t *testing.T) {
	taken := map[[2]int]string{}
	for _, w := range widgets(t, allMetrics(t)[0]) {
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				if before := taken[[2]int{x, y}]; before != "" || x > 23 {
					t.Fatalf("%q is where %q is, or beyond the edge", w.Properties.Title, before)
				}
				taken[[2]int{x, y}] = w.Properties.Title
			}
		}
	}
}
