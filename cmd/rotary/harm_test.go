package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
)

func TestAnEmergencyIsToldLineByLine(t *testing.T) {
	ten, dead := nine.Add(time.Hour), []string{"owed0000"}
	h := operate.Harm{
		Source: "a", Replaced: "now00000", Stopped: "pend0000", Deadline: ten, Dead: dead, Retained: []string{"now00000"},
		Consumers: []operate.Exposed{
			{Name: "api", Reads: "app", Running: "v-11111111", State: "current", Fate: operate.Fate{From: ten}},
			{Name: "laptops", Reads: "app", State: "draining", Unseen: true, Fate: operate.Fate{Dead: dead, From: ten}},
			{Name: "late", Reads: "app", Running: "v-00000000", State: "failed", Fate: operate.Fate{Dead: dead}},
			{Name: "worker", Reads: "app", Running: "v-11111111", State: "current"},
		},
	}
	want := `a: version now00000 is replaced
  consumers accept both credentials until 2026-01-01 10:00:00 UTC, in 1h0m0s; after that, those that have not followed are refused
  the rotation to version pend0000 that is under way is stopped; what it has made is owed
  version owed0000 dies at once: its target has room for two credentials, and the new one takes its place
  version now00000 is retained and lives on, until: rotary retain dev a --release
   consumer  runs          state     what becomes of it
   api       app 11111111  current   refused from 2026-01-01 10:00:00 UTC on, unless it has followed
   laptops   -             draining  refused at once where it still runs owed0000; refused from 2026-01-01 10:00:00 UTC on, unless it has followed; nobody sees what it runs
   late      app 00000000  failed    refused at once where it still runs owed0000
   worker    app 11111111  current   runs on until it has followed`
	if diff := cmp.Diff(want, strings.Join(describeHarm(h, "dev", nine), "\n")); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestAJoinedRotationAndALaterDeadlineAreTold(t *testing.T) {
	lines := strings.Join(describeHarm(operate.Harm{Source: "a", Replaced: "v", Joined: "joined00", Deadline: nine, Raised: true}, "dev", nine), "\n")
	for _, want := range []string{"the rotation to version joined00 that is under way becomes the emergency", "say --again", "that is the soonest deadline"} {
		if !strings.Contains(lines, want) {
			t.Errorf("it does not say %q:\n%s", want, lines)
		}
	}
}

func TestWhatNobodyKnowsBeforehandIsSaid(t *testing.T) {
	rotating := func(r manifest.Rotate) string {
		return strings.Join(describeUnknowns(operate.Harm{Rotates: manifest.Source{Name: "a", Keys: manifest.KeysOf("T"), Rotate: r}, Confirmed: r.MySQL != nil}), "\n")
	}
	for what, c := range map[string]struct{ says, want string }{
		"a vendor":           {rotating(manifest.Rotate{HTTP: &manifest.RotateHTTP{Calls: &vendorapi.API{}}}), "does not know how many credentials its vendor lets live"},
		"a short overlap":    {rotating(manifest.Rotate{HTTP: &manifest.RotateHTTP{Calls: &vendorapi.API{Overlap: "24h"}}}), "its vendor ends the old credential 24h0m0s after the rotation"},
		"a value":            {rotating(manifest.Rotate{Random: &manifest.RotateRandom{}}), "may refuse each other until all have followed"},
		"MySQL":              {rotating(manifest.Rotate{MySQL: &manifest.RotateMySQL{}}), "tests it each minute and sets it again"},
		"a symmetric secret": {rotating(manifest.Rotate{Random: &manifest.RotateRandom{Also: "B"}}), "from a deadline on, and not before"},
	} {
		if !strings.Contains(c.says, c.want) {
			t.Errorf("%s: %q, want %q", what, c.says, c.want)
		}
	}
	if says := rotating(manifest.Rotate{Postgres: &manifest.RotatePostgres{}}); says != "" {
		t.Errorf("of a database: %q", says)
	}
}

func TestNobodyBreaksWhereNobodyRuns(t *testing.T) {
	lines := describeHarm(operate.Harm{Source: "a", Replaced: "v"}, "dev", nine)
	if last := lines[len(lines)-1]; last != "  no consumer runs on it: nobody breaks" {
		t.Errorf("%q", last)
	}
	if says := describeAtOnce(plan.SourceReport{Name: "a"}); !strings.HasSuffix(says, "nobody, no consumer runs on it") {
		t.Errorf("%q", says)
	}
}

func TestAPlannedRotationForewarnsOfAnOutage(t *testing.T) {
	vendor := func(overlap string) manifest.Source {
		return manifest.Source{Name: "a", Keys: manifest.KeysOf("T"), Rotate: manifest.Rotate{HTTP: &manifest.RotateHTTP{Calls: &vendorapi.API{Overlap: overlap}}}}
	}
	r := plan.SourceReport{Name: "a", Consumers: []string{"api", "worker"}}
	for overlap, want := range map[string][]string{
		"":     nil,
		"none": {"a: its rotation ends the old credential at once; refused until they have followed: api, worker"},
		"6h":   {"a: its vendor ends the old credential 6h0m0s after the rotation; refused then, unless they have followed: api, worker"},
	} {
		if diff := cmp.Diff(want, describeOutage(vendor(overlap), r)); diff != "" {
			t.Errorf("overlap %q (-want +got):\n%s", overlap, diff)
		}
	}
}
