package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

var update = flag.Bool("update", false, "write the expected pages anew; read the difference before you commit it")

// pages are reports of environments in awkward states.
func pages() map[string]plan.Report {
	ago := func(d time.Duration) time.Time { return nine.Add(-d) }
	const day = 24 * time.Hour
	awkward := plan.Report{
		Environment: "production", Mode: "retire", At: nine,
		Sources: []plan.SourceReport{
			{Name: "app-db", Rotator: "postgres", Version: "v-f81d4fae", Since: ago(4 * time.Hour), SourceTimes: plan.SourceTimes{Next: nine.Add(30 * day)}, Consumers: []string{"api", "worker-b"}, Secret: "source/production/app-db",
				Owed: []plan.OwedReport{
					{Version: "v-d5623ad9", Since: ago(24 * day), Failed: &plan.Failure{Count: 12, First: ago(45 * time.Minute), Last: ago(10 * time.Minute), Error: "the function rotary production rotate network is not deployed"}, Blocked: []plan.Wait{{Reason: plan.RetryLater, Until: nine.Add(50 * time.Minute)}}, Alarms: []string{plan.RetirementOwed, plan.RetirementFailed}},
					{Version: "v-7e6b41e6", Since: ago(4 * time.Hour), HeldBy: []string{"api", "worker-a"}, Blocked: []plan.Wait{{Reason: plan.InUse, Detail: "consumer api may still use it"}, {Reason: plan.Deployable}}},
				},
				Versions: []plan.VersionReport{
					{Version: "v-d5623ad9", Made: ago(54 * day), Labels: []string{"LIVE-d5623ad9", "PAST-1764000000-d5623ad9"}},
					{Version: "v-7e6b41e6", Made: ago(24 * day), Labels: []string{"AWSPREVIOUS", "LIVE-7e6b41e6"}, RunBy: []string{"api", "worker-a"}},
					{Version: "v-f81d4fae", Made: ago(4 * time.Hour), Labels: []string{"AWSCURRENT", "LIVE-f81d4fae", "SEEN"}, RunBy: []string{"worker-b"}},
				}},
			{Name: "cloud", Rotator: "manual", Version: "v-11111111", Since: ago(30 * day), Owed: []plan.OwedReport{
				{Version: "v-ca142bc0", Since: ago(30 * day), Kept: []string{"RETAIN"}, Retained: &plan.Veto{By: "role/engineering", Since: ago(30 * day)}, Blocked: []plan.Wait{{Reason: plan.Retained, Detail: "it carries RETAIN"}}},
			}},
			{Name: "db-service", Rotator: "manual", Version: "v-22222222", Since: ago(95 * day), SourceTimes: plan.SourceTimes{Due: ago(5 * day)}},
			{Name: "handshake", Rotator: "random", Version: "v-33333333", Since: ago(7 * day), SourceTimes: plan.SourceTimes{Next: nine.Add(6 * time.Hour)}, Pending: "v-44444444"},
			{Name: "vendors", Rotator: "manual", Version: "v-55555555", Since: ago(9 * day), Taken: "v-2a47fbf9", AskedAgain: nine.Add(15 * time.Minute), Undeclared: 2},
			{Name: "partner", Rotator: "http", Version: "v-66666666", Since: ago(2 * day), AtOnce: true, Consumers: []string{"api"}, Obstacles: []credential.Obstacle{{Text: "its second key is empty"}}, Owed: []plan.OwedReport{
				{Version: "v-77777777", Since: ago(2 * day), Blocked: []plan.Wait{{Reason: plan.ByHand, Detail: "safe to revoke at the vendor now: the old PARTNER_KEY; then: rotary retire production partner --revoked"}}},
				{Version: "v-88888888", Since: ago(2 * time.Hour), Dies: nine.Add(time.Hour), Blocked: []plan.Wait{{Reason: plan.Settling, Until: nine.Add(8 * time.Minute), Detail: "what was withdrawn or replaced a short time ago could still start"}}},
				{Version: "v-99999999", Since: ago(2 * time.Hour), Dies: ago(time.Minute), Kept: []string{"ROLLBACK"}, Blocked: []plan.Wait{{Reason: plan.Retained, Detail: "it carries ROLLBACK"}}},
				{Version: "v-aaaaaaaa", Since: ago(time.Hour)},
			}},
			{Name: "storage", Rotator: "accesskey", Version: "v-bbbbbbbb", Since: ago(18 * day), Frozen: "read source/production/storage: AccessDeniedException"},
			{Name: "platform", Rotator: "managed", Version: "v-cccccccc", Since: ago(day)},
			{Name: "fresh", Rotator: "random"},
		},
		Buckets: []plan.BucketReport{{Name: "api-secrets", Version: "b-10db8bff"}, {Name: "worker-secrets", Version: "b-1bff766b"}},
		Consumers: []plan.ConsumerReport{
			{Name: "api", Kind: "ecs", Bucket: "api-secrets", Running: "b-340649df", Since: ago(3 * day), State: "failed", Detail: "2 of 2 tasks on api:22; failed: api:23: image pull: not found", Failed: &plan.RolloutFailure{Version: "b-10db8bff", At: ago(4 * time.Hour), Reason: "api:23: image pull: not found"}},
			{Name: "worker-a", Kind: "ecs", Bucket: "worker-secrets", Running: "b-340649df", Since: ago(3 * day), State: "behind", Detail: "2 of 2 tasks on worker-a:7; its pipeline deploys", NotRolled: "its pipeline deploys"},
			{Name: "worker-b", Kind: "ecs", Bucket: "worker-secrets", Running: "b-1bff766b", Current: true, Since: ago(2 * time.Hour), State: "current", Detail: "2 of 2 tasks on worker-b:9"},
			{Name: "dashboard", Kind: "vercel", Bucket: "api-secrets", RollingTo: "b-10db8bff", RollingSince: ago(130 * time.Second), State: "rolling", Detail: "6 variables; deployment dpl_1 is BUILDING"},
			{Name: "ci", Kind: "github", Bucket: "api-secrets", State: "unknown", Detail: "GitHub answers 502"},
			{Name: "nightly", Kind: "reader", Source: "app-db", Running: "v-f81d4fae", State: "draining", Detail: "readers without a receipt may use what they read before"},
			{Name: "old (ecs:main/old)", Kind: "ecs", Bucket: "api-secrets", State: "behind", Remembered: true, Detail: "it left the manifest; 1 of 1 tasks on old:2"},
		},
		Strangers: []plan.StrangerReport{
			{Name: "ecs-family:main/api", Detail: "1 task runs api:2, which takes what is current of api-secrets-production when they start (secrets of container \"app\"); dismissed by arn:aws:iam::222222222222:user/ann until 2026-01-14T09:00:00Z", Secrets: []string{"api-secrets-production"}, Dismissed: &plan.DismissalReport{By: "arn:aws:iam::222222222222:user/ann"}},
			{Name: "ecs:main/strange", Detail: "2 tasks run api:3, which takes version 10db8bff of api-secrets-production (secrets of container \"app\"); it is no consumer in the manifest: declare it as a consumer or a reader, stop it (aws ecs delete-service --force --cluster main --service strange), or rotary dismiss production ecs:main/strange --for 7d", Secrets: []string{"api-secrets-production"}},
			{Name: "ecs:second", Detail: "look at ECS cluster second: AccessDeniedException", Unseen: true, Secrets: []string{"api-secrets-production"}},
		},
		Waits: []plan.Wait{
			{Subject: "app-db", Version: "v-7e6b41e6", Reason: plan.InUse, Detail: "consumer api may still use it"},
			{Subject: "api", Version: "b-10db8bff", Reason: plan.RolloutFailed, Detail: "api:23: image pull: not found"},
			{Subject: "worker-secrets", Reason: plan.LostMemory, Detail: "somebody took the tags off that remember who reads it: rotary forget production --bucket worker-secrets"},
			{Subject: "api-secrets", Reason: plan.Brake, Detail: "it would lose OLD_NAME: rotary apply production --accept-removals OLD_NAME"},
			{Subject: "legacy", Version: "v-dddddddd", Reason: plan.LeftManifest, Detail: "source legacy, whose secret is source/production/legacy, left the manifest and owes this version: put it back until that is retired, or revoke the credential and rotary forget production --source legacy"},
			{Subject: "worker-secrets", Version: "b-eeeeeeee", Reason: plan.Settling, Until: nine.Add(4 * time.Minute), Detail: "a version that was withdrawn a short time ago keeps its label"},
			{Subject: "vendors", Version: "v-55555555", Reason: plan.NotAccepted, Detail: "its target refuses it: status 401"},
		},
		Alarms: []plan.Alarm{
			{Name: plan.RetirementOwed, Subject: "app-db", Detail: "version d5623ad9 was replaced 24d ago and is not retired"},
			{Name: plan.RetirementFailed, Subject: "app-db", Detail: "version d5623ad9: its retirement failed 12 times"},
			{Name: plan.RotationDue, Subject: "db-service", Detail: "version 22222222 is 95d old; the manifest says max_age 90d"},
			{Name: plan.FrozenSecret, Subject: "storage", Detail: "it is frozen, and nothing else is"},
			{Name: plan.ValueNotAccepted, Subject: "vendors", Detail: "version 55555555: its target refuses it"},
			{Name: plan.UndeclaredKey, Subject: "vendors", Detail: "it holds 2 keys that nobody declared"},
			{Name: plan.LabelsFilling, Subject: "api-secrets", Detail: "its secret carries 17 labels of 20"},
			{Name: plan.RetirementOwed, Subject: "legacy", Detail: "version dddddddd: it left the manifest"},
		},
	}
	quiet := plan.Report{
		Environment: "production", Mode: "retire", At: nine, Converged: true,
		Sources: []plan.SourceReport{
			{Name: "app-db", Rotator: "postgres", Version: "v-1", Since: ago(day), SourceTimes: plan.SourceTimes{Next: nine.Add(29 * day)}},
			{Name: "keys", Rotator: "random", Version: "v-2", Since: ago(day), SourceTimes: plan.SourceTimes{Next: nine.Add(9 * day)}},
		},
		Consumers: []plan.ConsumerReport{{Name: "api", Kind: "ecs", Bucket: "api-secrets", Running: "b-340649df", Current: true, Since: ago(3 * day), State: "current", Detail: "2 of 2 tasks on api:22"}},
	}
	many := quiet
	many.Consumers = nil
	for i := range 50 {
		many.Consumers = append(many.Consumers, plan.ConsumerReport{Name: fmt.Sprintf("service-%02d", i), Kind: "ecs", Bucket: "api-secrets", Running: "b-340649df", State: "current", Since: ago(day)})
	}
	many.Consumers[17].State, many.Consumers[17].Detail, many.Converged = "behind", "1 of 2 tasks on service-17:3", false
	return map[string]plan.Report{
		"awkward": awkward, "quiet": quiet, "many": many,
		"nothing": {Environment: "production", Mode: "observe", At: nine, Unbuilt: []string{"sources.db: pair is not built yet"}},
	}
}

// plans are reports with something to do.
func plans() map[string]plan.Report {
	all := pages()
	busy := all["awkward"]
	busy.Steps = []plan.Step{
		{Do: "test", Subject: "vendors", Version: "v-55555555"}, {Do: "tag", Subject: "production/api"}, {Do: "mark", Subject: "source/production/app-db"},
		{Do: "write", Subject: "api-secrets", Version: "b-44444444", NameChanges: plan.NameChanges{Changed: []string{"MY_APP__LOGGING__LOG_API_KEY", "MY_APP__LOGGING__LOG_API_SECRET"}, Added: []string{"B"}, Removed: []string{"OLD"}, Unshown: 1}},
		{Do: "write", Subject: "dashboard-secrets", Version: "b-55555555", NameChanges: plan.NameChanges{Added: []string{"DB_URL"}}},
		{Do: "write", Subject: "worker-secrets", Version: "b-66666666", NameChanges: plan.NameChanges{Removed: []string{"DB_URL"}}},
		{Do: "roll", Subject: "api", Version: "b-44444444", Detail: plan.NotOnVersion}, {Do: "roll", Subject: "dashboard", Version: "b-44444444", Detail: "changed by hand: A, B"}, {Do: "roll", Subject: "ci", Version: "b-44444444"},
		{Do: "withdraw", Subject: "api-secrets", Version: "b-33333333"}, {Do: "drop", Subject: "source/production/app-db"},
		{Do: "advance", Subject: "storage", Version: "v-81e197c3", Detail: "every consumer was seen without it"},
		{Do: "advance", Subject: "app-db", Version: "v-d5623ad9", Detail: "every consumer was seen without it"},
	}
	busy.Departures = nil
	left := all["quiet"]
	left.Departures = []plan.Departure{{Kind: plan.Feeds, Name: "legacy", Todo: "owes the retirement of 1 versions: keep it in the manifest"}}
	return map[string]plan.Report{"busy": busy, "left": left, "quiet": all["quiet"], "nothing": all["nothing"]}
}

// screens are those on which each page is drawn.
func screens() map[string]screen.Screen {
	return map[string]screen.Screen{
		"40": {Width: 40}, "80": {Width: 80}, "120": {Width: 120}, "dumb": {Width: 80, ASCII: true}, "color": {Width: 80, Color: true},
	}
}

func pageOn(s screen.Screen, r plan.Report) page {
	return page{Screen: s, place: screen.Place{Environment: "production", Account: "222222222222", Region: "us-east-1"}, report: r}
}

func TestStatusPagesAreAsWritten(t *testing.T) {
	for name, r := range pages() {
		for width, s := range screens() {
			if width != "80" && name != "awkward" {
				continue
			}
			compareWithFile(t, fmt.Sprintf("status-%s-%s.txt", name, width), pageOn(s, r).renderStatus(false))
		}
	}
	all := pageOn(screen.Screen{}, pages()["awkward"])
	compareWithFile(t, "status-awkward-all.txt", all.renderStatus(true))
	compareWithFile(t, "status-source-80.txt", all.renderSource("app-db"))
	compareWithFile(t, "status-source-not-accepted-80.txt", all.renderSource("vendors"))
}

func TestPlanPagesAreAsWritten(t *testing.T) {
	for name, r := range plans() {
		for width, s := range screens() {
			if width == "80" || name == "busy" {
				compareWithFile(t, fmt.Sprintf("plan-%s-%s.txt", name, width), pageOn(s, r).renderPlan())
			}
		}
		compareWithFile(t, "plan-"+name+".md", pageOn(screen.Screen{Width: 40, Color: true}, r).renderMarkdown())
	}
}

func compareWithFile(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "pages", name)
	if *update {
		if err := os.WriteFile(file, []byte(got+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got+"\n"); diff != "" {
		t.Errorf("%s (go test ./cmd/rotary -update writes it):\n%s", name, diff)
	}
}

// TestPagesKeepToTheirWidth: a line is longer than the screen only where one name or command is.
func TestPagesKeepToTheirWidth(t *testing.T) {
	for name, r := range plans() {
		for width, s := range screens() {
			for _, text := range []string{pageOn(s, r).renderStatus(true), pageOn(s, r).renderPlan()} {
				for line := range strings.SplitSeq(text, "\n") {
					if n := len([]rune(line)); n > s.Columns() && s.Color == false && !strings.Contains(line, "rotary ") && len(strings.Fields(line)) > 2 {
						t.Errorf("%s on %s: %d columns: %s", name, width, n, line)
					}
					if ascii := strings.Map(keepASCII, line); s.ASCII && ascii != line {
						t.Errorf("%s on %s: not ASCII: %s", name, width, line)
					}
				}
			}
		}
	}
}

func keepASCII(r rune) rune {
	if r > 126 {
		return '?'
	}
	return r
}

// TestNobodyIsToldThatAFailingRetirementGoesOnByItself: the next pass is promised nowhere where one has failed.
func TestNobodyIsToldThatAFailingRetirementGoesOnByItself(t *testing.T) {
	r := pages()["awkward"]
	p := pageOn(screen.Screen{Width: 1000}, r)
	for _, s := range r.Sources {
		for _, o := range s.Owed {
			text := p.describeOwed(s, o)
			failing := o.Failed != nil
			if failing != strings.Contains(text, "FAILED") || failing && strings.Contains(text, "nothing any more") || failing && !strings.Contains(text, "docs/runbook/") {
				t.Errorf("%s %s: %s", s.Name, o.Version, text)
			}
		}
	}
}

func TestTheNextLookIsAsSoonAsSomethingCanHaveChanged(t *testing.T) {
	wait := func(d time.Duration) plan.Report {
		return plan.Report{At: nine, Waits: []plan.Wait{{Until: nine.Add(d)}, {Until: nine.Add(time.Hour)}, {}}}
	}
	for _, tt := range []struct {
		r    plan.Report
		want time.Duration
	}{
		{plan.Report{At: nine}, watchLeast},
		{wait(30 * time.Second), 30 * time.Second},
		{wait(time.Second), operate.SoonestLook},
		{wait(-time.Second), watchLeast},
		{plan.Report{At: nine, Steps: []plan.Step{{}}}, operate.SoonestLook},
		{plan.Report{At: nine, Sources: []plan.SourceReport{{Pending: "v"}}}, operate.SoonestLook},
		{plan.Report{At: nine, Consumers: []plan.ConsumerReport{{State: "rolling"}}}, operate.SoonestLook},
	} {
		if got := nextLook(tt.r); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.r, got, tt.want)
		}
	}
}

func TestAReportAsJSONIsAsWritten(t *testing.T) {
	text, err := json.MarshalIndent(pages()["awkward"], "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareWithFile(t, "status-awkward.json", string(text))
}

// TestAWatcherTellsEachChangeOnce: what stays is not told again, what changes or goes is, each as one line.
func TestAWatcherTellsEachChangeOnce(t *testing.T) {
	consumer := func(state, running string) plan.ConsumerReport {
		return plan.ConsumerReport{Name: "api", Bucket: "app", State: state, Running: running}
	}
	owing := func(held ...string) []plan.SourceReport {
		return []plan.SourceReport{{Name: "db", Version: "v", Owed: []plan.OwedReport{{Version: "v-11111111", HeldBy: held, Blocked: []plan.Wait{{Reason: plan.InUse, Until: nine}}}}}}
	}
	w := watcher{told: map[string]string{}}
	for i, step := range []struct {
		r    plan.Report
		want []string
	}{
		{plan.Report{At: nine, Sources: owing("api"), Consumers: []plan.ConsumerReport{consumer("rolling", "b-1")}}, []string{
			"NOT CONVERGED: 1 consumer is rolling; 1 old credential waits", "api: rolling on b-1", "db 11111111: waits: in-use (api)",
		}},
		{plan.Report{At: nine.Add(time.Hour), Sources: owing("api"), Consumers: []plan.ConsumerReport{consumer("rolling", "b-1")}}, nil},
		{plan.Report{At: nine, Sources: owing(), Consumers: []plan.ConsumerReport{consumer("current", "b-2")}}, []string{
			"NOT CONVERGED: 1 old credential waits", "api: current on b-2", "db 11111111: waits: in-use",
		}},
		{plan.Report{At: nine, Converged: true, Consumers: []plan.ConsumerReport{consumer("current", "b-2")}}, []string{
			"CONVERGED: every consumer runs the current version, and no old credential is owed", "db 11111111: nothing more",
		}},
		{plan.Report{At: nine, Converged: true, Consumers: []plan.ConsumerReport{consumer("current", "b-2")}}, nil},
	} {
		if diff := cmp.Diff(step.want, w.tellNews(listStates(page{report: step.r}))); diff != "" {
			t.Errorf("report %d: %s", i+1, diff)
		}
	}
}
