package mysql

import (
	"errors"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/mariadbtest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// A server that validates passwords takes no hash. A rotation is refused before it makes anything; where the server has
// become one after a rotation has begun, the administrator locks what is retired.
func TestAServerThatValidatesPasswords(t *testing.T) {
	g := start(t, mariadbtest.PasswordCheck(t)...)
	strict := func(mode string) { g.Do(t, "SET GLOBAL strict_password_validation = "+mode) }
	const password = "By/hand-1@"
	g.Do(t, "CREATE USER app@'%' IDENTIFIED BY '"+password+"'", "GRANT SELECT ON shop.* TO app@'%'")
	l := g.live(t, g.values("app", password))
	refused := func() {
		t.Helper()
		before := g.accounts(t)
		_, err := l.create()
		var refusal sqluser.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "SET GLOBAL strict_password_validation = OFF") {
			t.Errorf("the error is %v", err)
		}
		g.unchanged(t, before)
	}
	refused()
	strict("OFF")
	l.rotate()
	l.retire()
	l.rotate()
	strict("ON")
	refused() // a version has held the user whose turn it is
	l.endSessions()
	owed := l.versions[len(l.versions)-2]
	session := g.Open(t, "app_clone", secret.Reveal(l.login(owed).Password))
	if err := session.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a crash may come after the lock
		l.retire()
		if l.accepts(owed) || !l.accepts(l.current()) {
			t.Error("the owed login is accepted, or the current one is not")
		}
	}
	if n := g.Rows(t, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app_clone'"); n[0] != "0" {
		t.Errorf("%s sessions of what was retired go on", n[0])
	}
	strict("OFF")
	if err := l.end(owed); !errors.Is(err, rotate.ErrNotAccepted) {
		t.Errorf("a lock that a person may take off counts as an end: %v", err)
	}
	l.rotate()
	l.retire()
	if !l.accepts(l.current()) {
		t.Error("the user that was locked is not let in when its turn comes")
	}
}
