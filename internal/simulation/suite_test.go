package simulation

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/consumetest"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// The fleet stands in for ECS's driver, and so it keeps the same promises.
func TestTheFleetPassesTheSuiteOfEveryConsumer(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World {
		w := &World{ctx: t.Context(), Stage: &stage.Stage{World: standin.New(standin.Config{Start: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)})}}
		t.Cleanup(func() { _ = w.World.Close() })
		m := &member{w: w, name: "api", ran: map[string]bool{}, gone: map[string]time.Time{}, changed: w.Clock.Now()}
		values := map[string]string{}
		return consumetest.World{
			Clock: w.Clock, Tap: w.Tap, Step: time.Minute,
			Open: func() reconcile.Consumer { return m },
			Put: func(b bucket.Bucket) bucket.Bucket {
				values[b.Version] = secret.Reveal(b.Values[consumetest.Name])
				return b
			},
			Held:   func() []string { return []string{values[m.running]} },
			Fail:   func() { m.broken = true },
			Mend:   func() { m.broken = false },
			Change: func() { m.releaseImage(m.image + 1) },
			Return: func(value string) {
				for version := range m.ran {
					if values[version] == value && m.isDeployable(version) {
						m.foreign = true
						m.startRollout(version)
					}
				}
			},
			Deployable: func() (all []string) {
				for version := range m.ran {
					if m.isDeployable(version) {
						all = append(all, values[version])
					}
				}
				return all
			},
		}
	})
}
