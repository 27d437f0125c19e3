package postgres

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// day is when the nth rotation began.
func day(n int) time.Time { return time.Date(2026, 1, n, 9, 0, 0, int(time.Millisecond)*n, time.UTC) }

// change is the nth rotation of the canary: to its clone, with a password of its own.
func (w *world) change(n int) rotate.Change {
	return rotate.Change{Since: day(n), Pending: at(w.URL(canary+"_clone", fresh+strings.Repeat("x", n), "postgres")), Current: w.now()}
}

// keeper makes the administrator one that is no superuser.
func (w *world) keeper() {
	w.role("keeper", "pw", "CREATEROLE")
	w.do("GRANT " + canary + " TO keeper WITH ADMIN OPTION")
	w.adminURL = w.URL("keeper", "pw", "postgres")
}

// racing runs an older Set and an older Retire at once with a newer Set, many times: the newer one always stands.
func racing(t *testing.T, w *world) {
	w.role(canary, password)
	w.keeper()
	r, late := w.rotator(), 0
	for n := 1; n <= 28; n += 3 {
		older, middle, newer := w.change(n), w.change(n+1), w.change(n+2)
		if err := r.Set(t.Context(), older); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		var retired, set error
		group.Go(func() {
			_, retired = r.Retire(t.Context(), rotate.End{Since: older.Since, Owed: older.Pending, Current: w.now(), Witness: accepted})
		})
		group.Go(func() { set = r.Set(t.Context(), middle) })
		group.Go(func() {
			if err := r.Set(t.Context(), newer); err != nil {
				t.Error(err)
			}
		})
		group.Wait()
		for _, err := range []error{retired, set} {
			if err != nil && !errors.Is(err, rotate.ErrSuperseded) {
				t.Errorf("an older call ends with %v", err)
			}
			if err != nil {
				late++
			}
		}
		if err := r.Test(t.Context(), newer.Pending); err != nil {
			t.Fatalf("round %d: the newer credential does not stand: %v", n, err)
		}
	}
	t.Logf("%d older calls came late", late)
}

// A person's comment stays beside the marker, which follows the rotations; a role's privileges to be commented on are
// those to be altered.
func commented(t *testing.T, w *world) {
	w.role(canary, password)
	w.keeper()
	w.do("COMMENT ON ROLE " + canary + " IS 'the shop''s\nown'")
	comment := func(user string) string {
		return strings.Join(w.rows("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = $1", user), "")
	}
	r := w.rotator()
	to := w.change(1)
	back := rotate.Change{Since: day(2), Pending: at(w.URL(canary, fresh, "postgres")), Current: to.Pending}
	for _, c := range []rotate.Change{to, back} {
		if err := r.Set(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	again := rotate.Change{Since: day(3), Pending: at(w.URL(canary, fresh+"3", "postgres")), Current: to.Pending}
	if err := r.Set(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]string{
		canary:            "the shop's\nown\n[rotary: password of the rotation of 2026-01-03T09:00:00.003Z]",
		canary + "_clone": "[rotary: password of the rotation of 2026-01-01T09:00:00.001Z]",
	} {
		if got := comment(user); got != want {
			t.Errorf("the comment is %q, want %q", got, want)
		}
	}
	before := w.roles()
	w.refused(t, r.Set(t.Context(), back), "installed by a newer rotation", before)
	w.do("COMMENT ON ROLE " + canary + " IS '[rotary: password of the rotation of yesterday]'")
	before = w.roles()
	w.refused(t, r.Set(t.Context(), back), "cannot be read", before)
	if _, err := r.Retire(t.Context(), rotate.End{Since: to.Since, Owed: to.Pending, Current: again.Pending, Witness: accepted}); err != nil {
		t.Error(err)
	}
	if got := comment(canary + "_clone"); !strings.Contains(got, "2026-01-01") {
		t.Errorf("after a retirement the comment is %q", got)
	}
}

// A user that may not connect to the administrator's database is retired by the administrator, who alone can have the
// lock there.
func retiredElsewhere(t *testing.T, w *world) {
	w.role(canary, password)
	w.keeper()
	w.do("CREATE DATABASE shop", "CREATE DATABASE office", "REVOKE CONNECT ON DATABASE office FROM PUBLIC", "GRANT CONNECT ON DATABASE office TO keeper", "GRANT pg_signal_backend TO keeper")
	w.adminURL = w.URL("keeper", "pw", "office")
	owed, other := at(w.URL(canary, password, "shop")), at(w.URL("somebody", "pw", "shop"))
	r := w.rotator(endSessions)
	end := rotate.End{Since: day(1), Owed: owed, Current: other, Witness: accepted}
	w.do("COMMENT ON ROLE " + canary + " IS '[rotary: password of the rotation of " + day(2).Format(time.RFC3339Nano) + "]'")
	before := w.roles()
	_, err := r.Retire(t.Context(), end)
	w.refused(t, err, "installed by a newer rotation", before)

	session := w.session(owed)
	end.Since = day(2)
	if _, err := r.Retire(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if err := session.Ping(t.Context()); err == nil || w.logsIn(canary, password) {
		t.Errorf("the user still logs in, or a session goes on: %v", err)
	}
	if _, err := r.Retire(t.Context(), end); err != nil {
		t.Errorf("what is dead is not: %v", err)
	}
	w.do("ALTER ROLE "+canary+" PASSWORD "+literal(newVerifier(password)), "ALTER DATABASE office ALLOW_CONNECTIONS false")
	if _, err := r.Retire(t.Context(), end); err == nil || !strings.Contains(err.Error(), "log in as the administrator") {
		t.Errorf("error is %v", err)
	}
}

// What a call of an older process, or a person, has left behind is mended by another Set of what is current.
func mended(t *testing.T, w *world) {
	w.role(canary, password)
	r, c := w.rotator(), w.change(2)
	if err := r.Set(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.do("ALTER ROLE " + canary + "_clone PASSWORD " + literal(newVerifier("another")))
		if err := r.Test(t.Context(), c.Pending); !errors.Is(err, rotate.ErrNotAccepted) {
			t.Errorf("error is %v", err)
		}
		if err := r.Set(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if err := r.Test(t.Context(), c.Pending); err != nil {
			t.Error(err)
		}
	}
	closed := closedAddress(t)
	if err := r.Test(t.Context(), instead(c.Pending, w.Addr(), closed)); err == nil || errors.Is(err, rotate.ErrNotAccepted) {
		t.Errorf("a server that nobody reaches refuses: %v", err)
	}
}

// A server that was left behind has users that no rotation sets any more: they retire themselves, whatever the marker
// is.
func leftBehind(t *testing.T, w *world) {
	w.role(canary, password)
	w.do("COMMENT ON ROLE " + canary + " IS '[rotary: password of the rotation of " + day(9).Format(time.RFC3339Nano) + "]'")
	w.adminURL = strings.Replace(w.URL(postgrestest.AdminUser, "x", "postgres"), w.Addr(), closedAddress(t), 1)
	r := w.rotator()
	if _, err := r.Retire(t.Context(), rotate.End{Since: day(1), Owed: w.now(), Current: at(w.URL("somebody", "pw", "postgres")), Witness: accepted}); err != nil {
		t.Fatal(err)
	}
	if w.logsIn(canary, password) {
		t.Error("it is not retired")
	}
}
