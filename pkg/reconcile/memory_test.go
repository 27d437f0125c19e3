package reconcile_test

import (
	"slices"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

// countOperations returns how often each operation of Secrets Manager is called in a pass.
func (b *bench) countOperations() map[string]int {
	b.t.Helper()
	calls, _ := b.runCounted()
	return calls
}

func (b *bench) runCounted() (map[string]int, plan.Report) {
	b.t.Helper()
	b.Tap.Reset()
	report := b.mustRun()
	calls := map[string]int{}
	for _, c := range b.Tap.Calls() {
		if c.Service == "secretsmanager" {
			calls[c.Operation]++
		}
	}
	return calls, report
}

// Where nothing moves a pass reads the current versions and the descriptions of the sources. What has moved is read whole.
func TestWhatHasNotMovedIsNotReadAgain(t *testing.T) {
	b := start(t, small)
	b.pass.Memory = new(reconcile.Memory)
	b.put("db", `{"DB_URL":"first"}`)
	b.put("vendors", `{"VENDOR_KEY":"v","VENDOR_ID":"i"}`)
	b.converge()
	sources, buckets := len(b.pass.Environment.Sources), len(b.pass.Environment.Buckets)
	whole := map[string]int{"BatchGetSecretValue": 1, "DescribeSecret": sources + buckets, "ListSecretVersionIds": sources}
	quiet := map[string]int{"BatchGetSecretValue": 1, "DescribeSecret": sources}
	b.countOperations() // the memory may be as old as the beginning
	same(t, "the calls where nothing has moved", quiet, b.countOperations())
	same(t, "the calls where nothing has moved, once more", quiet, b.countOperations())
	b.Advance(reconcile.MemoryLasts)
	same(t, "the calls an hour later", whole, b.countOperations())
	same(t, "the calls after that", quiet, b.countOperations())

	b.put("vendors", `{"VENDOR_KEY":"another","VENDOR_ID":"i"}`)
	moved, report := b.runCounted()
	if len(report.Steps) == 0 || moved["DescribeSecret"] != sources+buckets || moved["PutSecretValue"] != buckets {
		t.Errorf("after a change the calls are %v", moved)
	}
	for _, c := range b.Tap.Calls() {
		if c.Operation == "ListSecretVersionIds" && c.Resource == b.env.Sources[0].Secret {
			t.Errorf("the versions of %s, which has not moved, are listed", c.Resource)
		}
	}
}

// A label that a person has set on a source since is seen, and what nobody can undo is decided by a whole look.
func TestNothingEndsByWhatIsRemembered(t *testing.T) {
	b := start(t, small)
	b.pass.Memory = new(reconcile.Memory)
	b.put("db", `{"DB_URL":"first"}`)
	b.put("vendors", `{"VENDOR_KEY":"v","VENDOR_ID":"i"}`)
	b.converge()
	b.countOperations()
	b.put("db", `{"DB_URL":"second"}`)
	sources, buckets := len(b.pass.Environment.Sources), len(b.pass.Environment.Buckets)
	ended := false
	for range 60 {
		calls, report := b.runCounted()
		for _, step := range report.Steps {
			if step.Do != "withdraw" && step.Do != "advance" && step.Do != "drop" {
				continue
			}
			ended = true
			if calls["DescribeSecret"] < sources+buckets || calls["ListSecretVersionIds"] < sources {
				t.Errorf("%s of %s is decided by a look with these calls: %v", step.Do, step.Subject, calls)
			}
		}
		b.tick()
	}
	if !ended {
		t.Error("nothing was withdrawn or retired")
	}
}

// calmDown puts values and runs passes until there is nothing to do, to wait for, or to forget.
func (b *bench) calmDown() {
	b.t.Helper()
	for _, s := range b.env.Sources {
		b.change(s.Name)
	}
	b.converge()
	if !b.mustRun().Converged {
		b.t.Fatal("it is not calm")
	}
}

// Where only a consumer has moved, its bucket is described before it is rolled.
func TestABucketIsDescribedBeforeItsConsumerIsRolled(t *testing.T) {
	b := start(t, feeding)
	b.pass.Memory = new(reconcile.Memory)
	b.calmDown()
	b.sinks["web"].running = ""
	calls, report := b.runCounted()
	if want := len(b.env.Sources) + len(b.env.Buckets); calls["DescribeSecret"] < want {
		t.Errorf("%v follows a look with %v", doing(report), calls)
	}
	if !slices.Contains(doing(report), "roll web") {
		t.Errorf("the pass does %v", doing(report))
	}
}

// A label that somebody has put on a source shows in its description, and its versions are listed again.
func TestASourceWithAnotherLabelIsReadWhole(t *testing.T) {
	b := start(t, feeding)
	b.pass.Memory = new(reconcile.Memory)
	b.calmDown()
	b.countOperations()
	name := b.env.Sources[0].Secret
	b.relabel(name, "theirs", b.current(name), "")
	if calls := b.countOperations(); calls["ListSecretVersionIds"] == 0 {
		t.Errorf("the calls are %v", calls)
	}
}
