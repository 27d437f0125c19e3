package bench

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// slow makes every call take so long.
type slow struct {
	next    http.RoundTripper
	latency time.Duration
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(s.latency):
		return s.next.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// fleet is an environment of many services, with passes of the deployed timeout at the documented rates, by the clock of a
// synctest bubble. The stand-in is opened outside of it: it waits for files.
type fleet struct {
	t        *testing.T
	stage    *stage.Stage
	throttle *throttle
	services int
	latency  time.Duration
	run      func(ctx context.Context) (plan.Report, error)
}

func openFleet(t *testing.T, services int, latency time.Duration) *fleet {
	t.Helper()
	s, err := stage.Open(t.Context(), stage.Config{
		Manifest: writeManifest(50, services), Environment: environment, InMemory: true, Lists: sim.Lists{Whole: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fleet{t: t, stage: s, services: services, latency: latency, throttle: newThrottle()}
	f.throttle.setOn(false)
	s.Tap.OnCall(f.throttle.judgeCall)
	f.deploy(0, consume.Endpoints{NoRates: true, NoPause: true})
	f.settle()
	return f
}

// deploy starts the function anew: it remembers nothing.
func (f *fleet) deploy(latency time.Duration, at consume.Endpoints) {
	client, standin := f.stage.InMemory()
	cfg := f.stage.Config(f.stage.Env.Account, f.stage.Env.Region)
	transport := slow{client.Transport, latency}
	cfg.HTTPClient, cfg.RetryMaxAttempts = &http.Client{Transport: transport}, 3
	at.GitHub, at.Vercel, at.Transport = standin.GitHub, standin.Vercel, transport
	clusters := consume.Clusters(cfg, f.stage.Env, at)
	open := consume.Opener(cfg, at, clusters)
	f.run = func(ctx context.Context) (plan.Report, error) {
		return reconcile.Pass{
			Environment: f.stage.Env, Store: store.New(secretsmanager.NewFromConfig(cfg)), Open: open, Census: clusters,
			SignIn: consume.SignIn(cfg, at),
		}.Run(ctx)
	}
}

// settle runs passes until nothing is to be done.
func (f *fleet) settle() {
	f.t.Helper()
	for range 60 {
		report, err := f.run(f.t.Context())
		if _, lags := errors.AsType[*reconcile.Lagging](err); err != nil && !lags {
			f.t.Fatal(err)
		}
		if report.Converged {
			return
		}
		f.stage.Advance(5 * time.Minute)
	}
	f.t.Fatal("it does not settle")
}

// countUpdated returns how many services are deployed, or being deployed, with the newest version of their bucket.
func (f *fleet) countUpdated() int {
	updated := map[string]bool{}
	for _, c := range f.stage.Tap.Calls() {
		if c.Operation == "UpdateService" && c.Status == http.StatusOK {
			updated[c.Resource] = true
		}
	}
	return len(updated)
}

// changeOne puts one new value, which every service gets, and returns how many of them each pass has rolled, until all are.
func (f *fleet) changeOne(passes int) (rolled []int) {
	f.t.Helper()
	f.deploy(f.latency, consume.Endpoints{})
	if err := f.stage.Put(f.t.Context(), shared, map[string]string{oneKey: stage.Canary(oneKey)}); err != nil {
		f.t.Fatal(err)
	}
	f.throttle.setOn(true)
	f.stage.Tap.Reset()
	done := 0
	for len(rolled) < passes && done < f.services {
		began := time.Now()
		ctx, cancel := context.WithTimeout(f.t.Context(), deployedTimeout)
		_, err := f.run(ctx)
		cancel()
		took := time.Since(began)
		before := done
		done = f.countUpdated()
		rolled = append(rolled, done-before)
		f.t.Logf("pass %d: %s, rolled %d, %d calls so far, %v", len(rolled), took.Round(time.Second), done-before, len(f.stage.Tap.Calls()), err)
		f.checkPass(took, done, err)
		<-time.After(time.Minute) // when the next pass comes
		f.stage.Advance(took + time.Minute)
	}
	return rolled
}

// checkPass fails where a pass has used more than its time, or does not tell how far it has come.
func (f *fleet) checkPass(took time.Duration, done int, err error) {
	f.t.Helper()
	if took >= deployedTimeout {
		f.t.Errorf("a pass took %s", took)
	}
	if done == f.services {
		return
	}
	if !errors.Is(err, reconcile.ErrOutOfTime) || !strings.Contains(err.Error(), "rolled ") || !strings.Contains(err.Error(), " more") {
		f.t.Errorf("%d of %d services are rolled, and the pass says %v", done, f.services, err)
	}
}

// Two hundred services are rolled in one pass of the deployed function, though every call takes 200 ms: ECS's rate for new
// task definitions decides, one a second after the first twenty.
func TestTwoHundredServicesFollowInOnePass(t *testing.T) {
	f := openFleet(t, 200, 200*time.Millisecond)
	synctest.Test(t, func(t *testing.T) {
		f.t = t
		if rolled := f.changeOne(3); len(rolled) != 1 || rolled[0] != 200 {
			t.Errorf("the passes rolled %v services, want all 200 in the first", rolled)
		}
	})
}

var many = flag.Int("services", 300, "how many services TestManyServicesFollowPassByPass has; make exhaust has 1000")

// More services need more passes than one, for the same rate. Each goes on where the one before it ended, and does as
// much: a thousand are rolled in six.
func TestManyServicesFollowPassByPass(t *testing.T) {
	f := openFleet(t, *many, 50*time.Millisecond)
	synctest.Test(t, func(t *testing.T) {
		f.t = t
		most := 1 + *many/180
		rolled := f.changeOne(most)
		all := 0
		for i, n := range rolled {
			all += n
			if last := i == len(rolled)-1; !last && n < 150 {
				t.Errorf("pass %d rolled %d services", i+1, n)
			}
		}
		if all != *many || len(rolled) < 2 {
			t.Errorf("the passes rolled %v services, want all %d in %d passes at most, and not in one", rolled, *many, most)
		}
	})
}
