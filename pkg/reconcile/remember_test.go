package reconcile_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// deploy deploys small with these changes; see deployManifest.
func (b *bench) deploy(replace ...string) {
	b.t.Helper()
	b.deployManifest(strings.NewReplacer(replace...).Replace(small))
}

// deployManifest is a deployed change of the manifest, without any check. What runs stays as it is, where it is: a consumer that
// the manifest has elsewhere now starts there with nothing.
func (b *bench) deployManifest(yaml string) {
	b.t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(yaml))
	must(b.t, err)
	env, err := file.Environment("dev")
	must(b.t, err)
	for _, c := range b.env.Consumers {
		b.places[c.Location("dev")] = b.sinkAt(c)
	}
	b.env, b.pass.Environment = env, env
	must(b.t, b.Containers(b.t.Context(), env))
	for _, c := range env.Consumers {
		at := b.places[c.Location("dev")]
		if at == nil {
			at = &sink{bench: b, name: c.Name}
			b.places[c.Location("dev")] = at
		}
		b.sinks[c.Name] = at
	}
}

// remembered returns what the tags of a bucket remember besides what the manifest has, without times.
func (b *bench) remembered(secret string) []string {
	b.t.Helper()
	h, err := b.pass.Store.Look(b.t.Context(), secret)
	must(b.t, err)
	out := []string{}
	for _, r := range plan.ParseMemory(h.Tags) {
		out = append(out, r.Kind+" "+r.Label())
	}
	return out
}

// strip is somebody who takes all tags of rotary's off a secret.
func (b *bench) strip(secret string) {
	b.t.Helper()
	h, err := b.pass.Store.Look(b.t.Context(), secret)
	must(b.t, err)
	must(b.t, b.pass.Store.Untag(b.t.Context(), secret, slices.Sorted(maps.Keys(h.Tags))))
}

// runPasses runs passes, five minutes apart, and returns the last report.
func (b *bench) runPasses(n int) (report plan.Report) {
	b.t.Helper()
	for range n {
		report = b.mustRun()
		b.tick()
	}
	return report
}

const (
	movedWeb   = `web: {bucket: api, ecs: {cluster: other, service: web, container: app}}`
	smallWeb   = `web: {bucket: api, ecs: {cluster: main, service: web, container: app}}`
	otherWeb   = `web: {bucket: worker, ecs: {cluster: main, service: web, container: app}}`
	smallActor = `zone: {bucket: api, ecs: {cluster: main, service: zone, container: app}}`
)

// A consumer that left the manifest, or is elsewhere by it, keeps the credential that it runs on alive, however it left
// and whether or not it can be seen, until it runs nothing of the bucket any more, or a person forgets it.
func TestWhoLeftTheManifestKeepsItsCredential(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]string{
		"to another cluster": {smallWeb, movedWeb}, "out of the manifest": {"  " + smallWeb + "\n", ""},
		"to another cluster, renamed": {smallWeb, strings.Replace(movedWeb, "web:", "site:", 1)},
	} {
		for _, blind := range []bool{false, true} {
			b := settled(t)
			old := b.sinks["web"]
			ran := old.running
			b.deploy(change...)
			if blind {
				old.silent = errors.New("it does not answer")
			}
			b.put("db", `{"DB_URL":"url-2"}`)
			report := b.runPasses(30)
			if count(b.worked, "retire db") > 0 || old.running != ran {
				t.Fatalf("%s, blind %v: its credential was retired: %q", name, blind, b.worked)
			}
			want := map[bool]string{false: "web (ecs:main/web) in-use", true: "web (ecs:main/web) unreadable"}[blind]
			if !slices.Contains(reasons(report), want) || report.Converged {
				t.Errorf("%s, blind %v: it waits for %q", name, blind, reasons(report))
			}
			old.silent, old.running = nil, "" // somebody removes it
			b.runPasses(20)
			if count(b.worked, "retire db") != 1 {
				t.Errorf("%s, blind %v: nothing is retired: %q", name, blind, reasons(b.mustRun()))
			}
			if slices.Contains(b.remembered("api-dev"), "reader web (ecs:main/web)") {
				t.Errorf("%s, blind %v: it is remembered for ever", name, blind)
			}
			if n := b.writes(func() { b.mustRun() }); n != 0 {
				t.Errorf("%s, blind %v: the pass after it made %d writes", name, blind, n)
			}
		}
	}
}

// A consumer that gets another bucket is remembered by the one before until it runs nothing of that.
func TestAConsumerMovesToAnotherBucket(t *testing.T) {
	t.Parallel()
	b := settled(t)
	web := b.sinks["web"]
	b.deploy(smallWeb, otherWeb)
	web.broken = errors.New("not now")
	b.put("db", `{"DB_URL":"url-2"}`)
	for range 20 {
		_, _ = b.run()
		b.tick()
	}
	if count(b.worked, "retire db") > 0 {
		t.Fatal("its credential was retired")
	}
	same(t, "readers of the bucket before", []string{
		"reader web (ecs:main/web)", "reader zone (ecs:main/zone)", "source db (source/dev/db)", "source vendors (source/dev/vendors)",
	}, b.remembered("api-dev"))
	web.broken = nil
	b.runPasses(20)
	if web.running != b.current("worker-dev") || count(b.worked, "retire db") != 1 {
		t.Errorf("it runs %s, and was asked %q", web.running, b.worked)
	}
	same(t, "readers of the bucket before, in the end", []string{
		"reader zone (ecs:main/zone)", "source db (source/dev/db)", "source vendors (source/dev/vendors)",
	}, b.remembered("api-dev"))
}

// A consumer comes back to where it was before its tag is off, and is as any other.
func TestAConsumerComesBack(t *testing.T) {
	t.Parallel()
	b := settled(t)
	b.deploy(smallWeb, movedWeb)
	b.runPasses(1)
	b.deploy()
	if report := b.runPasses(2); !slices.Equal(reasons(report), []string{"web (ecs:other/web) in-use"}) {
		t.Errorf("it waits for %q", reasons(report))
	}
	b.places["ecs:other/web"].running = "" // somebody removes it there
	b.runPasses(20)
	same(t, "readers", []string{
		"reader web (ecs:main/web)", "reader zone (ecs:main/zone)", "source db (source/dev/db)", "source vendors (source/dev/vendors)",
	}, b.remembered("api-dev"))
}

// A person forgets who cannot be looked at: its tag is off, and nothing waits for it any more.
func TestWhoIsForgottenIsWaitedForNoLonger(t *testing.T) {
	t.Parallel()
	b := settled(t)
	b.deploy("  "+smallActor+"\n", "")
	b.places["ecs:main/zone"].silent = errors.New("it does not answer")
	b.put("db", `{"DB_URL":"url-2"}`)
	b.runPasses(20)
	if count(b.worked, "retire db") > 0 {
		t.Fatal("its credential was retired")
	}
	h, err := b.pass.Store.Look(t.Context(), "api-dev")
	must(t, err)
	tag, fits := plan.Forget(h, func(r plan.Relation) bool { return r.Name == "zone" }, plan.Forgotten{Name: "zone"})
	if !fits {
		t.Fatal("there is no room to forget")
	}
	must(t, b.pass.Store.Tag(t.Context(), "api-dev", tag.Set))
	must(t, b.pass.Store.Untag(t.Context(), "api-dev", tag.Remove))
	b.runPasses(20)
	if count(b.worked, "retire db") != 1 {
		t.Errorf("nothing is retired: %q", reasons(b.mustRun()))
	}
}

// An environment of the version before has no tags. The first pass puts them, and drops and retires nothing, although
// both are due.
func TestTheFirstPassTagsBeforeItDropsAnyLabel(t *testing.T) {
	t.Parallel()
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	due := func() bool {
		return slices.ContainsFunc(b.dryRun().Steps, func(s plan.Step) bool { return s.Do == "drop" || s.Do == "withdraw" })
	}
	for range 20 {
		if due() {
			break
		}
		b.mustRun()
		b.tick()
	}
	b.strip("api-dev")
	b.strip("worker-dev")
	b.Advance(time.Hour)
	if due() {
		t.Error("a label would be dropped before the tags are there")
	}
	same(t, "the first pass", []string{"tag api-dev", "tag worker-dev"}, doing(b.mustRun()))
	b.runPasses(20)
	if count(b.worked, "retire db") != 1 {
		t.Errorf("nothing is retired: %q", reasons(b.mustRun()))
	}
}

func (b *bench) dryRun() plan.Report {
	b.t.Helper()
	p := b.pass
	p.DryRun = true
	report, err := p.Run(inOrder(b.t.Context()))
	must(b.t, err)
	return report
}

// A source that left the manifest, or has another secret by it, while it owes is named until it owes nothing.
func TestASourceThatLeftTheManifestIsNamedWhileItOwes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]string{
		"its secret was renamed": {"VENDOR_ID]}", "VENDOR_ID], secret: vendors-2}"},
		"it was renamed":         {"vendors: {keys", "sellers: {keys", "originals: [db, vendors]", "originals: [db, sellers]"},
		"it was removed":         {"  vendors: {keys: [VENDOR_KEY, VENDOR_ID]}\n", "", ", vendors]", "]", ", VENDOR_KEY: [WORKER_KEY]", ""},
	} {
		b := settled(t)
		before := b.current("source/dev/vendors")
		b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-1"}`)
		b.converge()
		b.deploy(change...)
		for _, s := range b.env.Sources {
			if name := s.Name; s.Secret != "source/dev/vendors" && name != "db" {
				b.put(name, `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-1"}`)
			}
		}
		b.pass.AcceptRemovals = []string{"VENDOR_KEY", "VENDOR_ID", "WORKER_KEY"}
		report := b.runPasses(10)
		waits := slices.DeleteFunc(slices.Clone(report.Waits), func(w plan.Wait) bool { return w.Reason != plan.LeftManifest })
		if len(waits) != 1 || waits[0].Subject != "vendors" || waits[0].Version != before || !strings.Contains(waits[0].Detail, "source/dev/vendors") {
			t.Errorf("%s: it waits for %+v", name, report.Waits)
		}
		if !slices.ContainsFunc(report.Alarms, func(a plan.Alarm) bool { return a.Name == plan.RetirementOwed && a.Subject == "vendors" }) {
			t.Errorf("%s: alarms are %v", name, report.Alarms)
		}
		must(t, b.pass.Store.Move(t.Context(), "source/dev/vendors", history.Live+before[:8], "", before))
		report = b.runPasses(10)
		if slices.ContainsFunc(report.Waits, func(w plan.Wait) bool { return w.Reason == plan.LeftManifest }) {
			t.Errorf("%s: it owes nothing, and is waited for: %+v", name, report.Waits)
		}
		if got := fmt.Sprint(b.remembered("api-dev")); strings.Contains(got, "(source/dev/vendors)") {
			t.Errorf("%s: it owes nothing, and is remembered: %s", name, got)
		}
	}
}

// Terraform takes tags off that it does not know. What was remembered is not known any more, and status names it.
func TestALostMemoryIsNamedUntilAPersonSaysThatItIsComplete(t *testing.T) {
	t.Parallel()
	b := settled(t)
	must(t, b.pass.Store.Untag(t.Context(), "api-dev", []string{"rotary:readers"}))
	for range 3 {
		report := b.runPasses(1)
		if i := slices.IndexFunc(report.Buckets, func(b plan.BucketReport) bool { return b.Name == "api" }); !report.Buckets[i].LostMemory || !slices.Contains(reasons(report), "api lost-memory") {
			t.Fatalf("it waits for %q", reasons(report))
		}
	}
	h, err := b.pass.Store.Look(t.Context(), "api-dev")
	must(t, err)
	tag, _ := plan.Forget(h, func(plan.Relation) bool { return false }, plan.Forgotten{Name: "api"})
	must(t, b.pass.Store.Tag(t.Context(), "api-dev", tag.Set))
	if report := b.runPasses(1); slices.Contains(reasons(report), "api lost-memory") {
		t.Errorf("it waits for %q", reasons(report))
	}
}

// A secret whose tags are all taken by others: nothing of the bucket is done, and the others go on.
func TestABucketWithoutRoomForTagsStandsStill(t *testing.T) {
	t.Parallel()
	b := start(t, small)
	for n := range history.MaxTags - 2 {
		must(t, b.tag("api-dev", fmt.Sprintf("team-%d", n), "x"))
	}
	b.put("db", `{"DB_URL":"url-1"}`)
	report := b.runPasses(5)
	if !slices.Contains(reasons(report), "api tags-full") || b.current("api-dev") != "" || b.sinks["web"].running != "" {
		t.Errorf("it waits for %q, and the bucket is at %q", reasons(report), b.current("api-dev"))
	}
	if b.sinks["jobs"].running != b.current("worker-dev") || b.current("worker-dev") == "" {
		t.Error("the other bucket did not follow")
	}
}

func (b *bench) tag(secret, key, value string) error {
	return b.pass.Store.Tag(b.t.Context(), secret, map[string]string{key: value})
}

// A place that its sink shows to be gone is empty, if it shows that to the consumer's own token. Another one's may not see
// it: then a person has to say that it is gone.
func TestAPlaceIsGoneWhereItsOwnTokenShowsThat(t *testing.T) {
	t.Parallel()
	const yaml = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sign_in: {vercel: {token: VERCEL_TOKEN}}
sources: {db: {keys: [DB_URL], rotate: {random: {}}}, vercel: {keys: [VERCEL_TOKEN]}}
buckets: {api: {originals: [db]}}
consumers:
  dashboard: {bucket: api, vercel: {project: dashboard, targets: {dev: [preview]}}}
  site: {bucket: api, vercel: {project: site, targets: {dev: [preview]}}}
`
	const site = `  site: {bucket: api, vercel: {project: site, targets: {dev: [preview]}}}` + "\n"
	for name, tt := range map[string]struct {
		next, waits string
	}{
		"it moved to another project": {strings.Replace(yaml, "project: site", "project: next", 1), ""},
		"it left the manifest":        {strings.Replace(yaml, site, "", 1), "site (vercel:site:preview) unreadable"},
	} {
		b := start(t, yaml)
		b.put("db", `{"DB_URL":"url-1"}`)
		b.put("vercel", `{"VERCEL_TOKEN":"token"}`)
		b.converge()
		b.deployManifest(tt.next)
		b.places["vercel:site:preview"].absent = true
		report := b.runPasses(10)
		if got := strings.Join(reasons(report), ", "); got != tt.waits {
			t.Errorf("%s: it waits for %q", name, got)
		}
		if kept := slices.Contains(b.remembered("api-dev"), "reader site (vercel:site:preview)"); kept != (tt.waits != "") {
			t.Errorf("%s: it is remembered: %v", name, kept)
		}
	}
}
