package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestTheFirstPassWritesEveryBucketAndRollsEveryConsumer(t *testing.T) {
	b := start(t, small)
	b.put("db", `{"DB_URL":"url-1"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
	report := b.mustRun()
	same(t, "the steps", []string{
		"tag api-dev", "tag worker-dev", "mark source/dev/db", "mark source/dev/db", "mark source/dev/vendors", "mark source/dev/vendors",
		"write api", "write worker", "roll web", "roll zone", "roll cron", "roll jobs",
	}, doing(report))
	same(t, "api", map[string]string{"DB_URL": "url-1", "VENDOR_KEY": "key-1", "VENDOR_ID": "id-1"}, b.values("api-dev", b.current("api-dev")))
	same(t, "worker", map[string]string{"WORKER_DB": "url-1", "WORKER_KEY": "key-1"}, b.values("worker-dev", b.current("worker-dev")))
	b.tick()
	if b.sinks["web"].running != b.current("api-dev") || b.sinks["jobs"].running != b.current("worker-dev") {
		t.Error("a consumer is not on its bucket's current version")
	}
	if report := b.converge(); !report.Converged {
		t.Errorf("not converged: %q", reasons(report))
	}
}

func TestAPassOverAConvergedEnvironmentWritesNothing(t *testing.T) {
	b := settled(t)
	if n := b.writes(func() { b.mustRun() }); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestAChangeFollowsEverywhereAndTheOldCredentialDiesLast(t *testing.T) {
	b := settled(t)
	old := b.current("source/dev/db")
	now := b.put("db", `{"DB_URL":"url-2"}`)
	b.converge()
	same(t, "the order of work outside Secrets Manager", []string{
		"roll web", "roll zone", "roll cron", "roll jobs",
		"withdraw from web", "withdraw from zone", "withdraw from cron", "withdraw from jobs", "retire db",
	}, b.worked)
	labels := b.labels("source/dev/db")
	same(t, "the new version", []string{"AWSCURRENT", history.Live + now[:8], "SEEN"}, labels[now])
	same(t, "the old version", []string{"AWSPREVIOUS"}, labels[old])
	if n := b.writes(func() { b.mustRun() }); n != 0 {
		t.Errorf("the pass after it made %d writes", n)
	}
}

func TestTwoSourcesChangedAtOnceAreOneWriteOfEachBucket(t *testing.T) {
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-1"}`)
	report := b.mustRun()
	writes := slices.DeleteFunc(doing(report), func(s string) bool { return !strings.HasPrefix(s, "write") })
	same(t, "the writes", []string{"write api", "write worker"}, writes)
	report = b.converge()
	same(t, "what is left to wait for", []string{"vendors by-hand"}, reasons(report))
	same(t, "worker", map[string]string{"WORKER_DB": "url-2", "WORKER_KEY": "key-2"}, b.values("worker-dev", b.current("worker-dev")))
}

func TestAKeyThatNobodyReadsRollsNobodyWhoDoesNot(t *testing.T) {
	b := settled(t)
	b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-2"}`) // worker maps VENDOR_KEY alone
	report := b.mustRun()
	same(t, "the steps", []string{"mark source/dev/vendors", "mark source/dev/vendors", "mark source/dev/vendors", "write api", "roll web", "roll zone"}, doing(report))
}

func TestMovingTheLabelBackBringsTheOldBucketVersionBack(t *testing.T) {
	b := settled(t)
	first, bucketBefore := b.current("source/dev/db"), b.current("api-dev")
	second := b.put("db", `{"DB_URL":"url-2"}`)
	b.mustRun()
	b.tick()
	b.relabel("source/dev/db", history.AWSCurrent, first, second)
	b.mustRun()
	if got := b.current("api-dev"); got != bucketBefore {
		t.Errorf("the bucket is at %s, and was at %s", got, bucketBefore)
	}
	b.converge()
	if got := b.sinks["web"].running; got != bucketBefore {
		t.Errorf("the consumer runs %s, and ran %s", got, bucketBefore)
	}
	same(t, "the version that was tried in between", []string{"AWSPREVIOUS", "SEEN"}, b.labels("source/dev/db")[second])
	if n := b.writes(func() { b.mustRun() }); n != 0 {
		t.Errorf("the pass after it made %d writes", n)
	}
}

func TestTwoPutsByHandInARowLoseNoCredential(t *testing.T) {
	b := settled(t)
	old := b.current("source/dev/db")
	between := b.put("db", `{"DB_URL":"url-2"}`)
	b.put("db", `{"DB_URL":"url-3"}`)
	b.mustRun()
	for _, id := range []string{old, between} {
		if !slices.Contains(b.labels("source/dev/db")[id], history.Live+id[:8]) {
			t.Errorf("version %s is forgotten", id)
		}
	}
	b.converge()
	same(t, "what was retired", 2, count(b.worked, "retire db"))
}

func count(list []string, item string) int {
	n := 0
	for _, x := range list {
		if x == item {
			n++
		}
	}
	return n
}

// S10: of what is invalid nothing is written anywhere, and it is named without its value. The source that changed beside
// it is written.
func TestInvalidInputIsWrittenNowhere(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": `c4nary`, "a list": `["c4nary"]`, "a key twice": `{"DB_URL":"c4nary","DB_URL":"x"}`,
		"a null": `{"DB_URL":null}`, "an object": `{"DB_URL":{"c4nary":1}}`,
	} {
		b := settled(t)
		b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-1"}`)
		b.put("db", text)
		report := b.mustRun()
		if why := report.Source("db").Frozen; !strings.Contains(why, "reading source db: ") || strings.Contains(fmt.Sprintf("%+v", report), "c4nary") {
			t.Errorf("%s: the report does not say what was wrong with what, or quotes it: %s", name, why)
		}
		b.tick()
		b.mustRun()
		same(t, "what the consumer has", map[string]string{"WORKER_DB": "url-1", "WORKER_KEY": "key-2"}, b.values("worker-dev", b.sinks["jobs"].running))
	}
}

func TestWhatWasPutByMistakeAndReplacedDoesNotStopTheEnvironment(t *testing.T) {
	b := settled(t)
	mistake := b.put("db", `not JSON`)
	if report := b.mustRun(); report.Source("db").Frozen == "" {
		t.Fatal("the mistake freezes nothing")
	}
	b.put("db", `{"DB_URL":"url-2"}`)
	report := b.converge()
	same(t, "what the consumer has", map[string]string{"WORKER_DB": "url-2", "WORKER_KEY": "key-1"}, b.values("worker-dev", b.sinks["jobs"].running))
	same(t, "what is left to wait for", []string{"db by-hand"}, reasons(report))
	if owed := report.Sources[0].Owed; len(owed) != 1 || owed[0].Version != mistake {
		t.Errorf("owed are %+v", owed)
	}
}

func TestASourceThatBecameEmptyPullsTheBrake(t *testing.T) {
	b := settled(t)
	before := b.current("api-dev")
	b.put("vendors", `{}`)
	report := b.mustRun()
	same(t, "the waits", []string{"api brake", "worker brake", "vendors pending-work"}, reasons(report))
	b.tick()
	b.mustRun()
	if b.current("api-dev") != before || b.sinks["web"].running != before {
		t.Error("the bucket or its consumer has changed")
	}
	b.pass.AcceptRemovals = []string{"VENDOR_KEY", "VENDOR_ID", "WORKER_KEY"}
	b.converge()
	same(t, "what is left when it is meant", map[string]string{"DB_URL": "url-1"}, b.values("api-dev", b.sinks["web"].running))
}

func TestObserveWritesNothing(t *testing.T) {
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	b.env.Mode = manifest.Observe
	n := b.writes(func() {
		if report := b.mustRun(); !slices.Contains(doing(report), "write api") {
			t.Errorf("it does not even say what it would do: %q", doing(report))
		}
	})
	if n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestADryRunWritesNothingAndSaysTheSame(t *testing.T) {
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	b.pass.DryRun = true
	var dry plan.Report
	if n := b.writes(func() { dry = b.mustRun() }); n != 0 {
		t.Errorf("%d writes", n)
	}
	b.pass.DryRun = false
	same(t, "the steps", doing(dry), doing(b.mustRun()))
}

func TestPropagateNeverRetires(t *testing.T) {
	b := settled(t)
	b.env.Mode = manifest.Propagate
	b.put("db", `{"DB_URL":"url-2"}`)
	report := b.converge()
	same(t, "what is left to wait for", []string{"db mode"}, reasons(report))
	same(t, "what was retired", 0, count(b.worked, "retire db"))
	same(t, "what the consumer has", "url-2", b.values("worker-dev", b.sinks["jobs"].running)["WORKER_DB"])
	b.env.Mode = manifest.Retire
	b.converge()
	same(t, "what was retired when it may be", 1, count(b.worked, "retire db"))
}

func TestOneFailingConsumerDoesNotStopTheOthers(t *testing.T) {
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	b.sinks["web"].broken = errors.New("502 from the sink")
	for range 6 {
		report, err := b.run()
		if lag := (*reconcile.Lagging)(nil); !errors.As(err, &lag) || !errors.Is(err, b.sinks["web"].broken) || !strings.Contains(err.Error(), "roll web") {
			t.Fatalf("the error is %v", err)
		}
		if len(report.Consumers) != 4 {
			t.Fatal("the report did not come back with the error")
		}
		b.tick()
	}
	same(t, "what the other one has", "url-2", b.values("worker-dev", b.sinks["jobs"].running)["WORKER_DB"])
	same(t, "what was retired", 0, count(b.worked, "retire db"))
	b.sinks["web"].broken = nil
	b.converge()
	same(t, "what was retired in the end", 1, count(b.worked, "retire db"))
}

func TestAConsumerThatDoesNotAnswerVetoesAndIsLeftAlone(t *testing.T) {
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	b.sinks["web"].silent = errors.New("timeout")
	var report plan.Report
	for range 6 {
		report = b.mustRun()
		b.tick()
	}
	same(t, "the waits", []string{"web unreadable", "db unseen-consumer"}, reasons(report))
	same(t, "the work", []string{"roll zone", "roll cron", "roll jobs", "withdraw from cron", "withdraw from jobs"}, b.worked)
	b.sinks["web"].silent = nil
	b.converge()
	same(t, "what was retired in the end", 1, count(b.worked, "retire db"))
}

// census finds strangers, each of which may have anything.
type census struct {
	found    []plan.SeenStranger
	prepared int
}

func (c *census) Prepare(context.Context, time.Time, []plan.Remembered) { c.prepared++ }

func (c *census) Strangers(_ context.Context, secrets []history.History) []plan.SeenStranger {
	for i := range c.found {
		c.found[i].Holds = plan.HoldAny(secrets)
	}
	return c.found
}

func TestWhatStandsInNoManifestVetoesAndSoDoesACensusThatFails(t *testing.T) {
	for name, c := range map[string]*census{
		"ecs:main/old": {found: []plan.SeenStranger{{Name: "ecs:main/old", Why: "it stands in no manifest"}}},
		"ecs:main":     {found: []plan.SeenStranger{{Name: "ecs:main", Unread: true, Why: "throttled"}}},
	} {
		b := settled(t)
		b.pass.Census = c
		b.put("db", `{"DB_URL":"url-2"}`)
		var report plan.Report
		for range 6 {
			report = b.mustRun()
			b.tick()
		}
		if waits := strings.Join(reasons(report), ", "); !strings.Contains(waits, name+" ") || !strings.Contains(waits, "db stranger") {
			t.Errorf("%s: the waits are %s", name, waits)
		}
		same(t, "what was retired", 0, count(b.worked, "retire db"))
		same(t, "looks of the census", 6, c.prepared)
		same(t, "secrets that it was asked about", len(b.pass.Environment.Sources)+len(b.pass.Environment.Buckets), len(c.found[0].Holds))
		*c = census{}
		b.converge()
		same(t, "what was retired in the end", 1, count(b.worked, "retire db"))
	}
}

func TestALabelComesOffOnlyAfterEveryConsumerHasWithdrawnTheVersion(t *testing.T) {
	b := settled(t)
	old := b.current("api-dev")
	b.put("db", `{"DB_URL":"url-2"}`)
	b.sinks["web"].clinging = errors.New("403 from the sink")
	failures := 0
	for range 8 {
		if _, err := b.run(); err != nil {
			failures++
			if !errors.Is(err, b.sinks["web"].clinging) || !strings.Contains(err.Error(), "from web") {
				t.Fatalf("the error is %v", err)
			}
		}
		b.tick()
	}
	held := func() bool {
		return slices.ContainsFunc(b.labels("api-dev")[old], func(l string) bool { return strings.HasPrefix(l, history.Past) })
	}
	if failures == 0 || !held() || count(b.worked, "retire db") > 0 {
		t.Errorf("%d failures; still PAST: %v; retired: %d", failures, held(), count(b.worked, "retire db"))
	}
	b.sinks["web"].clinging = nil
	b.converge()
	if held() || !slices.Contains(b.sinks["web"].withdrawn, old) || count(b.worked, "retire db") != 1 {
		t.Errorf("still PAST: %v; withdrawn: %q; retired: %d", held(), b.sinks["web"].withdrawn, count(b.worked, "retire db"))
	}
}

func TestASourceWithoutAValueYetHoldsUpNobody(t *testing.T) {
	b := start(t, small)
	b.put("db", `{"DB_URL":"url-1"}`)
	if report := b.converge(); !report.Converged {
		t.Errorf("not converged: %q", reasons(report))
	}
	same(t, "api", map[string]string{"DB_URL": "url-1"}, b.values("api-dev", b.sinks["web"].running))
}

func TestWithoutAnyValueThereIsNothingToDo(t *testing.T) {
	b := start(t, small)
	n := b.writes(func() {
		same(t, "the waits", []string{"web no-content", "zone no-content", "cron no-content", "jobs no-content"}, reasons(b.mustRun()))
	})
	if n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestWhoLeavesOrDrainsIsNotRolledAndVetoesAsLongAsItNeedsTheOldValue(t *testing.T) {
	for _, kind := range []string{"leaving: true, ecs: {cluster: main, service: jobs, container: app}", "reader: {drain: 1h}"} {
		b := start(t, strings.Replace(small, "ecs: {cluster: main, service: jobs, container: app}", kind, 1))
		b.put("db", `{"DB_URL":"url-1"}`)
		b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
		b.mustRun()
		b.sinks["jobs"].running = b.current("worker-dev")
		b.put("db", `{"DB_URL":"url-2"}`)
		for range 12 {
			b.tick()
			b.mustRun()
		}
		if count(b.worked, "roll jobs") > 0 || count(b.worked, "retire db") > 0 {
			t.Errorf("%s: it was rolled, or its credential retired: %q", kind, b.worked)
		}
		why := map[bool]string{true: "db in-use", false: "db draining"}[strings.HasPrefix(kind, "leaving")]
		same(t, kind+": what the retirement waits for", []string{why}, reasons(b.mustRun()))
		b.sinks["jobs"].running = b.current("worker-dev")
		b.converge()
		if count(b.worked, "roll jobs") > 0 || count(b.worked, "retire db") != 1 {
			t.Errorf("%s: after it had gone: %q", kind, b.worked)
		}
	}
}

// A look that takes long has not seen what lands while it lasts: it counts as of the moment at which it began (ADR 1).
func TestALookThatTakesLongIsNotQuietBecauseOfIt(t *testing.T) {
	b := settled(t)
	old, began := b.current("api-dev"), time.Time{}
	b.put("db", `{"DB_URL":"url-2"}`)
	for !slices.Contains(b.sinks["web"].withdrawn, old) {
		b.mustRun()
		b.tick()
	}
	b.worked = nil
	b.sinks["cron"].asked = func() { // web has been looked at already
		b.sinks["web"].rolling = old
		began = b.Clock.Now()
		b.Advance(history.Deregistered)
	}
	report := b.mustRun()
	if len(b.worked) > 0 || report.At.After(began) {
		t.Errorf("it is of %v, after a look that began by %v, and did %q", report.At, began, b.worked)
	}
}
