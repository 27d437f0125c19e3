package reconcile_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// feeding is a manifest of a bucket of three sources, and one of the first of them.
const feeding = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  a: {keys: [A], rotate: {random: {}}}
  b: {keys: [B], rotate: {random: {}}}
  c: {keys: [C], rotate: {random: {}}}
buckets:
  all: {originals: [a, b, c]}
  one: {originals: [a]}
consumers:
  jobs: {bucket: one, ecs: {cluster: main, service: jobs, container: app}}
  web: {bucket: all, ecs: {cluster: main, service: web, container: app}}
`

// fed is feeding after everything has followed.
func fed(t *testing.T) *bench {
	b := start(t, feeding)
	for _, s := range []string{"a", "b", "c"} {
		b.change(s)
	}
	b.converge()
	return b
}

// change gives a source a value that it never had.
func (b *bench) change(source string) {
	b.put(source, fmt.Sprintf(`{%q:"value %d"}`, strings.ToUpper(source), b.puts))
}

// minute lets one go by, in which what was rolled arrives.
func (b *bench) minute() {
	b.Advance(time.Minute)
	for _, s := range b.sinks {
		if s.rolling != "" {
			s.running, s.rolling, s.changed = s.rolling, "", b.Clock.Now()
		}
	}
}

// versions counts the versions of a secret, with a label and without, and the labels.
func (b *bench) versions(name string) (versions, labels int) {
	b.t.Helper()
	all, err := b.pass.Store.Versions(b.t.Context(), name)
	must(b.t, err)
	for _, v := range all {
		labels += len(v.Labels)
	}
	return len(all), labels
}

func waits(r plan.Report, subject string, reason plan.Reason) bool {
	return slices.Contains(reasons(r), subject+" "+string(reason))
}

// As long as a consumer cannot be seen, no version of its bucket is withdrawn. The bucket's labels are used up, its next
// Write is refused, and nothing else is: the other bucket is written, and its consumer follows. When the consumer can be
// seen again, everything follows.
func TestTheTwentyFirstLabelRefusesThatWriteAlone(t *testing.T) {
	t.Parallel()
	b := fed(t)
	b.sinks["web"].silent = errors.New("no answer")
	var report plan.Report
	for n := range 60 {
		b.change([]string{"b", "c"}[n%2])
		if report = b.mustRun(); waits(report, "all", plan.LabelsFull) {
			break
		}
		b.minute()
	}
	made, labels := b.versions("all-dev")
	if !waits(report, "all", plan.LabelsFull) || labels != history.MaxLabels-1 || made != 17 {
		t.Fatalf("after %d versions with %d labels the waits are %q", made, labels, reasons(report))
	}
	b.minute()
	b.change("a")
	before := b.current("all-dev")
	report = b.mustRun()
	same(t, "the steps", []string{
		"mark source/dev/a", "mark source/dev/a", "mark source/dev/a", "write one", "roll jobs",
	}, doing(report))
	if !waits(report, "all", plan.LabelsFull) || b.current("all-dev") != before {
		t.Errorf("the bucket was written, or the waits are %q", reasons(report))
	}
	b.sinks["web"].silent = nil
	b.converge()
	want := b.values("source/dev/c", b.current("source/dev/c"))["C"]
	if got := b.values("all-dev", b.current("all-dev"))["C"]; got != want || b.sinks["web"].running != b.current("all-dev") {
		t.Error("when it is quiet the bucket does not follow")
	}
	if _, labels := b.versions("all-dev"); labels != 3 {
		t.Errorf("it ends with %d labels, want AWSCURRENT, AWSPREVIOUS and one HELD", labels)
	}
}

// A bucket that changes every five minutes ages as it goes: its labels do not run out, and what was replaced is retired.
func TestABucketThatNeverStandsStillFollowsAndRetires(t *testing.T) {
	t.Parallel()
	b := fed(t)
	before, _ := b.versions("all-dev")
	for n := range 72 { // six hours, five minutes apart: more often than one in ten minutes
		b.change([]string{"a", "b", "c"}[n%3])
		b.mustRun()
		b.tick()
	}
	if made, _ := b.versions("all-dev"); made-before != 72 {
		t.Errorf("%d writes, want 72", made-before)
	}
	if n := count(b.worked, "retire a") + count(b.worked, "retire b") + count(b.worked, "retire c"); n < 72-9 {
		t.Errorf("%d versions were retired of 72", n)
	}
	for range 6 {
		b.mustRun()
		b.tick()
	}
	want := b.values("source/dev/c", b.current("source/dev/c"))["C"]
	if got := b.values("all-dev", b.sinks["web"].running)["C"]; got != want {
		t.Error("half an hour after the last change the consumer does not run it")
	}
}

// Many changes a day, with pauses, are more than the quota of versions takes. The bucket is written MaxWrites times
// within a day; the next Write waits until that is so again, and everything else goes on.
func TestABucketIsWrittenMaxWritesTimesADay(t *testing.T) {
	t.Parallel()
	b := fed(t)
	name, content := "all-dev", `{"A":"value 0","B":"value 1","C":"value 2"}`
	for made, _ := b.versions(name); made < plan.MaxWrites-1; made++ { // equal content: no write of rotary's
		b.Advance(15 * time.Minute)
		id := fmt.Sprintf("%08d-aaaa-4000-8000-000000000000", made)
		_, err := b.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &content, ClientRequestToken: &id})
		must(t, err)
	}
	b.converge()
	b.change("b")
	same(t, "the last write of the day", []string{"write all"}, only(b.mustRun(), "write"))
	b.tick()
	b.change("b")
	b.change("a")
	report := b.mustRun()
	same(t, "the writes after it", []string{"write one"}, only(report, "write"))
	if !waits(report, "all", plan.WriteRate) {
		t.Errorf("the waits are %q", reasons(report))
	}
	until := report.Waits[slices.IndexFunc(report.Waits, func(w plan.Wait) bool { return w.Reason == plan.WriteRate })].Until
	b.AdvanceTo(until.Add(-time.Second))
	same(t, "the writes a second before the wait ends", []string(nil), only(b.mustRun(), "write"))
	b.Advance(time.Second)
	same(t, "the writes when it ends", []string{"write all"}, only(b.mustRun(), "write"))
	b.converge()
}

func only(r plan.Report, do string) []string {
	var out []string
	for _, step := range doing(r) {
		if strings.HasPrefix(step, do+" ") {
			out = append(out, step)
		}
	}
	return out
}
