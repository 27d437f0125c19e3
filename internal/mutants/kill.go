package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Who killed a mutant: tests of a package that it changes, the simulation, or tests of another package that runs it.
const (
	byOwn        = "own package"
	bySimulation = "simulation"
	byOther      = "other package"
)

// verdict is the outcome for a mutant: killed by a test, survived, or not judged.
type verdict struct {
	mutant
	stage string // byOwn, bySimulation or byOther; "" where nothing killed it
	by    string // the test, and its package
	err   error
	took  time.Duration
}

func (v verdict) String() string {
	seconds := fmt.Sprintf("%.1fs", v.took.Seconds())
	switch {
	case v.err != nil:
		return "NOT JUDGED: " + v.err.Error() + " (" + seconds + ")"
	case v.by == "":
		return "SURVIVED (" + seconds + ")"
	}
	return "killed by " + v.by + " (" + v.stage + ", " + seconds + ")"
}

// court judges mutants. Each is run through the tests of the packages that it changes, then the simulation, then the
// tests of every other package that reaches it, until one fails.
type court struct {
	runner
	simulation []killer
	tests      []testedPackage

	mutex  sync.Mutex
	spared map[string]func() (time.Duration, error) // by killer: see spare
}

// killAll judges all and reports each verdict to told as it falls, one at a time. It returns the verdicts in the
// mutants' order. An error means that nobody was judged, or not everybody.
func killAll(ctx context.Context, all []mutant, simulation []killer, parallel int, told func(verdict)) ([]verdict, error) {
	c, err := openCourt(ctx, simulation)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for _, m := range all { // before anything takes time
		_, notNow := m.apply(c.root)
		err = errors.Join(err, notNow)
	}
	if err != nil {
		return nil, err
	}
	for _, k := range c.simulation {
		if len(all) > 0 {
			if _, err := c.spare(ctx, k); err != nil {
				return nil, err
			}
		}
	}
	verdicts := c.judgeAll(ctx, all, parallel, told)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	return verdicts, nil
}

func openCourt(ctx context.Context, simulation []killer) (*court, error) {
	r, err := openRunner(ctx)
	if err != nil {
		return nil, err
	}
	tests, err := listTests(ctx, r.root)
	if err != nil {
		r.close()
		return nil, err
	}
	return &court{runner: r, simulation: simulation, tests: tests, spared: map[string]func() (time.Duration, error){}}, nil
}

// judgeAll judges some mutants at a time.
func (c *court) judgeAll(ctx context.Context, all []mutant, parallel int, told func(verdict)) []verdict {
	verdicts := make([]verdict, len(all))
	free := make(chan struct{}, parallel)
	var group sync.WaitGroup
	var telling sync.Mutex
	for i, m := range all {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			v := c.judge(ctx, m)
			telling.Lock()
			defer telling.Unlock()
			verdicts[i] = v
			if ctx.Err() == nil {
				told(v)
			}
		})
	}
	group.Wait()
	return verdicts
}

func (c *court) judge(ctx context.Context, m mutant) verdict {
	began := time.Now()
	v := verdict{mutant: m}
	v.stage, v.by, v.err = c.findKiller(ctx, m)
	v.took = time.Since(began)
	return v
}

// findKiller returns the first test that fails on m, and its stage; "" where all pass. A mutant that does not compile
// is an error, and so is a test binary that fails without a failing test: it proves nothing.
func (c *court) findKiller(ctx context.Context, m mutant) (stage, by string, err error) {
	dir := filepath.Join(c.dir, m.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // test binaries are large
	overlay, err := m.overlay(c.root, dir)
	if err != nil {
		return "", "", err
	}
	if err := c.compile(ctx, overlay, m.packages()); err != nil {
		return "", "", err
	}
	for _, s := range c.stages(m) {
		for _, k := range s.killers {
			by, err := c.findFailure(ctx, k, dir, overlay)
			if by != "" {
				return s.name, by + " of " + k.pkg, nil
			}
			if err != nil {
				return "", "", err
			}
		}
	}
	return "", "", nil
}

// stage is killers that are asked together.
type stage struct {
	name    string
	killers []killer
}

// stages returns the tests that m may fail, in the order in which they are run.
func (c *court) stages(m mutant) []stage {
	own, others := stage{name: byOwn}, stage{name: byOther}
	asked := map[string]bool{}
	for _, k := range c.simulation {
		asked[k.pkg] = true
	}
	changed := m.packages()
	for _, t := range c.tests {
		k := t.killer()
		for _, p := range changed {
			switch {
			case t.name == p:
				own.killers = append(own.killers, k)
				asked[t.name] = true
			case t.reaches[p] && !asked[t.name]:
				others.killers = append(others.killers, k)
				asked[t.name] = true
			}
		}
	}
	return []stage{own, {bySimulation, c.simulation}, others}
}

// findFailure runs tests on a mutant and returns the first that failed.
func (c *court) findFailure(ctx context.Context, k killer, dir, overlay string) (by string, err error) {
	took, err := c.spare(ctx, k)
	if err != nil {
		return "", err
	}
	out, err := c.runTests(ctx, k, dir, overlay, max(shortest, 4*took))
	if err == nil {
		return "", nil
	}
	if by = parseFailure(out); by == "" {
		return "", fmt.Errorf("%s failed, and no test of it did: %w\n%s", k.pkg, err, cutOutput(out))
	}
	return by, nil
}

// shortest is the least time after which a mutant counts as hanging, and dies. The limit is four times what the tests
// take without a mutant where that is more.
const shortest = time.Minute

// spare makes sure that tests pass without a mutant, once, and returns how long that takes.
func (c *court) spare(ctx context.Context, k killer) (time.Duration, error) {
	c.mutex.Lock()
	once := c.spared[k.String()]
	if once == nil {
		once = sync.OnceValues(func() (time.Duration, error) { return c.runInnocent(ctx, k) })
		c.spared[k.String()] = once
	}
	c.mutex.Unlock()
	return once()
}

func (c *court) runInnocent(ctx context.Context, k killer) (time.Duration, error) {
	dir, err := os.MkdirTemp(c.dir, "innocent")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	began := time.Now()
	if out, err := c.runTests(ctx, k, dir, "", 20*time.Minute); err != nil {
		return 0, fmt.Errorf("%s does not pass without a mutant: %w\n%s", k.pkg, err, cutOutput(out))
	}
	return time.Since(began), nil
}

// report writes what was not killed, and how many mutants each stage killed in how many seconds. It returns how many
// were killed.
func report(out io.Writer, verdicts []verdict) (killed int) {
	counts, seconds := map[string]int{}, map[string]float64{}
	for _, v := range verdicts {
		counts[v.stage]++
		seconds[v.stage] += v.took.Seconds()
		if v.stage == "" {
			fmt.Fprintf(out, "not killed: %s: %s\n  shows when %s\n", v.name, v.rule, v.when)
		}
	}
	for _, s := range []string{byOwn, bySimulation, byOther} {
		fmt.Fprintf(out, "killed by %-14s %3d in %5.0fs\n", s, counts[s], seconds[s])
	}
	fmt.Fprintf(out, "%-24s %3d in %5.0fs\n", "not killed", counts[""], seconds[""])
	return len(verdicts) - counts[""]
}
