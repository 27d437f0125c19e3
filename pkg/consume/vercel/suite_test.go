package vercel_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/consumetest"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	standin "github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// project is one that has a commit live, under the suite.
type project struct {
	*standin.Server
	t       *testing.T
	clock   *sim.Clock
	commits int
}

func TestTheSuite(t *testing.T) { consumetest.Run(t, openProject) }

func openProject(t *testing.T) consumetest.World {
	clock := sim.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	tap := sim.NewTap(clock)
	p := &project{Server: standin.New(standin.Config{Clock: clock, Tap: tap}), t: t, clock: clock}
	p.AddToken("tok", "acme")
	p.AddProject(standin.Project{Name: "site", Team: "acme", RepoID: 7, Head: "c0", Domain: "site.example.com"})
	p.pushCommit()
	clock.Advance(time.Hour)
	return consumetest.World{
		Clock: clock, Tap: tap, Open: p.openConsumer, Held: p.listHeld, Step: time.Minute,
		Put:    func(b bucket.Bucket) bucket.Bucket { return b },
		Fail:   func() { p.FailBuilds("site", standin.Failed) },
		Mend:   func() { p.FailBuilds("site", "") },
		Change: func() { p.pushCommit(); clock.Advance(time.Minute) },
		// Nothing for Begin and Return: a commit that somebody pushes is built with what is written, and after an earlier
		// deployment is live again somebody has to promote the newest.
		Edit: func() { clock.Advance(time.Minute); p.SetByHand("site", consumetest.Name, "production", "by hand") },
	}
}

func (p *project) openConsumer() reconcile.Consumer {
	c := manifest.Consumer{Name: "site", Vercel: &manifest.Vercel{Project: "site", Team: "acme", Targets: map[string][]string{"production": {"production"}}}}
	v, err := vercel.New(c, manifest.Environment{Name: "production", Protected: true}, secret.New("tok"),
		vercel.WithBaseURL("https://vercel.standin"), vercel.WithTransport(sim.Transport{Handler: p.Server}),
		vercel.WithClock(p.clock.Now), vercel.WithSleep(func(context.Context, time.Duration) error { return nil }))
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

func (p *project) pushCommit() {
	p.commits++
	p.Push("site", fmt.Sprint("c", p.commits))
}

// listHeld returns the variables that the live deployment was built with.
func (p *project) listHeld() []string {
	_, values := p.Live("site")
	return []string{values[consumetest.Name]}
}
