package postgres

import (
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// logged rotates to and fro, retires, and fails wherever the server logs what it refuses. The server logs every
// statement with its parameters, and that of every error.
func logged(t *testing.T, w *world) {
	passwords, before := new(leak.Search), len(w.Log(t))
	note := func(v rotate.Values) rotate.Values {
		l, err := w.rotator().ReadLogin(v)
		if err == nil {
			err = passwords.Add("a password", secret.Reveal(l.Password))
		}
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	w.role("keeper", "Keeper/pass%word", "CREATEROLE")
	w.role("app", "App:pass\\word'\"")
	w.do("GRANT app TO keeper WITH ADMIN OPTION")
	w.adminURL = w.URL("keeper", "Keeper/pass%word", "postgres")
	note(at(w.adminURL))
	note(at(w.URL("x", postgrestest.AdminPassword, "y")))

	r := w.rotator(endSessions)
	app := note(at(w.URL("app", "App:pass\\word'\"", "postgres")))
	clone := note(w.turn(r, app))
	w.retire(r, app, clone)
	w.retire(r, app, clone) // a login that is refused
	app = note(w.turn(r, clone))
	w.retire(r, clone, app)

	w.do("ALTER ROLE app SET log_statement = 'all'") // which the administrator may not copy
	next, err := r.Create(t.Context(), rotate.Start{Current: app})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Set(t.Context(), rotate.Change{Pending: note(next), Current: app}); err == nil {
		t.Fatal("Set is done")
	}
	if err := r.Test(t.Context(), next); err == nil {
		t.Fatal("a login is accepted that was never set")
	}

	log := w.Log(t)[before:]
	for _, needed := range []string{"SCRAM-SHA-256$4096:", "permission denied to set parameter", `STATEMENT:  ALTER ROLE "app_clone"`, "password authentication failed", "ALTER ROLE SESSION_USER PASSWORD", "pg_terminate_backend"} {
		if !strings.Contains(log, needed) {
			t.Errorf("the log does not have %q: it proves nothing", needed)
		}
	}
	for _, found := range passwords.In([]byte(log)) {
		t.Errorf("the server's log has %s", found)
	}
}
