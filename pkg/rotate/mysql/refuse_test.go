package mysql

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/mariadbtest"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// What cannot be rotated is refused before anything has changed, at the server or in the source, and not set either.
func anAccountThatCannotBeCopiedIsRefusedBeforeAnythingChanges(t *testing.T, g *target) {
	for _, c := range []struct {
		name       string
		user       string
		statements []string // ACCOUNT is app@'%'
	}{
		{"an administrator", "app", []string{"GRANT ALL PRIVILEGES ON *.* TO ACCOUNT"}},
		{"who may make users", "app", []string{"GRANT CREATE USER ON *.* TO ACCOUNT"}},
		{"who may do anything", "app", []string{"GRANT SUPER ON *.* TO ACCOUNT"}},
		{"who may pass everything on", "app", []string{"GRANT SELECT ON *.* TO ACCOUNT WITH GRANT OPTION"}},
		{"who is let in by a plugin as well", "app", []string{"ALTER USER ACCOUNT IDENTIFIED VIA mysql_native_password USING PASSWORD('by hand') OR unix_socket"}},
		{"who must have a certain cipher", "app", []string{"ALTER USER ACCOUNT REQUIRE CIPHER 'TLS_AES_128_GCM_SHA256'"}},
		{"who comes from several hosts", "app", []string{"CREATE USER app@localhost IDENTIFIED BY 'by hand'"}},
		{"whose clone would come from another host", "app", []string{"CREATE USER app_clone@localhost IDENTIFIED BY 'somebody else''s'"}},
		{"whose clone would be somebody else", "app", []string{"CREATE USER app_clone@'%' IDENTIFIED BY 'somebody else''s'"}},
		{"who looks like a clone of somebody", "reports_clone", []string{"CREATE USER reports@'%' IDENTIFIED BY 'somebody else''s'", "GRANT SELECT ON shop.* TO reports@'%'"}},
		{"who is let in as an anonymous one", "app", []string{"DROP USER ACCOUNT", "CREATE USER ''@'127.0.0.1' IDENTIFIED BY 'by hand'"}},
		{"whose clone's name is too long", strings.Repeat("n", 128-len(sqluser.Clone)+1), nil},
		{"whose name is nothing but _clone", "_clone", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			of := account{c.user, "%"}.quote()
			g.Do(t, "CREATE USER "+of+" IDENTIFIED BY 'by hand'")
			for _, statement := range c.statements {
				g.Do(t, strings.ReplaceAll(statement, "ACCOUNT", of))
			}
			before := g.accounts(t)
			l := g.live(t, g.values(c.user, "by hand"))
			if next, err := l.create(); next != nil || err == nil {
				t.Error("it is not refused")
			} else {
				refused(t, err)
			}
			g.unchanged(t, before)
			g.Do(t, "DROP USER IF EXISTS "+of+", app@localhost, app_clone@localhost, app_clone@'%', reports@'%', ''@'127.0.0.1'")
		})
	}
	name := strings.Repeat("ü", 128-len(sqluser.Clone))
	l := g.live(t, g.values(g.person(t, name)))
	l.rotate()
	if got := l.login(l.current()).User; got != name+sqluser.Clone {
		t.Errorf("with the longest name the user is %q", got)
	}
}

// Administrators, several hosts: an account may come to that between two rotations.
func anAccountThatHasBecomeAnAdministratorIsNotSet(t *testing.T, g *target) {
	l := g.live(t, g.values(g.person(t, "app")))
	l.rotate()
	l.retire()
	for _, statement := range []string{"GRANT SUPER ON *.* TO app_clone@'%'", "CREATE USER app_clone@localhost", "CREATE USER app@localhost"} {
		g.Do(t, statement)
		before := g.accounts(t)
		next, err := l.create()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.rotator.Set(t.Context(), rotate.Change{Pending: next, Current: l.current()}); err == nil {
			t.Error("it is set")
		}
		g.unchanged(t, before)
		g.Do(t, "REVOKE SUPER ON *.* FROM app_clone@'%'", "DROP USER IF EXISTS app_clone@localhost, app@localhost")
	}
	l.rotate()
}

// A user whom a version of the source has held is its own, also where it was dropped or has changed.
func aUserThatAVersionHasHeldIsTheSourcesOwn(t *testing.T, g *target) {
	l := g.live(t, g.values(g.person(t, "app")))
	l.rotate()
	l.rotate()
	g.Do(t, "GRANT DELETE ON shop.* TO app_clone@'%'")
	l.rotate()
	g.equal(t, "app", "app_clone", "%")
}

// Whoever can put a source, or start a rotation, gets no more of the administrator than their own user has.
func theAdministratorIsNobodysDeputy(t *testing.T, g *target) {
	g.person(t, "app")
	_, victim := g.person(t, "victim")
	good := g.values("app", "by/hand:@app'%")
	elsewhere := func(from, to string) rotate.Values {
		return rotate.Values{"DB_URL": secret.New(strings.ReplaceAll(secret.Reveal(good["DB_URL"]), from, to))}
	}
	admin, _ := g.administrator().Read(t.Context())
	twin := g.values(g.person(t, mariadbtest.AdminUser+sqluser.Clone))
	for _, c := range []struct {
		name             string
		pending, current rotate.Values
	}{
		{"pending is another user", g.values("victim", "new"), good},
		{"pending is the same user", g.values("app", "new"), good},
		{"pending is the administrator", g.values(mariadbtest.AdminUser, "new"), good},
		{"current is the administrator", g.values(mariadbtest.AdminUser+sqluser.Clone, "new"), rotate.Values{"DB_URL": admin["ADMIN_URL"]}},
		{"pending would be the administrator", g.values(mariadbtest.AdminUser, "new"), twin},
		{"pending is at another host", rotate.Values{"DB_URL": secret.New(strings.ReplaceAll(secret.Reveal(g.values("app_clone", "new")["DB_URL"]), g.Host, "localhost"))}, good},
		{"both are at another host", rotate.Values{"DB_URL": secret.New(strings.ReplaceAll(secret.Reveal(g.values("app_clone", "new")["DB_URL"]), g.Host, "localhost"))}, elsewhere(g.Host, "localhost")},
		{"both are at another port", rotate.Values{"DB_URL": secret.New("mysql://app_clone:new@127.0.0.1:1/shop")}, rotate.Values{"DB_URL": secret.New("mysql://app:old@127.0.0.1:1/shop")}},
		{"current's password is not known", g.values("victim_clone", "new"), g.values("victim", "guess")},
		{"current's user does not exist", g.values("nobody_clone", "new"), g.values("nobody", "guess")},
		{"current is no login", good, rotate.Values{"DB_URL": secret.New("nothing")}},
		{"pending is no login", rotate.Values{}, good},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := g.accounts(t)
			if err := g.rotator().Set(t.Context(), rotate.Change{Pending: c.pending, Current: c.current}); err == nil {
				t.Error("it is set")
			}
			g.unchanged(t, before)
		})
	}
	if l := g.live(t, g.values("victim", victim)); !l.accepts(l.current()) {
		t.Error("the victim's password has changed")
	}
}

// A replica, a reader or a proxy has another name and the same users. Here every name leads to the one server.
func aSourceMayNameADeclaredReplica(t *testing.T, g *target) {
	user, password := g.person(t, "app")
	first := rotate.Values{"DB_URL": secret.New("mysql://" + dsn.Encode(user) + ":" + dsn.Encode(password) + "@reader.example.com:3307/shop?ssl-mode=VERIFY_CA&ssl-ca=" + g.CA)}
	l := g.live(t, first)
	var reached []string
	l.rotator.server.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		reached = append(reached, address)
		return new(net.Dialer).DialContext(ctx, network, g.Addr())
	}
	_, err := l.create()
	refused(t, err)
	l.open(g.source, g.administrator("other.example.com", "READER.example.com.:3307"))
	l.rotate()
	if last := reached[len(reached)-1]; last != "reader.example.com:3307" {
		t.Errorf("Test logs in at %s", last)
	}
	elsewhere := slices.DeleteFunc(slices.Clone(reached), func(address string) bool { return address == g.Addr() })
	if len(elsewhere) != 2 { // Create and Test log in there
		t.Errorf("a user was looked at or made at %v", elsewhere)
	}
	reached = nil
	l.retire()
	if len(reached) == 0 || reached[0] != g.Addr() || l.accepts(first) {
		t.Errorf("it was retired at %q", reached)
	}
}

func anErrorOfTheAdministratorsSourceStopsEverything(t *testing.T, g *target) {
	good := g.values(g.person(t, "app"))
	for name, admin := range map[string]rotate.Values{
		"empty": {}, "two keys": {"A": good["DB_URL"], "B": good["DB_URL"]}, "no URL": {"A": secret.New("x")},
		"a wrong password": {"A": secret.New(g.url(mariadbtest.AdminUser, "wrong", ""))},
	} {
		t.Run(name, func(t *testing.T) {
			before := g.accounts(t)
			l := g.live(t, good)
			source := manifest.Source{Name: "app-db-admin", Keys: manifest.KeysOf(slices.Sorted(maps.Keys(admin))...)}
			l.open(g.source, sqluser.Admin{Source: source, Read: func(context.Context) (rotate.Values, error) { return admin, nil }})
			if _, err := l.create(); err == nil {
				t.Error("a first rotation begins")
			}
			if err := l.rotator.Set(t.Context(), rotate.Change{Pending: g.values("app_clone", "new"), Current: good}); err == nil {
				t.Error("it is set")
			}
			g.unchanged(t, before)
		})
	}
}
