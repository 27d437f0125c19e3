package postgres

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/internal/servertest"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// at127 makes all connections go to the server, whatever host they are for.
func (w *world) at127(r *Rotator) *Rotator {
	r.server.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, w.Addr())
	}
	return r
}

// TestAConnectionIsNeverLessProtectedThanTheSourceSays logs in at servers that leave the choice to the client, or speak
// no TLS.
func TestAConnectionIsNeverLessProtectedThanTheSourceSays(t *testing.T) {
	either := []string{"host all all all scram-sha-256"}
	both := start(t, postgrestest.Config{Access: either})
	none := start(t, postgrestest.Config{Access: either, Settings: []string{"ssl=off"}})
	stranger := servertest.NewCertificate(t, servertest.Folder(t), "127.0.0.1").CA
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	const noTLS = "connect: the server speaks no TLS: switch it on there, or write sslmode=disable"
	for _, c := range []struct {
		w           *world
		host, query string
		want        string // TLS, plain, or an error
	}{
		{both, "127.0.0.1", "", "TLS"},
		{both, "127.0.0.1", "?sslmode=", "TLS"},
		{both, "127.0.0.1", "?ssl=false", "TLS"},
		{both, "127.0.0.1", "?sslmode=allow", "TLS"},
		{both, "127.0.0.1", "?sslmode=prefer", "TLS"},
		{both, "127.0.0.1", "?sslmode=require", "TLS"},
		{both, "127.0.0.1", "?sslmode=disable", "plain"},
		{both, "127.0.0.1", "?sslmode=disable&sslrootcert=CA", "plain"},
		{both, "127.0.0.2", "?sslmode=require", "TLS"},
		{both, "127.0.0.1", "?sslmode=require&sslrootcert=CA", "TLS"},
		{both, "127.0.0.2", "?sslmode=require&sslrootcert=CA", "TLS"},
		{both, "127.0.0.1", "?sslmode=require&sslrootcert=" + stranger, "authority that is not trusted"},
		{both, "127.0.0.1", "?sslrootcert=" + stranger, "authority that is not trusted"},
		{both, "127.0.0.2", "?sslmode=verify-ca&sslrootcert=CA", "TLS"},
		{both, "127.0.0.1", "?sslmode=verify-ca&sslrootcert=" + stranger, "authority that is not trusted"},
		{both, "127.0.0.1", "?sslmode=verify-ca", "authority that is not trusted"},
		{both, "127.0.0.1", "?sslmode=verify-full&sslrootcert=CA", "TLS"},
		{both, "localhost", "?sslmode=verify-full&sslrootcert=CA", "TLS"},
		{both, "127.0.0.2", "?sslmode=verify-full&sslrootcert=CA", "certificate is for another host"},
		{both, "127.0.0.1", "?sslmode=verify-full&sslrootcert=" + stranger, "authority that is not trusted"},
		{both, "127.0.0.1", "?sslmode=verify-full", "authority that is not trusted"},
		{both, "127.0.0.1", "?sslmode=verify-full&sslrootcert=system", "authority that is not trusted"},
		{both, "127.0.0.1", "?sslmode=verify-full&sslrootcert=" + garbage, "no certificate in it"},
		{both, "127.0.0.1", "?sslmode=verify-full&sslrootcert=" + garbage + ".not", "cannot be read: no such file"},
		{both, "127.0.0.1", "?sslmode=require&channel_binding=require", "TLS"},
		{none, "127.0.0.1", "", noTLS},
		{none, "127.0.0.1", "?sslmode=allow", noTLS},
		{none, "127.0.0.1", "?sslmode=prefer", noTLS},
		{none, "127.0.0.1", "?sslmode=require", noTLS},
		{none, "127.0.0.1", "?sslmode=verify-full&sslrootcert=" + both.CA, noTLS},
		{none, "127.0.0.1", "?sslmode=disable", "plain"},
		{none, "127.0.0.1", "?sslmode=require&sslnegotiation=direct", "the connection fails"},
	} {
		t.Run(strings.NewReplacer(c.w.CA, "CA", stranger, "stranger", garbage, "garbage").Replace(c.host+c.query), func(t *testing.T) {
			c.w.t = t
			user, password := c.w.user()
			v := at("postgres://" + user + ":" + dsn.Encode(password) + "@" + c.host + ":1/postgres" + strings.Replace(c.query, "=CA", "="+c.w.CA, 1))
			err := c.w.at127(New(source(), sqluser.Admin{})).Test(t.Context(), v)
			if c.want != "TLS" && c.want != "plain" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error is %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, line, _ := strings.Cut(c.w.Log(t), "connection authorized: user="+user+" ")
			line, _, _ = strings.Cut(line, "\n")
			if got := strings.Contains(line, "SSL enabled"); got != (c.want == "TLS") {
				t.Errorf("under TLS: %v; the server says %q", got, line)
			}
		})
	}
}

// The parts of a login say the same as a URL; without a word they say verify-full.
func TestThePartsOfALoginAreProtectedInFullUnlessTheManifestSaysOtherwise(t *testing.T) {
	w := start(t, postgrestest.Config{Access: []string{"host all all all scram-sha-256"}})
	user, password := w.user()
	for _, c := range []struct{ host, mode, authority, want string }{
		{"127.0.0.1", "", w.CA, ""},
		{"127.0.0.2", "", w.CA, "certificate is for another host"},
		{"127.0.0.1", "", "", "authority that is not trusted"},
		{"127.0.0.2", "verify-ca", w.CA, ""},
		{"127.0.0.2", "require", "", ""},
		{"127.0.0.2", "disable", "", ""},
	} {
		s := w.fields()
		entry(&s).Fields.SSLMode, entry(&s).Fields.SSLRootCert = c.mode, c.authority
		v := w.parts(user, password)
		v["HOST"] = secret.New(c.host)
		err := w.at127(New(s, sqluser.Admin{})).Test(t.Context(), v)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: error is %v, want %q", c.host, c.mode, err, c.want)
		}
	}
}

func TestTheAdministratorsConnectionIsProtectedLikewise(t *testing.T) {
	w := start(t, postgrestest.Config{Access: []string{"host all all all scram-sha-256"}, Settings: []string{"ssl=off"}})
	w.adminURL = strings.Replace(w.adminURL, "sslmode=disable", "x=y", 1)
	user, password := w.user()
	err := w.rotator().Set(t.Context(), rotate.Change{Pending: at(w.URL(user+sqluser.Clone, fresh, "postgres")), Current: at(w.URL(user, password, "postgres"))})
	if err == nil || !strings.Contains(err.Error(), "log in as the administrator: connect: the server speaks no TLS") {
		t.Errorf("error is %v", err)
	}
}

// A server that asks for the password itself gets none, and one that asks for nothing proves nothing.
func TestAPasswordIsOnlyProvedAndNeverSent(t *testing.T) {
	for _, method := range []string{"password", "trust"} {
		w := start(t, postgrestest.Config{Access: []string{"hostssl all postgres all scram-sha-256", "hostssl all all all " + method}})
		user, password := w.user()
		err := w.rotator().Test(t.Context(), at(w.URL(user, password, "postgres")))
		if err == nil || !strings.Contains(err.Error(), "does not ask for a password as scram-sha-256 or md5") {
			t.Errorf("%s: error is %v", method, err)
		}
	}
}

// What the machine's environment says to PostgreSQL's own programs is for them.
func environment(t *testing.T, w *world) {
	user, password := w.user()
	for name, value := range map[string]string{
		"PGHOST": "nowhere.invalid", "PGPORT": "1", "PGUSER": "nobody", "PGPASSWORD": "wrong", "PGDATABASE": "nothing", "PGSSLMODE": "disable", "PGSSLROOTCERT": "/nothing",
		"PGOPTIONS": "-c role=nothing", "PGAPPNAME": "nothing", "PGTARGETSESSIONATTRS": "standby", "PGREQUIREAUTH": "none", "PGCHANNELBINDING": "disable", "PGCONNECT_TIMEOUT": "1", "PGSSLNEGOTIATION": "direct",
		"PGTZ": "nothing",
	} {
		t.Setenv(name, value)
	}
	if err := w.rotator().Test(t.Context(), at(w.URL(user, password, "postgres"))); err != nil {
		t.Error(err)
	}
}
