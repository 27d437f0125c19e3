package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// TestASourceOfEachDialectRotatesAndKeepsTheRestOfItsText goes through two turns of each, with an administrator's source
// of the same dialect: everything that the drivers say about the server is meant, TLS included.
func TestASourceOfEachDialectRotatesAndKeepsTheRestOfItsText(t *testing.T) {
	w := newWorld(t)
	single := func(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
	for name, c := range map[string]struct {
		text  string // USER and PASSWORD stand for the login
		write func(string) string
	}{
		"parameters of a URL": {"postgresql://HOST:PORT/postgres?password=PASSWORD&sslmode=verify-full&sslrootcert=CA&x=%2f&user=USER\n", dsn.Encode},
		"PostGIS":             {" postgis://USER:PASSWORD@HOST:PORT/postgres?sslmode=require&pool=5", dsn.Encode},
		"asyncpg":             {"postgresql+asyncpg://USER:PASSWORD@HOST:PORT/postgres", dsn.Encode},
		"JDBC":                {"jdbc:postgresql://HOST:PORT/postgres?user=USER&ssl=true&sslrootcert=CA&password=PASSWORD&ApplicationName=a+b", dsn.Encode},
		"ADO.NET":             {"HOST=HOST;Port=PORT;Database=postgres; Username = USER ;Password=PASSWORD;SSL Mode=VerifyFull;Root Certificate=CA;;Enlist=true;\n", single},
		"libpq": {"host=HOST port=PORT user=USER\tpassword=PASSWORD  dbname=postgres sslmode=verify-full sslrootcert='CA' ", func(value string) string {
			return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			text := strings.NewReplacer("=HOST", "="+w.Host, "//HOST", "//"+w.Host, "@HOST", "@"+w.Host, "PORT", fmt.Sprint(w.Port), "CA", w.CA).Replace(c.text)
			fill := func(user, password string) string {
				return strings.NewReplacer("USER", c.write(user), "PASSWORD", c.write(password)).Replace(text)
			}
			w.adminURL = fill(postgrestest.AdminUser, postgrestest.AdminPassword)
			user, password := w.user()
			r, now := w.rotator(), at(fill(user, password))
			for range 2 {
				next := w.turn(r, now)
				before, after := mustRead(t, secret.Reveal(now[key])), mustRead(t, secret.Reveal(next[key]))
				if want := fill(after.User, secret.Reveal(after.Password)); secret.Reveal(next[key]) != want {
					t.Errorf("the text has become %q, want %q", secret.Reveal(next[key]), want)
				}
				if !w.logsIn(after.User, secret.Reveal(after.Password)) || !w.logsIn(before.User, secret.Reveal(before.Password)) {
					t.Error("one of the two logins is refused")
				}
				w.retire(r, now, next)
				if w.logsIn(before.User, secret.Reveal(before.Password)) {
					t.Error("what was retired is accepted")
				}
				now = next
			}
			if l := mustRead(t, secret.Reveal(now[key])); l.User != user {
				t.Errorf("after two turns it is %s, not %s", l.User, user)
			}
		})
	}
}

// mustRead reads a connection string.
func mustRead(t *testing.T, text string) *dsn.String {
	t.Helper()
	s, err := dsn.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
