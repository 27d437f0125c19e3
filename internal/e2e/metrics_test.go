package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/cloudwatch"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// metricPoints returns the values of one metric in the Lambdas' log, in order, as CloudWatch reads them: for one
// source, or for the environment where source is "".
func (s *scene) metricPoints(name metric.Name, source string) (values []float64) {
	s.t.Helper()
	all, err := cloudwatch.Metrics(s.ownRegion().Lambda.Output())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range all {
		if p.Name == string(name) && p.Dimensions[metric.Source] == source && p.Dimensions[metric.Environment] == s.Env.Name {
			values = append(values, p.Values...)
		}
	}
	return values
}

// metricsAreListed makes sure that CloudWatch can read what the Lambdas wrote, and that it is in the table of metrics.
func (s *scene) metricsAreListed() {
	s.t.Helper()
	for _, st := range s.allStages() {
		points, err := cloudwatch.Metrics(st.Region(st.Env.Account, st.Env.Region).Lambda.Output())
		if err != nil {
			s.t.Errorf("metrics of %s: %v", st.Env.Name, err)
		}
		all := metric.All(st.Env)
		for _, p := range points {
			is := slices.ContainsFunc(all, func(m metric.Series) bool {
				return string(m.Name) == p.Name && m.Unit == p.Unit && maps.Equal(m.Dimensions, p.Dimensions)
			})
			if p.Namespace != metric.Namespace || !is || len(p.Values) != 1 || p.Values[0] < 0 {
				s.t.Errorf("%s of %s %v in %s: %v is not what the table lists", p.Name, p.Namespace, p.Dimensions, p.Unit, p.Values)
			}
		}
	}
}

// TestFewMetricsAreEightSeries: what a rotation makes the genuine Lambdas write, with the default of infra.metrics.
func TestFewMetricsAreEightSeries(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	s.rotateSource("session")
	s.finishScenario()
	points, err := cloudwatch.Metrics(s.ownRegion().Lambda.Output())
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for _, p := range points {
		written[fmt.Sprint(p.Name, p.Dimensions)] = true
	}
	if len(written) != 8 {
		t.Errorf("%d series are written: %v", len(written), slices.Sorted(maps.Keys(written)))
	}
}

func TestWhatARotationDoesIsMeasured(t *testing.T) {
	t.Parallel()
	s := openConverged(t, strings.Replace(service, "protected: true}", "protected: true, infra: {metrics: all}}", 1))
	before, asked := len(s.metricPoints(metric.Passes, "")), len(s.metricPoints(metric.Requests, "session"))
	s.rotateSource("session")
	s.finishScenario()
	if got, want := s.metricPoints(metric.Requests, "session")[asked:], []float64{1, 1, 1, 1, 1}; !cmp.Equal(got, want) {
		t.Errorf("requests are %v, expected four steps and an advance", got)
	}
	owed, ages := s.metricPoints(metric.RetirementsOwed, "session")[before:], s.metricPoints(metric.ChangeAge, "session")[before:]
	if most := slices.Max(owed); most != 1 || owed[len(owed)-1] != 0 {
		t.Errorf("retirements owed are %v, expected one, and none in the end", owed)
	}
	took, repeated := lastNonZero(ages)
	if took <= 0 || took > (10*time.Minute).Seconds() || repeated < 2 || ages[len(ages)-1] != 0 {
		t.Errorf("ages of the change are %v, expected that it keeps what it came to, and 0 when nothing is left of it", ages)
	}
	if old := s.metricPoints(metric.CredentialAge, "session")[before:]; slices.Min(old) > 60 || old[len(old)-1] < history.Deregistered.Seconds() {
		t.Errorf("ages of the credential are %v, expected it to begin anew", old)
	}
	if failed := slices.Max(s.metricPoints(metric.PassesFailed, "")); failed != 0 || len(s.metricPoints(metric.Passes, "")) != len(s.metricPoints(metric.PassesFailed, "")) {
		t.Errorf("%v passes failed", failed)
	}
}

// lastNonZero returns the last of these values that is not 0, and how often it comes.
func lastNonZero(values []float64) (value float64, times int) {
	for _, v := range values {
		switch {
		case v != 0 && v == value:
			times++
		case v != 0:
			value, times = v, 1
		}
	}
	return value, times
}
