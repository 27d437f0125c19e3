package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// Every read of a pass fails once, in every way that concerns the service or whoever asks, before a change, so that
// there is something to write.
func TestAFailedReadStopsThePassBeforeItsFirstWrite(t *testing.T) {
	t.Parallel()
	for _, outcome := range []sim.Outcome{sim.Unavailable, sim.Throttled, sim.Dropped, sim.Denied} {
		for k, reads := 1, 1; k <= reads; k++ {
			b := settled(t)
			b.put("db", `{"DB_URL":"url-2"}`)
			n, failing := 0, ""
			b.Tap.OnCall(func(c sim.Call) sim.Fault {
				ours := c.Operation == "BatchGetSecretValue" || outcome != sim.Denied // of one secret: it is frozen
				if n++; n == k && !c.Write {
					if reads++; !ours {
						return sim.Fault{}
					}
					failing = c.Operation + " " + c.Resource
					return sim.Fault{Outcome: outcome}
				}
				return sim.Fault{}
			})
			writes := b.writes(func() {
				if _, err := b.run(); err == nil && failing != "" {
					t.Errorf("%s failed (%d), and the pass did not", failing, outcome)
				}
			})
			if failing == "" {
				continue // nothing failed: the call is a write, or is allowed
			}
			if writes > 0 {
				t.Errorf("%s failed (%d), and the pass made %d writes", failing, outcome, writes)
			}
			b.Tap.OnCall(nil)
			b.converge()
		}
	}
}

// Every read of one secret is denied once: that secret is left alone, and the pass goes on.
func TestADeniedReadOfOneSecretFreezesThatSecretAlone(t *testing.T) {
	t.Parallel()
	for k, reads := 1, 1; k <= reads; k++ {
		b := settled(t)
		b.put("db", `{"DB_URL":"url-2"}`)
		n, denied, value := 0, "", false
		b.Tap.Reset()
		b.Tap.OnCall(func(c sim.Call) sim.Fault {
			if n++; n != k || c.Write {
				return sim.Fault{}
			}
			if reads++; c.Operation == "BatchGetSecretValue" {
				return sim.Fault{}
			}
			denied, value = c.Resource, c.Operation == "GetSecretValue"
			return sim.Fault{Outcome: sim.Denied}
		})
		report := b.mustRun()
		if value { // of an owed version: that one is not retired
			if owed := report.Source("db").Owed; len(owed) != 1 || owed[0].Blocked[0].Reason != plan.Frozen {
				t.Errorf("the value of an owed version is denied, and owed are %+v", owed)
			}
			continue
		}
		for _, c := range b.Tap.Calls() {
			if c.Write && denied != "" && c.Resource == denied {
				t.Errorf("read %d, of %s, is denied, and it is written: %s", k, denied, c.Operation)
			}
		}
		if denied != "" && !slices.ContainsFunc(report.Alarms, func(a plan.Alarm) bool { return a.Name == plan.FrozenSecret }) {
			t.Errorf("read %d, of %s, is denied, and nobody is told", k, denied)
		}
		b.Tap.OnCall(nil)
		b.converge()
	}
}

// One label move or put is refused as the service refuses, and everything else would work.
func TestARefusedMarkOrWriteEndsThePassThere(t *testing.T) {
	for k, planned := 1, 1; k <= planned; k++ {
		b := settled(t)
		b.put("db", `{"DB_URL":"url-2"}`)
		n, refused := 0, ""
		b.Tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Write {
				n++
			}
			if c.Write && n == k {
				refused = c.Operation + " " + c.Resource
				return sim.Fault{Outcome: sim.Unavailable}
			}
			return sim.Fault{}
		})
		_, err := b.run()
		if refused == "" {
			continue
		}
		planned++
		if lag := (*reconcile.Lagging)(nil); err == nil || errors.As(err, &lag) || n != k || len(b.worked) > 0 {
			t.Errorf("%s was refused (%v), and %d writes and %q followed", refused, err, n-k, b.worked)
		}
		b.Tap.OnCall(nil)
		b.converge()
	}
}

// interrupt runs meanwhile just before the n-th call of an operation that is about a secret.
func (b *bench) interrupt(operation, resource string, meanwhile func()) {
	done := false
	b.Tap.OnCall(func(c sim.Call) sim.Fault {
		if !done && c.Operation == operation && c.Resource == resource {
			done = true
			meanwhile()
		}
		return sim.Fault{}
	})
}

func TestALostSwapEndsThePass(t *testing.T) {
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	api, foreign, text := "api-dev", "ffffffff-0000-4000-8000-000000000000", `{"DB_URL":"by hand"}`
	b.interrupt("UpdateSecretVersionStage", api, func() {
		_, err := b.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &api, SecretString: &text, ClientRequestToken: &foreign})
		must(t, err)
	})
	b.Tap.Reset()
	if _, err := b.run(); !errors.Is(err, store.ErrMoved) {
		t.Fatalf("the error is %v", err)
	}
	for _, c := range b.Tap.Calls() {
		if c.Resource == "worker-dev" && c.Write {
			t.Errorf("the pass went on to %s %s", c.Operation, c.Resource)
		}
	}
	if len(b.worked) > 0 || b.current(api) != foreign {
		t.Errorf("the pass did %q and left %s current", b.worked, b.current(api))
	}
	b.Tap.OnCall(nil)
	b.converge()
	same(t, "api in the end", "url-2", b.values(api, b.sinks["web"].running)["DB_URL"])
}

// A bucket's values are of one moment and its labels of another: a swap that had timed out lands between the two reads
// and brings the version before back. What the values say is no longer so.
func TestABucketTornByALateSwapBringsNoOldValueBack(t *testing.T) {
	for _, bucket := range []string{"api-dev", "worker-dev"} {
		b := settled(t)
		before := b.current(bucket)
		b.put("db", `{"DB_URL":"url-2"}`)
		b.converge()
		after := b.current(bucket)
		b.worked = nil
		b.interrupt("DescribeSecret", bucket, func() { b.relabel(bucket, history.AWSCurrent, before, after) })
		same(t, bucket+": what the pass does", []string{"mark " + bucket, "write " + strings.TrimSuffix(bucket, "-dev")}, doing(b.mustRun()))
		same(t, bucket+" is again", after, b.current(bucket))
		b.Tap.OnCall(nil)
		b.converge()
		same(t, bucket+": what consumers and rotator were asked to do", 0, len(b.worked))
	}
}

func TestAPassLooksAgainWhereASourceChangesWhileItIsRead(t *testing.T) {
	b := settled(t)
	b.interrupt("DescribeSecret", "source/dev/db", func() { b.put("db", `{"DB_URL":"url-2"}`) })
	same(t, "what the pass does", []string{"mark source/dev/db", "mark source/dev/db", "mark source/dev/db", "write api", "write worker", "roll web", "roll zone", "roll cron", "roll jobs"}, doing(b.mustRun()))
	same(t, "worker", "url-2", b.values("worker-dev", b.current("worker-dev"))["WORKER_DB"])
}

func TestASourceThatNeverStandsStillEndsThePass(t *testing.T) {
	b := settled(t)
	putting, people := false, 0
	b.Tap.OnCall(func(c sim.Call) sim.Fault {
		if !putting && c.Operation == "DescribeSecret" && c.Resource == "source/dev/db" {
			putting = true
			b.put("db", fmt.Sprintf(`{"DB_URL":"url-%d"}`, b.puts))
			putting = false
			people++
		}
		return sim.Fault{}
	})
	n := b.writes(func() {
		if _, err := b.run(); err == nil || !strings.Contains(err.Error(), "source/dev/db: its AWSCURRENT moved while it was being read") {
			t.Errorf("the error is %v", err)
		}
	})
	if n != people || people > 5 {
		t.Errorf("%d writes, %d of them by people", n, people)
	}
	b.Tap.OnCall(nil)
	b.converge()
}

// fading is a context whose deadline comes near once over says so.
type fading struct {
	context.Context
	over func() bool
}

func (f fading) Deadline() (time.Time, bool) {
	if f.over() {
		return time.Now().Add(reconcile.Margin / 2), true
	}
	return time.Now().Add(time.Hour), true
}

func TestAPassStartsNoWriteThatItsDeadlineCouldCutOff(t *testing.T) {
	t.Parallel()
	for k := range 12 {
		b := settled(t)
		b.put("db", `{"DB_URL":"url-2"}`)
		before := b.Tap.Writes() + len(b.worked)
		out := false
		ctx := fading{t.Context(), func() bool { return b.Tap.Writes()+len(b.worked)-before >= k }}
		for range 40 {
			before = b.Tap.Writes() + len(b.worked)
			report, err := b.pass.Run(inOrder(ctx))
			done := b.Tap.Writes() + len(b.worked) - before
			switch {
			case err == nil && done < len(report.Steps):
				t.Fatalf("stopped after %d writes of %q without an error", done, doing(report))
			case err != nil && !errors.Is(err, reconcile.ErrOutOfTime):
				t.Fatalf("the error is %v", err)
			case err != nil && (report.Converged || len(report.Steps) == 0):
				t.Fatalf("out of time, and the report says that nothing was left: %q", doing(report))
			case done > k+1: // a put and its swap are one write
				t.Fatalf("%d writes were started with time for %d", done, k)
			}
			out = out || err != nil
			b.tick()
		}
		if !out && k < 4 {
			t.Errorf("with time for %d writes no pass ran out of time", k)
		}
		if k > 0 {
			same(t, fmt.Sprintf("worker in the end, %d writes a pass", k), "url-2", b.values("worker-dev", b.sinks["jobs"].running)["WORKER_DB"])
			same(t, fmt.Sprintf("what was retired in the end, %d writes a pass", k), 1, count(b.worked, "retire db"))
		}
	}
}

func TestAPassWithNothingToDoNeedsNoTime(t *testing.T) {
	b := settled(t)
	report, err := b.pass.Run(fading{inOrder(t.Context()), func() bool { return true }})
	if err != nil || !report.Converged {
		t.Errorf("converged %v, error %v", report.Converged, err)
	}
}

func TestAPassThatWasCalledOffWritesNothing(t *testing.T) {
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	ctx, cancel := context.WithCancel(t.Context())
	b.interrupt("PutSecretValue", "api-dev", cancel)
	if _, err := b.pass.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("the error is %v", err)
	}
	if len(b.worked) > 0 {
		t.Errorf("it went on to %q", b.worked)
	}
	b.Tap.OnCall(nil)
	b.converge()
}

// A retirement that fails at one source keeps no other source waiting.
func TestOneFailingRetirementDoesNotStopTheOthers(t *testing.T) {
	b := start(t, strings.Replace(small, "VENDOR_ID]}", "VENDOR_ID], rotate: {random: {key: VENDOR_KEY}}}", 1))
	b.put("db", `{"DB_URL":"url-1"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
	b.converge()
	b.put("db", `{"DB_URL":"url-2"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-1"}`)
	b.pass.Advancer = failing{rotator{b}, "db", errors.New("500 from the vendor")}
	failures := 0
	for range 10 {
		if _, err := b.run(); err != nil {
			failures++
			if !strings.Contains(err.Error(), "of db: 500 from the vendor") {
				t.Fatalf("the error is %v", err)
			}
		}
		b.tick()
	}
	if failures == 0 || count(b.worked, "retire vendors") != 1 || count(b.worked, "retire db") != 0 {
		t.Errorf("%d failures; retired: %q", failures, b.worked)
	}
}

type failing struct {
	reconcile.Advancer
	source string
	err    error
}

func (f failing) Advance(ctx context.Context, a plan.Advance) error {
	if a.Source == f.source {
		return f.err
	}
	return f.Advancer.Advance(ctx, a)
}

// wide is an environment with this many keys in one source and one bucket.
func wide(keys int) (yaml, text string) {
	var names []string
	values := map[string]secret.Value{}
	for i := range keys {
		names = append(names, fmt.Sprintf("KEY_%d", i))
		values[names[i]] = secret.New(fmt.Sprintf("value-%d", i))
	}
	return `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources: {db: {keys: [` + strings.Join(names, ", ") + `], rotate: {random: {key: KEY_0}}}}
buckets: {api: {originals: [db]}}
consumers: {web: {bucket: api, reader: {drain: 1h}}}
`, secret.Reveal(bucket.Encode(values))
}

func TestTheNumberOfCallsDoesNotDependOnTheNumberOfKeys(t *testing.T) {
	calls := func(keys int) []string {
		yaml, text := wide(keys)
		b := start(t, yaml)
		b.put("db", text)
		b.converge()
		b.put("db", strings.ReplaceAll(text, "value-", "other-"))
		b.Tap.Reset()
		b.converge()
		var ops []string
		for _, c := range b.Tap.Calls() {
			ops = append(ops, c.Operation)
		}
		return ops
	}
	few, many := calls(50), calls(250)
	same(t, "the calls for 250 keys, and for 50", few, many)
	if !slices.Contains(few, "PutSecretValue") {
		t.Error("nothing was written")
	}
}

// A consumer that cannot be rolled keeps no source waiting whose values it does not have.
func TestAFailingRollDoesNotStopTheRetirementOfOtherSources(t *testing.T) {
	apart := strings.Replace(small, "api: {originals: [db, vendors]}", "api: {originals: [vendors]}", 1)
	apart = strings.Replace(apart, "{DB_URL: [WORKER_DB], VENDOR_KEY: [WORKER_KEY]}", "{DB_URL: [WORKER_DB]}", 1)
	b := start(t, apart)
	b.put("db", `{"DB_URL":"url-1"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
	b.converge()
	b.sinks["web"].broken = errors.New("422 from the sink")
	b.put("db", `{"DB_URL":"url-2"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-1"}`)
	for range 10 {
		_, err := b.run()
		lagging, lags := errors.AsType[*reconcile.Lagging](err)
		if !lags || len(lagging.Errs) != 1 || !strings.Contains(err.Error(), "roll web: 422 from the sink") {
			t.Fatalf("the error is %v", err)
		}
		b.tick()
	}
	if count(b.worked, "retire db") != 1 {
		t.Errorf("asked for: %q", b.worked)
	}
}

// A bucket that somebody made unreadable by hand is written over; one that rotary never wrote is not.
func TestAMalformedBucketIsWrittenOverWhereItIsRotarys(t *testing.T) {
	b := settled(t)
	b.putText(t, "api-dev", "not JSON at all")
	b.converge()
	if got := b.values("api-dev", b.current("api-dev")); got["DB_URL"] == "" {
		t.Errorf("the bucket has the names %v", slices.Sorted(maps.Keys(got)))
	}
	fresh := start(t, small)
	fresh.put("db", `{"DB_URL":"url-1"}`)
	fresh.putText(t, "api-dev", "not JSON at all")
	before := fresh.current("api-dev")
	report := fresh.passes(3)
	if why := bucketReport(report, "api").Frozen; !strings.Contains(why, "api-dev") || strings.Contains(fmt.Sprintf("%+v", report), "not JSON at all") {
		t.Errorf("it is frozen because %q, or the report quotes it", why)
	}
	same(t, "the bucket", before, fresh.current("api-dev"))
	if fresh.sinks["web"].running != "" || fresh.sinks["jobs"].running == "" {
		t.Errorf("its consumer runs %q, and that of the other bucket %q", fresh.sinks["web"].running, fresh.sinks["jobs"].running)
	}
}

// putText puts a text into a secret as anybody with the right to could.
func (b *bench) putText(t *testing.T, name, text string) {
	t.Helper()
	_, err := b.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &text})
	must(t, err)
}

// More versions than a secret can carry labels: they are marked as room is made, oldest first, and no retired one again.
func TestMorePutsInARowThanThereAreLabelsComeToAnEnd(t *testing.T) {
	t.Parallel()
	const puts = 22
	b := settled(t)
	for n := range puts {
		b.Advance(time.Second)
		b.put("db", fmt.Sprintf(`{"DB_URL":"in-a-row-%d"}`, n))
	}
	var report plan.Report
	for range 8 * puts {
		if report = b.mustRun(); report.Converged {
			break
		}
		b.tick()
	}
	if !report.Converged {
		t.Errorf("not converged: %q, %q", doing(report), reasons(report))
	}
	same(t, "what was retired", puts, count(b.worked, "retire db"))
}

func TestARollEndsBeforeThePassDoesSoThatThePassCanTell(t *testing.T) {
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := b.pass.Run(ctx); err != nil {
		t.Fatal(err)
	}
	end, _ := ctx.Deadline()
	if got := b.sinks["web"].deadline; got.IsZero() || end.Sub(got) < reconcile.Margin/4 {
		t.Errorf("a Roll may go on until %v before the end of the pass", end.Sub(got))
	}
}
