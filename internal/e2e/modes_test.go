package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// writeMode returns a manifest with the mode of its environment.
func writeMode(yaml, mode string) string {
	return strings.Replace(yaml, "protected: true}", "protected: true, mode: "+mode+"}", 1)
}

// TestEachModeDoesWhatTheOneBeforeDoesNot goes from observe to propagate and retire. In observe the Lambdas write nothing
// at all, though passes look and say what they would do, and no rotation is turned on. In propagate everybody follows, and nothing is retired. In retire what is owed dies.
func TestEachModeDoesWhatTheOneBeforeDoesNot(t *testing.T) {
	t.Parallel()
	s := openScene(t, writeMode(sinks, "observe"))
	s.wantUntouched("observing", func() {
		s.putFresh("vendor", "VENDOR_KEY")
		s.Advance(40 * time.Minute)
	})
	r := s.readReport()
	if r.Mode != "observe" || r.Converged || !slices.ContainsFunc(r.Steps, func(step plan.Step) bool { return step.Do == "write" }) {
		t.Errorf("it does not say what it would do:\n%s", describeReport(r))
	}
	if h := s.readHistory(s.declaredSource("session").Secret); h.RotationEnabled || len(h.Tags) > 1 {
		t.Errorf("rotation is on: %v, tags %v", h.RotationEnabled, h.Tags)
	}
	first, _ := s.currentVersion("session")

	s.redeployAs("propagate")
	s.watchUntil(2*time.Hour, "everybody follows", isFollowed)
	s.rotateSource("session")
	now, _ := s.currentVersion("session")
	s.watchUntil(2*time.Hour, "everybody follows the rotation", isFollowed)
	s.Advance(8 * time.Hour)
	if now == first || len(owedReports(s.readReport(), "session")) != 1 || len(s.readMilestones(s.Env.RotateFunction(s.declaredSource("session")))) != 1 {
		t.Errorf("mode propagate has retired a credential:\n%s", describeReport(s.readReport()))
	}

	s.redeployAs("retire")
	s.revokeUntilSettled("vendor")
	s.wantRetired("session", first)
	s.finishScenario()
}

// isFollowed reports whether every consumer runs its bucket's version.
func isFollowed(r plan.Report) bool {
	return !slices.ContainsFunc(r.Consumers, func(c plan.ConsumerReport) bool { return !c.Current })
}

// redeployAs deploys manifest sinks with another mode, and turns rotation on.
func (s *scene) redeployAs(mode string) {
	s.t.Helper()
	if err := s.Redeploy(s.t.Context(), []byte(writeMode(sinks, mode))); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Rotations(s.t.Context(), s.Env, manifest.Random); err != nil {
		s.t.Fatal(err)
	}
}

// wantUntouched fails the test where a Lambda writes something meanwhile, or no pass is made.
func (s *scene) wantUntouched(when string, meanwhile func()) {
	s.t.Helper()
	functions := []string{s.Env.PropagateFunction(), s.Env.LookFunction()}
	for _, source := range s.Env.Sources {
		functions = append(functions, s.Env.RotateFunction(source))
	}
	ofLambdas := func(c sim.Call) bool { return isChange(c) && slices.Contains(functions, c.Caller) }
	before, passes := len(s.selectCalls(ofLambdas)), s.countPasses()
	meanwhile()
	for _, call := range s.selectCalls(ofLambdas)[before:] {
		s.t.Errorf("%s: %s called %s %s %s", when, call.Caller, call.Service, call.Operation, call.Resource)
	}
	if s.countPasses() == passes {
		s.t.Errorf("%s: nobody looked", when)
	}
}

// TestAPausedEnvironmentIsLookedAtAndGoesOnAfterwards: whatever a person, a schedule or an event asks for meanwhile, the
// Lambdas change nothing but that they refuse the rotation; then everything is caught up with.
func TestAPausedEnvironmentIsLookedAtAndGoesOnAfterwards(t *testing.T) {
	t.Parallel()
	s := openConverged(t, sinks)
	first, _ := s.currentVersion("session")
	s.rotateSource("session") // it has begun: it is followed afterwards
	if _, err := s.operator().Pause(t.Context(), 3*time.Hour, "arn:aws:iam::222222222222:user/ann"); err != nil {
		t.Fatal(err)
	}
	s.Advance(5 * time.Minute) // the pass that had begun
	value := ""
	s.wantUntouched("paused", func() {
		value = s.putFresh("vendor", "VENDOR_KEY")
		s.Advance(time.Hour)
	})
	r := s.readReport()
	if r.Paused == nil || r.Paused.Caller != "arn:aws:iam::222222222222:user/ann" || s.runsOnly("api", "VENDOR_KEY", value) || len(owedReports(r, "session")) != 1 {
		t.Errorf("paused: %v\n%s", r.Paused, describeReport(r))
	}
	if paused, err := s.operator().Resume(t.Context()); err != nil || !paused {
		t.Fatal(paused, err)
	}
	s.revokeUntilSettled("vendor")
	if !s.runsOnly("api", "VENDOR_KEY", value) {
		t.Error("the value that was put meanwhile is not followed")
	}
	s.wantRetired("session", first)
	if _, err := s.operator().Pause(t.Context(), 30*time.Minute, ""); err != nil {
		t.Fatal(err)
	}
	s.rotateSource("session")
	if after := s.readReport().Source("session"); after.Pending != "" || len(after.Owed) > 0 {
		t.Errorf("a rotation has started in a pause: %+v", after)
	}
	s.finishScenario() // it ends by itself
}
