package mysql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/mariadbtest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Every statement stands in the general log, and no password stands in a statement.
func theServersLogsNeverShowAPassword(t *testing.T, g *target) {
	const first = "the first one, by hand"
	g.Do(t, "CREATE USER app@'%' IDENTIFIED BY PASSWORD "+literal(computeNative(first)), "GRANT SELECT ON shop.* TO app@'%'")
	l := g.live(t, g.values("app", first))
	l.endSessions()
	for range 3 {
		l.rotate()
		l.retire()
		l.retire() // it is dead
	}
	var s leak.Search
	add(t, &s, "the administrator's password", mariadbtest.AdminPassword)
	for i, v := range l.versions {
		add(t, &s, fmt.Sprintf("the password of version %d", i+1), secret.Reveal(l.login(v).Password))
	}
	log := g.Log(t)
	for _, statement := range []string{"CREATE USER `app_clone`@`%` IDENTIFIED BY PASSWORD", "ALTER USER `app`@`%` IDENTIFIED BY PASSWORD", "SET PASSWORD = "} {
		if !strings.Contains(log, statement) {
			t.Errorf("the general log does not have %s", statement)
		}
	}
	for _, found := range s.In([]byte(log)) {
		t.Errorf("the server's log has %v", found)
	}
}

func add(t *testing.T, s *leak.Search, name, value string) {
	t.Helper()
	if err := s.Add(name, value); err != nil {
		t.Fatal(err)
	}
}

// Errors of the driver, the network and the server name users, hosts and databases, or repeat statements.
func noErrorHoldsAnythingOfAVersion(t *testing.T, g *target) {
	user, password := g.person(t, "canary_user")
	g.Do(t, "CREATE USER canary_locked@'%' IDENTIFIED BY 'quiet-canary-7731' ACCOUNT LOCK", "CREATE USER canary_expired@'%' IDENTIFIED BY 'quiet-canary-7731' PASSWORD EXPIRE")
	g.Do(t, "CREATE TABLE shop.dropped_table (id INT)", "GRANT SELECT ON shop.dropped_table TO canary_user@'%'", "DROP TABLE shop.dropped_table")
	good := g.values(user, password)
	at := func(text string) rotate.Values { return rotate.Values{"DB_URL": secret.New(text)} }
	var s leak.Search
	for _, canary := range []string{"canary_user", "canary_locked", "canary_expired", "quiet-canary-7731", "canary.example.com", "canary_dbx9", "canary_ca9x.pem", password, mariadbtest.AdminPassword, g.Addr()} {
		add(t, &s, canary, canary)
	}
	for name, v := range map[string]rotate.Values{
		"no login": at("canary_user:quiet-canary-7731"), "nobody listens": at("mysql://canary_user:quiet-canary-7731@127.0.0.1:1/canary_dbx9"),
		"a wrong password": g.values("canary_user", "quiet-canary-7731"), "no such database": at(g.url(user, password, "canary_dbx9")),
		"locked": g.values("canary_locked", "quiet-canary-7731"), "expired": g.values("canary_expired", "quiet-canary-7731"),
		"no such authority": at("mysql://canary_user:quiet-canary-7731@" + g.Addr() + "/?ssl-ca=canary_ca9x.pem"),
		"a wrong authority": at("mysql://canary_user:quiet-canary-7731@" + g.Addr() + "/?ssl-mode=VERIFY_CA"),
		"a wrong host":      at("mysql://canary_user:quiet-canary-7731@canary.example.com:1/?ssl-mode=VERIFY_IDENTITY&ssl-ca=" + g.CA),
	} {
		r := g.rotator()
		if name == "a wrong host" {
			r.server.dial = g.anywhere
		}
		_, retired := r.Retire(t.Context(), rotate.End{Owed: v, Current: good})
		for doing, err := range map[string]error{
			"test": r.Test(t.Context(), v), "set as pending": r.Set(t.Context(), rotate.Change{Pending: v, Current: good}), "set as current": r.Set(t.Context(), rotate.Change{Pending: good, Current: v}), "retire": retired,
		} {
			if err == nil && doing != "retire" {
				t.Errorf("%s: %s succeeds", name, doing)
			}
			for _, found := range s.In([]byte(fmt.Sprintf("%v %+v %#v", err, err, err))) {
				t.Errorf("%s: the error to %s has %v", name, doing, found)
			}
		}
	}
	next := g.values("canary_user_clone", "quiet-canary-7731")
	err := g.rotator().Set(t.Context(), rotate.Change{Pending: next, Current: good})
	if err == nil || !strings.Contains(err.Error(), "1146") {
		t.Errorf("a grant on a table that is not there is copied: %v", err)
	}
	for _, found := range s.In([]byte(fmt.Sprintf("%+v", err))) {
		t.Errorf("a server's error has %v", found)
	}
}
