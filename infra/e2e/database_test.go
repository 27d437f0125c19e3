package e2e

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// database is the PostgreSQL server whose users take turns in source app-db.
type database struct {
	t      *testing.T
	server *postgrestest.Server
	known  map[login]bool
}

// login is a URL that was tried when so many writes had been made: nothing changes between two writes.
type login struct {
	url    string
	writes int
}

// openDatabase starts the server; nil where there is no PostgreSQL.
func openDatabase(t *testing.T) *database {
	t.Helper()
	if !postgrestest.Wanted(t) {
		t.Log("skipped: no PostgreSQL, so app-db does not rotate")
		return nil
	}
	s := postgrestest.Start(t)
	postgrestest.Do(t, s.Admin(t, "postgres"), "CREATE ROLE app LOGIN PASSWORD 'canary/by%hand@#1'")
	return &database{t, s, map[login]bool{}}
}

// seed puts URLs of the server in place of values that nobody could log in with, and has the server itself accept them.
// Without a server they are URLs of one that does not answer.
func (d *database) seed(st *stage.Stage, s manifest.Source, values map[string]string) {
	isAdmin := slices.ContainsFunc(st.Env.Sources, func(other manifest.Source) bool { return other.Rotate.Admin() == s.Name })
	for _, key := range s.KeyNames() {
		isLogin := s.Rotate.Kind() == manifest.Postgres && slices.Contains(s.Database().URL, key)
		switch {
		case d == nil && (isLogin || isAdmin):
			values[key] = "postgres://app:" + values[key] + "@127.0.0.1:1/postgres"
		case isLogin:
			values[key] = d.server.URL("app", "canary/by%hand@#1", "postgres")
			st.Targets.Ask(stage.Target(st.Env, key), func(url string, _ bool) bool { return d.accepts(login{url, st.Tap.Writes()}) })
		case isAdmin:
			values[key] = d.server.URL(postgrestest.AdminUser, postgrestest.AdminPassword, "postgres")
		}
	}
}

func (d *database) accepts(l login) bool {
	if verdict, tried := d.known[l]; tried {
		return verdict
	}
	conn, err := pgx.Connect(d.t.Context(), l.url)
	if err == nil {
		err = conn.Close(d.t.Context())
	}
	d.known[l] = err == nil
	return err == nil
}
