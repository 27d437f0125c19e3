package mysql

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func retiringEndsOneCredentialAndChangesNothingElse(t *testing.T, g *target) {
	l := g.live(t, g.values(g.person(t, "app")))
	bystander := g.values(g.person(t, "bystander"))
	l.rotate()
	before := g.shown(t, "app", "%")
	l.retire()
	l.retire()
	if l.accepts(l.versions[0]) {
		t.Error("the owed credential is still accepted")
	}
	if !l.accepts(l.current()) || !l.accepts(bystander) {
		t.Error("another credential is no longer accepted")
	}
	if after := g.shown(t, "app", "%"); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("its account was\n%q\nand is\n%q", before, after)
	}
}

func whatIsRefusedIsDeadOnlyIfNoAccountHasThatPassword(t *testing.T, g *target) {
	const all = "DROP USER IF EXISTS app@'%', app@'10.9.9.9'"
	for _, c := range []struct {
		name       string
		statements []string
		dead       bool
	}{
		{"there is no such user", nil, true},
		{"its password has changed", []string{"CREATE USER app@'%' IDENTIFIED BY 'another'"}, true},
		{"it has no password", []string{"CREATE USER app@'%'"}, true},
		{"it is for another host", []string{"CREATE USER app@'10.9.9.9' IDENTIFIED BY 'by hand'"}, false},
		{"it wants a certificate", []string{"CREATE USER app@'%' IDENTIFIED BY 'by hand' REQUIRE X509"}, false},
		{"it is locked", []string{"CREATE USER app@'%' IDENTIFIED BY 'by hand' ACCOUNT LOCK"}, false},
		{"it has expired", []string{"CREATE USER app@'%' IDENTIFIED BY 'by hand' PASSWORD EXPIRE"}, false},
		{"it is let in without a password as well", []string{"CREATE USER app@'%' IDENTIFIED VIA unix_socket"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.Do(t, all)
			g.Do(t, c.statements...)
			before := g.accounts(t)
			l := g.live(t, g.values("app_clone", "x"))
			err := l.end(g.values("app", "by hand"))
			if dead := err == nil; dead != c.dead {
				t.Errorf("it is dead: %v (%v), want %v", dead, err, c.dead)
			}
			g.unchanged(t, before)
		})
	}
}

func someUsersAreNeverRetired(t *testing.T, g *target) {
	current := g.values(g.person(t, "app"))
	admin, _ := g.administrator().Read(t.Context())
	l := g.live(t, current)
	for name, owed := range map[string]rotate.Values{
		"the current version's": current, "the current version's, with another password": g.values("app", "older"),
		"the administrator's": {"DB_URL": admin["ADMIN_URL"]}, "nobody's": {"DB_URL": secret.New("nothing")},
	} {
		before := g.accounts(t)
		if err := l.end(owed); err == nil {
			t.Errorf("%s user is retired", name)
		}
		g.unchanged(t, before)
	}
	if !l.accepts(current) {
		t.Error("the current credential is no longer accepted")
	}
}

func aServerThatCannotBeReachedIsNotDead(t *testing.T, g *target) {
	l := g.live(t, g.values("app_clone", "x"))
	l.rotator.server.dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody listens") }
	if err := l.end(g.values("app", "by hand")); err == nil {
		t.Error("it is dead")
	}
}

// session opens a connection as an application does, and returns what tells whether it still answers.
func (g *target) session(t *testing.T, user, password string) (answers func() bool) {
	t.Helper()
	conn, err := g.Open(t, user, password).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	answers = func() bool { return conn.PingContext(t.Context()) == nil && query(t, conn) }
	if !answers() {
		t.Fatal("the session does not answer at all")
	}
	return answers
}

func query(t *testing.T, conn *sql.Conn) bool {
	var n int
	err := conn.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM shop.orders").Scan(&n)
	return err == nil
}

func sessionsEndOnlyWhereThatIsWanted(t *testing.T, g *target) {
	for _, c := range []struct {
		name           string
		wanted, forced bool
	}{{"nobody asks", false, false}, {"the manifest asks", true, false}, {"a deadline has passed", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			app, password := g.person(t, g.another())
			other, otherPassword := g.person(t, g.another())
			l := g.live(t, g.values(app, password))
			l.entry(func(d *manifest.Database) { d.EndSessions = c.wanted })
			l.rotate()
			now := l.login(l.current())
			answers, another := g.session(t, app, password), g.session(t, app, password)
			bystander, successor := g.session(t, other, otherPassword), g.session(t, now.User, secret.Reveal(now.Password))
			if _, err := l.rotator.Retire(t.Context(), rotate.End{Owed: l.versions[0], Current: l.current(), Forced: c.forced, Witness: l.witness}); err != nil {
				t.Fatal(err)
			}
			if end := c.wanted || c.forced; answers() == end || another() == end {
				t.Errorf("its sessions answer: %v, want %v", !end, end)
			}
			if !bystander() || !successor() {
				t.Error("somebody else's session has ended")
			}
		})
	}
}

// The process may have ended after the password was replaced and before the sessions were ended.
func sessionsEndAlsoWhereTheLoginIsRefusedAlready(t *testing.T, g *target) {
	app, password := g.person(t, "app")
	l := g.live(t, g.values(app, password))
	l.endSessions()
	l.rotate()
	other, otherPassword := g.person(t, "bystander")
	answers, bystander := g.session(t, app, password), g.session(t, other, otherPassword)
	g.Do(t, "ALTER USER app@'%' IDENTIFIED BY 'nobody knows'")
	l.retire()
	if answers() {
		t.Error("its session still answers")
	}
	if !bystander() {
		t.Error("somebody else's session has ended")
	}
	l.retire()
}

// Another version that is owed may hold the user's newer password: its readers stay logged in.
func sessionsOfAnotherOwedPasswordAreLeftAlone(t *testing.T, g *target) {
	app, password := g.person(t, "app")
	l := g.live(t, g.values(app, "an older password"))
	l.endSessions()
	l.versions = append(l.versions, g.values(app, password), g.values(g.person(t, "next")))
	answers := g.session(t, app, password)
	if err := l.end(l.versions[0]); err != nil {
		t.Fatal(err)
	}
	if !answers() || !l.accepts(l.versions[1]) {
		t.Error("who has the newer password is thrown out")
	}
}

// A second password of MySQL's, or another way to log in, would survive: what was replaced must be refused afterwards.
func whatIsStillAcceptedIsNotRetired(t *testing.T, g *target) {
	user, password := g.person(t, "app")
	l := g.live(t, g.values(user, password))
	l.rotate()
	logins := 0
	l.rotator.server.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if logins++; logins == 2 { // after the password was replaced, somebody puts it back
			g.Do(t, "ALTER USER app@'%' IDENTIFIED BY "+literal(password))
		}
		return through(func(_ string, do func() error) error { return do() })(ctx, network, address)
	}
	if err := l.end(l.versions[0]); err == nil {
		t.Error("a password that is accepted is retired")
	}
}
