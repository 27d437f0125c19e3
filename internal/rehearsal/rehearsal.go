// Package rehearsal rotates every source of a manifest on the stand-in, undisturbed and with faults, and tells what
// would happen to each consumer. What is played is rotary's own code; see Notes for what is stood in for.
package rehearsal

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/rotary-secrets/rotary/internal/simulation"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Config holds what to rehearse, and how.
type Config struct {
	Manifest    []byte // rotary.yaml
	Environment string
	Sources     []string     // by name; none: every one
	Act         string       // one of Acts, which alone follows the undisturbed one; "": all
	Thorough    bool         // after every write a crash, and every key missing once
	Done        func(Source) // is told of each source in the report's order, as soon as it can be; may be nil
}

// Run rehearses. It touches nothing outside this process, and the same manifest gives the same report. The error is not
// about what happened to anybody: that is Report.Problems. It waits until every act has ended, or ctx has.
func Run(ctx context.Context, c Config) (Report, error) {
	env, err := c.readEnvironment()
	if err != nil {
		return Report{}, err
	}
	sources := slices.DeleteFunc(slices.Clone(env.Sources), func(s manifest.Source) bool {
		return len(c.Sources) > 0 && !slices.Contains(c.Sources, s.Name)
	})
	all, err := c.rehearseSources(ctx, sources)
	if err != nil {
		return Report{}, err
	}
	r := Report{Environment: env.Name, Sources: all, Problems: []Problem{}, Notes: listNotes(c.declaredEnvironment(), env, sources)}
	for _, s := range all {
		r.Problems = append(r.Problems, s.Problems()...)
		for _, act := range s.Acts {
			r.Totals.addAct(act)
		}
	}
	return r, nil
}

// declaredEnvironment returns the environment as the manifest has it. It has been read before.
func (c Config) declaredEnvironment() *manifest.Environment {
	env, _ := c.readManifest()
	return env
}

func (c Config) readManifest() (*manifest.Environment, error) {
	file, err := manifest.Parse("rotary.yaml", c.Manifest)
	if err != nil {
		return nil, err
	}
	return file.Environment(c.Environment)
}

// readEnvironment returns the environment as it is rehearsed.
func (c Config) readEnvironment() (*manifest.Environment, error) {
	env, err := c.readManifest()
	if err == nil {
		retireEverything(env)
	}
	return env, err
}

// retireEverything makes an environment one in which everything that rotary can do happens: it retires, and nobody is
// leaving.
func retireEverything(env *manifest.Environment) {
	env.Mode = manifest.Retire
	env.Consumers = slices.DeleteFunc(slices.Clone(env.Consumers), func(c manifest.Consumer) bool { return c.Leaving })
}

// rehearseSources rehearses each source in worlds of its own, on every processor.
func (c Config) rehearseSources(ctx context.Context, sources []manifest.Source) ([]Source, error) {
	all, done, errs := make([]Source, len(sources)), make([]chan struct{}, len(sources)), make([]error, len(sources))
	work := make(chan int)
	var workers sync.WaitGroup
	for i := range done {
		done[i] = make(chan struct{})
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range work {
				all[i], errs[i] = c.rehearseSource(ctx, sources[i])
				close(done[i])
			}
		})
	}
	workers.Go(func() {
		for i := range sources {
			work <- i
		}
		close(work)
	})
	err := c.tellInOrder(all, done, errs)
	workers.Wait()
	return all, err
}

// tellInOrder calls Done with each source, in order, once it is rehearsed, and returns the first error.
func (c Config) tellInOrder(all []Source, done []chan struct{}, errs []error) (err error) {
	for i := range all {
		<-done[i]
		if err == nil {
			err = errs[i]
		}
		if err == nil && c.Done != nil {
			c.Done(all[i])
		}
	}
	return err
}

// rehearseSource rehearses one.
func (c Config) rehearseSource(ctx context.Context, s manifest.Source) (Source, error) {
	told := Source{Name: s.Name, Rotator: s.Rotate.Kind(), AtOnce: atOnce(s), Acts: []Act{}}
	if s.Rotate.Every > 0 {
		told.Every = s.Rotate.Every.String()
	}
	if s.Rotate.Kind() == manifest.Never {
		told.Skipped = "it is never replaced: that would destroy data"
		return told, nil
	}
	p := &troupe{ctx: ctx, config: c, source: s, told: &told}
	if err := p.playAll(); err != nil {
		return told, fmt.Errorf("rehearse %s: %w", s.Name, err)
	}
	if env, err := c.readEnvironment(); err == nil && len(told.Problems()) > 0 {
		told.Advice = findAdvice(env, s, told.Acts)
	}
	return told, nil
}

func atOnce(s manifest.Source) bool { return s.AtOnce() || s.Rotate.Kind() == manifest.Managed }

// newScenario opens the worlds in which sources are rehearsed.
func (c Config) newScenario() simulation.Scenario {
	return simulation.Scenario{Name: "rehearsal", Text: c.Manifest, Environment: c.Environment, As: retireEverything}
}
