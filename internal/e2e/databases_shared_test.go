package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// twoURLs has one login under two keys, of which only the first moves when it is rotated.
const twoURLs = `
environments:
  production: {account: "333333333333", region: eu-central-1, protected: true}
sources:
  app-db: {keys: [DATABASE_URL, DIRECT_URL], rotate: {postgres: {url: DATABASE_URL, admin: master}, every: 30d}}
  master: {secret: prod/master, text: MASTER_URL}
buckets:
  api-secrets: {originals: [app-db]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: prod, service: api}}
`

// bothURLs returns the text of such a secret: the pooler's URL and the direct one. It has no pooler: both are of the
// server.
func (c cluster) bothURLs(user, password string) string {
	login := "postgres://" + dsn.Encode(user) + ":" + dsn.Encode(password) + "@" + c.Addr() + "/postgres?sslmode=verify-full&sslrootcert=" + c.CA
	return `{"DATABASE_URL":"` + login + `&application_name=pooled","DIRECT_URL":"` + login + `"}`
}

// DATABASE_URL and DIRECT_URL held one login, only the first one moved, and the retirement ended the second one's.
func TestEveryURLOfALoginMovesOrItIsNotRotated(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	d := c.open(twoURLs, map[string]func(user, password string) string{"app-db": c.bothURLs, "master": c.plainTexts()["master"]})
	user, password := c.person("")
	d.putLogin("app-db", user, password)
	master, masterPassword := c.person("SUPERUSER")
	d.putLogin("master", master, masterPassword)
	if err := d.Rotations(t.Context(), d.Env, manifest.Postgres); err != nil {
		t.Fatal(err)
	}
	d.watchConverged()

	before := c.logins("")
	d.wantRotationRefused("app-db", "DIRECT_URL")
	d.wantObstacle("app-db", credential.Unmoved, "DIRECT_URL")
	d.watchConverged()
	if diff := cmp.Diff(before, c.logins("")); diff != "" {
		t.Error("a refused rotation has changed a login, or made one") // what the server keeps of one is not shown
	}
	d.wantServed("api", "app-db")
	c.wantURLs(d, "app-db", user, "DATABASE_URL", "DIRECT_URL")

	if err := d.Redeploy(t.Context(), []byte(strings.Replace(twoURLs, "url: DATABASE_URL", "url: [DATABASE_URL, DIRECT_URL]", 1))); err != nil {
		t.Fatal(err)
	}
	for _, next := range []string{user + sqluser.Clone, user} {
		d.turn("app-db")
		d.wantServed("api", "app-db")
		c.wantURLs(d, "app-db", next, "DATABASE_URL", "DIRECT_URL")
	}
	d.finishScenario()
}

// wantURLs fails the test unless each of these keys of a source's current version holds a URL with which its user logs in.
func (c cluster) wantURLs(d *database, source, user string, keys ...string) {
	c.t.Helper()
	_, values := d.currentVersion(source)
	for _, key := range keys {
		conn, err := pgx.Connect(c.t.Context(), secret.Reveal(values[key]))
		if err != nil {
			c.t.Errorf("the server refuses %s of the current version of %s", key, source) // the error has the URL
			continue
		}
		var is string
		if err := conn.QueryRow(c.t.Context(), "SELECT session_user").Scan(&is); err != nil || is != user {
			c.t.Errorf("%s logs in as another user than expected: %v", key, err)
		}
		_ = conn.Close(c.t.Context())
	}
}

// wantRotationRefused asks for a rotation, and fails the test unless it is refused, changes no version, and names all of
// this as the reason.
func (d *database) wantRotationRefused(source string, names ...string) {
	d.t.Helper()
	before, printed := d.readHistory(d.declaredSource(source).Secret), len(d.ownRegion().Lambda.Output())
	d.rotateSource(source)
	d.Advance(5 * time.Minute)
	after := d.readHistory(d.declaredSource(source).Secret)
	if v, pending := after.Labelled(history.AWSPending); pending {
		d.t.Errorf("version %s of %s is still pending", history.Short(v.ID), source)
	}
	was, _ := before.Current()
	is, _ := after.Current()
	if is.ID != was.ID || len(after.Owed()) != len(before.Owed()) {
		d.t.Errorf("the refused rotation of %s changed it", source)
	}
	_, refusal, found := strings.Cut(string(d.ownRegion().Lambda.Output()[printed:]), "rotation of "+source+" refused")
	refusal, _, _ = strings.Cut(refusal, "\n")
	for _, name := range names {
		if !found || !strings.Contains(refusal, name) {
			d.t.Errorf("the refusal of %s does not name %s; log of the Lambdas\n%s", source, name, d.logTail())
		}
	}
}

// wantObstacle fails the test unless the report says beforehand why a source cannot be rotated, and names this key.
func (d *database) wantObstacle(source string, reason credential.ObstacleReason, key string) {
	d.t.Helper()
	obstacles := d.readReport().Source(source).Obstacles
	if !slices.ContainsFunc(obstacles, func(o credential.Obstacle) bool { return o.Reason == reason && strings.Contains(o.Text, key) }) {
		d.t.Errorf("nothing in the way of a rotation of %s is %s of %s: %+v", source, reason, key, obstacles)
	}
}

// Two sources hold one login, as for a writer and a reader endpoint. Rotating one of them locked the other one out, and
// the rotation of the other one took the twin of the first.
func TestALoginThatTwoSourcesHoldIsRotatedByNeither(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	d := c.openRDS()
	user, password := c.person("")
	d.putLogin("orders-db", user, password)
	d.putLogin("users-db", user, password)
	master, masterPassword := c.person("SUPERUSER")
	d.putLogin("aurora-master", master, masterPassword)
	d.convergeRDS()

	before := c.logins("")
	d.wantRotationRefused("orders-db", "source users-db", "make them one source")
	d.wantRotationRefused("users-db", "source orders-db", "make them one source")
	d.watchConverged()
	if diff := cmp.Diff(before, c.logins("")); diff != "" {
		t.Error("a refused rotation has changed a login, or made one") // what the server keeps of one is not shown
	}
	if !c.accepts(user, password) {
		t.Error("the login that both hold is refused")
	}

	own, ownPassword := c.person("")
	d.putLogin("users-db", own, ownPassword)
	d.Advance(10 * time.Minute)
	d.renderUsers()
	d.advanceSlowly(12 * time.Hour)
	owed := owedReports(d.readReport(), "users-db")
	if len(owed) != 1 || len(owed[0].Blocked) == 0 || owed[0].Blocked[0].Reason != plan.Shared ||
		!strings.Contains(owed[0].Blocked[0].Detail, "source orders-db holds it now") {
		t.Errorf("users-db owes %+v", owed)
	}
	if !c.accepts(user, password) {
		t.Error("orders-db is refused: its login died with that of users-db")
	}

	// What users-db owes stops the rotation of orders-db no more, and ends with it.
	d.turn("orders-db")
	d.watchConverged()
	if c.accepts(user, password) || !c.accepts(own, ownPassword) {
		t.Error("the server accepts the login that nobody holds, or refuses that of users-db")
	}
	d.turn("orders-db")
	if !c.accepts(own, ownPassword) {
		t.Error("users-db is refused after the rotation of orders-db")
	}
	d.finishScenario()
}
