package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/trail"
	"github.com/rotary-secrets/rotary/pkg/trail/lookup"
)

const (
	account, region = "111111111111", "us-east-1"
	canary          = "canary-value-of-the-secret"
)

// world is a stand-in with secrets db and api.
type world struct {
	*standin.World
	t     *testing.T
	start time.Time
	env   *manifest.Environment
	waits int
}

// Wait makes world the pace of a trail: a lookup comes half a second after the one before it.
func (w *world) Wait(context.Context) error {
	w.waits++
	w.Advance(500 * time.Millisecond)
	return nil
}

func open(t *testing.T, lists sim.Lists) *world {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(`
environments: {dev: {account: "111111111111", region: us-east-1}}
sources: {db: {keys: [DB_URL]}, api: {keys: [API]}}
buckets: {app: {originals: true}}
consumers: {app: {bucket: app, ecs: {cluster: main, service: app, container: app}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	w := &world{t: t, start: start, env: env, World: standin.New(standin.Config{Start: start, Lists: lists, Trail: true})}
	t.Cleanup(func() { _ = w.Close() })
	for _, name := range []string{"source/dev/db", "source/dev/api"} {
		if _, err := w.as("somebody").CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(canary)}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// as is Secrets Manager for a role.
func (w *world) as(role string) *secretsmanager.Client {
	cfg := w.Config(account, region)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(account, "secret", role)
	return secretsmanager.NewFromConfig(cfg)
}

func (w *world) read(role, secret string) {
	w.t.Helper()
	if _, err := w.as(role).GetSecretValue(w.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &secret}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) trail() *lookup.Trail { return lookup.New(w.Config(account, region), w) }

// reads looks everything up that happened until now.
func (w *world) reads() []trail.Read {
	w.t.Helper()
	reads, err := w.trail().Reads(w.t.Context(), w.start, w.Clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return reads
}

// Every page counts, whatever their sizes and order are; and no event has a value.
func TestEveryPageIsRead(t *testing.T) {
	var want []trail.Reader
	for seed := range uint64(6) {
		w := open(t, sim.Lists{Seed: seed, Whole: seed == 0})
		for i := range 130 {
			w.read(fmt.Sprintf("role-%d", i%13), []string{"source/dev/db", "source/dev/api"}[i%2])
			w.Advance(time.Duration(i%3) * time.Second)
		}
		w.Advance(trail.Lag)
		reads := w.reads()
		got := trail.Gather(w.env, reads)
		total := 0
		for _, r := range got {
			total += r.Count
			if !r.IsStranger() {
				t.Errorf("%+v is explained", r)
			}
		}
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" || total != 130 || len(got) != 26 {
			t.Errorf("seed %d: %d reads by %d readers (-first +this):\n%s", seed, total, len(got), diff)
		}
		if strings.Contains(fmt.Sprintf("%+v", reads), "canary") {
			t.Error("an event has a value")
		}
	}
}

func TestABatchIsARead(t *testing.T) {
	w := open(t, sim.Lists{})
	if _, err := w.as("batch").BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"source/dev/db", "source/dev/api"}}); err != nil {
		t.Fatal(err)
	}
	w.Advance(trail.Lag)
	got := trail.Gather(w.env, w.reads())
	if len(got) != 2 || got[0].Count != 1 || got[1].Count != 1 || got[0].Principal != "arn:aws:iam::111111111111:role/batch" {
		t.Errorf("got %+v", got)
	}
}

// An event is found some time after the call, and not ninety days later.
func TestTheTrailLagsAndForgets(t *testing.T) {
	w := open(t, sim.Lists{})
	for i := range 40 {
		w.read(fmt.Sprint("role-", i), "source/dev/db")
	}
	w.Advance(time.Minute)
	if early := len(trail.Gather(w.env, w.reads())); early == 0 || early == 40 {
		t.Errorf("a minute later %d of 40 reads are found: events do not come one by one", early)
	}
	w.Advance(trail.Lag)
	if all := len(trail.Gather(w.env, w.reads())); all != 40 {
		t.Errorf("after the lag %d of 40 reads are found", all)
	}
	w.Advance(trail.Depth)
	if old := len(w.reads()); old != 0 {
		t.Errorf("after ninety days %d events are found", old)
	}
}

func TestLookupsArePaced(t *testing.T) {
	w := open(t, sim.Lists{})
	for range 9 {
		w.read("somebody", "source/dev/db")
	}
	w.Advance(trail.Lag)
	w.reads()
	lookups := 0
	for _, c := range w.Tap.Calls() {
		if c.Service == "cloudtrail" {
			lookups++
		}
	}
	if lookups < 4 || w.waits != lookups {
		t.Errorf("%d lookups after %d waits", lookups, w.waits)
	}
	limiter := lookup.NewPace()
	begun := time.Now()
	for range 3 {
		if err := limiter.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took < 900*time.Millisecond {
		t.Errorf("three lookups at AWS's pace took %s", took)
	}
}

// Who interrupts a lookup sees what was found, and who may not look is told what is missing.
func TestALookupThatEndsEarlyShowsWhatItFound(t *testing.T) {
	w := open(t, sim.Lists{})
	for range 20 {
		w.read("nightly", "source/dev/db")
	}
	w.Advance(trail.Lag)
	ctx, cancel := context.WithCancel(t.Context())
	all := w.trail()
	all.Progress = func(events int) {
		if events > 2 {
			cancel()
		}
	}
	reads, err := all.Reads(ctx, w.start, w.Clock.Now())
	if !errors.Is(err, context.Canceled) || len(reads) < 3 || len(reads) >= 20 {
		t.Errorf("%d reads, error %v", len(reads), err)
	}
	w.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Service == "cloudtrail" {
			return sim.Fault{Outcome: sim.Denied}
		}
		return sim.Fault{}
	})
	if _, err := w.trail().Reads(t.Context(), w.start, w.Clock.Now()); err == nil || !strings.Contains(err.Error(), "it needs cloudtrail:LookupEvents") {
		t.Errorf("error is %v", err)
	}
}

// A watch reads all of the trail, a bounded piece at a time, from wherever it goes on.
func TestAWatchGoesForward(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	w := open(t, sim.Lists{Seed: 3})
	for i := range 1500 {
		w.read(fmt.Sprintf("role-%d", i%40), "source/dev/db")
		w.Advance(time.Duration(random.IntN(6)) * time.Second)
	}
	end := w.Clock.Now()
	w.Advance(trail.Lag)
	want := trail.Gather(w.env, w.reads())
	watch, from := lookup.NewWatch(w.trail()), w.start
	var all []trail.Read
	pieces := 0
	for ; from.Before(end); pieces++ {
		before := w.waits
		reads, until, err := watch.ReadForward(t.Context(), from, end)
		if err != nil || w.waits-before > 20 || pieces > 200 {
			t.Fatalf("piece %d from %s: %d lookups, error %v", pieces, from, w.waits-before, err)
		}
		if late := slices.IndexFunc(reads, func(r trail.Read) bool { return r.At.After(until) }); late >= 0 {
			t.Fatalf("a piece up to %s has a read of %s", until, reads[late].At)
		}
		all, from = append(all, reads...), until
		if random.IntN(5) == 0 {
			watch = lookup.NewWatch(w.trail()) // the function started anew
		}
	}
	if diff := cmp.Diff(want, trail.Gather(w.env, all)); diff != "" || pieces < 3 {
		t.Errorf("%d pieces (-all at once +piece by piece):\n%s", pieces, diff)
	}
}

// A function that starts anew reads a quiet day at once, and a day with a busy hour up to the minute that has more events
// than a piece may have.
func TestAWatchReadsAQuietDayAtOnce(t *testing.T) {
	for _, busy := range []bool{false, true} {
		w := open(t, sim.Lists{Whole: true})
		for hour := range 24 {
			for range map[bool]int{false: 1, true: 1100}[busy && hour == 20] {
				w.read("nightly", "source/dev/db")
			}
			w.Advance(time.Hour)
		}
		end := w.Clock.Now()
		w.Advance(trail.Lag)
		watch, from := lookup.NewWatch(w.trail()), w.start
		for range map[bool]int{false: 1, true: 30}[busy] {
			_, from, _ = watch.ReadForward(t.Context(), from, end)
		}
		if before := w.start.Add(20 * time.Hour).Sub(from); !busy && !from.Equal(end) || busy && (before < 0 || before > 2*time.Minute) {
			t.Errorf("busy %v: it has come from %s to %s", busy, w.start, from)
		}
	}
}
