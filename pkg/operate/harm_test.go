package operate

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
)

// lookReport is a report of source a, on which everybody but other runs.
func lookReport() plan.Report {
	consumer := func(name, bucket, running, state string) plan.ConsumerReport {
		return plan.ConsumerReport{Name: name, Bucket: bucket, Running: running, State: state, Current: state == "current"}
	}
	return plan.Report{
		Environment: "dev", At: nine,
		Sources: []plan.SourceReport{{Name: "a", Consumers: []string{"api", "laptops", "late", "stale", "worker"}}},
		Consumers: []plan.ConsumerReport{
			consumer("api", "app", "v-11111111", "current"), consumer("laptops", "app", "", "draining"), consumer("late", "app", "v-00000000", "failed"),
			consumer("other", "others", "v-22222222", "current"), consumer("stale", "braked", "v-33333333", "current"), consumer("worker", "written", "v-44444444", "current"),
		},
		Steps: []plan.Step{{Do: "write", Subject: "written"}},
		Waits: []plan.Wait{{Subject: "braked", Reason: plan.Brake}, {Subject: "app", Reason: plan.Settling}},
	}
}

func TestAnEmergencySaysOfEveryConsumerWhatBecomesOfIt(t *testing.T) {
	var runsOn, followed, outage = Fate{}, Fate{Followed: true}, Fate{AtOnce: true}
	hour := nine.Add(time.Hour)
	dead := []string{"owed0000"}
	then, once, both := Fate{From: hour}, Fate{Dead: dead}, Fate{Dead: dead, From: hour}
	owed, current := versionAt(0, "owed0000", history.Live), versionAt(1, "now00000", history.Live, history.AWSCurrent)
	source := func(with string) manifest.Source {
		return manifest.Source{Name: "a", Rotate: manifest.RotateWith(with)}
	}
	atOnce := manifest.Source{Name: "a", Keys: manifest.KeysOf("T"), Rotate: manifest.Rotate{HTTP: &manifest.RotateHTTP{Calls: &vendorapi.API{Overlap: vendorapi.OverlapNone}}}}
	for name, c := range map[string]struct {
		source   manifest.Source
		versions []history.Version
		until    time.Time
		fates    [5]Fate // api, laptops, late, stale, worker
		dead     []string
	}{
		"nothing is owed, no deadline":   {source: source(manifest.Postgres), versions: []history.Version{current}, fates: [5]Fate{runsOn, runsOn, runsOn, runsOn, runsOn}},
		"nothing is owed, a deadline":    {source: source(manifest.Postgres), versions: []history.Version{current}, until: nine.Add(time.Hour), fates: [5]Fate{then, then, then, then, then}},
		"an owed user":                   {source: source(manifest.Postgres), versions: []history.Version{owed, current}, fates: [5]Fate{runsOn, once, once, once, once}, dead: []string{"owed0000"}},
		"an owed user of MySQL":          {source: source(manifest.MySQL), versions: []history.Version{owed, current}, fates: [5]Fate{runsOn, once, once, once, once}, dead: []string{"owed0000"}},
		"an owed key, a deadline":        {source: source(manifest.AWSAccessKey), versions: []history.Version{owed, versionAt(0, "more0000", history.Live), current}, until: nine.Add(time.Hour), fates: [5]Fate{then, both, both, both, both}, dead: []string{"owed0000"}},
		"what a rotation has made":       {source: source(manifest.Postgres), versions: []history.Version{current, versionAt(2, "owed0000", history.Live, history.AWSPending)}, fates: [5]Fate{runsOn, once, once, once, once}, dead: []string{"owed0000"}},
		"a rotation that has made none":  {source: source(manifest.Postgres), versions: []history.Version{current, versionAt(2, "owed0000", history.AWSPending)}, fates: [5]Fate{runsOn, runsOn, runsOn, runsOn, runsOn}},
		"a value, with room for any":     {source: source(manifest.Random), versions: []history.Version{owed, current}, fates: [5]Fate{runsOn, runsOn, runsOn, runsOn, runsOn}},
		"a vendor that ends it at once":  {source: atOnce, versions: []history.Version{owed, current}, until: nine.Add(time.Hour), fates: [5]Fate{outage, outage, outage, outage, outage}},
		"one under way, no deadline":     {source: source(manifest.Postgres), versions: []history.Version{owed, versionAt(1, "now00000", history.Live, history.AWSCurrent, history.DeadlineLabel(time.Time{}, "now00000"))}, fates: [5]Fate{followed, runsOn, runsOn, runsOn, runsOn}},
		"one under way, with a deadline": {source: atOnce, versions: []history.Version{owed, versionAt(1, "now00000", history.Live, history.AWSCurrent, history.DeadlineLabel(nine.Add(time.Hour), "now00000"))}, fates: [5]Fate{followed, then, then, then, then}},
		"one that is being made":         {source: source(manifest.Postgres), versions: []history.Version{versionAt(0, "old00000", history.Live, history.AWSCurrent, history.DeadlineLabel(nine.Add(time.Hour), "now00000")), versionAt(1, "now00000", history.AWSPending)}, fates: [5]Fate{then, then, then, then, then}},
	} {
		t.Run(name, func(t *testing.T) {
			again := len(c.versions) > 0 && c.versions[len(c.versions)-1].ID == "owed0000" // what is under way is stopped
			h := Foresee(&manifest.Environment{Name: "dev"}, seenEmergency(c.source, again, c.until, c.versions...), lookReport())
			var fates [5]Fate
			for i, x := range h.Consumers {
				fates[i] = x.Fate
			}
			if diff := cmp.Diff(c.fates, fates); diff != "" {
				t.Errorf("fates (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.dead, h.Dead); diff != "" {
				t.Errorf("dying at once (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnEmergencySaysWhatItStartsFrom: not from what the target has not accepted.
func TestAnEmergencySaysWhatItStartsFrom(t *testing.T) {
	used := versionAt(0, "used0000", history.Live, history.Taken+"used0000")
	refused := versionAt(1, "now00000", history.Live, history.AWSCurrent)
	for want, versions := range map[string][]history.Version{
		"used0000": {used, refused}, "": {versionAt(1, "now00000", history.Live, history.AWSCurrent)},
	} {
		source := manifest.Source{Name: "a", Rotate: manifest.RotateWith(manifest.Postgres)}
		e := Emergency{Source: source, History: history.History{Versions: versions}, Now: nine, Current: versions[len(versions)-1]}
		if h := Foresee(&manifest.Environment{}, e, lookReport()); h.Starts != want || len(h.Dead) > 0 {
			t.Errorf("it starts from %q, and ends %q at once; want %q", h.Starts, h.Dead, want)
		}
	}
}
