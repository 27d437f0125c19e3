package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/cloudwatch"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

// measured are the numbers of the environment that were written since the last time, by name.
func (b *bench) measured() map[string]float64 {
	b.t.Helper()
	points, err := cloudwatch.Metrics(b.out.Bytes())
	must(b.t, err)
	b.out.Reset()
	all := map[string]float64{}
	for _, p := range points {
		if !p.At.Equal(now.Add(time.Minute)) || p.Dimensions["Environment"] != "dev" {
			b.t.Errorf("%s is at %v, of %v", p.Name, p.At, p.Dimensions)
		}
		if len(p.Dimensions) == 1 {
			all[p.Name] += p.Values[0]
		}
	}
	return all
}

func TestEveryPassIsMeasuredOnceWhateverItsEnd(t *testing.T) {
	lagging := fmt.Errorf("environment dev: %w", &reconcile.Lagging{Errs: []error{errors.New("roll api: no answer")}})
	seen := plan.Report{Environment: "dev", At: now, Steps: []plan.Step{{Do: "roll"}}, Waits: []plan.Wait{{Until: now.Add(time.Hour)}, {}}}
	for _, tt := range []struct {
		name     string
		report   plan.Report
		err      error
		againErr error
		want     map[string]float64 // beside Passes
	}{
		{"it is done", seen, nil, nil, map[string]float64{"Steps": 1, "Waits": 2}},
		{"it could not look", plan.Report{}, errors.New("no answer"), nil, map[string]float64{"PassesFailed": 1}},
		{"a write failed", seen, errors.New("no answer"), nil, map[string]float64{"PassesFailed": 1, "Steps": 1, "Waits": 2}},
		{"a consumer refused", seen, lagging, nil, map[string]float64{"PassesIncomplete": 1, "Steps": 1, "Waits": 2}},
		{"its time was up", seen, fmt.Errorf("environment dev: %w", reconcile.ErrOutOfTime), nil, map[string]float64{"PassesIncomplete": 1, "Steps": 1, "Waits": 2}},
		{"nobody will look again", seen, nil, errors.New("no answer"), map[string]float64{"AppointmentsFailed": 1, "Steps": 1, "Waits": 2}},
	} {
		b := newBench(t)
		b.report, b.err, b.againErr = tt.report, tt.err, tt.againErr
		b.batch("m1 "+sweep, "m2 "+put)
		want := map[string]float64{"EventsRefused": 0, "Passes": 1, "PassesFailed": 0, "PassesIncomplete": 0, "AppointmentsFailed": 0}
		if !tt.report.At.IsZero() {
			want["ConsumersBehind"] = 0
		}
		for name, value := range tt.want {
			want[name] = value
		}
		b.wants(tt.name, want, b.measured())
	}
}

func TestRefusedMessagesAreCountedWithAPassAndWithout(t *testing.T) {
	b := newBench(t)
	b.batch("m1 "+foreign, "m2 "+own, "m3 "+canary)
	b.wants("a batch without a pass", map[string]float64{"EventsRefused": 2}, b.measured())
	b.batch("m1 "+foreign, "m2 "+sweep)
	if got := b.measured(); got["EventsRefused"] != 1 || got["Passes"] != 1 {
		t.Errorf("a batch with a pass: %v", got)
	}
}

func TestADryRunIsNotMeasured(t *testing.T) {
	b := newBench(t)
	_, err := b.h.handleRequest(t.Context(), []byte(`{"dryRun":true,"environment":"dev"}`))
	must(t, err)
	b.wants("metrics", map[string]float64{}, b.measured())
}

func TestAPassThatPanicsIsLeftToLambdasOwnMetric(t *testing.T) {
	b := newBench(t)
	b.h.pass = func(context.Context, asked, bool) (plan.Report, error) { panic("cannot use " + canary) }
	b.fails(`{"Records":[{"messageId":"m1","body":"{\"rotary\":\"sweep\",\"environment\":\"dev\"}"}]}`)
	b.wants("metrics", map[string]float64{"EventsRefused": 0}, b.measured())
}

func TestWhatAPassSawOfSourcesIsMeasured(t *testing.T) {
	b := newBench(t)
	b.report.Sources = []plan.SourceReport{{Name: "handshake", Since: now.Add(-time.Hour), Owed: []plan.OwedReport{{}}}}
	b.report.Alarms = []plan.Alarm{{Name: plan.RotationStuck, Subject: "handshake"}}
	b.batch("m1 " + sweep)
	points, err := cloudwatch.Metrics(b.out.Bytes())
	must(t, err)
	got := map[string]float64{}
	for _, p := range points {
		if d := p.Dimensions["Source"] + p.Dimensions["Alarm"]; d != "" && p.Values[0] > 0 {
			got[p.Name+" "+d] = p.Values[0]
		}
	}
	b.wants("metrics", map[string]float64{"CredentialAge handshake": 3600, "RetirementsOwed handshake": 1, "Alarms rotation-stuck": 1}, got)
}

// TestWithoutMetricsTheLogHasNone: with none, nothing that CloudWatch would take for a metric is written; with few, a batch
// of refused messages is a problem.
func TestWithoutMetricsTheLogHasNone(t *testing.T) {
	for choice, want := range map[string]map[string]float64{
		manifest.MetricsNone: {},
		manifest.MetricsFew:  {"PassesFailed": 0, "PassesIncomplete": 0, "ConsumersBehind": 0},
	} {
		b := newBench(t)
		b.h.environment.Infra.Metrics = choice
		b.batch("m1 "+foreign, "m2 "+sweep)
		problems := bytes.Count(b.out.Bytes(), []byte(`"Problems":1`))
		b.wants(choice, want, b.measured())
		if wanted := map[string]int{manifest.MetricsFew: 1}[choice]; problems != wanted {
			t.Errorf("%s: %d problems", choice, problems)
		}
		if b.logged(`"level":"ERROR"`, `"alarm":"event-refused"`) != 1 {
			t.Errorf("%s: the log does not say that a message was refused:\n%s", choice, b.log)
		}
	}
}
