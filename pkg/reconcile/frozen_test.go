package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// keyless is Secrets Manager where the KMS key of one secret is disabled: its labels can be read, and no value.
type keyless struct {
	*secretsmanager.Client
	name string
}

func (k keyless) BatchGetSecretValue(
	ctx context.Context, in *secretsmanager.BatchGetSecretValueInput, o ...func(*secretsmanager.Options),
) (*secretsmanager.BatchGetSecretValueOutput, error) {
	out, err := k.Client.BatchGetSecretValue(ctx, in, o...)
	if err != nil {
		return nil, err
	}
	isOurs := func(e types.SecretValueEntry) bool { return *e.Name == k.name }
	if slices.ContainsFunc(out.SecretValues, isOurs) {
		out.SecretValues = slices.DeleteFunc(out.SecretValues, isOurs)
		out.Errors = append(out.Errors, types.APIErrorType{SecretId: &k.name, ErrorCode: new("DecryptionFailure"), Message: new("c4nary")})
	}
	return out, nil
}

func (k keyless) GetSecretValue(
	ctx context.Context, in *secretsmanager.GetSecretValueInput, o ...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	if *in.SecretId == k.name {
		return nil, &smithy.GenericAPIError{Code: "DecryptionFailure", Message: "c4nary"}
	}
	return k.Client.GetSecretValue(ctx, in, o...)
}

// trouble is what can be wrong with one secret, and how it is put right.
type trouble struct {
	begins func(b *bench, secret string)
	ends   func(b *bench, secret string)
	why    string
}

// unreadable is what makes a secret unreadable, whether it is a source's or a bucket's.
var unreadable = map[string]trouble{
	"in the bin": {
		begins: func(b *bench, secret string) {
			_, err := b.client.DeleteSecret(b.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &secret})
			must(b.t, err)
		},
		ends: func(b *bench, secret string) {
			_, err := b.client.RestoreSecret(b.t.Context(), &secretsmanager.RestoreSecretInput{SecretId: &secret})
			must(b.t, err)
		},
		why: "it is scheduled for deletion",
	},
	"its key is disabled": {
		begins: func(b *bench, secret string) { b.pass.Store = store.New(keyless{b.client, secret}) },
		ends:   func(b *bench, _ string) { b.pass.Store = store.New(b.client) },
		why:    "DecryptionFailure",
	},
	"its description is denied": {begins: denying("DescribeSecret"), ends: allowing, why: "AccessDeniedException"},
	"its versions are denied":   {begins: denying("ListSecretVersionIds"), ends: allowing, why: "AccessDeniedException"},
}

// denying denies one operation on a secret.
func denying(operation string) func(b *bench, secret string) {
	return func(b *bench, secret string) {
		b.Tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Operation == operation && c.Resource == secret {
				return sim.Fault{Outcome: sim.Denied}
			}
			return sim.Fault{}
		})
	}
}

func allowing(b *bench, _ string) { b.Tap.OnCall(nil) }

// malformed puts what is no content of source vendors.
func malformed(text string) func(b *bench, secret string) {
	return func(b *bench, _ string) { b.put("vendors", text) }
}

func repaired(b *bench, _ string) { b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`) }

// sourceTroubles is everything that can be wrong with source vendors alone.
func sourceTroubles() map[string]trouble {
	all := map[string]trouble{
		"no JSON":     {malformed(`c4nary`), repaired, "reading source vendors"},
		"a list":      {malformed(`["c4nary"]`), repaired, "reading source vendors"},
		"a key twice": {malformed(`{"VENDOR_ID":"c4nary","VENDOR_ID":"x"}`), repaired, "reading source vendors"},
		"a null":      {malformed(`{"VENDOR_ID":null}`), repaired, "reading source vendors"},
		"an object":   {malformed(`{"VENDOR_ID":{"c4nary":1}}`), repaired, "reading source vendors"},
		"binary data": {func(b *bench, secret string) {
			_, err := b.client.PutSecretValue(b.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &secret, SecretBinary: []byte("c4nary")})
			must(b.t, err)
		}, repaired, "it holds binary data"},
	}
	for name, t := range unreadable {
		all[name] = t
	}
	return all
}

// A source that cannot be read, or holds what it may not, keeps its own values where they are. Another source changes
// meanwhile: everybody follows, and its old credential dies.
func TestABadSourceFreezesItselfAlone(t *testing.T) {
	t.Parallel()
	for name, trouble := range sourceTroubles() {
		t.Run(name, func(t *testing.T) {
			b := settled(t)
			b.Advance(time.Minute)
			secret := "source/dev/vendors"
			trouble.begins(b, secret)
			b.put("db", `{"DB_URL":"url-2"}`)
			b.Tap.Reset()
			report := b.converge()
			same(t, "what the consumer has", map[string]string{"WORKER_DB": "url-2", "WORKER_KEY": "key-1"}, b.values("worker-dev", b.sinks["jobs"].running))
			same(t, "what the other one has", map[string]string{"DB_URL": "url-2", "VENDOR_KEY": "key-1", "VENDOR_ID": "id-1"}, b.values("api-dev", b.sinks["web"].running))
			same(t, "what is owed by the other source", 0, len(report.Source("db").Owed))
			for _, c := range b.Tap.Calls() {
				if c.Write && c.Resource == secret {
					t.Errorf("%s of the frozen source", c.Operation)
				}
			}
			if why := report.Source("vendors").Frozen; !strings.Contains(why, trouble.why) {
				t.Errorf("it is frozen because %q, want %q", why, trouble.why)
			}
			if !waits(report, "vendors", plan.Frozen) || !hasAlarm(report, plan.FrozenSecret, "vendors") || report.Converged {
				t.Errorf("the waits are %q, the alarms %v", reasons(report), report.Alarms)
			}
			if strings.Contains(fmt.Sprintf("%+v", report), "c4nary") {
				t.Error("the report quotes a value")
			}
			trouble.ends(b, secret)
			report = b.converge()
			same(t, "what the consumer has in the end", map[string]string{"WORKER_DB": "url-2", "WORKER_KEY": "key-1"}, b.values("worker-dev", b.sinks["jobs"].running))
			if report.Source("vendors").Frozen != "" || hasAlarm(report, plan.FrozenSecret, "vendors") {
				t.Errorf("it stays frozen: %q", report.Source("vendors").Frozen)
			}
		})
	}
}

func hasAlarm(r plan.Report, name, subject string) bool {
	return slices.ContainsFunc(r.Alarms, func(a plan.Alarm) bool { return a.Name == name && a.Subject == subject })
}

// A frozen source that owes something retires nothing, an emergency's deadline or not: what it would be compared with
// is not known.
func TestAFrozenSourceRetiresNothing(t *testing.T) {
	t.Parallel()
	b := settled(t)
	old := b.current("source/dev/db")
	b.put("db", `{"DB_URL":"url-2"}`)
	b.mustRun()
	b.put("db", `no JSON`)
	for range 20 {
		b.tick()
		b.mustRun()
	}
	owed := b.mustRun().Source("db").Owed
	if len(owed) != 2 || owed[0].Version != old || owed[0].Blocked[0].Reason != plan.Frozen {
		t.Fatalf("owed are %+v", owed)
	}
	same(t, "what was retired", false, slices.Contains(b.worked, "retire db"))
}

// A bucket whose secret cannot be read stops itself, the consumers that run on it, and the retirement of what feeds it.
func TestABadBucketFreezesItselfAlone(t *testing.T) {
	t.Parallel()
	for name, trouble := range unreadable {
		if name == "its versions are denied" {
			continue // of a bucket they are read only where it is written
		}
		t.Run(name, func(t *testing.T) {
			b := fed(t)
			b.Advance(time.Minute)
			trouble.begins(b, "one-dev")
			before := b.sinks["jobs"].running
			b.change("a")
			b.change("b")
			b.worked = nil
			report := b.converge()
			same(t, "the frozen bucket's consumer runs", before, b.sinks["jobs"].running)
			want := b.values("source/dev/b", b.current("source/dev/b"))["B"]
			same(t, "the other one has", want, b.values("all-dev", b.sinks["web"].running)["B"])
			if why := bucketReport(report, "one").Frozen; !strings.Contains(why, trouble.why) || !waits(report, "one", plan.Frozen) || !hasAlarm(report, plan.FrozenSecret, "one") {
				t.Errorf("it is frozen because %q, the waits are %q", why, reasons(report))
			}
			if owed := report.Source("a").Owed; len(owed) != 1 || !blocks(owed[0], plan.FrozenBucket) {
				t.Errorf("a bucket that nobody can read may hold the old value, and owed are %+v", owed)
			}
			same(t, "what b owes, which does not feed it", 0, len(report.Source("b").Owed))
			trouble.ends(b, "one-dev")
			report = b.converge()
			same(t, "what a owes in the end", 0, len(report.Source("a").Owed))
			same(t, "its consumer runs in the end", b.current("one-dev"), b.sinks["jobs"].running)
		})
	}
}

// passes runs so many passes, five minutes apart, and returns the report of one more.
func (b *bench) passes(n int) plan.Report {
	b.t.Helper()
	for range n {
		b.mustRun()
		b.tick()
	}
	return b.mustRun()
}

func bucketReport(r plan.Report, name string) plan.BucketReport {
	i := slices.IndexFunc(r.Buckets, func(b plan.BucketReport) bool { return b.Name == name })
	return r.Buckets[i]
}

func blocks(o plan.OwedReport, reason plan.Reason) bool {
	return slices.ContainsFunc(o.Blocked, func(w plan.Wait) bool { return w.Reason == reason })
}

// A bucket that would be too large is not written. Its consumers stay where they are, and are still repaired.
func TestABucketThatWouldBeTooLargeFreezesItselfAlone(t *testing.T) {
	t.Parallel()
	b := fed(t)
	before := b.current("all-dev")
	b.put("b", `{"B":"`+strings.Repeat("b", 40000)+`"}`)
	b.put("c", `{"C":"`+strings.Repeat("c", 40000)+`"}`)
	b.change("a")
	report := b.passes(12)
	same(t, "the bucket", before, b.current("all-dev"))
	if why := bucketReport(report, "all").Frozen; !strings.Contains(why, "65536") {
		t.Errorf("it is frozen because %q", why)
	}
	want := b.values("source/dev/a", b.current("source/dev/a"))["A"]
	same(t, "the other bucket's consumer has", want, b.values("one-dev", b.sinks["jobs"].running)["A"])
	b.sinks["web"].running = "somebody-elses-0000000000000000000000"
	b.passes(2)
	same(t, "the frozen bucket's consumer runs", before, b.sinks["web"].running)
	b.change("b")
	b.converge()
	same(t, "it has in the end", strings.Repeat("c", 40000), b.values("all-dev", b.sinks["web"].running)["C"])
}

// The id of a bucket version names one content: with what is kept of a frozen source, and after a write that landed
// although its answer was lost.
func TestABucketWithFrozenValuesIsWrittenAgainUnderTheSameId(t *testing.T) {
	t.Parallel()
	for _, outcome := range []sim.Outcome{sim.Lost, sim.Dropped} {
		b := settled(t)
		b.put("vendors", "no JSON")
		b.put("db", `{"DB_URL":"url-2"}`)
		lost := ""
		b.Tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Operation == "PutSecretValue" && lost == "" {
				lost = c.Resource
				return sim.Fault{Outcome: outcome}
			}
			return sim.Fault{}
		})
		if _, err := b.run(); err == nil || lost == "" {
			t.Fatal("no write was lost")
		}
		b.Tap.OnCall(nil)
		first := b.values(lost, b.current(lost))
		b.converge()
		for _, value := range []string{"url-3", "url-2", "url-1", "url-2"} { // back and forth, over what is there already
			b.put("db", fmt.Sprintf(`{"DB_URL":%q}`, value))
			b.converge()
			same(t, "the value", value, b.values("worker-dev", b.sinks["jobs"].running)["WORKER_DB"])
			same(t, "the kept one", "key-1", b.values("worker-dev", b.sinks["jobs"].running)["WORKER_KEY"])
		}
		same(t, "the first one's names", 2, min(len(first), 2))
	}
}

// A source is frozen twice, with another value kept, while the other source is at the same version: two contents, two ids.
func TestTheSameVersionsBesideAnotherKeptValueAreAnotherId(t *testing.T) {
	t.Parallel()
	b := settled(t)
	b.put("vendors", "no JSON")
	second := b.put("db", `{"DB_URL":"url-2"}`)
	b.converge()
	b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-2"}`)
	third := b.put("db", `{"DB_URL":"url-3"}`)
	b.converge()
	b.put("vendors", "no JSON again")
	b.converge()
	b.relabel("source/dev/db", history.AWSCurrent, second, third)
	b.converge()
	same(t, "what the consumer has", map[string]string{"WORKER_DB": "url-2", "WORKER_KEY": "key-2"}, b.values("worker-dev", b.sinks["jobs"].running))
}

// While a source is frozen no name is taken from a bucket: a new name of a frozen value cannot be filled.
func TestNoNameIsTakenAwayWhileASourceIsFrozen(t *testing.T) {
	t.Parallel()
	b := settled(t)
	b.put("vendors", "no JSON")
	file, err := manifest.Parse("rotary.yaml", []byte(strings.Replace(small, "VENDOR_KEY: [WORKER_KEY]", "VENDOR_KEY: [NEXT_KEY]", 1)))
	must(t, err)
	b.pass.Environment, err = file.Environment("dev")
	must(t, err)
	report := b.converge()
	if !waits(report, "worker", plan.Brake) {
		t.Errorf("the waits are %q", reasons(report))
	}
	same(t, "what the consumer has", map[string]string{"WORKER_DB": "url-1", "WORKER_KEY": "key-1"}, b.values("worker-dev", b.sinks["jobs"].running))
	repaired(b, "")
	b.converge()
	same(t, "what it has in the end", map[string]string{"WORKER_DB": "url-1", "NEXT_KEY": "key-1"}, b.values("worker-dev", b.sinks["jobs"].running))
}

// A source that was never readable feeds nothing, and the rest of its buckets is written.
func TestASourceThatIsBadFromTheBeginningHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := start(t, small)
	b.put("db", `{"DB_URL":"url-1"}`)
	b.put("vendors", "no JSON")
	b.converge()
	same(t, "what the consumer has", map[string]string{"WORKER_DB": "url-1"}, b.values("worker-dev", b.sinks["jobs"].running))
	repaired(b, "")
	b.converge()
	same(t, "what it has in the end", map[string]string{"WORKER_DB": "url-1", "WORKER_KEY": "key-1"}, b.values("worker-dev", b.sinks["jobs"].running))
}
