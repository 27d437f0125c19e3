package metric

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/example"
	"github.com/rotary-secrets/rotary/internal/standin/cloudwatch"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

var (
	noon  = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	later = noon.Add(90 * time.Second) // when the pass ended
)

// read lists what CloudWatch takes from lines: "Name Unit Dimension=value … : number".
func read(t *testing.T, lines []byte) []string {
	t.Helper()
	points, err := cloudwatch.Metrics(lines)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range points {
		if p.Namespace != Namespace || !p.At.Equal(later) || len(p.Values) != 1 {
			t.Errorf("%s is of %s, at %v, %v", p.Name, p.Namespace, p.At, p.Values)
		}
		all = append(all, fmt.Sprintf("%s %s %s: %v", p.Name, p.Unit, pairs(p.Dimensions), p.Values[0]))
	}
	return all
}

func pairs(dimensions map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(dimensions)) {
		all = append(all, name+"="+dimensions[name])
	}
	return strings.Join(all, " ")
}

func wants(t *testing.T, want []string, lines []byte) {
	t.Helper()
	if diff := cmp.Diff(want, read(t, lines)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// environment returns the example's environment dev with a choice of infra.metrics.
func environment(t *testing.T, choice string) *manifest.Environment {
	t.Helper()
	env := example.Environment(t, "dev")
	env.Infra.Metrics = choice
	return env
}

// all publishes every metric.
func all(t *testing.T) *manifest.Environment { return environment(t, manifest.MetricsAll) }

// busy returns the report of a pass in the middle of a change.
func busy() plan.Report {
	return plan.Report{
		Environment: "dev", At: noon,
		Steps: []plan.Step{{Do: "roll", Subject: "api"}}, Waits: []plan.Wait{{Subject: "db"}, {Subject: "worker"}},
		Sources: []plan.SourceReport{
			{Name: "db", Since: noon.Add(-time.Hour), Owed: []plan.OwedReport{{Version: "1"}, {Version: "2"}},
				Changed: noon.Add(-10 * time.Minute)},
			{Name: "vendors", Since: noon.Add(-48 * time.Hour), Changed: noon.Add(-20 * time.Minute),
				Followed: noon.Add(-15 * time.Minute)},
			{Name: "empty"},
		},
		Buckets: []plan.BucketReport{{Name: "full", Version: "v"}, {Name: "new"}},
		Consumers: []plan.ConsumerReport{
			{Bucket: "full", State: "current"}, {Bucket: "full", State: "draining"}, {Bucket: "new", State: "behind"},
			{Bucket: "full", State: "behind"}, {Bucket: "full", State: "failed"}, {Bucket: "full", State: "rolling"},
			{Bucket: "full", State: "rolling", RollsTill: noon.Add(23 * time.Hour)}, {Bucket: "full", State: "rolling", RollsTill: noon},
			{Bucket: "full", State: "behind", RollsTill: noon.Add(time.Hour)},
			{State: "unknown"},
		},
		Alarms: []plan.Alarm{{Name: plan.RotationDue, Subject: "db"}, {Name: plan.RotationDue, Subject: "vendors"},
			{Name: plan.DeadlinePassed, Subject: "db"}},
	}
}

func TestAPassWritesWhatItSaw(t *testing.T) {
	wants(t, []string{
		"Passes Count Environment=dev: 1", "PassesFailed Count Environment=dev: 0",
		"PassesIncomplete Count Environment=dev: 0", "AppointmentsFailed Count Environment=dev: 0",
		"Steps Count Environment=dev: 1", "Waits Count Environment=dev: 2", "ConsumersBehind Count Environment=dev: 6",
		"CredentialAge Seconds Environment=dev Source=db: 3600", "ChangeAge Seconds Environment=dev Source=db: 600",
		"RetirementsOwed Count Environment=dev Source=db: 2",
		"CredentialAge Seconds Environment=dev Source=vendors: 172800",
		"ChangeAge Seconds Environment=dev Source=vendors: 300",
		"RetirementsOwed Count Environment=dev Source=vendors: 0",
		"ChangeAge Seconds Environment=dev Source=empty: 0", "RetirementsOwed Count Environment=dev Source=empty: 0",
		"Alarms Count Alarm=rotation-due Environment=dev: 2", "Alarms Count Alarm=rotation-stuck Environment=dev: 0",
		"Alarms Count Alarm=retirement-owed Environment=dev: 0",
		"Alarms Count Alarm=rollback-abandoned Environment=dev: 0",
		"Alarms Count Alarm=deadline-passed Environment=dev: 1", "Alarms Count Alarm=undeclared-key Environment=dev: 0", "Alarms Count Alarm=frozen-secret Environment=dev: 0",
		"Alarms Count Alarm=labels-filling Environment=dev: 0", "Alarms Count Alarm=retirement-failed Environment=dev: 0",
		"Alarms Count Alarm=value-not-accepted Environment=dev: 0", "Alarms Count Alarm=stranger-reads Environment=dev: 0",
		"Alarms Count Alarm=stranger-runs Environment=dev: 0",
	}, Pass(all(t), later, Outcome{Report: busy()}))
}

func TestAPassSaysHowItEnded(t *testing.T) {
	for _, tt := range []struct {
		out  Outcome
		want string // PassesFailed, PassesIncomplete, AppointmentsFailed
	}{
		{Outcome{}, "000"}, {Outcome{Failed: true}, "100"}, {Outcome{Incomplete: true}, "010"},
		{Outcome{Forgotten: true}, "001"},
	} {
		wants(t, []string{
			"Passes Count Environment=dev: 1", "PassesFailed Count Environment=dev: " + tt.want[:1],
			"PassesIncomplete Count Environment=dev: " + tt.want[1:2],
			"AppointmentsFailed Count Environment=dev: " + tt.want[2:],
		}, Pass(all(t), later, tt.out)) // it could not look, and reports nothing of what it would have seen
	}
}

func TestATimeThatIsNotOverYetIsNoNegativeAge(t *testing.T) {
	r := plan.Report{At: noon,
		Sources: []plan.SourceReport{{Name: "db", Since: noon.Add(time.Second), Changed: noon.Add(time.Second)}}}
	got := read(t, Pass(all(t), later, Outcome{Report: r}))[7:9]
	if diff := cmp.Diff([]string{"CredentialAge Seconds Environment=dev Source=db: 0",
		"ChangeAge Seconds Environment=dev Source=db: 0"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestABatchSaysHowManyMessagesWereRefused(t *testing.T) {
	wants(t, []string{"EventsRefused Count Environment=dev: 3"}, Events(all(t), later, 3))
}

func TestARequestSaysWhatBecameOfIt(t *testing.T) {
	for _, tt := range []struct {
		refused, failed bool
		want            string
	}{{false, false, "00"}, {true, false, "10"}, {false, true, "01"}} {
		wants(t, []string{
			"Requests Count Environment=dev Source=db: 1", "RequestsRefused Count Environment=dev Source=db: " +
				tt.want[:1],
			"RequestsFailed Count Environment=dev Source=db: " + tt.want[1:],
		}, Request(all(t), "db", later, tt.refused, tt.failed))
	}
}

func TestTheSamePassWritesTheSameLines(t *testing.T) {
	first := Pass(all(t), later, Outcome{Report: busy()})
	for range 20 {
		if again := Pass(all(t), later, Outcome{Report: busy()}); !bytes.Equal(first, again) {
			t.Fatalf("%s\n%s", first, again)
		}
	}
}

// TestALineIsWhatTheFormatSays shows one document whole.
func TestALineIsWhatTheFormatSays(t *testing.T) {
	want := `{"Environment":"dev","EventsRefused":1,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["Environment"]],"Metrics":[{"Name":"EventsRefused","Unit":"Count"}],"Namespace":"rotary"}],"Timestamp":1767614490000}}` + "\n"
	if got := string(Events(all(t), later, 1)); got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
}

// TestWhatIsWrittenIsExactlyWhatTheTableLists: the dashboard and the alarms are made from the table.
func TestWhatIsWrittenIsExactlyWhatTheTableLists(t *testing.T) {
	for _, choice := range []string{"", manifest.MetricsNone, manifest.MetricsFew, manifest.MetricsAll} {
		env := environment(t, choice)
		r, lines := plan.Report{At: noon}, Events(env, later, 0)
		for _, s := range env.Sources {
			r.Sources = append(r.Sources, plan.SourceReport{Name: s.Name, Since: noon})
			lines = append(lines, Request(env, s.Name, later, false, false)...)
		}
		lines = append(lines, Pass(env, later, Outcome{Report: r})...)
		var got []string
		for _, line := range read(t, lines) {
			series, _, _ := strings.Cut(line, ":")
			got = append(got, series)
		}
		var want []string
		for _, s := range All(env) {
			want = append(want, fmt.Sprintf("%s %s %s", s.Name, s.Unit, pairs(s.Dimensions)))
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metrics %q: the table and what is written (-table +written):\n%s", choice, diff)
		}
	}
}

// TestFewAreEightWhateverTheManifestHas, and they are the default.
func TestFewAreEightWhateverTheManifestHas(t *testing.T) {
	want := []string{
		"PassesFailed Environment=dev", "PassesIncomplete Environment=dev", "ConsumersBehind Environment=dev",
		"Alarms Alarm=deadline-passed Environment=dev", "Alarms Alarm=frozen-secret Environment=dev",
		"Alarms Alarm=value-not-accepted Environment=dev", "Problems Environment=dev Urgency=by-tomorrow",
		"Problems Environment=dev Urgency=this-week",
	}
	more := environment(t, "")
	for n := range 90 {
		more.Sources = append(more.Sources, manifest.Source{Name: fmt.Sprintf("more-%d", n)})
	}
	for _, env := range []*manifest.Environment{environment(t, ""), environment(t, manifest.MetricsFew), more} {
		var got []string
		for _, s := range All(env) {
			got = append(got, fmt.Sprintf("%s %s", s.Name, pairs(s.Dimensions)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
	}
	if none := All(environment(t, manifest.MetricsNone)); len(none) > 0 {
		t.Errorf("none are %v", none)
	}
}

func TestAPassWritesWhatItSawIntoFew(t *testing.T) {
	r := busy()
	r.Alarms = append(r.Alarms, plan.Alarm{Name: plan.StrangerRuns}, plan.Alarm{Name: plan.RetirementFailed}, plan.Alarm{Name: plan.RetirementFailed})
	wants(t, []string{
		"PassesFailed Count Environment=dev: 1", "PassesIncomplete Count Environment=dev: 0", "ConsumersBehind Count Environment=dev: 6",
		"Alarms Count Alarm=deadline-passed Environment=dev: 1", "Alarms Count Alarm=frozen-secret Environment=dev: 0",
		"Alarms Count Alarm=value-not-accepted Environment=dev: 0", "Problems Count Environment=dev Urgency=by-tomorrow: 3",
		"Problems Count Environment=dev Urgency=this-week: 2",
	}, Pass(environment(t, manifest.MetricsFew), later, Outcome{Report: r, Failed: true}))
}

// TestEveryAlarmOfAPlanIsCountedOnceAmongFew: in its own metric, or in one that it shares, and never in both.
func TestEveryAlarmOfAPlanIsCountedOnceAmongFew(t *testing.T) {
	env := environment(t, manifest.MetricsFew)
	for _, name := range plan.AlarmNames() {
		lines := read(t, Pass(env, later, Outcome{Report: plan.Report{At: noon, Alarms: []plan.Alarm{{Name: name}}}}))
		raised := slices.DeleteFunc(lines, func(line string) bool { return strings.HasSuffix(line, ": 0") })
		if len(raised) != 1 || !strings.HasSuffix(raised[0], ": 1") {
			t.Errorf("%s raises %q", name, raised)
		}
	}
}

func TestWhatHasNoMetricAmongFewIsAProblem(t *testing.T) {
	few := environment(t, manifest.MetricsFew)
	wants(t, nil, Events(few, later, 0)) // it would hide what the last pass found
	wants(t, []string{"Problems Count Environment=dev Urgency=by-tomorrow: 3"}, Events(few, later, 3))
	lines := read(t, Pass(few, later, Outcome{Report: plan.Report{At: noon}, Forgotten: true}))
	if last := lines[len(lines)-1]; last != "Problems Count Environment=dev Urgency=this-week: 1" {
		t.Errorf("a look that could not be scheduled is %q", last)
	}
}

// TestEachChoiceHasItsAlarms lists what none and few have, and counts what all has.
func TestEachChoiceHasItsAlarms(t *testing.T) {
	ofAWS := []string{"dead-letters", "undelivered", "queue-old", "propagate-errors", "rotate-errors", "rotate-network-errors"}
	for choice, want := range map[string][]string{
		manifest.MetricsNone: {"no-passes"},
		manifest.MetricsFew: {"no-passes", "pass-failed", "pass-incomplete", "consumer-behind", plan.DeadlinePassed, plan.FrozenSecret,
			plan.ValueNotAccepted, ProblemByTomorrow, ProblemThisWeek},
		manifest.MetricsAll: append([]string{"no-passes", "pass-failed", "pass-incomplete", "consumer-behind", "event-refused", "appointment-failed"},
			plan.AlarmNames()...),
	} {
		if diff := cmp.Diff(append(want, ofAWS...), ListAlarms(environment(t, choice))); diff != "" {
			t.Errorf("alarms with %s (-want +got):\n%s", choice, diff)
		}
	}
	if without := environment(t, ""); len(ListAlarms(without)) != 15 {
		t.Errorf("the default has %d alarms", len(ListAlarms(without)))
	}
	without := environment(t, manifest.MetricsNone)
	without.Sources = slices.DeleteFunc(without.Sources, func(s manifest.Source) bool { return s.Network })
	if names := ListAlarms(without); slices.Contains(names, "rotate-network-errors") || !slices.Contains(names, "rotate-errors") {
		t.Errorf("without a source in a VPC they are %v", names)
	}
}

func TestTheSeriesOfOneMetricAreThoseOfEverySource(t *testing.T) {
	env := all(t)
	var got []string
	for _, s := range Of(env, CredentialAge) {
		if s.Name != CredentialAge || s.Dimensions[Environment] != "dev" {
			t.Errorf("%+v", s)
		}
		got = append(got, s.Dimensions[Source])
	}
	var want []string
	for _, s := range env.Sources {
		want = append(want, s.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

// TestNoMetricHidesADimension: both are members of one object.
func TestNoMetricHidesADimension(t *testing.T) {
	for _, m := range table {
		if slices.Contains([]string{Environment, Source, Alarm, Urgency, "_aws"}, string(m.name)) {
			t.Errorf("%s is a dimension, too", m.name)
		}
	}
}

func TestNothingButNamesAndCountsIsWritten(t *testing.T) {
	r, canary := busy(), "c4nary"
	r.Steps = []plan.Step{{Do: canary, Subject: canary, Version: canary, NameChanges: plan.NameChanges{Changed: []string{canary}}, Detail: canary}}
	r.Waits = []plan.Wait{{Subject: canary, Reason: plan.Reason(canary), Detail: canary}}
	for i := range r.Consumers {
		r.Consumers[i].Detail, r.Consumers[i].Running = canary, canary
	}
	for i := range r.Alarms {
		r.Alarms[i].Detail = canary
	}
	for i := range r.Sources {
		r.Sources[i].Owed = []plan.OwedReport{{Version: canary, Blocked: r.Waits}}
		r.Sources[i].Version, r.Sources[i].Secret, r.Sources[i].Pending = canary, canary, canary
	}
	lines := Pass(all(t), later, Outcome{Report: r})
	if bytes.Contains(lines, []byte(canary)) || !json.Valid(bytes.Split(lines, []byte("\n"))[0]) {
		t.Errorf("details are in the metrics:\n%s", lines)
	}
}
