package mysql

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/mariadbtest"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Two turns of each dialect, with an administrator's source of the same one: everything that the drivers say about the
// server is meant, TLS included.
func aSourceOfEachDialectRotatesAndKeepsTheRestOfItsText(t *testing.T, g *target) {
	asItIs := func(value string) string { return value }
	for i, c := range []struct {
		text  string // USER and PASSWORD stand for the login
		write func(string) string
	}{
		{"mysql://HOST:PORT/shop?password=PASSWORD&ssl-mode=VERIFY_IDENTITY&ssl-ca=CA&x=%2f&user=USER\n", dsn.Encode},
		{"jdbc:mysql://HOST:PORT/shop?user=USER&useSSL=true&requireSSL=true&password=PASSWORD&serverTimezone=UTC", dsn.Encode},
		{" jdbc:mysql://USER:PASSWORD@HOST:PORT/shop?sslMode=REQUIRED", dsn.Encode},
		{"jdbc:mariadb://HOST:PORT/shop?user=USER&password=PASSWORD&sslMode=verify-full&serverSslCert=CA", asItIs},
		{"SERVER=HOST;Port=PORT;Database=shop; Uid = USER ;Pwd=PASSWORD;SslMode=VerifyFull;SslCa=CA;;Pooling=true;\n", func(value string) string {
			return "'" + strings.ReplaceAll(value, "'", "''") + "'"
		}},
		{"\tUSER:PASSWORD@tcp(HOST:PORT)/shop?parseTime=true&tls=skip-verify", asItIs},
	} {
		text := strings.NewReplacer("HOST", g.Host, "PORT", strconv.Itoa(g.Port), "CA", g.CA).Replace(c.text)
		fill := func(user, password string) rotate.Values {
			return rotate.Values{"DB_URL": secret.New(strings.NewReplacer("USER", c.write(user), "PASSWORD", c.write(password)).Replace(text))}
		}
		user, password := g.person(t, "app"+strconv.Itoa(i))
		l := g.live(t, fill(user, password))
		l.open(g.source, adminOf(secret.Reveal(fill(mariadbtest.AdminUser, mariadbtest.AdminPassword)["DB_URL"])))
		for range 2 {
			l.rotate()
			now, next := l.versions[len(l.versions)-2], l.current()
			before, after := mustRead(t, now), mustRead(t, next)
			if want := fill(after.User, secret.Reveal(after.Password)); !want["DB_URL"].Equal(next["DB_URL"]) {
				t.Errorf("%s: the text has become %q", c.text, secret.Reveal(next["DB_URL"]))
			}
			for _, s := range []*dsn.String{before, after} {
				if err := g.rotator().Test(t.Context(), g.values(s.User, secret.Reveal(s.Password))); err != nil {
					t.Errorf("%s: %v", c.text, err)
				}
			}
			l.retire()
			if err := g.rotator().Test(t.Context(), g.values(before.User, secret.Reveal(before.Password))); err == nil {
				t.Errorf("%s: what was retired is accepted", c.text)
			}
		}
		if s := mustRead(t, l.current()); s.User != user {
			t.Errorf("%s: after two turns it is %s, not %s", c.text, s.User, user)
		}
	}
}

// mustRead reads the connection string of a version.
func mustRead(t *testing.T, v rotate.Values) *dsn.String {
	t.Helper()
	s, err := dsn.Parse(secret.Reveal(v["DB_URL"]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
