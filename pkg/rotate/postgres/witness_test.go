package postgres

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// unaccepted is the witness of a retirement about whose sessions nobody has said anything. proven is how long ago every
// consumer was seen without the login.
func unaccepted(proven time.Duration) rotate.Witness {
	return rotate.Witness{Now: day(3), Proof: day(3).Add(-proven)}
}

// endAs retires a login with a witness, and returns who uses it; nil where it is dead.
func (w *world) endAs(r *Rotator, owed rotate.Values, witness rotate.Witness) *rotate.InUse {
	w.t.Helper()
	end := w.end(owed)
	end.Witness = witness
	_, err := r.Retire(w.t.Context(), end)
	used, is := errors.AsType[*rotate.InUse](err)
	if err != nil && !is {
		w.t.Fatal(err)
	}
	if alive := w.accepts(source(), owed); alive != is {
		w.t.Fatalf("the login is accepted: %v, and the error is %v", alive, err)
	}
	w.awaitSessions(secretUser(w, owed), -1)
	return used
}

// secretUser returns the user of a version.
func secretUser(w *world, v rotate.Values) string {
	w.t.Helper()
	l, err := readLogin(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return l.User
}

// awaitSessions returns once a user has so many sessions: the server notices after the client that one has ended. -1:
// once none is rotary's any more.
func (w *world) awaitSessions(user string, want int) {
	w.t.Helper()
	for {
		query := "SELECT pid FROM pg_stat_activity WHERE usename = $1"
		if want < 0 {
			query += " AND application_name = 'rotary' AND backend_start > now() - interval '1 minute'"
		}
		if n := len(w.rows(query, user)); n == max(want, 0) {
			return
		} else if w.t.Context().Err() != nil {
			w.t.Fatalf("%s has %d sessions", user, n)
		}
	}
}

// as logs in under an application name.
func (w *world) as(application string, v rotate.Values) *pgx.Conn {
	w.t.Helper()
	return postgrestest.Connect(w.t, secret.Reveal(v[key])+"&application_name="+application)
}

// A session of the owed login keeps it alive until it ends, whatever its age: as the user itself, as a clone, and where
// the administrator retires.
func openSession(t *testing.T, w *world) {
	for _, cloned := range []bool{false, true} {
		user, password := w.user()
		if cloned {
			w.do("CREATE ROLE base_of_"+user, "GRANT base_of_"+user+" TO "+user, "ALTER ROLE "+user+" SET role = base_of_"+user)
		}
		owed := at(w.URL(user, password, "postgres"))
		one, two := w.as("worker", owed), w.as("worker", owed)
		used := w.endAs(w.rotator(), owed, unaccepted(time.Hour))
		if used == nil || !strings.Contains(used.Seen, "2 sessions from 127.0.0.1 (worker, idle), the oldest since 2026-01-03 0") || !used.Ends.IsZero() {
			t.Errorf("two sessions that began after the proof: %v", used)
		}
		used = w.endAs(w.rotator(), owed, unaccepted(-time.Minute))
		if used == nil || !used.Ends.Equal(day(3).Add(time.Minute+history.SessionsLinger)) {
			t.Errorf("two sessions that began before the proof: %+v", used)
		}
		_ = one.Close(t.Context())
		w.awaitSessions(user, 1)
		if used := w.endAs(w.rotator(), owed, unaccepted(time.Hour)); used == nil || !strings.Contains(used.Seen, "1 session from") {
			t.Errorf("one of two has ended: %v", used)
		}
		_ = two.Close(t.Context())
		w.awaitSessions(user, 0)
		if used := w.endAs(w.rotator(), owed, unaccepted(time.Hour)); used != nil {
			t.Errorf("both have ended: %v", used)
		}
	}
}

// A young session that is called rotary is rotary's own.
func ownSessions(t *testing.T, w *world) {
	user, password := w.user()
	owed := at(w.URL(user, password, "postgres"))
	own := w.as("rotary", owed)
	s, err := sqluserSession(w, owed)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if uses, err := s.listUses(t.Context(), user); err != nil || len(uses) > 0 {
		t.Errorf("%+v, %v", uses, err)
	}
	postgrestest.Do(t, own, "SET application_name = 'shop'") // as whoever uses it does, behind a pooler
	if uses, err := s.listUses(t.Context(), user); err != nil || len(uses) != 1 || uses[0].By != "shop, idle" {
		t.Errorf("%+v, %v", uses, err)
	}
}

// sqluserSession logs in as rotary does.
func sqluserSession(w *world, v rotate.Values) (session, error) {
	w.t.Helper()
	l, err := readLogin(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.rotator().server.Connect(w.t.Context(), l, l.Hosts[0])
}

// What a person has accepted ends, where the manifest ends sessions. What nobody has accepted, or what began after that,
// goes on.
func acceptedSession(t *testing.T, w *world) {
	user, password := w.user()
	owed := at(w.URL(user, password, "postgres"))
	s, err := sqluserSession(w, owed)
	if err != nil {
		t.Fatal(err)
	}
	one := w.as("worker", owed)
	e := sqluser.Retirement{EndSessions: true, Witness: unaccepted(time.Hour)}
	if deed, asked := endAccepted(e, literal(user)); asked {
		t.Errorf("nobody has accepted anything, and it does %q", deed.sql)
	}
	e.Witness.Accepted = day(3).Add(-history.AcceptanceHolds - time.Hour) // it began after that
	deed, asked := endAccepted(e, literal(user))
	if err := s.do(t.Context(), deed); !asked || err != nil || one.Ping(t.Context()) != nil {
		t.Errorf("asked: %v, %v; the session lives: %v", asked, err, one.Ping(t.Context()) == nil)
	}
	s.Close(t.Context()) // endAs waits until rotary has no session any more
	if used := w.endAs(w.rotator(endSessions), owed, e.Witness); used == nil {
		t.Error("what began after the acceptance is no veto")
	}
	if used := w.endAs(w.rotator(), owed, accepted); used != nil || one.Ping(t.Context()) != nil {
		t.Errorf("%v; a session ends that nobody ends", used)
	}

	user, password = w.user()
	owed = at(w.URL(user, password, "postgres"))
	one = w.as("worker", owed)
	if used := w.endAs(w.rotator(endSessions), owed, accepted); used != nil || one.Ping(t.Context()) == nil {
		t.Errorf("%v; an accepted session goes on", used)
	}
}

// countedSessions retires as an administrator who has none of the user's privileges: the sessions are counted, and
// nothing else of them is shown, unless it has pg_read_all_stats.
func countedSessions(t *testing.T, w *world) {
	w.role(canary, password)
	w.role("keeper", "pw", "CREATEROLE")
	if w.version() >= 16 { // to change its password, and nothing else
		w.do("GRANT " + canary + " TO keeper WITH ADMIN OPTION, INHERIT FALSE, SET FALSE")
	}
	w.do("CREATE DATABASE shop", "CREATE DATABASE office", "REVOKE CONNECT ON DATABASE office FROM PUBLIC", "GRANT CONNECT ON DATABASE office TO keeper", "GRANT pg_signal_backend TO keeper")
	w.adminURL = w.URL("keeper", "pw", "office")
	owed := at(w.URL(canary, password, "shop"))
	s := w.as("worker", owed)
	r := w.rotator(endSessions)
	end := w.end(owed)
	end.Witness = unaccepted(time.Minute)
	_, err := r.Retire(t.Context(), end)
	used, is := errors.AsType[*rotate.InUse](err)
	if !is || !strings.Contains(used.Seen, "1 session from an address that is not visible to this login (worker), now") || !used.Ends.IsZero() {
		t.Fatalf("the error is %v", err)
	}
	w.do("GRANT pg_read_all_stats TO keeper")
	_, err = r.Retire(t.Context(), end)
	if used, is = errors.AsType[*rotate.InUse](err); !is || !strings.Contains(used.Seen, "1 session from 127.0.0.1 (worker, idle), since ") {
		t.Fatalf("with pg_read_all_stats the error is %v", err)
	}
	w.do("REVOKE pg_read_all_stats FROM keeper")
	end.Witness = accepted
	if _, err := r.Retire(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err == nil || w.logsIn(canary, password) {
		t.Errorf("the user still logs in, or a session goes on: %v", err)
	}
}
