package plan

import (
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	oldLogin = "postgres://app:first-password-of-all@db.internal/shop"
	newLogin = "postgres://app_clone:second-password-of-all@db.internal/shop"
)

// replaceLogin lets db owe a login that has been replaced.
func (s *State) replaceLogin() {
	s.db().Manifest = manifest.Source{Name: "db", Keys: manifest.KeysOf("URL", "DIRECT"), Rotate: manifest.Rotate{
		Postgres: &manifest.RotatePostgres{Database: manifest.Database{URL: manifest.Names{"URL"}, Admin: "admin"}}}}
	s.db().holdValues(0, values("URL", oldLogin))
	s.db().holdValues(1, values("URL", newLogin))
}

// addSource adds a source whose current version holds this.
func (s *State) addSource(m manifest.Source, held map[string]secret.Value) {
	other := Source{Name: m.Name, Manifest: m, History: history.History{Secret: "source/dev/" + m.Name, Changed: s.db().Changed}}
	other.add(sv(9, held, history.AWSCurrent, live(9), history.Seen))
	s.Sources = append(s.Sources, other)
}

func TestALoginThatAnotherSourceHoldsNowIsNotRetired(t *testing.T) {
	reader := manifest.Source{Name: "reader", Keys: manifest.KeysOf("READER_URL")}
	for name, c := range map[string]struct {
		held map[string]secret.Value
		kept bool
	}{
		"the same login at another endpoint": {values("READER_URL", "postgresql://app:first-password-of-all@reader.internal:5432/shop?sslmode=require"), true},
		"the same login in another dialect":  {values("READER_URL", "jdbc:postgresql://db.internal/shop?user=app&password=first-password-of-all"), true},
		"the password of another user":       {values("READER_URL", "postgres://report:first-password-of-all@db.internal/shop"), false},
		"the new login":                      {values("READER_URL", newLogin), false},
		"something else":                     {values("READER_URL", "nothing of it"), false},
	} {
		s := owing()
		s.replaceLogin()
		s.addSource(reader, c.held)
		p := Make(s)
		if kept := len(p.Advances) == 0; kept != c.kept {
			t.Errorf("%s: kept %v, want %v: %q", name, kept, c.kept, lines(p))
		}
		waits := Gates(s, p, *s.db(), s.db().Versions[0])
		if c.kept && (waits[0].Reason != Shared || !strings.Contains(waits[0].Detail, "source reader holds it now, under READER_URL")) {
			t.Errorf("%s: the waits are %+v", name, waits)
		}
	}
}

// DATABASE_URL moves, and DIRECT_URL beside it was forgotten: the server would refuse the current version's second URL.
func TestALoginUnderAKeyThatDidNotMoveIsNotRetired(t *testing.T) {
	s := owing()
	s.replaceLogin()
	s.db().holdValues(0, values("URL", oldLogin, "DIRECT", oldLogin))
	s.db().holdValues(1, values("URL", newLogin, "DIRECT", oldLogin))
	waits := Gates(s, Make(s), *s.db(), s.db().Versions[0])
	if len(waits) != 1 || waits[0].Reason != Shared || !strings.Contains(waits[0].Detail, "under DIRECT") {
		t.Errorf("the waits are %+v", waits)
	}
	s.db().holdValues(1, values("URL", newLogin, "DIRECT", newLogin))
	if p := Make(s); len(p.Advances) != 1 {
		t.Errorf("both have moved, and it is kept: %q", lines(p))
	}
}

func TestAValueThatAnotherSourceHasTooIsNotSaidToBeSafeToRevoke(t *testing.T) {
	s := owing()
	s.db().Manifest = manifest.Source{Name: "db", Keys: manifest.KeysOf("TOKEN", "OTHER")}
	s.db().holdValues(0, values("TOKEN", "vendor-token-one-0001", "OTHER", "what stays as it is"))
	s.db().holdValues(1, values("TOKEN", "vendor-token-two-0002", "OTHER", "what stays as it is"))
	if waits := Gates(s, Make(s), *s.db(), s.db().Versions[0]); len(waits) != 1 || waits[0].Reason != ByHand {
		t.Fatalf("the scene is not set: %+v", waits)
	}
	s.addSource(manifest.Source{Name: "beside", Text: "BESIDE"}, values("BESIDE", "what stays as it is"))
	if waits := Gates(s, Make(s), *s.db(), s.db().Versions[0]); waits[0].Reason != ByHand {
		t.Errorf("what has not been replaced holds it up: %+v", waits)
	}
	s.addSource(manifest.Source{Name: "billing", Text: "BILLING"}, values("BILLING", "vendor-token-one-0001"))
	if waits := Gates(s, Make(s), *s.db(), s.db().Versions[0]); waits[0].Reason != Shared {
		t.Errorf("the waits are %+v", waits)
	}
}

// The value before stands in the present version of a symmetric secret by right: verifiers accept both.
func TestTheNextStepOfASymmetricSecretIsNotHeldUp(t *testing.T) {
	s := owing()
	s.db().Manifest = manifest.Source{Name: "db", Keys: manifest.KeysOf("KEY", "ALSO"),
		Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Key: "KEY", Also: "ALSO"}}}
	s.db().holdValues(0, values("KEY", "first-value-of-the-pair", "ALSO", "second-value-of-the-pair"))
	s.db().holdValues(1, values("KEY", "second-value-of-the-pair", "ALSO", "first-value-of-the-pair"))
	if p := Make(s); len(p.Advances) != 1 {
		t.Errorf("it is kept: %q", lines(p))
	}
}

func TestNoDeadlineEndsALoginThatAnotherSourceHolds(t *testing.T) {
	s := owing()
	s.replaceLogin()
	label(s.db(), 1, history.DeadlineLabel(noon.Add(-1), s.db().Versions[1].ID))
	if p := Make(s); len(p.Advances) != 1 || !p.Advances[0].Forced {
		t.Fatalf("the scene is not set: %q", lines(p))
	}
	s.addSource(manifest.Source{Name: "reader", Keys: manifest.KeysOf("READER_URL")}, values("READER_URL", oldLogin))
	if p := Make(s); len(p.Advances) != 0 {
		t.Errorf("it is retired: %q", lines(p))
	}
}
