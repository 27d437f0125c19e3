package rotate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// jobFrom is the rotation from a version of a login under DB_USER, DB_PASSWORD and DB_NAME, at a database that accepts
// it.
func jobFrom(t *testing.T, user, password string, labels ...string) (*secrets, rotate.Job) {
	t.Helper()
	db, now := newDatabase(), login(user, password)
	db.set(now)
	s := newSecrets(t, map[string]rotate.Values{"a": now}, "a LIVE AWSCURRENT "+strings.Join(labels, " "), "b AWSPENDING")
	s.h.Versions[1].Empty = true
	delete(s.text, id("b"))
	job := s.job(twoUsers{db})
	job.Source.Rotate.MySQL = &manifest.RotateMySQL{Database: manifest.Database{Fields: &manifest.Login{Username: "DB_USER", Password: "DB_PASSWORD"}}}
	job.Environment = &manifest.Environment{Name: "dev", Sources: []manifest.Source{job.Source}}
	return s, job
}

func TestAWeakPasswordIsRotatedOnceAPersonSaysThatNothingElseHoldsIt(t *testing.T) {
	for _, password := range []string{"0ld", "CHANGE_ME", "app-user"} {
		s, job := jobFrom(t, "app-user", password)
		err := job.Step(t.Context(), step("createSecret", "b"))
		refused, is := errors.AsType[*rotate.Refused](err)
		if !is || !strings.Contains(refused.Reason, "rotary rotate dev x --only-declared-keys") || !strings.Contains(refused.Reason, "DB_PASSWORD, DB_USER") {
			t.Errorf("%s: error is %v", password, err)
		}
		if diff := cmp.Diff([]string{"a: AWSCURRENT LIVE"}, s.labels()); diff != "" {
			t.Errorf("%s: labels (-want +got):\n%s", password, diff)
		}
		other := history.DeclaredLabel(id("c"))
		if s, job = jobFrom(t, "app-user", password, other); job.Step(t.Context(), step("createSecret", "b")) == nil {
			t.Errorf("%s: what was said of another rotation counts", password)
		}
		if diff := cmp.Diff([]string{"a: AWSCURRENT LIVE"}, s.labels()); diff != "" {
			t.Errorf("%s: labels (-want +got):\n%s", password, diff)
		}
		s, job = jobFrom(t, "app-user", password, other, history.DeclaredLabel(id("b")))
		for range 2 {
			if err := job.Step(t.Context(), step("createSecret", "b")); err != nil {
				t.Errorf("%s: %v", password, err)
			}
		}
		if diff := cmp.Diff([]string{"a: AWSCURRENT LIVE", "b: AWSPENDING LIVE"}, s.labels()); diff != "" {
			t.Errorf("%s: labels (-want +got):\n%s", password, diff)
		}
	}
	if _, job := jobFrom(t, "app-user", "long-enough-to-be-found"); job.Step(t.Context(), step("createSecret", "b")) != nil {
		t.Error("a strong password is refused")
	}
}

// TestNobodysWordHelpsAPlaceholder: what never was a credential is not rotated, nor retired, whatever its label says.
func TestNobodysWordHelpsAPlaceholder(t *testing.T) {
	_, job := jobFrom(t, "app-user", "", history.DeclaredLabel(id("b")))
	err := job.Step(t.Context(), step("createSecret", "b"))
	if refused, is := errors.AsType[*rotate.Refused](err); !is || !strings.Contains(refused.Reason, "DB_PASSWORD is missing or empty: put a working value first: rotary put dev x") {
		t.Errorf("error is %v", err)
	}
	for _, forced := range []bool{false, true} {
		s := newSecrets(t, map[string]rotate.Values{"a": login("app-user", ""), "b": login("other", "long-enough-to-be-found")}, "a LIVE", "b LIVE AWSCURRENT "+history.DeadlineLabel(time.Unix(1, 0), id("c")))
		s.h.Changed, s.h.Versions[1].Created = time.Unix(2, 0), time.Unix(1, 0)
		advancing := s.job(twoUsers{newDatabase()})
		advancing.Source.Rotate = job.Source.Rotate
		advancing.Environment = job.Environment
		err = advancing.Advance(t.Context(), plan.Advance{Source: "x", Version: id("a"), Current: id("b"), Forced: forced})
		if err == nil || !strings.Contains(err.Error(), "rotary retire dev x --revoked") {
			t.Errorf("forced %v: error is %v", forced, err)
		}
		if !strings.Contains(fmt.Sprint(s.labels()), "a: LIVE") {
			t.Errorf("forced %v: labels are %v", forced, s.labels())
		}
	}
}

// TestASourceThatCannotBeReadStopsNoOther: it is the only one whose rotation waits for it.
func TestASourceThatCannotBeReadStopsNoOther(t *testing.T) {
	for _, c := range []struct {
		err  error
		fine bool
	}{{history.NewUnreadable("other", errors.New("in the bin")), true}, {errors.New("slow down"), false}} {
		s, job := jobFrom(t, "app-user", "long-enough-to-be-found")
		job.Environment.Sources = append(job.Environment.Sources, manifest.Source{Name: "other", Secret: "other", Keys: manifest.KeysOf("K")})
		job.Store = blind{s, "other", c.err}
		err := job.Step(t.Context(), step("createSecret", "b"))
		if _, refused := errors.AsType[*rotate.Refused](err); (err == nil) != c.fine || refused {
			t.Errorf("%v: error is %v", c.err, err)
		}
	}
}

// blind is a store that cannot read one secret.
type blind struct {
	*secrets
	name string
	err  error
}

func (b blind) Look(ctx context.Context, name string) (history.History, error) {
	if name == b.name {
		return history.History{}, b.err
	}
	return b.secrets.Look(ctx, name)
}

// beside is a store with one more secret.
type beside struct {
	*secrets
	name  string
	other *secrets
}

func (b beside) Look(ctx context.Context, name string) (history.History, error) {
	if name == b.name {
		return b.other.Look(ctx, name)
	}
	return b.secrets.Look(ctx, name)
}

func (b beside) Value(ctx context.Context, name, version string) (secret.Value, bool, error) {
	if name == b.name {
		return b.other.Value(ctx, name, version)
	}
	return b.secrets.Value(ctx, name, version)
}

// TestAMalformedSourceIsSearchedAsText: what nobody can read as values may hold the credential all the same.
func TestAMalformedSourceIsSearchedAsText(t *testing.T) {
	for _, text := range []string{`["long-enough-to-be-found"]`, `{"K": {"inner": "long-enough-to-be-found"}}`, "long-enough-to-be-found"} {
		s, job := jobFrom(t, "app-user", "long-enough-to-be-found")
		job.Environment.Sources = append(job.Environment.Sources, manifest.Source{Name: "other", Secret: "other", Keys: manifest.KeysOf("K")})
		other := newSecrets(t, map[string]rotate.Values{"o": {"K": secret.New("")}}, "o AWSCURRENT")
		other.text[id("o")] = secret.New(text)
		job.Store = beside{s, "other", other}
		err := job.Step(t.Context(), step("createSecret", "b"))
		if _, refused := errors.AsType[*rotate.Refused](err); !refused || !strings.Contains(err.Error(), "source other holds the same credential") {
			t.Errorf("error is %v", err)
		}
	}
}
