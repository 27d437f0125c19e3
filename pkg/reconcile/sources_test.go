package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/consume/reader"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

// withReader is small with a job that reads source db itself.
var withReader = strings.NewReplacer("consumers:\n", "consumers:\n  nightly: {source: db, reader: {drain: 26h}}\n",
	"vendors: {keys: [VENDOR_KEY, VENDOR_ID]}", "vendors: {keys: [VENDOR_KEY, VENDOR_ID], rotate: {random: {key: VENDOR_KEY}}}").Replace(small)

// startWithReader sets withReader up; its job is opened with the genuine driver.
func startWithReader(t *testing.T) *bench {
	t.Helper()
	b := start(t, withReader)
	b.pass.Open = func(c manifest.Consumer, o reconcile.Opening) (reconcile.Consumer, error) {
		if c.Reader != nil {
			return reader.New(c, o.Secret, o.Now), nil
		}
		return b.open(c, o)
	}
	b.put("db", `{"DB_URL":"url-1"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
	b.converge()
	b.worked = nil
	return b
}

func TestWhatAReaderOfASourceMayHoldIsRetiredWhenItsTimeIsOver(t *testing.T) {
	b := startWithReader(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-1"}`)
	changed, retired := b.Clock.Now(), map[string]time.Duration{}
	for range 12 * 27 {
		r := b.mustRun()
		for _, source := range []string{"db", "vendors"} {
			if _, known := retired[source]; !known && count(b.worked, "retire "+source) > 0 {
				retired[source] = b.Clock.Now().Sub(changed)
			}
		}
		nightly := r.Consumer("nightly")
		if nightly.Source != "db" || nightly.Bucket != "" || nightly.Running != b.current("source/dev/db") {
			t.Fatalf("the job is reported as %+v", nightly)
		}
		b.tick()
	}
	if got := retired["vendors"]; got == 0 || got > time.Hour {
		t.Errorf("what the job does not read was retired after %s", got)
	}
	if got := retired["db"]; got < 26*time.Hour || got > 26*time.Hour+3*history.Deregistered {
		t.Errorf("what the job read was retired after %s", got)
	}
	if slices.ContainsFunc(b.worked, func(work string) bool { return strings.Contains(work, "nightly") }) {
		t.Errorf("somebody was asked to make the job follow: %q", b.worked)
	}
	if n := b.writes(func() { b.converge() }); n != 0 {
		t.Errorf("%d writes when it was over", n)
	}
}

// What such a reader has is a version of its source, which no bucket knows: that is no reason to list the versions of
// every bucket in each pass.
func TestAReaderOfASourceCostsNoCalls(t *testing.T) {
	b := startWithReader(t)
	b.runPasses(3)
	calls := b.asked(func() { b.mustRun() })
	if got, want := calls["ListSecretVersionIds"], len(b.env.Sources); got != want {
		t.Errorf("versions are listed %d times, want once a source, %d times", got, want)
	}
}
