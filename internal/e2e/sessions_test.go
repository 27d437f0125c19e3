package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// ofPools has two logins of one server; the sessions of one are to end with it.
const ofPools = `
environments:
  production: {account: "333333333333", region: eu-central-1, protected: true}
sources:
  ended:  {secret: prod/ended, text: ENDED_URL, rotate: {postgres: {url: ENDED_URL, admin: master, end_sessions: true}, every: 30d}}
  left:   {secret: prod/left, text: LEFT_URL, rotate: {postgres: {url: LEFT_URL, admin: master}, every: 30d}}
  master: {secret: prod/master, text: MASTER_URL}
buckets:
  api-secrets: {originals: [ended, left]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: prod, service: api}}
`

// witnesses returns what status has of the uses of a source's old credentials.
func witnesses(r plan.Report, source string) (seen string, objects bool) {
	for _, o := range r.Source(source).Owed {
		if o.Used != nil {
			seen += o.Used.Seen
		}
		objects = objects || slices.ContainsFunc(o.Blocked, func(w plan.Wait) bool { return w.Reason == plan.Witness })
	}
	return seen, objects
}

// Somebody whom the manifest does not name is logged in with the old login: it lives, they are named, and it dies when
// they leave or a person accepts it.
func TestAnOpenSessionOfTheOldLoginStopsItsRetirement(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	url := func(user, password string) string {
		return "postgres://" + dsn.Encode(user) + ":" + dsn.Encode(password) + "@" + c.Addr() + "/postgres?sslmode=verify-full&sslrootcert=" + c.CA
	}
	d := c.open(ofPools, map[string]func(user, password string) string{"ended": url, "left": url, "master": url})
	sources := []string{"ended", "left"}
	open := map[string]*pgx.Conn{}
	olds, first := map[string][2]string{}, map[string]string{}
	for _, source := range sources {
		user, password := c.person("")
		d.putLogin(source, user, password)
		olds[source] = [2]string{user, password}
		open[source] = postgrestest.Connect(t, url(user, password)+"&application_name=forgotten-job")
	}
	master, password := c.person("SUPERUSER")
	d.putLogin("master", master, password)
	if err := d.Rotations(t.Context(), d.Env, manifest.Postgres); err != nil {
		t.Fatal(err)
	}
	d.watchConverged()
	for _, source := range sources {
		first[source], _ = d.currentVersion(source)
		d.rotateSource(source)
	}
	d.watchUntil(time.Hour, "the target sees both logins used", func(r plan.Report) bool {
		return !slices.ContainsFunc(sources, func(s string) bool { _, objects := witnesses(r, s); return !objects })
	})
	d.Advance(time.Hour)
	r := d.readReport()
	for _, source := range sources {
		seen, _ := witnesses(r, source)
		if !strings.Contains(seen, "1 session from 127.0.0.1 (forgotten-job, idle), since ") || !d.logsIn(olds[source][0], olds[source][1]) {
			t.Fatalf("of %s it sees %q; the old login is accepted: %v", source, seen, d.logsIn(olds[source][0], olds[source][1]))
		}
		found, err := d.operator().FindUsed(t.Context(), d.declaredSource(source), "")
		if err == nil && source == "ended" {
			err = d.operator().AcceptSessions(t.Context(), found)
		}
		if err != nil || found.Version != first[source] {
			t.Fatalf("%+v, %v", found, err)
		}
	}
	d.watchUntil(30*time.Minute, "what was accepted is retired", func(r plan.Report) bool { return len(r.Source("ended").Owed) == 0 })
	if open["ended"].Ping(t.Context()) == nil || open["left"].Ping(t.Context()) != nil {
		t.Errorf("the session that was accepted goes on, or the other one has ended")
	}
	d.advanceSlowly(25 * time.Hour) // it began after the proof: no time ends that
	if seen, _ := witnesses(d.readReport(), "left"); seen == "" || !d.logsIn(olds["left"][0], olds["left"][1]) {
		t.Errorf("who is logged in was cut off; the report has %q", seen)
	}
	_ = open["left"].Close(t.Context())
	d.finishScenario()
	for _, source := range sources {
		d.wantRetired(source, first[source])
		if d.logsIn(olds[source][0], olds[source][1]) {
			t.Errorf("the old login of %s is accepted", source)
		}
	}
}
