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

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/parallel"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// small is a manifest of two sources, two buckets that are both made of both, and two consumers of each.
const small = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  db: {keys: [DB_URL], rotate: {random: {}}}
  vendors: {keys: [VENDOR_KEY, VENDOR_ID]}
mappings:
  worker: {DB_URL: [WORKER_DB], VENDOR_KEY: [WORKER_KEY]}
buckets:
  api: {originals: [db, vendors]}
  worker: {mappings: [worker]}
consumers:
  cron: {bucket: worker, ecs: {cluster: main, service: cron, container: app}}
  jobs: {bucket: worker, ecs: {cluster: main, service: jobs, container: app}}
  web: {bucket: api, ecs: {cluster: main, service: web, container: app}}
  zone: {bucket: api, ecs: {cluster: main, service: zone, container: app}}
`

// bench is an environment on the stand-in, with sinks and a rotator made of memory.
type bench struct {
	*standin.World
	t      *testing.T
	env    *manifest.Environment
	client *secretsmanager.Client
	pass   reconcile.Pass
	sinks  map[string]*sink
	places map[string]*sink // by location, where the manifest has moved some
	worked []string         // what sinks and rotator were asked to do, in order
	puts   int
	tested []string                              // what the target was asked about, in order
	answer func(plan.Test) (plan.Outcome, error) // of the target; nil: it accepts everything

	step func() sim.Outcome // asked before each write to a sink; nil means that everything works
}

// sink is a consumer that follows by the next look.
type sink struct {
	deadline  time.Time // of the last Roll
	bench     *bench
	name      string
	running   string
	rolling   string
	changed   time.Time
	broken    error  // of Roll
	silent    error  // of Status
	absent    bool   // its sink shows that there is no such thing
	clinging  error  // of Withdraw
	asked     func() // by Status, before it answers
	letGo     func() // by Withdraw, before it lets go
	withdrawn []string
	pinned    []string // versions that its revisions could be deployed with, until they are withdrawn
}

// start sets an environment up. Nothing has been put and nothing reconciled.
func start(t *testing.T, yaml string, lists ...sim.Lists) *bench {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(yaml))
	must(t, err)
	env, err := file.Environment("dev")
	must(t, err)
	b := &bench{t: t, env: env, sinks: map[string]*sink{}, places: map[string]*sink{}}
	b.World = standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), Lists: append(lists, sim.Lists{})[0]})
	t.Cleanup(func() { _ = b.Close() })
	must(t, b.Containers(t.Context(), env))
	b.client = secretsmanager.NewFromConfig(b.Config(env.Account, env.Region))
	for _, c := range env.Consumers {
		b.sinks[c.Name] = &sink{bench: b, name: c.Name}
	}
	b.pass = reconcile.Pass{Environment: env, Store: store.New(b.client), Open: b.open, Advancer: rotator{b}}
	return b
}

// settled is small with a value in every source, after everything has followed.
func settled(t *testing.T) *bench {
	t.Helper()
	b := start(t, small)
	b.put("db", `{"DB_URL":"url-1"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
	b.converge()
	b.worked = nil
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put is a person who puts a value into a source. It returns the version id.
func (b *bench) put(source, text string) string {
	b.t.Helper()
	s, _ := b.env.Source(source)
	b.puts++
	id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", b.puts)
	_, err := b.client.PutSecretValue(b.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &s.Secret, SecretString: &text, ClientRequestToken: &id})
	must(b.t, err)
	return id
}

// relabel is a person who moves a label of a source or bucket.
func (b *bench) relabel(name, label, to, from string) {
	b.t.Helper()
	must(b.t, b.pass.Store.Move(b.t.Context(), name, label, to, from))
}

// run does a pass whose calls come one after the other, in the same order each time.
func (b *bench) run() (plan.Report, error) { return b.pass.Run(inOrder(b.t.Context())) }

// inOrder returns ctx with one call after the other.
func inOrder(ctx context.Context) context.Context {
	return parallel.WithScheduler(ctx, parallel.InOrder{})
}

// mustRun is a pass that must succeed.
func (b *bench) mustRun() plan.Report {
	b.t.Helper()
	report, err := b.run()
	must(b.t, err)
	return report
}

// tick lets five minutes go by, in which what was rolled arrives.
func (b *bench) tick() {
	b.Advance(5 * time.Minute)
	for _, s := range b.sinks {
		if s.rolling != "" {
			s.running, s.rolling, s.changed = s.rolling, "", b.Clock.Now()
		}
	}
}

// converge runs passes, five minutes apart, until nothing is left to do now or later, and returns the last report.
func (b *bench) converge() plan.Report {
	b.t.Helper()
	var report plan.Report
	for range 60 {
		report = b.mustRun()
		if len(report.Steps) == 0 && !waiting(report) {
			return report
		}
		b.tick()
	}
	b.t.Fatalf("still not converged after 60 passes: the last did %q, and waits for %q", doing(report), reasons(report))
	return plan.Report{}
}

// waiting reports whether the report waits for anything that time or a rollout brings.
func waiting(r plan.Report) bool {
	return slices.ContainsFunc(r.Waits, func(w plan.Wait) bool {
		return slices.Contains([]plan.Reason{plan.Rolling, plan.Draining, plan.Settling, plan.InUse, plan.Deployable, plan.PendingWork}, w.Reason)
	})
}

// labels are the labels of a secret, by version id.
func (b *bench) labels(name string) map[string][]string {
	b.t.Helper()
	out, err := b.client.DescribeSecret(b.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &name})
	must(b.t, err)
	for _, labels := range out.VersionIdsToStages {
		slices.Sort(labels)
	}
	return out.VersionIdsToStages
}

func (b *bench) current(name string) string {
	b.t.Helper()
	for id, labels := range b.labels(name) {
		if slices.Contains(labels, history.AWSCurrent) {
			return id
		}
	}
	return ""
}

// end is everything that a run leaves behind: labels by secret and version, and what every sink runs.
func (b *bench) end() map[string]any {
	b.t.Helper()
	end := map[string]any{}
	for _, s := range b.env.Sources {
		end[s.Secret] = withoutTimes(b.labels(s.Secret))
	}
	for _, x := range b.env.Buckets {
		end[x.Secret] = withoutTimes(b.labels(x.Secret))
		h, err := b.pass.Store.Look(b.t.Context(), x.Secret)
		must(b.t, err)
		end["tags of "+x.Secret] = h.Tags
	}
	for name, s := range b.sinks {
		end[name] = s.running
	}
	return end
}

// withoutTimes returns labels by version, but of those with a time only the kind: it differs with each crash.
func withoutTimes(labels map[string][]string) map[string][]string {
	kinds := map[string][]string{}
	for id, all := range labels {
		for _, label := range all {
			for _, kind := range []string{history.Past, history.Gone} {
				if strings.HasPrefix(label, kind) {
					label = kind
				}
			}
			kinds[id] = append(kinds[id], label)
		}
	}
	return kinds
}

// writes counts what a piece of work writes, anywhere.
func (b *bench) writes(work func()) int {
	before := b.Tap.Writes() + len(b.worked)
	work()
	return b.Tap.Writes() + len(b.worked) - before
}

// allow asks the hook about a write outside AWS, notes it, and says what becomes of it.
func (b *bench) allow(work string) (done bool, err error) {
	outcome := sim.Works
	if b.step != nil {
		outcome = b.step()
	}
	b.worked = append(b.worked, work)
	if outcome == sim.Works {
		return true, nil
	}
	return outcome == sim.Lost, errors.New("the connection broke")
}

func (b *bench) open(c manifest.Consumer, _ reconcile.Opening) (reconcile.Consumer, error) {
	return b.sinkAt(c), nil
}

// sinkAt returns what is where a consumer is.
func (b *bench) sinkAt(c manifest.Consumer) *sink {
	if at := b.places[c.Location("dev")]; at != nil {
		return at
	}
	return b.sinks[c.Name]
}

func (s *sink) Status(context.Context) (plan.Seen, error) {
	if s.asked != nil {
		s.asked()
	}
	if s.silent != nil {
		return plan.Seen{}, s.silent
	}
	if s.absent {
		return plan.Seen{Unread: true, Unknown: "there is none", Absent: "there is none"}, nil
	}
	seen := plan.Seen{Running: s.running, RollingTo: s.rolling, Settled: s.rolling == "", Changed: s.changed}
	seen.Deployable = slices.DeleteFunc(slices.Clone(s.pinned), func(id string) bool { return slices.Contains(s.withdrawn, id) })
	for _, id := range []string{s.running, s.rolling} {
		if id != "" {
			seen.InPlay = append(seen.InPlay, id)
		}
	}
	return seen, nil
}

func (s *sink) Roll(ctx context.Context, b bucket.Bucket) error {
	s.deadline, _ = ctx.Deadline()
	if s.broken != nil {
		return s.broken
	}
	if s.rolling == b.Version || s.rolling == "" && s.running == b.Version {
		return nil
	}
	done, err := s.bench.allow("roll " + s.name)
	if done {
		s.rolling, s.changed = b.Version, s.bench.Clock.Now()
	}
	return err
}

func (s *sink) Withdraw(_ context.Context, versions []string) error {
	if s.clinging != nil {
		return s.clinging
	}
	if slices.Contains(s.withdrawn, versions[0]) {
		return nil
	}
	if s.letGo != nil {
		s.letGo()
	}
	done, err := s.bench.allow("withdraw from " + s.name)
	if done {
		s.withdrawn = append(s.withdrawn, versions...)
	}
	return err
}

// rotator retires at once, and takes LIVE off last.
type rotator struct{ *bench }

func (r rotator) Advance(ctx context.Context, a plan.Advance) error {
	source, _ := r.env.Source(a.Source)
	h, err := r.pass.Store.LookAll(ctx, source.Secret)
	if err != nil {
		return err
	}
	owed := slices.ContainsFunc(h.Owed(), func(v history.Version) bool { return v.ID == a.Version })
	if current, _ := h.Current(); !owed || current.ID != a.Current {
		return nil
	}
	if done, err := r.allow("retire " + a.Source); !done || err != nil {
		return err
	}
	return r.pass.Store.Move(ctx, source.Secret, h.LabelFor(history.Live, a.Version), "", a.Version)
}

// doing lists a report's steps as "write api".
func doing(r plan.Report) []string {
	out := []string{}
	for _, step := range r.Steps {
		out = append(out, step.Do+" "+step.Subject)
	}
	return out
}

// reasons are a report's waits as "vendors by-hand".
func reasons(r plan.Report) []string {
	out := []string{}
	for _, w := range r.Waits {
		out = append(out, w.Subject+" "+string(w.Reason))
	}
	return out
}

// values returns what a version of a secret holds, by key; nil where it has no value.
func (b *bench) values(name, version string) map[string]string {
	b.t.Helper()
	text, has, err := b.pass.Store.Value(b.t.Context(), name, version)
	must(b.t, err)
	if !has {
		return nil
	}
	source, err := bucket.ParseSource(name, []byte(secret.Reveal(text)))
	must(b.t, err)
	out := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(source)) {
		out[key] = secret.Reveal(source[key])
	}
	return out
}

// Test answers what the bench's target says about a version, and notes that it was asked.
func (r rotator) Test(_ context.Context, t plan.Test) (plan.Outcome, error) {
	r.tested = append(r.tested, t.Source+" "+t.Version)
	if r.answer == nil {
		return plan.Outcome{Answer: plan.Accepted}, nil
	}
	return r.answer(t)
}

// Confirm notes that it was asked.
func (r rotator) Confirm(_ context.Context, c plan.Confirm) error {
	_, err := r.allow("confirm " + c.Source)
	return err
}
