package simulation

import (
	"slices"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// isRendered reports whether a consumer's pipeline brings its secrets, and rotary never rolls it.
func isRendered(c manifest.Consumer) bool { return c.ECS != nil && !c.ECS.Rolls() }

// renderService deploys the bucket's current version with the pipeline of a service that rotary does not roll.
func renderService(w *World, args []string) error {
	c, err := w.findConsumer(args, isRendered)
	if err != nil {
		return err
	}
	defer w.openForOthers()()
	if err := w.Render(w.ctx, c.Name); err != nil {
		return err
	}
	w.noteTheirs(c)
	return nil
}

// noteTheirs notes that a person's pipeline registered what a service is on.
func (w *World) noteTheirs(c manifest.Consumer) {
	for _, s := range w.region().ECS.Startable() {
		if s.Service == c.ECS.Service && s.Why == "PRIMARY" {
			w.theirs[s.TaskDefinition] = true
		}
	}
}

// renderEvery is the number of passes between two deployments of a service by its own pipeline.
const renderEvery = 3

// renderWaiting deploys every service for whose pipeline the last pass waited.
func (w *World) renderWaiting() {
	for _, c := range w.Env.Consumers {
		waits := slices.ContainsFunc(w.last.Waits, func(wait plan.Wait) bool { return wait.Subject == c.Name && wait.Reason == plan.NotRolled })
		if waits && isRendered(c) {
			w.doAction("render " + c.Name)
		}
	}
}

// checkNotRolled checks that rotary changes nothing of a service that its pipeline deploys.
func (w *World) checkNotRolled(c sim.Call) {
	for _, consumer := range w.Env.Consumers {
		own := isRendered(consumer) && (c.Resource == consumer.ECS.Service || c.Resource == consumer.ECS.Service+"-"+w.Env.Name)
		if own && c.Service == "ecs" {
			w.noteViolation("S8 %s of %s, which its pipeline deploys", c.Operation, c.Resource)
		}
	}
}
