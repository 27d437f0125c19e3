package rotate

import (
	"context"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Direct does in this process what the rotate function is asked for, where none is deployed. Each method is that of Job,
// and fails for a source that the environment does not have.
type Direct struct {
	Environment *manifest.Environment
	Store       Store
	Open        func(manifest.Source) (Rotator, error)
}

// Advance takes the next step with an owed version.
func (d Direct) Advance(ctx context.Context, a plan.Advance) error {
	job, err := d.openJob(a.Source)
	if err != nil {
		return err
	}
	return job.Advance(ctx, a)
}

// Confirm makes sure that the target of a source accepts the current version.
func (d Direct) Confirm(ctx context.Context, c plan.Confirm) error {
	job, err := d.openJob(c.Source)
	if err != nil {
		return err
	}
	return job.Confirm(ctx, c)
}

// Test asks the target of a source whether it accepts a version.
func (d Direct) Test(ctx context.Context, t plan.Test) (plan.Outcome, error) {
	job, err := d.openJob(t.Source)
	if err != nil {
		return plan.Outcome{}, err
	}
	return job.Test(ctx, t)
}

// Rollback takes the next step back to a version of a source.
func (d Direct) Rollback(ctx context.Context, b Back) (Progress, error) {
	job, err := d.openJob(b.Source)
	if err != nil {
		return Progress{}, err
	}
	return job.Rollback(ctx, b)
}

func (d Direct) openJob(name string) (Job, error) {
	source, known := d.Environment.Source(name)
	if !known {
		return Job{}, fmt.Errorf("source %s is none of environment %s", name, d.Environment.Name)
	}
	rotator, err := d.Open(source)
	return Job{Store: d.Store, Source: source, Rotator: rotator, Environment: d.Environment}, err
}
