package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/account"
	"github.com/rotary-secrets/rotary/pkg/consume"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/store"
	"github.com/rotary-secrets/rotary/pkg/trail/lookup"
)

// session is an open environment: its manifest, and an account proven to be its.
type session struct {
	*app
	env *manifest.Environment
	cfg aws.Config
}

// openSession reads the manifest and connects to one of its environments.
func (a *app) openSession(name string) (*session, error) {
	env, err := a.readEnvironment(name)
	if err != nil {
		return nil, err
	}
	return a.connectSession(env)
}

// connectSession proves the account before anything else is called. At the stand-in, its time is the session's.
func (a *app) connectSession(env *manifest.Environment) (*session, error) {
	a.outside = a.followStandin(os.Getenv)
	cfg, err := account.Open(a.ctx, env)
	if err != nil {
		return nil, err
	}
	return &session{a, env, cfg}, nil
}

// findSource finds a source in the manifest. It calls nothing.
func (a *app) findSource(envName, name string) (*manifest.Environment, manifest.Source, error) {
	env, err := a.readEnvironment(envName)
	if err != nil {
		return nil, manifest.Source{}, err
	}
	source, known := env.Source(name)
	if !known {
		var names []string
		for _, s := range env.Sources {
			names = append(names, s.Name)
		}
		return nil, source, invalid{fmt.Errorf("environment %s has no source %s%s",
			env.Name, manifest.Quote(name), manifest.DescribeKnown(name, names))}
	}
	return env, source, nil
}

// refuseUnbuilt refuses an environment of which the manifest asks what this version does not do.
func refuseUnbuilt(env *manifest.Environment) error {
	if err := env.CheckBuilt(); err != nil {
		return invalid{fmt.Errorf("nothing was changed: %w", err)}
	}
	return nil
}

// warnUnbuilt prints a warning for each part of the manifest that this version does not do. Commands for emergencies,
// rollbacks and vetoes call it where others call refuseUnbuilt: the deployed Lambdas carry these out, with the manifest
// they were deployed with, and deploy refuses one with such parts.
func (a *app) warnUnbuilt(env *manifest.Environment) {
	if err := env.CheckBuilt(); err != nil {
		fmt.Fprintf(a.err, "warning: %v\n", err)
	}
}

func (s *session) secretsClient() *secretsmanager.Client { return secretsmanager.NewFromConfig(s.cfg) }

// newOperator acts on the environment's sources with the rights of whoever runs this.
func (s *session) newOperator() operate.Operator {
	return operate.Operator{Environment: s.env, Secrets: store.New(s.secretsClient()), NewID: newID}
}

// lookNow asks the deployed pipeline what it sees; where none is deployed, it looks from here.
func (s *session) lookNow() (plan.Report, error) {
	report, err := pipeline.New(s.env, lambda.NewFromConfig(s.cfg)).Look(s.ctx)
	report.Unbuilt = s.env.ListUnbuilt() // of this manifest, whatever the deployed one says
	report.Departures = plan.CompareManifest(s.env, report)
	switch {
	case errors.Is(err, pipeline.ErrNotDeployed):
		return s.newPass(nil, true).Run(s.ctx)
	case isBusy(err):
		return report, fmt.Errorf("others are looking at %s, or an older rotary is deployed and a pass is under way: "+
			"look again in a minute: %w", s.env.Name, err)
	}
	return report, err
}

// isBusy reports whether a look found no room: as many people look at once as may, or, where an older rotary without a
// look function is deployed, the only reconciler is at work.
func isBusy(err error) bool {
	_, is := errors.AsType[*types.TooManyRequestsException](err)
	return is
}

// isDeployed reports whether the environment has a pipeline, which then is its only reconciler.
func (s *session) isDeployed() (bool, error) {
	in := &lambda.GetFunctionInput{FunctionName: aws.String(s.env.PropagateFunction())}
	_, err := lambda.NewFromConfig(s.cfg).GetFunction(s.ctx, in)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find out whether %s is deployed: %w", s.env.PropagateFunction(), err)
	}
	return true, nil
}

// newPass is a pass that runs here. It reads the trail only where nothing is retired without that.
func (s *session) newPass(accept []string, dryRun bool) reconcile.Pass {
	secrets, clusters := store.New(s.secretsClient()), consume.Clusters(s.cfg, s.env, consume.FromEnv(os.Getenv))
	var watch reconcile.Trail
	if s.env.ReadersRule == manifest.ReadersVeto && !dryRun {
		watch = lookup.NewWatch(lookup.New(s.cfg, lookup.FromEnv(os.Getenv)))
	}
	return reconcile.Pass{
		Environment: s.env, Store: secrets, AcceptRemovals: accept, DryRun: dryRun,
		Open: consume.Opener(s.cfg, consume.FromEnv(os.Getenv), clusters), Census: clusters, Trail: watch,
		Advancer: s.newDirect(secrets), SignIn: consume.SignIn(s.cfg, consume.FromEnv(os.Getenv)),
	}
}

// newTester asks the targets of sources through the deployed rotate function, or from here where none is deployed.
func (s *session) newTester() (operate.Tester, error) {
	deployed, err := s.isDeployed()
	if err != nil {
		return nil, err
	}
	secrets := store.New(s.secretsClient())
	t := reconcile.Tester{
		Environment: s.env, Store: secrets, Target: s.newDirect(secrets),
		SignIn: consume.SignIn(s.cfg, consume.FromEnv(os.Getenv)),
	}
	if deployed {
		t.Target = pipeline.People{Functions: pipeline.New(s.env, lambda.NewFromConfig(s.cfg))}
	}
	return t, nil
}

// newDirect does from here what the rotate function is asked for, where none is deployed.
func (s *session) newDirect(secrets *store.Store) rotate.Direct {
	open := rotators.Opener(rotators.Reach{Environment: s.env, Store: secrets, AWS: s.cfg})
	return rotate.Direct{Environment: s.env, Store: secrets, Open: open}
}
