package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// seen is a report of source a, on which everybody but other runs.
func seen() plan.Report {
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
	const runsOn, followed, outage = "runs on until it has followed", "has followed", "refused until it has followed"
	const then, once = "refused from 2026-01-01 10:00:00 UTC on, unless it has followed", "refused at once where it still runs owed0000"
	const both = once + "; " + then
	owed, current := at(0, "owed0000", history.Live), at(1, "now00000", history.Live, history.AWSCurrent)
	source := func(with string) manifest.Source {
		return manifest.Source{Name: "a", Rotate: manifest.Rotate{With: with}}
	}
	atOnce := manifest.Source{Name: "a", Keys: []string{"T"}, Rotate: manifest.Rotate{With: manifest.HTTP, HTTP: &manifest.API{Overlap: manifest.OverlapNone}}}
	for name, c := range map[string]struct {
		emergency
		fates [5]string // api, laptops, late, stale, worker
		dead  []string
	}{
		"nothing is owed, no deadline":   {emergency: emergency{source: source(manifest.Postgres), history: past(current)}, fates: [5]string{runsOn, runsOn, runsOn, runsOn, runsOn}},
		"nothing is owed, a deadline":    {emergency: emergency{source: source(manifest.Postgres), history: past(current), until: nine.Add(time.Hour)}, fates: [5]string{then, then, then, then, then}},
		"an owed user":                   {emergency: emergency{source: source(manifest.Postgres), history: past(owed, current)}, fates: [5]string{runsOn, once, once, once, once}, dead: []string{"owed0000"}},
		"an owed user of MySQL":          {emergency: emergency{source: source(manifest.MySQL), history: past(owed, current)}, fates: [5]string{runsOn, once, once, once, once}, dead: []string{"owed0000"}},
		"an owed key, a deadline":        {emergency: emergency{source: source(manifest.AWSAccessKey), history: past(owed, at(0, "more0000", history.Live), current), until: nine.Add(time.Hour)}, fates: [5]string{then, both, both, both, both}, dead: []string{"owed0000"}},
		"what a rotation has made":       {emergency: emergency{source: source(manifest.Postgres), history: past(current, at(2, "owed0000", history.Live, history.AWSPending))}, fates: [5]string{runsOn, once, once, once, once}, dead: []string{"owed0000"}},
		"a rotation that has made none":  {emergency: emergency{source: source(manifest.Postgres), history: past(current, at(2, "owed0000", history.AWSPending))}, fates: [5]string{runsOn, runsOn, runsOn, runsOn, runsOn}},
		"a value, with room for any":     {emergency: emergency{source: source(manifest.Random), history: past(owed, current)}, fates: [5]string{runsOn, runsOn, runsOn, runsOn, runsOn}},
		"a vendor that ends it at once":  {emergency: emergency{source: atOnce, history: past(owed, current), until: nine.Add(time.Hour)}, fates: [5]string{outage, outage, outage, outage, outage}},
		"one under way, no deadline":     {emergency: emergency{source: source(manifest.Postgres), history: past(owed, at(1, "now00000", history.Live, history.AWSCurrent, history.DeadlineLabel(time.Time{}, "now00000")))}, fates: [5]string{followed, runsOn, runsOn, runsOn, runsOn}},
		"one under way, with a deadline": {emergency: emergency{source: atOnce, history: past(owed, at(1, "now00000", history.Live, history.AWSCurrent, history.DeadlineLabel(nine.Add(time.Hour), "now00000")))}, fates: [5]string{followed, then, then, then, then}},
		"one that is being made":         {emergency: emergency{source: source(manifest.Postgres), history: past(at(0, "old00000", history.Live, history.AWSCurrent, history.DeadlineLabel(nine.Add(time.Hour), "now00000")), at(1, "now00000", history.AWSPending))}, fates: [5]string{then, then, then, then, then}},
	} {
		t.Run(name, func(t *testing.T) {
			e := c.emergency
			e.current, _ = e.history.Current()
			e.sort(false)
			h := foresee(&manifest.Environment{Name: "dev"}, e, seen())
			var fates [5]string
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

func past(versions ...history.Version) history.History { return history.History{Versions: versions} }

func TestAnEmergencyIsToldLineByLine(t *testing.T) {
	env := &manifest.Environment{Name: "dev", Consumers: []manifest.Consumer{{Name: "laptops", Drain: manifest.Duration(time.Hour)}}}
	e := emergency{
		source: manifest.Source{Name: "a", Rotate: manifest.Rotate{With: manifest.Postgres}}, until: nine.Add(time.Hour), now: nine,
		history: past(at(0, "owed0000", history.Live), at(1, "now00000", history.Live, history.AWSCurrent, history.Retain), at(2, "pend0000", history.AWSPending)),
	}
	e.current, _ = e.history.Current()
	e.sort(false)
	want := `a: version now00000 is replaced
  every credential before the new one dies at 2026-01-01 10:00:00 UTC, in 1h0m0s, whoever still uses it
  the rotation to version pend0000 that is under way is stopped; what it has made is owed
  version owed0000 dies at once: its target has room for two credentials, and the new one takes its place
  version now00000 is retained and lives on, until: rotary retain dev a --release
   consumer  runs              state     what becomes of it
   api       app 11111111      current   refused from 2026-01-01 10:00:00 UTC on, unless it has followed
   laptops   -                 draining  refused at once where it still runs owed0000; refused from 2026-01-01 10:00:00 UTC on, unless it has followed; nobody sees what it runs
   late      app 00000000      failed    refused at once where it still runs owed0000; refused from 2026-01-01 10:00:00 UTC on, unless it has followed
   stale     braked 33333333   current   refused at once where it still runs owed0000; refused from 2026-01-01 10:00:00 UTC on, unless it has followed
   worker    written 44444444  current   refused at once where it still runs owed0000; refused from 2026-01-01 10:00:00 UTC on, unless it has followed`
	if diff := cmp.Diff(want, strings.Join(foresee(env, e, seen()).lines("dev", nine), "\n")); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestWhatNobodyKnowsBeforehandIsSaid(t *testing.T) {
	rotating := func(r manifest.Rotate) string {
		return strings.Join(notes(manifest.Source{Name: "a", Keys: []string{"T"}, Rotate: r}), "\n")
	}
	for what, c := range map[string]struct{ says, want string }{
		"a vendor":           {rotating(manifest.Rotate{With: manifest.HTTP, HTTP: &manifest.API{}}), "does not know how many credentials its vendor lets live"},
		"a short overlap":    {rotating(manifest.Rotate{With: manifest.HTTP, HTTP: &manifest.API{Overlap: "24h"}}), "its vendor ends the old credential 24h0m0s after the rotation"},
		"a value":            {rotating(manifest.Rotate{With: manifest.Random}), "may refuse each other until all have followed"},
		"a symmetric secret": {rotating(manifest.Rotate{With: manifest.Random, Also: "B"}), "from a deadline on, and not before"},
	} {
		if !strings.Contains(c.says, c.want) {
			t.Errorf("%s: %q, want %q", what, c.says, c.want)
		}
	}
	if says := rotating(manifest.Rotate{With: manifest.Postgres}); says != "" {
		t.Errorf("of a database: %q", says)
	}
}

func TestNobodyBreaksWhereNobodyRuns(t *testing.T) {
	h := harm{Source: "a", Replaced: "v", Consumers: []exposed{}}
	lines := h.lines("dev", nine)
	if last := lines[len(lines)-1]; last != "  no consumer runs on it: nobody breaks" {
		t.Errorf("%q", last)
	}
	if says := outage(plan.SourceReport{Name: "a"}); !strings.HasSuffix(says, "nobody, no consumer runs on it") {
		t.Errorf("%q", says)
	}
}

func TestAPlannedRotationForewarnsOfAnOutage(t *testing.T) {
	vendor := func(overlap string) manifest.Source {
		return manifest.Source{Name: "a", Keys: []string{"T"}, Rotate: manifest.Rotate{With: manifest.HTTP, HTTP: &manifest.API{Overlap: overlap}}}
	}
	r := plan.SourceReport{Name: "a", Consumers: []string{"api", "worker"}}
	for overlap, want := range map[string][]string{
		"":     nil,
		"none": {"a: its rotation ends the old credential at once; refused until they have followed: api, worker"},
		"6h":   {"a: its vendor ends the old credential 6h0m0s after the rotation; refused then, unless they have followed: api, worker"},
	} {
		if diff := cmp.Diff(want, forewarned(vendor(overlap), r)); diff != "" {
			t.Errorf("overlap %q (-want +got):\n%s", overlap, diff)
		}
	}
}
