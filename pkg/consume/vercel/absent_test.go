package vercel_test

import (
	"context"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	standin "github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/consume/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// A token that Vercel takes shows that a project is gone. One that it does not take shows nothing.
func TestAProjectIsAbsentWhereATokenThatWorksDoesNotFindIt(t *testing.T) {
	t.Parallel()
	clock := sim.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	server := standin.New(standin.Config{Clock: clock, Tap: sim.NewTap(clock)})
	server.AddToken("tok", "acme")
	server.AddProject(standin.Project{Name: "site", Team: "acme", RepoID: 7, Head: "c0"})
	for _, tt := range []struct {
		project, token string
		absent, unread bool
		fails          bool
	}{
		{"site", "tok", false, false, false},
		{"gone", "tok", true, true, false},
		{"gone", "another", false, false, true},
		{"site", "another", false, false, true},
	} {
		c := manifest.Consumer{Name: "site", Vercel: &manifest.Vercel{Project: tt.project, Team: "acme", Targets: map[string][]string{"production": {"production"}}}}
		v, err := vercel.New(c, manifest.Environment{Name: "production"}, secret.New(tt.token),
			vercel.WithBaseURL("https://vercel.standin"), vercel.WithTransport(sim.Transport{Handler: server}),
			vercel.WithSleep(func(context.Context, time.Duration) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		seen, err := v.Status(t.Context())
		if (seen.Absent != "") != tt.absent || seen.Unread != tt.unread || (seen.Unknown != "") != tt.unread || (err != nil) != tt.fails {
			t.Errorf("project %s with token %s: absent %q, unread %v, error %v", tt.project, tt.token, seen.Absent, seen.Unread, err)
		}
	}
}
