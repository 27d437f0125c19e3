// Package e2e runs the genuine Lambda bootstraps against the stand-in. Every scenario ends with finish: converged, a
// further pass whose plan is empty and which writes nothing, nobody refused, and no secret value anywhere it does
// not belong.
package e2e

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	contract "github.com/rotary-secrets/rotary/internal/contract/github"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/bus"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// lambdas is the folder with the bootstraps that TestMain built.
var lambdas string

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // scenarios wait for processes and for clients that back off
	dir, err := os.MkdirTemp("", "rotary-lambdas")
	if err == nil {
		err = buildLambdas(dir, "propagate", "rotate")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambdas = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// depend walks the sources of the bootstraps, once, while a test runs. The go command keeps a passed test's result
// until a folder that the test has read changes; it does not know by itself that these are tested here.
var depend = sync.OnceValue(func() error {
	walk := func(_ string, _ fs.DirEntry, err error) error { return err }
	return errors.Join(filepath.WalkDir("../../lambdas", walk), filepath.WalkDir("../../pkg", walk))
})

func buildLambdas(dir string, names ...string) error {
	for _, name := range names {
		command := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(dir, name, "bootstrap"), "../../lambdas/"+name)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// scene is an environment on the stand-in while a test plays with it.
type scene struct {
	*stage.Stage
	t      *testing.T
	beside []*stage.Stage

	deliver  func(event []byte) []bus.Delivery // nil: once, at once
	expected func(standin.Refusal) bool        // who may be refused; nil: nobody
	buried   int                               // messages that the test expects in the dead-letter queue
	extra    map[string]string                 // canaries that are in no source
	public   string                            // what stands in values and is no secret
	events   [][]byte                          // everything that was delivered to the queue
	reports  []plan.Report                     // everything that a look told
}

// openConverged sets production up and returns when it has converged for the first time.
func openConverged(t *testing.T, manifest string, options ...func(*stage.Config)) *scene {
	t.Helper()
	s := openScene(t, manifest, options...)
	s.watchConverged()
	return s
}

// openScene sets production up and returns before its first pass.
func openScene(t *testing.T, manifest string, options ...func(*stage.Config)) *scene {
	t.Helper()
	if err := depend(); err != nil {
		t.Fatal(err)
	}
	c := stage.Config{Manifest: []byte(manifest), Environment: "production", Lambdas: lambdas, Dir: t.TempDir()}
	for _, option := range options {
		option(&c)
	}
	st, err := stage.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	contract.Watch(t, st.GitHub)
	s := &scene{Stage: st, t: t, extra: map[string]string{}}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.ownRegion().Bus.OnDeliver(s.onDeliver)
	return s
}

// openBeside sets another environment of the manifest up in the same world.
func (s *scene) openBeside(environment string) *stage.Stage {
	s.t.Helper()
	other, err := s.Beside(s.t.Context(), environment, s.t.TempDir())
	if err != nil {
		s.t.Fatal(err)
	}
	s.beside = append(s.beside, other)
	return other
}

func (s *scene) ownRegion() *standin.Region { return s.Region(s.Env.Account, s.Env.Region) }

func (s *scene) onDeliver(_ string, event []byte) []bus.Delivery {
	s.events = append(s.events, bytes.Clone(event))
	if s.deliver == nil {
		return []bus.Delivery{{}}
	}
	return s.deliver(event)
}

// watchUntil advances the world until a report satisfies done, and fails the test after limit. Reports are in its log.
func (s *scene) watchUntil(limit time.Duration, what string, done func(plan.Report) bool) plan.Report {
	s.t.Helper()
	last := ""
	report, ended, err := s.Watch(s.t.Context(), limit, func(r plan.Report) bool {
		s.reports = append(s.reports, r)
		if text := describeReport(r); text != last {
			s.t.Logf("%s\n%s", r.At.Format(time.DateTime), text)
			last = text
		}
		return done(r)
	})
	if err != nil {
		s.t.Fatalf("waiting until %s: %v", what, err)
	}
	if !ended {
		s.t.Fatalf("%s: not within %v; last seen\n%s\nlog of the Lambdas\n%s", what, limit, describeReport(report), s.logTail())
	}
	return report
}

// describeReport lists what a pass would do and what it waits for.
func describeReport(r plan.Report) string {
	var lines []string
	for _, step := range r.Steps {
		lines = append(lines, "  "+step.String())
	}
	for _, w := range r.Waits {
		lines = append(lines, fmt.Sprintf("  wait    %s %s: %s", w.Subject, w.Reason, w.Detail))
	}
	return strings.Join(append(lines, fmt.Sprintf("  converged: %v", r.Converged)), "\n")
}

// logTail returns the end of what the Lambdas printed, for a failure's message, if it holds no value.
func (s *scene) logTail() string {
	out := s.ownRegion().Lambda.Output()
	out = out[max(0, len(out)-3000):]
	if len(s.collectCanaries().In(out)) > 0 {
		return "(not shown: it holds a secret value)"
	}
	return string(out)
}

// readReport asks the deployed Lambda for its report.
func (s *scene) readReport() plan.Report {
	s.t.Helper()
	r, err := s.Look(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.reports = append(s.reports, r)
	return r
}

// watchConverged advances the world until nothing is left to do or to wait for, and no rotation is under way.
func (s *scene) watchConverged() plan.Report {
	s.t.Helper()
	return s.watchUntil(8*time.Hour, "it converges", func(r plan.Report) bool {
		return r.Converged && !slices.ContainsFunc(r.Sources, func(source plan.SourceReport) bool { return source.Pending != "" })
	})
}

// finishScenario makes the checks at the end of every scenario.
func (s *scene) finishScenario() {
	s.t.Helper()
	s.watchConverged()
	s.wantIdle()
	s.nobodyRefused()
	s.metricsAreListed()
	s.searchCanaries(s.collectPlaces()...)
}

// wantIdle fails the test where further passes, until well after everything is quiet, change something anywhere.
func (s *scene) wantIdle() {
	s.t.Helper()
	before, passes := s.listWrites(), s.countPasses()
	s.Advance(history.Deregistered + 8*time.Minute)
	if s.countPasses() == passes {
		s.t.Error("no pass was made in the end")
	}
	for _, call := range s.listWrites()[len(before):] {
		s.t.Errorf("a converged environment was changed: %s %s %s by %q", call.Service, call.Operation, call.Resource, call.Caller)
	}
	if r := s.readReport(); !r.Converged || len(r.Steps) > 0 {
		s.t.Errorf("the last plan is not empty:\n%s", describeReport(r))
	}
	for _, call := range s.Tap.Calls() {
		if call.Status == 501 {
			s.t.Errorf("the stand-in does not implement %s %s", call.Service, call.Operation)
		}
	}
	if dead := len(s.ownRegion().Bus.Queue(s.Env.DeadLetters()).Messages); dead != s.buried {
		s.t.Errorf("the dead-letter queue has %d messages, expected %d", dead, s.buried)
	}
}

func (s *scene) nobodyRefused() {
	s.t.Helper()
	for _, r := range s.Refusals() {
		if s.expected == nil || !s.expected(r) {
			s.t.Errorf("somebody was refused: %s", r)
		}
	}
}

// selectCalls returns the journal's calls for which keep says yes, in order.
func (s *scene) selectCalls(keep func(sim.Call) bool) []sim.Call {
	return slices.DeleteFunc(s.Tap.Calls(), func(c sim.Call) bool { return !keep(c) })
}

// isChange reports whether a call can change what secrets or consumers hold: any write but the pipeline's own.
func isChange(c sim.Call) bool {
	return c.Write && slices.Contains([]string{"secretsmanager", "ecs", "github", "vercel"}, c.Service)
}

func (s *scene) listWrites() []sim.Call { return s.selectCalls(isChange) }

// countPasses counts the passes so far.
func (s *scene) countPasses() int {
	return len(s.selectCalls(func(c sim.Call) bool {
		return c.Operation == "BatchGetSecretValue" && c.Caller == s.Env.PropagateFunction()
	}))
}

// countAlarms counts what the Lambdas logged for an alarm.
func (s *scene) countAlarms(name string) int {
	return bytes.Count(s.ownRegion().Lambda.Output(), []byte(`"alarm":"`+name+`"`))
}

// advanceSlowly advances the clock with a sweep every three hours, not every five minutes: in days nobody acts in, passes
// between them see the same.
func (s *scene) advanceSlowly(by time.Duration) {
	s.t.Helper()
	s.sweepEvery("rate(3 hours)")
	s.Advance(by)
	s.sweepEvery("rate(5 minutes)")
}

func (s *scene) sweepEvery(rate string) {
	s.t.Helper()
	client := scheduler.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
	is, err := client.GetSchedule(s.t.Context(), &scheduler.GetScheduleInput{Name: aws.String(s.Env.SweepSchedule())})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = client.UpdateSchedule(s.t.Context(), &scheduler.UpdateScheduleInput{
		Name: is.Name, ScheduleExpression: &rate, FlexibleTimeWindow: is.FlexibleTimeWindow, Target: is.Target,
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
