package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/account"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// names is a flag that may be given several times.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

// Set adds a name.
func (n *names) Set(name string) error {
	*n = append(*n, name)
	return nil
}

// checkDepartures returns an error if the manifest does not have what the deployed environment still needs, but for what
// is named with --forget. It asks the deployed look function. Where that does not answer, everything counts that the
// tags of the buckets remember: a function that fails can be replaced, and what leaves with it has to be named.
func (d deployment) checkDepartures(ctx context.Context, cfg aws.Config) error {
	report, err := pipeline.New(d.environment, lambda.NewFromConfig(cfg)).Look(ctx)
	busy, isBusy := errors.AsType[*types.TooManyRequestsException](err)
	var departures []plan.Departure
	switch {
	case errors.Is(err, pipeline.ErrNotDeployed):
		return nil
	case isBusy:
		return fmt.Errorf("others are looking at environment %s, or an older rotary is deployed and a pass is under way: "+
			"try again in a minute: %w", d.environment.Name, busy)
	case err != nil:
		fmt.Fprintf(d.stdout, "what is deployed does not say what it still needs: %v\n", err)
		memory, err := d.readMemory(ctx, store.New(secretsmanager.NewFromConfig(cfg)))
		if err != nil {
			return err
		}
		departures = plan.CompareMemory(d.environment, memory)
	default:
		departures = plan.CompareManifest(d.environment, report)
	}
	return d.refuseDepartures(plan.DropForgotten(departures, d.forget))
}

// readMemory returns what the tags of the environment's buckets remember.
func (d deployment) readMemory(ctx context.Context, secrets *store.Store) ([]plan.Relation, error) {
	var memory []plan.Relation
	for _, b := range d.environment.Buckets {
		h, err := secrets.Look(ctx, b.Secret)
		switch {
		case errors.Is(err, store.ErrMissing):
		case err != nil:
			return nil, fmt.Errorf("look who reads bucket %s: %w", b.Name, err)
		}
		memory = append(memory, plan.ParseMemory(h.Tags)...)
	}
	return memory, nil
}

// refuseDepartures returns an error that names what may not leave yet; with --diff it prints that.
func (d deployment) refuseDepartures(departures []plan.Departure) error {
	if len(departures) == 0 {
		return nil
	}
	var lines strings.Builder
	for _, departure := range departures {
		fmt.Fprintf(&lines, "\n  %s; or --forget %s: whoever still has a credential there is refused once that is retired",
			departure, departure.Name)
	}
	err := fmt.Errorf("the manifest does not have any more what environment %s still needs:%s", d.environment.Name, lines.String())
	if d.diff {
		fmt.Fprintf(d.stdout, "this would not be deployed: %v\n", err)
		return nil
	}
	return err
}

// forgetNamed makes the buckets forget what was named with --forget, now that the manifest without it is deployed.
func (d deployment) forgetNamed(ctx context.Context, cfg aws.Config) error {
	if len(d.forget) == 0 || d.diff {
		return nil
	}
	caller, err := account.FindCaller(ctx, cfg)
	if err != nil {
		return err
	}
	o := operate.Operator{Environment: d.environment, Secrets: store.New(secretsmanager.NewFromConfig(cfg))}
	for _, name := range d.forget {
		for _, kind := range []string{plan.Reads, plan.Feeds} {
			f, err := o.FindForgettable(ctx, kind, name)
			if _, nothing := errors.AsType[*operate.Invalid](err); nothing {
				continue // no bucket remembers it
			}
			if err == nil {
				err = o.Forget(ctx, f, caller)
			}
			if err != nil {
				return fmt.Errorf("%w; it is deployed: go on with rotary forget %s %s", err, d.environment.Name, name)
			}
		}
	}
	return nil
}
