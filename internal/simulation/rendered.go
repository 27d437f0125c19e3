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
	return w.Render(w.ctx, c.Name)
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

// checkNotRolled checks that rotary changes nothing of a service that its pipeline deploys. It may withdraw what pins a
// credential that is to die.
func (w *World) checkNotRolled(c sim.Call) {
	for _, consumer := range w.Env.Consumers {
		own := isRendered(consumer) && (c.Resource == consumer.ECS.Service || c.Resource == consumer.ECS.Service+"-"+w.Env.Name)
		if own && c.Service == "ecs" && c.Operation != "DeregisterTaskDefinition" {
			w.noteViolation("S8 %s of %s, which its pipeline deploys", c.Operation, c.Resource)
		}
	}
}
