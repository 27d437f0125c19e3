package mysql

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/mariadbtest"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// shape makes the target's source the one called orders of a manifest, and returns its administrator's, called master.
func (g *target) shape(t *testing.T, sources string, master rotate.Values) sqluser.Admin {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte("environments: {dev: {account: \"111111111111\", region: us-east-1}}\nsources:\n"+sources+
		"buckets: {app: {originals: [orders]}}\nconsumers: {app: {bucket: app, ecs: {cluster: main, service: app}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	g.source, _ = env.Source("orders")
	if f := g.source.Database().Fields; f != nil && f.SSLRootCert == "rds.pem" {
		f.SSLRootCert = g.CA // no function here has it beside its program
	}
	admin, _ := env.Source("master")
	return sqluser.Admin{Source: admin, Read: func(context.Context) (rotate.Values, error) { return master, nil }}
}

// rds is a login of a database as RDS and CDK make it, and the master user's, which RDS manages.
const rds = `
  orders:
    keys: {DB_USER: username, DB_PASSWORD: password, DB_HOST: host, DB_PORT: port, DB_NAME: dbname, DB_ENGINE: engine}
    rotate: {mysql: {admin: master, fields: {sslrootcert: rds.pem}}, every: 30d}
  master:
    secret: "rds!cluster-0f1e"
    keys: {MASTER_USER: username, MASTER_PASSWORD: password}
    rotate: managed
    hosts: [%q]
`

func masterUser() rotate.Values {
	return rotate.Values{"MASTER_USER": secret.New(mariadbtest.AdminUser), "MASTER_PASSWORD": secret.New(mariadbtest.AdminPassword)}
}

// ofRDS is a version of such a source.
func (g *target) ofRDS(user, password string, port int) rotate.Values {
	return rotate.Values{
		"DB_USER": secret.New(user), "DB_PASSWORD": secret.New(password), "DB_HOST": secret.New(g.Host), "DB_PORT": secret.New(strconv.Itoa(port)),
		"DB_NAME": secret.New("shop"), "DB_ENGINE": secret.New("mariadb"),
	}
}

func theShapeThatRDSMakesRotatesWithAMasterUserThatHasNoHost(t *testing.T, g *target) {
	admin := g.shape(t, fmt.Sprintf(rds, g.Addr()), masterUser())
	user, password := g.person(t, "app")
	l := g.live(t, g.ofRDS(user, password, g.Port))
	l.open(g.source, admin)
	for range 2 {
		l.rotate()
		before := l.versions[len(l.versions)-2]
		for key, value := range before {
			if moved := !value.Equal(l.current()[key]); moved != (key == "DB_USER" || key == "DB_PASSWORD") {
				t.Errorf("%s has moved: %v", key, moved)
			}
		}
		l.retire()
		if l.accepts(before) || !l.accepts(l.current()) {
			t.Error("the next login is refused, or the one before accepted")
		}
	}
}

// A port that the administrator's source does not list is somebody else's: the rotation does not begin, and nobody
// connects.
func nobodyConnectsToAHostThatTheAdministratorsSourceDoesNotList(t *testing.T, g *target) {
	admin := g.shape(t, fmt.Sprintf(rds, g.Addr()), masterUser())
	user, password := g.person(t, "app")
	l := g.live(t, g.ofRDS(user, password, g.Port+1))
	l.open(g.source, admin)
	l.rotator.server.dial = func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("somebody connects to %s", address)
		return nil, net.ErrClosed
	}
	_, err := l.create()
	refused(t, err)
	refused(t, l.rotator.Set(t.Context(), rotate.Change{Pending: g.ofRDS(user+sqluser.Clone, "new", g.Port+1), Current: l.current()}))
}

// severalKeys is a source with a pooler's URL, the server's own in another dialect, one that nobody can reach from here,
// and the user and the password by themselves.
const severalKeys = `
  orders:
    keys: {DB_URL: url, DB_DIRECT: jdbc, DB_FAR: far, DB_USER: username, DB_PASSWORD: password, DB_POOL: pool}
    rotate: {mysql: {url: [DB_URL, DB_DIRECT, DB_FAR], untested_urls: [DB_FAR], admin: master}, every: 30d}
  master: {keys: [MASTER_URL], hosts: ["pooler.example.com:6033"]}
`

// severalTexts are the texts of its keys.
func (g *target) severalTexts(user, password string) map[string]string {
	u, p := dsn.Encode(user), dsn.Encode(password)
	return map[string]string{
		"DB_URL":    "mysql2://" + u + ":" + p + "@Pooler.example.com:6033/shop?pool=5&ssl-mode=REQUIRED&x=%2f\n",
		"DB_DIRECT": " jdbc:mariadb://" + g.Addr() + "/shop?password=" + password + "&sslMode=verify-full&serverSslCert=" + g.CA + "&user=" + user,
		"DB_FAR":    "Server=far.invalid; Uid = " + user + " ;Pwd='" + strings.ReplaceAll(password, "'", "''") + "';;SslCert=client.pem",
		"DB_USER":   user, "DB_PASSWORD": password, "DB_POOL": "10",
	}
}

func severalValues(texts map[string]string) rotate.Values {
	v := rotate.Values{}
	for key, text := range texts {
		v[key] = secret.New(text)
	}
	return v
}

// Here every name leads to the one server.
func severalURLsMoveTogether(t *testing.T, g *target) {
	admin := g.shape(t, severalKeys, rotate.Values{"MASTER_URL": secret.New(g.url(mariadbtest.AdminUser, mariadbtest.AdminPassword, ""))})
	user, password := g.person(t, "app")
	l := g.live(t, severalValues(g.severalTexts(user, password)))
	reached := map[string]bool{}
	l.open(g.source, admin)
	l.rotator.server.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		reached[address] = true
		return g.anywhere(ctx, network, address)
	}
	for range 2 {
		l.rotate()
		next := l.current()
		for key, want := range g.severalTexts(secret.Reveal(next["DB_USER"]), secret.Reveal(next["DB_PASSWORD"])) {
			if got := secret.Reveal(next[key]); got != want {
				t.Errorf("%s has become %q, want %q", key, got, want)
			}
		}
		l.retire()
		if l.accepts(l.versions[len(l.versions)-2]) || !l.accepts(next) {
			t.Error("the next login is refused, or the one before accepted")
		}
	}
	if len(reached) != 2 || !reached["pooler.example.com:6033"] || !reached[g.Addr()] {
		t.Errorf("somebody connects to %v", reached)
	}
	texts := g.severalTexts(user, password)
	texts["DB_DIRECT"] = g.severalTexts(user, "canary")["DB_DIRECT"]
	l.versions = append(l.versions, severalValues(texts))
	_, err := l.create()
	refused(t, err)
	if err == nil || !strings.HasPrefix(err.Error(), "DB_URL and DB_DIRECT hold different logins") {
		t.Errorf("with another login in one URL the error is %v", err)
	}
}
