package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// application makes what an application has: a user app with settings, privileges and row security in the database
// shop, into which only it may go. The administrator is no superuser.
func (w *world) application() (app rotate.Values) {
	w.t.Helper()
	w.role("app", "app's pass/word", "CONNECTION LIMIT 7", "CREATEDB", "VALID UNTIL '2099-01-02 03:04:05+00'")
	w.role("keeper", "keeper's pass/word", "CREATEROLE", "CREATEDB")
	w.adminURL = w.URL("keeper", "keeper's pass/word", "postgres")
	w.do(
		"GRANT app TO keeper WITH ADMIN OPTION", "CREATE ROLE staff", "GRANT staff TO app",
		"CREATE DATABASE shop", "REVOKE CONNECT ON DATABASE shop FROM PUBLIC", "GRANT CONNECT, CREATE ON DATABASE shop TO app",
		`ALTER ROLE app SET search_path = "$user", 'Odd, "name"', public, ''`, "ALTER ROLE app SET work_mem = '9MB'", `ALTER ROLE app SET "my.own" = 'it''s \x'`,
		"GRANT SET ON PARAMETER my.own TO keeper",
		"ALTER ROLE app SET timezone = 'Europe/Oslo'", "ALTER ROLE app IN DATABASE shop SET statement_timeout = 77000", "ALTER ROLE app IN DATABASE postgres SET datestyle = 'SQL, DMY'",
	)
	postgrestest.Do(w.t, w.Admin(w.t, "shop"),
		"CREATE TABLE notes (owner name DEFAULT current_user, text text)", "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY own ON notes TO app USING (owner = current_user)", "GRANT SELECT, INSERT ON notes TO app",
		"INSERT INTO notes VALUES ('app', 'of app'), ('other', 'of another')",
		"GRANT USAGE, CREATE ON SCHEMA public TO app", "ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO staff",
	)
	return at(w.URL("app", "app's pass/word", "shop"))
}

func alike(t *testing.T, w *world) {
	app, r := w.application(), w.rotator()
	clone := w.turn(r, app)
	w.alike(t)
	s := w.session(clone)
	for _, c := range []struct{ question, want string }{
		{"SELECT session_user, current_user", "app_clone|app"},
		{"SHOW search_path", `"$user", "Odd, ""name""", public, ""`},
		{"SHOW work_mem", "9MB"},
		{"SHOW my.own", `it's \x`},
		{"SHOW statement_timeout", "77s"},
		{"SHOW timezone", "Europe/Oslo"},
		{"SELECT text FROM public.notes", "of app"},
		{"INSERT INTO public.notes (text) VALUES ('more') RETURNING owner", "app"},
		{"SELECT pg_has_role('staff', 'USAGE'), has_schema_privilege('public', 'CREATE')", "true|true"},
	} {
		if got := postgrestest.Rows(t, s, c.question); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: the clone gets %q, want %q", c.question, got, c.want)
		}
	}
	postgrestest.Do(t, s, "CREATE TABLE public.made (x int)", "CREATE DATABASE made")
	want := []string{"app|{app=arwdDxtm/app,staff=r/app}"}
	if got := postgrestest.Rows(t, s, "SELECT tableowner, relacl::text FROM pg_tables JOIN pg_class ON relname = tablename WHERE tablename = 'made'"); strings.Replace(got[0], "Dxt/", "Dxtm/", 1) != want[0] { // m is of version 17
		t.Errorf("what the clone makes is %q, want %q", got, want)
	}
	for _, reset := range []string{"RESET ROLE", "DISCARD ALL", "RESET ALL"} {
		postgrestest.Do(t, s, reset)
		if got := postgrestest.Rows(t, s, "SELECT current_user -- after "+reset); got[0] != "app" {
			t.Errorf("after %s the clone is %q", reset, got)
		}
	}
}

// alike compares what the catalogs have of the two users.
func (w *world) alike(t *testing.T) {
	t.Helper()
	about := func(user string) []string {
		return append(
			w.rows("SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolconnlimit, coalesce(rolvaliduntil, 'infinity')::text FROM pg_roles WHERE rolname = $1", user),
			w.rows("SELECT setdatabase, setting FROM pg_db_role_setting, unnest(setconfig) AS c (setting) WHERE setrole = $1::regrole AND setting <> 'role=app' ORDER BY 1, 2", user)...,
		)
	}
	if diff := cmp.Diff(about("app"), about("app_clone")); diff != "" {
		t.Errorf("the clone differs (-app +clone):\n%s", diff)
	}
}

func drifting(t *testing.T, w *world) {
	app, r := w.application(), w.rotator()
	for range 2 {
		clone := w.turn(r, app)
		w.alike(t)
		w.retire(r, app, clone)
		w.do("ALTER ROLE app SET work_mem = '11MB'", "ALTER ROLE app RESET search_path", "ALTER ROLE app IN DATABASE shop RESET ALL", "ALTER ROLE app SET lock_timeout = 5", "ALTER ROLE app NOCREATEDB CONNECTION LIMIT 3 VALID UNTIL 'infinity'",
			"ALTER ROLE app_clone SET work_mem = '1MB'", "ALTER ROLE app_clone SET jit = off", "ALTER ROLE app_clone CONNECTION LIMIT 1")
		app = w.turn(r, clone)
		w.retire(r, clone, app)
		w.do("ALTER ROLE app_clone NOLOGIN NOINHERIT CREATEROLE", "ALTER ROLE app_clone RESET role", "REVOKE app FROM app_clone GRANTED BY keeper", "GRANT app TO app_clone")
	}
	w.turn(r, app)
	w.alike(t)
}

func becoming(t *testing.T, w *world) {
	app, r := w.application(), w.rotator()
	w.do("ALTER ROLE app SET role = 'staff'", "ALTER ROLE app IN DATABASE shop SET role = 'none'")
	clone := w.turn(r, app)
	if got := postgrestest.Rows(t, w.session(clone), "SELECT current_user"); got[0] != "app" {
		t.Errorf("in shop the clone is %q", got)
	}
	l, err := r.ReadLogin(clone)
	if err != nil {
		t.Fatal(err)
	}
	there := at(w.URL(l.User, secret.Reveal(l.Password), "postgres"))
	if got := postgrestest.Rows(t, w.session(there), "SELECT current_user"); got[0] != "staff" {
		t.Errorf("elsewhere the clone is %q", got)
	}
	w.retire(r, app, clone)
	app = w.turn(r, clone)
	w.retire(r, clone, app)
	w.turn(r, app)
}

// Any name that PostgreSQL takes, in both styles of source, and any password in a URL.
func anyName(t *testing.T, w *world) {
	password := ""
	for c := ' '; c <= '~'; c++ {
		password += string(c)
	}
	for _, name := range []string{
		"app", "Upper", "sp ace", "da-sh", `quo"te`, "quo'te", `back\slash`, "per%cent", "at@:/?#[]&=+,;$!()*~", "ünï", "$1", "public.x", "x_clone_",
		strings.Repeat("n", 57), strings.Repeat("ø", 28) + "n",
	} {
		w.role(name, password)
		for style, c := range map[string]struct {
			source manifest.Source
			now    rotate.Values
		}{"url": {source(), at(w.URL(name, password, "postgres"))}, "fields": {w.fields(), w.parts(name, password)}} {
			r := w.rotator(func(s *manifest.Source) { *s = c.source })
			other := w.turn(r, c.now)
			if !w.accepts(c.source, c.now) || !w.accepts(c.source, other) {
				t.Errorf("%s %q: not both logins are accepted", style, name)
			}
			again := w.turn(r, other)
			w.retire(r, other, again)
			if w.accepts(c.source, c.now) || w.accepts(c.source, other) || !w.accepts(c.source, again) {
				t.Errorf("%s %q: another login than the last is accepted", style, name)
			}
			w.do("DROP ROLE "+identifier(name+sqluser.Clone), "ALTER ROLE "+identifier(name)+" PASSWORD "+literal(newVerifier(password)))
		}
		w.do("DROP ROLE " + identifier(name))
	}
}
