package mysql

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/mariadbtest"
	"github.com/rotary-secrets/rotary/internal/servertest"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// The user may only log in over TLS, so that a login which is accepted was encrypted.
func aConnectionIsEncryptedAndCheckedAsTheSourceSays(t *testing.T, g *target) {
	user, password := g.person(t, "app")
	g.Do(t, "ALTER USER app@'%' REQUIRE SSL")
	stranger := servertest.NewCertificate(t, servertest.Folder(t), g.Host).CA
	const accepted, name = "", "db.example.com"
	const untrusted, otherHost, refusedLogin = "an authority that is not trusted", "for another host", "1045"
	for _, c := range []struct{ query, host, ca, want string }{
		{"", g.Host, "", accepted},
		{"", name, "", accepted},
		{"", name, g.CA, accepted},
		{"", g.Host, stranger, untrusted},
		{"ssl-mode=DISABLED", g.Host, "", refusedLogin},
		{"ssl-mode=PREFERRED", name, "", accepted},
		{"ssl-mode=PREFERRED", name, stranger, untrusted},
		{"ssl-mode=REQUIRED", name, "", accepted},
		{"ssl-mode=REQUIRED", name, stranger, untrusted},
		{"ssl-mode=VERIFY_CA", g.Host, "", untrusted},
		{"ssl-mode=VERIFY_CA", name, g.CA, accepted},
		{"ssl-mode=VERIFY_CA", name, stranger, untrusted},
		{"ssl-mode=VERIFY_IDENTITY", g.Host, "", untrusted},
		{"ssl-mode=VERIFY_IDENTITY", g.Host, g.CA, accepted},
		{"ssl-mode=VERIFY_IDENTITY", "localhost", g.CA, accepted},
		{"ssl-mode=VERIFY_IDENTITY", name, g.CA, otherHost},
		{"ssl-mode=VERIFY_IDENTITY", g.Host, stranger, untrusted},
		{"sslaccept=strict", g.Host, "", untrusted},
		{"sslaccept=strict", name, g.CA, otherHost},
		{"sslaccept=accept_invalid_certs", name, "", accepted},
		{"ssl-mode=VERIFY_CA", g.Host, filepath.Join(t.TempDir(), "none.pem"), "no such file"},
		{"ssl-mode=VERIFY_CA", g.Host, "encryption_test.go", "no certificate in it"},
	} {
		query := c.query
		if c.ca != "" {
			query += "&ssl-ca=" + url.QueryEscape(c.ca)
		}
		v := rotate.Values{"DB_URL": secret.New("mysql://" + user + ":" + dsn.Encode(password) + "@" + c.host + "/shop?" + query)}
		r := g.rotator()
		r.server.dial = g.anywhere
		switch err := r.Test(t.Context(), v); {
		case c.want == "" && err != nil:
			t.Errorf("%s at %s: %v", query, c.host, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s at %s: the error is %v, want %s", query, c.host, err, c.want)
		}
	}
}

// anywhere is a network in which every address leads to the server.
func (g *target) anywhere(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, g.Addr())
}

func TestOnlyASourceThatSaysSoIsServedInTheClear(t *testing.T) {
	g := start(t, "--skip-ssl")
	user, password := g.person(t, "app")
	for query, want := range map[string]bool{
		"": false, "ssl-mode=PREFERRED": false, "ssl-mode=REQUIRED": false, "ssl-mode=VERIFY_CA": false, "ssl-mode=VERIFY_IDENTITY": false,
		"ssl-mode=DISABLED": true, "sslMode=disabled": true, "tls=false": true,
	} {
		g.query = query
		err := g.rotator().Test(t.Context(), g.values(user, password))
		if plain := err == nil; plain != want || !want && !strings.Contains(err.Error(), "no TLS") {
			t.Errorf("%q: %v", query, err)
		}
	}
	g.query = "ssl-mode=DISABLED"
	l := g.live(t, g.values(user, password))
	l.rotate()
	l.retire()
	admin := g.url(mariadbtest.AdminUser, mariadbtest.AdminPassword, "")
	l.open(g.source, adminOf(strings.TrimSuffix(admin, g.query)))
	if err := l.rotator.Set(t.Context(), rotate.Change{Pending: g.values("app", "new"), Current: l.current()}); err == nil || !strings.Contains(err.Error(), "no TLS") {
		t.Errorf("the administrator's URL says nothing of TLS, and the error is %v", err)
	}
}
