// Package consumetest tests that a reconcile.Consumer keeps the contract of that interface. Every driver and every fake
// passes it. A driver's test sets its sink up and provides what people can do there; the suite runs the passes.
package consumetest

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

// Name is the variable by whose value the suite knows which version of the bucket somebody holds.
const Name = "DB_URL"

// World is a sink with one consumer, which runs on nothing of rotary's yet. What a sink does not have is nil.
type World struct {
	Clock *sim.Clock
	Tap   *sim.Tap // every call of the driver's passes it

	// Open opens the driver as a pass does, now.
	Open func() reconcile.Consumer
	// Put makes b the bucket's current version, and returns it with what Secrets Manager adds, its ARN.
	Put func(b bucket.Bucket) bucket.Bucket
	// Held returns the value of Name of each reader that runs now, and of each that could start by itself now.
	Held func() []string

	Step  time.Duration // between two passes; what was begun is through after twenty
	Drain time.Duration // the consumer is readers behind a drain time

	Fail       func()             // from now on nothing that is rolled comes up
	Mend       func()             // ends that
	Change     func()             // somebody changes what is not the bucket's, an image, a commit, and it settles
	Begin      func()             // somebody begins a deployment of what runs now
	Return     func(value string) // somebody begins a deployment of the version with this value of Name
	Edit       func()             // somebody changes by hand what rotary wrote
	Deployable func() []string    // the values of Name with which somebody could start what is registered
	Copy       func(value string) // somebody registers a copy of what has this value of Name, and does not deploy it
	Unpin      func()             // somebody deploys what takes the current version when it starts, and it settles
	Moves      bool               // a look shows what was deployed lately

	// Ask opens the driver as a pass does that asks for plan.Seen.Deployable.
	Ask func() reconcile.Consumer
	Own bool // the manifest leaves what rotary did not make to whoever made it

	Deploy func(b bucket.Bucket) // rotary does not roll the consumer: its pipeline begins a deployment of b
}

// Run runs the suite, each part in worlds of its own.
func Run(t *testing.T, open func(*testing.T) World) {
	for _, c := range []struct {
		name string
		has  func(World) bool
		test func(t *testing.T, s *scene)
	}{
		{"the first roll is through when it is seen", needsNothing, firstRoll},
		{"a look changes nothing and shows the same again", needsNothing, lookTwice},
		{"a roll that is under way, or through, is not started again", needsNothing, rollTwice},
		{"where nothing changed, a pass only reads", needsNothing, passWithoutChange},
		{"what is seen while it rolls is true, and is left alone", needsNothing, watchRollout},
		{"since when it runs a version is told", hasReceipt, tellSince},
		{"two versions in a row", needsNothing, twoInARow},
		{"a rollout that failed is remembered", canFail, rememberFailure},
		{"a rollout that failed is tried at once when something else changes", canFailAndChange, retryAfterChange},
		{"what somebody else changed is kept", canChange, keepForeignChange},
		{"somebody else's deployment is not superseded", canBegin, refuseForeignRollout},
		{"an older version that somebody deploys is seen and rolled on", canReturn, rollOnFromOlder},
		{"what was changed by hand is seen and put right", canEdit, repairEdit},
		{"nobody can start on what was withdrawn", canDeploy, withdrawOlder},
		{"what is in play is not withdrawn", canDeploy, refuseWithdrawInPlay},
		{"what somebody could deploy is seen where a pass asks for it", canAsk, seeDeployable},
		{"nobody can start on a copy of what was withdrawn", canCopy, withdrawCopy},
		{"a deployment onto or away from a version is seen for a while", showsMoves, seeMoves},
		{"what takes the current version is in play for what it may have taken", canUnpin, seeUnpinned},
	} {
		t.Run(c.name, func(t *testing.T) {
			if s := newScene(t, open); c.has(s.World) {
				c.test(t, s)
			}
		})
	}
	t.Run("a look that is not answered is unknown, or as if it were", func(t *testing.T) {
		statusFaults(t, open, func(s *scene) { s.mustRoll(s.putVersion(2)) })
	})
	t.Run("a roll that meets a fault is done by the next passes", func(t *testing.T) { rollFaults(t, open) })
	t.Run("a withdrawal that meets a fault is done by the next", func(t *testing.T) { withdrawFaults(t, open) })
}

// RunDeployed runs the suite of a consumer that rotary sees and does not roll. Its World has Deploy and Return.
func RunDeployed(t *testing.T, open func(*testing.T) World) {
	for _, c := range []struct {
		name string
		has  func(World) bool
		test func(t *testing.T, s *scene)
	}{
		{"a pass waits for its pipeline, and only reads", needsNothing, waitForPipeline},
		{"what its pipeline deploys is seen", needsNothing, followPipeline},
		{"an older version that is deployed is seen", needsNothing, seeOlderDeployed},
		{"what its pipeline registered is withdrawn", isNotOwn, withdrawDeployed},
		{"nothing is withdrawn that is left to its pipeline", isOwn, leaveForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			if s := newScene(t, open); c.has(s.World) {
				c.test(t, s)
			}
		})
	}
	t.Run("a look that is not answered is unknown, or as if it were", func(t *testing.T) {
		statusFaults(t, open, func(s *scene) { s.Deploy(s.putVersion(2)) })
	})
}

func needsNothing(World) bool       { return true }
func hasReceipt(w World) bool       { return w.Drain == 0 }
func canFail(w World) bool          { return w.Fail != nil }
func canFailAndChange(w World) bool { return w.Fail != nil && w.Change != nil }
func canChange(w World) bool        { return w.Change != nil }
func canBegin(w World) bool         { return w.Begin != nil }
func canReturn(w World) bool        { return w.Return != nil }
func canEdit(w World) bool          { return w.Edit != nil }
func canDeploy(w World) bool        { return w.Deployable != nil }
func canAsk(w World) bool           { return w.Ask != nil }
func canCopy(w World) bool          { return w.Copy != nil }
func canUnpin(w World) bool         { return w.Unpin != nil }
func showsMoves(w World) bool       { return w.Moves }
func isOwn(w World) bool            { return w.Own }
func isNotOwn(w World) bool         { return !w.Own }
