package github_test

import (
	"context"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/consumetest"
	stand "github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// scope is an environment's secrets, under the suite. No workflow runs.
type scope struct {
	*stand.Server
	t       *testing.T
	clock   *sim.Clock
	place   manifest.GitHub
	content map[string]map[string]secret.Value // of the bucket, by version
}

func TestTheSuite(t *testing.T) { consumetest.Run(t, openScope) }

// TestTheSuiteOfAnOrganization has its Actions and its Dependabot secrets, of which a run of either could start.
func TestTheSuiteOfAnOrganization(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World {
		clock := sim.NewClock(start)
		tap := sim.NewTap(clock)
		s := &scope{Server: stand.New(stand.Config{Clock: clock, Tap: tap}), t: t, clock: clock, content: map[string]map[string]secret.Value{}}
		s.place = manifest.GitHub{Organization: organization, Repositories: manifest.RepositoryAccess{List: []string{"app"}}, Dependabot: true, Drain: manifest.Duration(6 * time.Hour)}
		s.AddOrganization(organization)
		s.AddRepository(repo)
		s.AddToken(token, organization, repo)
		return consumetest.World{
			Clock: clock, Tap: tap, Open: s.openConsumer, Step: time.Minute,
			Held: func() (held []string) {
				for _, dependabot := range []bool{false, true} {
					held = append(held, s.OrganizationSecrets(organization, dependabot)[consumetest.Name].Value)
				}
				return held
			},
			Put: func(b bucket.Bucket) bucket.Bucket { s.content[b.Version] = b.Values; return b },
			Edit: func() {
				clock.Advance(time.Minute)
				s.EditOrganizationSecret(organization, true, consumetest.Name, "by hand")
			},
		}
	})
}

func openScope(t *testing.T) consumetest.World {
	clock := sim.NewClock(start)
	tap := sim.NewTap(clock)
	s := &scope{Server: stand.New(stand.Config{Clock: clock, Tap: tap}), t: t, clock: clock, content: map[string]map[string]secret.Value{}}
	s.place = manifest.GitHub{Repository: repo, Environment: "dev", Drain: manifest.Duration(6 * time.Hour)}
	s.AddRepository(repo, "dev")
	s.AddToken(token, repo)
	return consumetest.World{
		Clock: clock, Tap: tap, Open: s.openConsumer, Held: s.listHeld, Step: time.Minute,
		Put:  func(b bucket.Bucket) bucket.Bucket { s.content[b.Version] = b.Values; return b },
		Edit: func() { clock.Advance(time.Minute); s.SetSecretByHand(repo, "dev", consumetest.Name, "by hand") },
	}
}

func (s *scope) openConsumer() reconcile.Consumer {
	c := manifest.Consumer{Name: "ci", GitHub: &s.place}
	wait := func(ctx context.Context, d time.Duration) error { s.clock.Advance(d); return ctx.Err() }
	before := func(_ context.Context, version string) (map[string]secret.Value, error) {
		return s.content[version], nil
	}
	g, err := github.New(c, "dev", secret.New(token), "", github.URL("https://github.standin"),
		github.Transport(sim.Transport{Handler: s.Server}), github.Clock(s.clock.Now, wait), github.Previous(before))
	if err != nil {
		s.t.Fatal(err)
	}
	return g
}

// listHeld returns the secrets of a run that starts now.
func (s *scope) listHeld() []string {
	value, _, _ := s.Secret(repo, "dev", consumetest.Name)
	return []string{value}
}
