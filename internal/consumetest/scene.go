package consumetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// scene is a World with the versions that were put into its bucket.
type scene struct {
	World
	t       *testing.T
	current bucket.Bucket
	values  map[string]string // of Name, to version
}

func newScene(t *testing.T, open func(*testing.T) World) *scene {
	return &scene{World: open(t), t: t, values: map[string]string{}}
}

// versionID returns the id of the bucket's nth version, in the form of rotary's ids.
func versionID(n int) string { return fmt.Sprintf("0123456789abcdef-%032x", n) }

// valueOf returns the value of Name in the nth version. It is a canary: it must turn up nowhere but at the sink.
func valueOf(n int) string { return fmt.Sprintf("canary-%08x-of-the-database", 0xabcd0000+n) }

// same is a value that all versions have.
const same = "canary-that-stays-the-same"

// putVersion makes the nth version current.
func (s *scene) putVersion(n int) bucket.Bucket {
	values := map[string]secret.Value{
		Name: secret.New(valueOf(n)), "API_KEY": secret.New("canary-key-" + valueOf(n)), "SAME": secret.New(same),
	}
	b := bucket.Bucket{Name: "api-secrets", Secret: "api-secrets-dev", Version: versionID(n), Values: values}
	s.values[valueOf(n)] = versionID(n)
	s.current = s.Put(b)
	return s.current
}

// heldVersions returns the versions that readers have, sorted, without values that are not the bucket's.
func (s *scene) heldVersions() []string { return s.versionsOf(s.Held()) }

func (s *scene) versionsOf(values []string) []string {
	var out []string
	for _, v := range values {
		if version, known := s.values[v]; known {
			out = append(out, version)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// readStatus returns what Status shows; after an error, a consumer of which nothing is known, as a pass does.
func (s *scene) readStatus() plan.Seen {
	s.t.Helper()
	seen, err := s.Open().Status(s.t.Context())
	s.wantNoValue("Status", fmt.Sprintf("%+v %v", seen, err))
	if seen.Failed != nil {
		s.wantNoValue("Failed", fmt.Sprintf("%+v", *seen.Failed))
	}
	if err != nil {
		return plan.Seen{Unread: true, Unknown: err.Error()}
	}
	s.wantTruth(seen)
	return seen
}

// wantNoValue fails the test where text contains a value.
func (s *scene) wantNoValue(what, text string) {
	s.t.Helper()
	if strings.Contains(text, "canary") {
		s.t.Errorf("%s tells a value", what)
	}
}

// wantTruth fails the test where seen contradicts the versions that readers have.
func (s *scene) wantTruth(seen plan.Seen) {
	s.t.Helper()
	if seen.Unread || seen.Unknown != "" {
		return
	}
	if seen.Running != "" && !slices.Contains(seen.InPlay, seen.Running) {
		s.t.Errorf("it runs %s, which is not in play: %v", history.Short(seen.Running), seen.InPlay)
	}
	for _, version := range s.heldVersions() {
		if !slices.Contains(seen.InPlay, version) {
			s.t.Errorf("somebody has version %s, and in play is %v", history.Short(version), seen.InPlay)
		}
		if seen.Settled && seen.Running != "" && seen.Running != version {
			s.t.Errorf("proven to run %s alone, and somebody has %s", history.Short(seen.Running), history.Short(version))
		}
	}
	if !seen.Settled && seen.Waiting+seen.Foreign+seen.RollingTo == "" && seen.Failed == nil {
		s.t.Errorf("it is not settled, and does not say what it waits for: %+v", seen)
	}
}

// planFor returns the plan that a pass makes for this status.
func (s *scene) planFor(seen plan.Seen) plan.Plan {
	labels := []string{history.AWSCurrent, history.Held + "now"}
	version := history.Version{ID: s.current.Version, Created: s.Clock.Now(), Labels: labels}
	versions := history.History{Secret: s.current.Secret, ARN: s.current.ARN, Versions: []history.Version{version}}
	return plan.Make(plan.State{Environment: "dev", Mode: manifest.Retire, Now: s.Clock.Now(), Buckets: []plan.Bucket{{
		Want: s.current, History: versions,
		Contents:  plan.Contents{version.ID: {Values: s.current.Values}},
		Consumers: []plan.Consumer{{Name: "one", Drain: s.Drain, Seen: seen}},
	}}})
}

// runPass reads the status, plans, and rolls if the plan is to roll. A Roll may fail. Where the plan waits for a pipeline,
// that deploys.
func (s *scene) runPass() (plan.Seen, plan.Plan, error) {
	s.t.Helper()
	seen := s.readStatus()
	p := s.planFor(seen)
	var err error
	for _, r := range p.Rolls {
		err = s.rollOnto(r.Bucket)
	}
	if s.Deploy != nil && s.waitsForPipeline(p) {
		s.Deploy(s.current)
	}
	return seen, p, err
}

// waitsForPipeline reports whether a plan waits for a deployment that is not rotary's to begin.
func (s *scene) waitsForPipeline(p plan.Plan) bool {
	return slices.ContainsFunc(p.Waits, func(w plan.Wait) bool { return w.Reason == plan.NotRolled })
}

func (s *scene) rollOnto(b bucket.Bucket) error {
	s.t.Helper()
	err := s.Open().Roll(s.t.Context(), b)
	s.wantNoValue("Roll", fmt.Sprint(err))
	return err
}

func (s *scene) mustRoll(b bucket.Bucket) {
	s.t.Helper()
	if err := s.rollOnto(b); err != nil {
		s.t.Fatalf("roll onto version %s: %v", history.Short(b.Version), err)
	}
}

// passes is how many of them bring everything to an end.
const passes = 20

// runUntilSettled runs passes until one has nothing to do and nothing to wait for. It fails the test unless the
// consumer and all readers then have the current version.
func (s *scene) runUntilSettled() plan.Seen {
	s.t.Helper()
	var seen plan.Seen
	var p plan.Plan
	var err error
	for range 2 * passes {
		seen, p, err = s.runPass()
		if p.Empty() && len(p.Waits) == 0 {
			if held := s.heldVersions(); !slices.Equal(held, []string{s.current.Version}) || seen.Running != s.current.Version {
				s.t.Fatalf("it is settled on %q, current is %s, and readers have %v", seen.Running, s.current.Version, held)
			}
			return seen
		}
		s.Clock.Advance(s.Step)
	}
	s.t.Fatalf("it does not come to an end: %+v, %v, %+v", p.Waits, err, seen)
	return seen
}

// settleOn puts version n and runs passes until the consumer has settled on it.
func (s *scene) settleOn(n int) *scene {
	s.t.Helper()
	s.putVersion(n)
	s.runUntilSettled()
	return s
}

// advanceSteps moves the clock on without a pass.
func (s *scene) advanceSteps(steps int) {
	for range steps {
		s.Clock.Advance(s.Step)
	}
}

// takeWrites returns how many calls since the last time can change something.
func (s *scene) takeWrites() int {
	n := 0
	for _, c := range s.Tap.Calls() {
		if c.Write {
			n++
		}
	}
	s.Tap.Reset()
	return n
}

// wantNoWrites fails the test where do makes a call that can change something.
func (s *scene) wantNoWrites(what string, do func()) {
	s.t.Helper()
	s.Tap.Reset()
	do()
	if n := s.takeWrites(); n > 0 {
		s.t.Errorf("%s made %d calls that change something", what, n)
	}
}
