package simulation

import (
	"time"

	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// The pace of a busy world: a service of two tasks takes two minutes to roll, and a minute more until the tasks before
// have stopped.
var busyPace = ecs.Pace{Start: 52 * time.Second, Stop: time.Minute}

// busyEvery is how often every service is deployed in a busy world.
const busyEvery = 5 * time.Minute

// listBusiness returns the actions that make a world busy and calm, by name.
func listBusiness() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{
		"busy": beginBusiness, "calm": endBusiness, "deploy": deployReference, "force": forceDeployment, "retired": awaitRetirement,
	}
}

// beginBusiness lets pipelines deploy every service from now on, each busyEvery or what is given, until calm: in turn
// with the task definition that they have in git, which takes what is current, and once more with what is there.
func beginBusiness(w *World, args []string) error {
	if w.fleet != nil || w.business != nil {
		return errNotNow
	}
	every := busyEvery
	if len(args) > 0 {
		var err error
		if every, err = time.ParseDuration(args[0]); err != nil || every <= 0 {
			return errNotNow
		}
	}
	w.scheduleDeployments(every, 0)
	return nil
}

// scheduleDeployments deploys every service once, after this time, and goes on.
func (w *World) scheduleDeployments(every time.Duration, turn int) {
	w.business = w.Clock.After(every, "pipelines deploy", func() {
		for _, c := range w.Env.Consumers {
			if !isECS(c) {
				continue
			}
			if err := w.deployInTurn(c, turn); err != nil {
				w.keepText("deploy %s: %v", c.Name, err)
			}
		}
		w.scheduleDeployments(every, turn+1)
	})
}

func (w *World) deployInTurn(c manifest.Consumer, turn int) error {
	if turn%2 == 0 {
		return deployReference(w, []string{c.Name})
	}
	return forceDeployment(w, []string{c.Name})
}

func endBusiness(w *World, _ []string) error {
	if w.business == nil {
		return errNotNow
	}
	w.business.Stop()
	w.business = (*sim.Timer)(nil)
	return nil
}

// deployReference deploys the task definition that a pipeline has in git: its secrets are whatever is current.
func deployReference(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil || w.fleet != nil {
		return errNotNow
	}
	defer w.openForOthers()()
	return w.Reference(w.ctx, c.Name)
}

// forceDeployment deploys once more what a service should run.
func forceDeployment(w *World, args []string) error {
	return w.updateService(args, awsecs.UpdateServiceInput{ForceNewDeployment: true})
}

// awaitRetirement runs a pass each minute until nothing of a source is owed: "retired db 1h" at most for so long.
func awaitRetirement(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil || len(args) < 2 {
		return errNotNow
	}
	limit, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	for end := w.Clock.Now().Add(limit); ; w.Advance(time.Minute) {
		if err := w.runPass(w.ctx); err == nil && !w.isOwing(s) {
			return nil
		}
		if w.checkAll(); !w.Clock.Now().Before(end) {
			w.noteViolation("L3 a version of %s is still owed after %s: %v", s.Name, limit, listReasons(w.last))
			return nil
		}
	}
}

// isOwing reports whether a version of a source is owed.
func (w *World) isOwing(s manifest.Source) bool {
	for _, v := range w.peekAt(s.Secret) {
		if w.isOwed(v) {
			return true
		}
	}
	return false
}
