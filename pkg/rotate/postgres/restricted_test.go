package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// restricted stands between a rotator and the server as rds.restrict_password_commands of RDS does: whoever is no
// administrator is answered 42501 where they set a password, their own too
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.RestrictPasswordMgmt.html).
// It is the genuine server that answers so: the statement names the superuser instead, whom nobody else may alter.
type restricted struct {
	net.Conn
	user    string
	refused *int
}

var passwordStatement = regexp.MustCompile(`ALTER ROLE \S+ PASSWORD '[^']*'`)

func (c *restricted) Write(b []byte) (int, error) {
	if c.user == "" { // the first message: its length, the protocol's version, names and values
		_, after, _ := bytes.Cut(b[8:], []byte("user\x00"))
		name, _, _ := bytes.Cut(after, []byte{0})
		c.user = string(name)
	}
	if b[0] != 'Q' || c.user == postgrestest.AdminUser || c.user == "keeper" || !passwordStatement.Match(b) {
		return c.Conn.Write(b)
	}
	*c.refused++
	other := passwordStatement.ReplaceAll(b, []byte("ALTER ROLE "+postgrestest.AdminUser+" PASSWORD NULL"))
	binary.BigEndian.PutUint32(other[1:], uint32(len(other)-1))
	if _, err := c.Conn.Write(other); err != nil {
		return 0, err
	}
	return len(b), nil
}

// restrict puts it between a rotator and the server.
func restrict(r *Rotator) (refused *int) {
	refused = new(int)
	r.server.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		return &restricted{Conn: c, refused: refused}, err
	}
	return refused
}

// Where a user may not change its own password, the administrator ends it: with and without the end of its sessions,
// which the administrator of no superuser's rights ends too.
func TestTheAdministratorRetiresWhoMayNotChangeItsPassword(t *testing.T) {
	w := start(t, postgrestest.Config{Settings: []string{"ssl=off"}, Access: []string{"host all all all scram-sha-256"}})
	w.role("keeper", "keeper's pass/word", "CREATEROLE")
	w.do("GRANT pg_signal_backend TO keeper")
	w.adminURL = w.URL("keeper", "keeper's pass/word", "postgres")
	for _, ends := range []bool{false, true} {
		for _, user := range []string{"person1", "person2"} {
			password := "by/hand@%" + user
			w.role(user, password)
			w.do("GRANT " + user + " TO keeper WITH ADMIN OPTION")
			r := w.rotator(func(s *manifest.Source) { entry(s).EndSessions = ends })
			refused := restrict(r)
			first := at(w.URL(user, password, "postgres"))
			clone := w.turn(r, first)
			if *refused > 0 {
				t.Fatal("a user has set its own password")
			}
			owed, current := first, clone
			if user == "person2" { // the clone is retired, which has another role in its sessions
				w.retire(r, first, clone)
				owed, current = clone, w.turn(r, clone)
			}
			*refused = 0
			session := w.session(owed)
			w.retire(r, owed, current)
			if *refused != 1 || w.accepts(source(), owed) || !w.accepts(source(), current) {
				t.Errorf("%s: %d statements were refused; accepted: owed %v, current %v", user, *refused, w.accepts(source(), owed), w.accepts(source(), current))
			}
			if lives := session.Ping(t.Context()) == nil; lives == ends {
				t.Errorf("%s: sessions are to end: %v, and one lives: %v", user, ends, lives)
			}
			w.retire(r, owed, current)
		}
		w.forget()
		w.role("keeper", "keeper's pass/word", "CREATEROLE")
		w.do("GRANT pg_signal_backend TO keeper")
		w.adminURL = w.URL("keeper", "keeper's pass/word", "postgres")
	}

	// A server that was left behind has no administrator of rotary's.
	w.role("person3", "by/hand@%3")
	r := w.openWith(source(), w.administrator(), through)
	w.adminURL = "postgres://keeper:pw@elsewhere/postgres?sslmode=disable"
	restrict(r)
	left := at(w.URL("person3", "by/hand@%3", "postgres"))
	_, err := r.Retire(t.Context(), rotate.End{Owed: left, Current: at("postgres://other:pw@elsewhere/postgres?sslmode=disable")})
	if err == nil || !strings.Contains(err.Error(), "42501") || !w.accepts(source(), left) {
		t.Errorf("the error is %v", err)
	}
}
