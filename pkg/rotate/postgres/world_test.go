package postgres

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const key = "APP_DB__URL"

// world is a PostgreSQL server and what its people know.
type world struct {
	*postgrestest.Server
	t     *testing.T
	admin *pgx.Conn // the superuser
	users int

	adminURL string              // in the administrator's source
	known    map[string][]string // passwords that anybody has had, by user
	matched  map[[2]string]bool
}

func newWorld(t *testing.T) *world { return start(t, postgrestest.Config{}) }

func start(t *testing.T, c postgrestest.Config) *world {
	t.Helper()
	s := c.Start(t)
	admin := s.URL(postgrestest.AdminUser, postgrestest.AdminPassword, "postgres")
	return &world{Server: s, t: t, admin: postgrestest.Connect(t, admin), adminURL: admin, known: map[string][]string{}, matched: map[[2]string]bool{}}
}

func (w *world) do(statements ...string) {
	w.t.Helper()
	postgrestest.Do(w.t, w.admin, statements...)
}

func (w *world) rows(query string, args ...any) []string {
	w.t.Helper()
	return postgrestest.Rows(w.t, w.admin, query, args...)
}

// user makes a user, as a person would, and returns its name and password.
func (w *world) user() (name, password string) {
	w.t.Helper()
	w.users++
	name, password = fmt.Sprintf("person%d", w.users), fmt.Sprintf("by/hand@%%%d?", w.users)
	w.role(name, password)
	return name, password
}

// role makes a user with that name and password, of which the server learns no more than from rotary.
func (w *world) role(name, password string, options ...string) {
	w.t.Helper()
	w.do("CREATE ROLE " + identifier(name) + " LOGIN PASSWORD " + literal(newVerifier(password)) + " " + strings.Join(options, " "))
	w.knows(name, password)
}

func (w *world) knows(name, password string) { w.known[name] = append(w.known[name], password) }

// administrator is the administrator's source, which holds a URL.
func (w *world) administrator(hosts ...string) sqluser.Admin {
	return sqluser.Admin{
		Source: manifest.Source{Name: "app-db-admin", Keys: manifest.KeysOf("ADMIN__URL"), Hosts: hosts},
		Read: func(context.Context) (rotate.Values, error) {
			return rotate.Values{"ADMIN__URL": secret.New(w.adminURL)}, nil
		},
	}
}

// at is a version that holds a URL.
func at(url string) rotate.Values { return rotate.Values{key: secret.New(url)} }

// source is the manifest's entry for one.
func source() manifest.Source {
	return manifest.Source{Name: "app-db", Keys: manifest.KeysOf(key), Rotate: manifest.Rotate{Postgres: &manifest.RotatePostgres{Database: manifest.Database{URL: manifest.Names{key}, Admin: "app-db-admin"}}}}
}

// entry is what the manifest's entry says of the database.
func entry(s *manifest.Source) *manifest.Database { return &s.Rotate.Postgres.Database }

// endSessions makes a source's retirement end sessions.
func endSessions(s *manifest.Source) { entry(s).EndSessions = true }

// fields is the manifest's entry for the parts of a login.
func (w *world) fields() manifest.Source {
	s := source()
	s.Keys = manifest.KeysOf("USER", "PASSWORD", "HOST", "PORT", "NAME")
	entry(&s).URL = nil
	entry(&s).Fields = &manifest.Login{Username: "USER", Password: "PASSWORD", Host: "HOST", Port: "PORT", DBName: "NAME", SSLRootCert: w.CA}
	return s
}

// parts is a version that holds them.
func (w *world) parts(user, password string) rotate.Values {
	return rotate.Values{
		"USER": secret.New(user), "PASSWORD": secret.New(password), "NAME": secret.New("postgres"),
		"HOST": secret.New(w.Host), "PORT": secret.New(strconv.Itoa(w.Port)),
	}
}

// open is a rotator whose connections go through calls.
func (w *world) open(s manifest.Source, calls rotatetest.Calls) *Rotator {
	return w.openWith(s, w.administrator(), calls)
}

// openWith is one with another administrator's source.
func (w *world) openWith(s manifest.Source, admin sqluser.Admin, calls rotatetest.Calls) *Rotator {
	r := New(s, admin)
	r.server.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return rotatetest.Conn(c, calls), nil
	}
	return r
}

// rotator is one whose calls go through.
func (w *world) rotator(change ...func(*manifest.Source)) *Rotator {
	s := source()
	for _, c := range change {
		c(&s)
	}
	return w.open(s, through)
}

// through lets every call through.
func through(_ string, do func() error) error { return do() }

// accepts reports whether the server accepts what a version holds, by the verifier that it keeps.
func (w *world) accepts(s manifest.Source, v rotate.Values) bool {
	w.t.Helper()
	l, err := New(s, sqluser.Admin{}).ReadLogin(v)
	if err != nil {
		w.t.Fatal(err)
	}
	kept := w.rows("SELECT rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin", l.User)
	return len(kept) == 1 && w.matches(kept[0], secret.Reveal(l.Password))
}

// accepted counts the passwords that anybody has had and that the server still accepts.
func (w *world) accepted() int {
	w.t.Helper()
	n := 0
	for _, row := range w.rows("SELECT rolname, coalesce(rolpassword, '') FROM pg_authid WHERE rolcanlogin AND rolname LIKE 'person%'") {
		user, kept, _ := strings.Cut(row, "|")
		for _, password := range w.known[user] {
			if w.matches(kept, password) {
				n++
			}
		}
	}
	return n
}

// matches remembers what it has computed.
func (w *world) matches(kept, password string) bool {
	pair := [2]string{kept, password}
	if _, computed := w.matched[pair]; !computed {
		w.matched[pair] = matches(kept, password)
	}
	return w.matched[pair]
}

// logsIn reports whether the server lets a user in.
func (w *world) logsIn(user, password string) bool {
	w.t.Helper()
	c, err := pgx.Connect(w.t.Context(), w.URL(user, password, "postgres"))
	if err == nil {
		_ = c.Close(w.t.Context())
		return true
	}
	if !strings.Contains(err.Error(), "28P01") {
		w.t.Fatal(err)
	}
	return false
}

// forget takes everything away that a test has made. What it does not know makes a later test fail.
func (w *world) forget() {
	w.t.Helper()
	for _, name := range w.rows("SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')") {
		w.do("DROP DATABASE " + identifier(name) + " WITH (FORCE)")
	}
	roles := w.rows("SELECT rolname FROM pg_roles WHERE rolname <> $1 AND rolname NOT LIKE 'pg\\_%'", postgrestest.AdminUser)
	for i, name := range roles {
		roles[i] = identifier(name)
	}
	if all := strings.Join(roles, ", "); all != "" {
		w.do("DROP OWNED BY "+all, "DROP ROLE "+all)
	}
	w.known, w.adminURL = map[string][]string{}, w.URL(postgrestest.AdminUser, postgrestest.AdminPassword, "postgres")
}

// turn rotates to the other user.
func (w *world) turn(r *Rotator, now rotate.Values) (next rotate.Values) {
	w.t.Helper()
	next, err := r.Create(w.t.Context(), rotate.Start{Current: now})
	if err == nil {
		err = r.Set(w.t.Context(), rotate.Change{Pending: next, Current: now})
	}
	if err == nil {
		err = r.Test(w.t.Context(), next)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return next
}

// accepted is the witness of a retirement whose sessions a person has accepted.
var accepted = rotate.Witness{Now: day(3), Proof: day(2), Accepted: day(3)}

// retire ends a credential, whose sessions a person has accepted.
func (w *world) retire(r *Rotator, owed, current rotate.Values) {
	w.t.Helper()
	if next, err := r.Retire(w.t.Context(), rotate.End{Owed: owed, Current: current, Witness: accepted}); err != nil || next != nil {
		w.t.Fatalf("it is not retired: %v", err)
	}
}

// session logs in with what a version holds.
func (w *world) session(v rotate.Values) *pgx.Conn {
	w.t.Helper()
	return postgrestest.Connect(w.t, secret.Reveal(v[key]))
}

// version is the server's.
func (w *world) version() int {
	w.t.Helper()
	n, err := strconv.Atoi(w.rows("SHOW server_version_num")[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return n / 10000
}

// spy notes the passwords that a rotator makes.
type spy struct {
	*Rotator
	w *world
}

func (s spy) Create(ctx context.Context, start rotate.Start) (rotate.Values, error) {
	v, err := s.Rotator.Create(ctx, start)
	if err == nil {
		l, err := s.ReadLogin(v)
		if err != nil {
			s.w.t.Fatal(err)
		}
		s.w.knows(l.User, secret.Reveal(l.Password))
	}
	return v, err
}

// conformance is a target for the suite, on a server that all of its tests share.
func (w *world) conformance(t *testing.T, s manifest.Source, version func(user, password string) rotate.Values) rotatetest.World {
	w.t = t
	w.forget()
	return rotatetest.World{
		Source: s, Open: func(calls rotatetest.Calls) rotate.Rotator { return spy{w.open(s, calls), w} },
		Put:     func() rotate.Values { return version(w.user()) },
		Accepts: func(v rotate.Values) bool { return w.accepts(s, v) }, Accepted: w.accepted,
		Fenced: true, Waits: w.waits,
		Session:   func(v rotate.Values) func() bool { return w.works(s, v) },
		Elsewhere: func(v rotate.Values) rotate.Values { return elsewhere(s, v) },
	}
}

// waits reports whether somebody waits for a lock on the server.
func (w *world) waits() bool {
	w.t.Helper()
	return w.rows("SELECT count(*) FROM pg_locks WHERE NOT granted")[0] != "0"
}

// works logs in with what a version holds, and returns what reports whether the session still works.
func (w *world) works(s manifest.Source, v rotate.Values) func() bool {
	w.t.Helper()
	l, err := New(s, sqluser.Admin{}).ReadLogin(v)
	if err != nil {
		w.t.Fatal(err)
	}
	c := postgrestest.Connect(w.t, w.URL(l.User, secret.Reveal(l.Password), "postgres"))
	return func() bool { return c.Ping(w.t.Context()) == nil }
}

// elsewhere is the same login at another port.
func elsewhere(s manifest.Source, v rotate.Values) rotate.Values {
	other := maps.Clone(v)
	if f := s.Database().Fields; f != nil && f.Port != "" {
		other[f.Port] = secret.New("1")
		return other
	}
	for _, url := range s.Database().URL {
		other[url] = secret.New(regexp.MustCompile(`:[0-9]+/`).ReplaceAllString(secret.Reveal(v[url]), ":1/"))
	}
	return other
}

// two is the manifest's entry for two URLs beside the user and the password.
func two() manifest.Source {
	s := source()
	s.Keys = manifest.KeysOf(key, "DIRECT", "USER", "PASSWORD")
	entry(&s).URL, entry(&s).Fields = manifest.Names{key, "DIRECT"}, &manifest.Login{Username: "USER", Password: "PASSWORD"}
	return s
}

// both is a version that holds them.
func (w *world) both(user, password string) rotate.Values {
	jdbc := "jdbc:postgresql://" + w.Addr() + "/postgres?user=" + dsn.Encode(user) + "&sslmode=require&password=" + dsn.Encode(password)
	v := at(w.URL(user, password, "postgres"))
	v["DIRECT"], v["USER"], v["PASSWORD"] = secret.New(jdbc), secret.New(user), secret.New(password)
	return v
}

// TestTheRotatorConforms takes a URL and the parts of a login in turn: the messages to the server are the same. Every
// third case is about two URLs, by which Test sends more.
func TestTheRotatorConforms(t *testing.T) {
	w, n, cases := newWorld(t), 0, map[string]bool{}
	rotatetest.Run(t, func(t *testing.T) rotatetest.World {
		n++
		switch cases[t.Name()] = true; {
		case len(cases)%3 == 0:
			return w.conformance(t, two(), w.both)
		case n%3 == 0:
			return w.conformance(t, w.fields(), w.parts)
		}
		return w.conformance(t, source(), func(user, password string) rotate.Values { return at(w.URL(user, password, "postgres")) })
	})
}

// readLogin reads the URL under a key.
func readLogin(v rotate.Values) (sqluser.Login, error) {
	return New(source(), sqluser.Admin{}).ReadLogin(v)
}

// matches reports whether a password is the one of which the server keeps a verifier.
func matches(kept, password string) bool {
	var salt, rest string
	if _, err := fmt.Sscanf(strings.NewReplacer("$", " ", ":", " ").Replace(kept), "SCRAM-SHA-256 4096 %s %s", &salt, &rest); err != nil {
		return false
	}
	plain, err := base64.StdEncoding.DecodeString(salt)
	return err == nil && credential.ScramVerifier(password, plain, 4096) == kept
}
