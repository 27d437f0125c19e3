package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/consume"
	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/store"
	"github.com/rotary-secrets/rotary/pkg/trail/lookup"
)

// newHandler composes what a pass needs. Every pass opens the consumers anew, so that no token is older than it.
func newHandler(env *manifest.Environment, cfg aws.Config) handler {
	invoke := pipeline.New(env, lambda.NewFromConfig(cfg))
	schedule := pipeline.NewSchedule(env, scheduler.NewFromConfig(cfg), os.Getenv("ROTARY_QUEUE_ARN"),
		os.Getenv("ROTARY_SCHEDULER_ROLE_ARN"))
	sinks := consume.FromEnv(os.Getenv)
	clusters := consume.Clusters(cfg, env, sinks)
	open, signIn := consume.Opener(cfg, sinks, clusters), consume.SignIn(cfg, sinks)
	receipts := consume.Receipts(env, sinks)
	h := handler{
		// Lambda itself sets this variable: no setting that a deploy could forget makes the look function a writer.
		looksOnly:   os.Getenv("AWS_LAMBDA_FUNCTION_NAME") == env.LookFunction(),
		environment: env, now: time.Now, metrics: os.Stdout,
		again: func(ctx context.Context, at time.Time) error {
			request := event.Request{Rotary: "again", Environment: env.Name, Execution: fmt.Sprint(at.Unix())}
			return schedule.Again(ctx, at, request)
		},
	}
	var watch reconcile.Trail // it stays for as long as the function is warm
	if env.ReadersRule != manifest.ReadersIgnore && env.Mode != manifest.Observe && !h.looksOnly {
		watch = lookup.NewWatch(lookup.New(cfg, lookup.FromEnv(os.Getenv)))
	}
	memory := new(reconcile.Memory)
	h.pass = func(ctx context.Context, what asked, dryRun bool) (plan.Report, error) {
		return reconcile.Pass{
			Environment: env, Store: store.New(secretsmanager.NewFromConfig(cfg)),
			Open: open, Census: clusters, Receipts: receipts, Trail: watch, Memory: memory, Advancer: invoke, SignIn: signIn,
			Followed: h.logFollowed, AcceptRemovals: what.acceptRemovals, Adopt: what.adopt, Disown: what.disown, DryRun: dryRun,
		}.Run(ctx)
	}
	return h
}
