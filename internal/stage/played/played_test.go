package played

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/target"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/mysql"
	"github.com/rotary-secrets/rotary/pkg/rotate/postgres"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const text = `
environments: {dev: {account: "333333333333", region: eu-west-1, infra: {network: {subnets: [subnet-0f2a0f2a], security_groups: [sg-0f2b0f2b]}}}}
sources:
  urls: {keys: [DB_URL, DB_DIRECT], rotate: {postgres: {url: [DB_URL, DB_DIRECT], admin: urls-admin}}, network: true}
  urls-admin: {keys: [ADMIN_URL]}
  parts:
    keys: [DB_USER, DB_PASSWORD, DB_HOST, DB_PORT, DB_NAME]
    rotate: {mysql: {fields: {username: DB_USER, password: DB_PASSWORD, host: DB_HOST, port: DB_PORT, dbname: DB_NAME}, admin: master}}
    network: true
  master: {keys: {MASTER_USER: username, MASTER_PASSWORD: password}, hosts: ["orders.cluster.example.com:3307"]}
  vendor:
    keys: [VENDOR_KEY, VENDOR_NAME]
    config: [VENDOR_NAME]
    rotate: {http: {calls: {create: {url: "https://api.example.com/roll", set: {VENDOR_KEY: $.key}},
      test: {url: "https://api.example.com/me", headers: {Authorization: "Bearer {{VENDOR_KEY}}"}},
      revoke: {url: "https://api.example.com/revoke", headers: {Authorization: "Bearer {{owed.VENDOR_KEY}}"}}}}}
buckets: {all: {originals: [urls, parts, vendor]}}
`

func newBackends(t *testing.T) *Backends {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	return New(Config{
		Environment: env, Clock: sim.NewClock(time.Unix(0, 0)), Targets: target.New(nil),
		Target: func(key string) string { return key + "@dev" },
		Value: func(string, manifest.Check) secret.Value {
			n++
			return secret.New(fmt.Sprintf("made-by-the-vendor-%d", n))
		},
	})
}

func valuesOf(texts map[string]string) rotate.Values {
	values := rotate.Values{}
	for key, text := range texts {
		values[key] = secret.New(text)
	}
	return values
}

func TestPlayedDatabasesConform(t *testing.T) {
	for name, product := range map[string]sqluser.Syntax{"urls": postgres.NewSyntax(), "parts": mysql.NewSyntax()} {
		t.Run(name, func(t *testing.T) {
			rotatetest.Run(t, func(t *testing.T) rotatetest.World { return newDatabaseWorld(t, name, product) })
		})
	}
}

// newDatabaseWorld returns a world in which people make a user at each put.
func newDatabaseWorld(t *testing.T, name string, product sqluser.Syntax) rotatetest.World {
	b, put := newBackends(t), 0
	source, _ := b.Environment.Source(name)
	admin, _ := b.Environment.Source(source.Rotate.Admin())
	login := valuesOf(b.FirstLogin(admin))
	b.Learn(admin, login)
	db := b.findDatabase(source)
	return rotatetest.World{
		Source: source, Fenced: true,
		Open: func(rotatetest.Calls) rotate.Rotator {
			read := func(context.Context) (rotate.Values, error) { return login, nil }
			return sqluser.New(source, sqluser.Admin{Source: admin, Read: read}, product, db)
		},
		Put: func() rotate.Values {
			put++
			values := valuesOf(b.makeLogin(source, fmt.Sprintf("person%d", put), source.Rotate.Kind(), admin))
			b.Learn(source, values)
			return values
		},
		Accepts: func(v rotate.Values) bool {
			return !slices.ContainsFunc(source.Writes(), func(key string) bool {
				return !b.Targets.WouldAccept(b.Target(key), secret.Reveal(v[key]))
			})
		},
		Accepted: func() (n int) {
			for _, u := range db.users {
				if !u.locked {
					n++
				}
			}
			return n - 1 // the administrator's
		},
	}
}

func TestPlayedVendorsConform(t *testing.T) {
	rotatetest.Run(t, func(t *testing.T) rotatetest.World {
		b, put := newBackends(t), 0
		source, _ := b.Environment.Source("vendor")
		accepted := map[string]bool{}
		return rotatetest.World{
			Source: source,
			Open:   func(rotatetest.Calls) rotate.Rotator { return b.openRotator(source) },
			Put: func() rotate.Values {
				put++
				text := fmt.Sprintf("made-by-a-person-%d", put)
				accepted[text] = true
				b.Targets.Accept(b.Target("VENDOR_KEY"), text)
				return rotate.Values{"VENDOR_KEY": secret.New(text), "VENDOR_NAME": secret.New("shop")}
			},
			Accepts: func(v rotate.Values) bool {
				return b.Targets.WouldAccept(b.Target("VENDOR_KEY"), secret.Reveal(v["VENDOR_KEY"]))
			},
			Accepted: func() int { return b.Targets.Live(b.Target("VENDOR_KEY")) },
		}
	})
}

func TestTheAdministratorOfADatabaseLogsInOnlyWithItsPassword(t *testing.T) {
	b := newBackends(t)
	source, _ := b.Environment.Source("parts")
	admin, _ := b.Environment.Source("master")
	first := b.FirstLogin(source)
	if first["DB_HOST"] != "orders.cluster.example.com" || first["DB_PORT"] != "3307" || first["DB_USER"] != "parts" {
		t.Errorf("%s at %s:%s", first["DB_USER"], first["DB_HOST"], first["DB_PORT"])
	}
	b.Learn(source, valuesOf(first))
	b.Learn(admin, valuesOf(b.FirstLogin(admin)))
	wrong := valuesOf(b.FirstLogin(admin)) // another password
	read := func(context.Context) (rotate.Values, error) { return wrong, nil }
	r := sqluser.New(source, sqluser.Admin{Source: admin, Read: read}, mysql.NewSyntax(), b.findDatabase(source))
	next, err := r.Next(valuesOf(first))
	if err != nil {
		t.Fatal(err)
	}
	err = r.Set(t.Context(), rotate.Change{Pending: next, Current: valuesOf(first)})
	if err == nil || b.findDatabase(source).hasUser("parts"+sqluser.Clone) {
		t.Errorf("a user was made without the administrator's password: %v", err)
	}
}
