package mysql

import (
	"errors"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// A statement of an older rotation, or of a person, may land when the newer one is current already: Test says that the
// login is refused, and another Set puts it back. It may be asked for again and again.
func whatAnOlderRotationHasOverwrittenIsSetAgain(t *testing.T, g *target) {
	l := g.live(t, g.values(g.person(t, "app")))
	l.rotate()
	now, before := l.current(), l.versions[0]
	shown := g.shown(t, "app_clone", "%")
	for _, late := range []string{
		"ALTER USER app_clone@'%' IDENTIFIED BY 'an older one'",
		"SET PASSWORD FOR app_clone@'%' = PASSWORD('nobody knows')",
		"ALTER USER app_clone@'%' ACCOUNT LOCK",
		"ALTER USER app_clone@'%' PASSWORD EXPIRE",
		"ALTER USER app_clone@'%' IDENTIFIED BY 'an older one' ACCOUNT LOCK PASSWORD EXPIRE",
		"DROP USER app_clone@'%'",
	} {
		g.Do(t, late)
		if err := l.rotator.Test(t.Context(), now); !errors.Is(err, rotate.ErrNotAccepted) {
			t.Errorf("%s: the error is %v, want rotate.ErrNotAccepted in it", late, err)
		}
		for range 2 {
			if err := l.rotator.Set(t.Context(), rotate.Change{Pending: now, Current: before}); err != nil {
				t.Fatalf("%s: %v", late, err)
			}
			if err := l.rotator.Test(t.Context(), now); err != nil {
				t.Fatalf("%s: %v", late, err)
			}
		}
		if after := g.shown(t, "app_clone", "%"); len(after) != len(shown) || !l.accepts(before) {
			t.Errorf("%s: the account was\n%q\nand is\n%q", late, shown, after)
		}
	}
	l.retire()
	if err := l.rotator.Set(t.Context(), rotate.Change{Pending: now, Current: before}); err != nil {
		t.Errorf("where nothing is to be mended, nothing is asked of a dead login: %v", err)
	}
	g.Do(t, "ALTER USER app_clone@'%' IDENTIFIED BY 'an older one'")
	if err := l.rotator.Set(t.Context(), rotate.Change{Pending: now, Current: before}); !errors.Is(err, sqluser.ErrRefused) {
		t.Errorf("a user is set for somebody who knows no password that works: %v", err)
	}
}
