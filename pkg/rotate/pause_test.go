package rotate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

func (s *secrets) pause(span time.Duration) {
	key, value := plan.FormatPause(plan.Pause{Since: s.Now(), Until: s.Now().Add(span), Caller: "ann"})
	s.h.Tags = map[string]string{key: value}
}

// Whatever a pass under way asks for, nothing is retired and no rollback begins; what is over pauses nothing.
func TestWhilePausedNothingIsRetiredAndNoRollbackBegins(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben")}
	s := newSecrets(t, contents, "a LIVE", "b LIVE AWSCURRENT")
	u := &users{}
	s.pause(time.Hour)
	before := s.labels()
	err := s.job(u).Advance(t.Context(), advance("a", "b"))
	if err == nil || !strings.Contains(err.Error(), "retire version aaaaaaaa of x: the environment is paused by ann until ") || len(u.retired) > 0 {
		t.Errorf("retired %v, %v", u.retired, err)
	}
	_, err = s.job(u).Rollback(t.Context(), rotate.Back{Source: "x", Version: id("a"), From: id("b")})
	if _, refused := errors.AsType[*rotate.Refused](err); !refused || !strings.Contains(err.Error(), "rotary resume") {
		t.Errorf("rolled back: %v", err)
	}
	if diff := cmp.Diff(before, s.labels()); diff != "" {
		t.Errorf("labels (-before +after):\n%s", diff)
	}
	s.pause(0)
	if err := s.job(u).Advance(t.Context(), advance("a", "b")); err != nil || len(u.retired) != 1 {
		t.Errorf("after the pause: retired %v, %v", u.retired, err)
	}
}
