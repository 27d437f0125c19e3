package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// end is the end of the canary's credential, beside a current version of another user.
func (w *world) end(owed rotate.Values) rotate.End {
	return rotate.End{Owed: owed, Current: at(w.URL("somebody", "pw", "postgres")), Witness: accepted}
}

func TestOnlyARefusedLoginIsDeadAlready(t *testing.T) {
	w := start(t, postgrestest.Config{Access: []string{"host all not_from_here all reject", "host all unasked all trust", "hostssl all all all scram-sha-256"}})
	user := "CREATE ROLE " + canary + " LOGIN PASSWORD " + literal(newVerifier(password))
	closed := closedAddress(t)
	for name, c := range map[string]struct {
		before []string
		owed   rotate.Values
		end    func(*rotate.End)
		want   string // "": it is dead afterwards
		same   bool   // nothing changes
	}{
		"a user that works":                         {before: []string{user}},
		"a user that may only read":                 {before: []string{user, "ALTER ROLE " + canary + " SET default_transaction_read_only = on"}},
		"a clone":                                   {before: []string{user, "CREATE ROLE base", "GRANT base TO " + canary, "ALTER ROLE " + canary + " SET role = base"}},
		"an emergency's":                            {before: []string{user}, end: func(e *rotate.End) { e.Forced = true }},
		"a password that is another":                {before: []string{user}, owed: at(w.URL(canary, fresh, "postgres")), same: true},
		"a user that may not log in":                {before: []string{user, "ALTER ROLE " + canary + " NOLOGIN"}, same: true},
		"a user without a password":                 {before: []string{user, "ALTER ROLE " + canary + " PASSWORD NULL"}, same: true},
		"a user that there is no more":              {same: true},
		"a server that does not answer":             {before: []string{user}, owed: instead(w.now(), w.Addr(), closed), want: "log in with the owed credential: connect: connection refused", same: true},
		"a host that is not":                        {before: []string{user}, owed: instead(w.now(), "127.0.0.1", "nowhere.invalid"), want: "connect: there is no such host", same: true},
		"two hosts, of which one does not answer":   {before: []string{user, "ALTER ROLE " + canary + " NOLOGIN"}, owed: instead(w.now(), "@", "@"+closed+","), want: "host 1 of 2: connect: connection refused", same: true},
		"a database that is not":                    {before: []string{user}, owed: at(w.URL(canary, password, "gone"))},
		"a user with too many connections":          {before: []string{user, "ALTER ROLE " + canary + " CONNECTION LIMIT 0"}, want: "53300", same: true},
		"a user that is not let in from here":       {before: []string{"CREATE ROLE not_from_here LOGIN PASSWORD " + literal(newVerifier(password))}, owed: at(w.URL("not_from_here", password, "postgres")), want: "28000: it lets nobody in from here", same: true},
		"a connection that is not let in":           {before: []string{user}, owed: instead(w.now(), "verify-full", "disable"), want: "28000: it lets nobody in from here", same: true},
		"a user that is not asked for a password":   {before: []string{"CREATE ROLE unasked LOGIN PASSWORD " + literal(newVerifier(password))}, owed: at(w.URL("unasked", password, "postgres")), want: "does not ask for a password as scram", same: true},
		"a superuser":                               {before: []string{user + " SUPERUSER"}, want: "superuser", same: true},
		"a superuser that is something else":        {before: []string{user + " SUPERUSER", "CREATE ROLE lesser", "ALTER ROLE " + canary + " SET role = lesser"}, want: "superuser", same: true},
		"the administrator's own user":              {owed: at(w.adminURL), want: "the administrator's own", same: true},
		"the administrator's, with an old password": {owed: at(w.URL("postgres", fresh, "postgres")), want: "the administrator's own", same: true},
		"the current version's user":                {before: []string{user}, end: func(e *rotate.End) { e.Current = at(w.URL(canary, fresh, "postgres")) }, want: "the current version's", same: true},
		"beside a current version that is none":     {before: []string{user}, end: func(e *rotate.End) { e.Current = at(canary) }, want: "the current version: APP_DB__URL: it is not a URL", same: true},
		"what is no login":                          {owed: at(canary), want: "the owed version: APP_DB__URL: it is not a URL", same: true},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.do(c.before...)
			defer w.drop()
			before, r, owed := w.roles(), w.rotator(), c.owed
			if owed == nil {
				owed = w.now()
			}
			e := w.end(owed)
			if c.end != nil {
				c.end(&e)
			}
			next, err := r.Retire(t.Context(), e)
			if next != nil || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
			if err != nil {
				silent(t, err)
			}
			if c.same {
				if diff := cmp.Diff(before, w.roles()); diff != "" {
					t.Errorf("something has changed (-before +after):\n%s", diff)
				}
				return
			}
			if w.logsIn(canary, password) {
				t.Error("the login is accepted")
			}
			if kept := w.rows("SELECT left(rolpassword, 19) FROM pg_authid WHERE rolname = $1", canary); kept[0] != "SCRAM-SHA-256$4096:" {
				t.Errorf("its password is kept as %s", kept)
			}
		})
	}
	w.t = t
	w.do("DROP ROLE base, lesser, not_from_here, unasked")
}

// mortal lets a process end at one of its messages.
type mortal struct {
	at   int
	done bool
	n    int
	dead bool
}

var errDead = errors.New("dead")

func (m *mortal) call(_ string, do func() error) error {
	if m.dead {
		return errDead
	}
	m.n++
	if m.n != m.at {
		return do()
	}
	if m.done {
		_ = do()
	}
	m.dead = true
	return errDead
}

// endingSessions ends a retirement at each of its messages.
func endingSessions(t *testing.T, w *world) {
	ends := source()
	endSessions(&ends)
	for cloned := range 2 {
		for _, done := range []bool{false, true} {
			for at := 1; ; at++ {
				m := &mortal{at: at, done: done}
				if !w.endsSessions(ends, m, cloned == 1) {
					break
				}
				if t.Failed() {
					t.Fatalf("a crash at message %d, done: %v", at, done)
				}
			}
		}
	}
}

// endsSessions retires a user that has two sessions, and again after a crash, if there was one.
func (w *world) endsSessions(ends manifest.Source, m *mortal, cloned bool) (crashed bool) {
	w.t.Helper()
	user, password := w.user()
	if cloned {
		w.do("CREATE ROLE base_of_"+user, "GRANT base_of_"+user+" TO "+user, "ALTER ROLE "+user+" SET role = base_of_"+user)
	}
	owed, other := at(w.URL(user, password, "postgres")), w.admin
	one, two := w.session(owed), w.session(owed)
	_, err := w.open(ends, m.call).Retire(w.t.Context(), w.end(owed))
	if err != nil && !m.dead {
		w.t.Error(err)
	}
	w.retire(w.rotator(func(s *manifest.Source) { *s = ends }), owed, at(w.URL("somebody", "pw", "postgres")))
	for _, c := range []interface {
		Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	}{one, two} {
		if _, err := c.Exec(w.t.Context(), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "57P01") {
			w.t.Errorf("a session goes on: %v", err)
		}
	}
	if _, err := other.Exec(w.t.Context(), "SELECT 1"); err != nil {
		w.t.Errorf("somebody else's session has ended: %v", err)
	}
	return m.dead
}

func leavingSessions(t *testing.T, w *world) {
	user, password := w.user()
	owed := at(w.URL(user, password, "postgres"))
	s := w.session(owed)
	w.retire(w.rotator(), owed, at(w.URL("somebody", "pw", "postgres")))
	postgrestest.Do(t, s, "SELECT 1")
}

// atThePrimary starts a second server, which reports to the superuser that it is a standby.
func atThePrimary(t *testing.T, w *world) {
	standby := start(t, postgrestest.Config{Standby: true})
	l := func(list string) sqluser.Login {
		l, err := readLogin(instead(at(w.adminURL), w.Addr()+"/postgres?sslmode=verify-full", list+"/postgres?sslmode=require&x=y"))
		if err != nil {
			t.Fatal(err)
		}
		l.Encryption = sqluser.Encryption{Mode: sqluser.Required}
		return l
	}
	closed := closedAddress(t)
	for list, want := range map[string]string{
		standby.Addr() + "," + w.Addr():                "",
		closed + "," + standby.Addr() + "," + w.Addr(): "",
		w.Addr() + "," + standby.Addr():                "",
		closed + "," + standby.Addr():                  "host 1 of 2: connect: connection refused\nhost 2 of 2: it is a standby",
	} {
		s, err := sqluser.Primary(t.Context(), w.rotator().server, l(list))
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("error is %v, want %q", err, want)
		}
		if err == nil {
			if rows, err := s.rows(t.Context(), "ask", "SELECT inet_server_port()::text"); err != nil || rows[0][0] != l(w.Addr()).Hosts[0].Port {
				t.Errorf("it is at port %v, %v", rows, err)
			}
			s.Close(t.Context())
		}
	}
	w.role(canary, password)
	standing := instead(w.now(), w.Addr(), standby.Addr()+","+closed)
	if _, err := w.rotator().Retire(t.Context(), w.end(standing)); err == nil || !strings.Contains(err.Error(), "host 1 of 2") {
		t.Errorf("a standby's refusal counts: %v", err)
	}
}
