package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// plant replaces every value of a state by one that can be found wherever it leaks to.
func plant(s State) {
	planted := func(m map[string]secret.Value) {
		for name, v := range m {
			m[name] = secret.New("c4nary-" + secret.Reveal(v))
		}
	}
	for _, source := range s.Sources {
		for _, c := range source.Contents {
			planted(c.Values)
		}
	}
	for _, b := range s.Buckets {
		planted(b.Want.Values)
		for _, c := range b.Contents {
			planted(c.Values)
		}
	}
}

func TestNoReportHoldsAValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		plant(s)
		p := Make(s)
		report := Describe(s, p)
		encoded, err := json.Marshal(report)
		if err != nil {
			t.Fatal("the report does not encode: it must hold a value")
		}
		printed := fmt.Sprintf("%s %+v %q %v %#v", encoded, report, report.Steps, p, p)
		for _, step := range report.Steps {
			printed += step.String()
		}
		if strings.Contains(printed, "c4nary") {
			t.Fatal("a value is in the report or in the printed plan")
		}
	})
}

func TestAReportOfAConvergedStateSaysSo(t *testing.T) {
	s := converged()
	want := Report{
		Environment: "dev", Mode: "retire", At: noon, Converged: true,
		Sources: []SourceReport{{
			Name: "db", Secret: "source/dev/db", Rotator: "postgres", Version: sid(2), Since: noon.Add(-22 * time.Hour), Consumers: []string{"web"},
			Buckets: []string{"api"}, Pace: Pace{Steps: 1, Follow: duration.Duration(usualRollout), Settle: duration.Duration(history.LateWrite)},
			Versions: []VersionReport{
				{Version: sid(1), Made: noon.Add(-23 * time.Hour), Labels: []string{history.AWSPrevious}},
				{Version: sid(2), Made: noon.Add(-22 * time.Hour), Labels: []string{history.AWSCurrent, live(2), history.Seen}, RunBy: []string{"web"}},
			},
		}},
		Buckets:   []BucketReport{{Name: "api", Secret: "api-dev", Version: bid(present, 2), Names: []string{"DB"}}},
		Consumers: []ConsumerReport{{Name: "web", Bucket: "api", Running: bid(present, 2), Current: true, State: "current"}},
	}
	if diff := cmp.Diff(want, Describe(s, Make(s))); diff != "" {
		t.Errorf("the report (-want +got):\n%s", diff)
	}
}

func TestAReportListsStepsInTheOrderInWhichTheyAreDone(t *testing.T) {
	s := edited()
	s.api().Versions[1].Labels = []string{history.AWSCurrent}
	steps := []string{}
	for _, step := range Describe(s, Make(s)).Steps {
		steps = append(steps, step.String())
	}
	want := []string{
		"mark    api-dev 00000002 (" + held(2) + ")",
		"write   api 00000003: ~DB",
		"roll    web 00000003 (it does not run the bucket's version)",
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("the steps (-want +got):\n%s", diff)
	}
}

func TestAReportNamesThePendingVersionOfARotationUnderWay(t *testing.T) {
	s := converged()
	s.db().add(sv(3, nil, history.AWSPending))
	if got := Describe(s, Make(s)).Sources[0].Pending; got != sid(3) {
		t.Errorf("pending is %q", got)
	}
	s = converged()
	label(s.db(), 1, history.AWSPending)
	if got := Describe(s, Make(s)).Sources[0].Pending; got != "" {
		t.Errorf("AWSPENDING was left on the current version, and pending is %q", got)
	}
}

func TestWaitingIsNotConverged(t *testing.T) {
	s := owing()
	s.db().Manifest.Rotate = manifest.RotateWith(manifest.Manual)
	if r := Describe(s, Make(s)); r.Converged || len(r.Steps) > 0 || len(r.Waits) != 1 {
		t.Errorf("converged %v with %d steps and waits %+v", r.Converged, len(r.Steps), r.Waits)
	}
}

func TestTheStateOfAConsumerInOneWord(t *testing.T) {
	for _, tt := range []struct {
		state   string
		current bool
		with    func(c *Consumer)
	}{
		{"current", true, func(*Consumer) {}},
		{"unknown", false, func(c *Consumer) { c.Unread, c.Unknown = true, "timeout" }},
		{"unknown", false, func(c *Consumer) { c.Unknown = "a partial answer" }},
		{"failed", false, func(c *Consumer) {
			c.Running, c.Failed = bid(present, 1), &Failed{Version: bid(present, 2), Rest: "image:1"}
		}},
		{"rolling", false, func(c *Consumer) { c.Settled, c.Running, c.RollingTo = false, "", bid(present, 2) }},
		{"rolling", false, func(c *Consumer) { c.Settled, c.Running, c.Foreign = false, "", "CodeDeploy" }},
		{"draining", false, func(c *Consumer) { c.Settled = false }},
		{"behind", false, func(c *Consumer) { c.Running = bid(present, 1) }},
		{"behind", false, func(c *Consumer) { c.Running = "" }},
	} {
		s := converged()
		tt.with(s.web())
		got := Describe(s, Make(s)).Consumers[0]
		if got.State != tt.state || got.Current != tt.current {
			t.Errorf("state %q, current %v; want %q, %v", got.State, got.Current, tt.state, tt.current)
		}
	}
}

func TestNobodyIsCurrentOnABucketWithoutAVersion(t *testing.T) {
	s := converged()
	s.api().Versions, s.api().Want.Values = nil, nil
	s.web().Running, s.web().InPlay = "", nil
	r := Describe(s, Make(s))
	if c := r.Consumers[0]; c.Current || c.State == "current" || r.Converged {
		t.Errorf("the consumer is %+v, converged %v", c, r.Converged)
	}
}

func TestARollSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		why  string
		with func(c *Consumer)
	}{
		{"changed by hand: A, B", func(c *Consumer) { c.Drift = []string{"A", "B"} }},
		{"not as rotary left it", func(c *Consumer) { c.Names = []string{"OTHER"} }},
		{"it does not run a version of the bucket that is known", func(c *Consumer) { c.Running, c.InPlay = "", nil }},
		{"it does not run the bucket's version", func(c *Consumer) { c.Running = bid(present, 1) }},
	} {
		s := converged()
		tt.with(s.web())
		if rolls := Make(s).Rolls; len(rolls) != 1 || rolls[0].Why != tt.why {
			t.Errorf("rolls %+v, want one because %s", rolls, tt.why)
		}
	}
}
