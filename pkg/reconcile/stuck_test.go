package reconcile_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

// aside is small with a bucket that only vendors feeds, in front of the others and behind them.
var aside = strings.NewReplacer(
	"  api: {originals: [db, vendors]}", "  api: {originals: [db, vendors]}\n  aside: {originals: [vendors]}\n  zeal: {originals: [VENDOR_ID]}",
	"  cron: {", "  alone: {bucket: aside, ecs: {cluster: main, service: alone, container: app}}\n"+
		"  last: {bucket: zeal, ecs: {cluster: main, service: last, container: app}}\n  cron: {",
).Replace(small)

// stuckEnds lists, for each secret and what is denied on it, the consumers that follow all the same.
var stuckEnds = []struct {
	secret, operation string
	follow            []string
	retired           bool // db's old credential is
}{
	{"source/dev/db", "UpdateSecretVersionStage", []string{"alone", "last"}, false},
	{"source/dev/vendors", "UpdateSecretVersionStage", nil, false},
	{"api-dev", "PutSecretValue", []string{"alone", "cron", "jobs", "last"}, false},
	{"api-dev", "UpdateSecretVersionStage", []string{"alone", "cron", "jobs", "last"}, false},
	{"worker-dev", "PutSecretValue", []string{"alone", "last", "web", "zone"}, false},
	{"aside-dev", "PutSecretValue", []string{"cron", "jobs", "last", "web", "zone"}, true},
	{"zeal-dev", "PutSecretValue", []string{"alone", "cron", "jobs", "web", "zone"}, true},
	{"zeal-dev", "UpdateSecretVersionStage", []string{"alone", "cron", "jobs", "web", "zone"}, true},
}

// A secret that cannot be changed, although it can be read, stops what follows for it, and for the buckets that it feeds.
// Everybody else follows, and nobody's credential dies.
func TestASecretThatCannotBeChangedStopsWhatFollowsForItAlone(t *testing.T) {
	t.Parallel()
	for _, c := range stuckEnds {
		b := start(t, aside)
		b.put("db", `{"DB_URL":"url-1"}`)
		b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
		b.converge()
		before := map[string]string{}
		for name, s := range b.sinks {
			before[name] = s.running
		}
		b.put("db", `{"DB_URL":"url-2"}`)
		b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-2"}`)
		b.worked = nil
		b.Tap.OnCall(denyOperation(c.operation, c.secret))
		for range 12 {
			_, err := b.run()
			if lag := (*reconcile.Lagging)(nil); !errors.As(err, &lag) || !strings.Contains(err.Error(), c.secret) {
				t.Errorf("%s of %s is denied: the error is %v", c.operation, c.secret, err)
			}
			b.tick()
		}
		var follow []string
		for name, s := range b.sinks {
			if s.running != before[name] {
				follow = append(follow, name)
			}
		}
		slices.Sort(follow)
		same(t, c.operation+" of "+c.secret+" is denied: followed", c.follow, follow)
		same(t, c.operation+" of "+c.secret+" is denied: retired", c.retired, slices.Contains(b.worked, "retire db"))
		b.Tap.OnCall(nil)
		b.converge()
	}
}

// Where the memory of a bucket cannot be written, everybody else follows, and nothing is retired, whatever feeds that
// bucket: here it is the reader that the manifest has since then that cannot be remembered.
func TestABucketThatCannotBeTaggedStopsEveryRetirement(t *testing.T) {
	t.Parallel()
	for _, denied := range []bool{true, false} {
		b := start(t, aside)
		b.put("db", `{"DB_URL":"url-1"}`)
		b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
		b.converge()
		b.deployManifest(aside + "  newcomer: {bucket: aside, ecs: {cluster: main, service: newcomer, container: app}}\n")
		b.put("db", `{"DB_URL":"url-2"}`)
		b.worked = nil
		if denied {
			b.Tap.OnCall(denyOperation("TagResource", "aside-dev"))
		}
		for range 12 {
			if _, err := b.run(); (err == nil) == denied || denied && !strings.Contains(err.Error(), "aside-dev") {
				t.Errorf("denied %v: the error is %v", denied, err)
			}
			b.tick()
		}
		same(t, "the readers of another bucket follow", true, slices.Contains(b.worked, "roll cron"))
		same(t, "the readers of this bucket follow", !denied, slices.Contains(b.worked, "roll newcomer"))
		same(t, "the old credential is retired", !denied, slices.Contains(b.worked, "retire db"))
		b.Tap.OnCall(nil)
		b.converge()
	}
}

// Where a source cannot be marked, nothing is retired either: not even what has nothing to do with that source.
func TestASourceThatCannotBeMarkedStopsEveryRetirement(t *testing.T) {
	t.Parallel()
	apart := strings.NewReplacer("\nmappings:", "\n  extra: {keys: [EXTRA]}\nmappings:",
		"aside: {originals: [vendors]}", "aside: {originals: [extra]}").Replace(aside)
	for _, denied := range []bool{true, false} {
		b := start(t, apart)
		b.put("db", `{"DB_URL":"url-1"}`)
		b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
		b.put("extra", `{"EXTRA":"extra-1"}`)
		b.converge()
		b.put("db", `{"DB_URL":"url-2"}`)
		b.put("extra", `{"EXTRA":"extra-2"}`)
		b.worked = nil
		if denied {
			b.Tap.OnCall(denyOperation("UpdateSecretVersionStage", "source/dev/extra"))
		}
		for range 12 {
			if _, err := b.run(); (err == nil) == denied {
				t.Errorf("denied %v: the error is %v", denied, err)
			}
			b.tick()
		}
		same(t, "the readers of other sources follow", true, slices.Contains(b.worked, "roll cron"))
		same(t, "the readers of this source follow", !denied, slices.Contains(b.worked, "roll alone"))
		same(t, "the old credential is retired", !denied, slices.Contains(b.worked, "retire db"))
		b.Tap.OnCall(nil)
		b.converge()
	}
}

// denyOperation returns a decision that denies an operation on one secret.
func denyOperation(operation, secret string) func(sim.Call) sim.Fault {
	return func(call sim.Call) sim.Fault {
		if call.Operation == operation && call.Resource == secret {
			return sim.Fault{Outcome: sim.Denied}
		}
		return sim.Fault{}
	}
}
