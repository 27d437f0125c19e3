package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// shaped is a source and its administrator's, as they stand in a manifest.
type shaped struct {
	*Rotator
	source manifest.Source
}

// shape opens the source orders of a manifest, whose administrator's source master has these values.
func (w *world) shape(sources string, master rotate.Values) shaped {
	w.t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte("environments: {dev: {account: \"111111111111\", region: us-east-1}}\nsources:\n"+sources+
		"buckets: {app: {originals: [orders]}}\nconsumers: {app: {bucket: app, ecs: {cluster: main, service: app}}}\n"))
	if err != nil {
		w.t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		w.t.Fatal(err)
	}
	source, _ := env.Source("orders")
	if f := source.Database().Fields; f != nil && f.SSLRootCert == "rds.pem" {
		f.SSLRootCert = w.CA // no function here has it beside its program
	}
	admin, _ := env.Source("master")
	read := func(context.Context) (rotate.Values, error) { return master, nil }
	return shaped{w.openWith(source, sqluser.Admin{Source: admin, Read: read}, through), source}
}

// rds is a login of a database as RDS and CDK make it, and the master user's, which RDS manages.
const rds = `
  orders:
    keys: {DB_USER: username, DB_PASSWORD: password, DB_HOST: host, DB_PORT: port, DB_NAME: dbname, DB_ENGINE: engine}
    rotate: {postgres: {admin: master%s}, every: 30d}
  master:
    secret: "rds!cluster-0f1e"
    keys: {MASTER_USER: username, MASTER_PASSWORD: password}
    rotate: managed
    hosts: [%s]
`

// master is what RDS keeps of the master user.
func master() rotate.Values {
	return rotate.Values{"MASTER_USER": secret.New(postgrestest.AdminUser), "MASTER_PASSWORD": secret.New(postgrestest.AdminPassword)}
}

// ofRDS is a version of such a source.
func (w *world) ofRDS(user, password, host, port string) rotate.Values {
	return rotate.Values{
		"DB_USER": secret.New(user), "DB_PASSWORD": secret.New(password), "DB_HOST": secret.New(host), "DB_PORT": secret.New(port),
		"DB_NAME": secret.New("postgres"), "DB_ENGINE": secret.New("postgres"),
	}
}

// Several turns of a source for which the manifest writes no keys of the login's parts, by an administrator without a
// host.
func rdsShaped(t *testing.T, w *world) {
	user, password := w.user()
	for name, hosts := range map[string]string{"a host": w.Host, "a host with its port": w.Addr()} {
		r := w.shape(fmt.Sprintf(rds, ", fields: {sslrootcert: rds.pem}", hosts), master())
		now := w.ofRDS(user, password, w.Host, fmt.Sprint(w.Port))
		for range 2 {
			next := w.turn(r.Rotator, now)
			w.retire(r.Rotator, now, next)
			if !w.accepts(r.source, next) || w.accepts(r.source, now) {
				t.Errorf("%s: the next login is refused, or the one before accepted", name)
			}
			for key, value := range now {
				if moved := !value.Equal(next[key]); moved != (key == "DB_USER" || key == "DB_PASSWORD") {
					t.Errorf("%s: %s has moved: %v", name, key, moved)
				}
			}
			now = next
		}
		password = secret.Reveal(now["DB_PASSWORD"])
	}

	lax := w.shape(fmt.Sprintf(rds, ", fields: {sslmode: require}", w.Host), master())
	now := w.ofRDS(user, password, w.Host, fmt.Sprint(w.Port))
	next, err := lax.Create(t.Context(), rotate.Start{Current: now})
	if err == nil {
		err = lax.Set(t.Context(), rotate.Change{Pending: next, Current: now})
	}
	if err == nil || !strings.Contains(err.Error(), "log in as the administrator: connect: the server's certificate is of an authority that is not trusted") {
		t.Errorf("a source that checks no certificate lets the administrator go without: %v", err)
	}
}

// foreignHost puts the login of a host into the source that the administrator's source does not list: nobody connects.
func foreignHost(t *testing.T, w *world) {
	user, password := w.user()
	var connections atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing is kept
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		hosts string // at the administrator's source
		host  string // in the source
		port  string
	}{
		"another port": {w.Addr(), "127.0.0.1", port}, "another name": {w.Host, "localhost", port}, "one host of two": {w.Addr(), w.Host + "," + w.Host, fmt.Sprint(w.Port) + "," + port},
	} {
		r := w.shape(fmt.Sprintf(rds, "", c.hosts), master())
		now, before := w.ofRDS(user, password, c.host, c.port), w.roles()
		next, err := r.Next(now)
		if err != nil {
			t.Fatal(err)
		}
		_, early := r.Create(t.Context(), rotate.Start{Current: now})
		w.refused(t, early, "the host of DB_HOST", before)
		err = r.Set(t.Context(), rotate.Change{Pending: next, Current: now})
		var refused sqluser.Refusal
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "the host of DB_HOST") || !strings.Contains(err.Error(), "source master") {
			t.Errorf("%s: the error is %v", name, err)
		}
		w.refused(t, err, "the host of DB_HOST", before)
	}
	if err := dialThrough(t, l.Addr().String()); err != nil { // what came before has been counted
		t.Error(err)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections were made to a host that is not listed", n-1)
	}
}

// dialThrough connects, and waits until the other side has closed.
func dialThrough(t *testing.T, address string) error {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing is written
	if _, err := c.Read(make([]byte, 1)); err == nil {
		return errors.New("the listener has answered")
	}
	return nil
}

// severalKeys is a source with a pooler's URL, the server's own in another dialect, one that nobody can reach from here,
// and the user and the password by themselves.
const severalKeys = `
  orders:
    keys: {DB_URL: url, DB_DIRECT: jdbc, DB_FAR: far, DB_USER: username, DB_PASSWORD: password, DB_POOL: pool}
    rotate: {postgres: {url: [DB_URL, DB_DIRECT, DB_FAR], untested_urls: [DB_FAR], admin: master, end_sessions: true}, every: 30d}
  master: {keys: [MASTER_URL], hosts: ["localhost:%d"]}
`

// severalTexts are the texts of its keys. The other name of the server stands for a pooler.
func (w *world) severalTexts(user, password string) map[string]string {
	u, p, at := dsn.Encode(user), dsn.Encode(password), fmt.Sprint(w.Port)
	return map[string]string{
		"DB_URL":    "postgres://" + u + ":" + p + "@LocalHost:" + at + "/postgres?pgbouncer=true&connection_limit=1&sslmode=require&x=%2f\n",
		"DB_DIRECT": " jdbc:postgresql://" + w.Addr() + "/postgres?password=" + p + "&sslmode=verify-full&sslrootcert=" + w.CA + "&ApplicationName=a+b&user=" + u,
		"DB_FAR":    "host=far.invalid  user=" + user + " password='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + "' dbname=app sslcert=/client.pem ",
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

func severalURLs(t *testing.T, w *world) {
	r := w.shape(fmt.Sprintf(severalKeys, w.Port), rotate.Values{"MASTER_URL": secret.New(w.adminURL)})
	user, password := w.user()
	now := severalValues(w.severalTexts(user, password))
	for range 2 {
		next := w.turn(r.Rotator, now)
		for key, want := range w.severalTexts(secret.Reveal(next["DB_USER"]), secret.Reveal(next["DB_PASSWORD"])) {
			if got := secret.Reveal(next[key]); got != want {
				t.Errorf("%s has become %q, want %q", key, got, want)
			}
		}
		old := postgrestest.Connect(t, w.URL(secret.Reveal(now["DB_USER"]), secret.Reveal(now["DB_PASSWORD"]), "postgres"))
		if !w.accepts(r.source, next) || !w.accepts(r.source, now) || r.Identity(now) == r.Identity(next) || r.Same(now, next) || !r.Same(next, next) {
			t.Error("one of the two logins is refused, or they are one")
		}
		w.retire(r.Rotator, now, next)
		if w.accepts(r.source, now) || old.Ping(t.Context()) == nil {
			t.Error("what was retired is accepted, or its session goes on")
		}
		now = next
	}

	for key, wrong := range map[string]string{"DB_URL": "LocalHost", "DB_DIRECT": w.Host} {
		v := severalValues(w.severalTexts(user, secret.Reveal(now["DB_PASSWORD"])))
		v[key] = secret.New(strings.Replace(secret.Reveal(v[key]), wrong+":"+fmt.Sprint(w.Port), closedAddress(t), 1))
		if err := r.Test(t.Context(), v); err == nil || !strings.Contains(err.Error(), key+": connect: connection refused") {
			t.Errorf("where %s leads nowhere, the error of Test is %v", key, err)
		}
	}
	for key := range w.severalTexts("", "") {
		if key == "DB_POOL" {
			continue
		}
		v := severalValues(w.severalTexts(user, secret.Reveal(now["DB_PASSWORD"])))
		v[key] = secret.New(w.severalTexts(user, "canary")[key])
		if key == "DB_USER" {
			v[key] = secret.New("canary")
		}
		_, err := r.Create(t.Context(), rotate.Start{Current: v})
		var refused sqluser.Refusal
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "hold different logins") || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), user) {
			t.Errorf("with another login in %s the error is %v", key, err)
		}
	}
}
