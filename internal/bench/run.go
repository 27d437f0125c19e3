package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Run is what one case has cost, from the invocation of the Lambda to the answer of the pass after which every
// destination was written: services are rolling by then, and nothing is waited for.
type Run struct {
	Name      string  `json:"name"`
	LatencyMS int64   `json:"latency_ms"`
	Throttled bool    `json:"throttle"`
	Passes    int     `json:"passes"`
	Written   bool    `json:"written"` // everything was, within these passes
	Calls     int     `json:"calls"`
	WallMS    float64 `json:"wall_ms"`
	CPUMS     float64 `json:"cpu_ms,omitempty"` // of the Lambda's process; absent where the system does not tell
	// When the last write to each service was answered, since the first pass began: its destinations are written then.
	LastWriteMS map[string]float64 `json:"last_write_ms"`

	Sent     int `json:"bytes_sent"`
	Answered int `json:"bytes_answered"`
	Refused  int `json:"calls_throttled"`

	// The longest chain of calls that need each other's answers, by the table in protocol.go, and what it takes with
	// nothing else: the latency, once for each.
	Chain    []string `json:"chain"`
	IdealMS  float64  `json:"ideal_ms"`
	Unlisted []string `json:"unlisted,omitempty"` // calls that the table does not have
	// What these calls take at the rates that the vendors document, however they are made, and the rate that decides.
	RateMS float64 `json:"rate_ms"`
	Rate   string  `json:"rate,omitempty"`
	// The longest chain of calls that were made one after the other: see findObservedChain.
	Observed     int     `json:"observed_chain"`
	InFlightMost int     `json:"in_flight_max"`
	InFlightMean float64 `json:"in_flight_mean"`

	ByOperation map[string]Operation `json:"by_operation"`

	calls []Call
}

const sweepEvent = `{"rotary":"sweep","environment":"` + environment + `","execution":"1"}`

// Measure measures cases, and tells of each as soon as it is done. Every change is made in an environment of its own,
// which owes nothing to an earlier one; where nothing changes, it is seen before. Where ctx ends it returns its error, and
// nothing that was started goes on.
func Measure(ctx context.Context, s Settings, cases []Case, tell func(Run)) error {
	for i, together := range groupCases(cases) {
		one := s
		one.Dir = filepath.Join(s.Dir, strconv.Itoa(i))
		if err := measureTogether(ctx, one, together, tell); err != nil {
			return err
		}
	}
	return nil
}

// groupCases returns the cases that share an environment: a change, and before it the case of the same size in which
// nothing changes. Each case is there once, in the order in which they are named.
func groupCases(cases []Case) (groups [][]Case) {
	changesNothing := func(c Case) bool { return c.Change == None }
	seen := map[Case]bool{}
	for _, c := range cases {
		if seen[c] {
			continue
		}
		seen[c] = true
		none := Case{None, c.Keys, c.Services}
		i := slices.IndexFunc(groups, func(g []Case) bool {
			return g[0] == none && len(g) == 1 || changesNothing(c) && g[0].Keys == c.Keys && g[0].Services == c.Services
		})
		switch {
		case i < 0:
			groups = append(groups, []Case{c})
		case changesNothing(c):
			groups[i] = slices.Insert(groups[i], 0, c)
		default:
			groups[i] = append(groups[i], c)
		}
	}
	return groups
}

func measureTogether(ctx context.Context, s Settings, cases []Case, tell func(Run)) error {
	d, err := deploy(ctx, s, cases[0].Keys, cases[0].Services)
	if err != nil {
		return err
	}
	defer d.close()
	for _, c := range cases {
		r, err := d.measureCase(ctx, c)
		if err != nil {
			return fmt.Errorf("measure %s: %w", c, err)
		}
		if err := d.checkOutput(r); err != nil {
			return err
		}
		tell(r)
	}
	return nil
}

// measureCase makes a change and measures the passes that carry it.
func (d *deployed) measureCase(ctx context.Context, c Case) (Run, error) {
	d.holdEvents(true)
	defer d.holdEvents(false)
	changed, err := d.putChange(ctx, c.Change)
	if err != nil {
		return Run{}, err
	}
	r := Run{Name: c.String(), LatencyMS: d.settings.Latency.Milliseconds(), Throttled: d.settings.Throttle}
	var wall, cpu time.Duration
	passes := d.settings.Passes
	if passes == 0 {
		passes = 3
	}
	for r.Passes < passes && !r.Written {
		took, used, calls, err := d.measurePass(ctx, changed)
		if err != nil {
			return Run{}, err
		}
		for _, call := range calls {
			call.Begin, call.End = call.Begin+wall, call.End+wall
			r.calls = append(r.calls, call)
		}
		wall, cpu, r.Passes = wall+took, cpu+used, r.Passes+1
		changed = [][]byte{[]byte(sweepEvent)}
		if r.Written, err = d.everythingWritten(ctx); err != nil {
			return Run{}, err
		}
	}
	r.sumUp(wall, cpu, d.settings.Latency)
	return r, nil
}

// sumUp fills in what follows from the calls.
func (r *Run) sumUp(wall, cpu, latency time.Duration) {
	r.Calls, r.WallMS, r.CPUMS = len(r.calls), inMS(wall), inMS(cpu)
	r.ByOperation = sumByOperation(r.calls)
	for _, o := range r.ByOperation {
		r.Sent, r.Answered, r.Refused = r.Sent+o.Sent, r.Answered+o.Answered, r.Refused+o.Throttled
	}
	r.LastWriteMS = map[string]float64{}
	for _, call := range r.calls {
		if call.Write {
			r.LastWriteMS[call.Service] = max(r.LastWriteMS[call.Service], inMS(call.End))
		}
	}
	r.Observed = len(findObservedChain(r.calls))
	r.InFlightMost, r.InFlightMean = countInFlight(r.calls, wall)
	r.Chain = []string{}
	chain, unlisted := findDependentChain(r.calls)
	r.Unlisted = unlisted
	for _, call := range chain {
		r.Chain = append(r.Chain, call.String())
	}
	r.IdealMS = inMS(time.Duration(len(r.Chain)) * latency)
	rate, least := findSlowestRate(r.calls)
	r.Rate, r.RateMS = rate, inMS(least)
}

// inMS returns a time in milliseconds, to the microsecond.
func inMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// measurePass runs one pass with latency, and returns what it took, what processor time the Lambda's process used, and its
// calls.
func (d *deployed) measurePass(ctx context.Context, changed [][]byte) (took, used time.Duration, calls []Call, err error) {
	before := d.readLambdaCPU()
	d.proxies.setLatency(d.settings.Latency)
	d.throttle.setOn(d.settings.Throttle)
	stop := d.followRealTime()
	d.proxies.startRecording()
	began := time.Now()
	err = d.runPass(ctx, changed...)
	took, calls = time.Since(began), d.proxies.stopRecording()
	stop()
	d.throttle.setOn(false)
	d.proxies.setLatency(0)
	return took, max(d.readLambdaCPU()-before, 0), calls, err
}

// readLambdaCPU returns the processor time of the Lambda's process so far; 0 where it is not known.
func (d *deployed) readLambdaCPU() time.Duration {
	pid, running := d.region().Lambda.PID(d.stage.Env.PropagateFunction())
	if !running {
		return 0
	}
	used, _ := readCPU(pid)
	return used
}

// runPass invokes the Lambda with a batch of its queue. That a pass runs into the Lambda's timeout is no error.
func (d *deployed) runPass(ctx context.Context, messages ...[]byte) error {
	const mostInBatch = 10 // of the event source mapping in infra
	var batch events.SQSEvent
	for i, body := range messages[:min(len(messages), mostInBatch)] {
		batch.Records = append(batch.Records, events.SQSMessage{
			MessageId: "m" + strconv.Itoa(i), EventSource: "aws:sqs", Body: string(body),
		})
	}
	payload, err := json.Marshal(batch)
	if err != nil {
		return fmt.Errorf("make a batch of messages: %w", err)
	}
	result, err := d.region().Lambda.Invoke(ctx, d.stage.Env.PropagateFunction(), payload)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("invoke the Lambda: %w", err)
	case result.FunctionError != "" && result.ErrorType != "Sandbox.Timedout":
		return fmt.Errorf("the Lambda failed with %s; its log ends with\n%s", result.ErrorType, d.tailLog())
	}
	return nil
}

// tick is how far the stand-in's clock lags behind real time at most, while it follows.
const tick = 20 * time.Millisecond

// followRealTime makes the stand-in's clock go as fast as real time until stop is called, where passes are measured live.
func (d *deployed) followRealTime() (stop func()) {
	if !d.settings.Live {
		return func() {}
	}
	done := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() {
		ticks := time.NewTicker(tick)
		defer ticks.Stop()
		last := time.Now()
		for {
			select {
			case <-done:
				return
			case now := <-ticks.C:
				d.stage.Clock.Advance(now.Sub(last))
				last = now
			}
		}
	})
	return func() {
		close(done)
		following.Wait()
	}
}

// everythingWritten asks the look function, without latency, whether nothing is left to write and nobody to roll.
func (d *deployed) everythingWritten(ctx context.Context) (bool, error) {
	report, err := d.stage.Look(ctx)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(report.Steps, func(s plan.Step) bool { return s.Do == "write" || s.Do == "roll" }), nil
}
