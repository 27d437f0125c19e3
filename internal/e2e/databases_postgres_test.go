package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/internal/stage"
	standin "github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/postgres"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// cluster is a PostgreSQL server, and its superuser's connection.
type cluster struct {
	*postgrestest.Server
	t     *testing.T
	admin *pgx.Conn
}

func startCluster(t *testing.T) cluster {
	t.Helper()
	c := cluster{Server: postgrestest.Start(t), t: t}
	c.admin = c.Admin(t, "postgres")
	postgrestest.Do(t, c.admin, "CREATE TABLE orders (id int)", "CREATE DATABASE shop", "CREATE DATABASE archive")
	return c
}

// open opens a scene with sources whose texts these are, on this server.
func (c cluster) open(text string, texts map[string]func(user, password string) string) *database {
	c.t.Helper()
	return openDatabase(c.t, text, c.CA, database{accepts: c.accepts, texts: texts, read: func(s manifest.Source, v rotate.Values) (sqluser.Login, error) {
		return postgres.New(s, sqluser.Admin{}).ReadLogin(v)
	}})
}

// accepts reports whether somebody may log in, and read what the first user of a pair may.
func (c cluster) accepts(user, password string) bool {
	conn, err := pgx.Connect(c.t.Context(), c.URL(user, password, "postgres"))
	if err != nil {
		return false
	}
	if _, err := conn.Exec(c.t.Context(), "SELECT id FROM orders"); err != nil {
		c.t.Errorf("somebody who is let in may not read: %v", err)
	}
	return conn.Close(c.t.Context()) == nil
}

// person makes a user by hand and returns its name and password.
func (c cluster) person(options string) (user, password string) {
	c.t.Helper()
	user, password = stage.Canary("USER"), stage.Canary("%'\\ ")
	name := pgx.Identifier{user}.Sanitize()
	postgrestest.Do(c.t, c.admin, "CREATE ROLE "+name+" LOGIN PASSWORD '"+strings.ReplaceAll(password, "'", "''")+"' "+options, "GRANT SELECT ON orders TO "+name)
	return user, password
}

// logins returns what the server keeps of everybody's login but those of a user and its twin.
func (c cluster) logins(but string) []string {
	c.t.Helper()
	return postgrestest.Rows(c.t, c.admin, "SELECT rolname, rolpassword, rolcanlogin, rolvaliduntil FROM pg_authid WHERE rolname NOT IN ($1, $2) ORDER BY 1", but, but+sqluser.Clone)
}

// ofRDS has two logins of one cluster as RDS and CDK make them, side by side, the master user's, which RDS manages, a
// service that has a login from its secret already, one that a pipeline deploys, and a job that reads the secret itself.
const ofRDS = `
environments:
  production: {account: "333333333333", region: eu-central-1, protected: true}
sources:
  orders-db:
    secret: prod/orders-db
    keys: {ORDERS__USER: username, ORDERS__PASSWORD: password, ORDERS__HOST: host, ORDERS__PORT: port, ORDERS__NAME: dbname}
    rotate: {postgres: {admin: aurora-master, fields: {sslrootcert: rds.pem}}, every: 30d}
  users-db:
    secret: prod/users-db
    keys: {USERS__USER: username, USERS__PASSWORD: password, USERS__HOST: host, USERS__PORT: port, USERS__NAME: dbname}
    rotate: {postgres: {admin: aurora-master, fields: {sslrootcert: rds.pem}}, every: 30d}
  aurora-master:
    secret: "rds!cluster-7b0c2d1e-4c5f-4a86-9a0f-2f1f0c9b7a11"
    keys: {MASTER__USER: username, MASTER__PASSWORD: password}
    rotate: managed
    hosts: [127.0.0.1]
buckets:
  orders: {mappings: [{ORDERS__USER: DB_USER, ORDERS__PASSWORD: DB_PASSWORD, ORDERS__HOST: DB_HOST, ORDERS__PORT: DB_PORT, ORDERS__NAME: DB_NAME}]}
  users:  {originals: [users-db]}
consumers:
  api:            {bucket: orders, ecs: {cluster: prod, service: api, adopt: [DB_USER, DB_PASSWORD, DB_HOST]}}
  users:          {bucket: users, ecs: {cluster: prod, service: users, roll: false}}
  nightly-export: {source: orders-db, reader: {roles: [nightly-export], drain: 3h}}
`

// textOfRDS returns the text of such a secret. The port is a number, and not everything in it is declared.
func (c cluster) textOfRDS(identifier string) func(user, password string) string {
	return func(user, password string) string {
		return fmt.Sprintf(`{"engine":"postgres","host":%q,"username":%q,"password":%q,"dbname":"shop","port":%d,"dbClusterIdentifier":%q}`, c.Host, user, password, c.Port, identifier)
	}
}

// openRDS opens a stage with the manifest ofRDS. Its sources have no value yet.
func (c cluster) openRDS() *database {
	c.t.Helper()
	return c.open(ofRDS, map[string]func(user, password string) string{
		"orders-db": c.textOfRDS("orders"), "users-db": c.textOfRDS("users"),
		"aurora-master": func(user, password string) string {
			return fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)
		},
	})
}

// convergeRDS deploys the manifest ofRDS to services that run without rotary, and watches until every consumer follows.
// Service users is deployed by its own pipeline.
func (d *database) convergeRDS() {
	d.t.Helper()
	d.deployBrownfield()
	if err := d.Rotations(d.t.Context(), d.Env, manifest.Postgres); err != nil {
		d.t.Fatal(err)
	}
	d.watchUntil(time.Hour, "it waits for the pipeline", waitsNotRolled("users"))
	d.watchUntil(time.Hour, "it waits for a person", waitsNotRolled("api"))
	d.adopt("api")
	d.renderUsers()
	d.watchConverged()
}

func TestALoginThatRDSMadeRotatesToItsEnd(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	d := c.openRDS()
	user, password := c.person("")
	d.putLogin("orders-db", user, password)
	other, otherPassword := c.person("")
	d.putLogin("users-db", other, otherPassword)
	master, masterPassword := c.person("SUPERUSER")
	d.putLogin("aurora-master", master, masterPassword)
	d.convergeRDS()
	d.wantHeld("web", "DB_PASSWORD", password)
	d.wantHeld("web", "DB_PORT", fmt.Sprint(c.Port))
	d.wantHeld("proxy", "DB_PASSWORD", "")

	before, users := c.logins(user), d.readHistory("prod/users-db")
	began := d.Clock.Now()
	d.rotateSource("orders-db")
	next, nextPassword := d.readCurrentLogin("orders-db")
	if next != user+sqluser.Clone || !c.accepts(next, nextPassword) || !c.accepts(user, password) {
		t.Fatalf("it was not rotated to the other user; log of the Lambdas\n%s", d.logTail())
	}
	r := d.watchUntil(time.Hour, "the service has followed, and the job may go on with what it has read", func(r plan.Report) bool {
		return len(r.Steps) == 0 && slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == "nightly-export" }) &&
			!slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == "api" })
	})
	if owed := owedReports(r, "orders-db"); len(owed) != 1 || len(owed[0].Blocked) == 0 {
		t.Errorf("orders-db owes %+v", owed)
	}
	d.wantHeld("web", "DB_USER", next)
	d.wantHeld("web", "DB_PASSWORD", nextPassword)
	d.Advance(began.Add(3*time.Hour - time.Minute).Sub(d.Clock.Now()))
	if !c.accepts(user, password) {
		t.Error("a job that has read the login before is refused, and its drain has not passed")
	}
	d.watchConverged()
	if c.accepts(user, password) || !c.accepts(next, nextPassword) {
		t.Error("the server accepts the login before, or refuses the present one")
	}
	if diff := cmp.Diff(before, c.logins(user)); diff != "" {
		t.Error("somebody else's login has changed") // what the server keeps of one is not shown
	}
	if diff := cmp.Diff(users, d.readHistory("prod/users-db")); diff != "" {
		t.Errorf("users-db has changed (-want +got):\n%s", diff)
	}
	d.putBeside("orders-db", "ORDERS__NAME", "shop", "archive")
	d.wantHeld("web", "DB_NAME", "archive")

	masterPassword = stage.Canary("RDS")
	postgrestest.Do(t, c.admin, "ALTER ROLE "+pgx.Identifier{master}.Sanitize()+" PASSWORD '"+masterPassword+"'")
	d.putLogin("aurora-master", master, masterPassword) // as RDS does
	d.watchConverged()
	d.turn("orders-db")
	d.finishScenario()
}

// deployBrownfield deploys a service as it was before rotary: one of its two containers has the login, from the secret
// itself, and the host in its definition.
func (d *database) deployBrownfield() {
	d.t.Helper()
	d.Image("proxy:1", standin.App{})
	arn := d.readHistory("prod/orders-db").ARN
	web := container("web", "api:1")
	for name, stored := range map[string]string{"DB_USER": "username", "DB_PASSWORD": "password"} {
		web.Secrets = append(web.Secrets, ecstypes.Secret{Name: aws.String(name), ValueFrom: aws.String(arn + ":" + stored + "::")})
	}
	web.Environment = []ecstypes.KeyValuePair{{Name: aws.String("DB_HOST"), Value: aws.String("127.0.0.1")}}
	d.deployContainers(container("proxy", "proxy:1"), web)
	d.Advance(2 * time.Minute)
}

func (d *database) renderUsers() {
	d.t.Helper()
	if err := d.Render(d.t.Context(), "users"); err != nil {
		d.t.Fatal(err)
	}
}

// ofTexts has secrets of one plain text, and one of two URLs.
const ofTexts = `
environments:
  production: {account: "333333333333", region: eu-central-1, protected: true}
sources:
  reports: {secret: prod/reports, text: REPORTS_DSN, rotate: {postgres: {url: REPORTS_DSN, admin: master}, every: 30d}}
  legacy:  {secret: prod/legacy, text: LEGACY_JDBC, rotate: {postgres: {url: LEGACY_JDBC, admin: master}, every: 30d}}
  app-db:  {keys: [APP_URL, APP_SYNC_URL], rotate: {postgres: {url: [APP_URL, APP_SYNC_URL], admin: master}, every: 30d}}
  master:  {secret: prod/master, text: MASTER_URL}
buckets:
  api-secrets: {originals: [reports, legacy, app-db]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: prod, service: api}}
`

func (c cluster) plainTexts() map[string]func(user, password string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	at := c.Addr() + "/postgres"
	return map[string]func(user, password string) string{
		"reports": func(user, password string) string {
			return fmt.Sprintf(" host = %s port=%d\tuser='%s'  password='%s' dbname=postgres sslmode=verify-full sslrootcert='%s' application_name='it\\'s' \n",
				c.Host, c.Port, quote.Replace(user), quote.Replace(password), c.CA)
		},
		"legacy": func(user, password string) string {
			return "jdbc:postgresql://" + at + "?ApplicationName=a+b&password=" + dsn.Encode(password) + "&ssl=true&sslrootcert=" + c.CA + "&user=" + dsn.Encode(user)
		},
		"app-db": func(user, password string) string {
			login := dsn.Encode(user) + ":" + dsn.Encode(password) + "@"
			return fmt.Sprintf(`{"APP_SYNC_URL":"postgres://%[1]s?sslmode=verify-full&sslrootcert=%[2]s&x=%%2f\n","APP_URL":"postgresql+asyncpg://%[1]s"}`, login+at, c.CA)
		},
		"master": func(user, password string) string {
			return "postgres://" + dsn.Encode(user) + ":" + dsn.Encode(password) + "@" + at + "?sslmode=verify-full&sslrootcert=" + c.CA + "\n"
		},
	}
}

func TestConnectionStringsRotateAndKeepTheRestOfTheirText(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	d := c.open(ofTexts, c.plainTexts())
	sources := []string{"reports", "legacy", "app-db"}
	for _, source := range sources {
		user, password := c.person("")
		d.putLogin(source, user, password)
	}
	master, password := c.person("SUPERUSER")
	d.putLogin("master", master, password)
	if err := d.Rotations(t.Context(), d.Env, manifest.Postgres); err != nil {
		t.Fatal(err)
	}
	d.watchConverged()
	for range 2 {
		d.turn(sources...)
		d.wantServed("api", sources...)
	}
	d.finishScenario()
}
