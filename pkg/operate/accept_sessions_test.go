package operate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// noteUse puts what a target saw on a version.
func (l ledger) noteUse(version string) {
	l.t.Helper()
	h := l.look()
	v, _ := h.Version(version)
	now := l.Secrets.Now()
	l.move(plan.Use{Count: 1, First: now, Last: now, Seen: "1 session from 10.0.4.17"}.Label(h, v), version)
}

func TestWhoeverUsesAnOwedVersionIsAcceptedOnceTheTargetHasSeenThem(t *testing.T) {
	l := openBooks(t, oldURL, plan.Accepted)
	first := l.current()
	for _, want := range []string{"nothing is owed", "nobody was seen"} {
		_, err := l.FindUsed(t.Context(), l.source, "")
		if _, is := errors.AsType[*operate.Invalid](err); !is {
			t.Fatalf("%s: %v", want, err)
		}
		if _, err := l.put(newURL, true); err != nil {
			t.Fatal(err)
		}
		l.world.Advance(time.Minute)
	}
	l.noteUse(first)
	l.world.Advance(time.Minute)
	for n := range 3 {
		found, err := l.FindUsed(t.Context(), l.source, "")
		if err != nil || found.Version != first || found.Use.Seen != "1 session from 10.0.4.17" || found.Done != (n > 0) {
			t.Fatalf("%+v, %v", found, err)
		}
		if err := l.AcceptSessions(t.Context(), found); err != nil {
			t.Fatal(err)
		}
		v, _ := l.look().Version(first)
		if at, _ := v.TimeOf(history.Sessions); !at.Equal(l.Secrets.Now().Truncate(time.Second)) || len(l.look().Placements(history.Sessions)) != 1 {
			t.Errorf("the labels are %q", v.Labels)
		}
		l.world.Advance(time.Minute)
	}
	if _, err := l.FindUsed(t.Context(), l.source, "nothing"); err == nil {
		t.Error("a version is found that there is not")
	}

	found, err := l.FindUsed(t.Context(), l.source, "")
	if err == nil {
		err = l.Retire(t.Context(), l.source, first)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = l.AcceptSessions(t.Context(), found)
	if _, is := errors.AsType[*operate.Refused](err); !is {
		t.Errorf("a version that is not owed: %v", err)
	}
}
