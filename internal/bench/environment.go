package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/bus"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// Settings say how cases are measured.
type Settings struct {
	Lambdas  string        // folder with propagate/bootstrap and rotate/bootstrap
	Dir      string        // an empty folder for what is deployed
	Latency  time.Duration // of every call, beside the time that the stand-in takes
	Throttle bool          // refuse what exceeds a documented rate
	// Live makes the passes as they are in life: the stand-in's clock goes on while one runs, and the Lambda pauses between
	// writes to GitHub. Without it the clock stands still during a pass, and nothing is waited for but the latency: the
	// calls are the same each time.
	Live    bool
	Timeout time.Duration // of the Lambda; 0 is the deployed one's
	Passes  int           // that a change gets at most until everything is written; 0 is three
}

// deployedTimeout is that of the propagate Lambda: propagateSeconds in infra/pipeline.go.
const deployedTimeout = 300 * time.Second

// deployed is a fixture's environment on the stand-in, with proxies in front of it.
type deployed struct {
	settings Settings
	stage    *stage.Stage
	proxies  *proxies
	throttle *throttle
	canaries *leak.Search
	stops    []func()

	mu   sync.Mutex
	hold bool     // events are kept, and not delivered
	kept [][]byte // those events
}

// deploy sets a fixture up and returns when it has converged and the Lambda is warm. The caller closes it; where ctx ends,
// the Lambdas do, whatever they are doing.
func deploy(ctx context.Context, s Settings, keys, services int) (*deployed, error) {
	d := &deployed{settings: s, throttle: newThrottle(), canaries: new(leak.Search)}
	if err := d.open(ctx, writeManifest(keys, services)); err != nil {
		d.close()
		return nil, fmt.Errorf("set up %d keys and %d services: %w", keys, services, err)
	}
	return d, nil
}

func (d *deployed) open(ctx context.Context, manifestYAML []byte) (err error) {
	d.stage, err = stage.Open(ctx, stage.Config{
		Manifest: manifestYAML, Environment: environment, Dir: d.settings.Dir,
		Lists: sim.Lists{Whole: true}, // calls are counted: pages are as long as the vendors make them
	})
	if err != nil {
		return err
	}
	d.stops = append(d.stops, func() { _ = d.stage.Close() })
	if d.proxies, err = openProxies(http.HandlerFunc(d.stage.ServeAWS), d.stage.GitHub, d.stage.Vercel); err != nil {
		return err
	}
	d.stops = append(d.stops, d.proxies.close)
	if err := d.noteCanaries(); err != nil {
		return err
	}
	d.stage.Tap.OnCall(d.throttle.judgeCall)
	d.region().Bus.OnDeliver(d.deliverOrKeep)
	stop := context.AfterFunc(ctx, func() { _ = d.stage.Close() })
	d.stops = append(d.stops, func() { stop() })
	if err := d.deployLambdas(ctx, manifestYAML, "off"); err != nil {
		return err
	}
	if err := d.settle(ctx); err != nil {
		return err
	}
	d.stage.Vercel.Push("dashboard", "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689") // the team's first deployment
	d.stage.Advance(20 * time.Minute)
	if err := d.settle(ctx); err != nil || !d.settings.Live {
		return err
	}
	if err := d.deployLambdas(ctx, manifestYAML, ""); err != nil {
		return err
	}
	return d.warmUp(ctx)
}

// warmUp runs passes until the function has caught up with the trail: a day of the fixture's own reads.
func (d *deployed) warmUp(ctx context.Context) error {
	for range 40 {
		d.stage.Tap.Reset()
		if err := d.runPass(ctx, []byte(sweepEvent)); err != nil {
			return err
		}
		if !slices.ContainsFunc(d.stage.Tap.Calls(), func(c sim.Call) bool { return c.Service == "cloudtrail" }) {
			return nil
		}
	}
	return errors.New("after forty passes the function still reads the trail")
}

// deployLambdas deploys the pipeline with the proxies' addresses. The Lambdas start anew.
func (d *deployed) deployLambdas(ctx context.Context, manifestYAML []byte, pause string) error {
	env := maps.Clone(d.proxies.env)
	env["ROTARY_GITHUB_PAUSE"], env["ROTARY_ECS_PAUSE"] = pause, pause
	timeout := d.settings.Timeout
	if timeout == 0 {
		timeout = deployedTimeout
	}
	return d.stage.Pipeline(ctx, standin.Deployment{
		Environment: d.stage.Env, Manifest: manifestYAML, At: d.stage.At, Dir: d.settings.Dir, Env: env, Timeout: timeout,
		Propagate: filepath.Join(d.settings.Lambdas, "propagate", "bootstrap"),
		Rotate:    filepath.Join(d.settings.Lambdas, "rotate", "bootstrap"),
	})
}

// close ends everything that deploy has started.
func (d *deployed) close() {
	for _, stop := range slices.Backward(d.stops) {
		stop()
	}
}

func (d *deployed) region() *standin.Region {
	return d.stage.Region(d.stage.Env.Account, d.stage.Env.Region)
}

// noteCanaries adds every value that the sources have now to what no output may have.
func (d *deployed) noteCanaries() error {
	for source, values := range d.stage.Values {
		for key, value := range values {
			if err := d.canaries.Add(key+" of "+source, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliverOrKeep is a hook of the event bus.
func (d *deployed) deliverOrKeep(_ string, event []byte) []bus.Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.hold {
		return []bus.Delivery{{}}
	}
	d.kept = append(d.kept, slices.Clone(event))
	return nil
}

// holdEvents keeps events from the Lambda, or delivers them again; it forgets those that were kept.
func (d *deployed) holdEvents(hold bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold, d.kept = hold, nil
}

// takeKept returns the events of secrets that were kept.
func (d *deployed) takeKept() (events [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, event := range d.kept {
		if strings.Contains(string(event), "Secret Label Updated") {
			events = append(events, event)
		}
	}
	return events
}

// longestSettling is how long an environment may take to converge, by the stand-in's clock.
const longestSettling = 12 * time.Hour

// settle lets the stand-in's time pass, with no latency, until there is nothing to do and nothing to wait for.
func (d *deployed) settle(ctx context.Context) error {
	_, converged, err := d.stage.Watch(ctx, longestSettling, stage.Converged)
	switch {
	case err != nil:
		return err
	case !converged:
		return fmt.Errorf("it has not converged in %s of the stand-in's time; the Lambda's log ends with\n%s", longestSettling, d.tailLog())
	case len(d.stage.Refusals()) > 0:
		return fmt.Errorf("somebody was refused: %s", d.stage.Refusals()[0])
	}
	return ctx.Err()
}

// tailLog returns the end of what the Lambdas have printed, where it holds no value.
func (d *deployed) tailLog() string {
	out := d.region().Lambda.Output()
	out = out[max(0, len(out)-2000):]
	if len(d.canaries.In(out)) > 0 {
		return "(not shown: it holds a secret value)"
	}
	return string(out)
}

// checkOutput fails where the report of a run, or what the Lambdas have printed, holds a value of a source.
func (d *deployed) checkOutput(r Run) error {
	texts := map[string][]byte{
		"the report": Report{Runs: []Run{r}}.JSON(), "the table": []byte(r.Describe()), "the Lambdas' log": d.region().Lambda.Output(),
	}
	for _, what := range slices.Sorted(maps.Keys(texts)) {
		if found := d.canaries.In(texts[what]); len(found) > 0 {
			return fmt.Errorf("%s of %s holds a secret value: %s; nothing of it is shown", what, r.Name, found[0])
		}
	}
	return nil
}

// putChange puts new values, as many as the change says, and returns the events that tell of it, as the Lambda gets
// them; for no change the event of the sweep.
func (d *deployed) putChange(ctx context.Context, change Change) (events [][]byte, err error) {
	if change == None {
		return [][]byte{[]byte(sweepEvent)}, nil
	}
	sources := []string{shared}
	if change == All {
		sources = slices.DeleteFunc(slices.Sorted(maps.Keys(d.stage.Values)), func(s string) bool { return s == "" || s == "tokens" })
	}
	for _, source := range sources {
		values := map[string]string{}
		for key := range d.stage.Values[source] {
			if change == All || key == oneKey {
				values[key] = stage.Canary(key)
			}
		}
		if err := d.stage.Put(ctx, source, values); err != nil {
			return nil, err
		}
	}
	if err := d.noteCanaries(); err != nil {
		return nil, err
	}
	arrived := func() bool { return len(d.takeKept()) >= len(sources) }
	if !d.stage.Until(time.Hour, arrived) {
		return nil, errors.New("the events of the change have not come")
	}
	return d.takeKept(), nil
}
