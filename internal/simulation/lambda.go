package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// runPass invokes lambdas/propagate once.
func (w *World) runPass(ctx context.Context) error {
	defer w.now.beginSecond()()
	delete(w.now.dead, propagateLambda)
	defer func(was bool) { w.passing = was }(w.passing)
	w.passing = true
	w.passes++
	pass, number, began, due := w.newPass(propagateLambda), w.passes, w.Clock.Now(), w.listDue()
	pass.Advancer, pass.AcceptRemovals, pass.Trail, pass.Receipts, pass.Memory = advancer{w}, w.accept, w.newTrail(), w.newReceipts(), w.warmMemory()
	report, err := pass.Run(ctx)
	w.Failed = err
	w.keepReport(report)
	w.noteNamed(report, number)
	if err == nil {
		w.checkReport(report, due)
	}
	w.notePass(began, err == nil && w.now.isCalm() && len(w.outage)+len(w.hidden) == 0)
	return err
}

// warmMemory returns the memory of a function that stays warm until another manifest is deployed.
func (w *World) warmMemory() *reconcile.Memory {
	if w.memoryOf != w.Env {
		w.memory, w.memoryOf = new(reconcile.Memory), w.Env
	}
	return w.memory
}

// newPass returns a pass with what it needs to observe, on behalf of a caller.
func (w *World) newPass(caller string) reconcile.Pass {
	return reconcile.Pass{
		Environment: w.Env, Store: store.New(w.region().SecretsManager.Direct(w.Tap, caller)), Open: w.newOpener(), Census: w.newCensus(),
	}
}

// newOpener opens the real drivers, without sockets and without waiting by the clock.
func (w *World) newOpener() reconcile.Opener {
	if w.fleet != nil {
		return w.openMember
	}
	client, at := w.InMemory()
	others := consume.Opener(w.Config(w.Env.Account, w.Env.Region), consume.Endpoints{
		GitHub: at.GitHub, Vercel: at.Vercel, Transport: client.Transport,
		Pause: func(context.Context, time.Duration) error { return nil },
	}, nil)
	clusters := w.lookingAtClusters()
	return func(c manifest.Consumer, o reconcile.Opening) (reconcile.Consumer, error) {
		if c.ECS == nil {
			return others(c, o)
		}
		client := w.region().ECS.Direct(w.Tap, propagateLambda)
		return ecs.New(client, c, o.Environment, o.Secret, o.Now, ecs.From(clusters), ecs.Revisions(o.Revisions)), nil
	}
}

// newCensus looks for whatever runs in the clusters. The fleet has none.
func (w *World) newCensus() reconcile.Census {
	if w.fleet != nil {
		return nil
	}
	return w.lookingAtClusters()
}

// lookingAtClusters returns the look at the clusters of the environment, of a function that stays warm.
func (w *World) lookingAtClusters() *ecs.Clusters {
	if w.definitions == nil {
		w.definitions = ecs.NewCache()
	}
	if w.clusters == nil || w.clustersOf != w.Env {
		cfg := w.Config(w.Env.Account, w.Env.Region)
		cfg.Credentials = credentials.NewStaticCredentialsProvider(w.Env.Account, "secret", propagateLambda)
		tagged := ecs.NewTaggedClusters(resourcegroupstaggingapi.NewFromConfig(cfg), w.Env)
		w.clusters, w.clustersOf = ecs.NewClusters(w.region().ECS.Direct(w.Tap, propagateLambda), tagged, w.Env, w.definitions), w.Env
	}
	return w.clusters
}

// noteInvocation begins an invocation of lambdas/rotate.
func (w *World) noteInvocation() {
	delete(w.now.dead, rotateLambda)
	w.now.runs, w.now.vetoes = w.Clock.Now(), w.listVetoed()
}

// advancer invokes lambdas/rotate to retire what is owed, and to confirm what is current.
type advancer struct{ w *World }

func (a advancer) Advance(ctx context.Context, ask plan.Advance) error {
	return a.invokeRotate(ask.Source, func(j rotate.Job) error { return j.Advance(context.WithoutCancel(ctx), ask) })
}

func (a advancer) Confirm(ctx context.Context, ask plan.Confirm) error {
	return a.invokeRotate(ask.Source, func(j rotate.Job) error { return j.Confirm(context.WithoutCancel(ctx), ask) })
}

func (a advancer) Test(ctx context.Context, ask plan.Test) (outcome plan.Outcome, err error) {
	err = a.invokeRotate(ask.Source, func(j rotate.Job) (err error) {
		outcome, err = j.Test(context.WithoutCancel(ctx), ask)
		return err
	})
	return outcome, err
}

func (a advancer) invokeRotate(source string, do func(rotate.Job) error) error {
	call := sim.Call{Service: "lambda", Operation: "Invoke", Resource: rotateLambda, Write: true, Caller: propagateLambda}
	_, err := sim.Do(a.w.Tap, call, "", func() (struct{}, error) {
		a.w.noteInvocation()
		job, err := a.w.openJob(source)
		if err == nil {
			err = do(job)
		}
		return struct{}{}, err
	}, func(o sim.Outcome) error { return fmt.Errorf("no answer from Lambda: %d", o) })
	return err
}

// openJob returns the job that lambdas/rotate makes for a source. It fails where the manifest has no such source.
func (w *World) openJob(source string) (rotate.Job, error) {
	s, has := w.Env.Source(source)
	if !has {
		return rotate.Job{}, fmt.Errorf("there is no source %s", source)
	}
	j := rotate.Job{Store: store.New(w.region().SecretsManager.Direct(w.Tap, rotateLambda)), Source: s, Environment: w.Env, Pause: w.pauseRotate}
	if db := w.databases[source]; db != nil {
		j.Rotator = users{db}
		return j, nil
	}
	if v := w.vendors[source]; v != nil {
		j.Rotator = v.newRotator()
		return j, nil
	}
	var err error
	j.Rotator, err = rotators.Opener(rotators.Reach{
		Environment: w.Env, Store: j.Store, AWS: w.Config(w.Env.Account, w.Env.Region), Pause: func(context.Context, time.Duration) error { return nil },
	})(s)
	return j, err
}

// pauseRotate lets time pass while the rotate Lambda waits.
func (w *World) pauseRotate(ctx context.Context, d time.Duration) error {
	w.Advance(d)
	return ctx.Err()
}

// steps are the four that Secrets Manager asks for; each is an invocation of its own.
var steps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

// runSteps does these steps of a rotation. The first that fails ends the try; Secrets Manager tries again later, from
// the first step on. It never asks for a step before the one before it has succeeded.
func (w *World) runSteps(source, version string, which ...string) error {
	defer w.now.beginSecond()()
	for _, step := range which {
		if before := slices.Index(steps, step); w.done[version] < before {
			return fmt.Errorf("%s: %w", step, errNotNow)
		}
		job, err := w.openJob(source)
		if err != nil {
			return err
		}
		w.noteInvocation()
		if err := job.Step(w.ctx, rotate.Event{Step: step, Version: version}); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		w.done[version] = max(w.done[version], 1+slices.Index(steps, step))
	}
	return nil
}
