package mysql

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// unaccepted is the witness of a retirement about whose sessions nobody has said anything. proven is how long ago every
// consumer was seen without the login.
func unaccepted(proven time.Duration) rotate.Witness {
	return rotate.Witness{Now: noon, Proof: noon.Add(-proven)}
}

// awaitNoSessions returns once the server has noticed that a user's sessions were closed.
func (g *target) awaitNoSessions(t *testing.T, user string) {
	t.Helper()
	for len(g.Rows(t, "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = "+literal(user))) > 0 {
		if t.Context().Err() != nil {
			t.Fatal("its sessions do not end")
		}
	}
}

// A session of the owed login keeps it alive until it ends.
func aSessionOfTheOwedUserIsAVeto(t *testing.T, g *target) {
	app, password := g.person(t, "app")
	l := g.live(t, g.values(app, password))
	l.rotate()
	pool := g.Open(t, app, password)
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for proven, lingers := range map[time.Duration]bool{time.Minute: false, 0: true} {
		l.witness = unaccepted(proven)
		err := l.end(l.versions[0])
		used, is := errors.AsType[*rotate.InUse](err)
		if !is || !strings.Contains(used.Seen, "1 session from 127.0.0.1, ") || used.Ends.Equal(noon.Add(history.SessionsLinger)) != lingers {
			t.Fatalf("an open session, proven %s ago: %v", proven, err)
		}
		if !l.accepts(l.versions[0]) {
			t.Fatal("the login is dead")
		}
	}
	_ = conn.Close()
	_ = pool.Close()
	g.awaitNoSessions(t, app)
	if err := l.end(l.versions[0]); err != nil || l.accepts(l.versions[0]) {
		t.Errorf("after it has ended: %v", err)
	}
}

func anAcceptedSessionGoesOnUnlessItIsToEnd(t *testing.T, g *target) {
	for _, ends := range []bool{false, true} {
		app, password := g.person(t, g.another())
		l := g.live(t, g.values(app, password))
		if ends {
			l.endSessions()
		}
		l.rotate()
		answers := g.session(t, app, password)
		if err := l.end(l.versions[0]); err != nil {
			t.Fatal(err)
		}
		if answers() == ends || l.accepts(l.versions[0]) {
			t.Errorf("sessions are to end: %v, and it answers: %v", ends, !ends)
		}
	}
}

// What nobody has accepted is never ended, not even where it is no veto any more.
func aSessionThatNobodyHasAcceptedIsNotEnded(t *testing.T, g *target) {
	app, password := g.person(t, "app")
	l := g.live(t, g.values(app, password))
	answers := g.session(t, app, password)
	login := l.login(l.versions[0])
	one, err := l.rotator.server.loginKnown(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close(t.Context())
	for _, w := range []rotate.Witness{
		unaccepted(time.Hour),
		{Now: noon, Proof: noon, Accepted: noon.Add(-history.AcceptanceHolds - time.Minute)},
	} {
		e := sqluser.Retirement{Owed: login, EndSessions: true, Witness: w}
		if err := one.endAccepted(t.Context(), e); err != nil || !answers() {
			t.Errorf("%+v: %v; it answers: %v", w, err, answers())
		}
	}
}

// A user sees its own sessions without any right. The administrator sees those of others, and ends them, with PROCESS and
// CONNECTION ADMIN; without PROCESS it sees none of them, which is no error.
func whoMayLookAtWhoseSessions(t *testing.T, g *target) {
	app, password := g.person(t, g.another())
	keeper, keepersPassword := g.person(t, g.another())
	l := g.live(t, g.values(app, password))
	answers := g.session(t, app, password)
	for _, tt := range []struct {
		user, password, right string
		sees                  int
	}{
		{app, password, "USAGE", 1},
		{keeper, keepersPassword, "CREATE USER, CONNECTION ADMIN", 0},
		{keeper, keepersPassword, "PROCESS", 1},
	} {
		g.Do(t, "GRANT "+tt.right+" ON *.* TO "+identifier(tt.user)+"@'%'")
		one, err := l.rotator.server.loginKnown(t.Context(), l.login(g.values(tt.user, tt.password)))
		if err != nil {
			t.Fatal(err)
		}
		threads, err := one.listThreads(t.Context(), app)
		if err != nil || len(threads) != tt.sees {
			t.Errorf("%s with %s: %+v, %v", tt.user, tt.right, threads, err)
		}
		if tt.user == keeper {
			e := sqluser.Retirement{Owed: l.login(l.versions[0]), EndSessions: true, Witness: accepted}
			if err := one.endAccepted(t.Context(), e); err != nil || answers() != (tt.sees == 0) {
				t.Errorf("with %s it ends: %v, and the session answers: %v", tt.right, err, answers())
			}
		}
		one.Close(t.Context())
	}
}
