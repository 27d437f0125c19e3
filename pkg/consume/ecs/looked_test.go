package ecs_test

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// openLooked returns the consumer of a pass that has looked at its cluster, and has seen it.
func (w *world) openLooked(versions ...string) *ecs.Service {
	w.t.Helper()
	env := environmentWith()
	at := manifest.ECS{Cluster: "main", Service: "api", Task: manifest.Task{Containers: manifest.Names{"app"}}}
	c := manifest.Consumer{Name: "api", Bucket: "api-secrets", ECS: &at}
	env.Consumers = []manifest.Consumer{c}
	clusters := ecs.NewClusters(w.client, nil, env, w.cache)
	clusters.Prepare(ctx(), w.clock.Now(), nil)
	h := history.History{ARN: bucketARN}
	for _, id := range versions {
		h.Versions = append(h.Versions, history.Version{ID: id})
	}
	s := ecs.New(w.client, c, devEnvironment, h, w.clock.Now(), ecs.From(clusters))
	must(w.t, errorOf(s.Status(ctx())))
	return s
}

func (w *world) countOperation(name string) (n int) {
	for _, c := range w.tap.Calls() {
		if c.Operation == name {
			n++
		}
	}
	return n
}

// F26, where the Roll works from the look at the cluster: whoever deploys after the look, before any of the Roll's calls,
// keeps the image.
func TestADeploymentAfterTheLookIsNeverUndone(t *testing.T) {
	for at := range 5 {
		for _, after := range []time.Duration{0, 30 * time.Second, 10 * time.Minute} {
			w := newWorld(t, whole)
			w.createService(w.registerRevision("app:1"), 2, true)
			w.rollAndFinish(v1)
			s := w.openLooked(v1)
			theirs := w.registerRevision("app:2", pinnedEntries(v1)...)
			w.tap.Reset()
			w.slipIn(at, theirs, after)
			_ = s.Roll(ctx(), bucketAt(v2, both...)) // it may refuse
			w.tap.OnCall(nil)
			for range 3 {
				w.clock.Advance(10 * time.Minute)
				w.rollTo(v2)
			}
			w.wantSeen(v2, "", true, v2)
			if got := *w.presentDefinition().ContainerDefinitions[0].Image; got != "app:2" {
				t.Errorf("deployed %v before call %d ended: the image is %s", after, at, got)
			}
		}
	}
}

// A Roll from the look makes five calls, and looks for a revision only where one may pin the version.
func TestCallsOfARollFromTheLook(t *testing.T) {
	w := newWorld(t, whole)
	w.createService(w.registerRevision("app:1"), 2, true)
	w.rollAndFinish(v1)
	s := w.openLooked(v1)
	if n := w.countCalls(func() { must(t, s.Roll(ctx(), bucketAt(v2, both...))) }); n != 5 {
		t.Errorf("%d calls", n)
	}
}

// F06: what a pass registered before it died the next one finds, though the look that it works from is another.
func TestARevisionThatACrashHasLeftIsFound(t *testing.T) {
	w := newWorld(t, whole)
	w.createService(w.registerRevision("app:1"), 2, true)
	w.rollAndFinish(v1)
	first := w.openLooked(v1)
	w.tap.Reset()
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "UpdateService" {
			return sim.Fault{Outcome: sim.Dropped}
		}
		return sim.Fault{}
	})
	if err := first.Roll(ctx(), bucketAt(v2, both...)); err == nil {
		t.Fatal("it was not cut off")
	}
	w.tap.OnCall(nil)
	must(t, w.openLooked(v1, v2).Roll(ctx(), bucketAt(v2, both...)))
	if n := w.countOperation("RegisterTaskDefinition"); n != 1 {
		t.Errorf("%d revisions were registered", n)
	}
}
