package rotate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

var midday = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// What a target sees, and whether that vetoes: the table above Judge.
func TestWhoVetoesARetirement(t *testing.T) {
	session := func(ago time.Duration) rotate.Use {
		return rotate.Use{Session: true, Ago: ago, Certain: true, Address: "10.0.4.17", By: "shop"}
	}
	call := func(ago time.Duration) rotate.Use {
		return rotate.Use{Ago: ago, Certain: true, Address: "eu-west-1", By: "s3"}
	}
	proven := rotate.Witness{Now: midday, Proof: midday.Add(-time.Hour)}
	lingered := rotate.Witness{Now: midday, Proof: midday.Add(-history.SessionsLinger)}
	accepted := rotate.Witness{Now: midday, Proof: midday.Add(-time.Hour), Accepted: midday.Add(-time.Minute)}
	long := rotate.Witness{Now: midday, Proof: midday.Add(-2 * time.Hour), Accepted: midday.Add(-history.AcceptanceHolds - time.Minute)}
	forced := rotate.Witness{Now: midday, Forced: true}
	for name, c := range map[string]struct {
		witness rotate.Witness
		uses    []rotate.Use
		vetoes  bool
		ends    time.Time
	}{
		"nothing":                                 {witness: proven},
		"a session from before the proof":         {proven, []rotate.Use{session(2 * time.Hour)}, true, midday.Add(history.SessionsLinger - time.Hour)},
		"one from just then":                      {proven, []rotate.Use{session(time.Hour)}, true, midday.Add(history.SessionsLinger - time.Hour)},
		"one from before it, a day later":         {lingered, []rotate.Use{session(48 * time.Hour)}, false, time.Time{}},
		"one from after it, a day later":          {lingered, []rotate.Use{session(history.SessionsLinger - time.Second)}, true, time.Time{}},
		"one from after the proof":                {proven, []rotate.Use{session(time.Minute)}, true, time.Time{}},
		"one of each":                             {proven, []rotate.Use{session(time.Minute), session(2 * time.Hour)}, true, time.Time{}},
		"the other way round":                     {proven, []rotate.Use{session(2 * time.Hour), session(time.Minute)}, true, time.Time{}},
		"one that lingers, beside one from after": {lingered, []rotate.Use{session(48 * time.Hour), session(time.Minute)}, true, time.Time{}},
		"one where nobody has said since when":    {rotate.Witness{Now: midday}, []rotate.Use{session(48 * time.Hour)}, true, time.Time{}},
		"one that was accepted":                   {accepted, []rotate.Use{session(2 * time.Minute)}, false, time.Time{}},
		"one that began a little after that":      {accepted, []rotate.Use{session(time.Second)}, false, time.Time{}},
		"one that began long after that":          {long, []rotate.Use{session(0)}, true, time.Time{}},
		"a call from before the proof":            {proven, []rotate.Use{call(2 * time.Hour)}, false, time.Time{}},
		"a call from after it":                    {proven, []rotate.Use{call(time.Minute)}, true, time.Time{}},
		"a call from after it, a day later":       {lingered, []rotate.Use{call(23 * time.Hour)}, true, time.Time{}},
		"a call that was accepted":                {accepted, []rotate.Use{call(2 * time.Minute)}, false, time.Time{}},
		"an emergency's deadline":                 {forced, []rotate.Use{session(0), call(0)}, false, time.Time{}},
	} {
		err := c.witness.Judge(c.uses)
		used, is := errors.AsType[*rotate.InUse](err)
		if is != c.vetoes || (err != nil) != c.vetoes || is && !used.Ends.Equal(c.ends) {
			t.Errorf("%s: %+v, %v", name, used, err)
		}
	}
}

func TestAUseIsNamedByAddressApplicationAndSinceWhen(t *testing.T) {
	w := rotate.Witness{Now: midday, Proof: midday.Add(-time.Hour)}
	of := func(address, by string, ago time.Duration, certain bool) rotate.Use {
		return rotate.Use{Session: true, Ago: ago, Certain: certain, Address: address, By: by}
	}
	for want, uses := range map[string][]rotate.Use{
		"1 session from 10.0.4.17 (shop), since 2026-03-01 11:30 UTC":             {of("10.0.4.17", "shop", 30*time.Minute, true)},
		"2 sessions from 10.0.4.17 (shop), the oldest since 2026-03-01 11:00 UTC": {of("10.0.4.17", "shop", 30*time.Minute, true), of("10.0.4.17", "shop", time.Hour, true)},
		"1 session from 10.0.4.17, last active at 2026-03-01 11:30 UTC":           {of("10.0.4.17", "", 30*time.Minute, false)},
		"1 session from an address that is not visible to this login (shop), now": {of("", "shop", 0, false)},
		"2 sessions from 10.0.4.18, the oldest since 2026-03-01 11:59 UTC, 1 session from 10.0.4.17, since 2026-03-01 11:59 UTC": {
			of("10.0.4.17", "", time.Minute, true), of("10.0.4.18", "", time.Minute, true), of("10.0.4.18", "", time.Minute, true),
		},
		"and from 2 more places":                            {of("1", "", 1, true), of("2", "", 1, true), of("3", "", 1, true), of("4", "", 1, true), of("5", "", 1, true)},
		"used at 2026-03-01 11:30 UTC, for s3 in eu-west-1": {{Ago: 30 * time.Minute, Address: "eu-west-1", By: "s3"}},
		"(a?b)": {of("10.0.4.17", "a\nb", time.Minute, true)},
		"(?)":   {of("10.0.4.17", "9gJ3kQ7xL2mV8tR4wN6pZ1cB5dF0hS", time.Minute, true)}, // as a token that somebody took for a name
	} {
		err := w.Judge(uses)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
}

// witnessed is a rotator whose target sees a session.
type witnessed struct {
	users
	session bool
	saw     rotate.Witness
}

func (w *witnessed) Retire(ctx context.Context, e rotate.End) (rotate.Values, error) {
	w.saw = e.Witness
	if w.session {
		if err := e.Witness.Judge([]rotate.Use{{Session: true, Certain: true, Address: "10.0.4.17"}}); err != nil {
			return nil, err
		}
	}
	return w.users.Retire(ctx, e)
}

// Who uses it is remembered on the version, once, with how often and since when; what a person accepts is retired.
func TestAUseIsRememberedUntilItEndsOrIsAccepted(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben"), "c": user("cleo")}
	s := newSecrets(t, contents, "a LIVE", "b LIVE AWSCURRENT")
	s.h.Changed = midday
	r := &witnessed{session: true}
	a := advance("a", "b")
	a.Proof = midday
	for n := 1; n <= 2; n++ {
		if err := s.job(r).Advance(t.Context(), a); err != nil || len(r.retired) > 0 {
			t.Fatalf("%v, retired %v", err, r.retired)
		}
		v, _ := s.h.Version(id("a"))
		u, label := plan.UseOf(v)
		if u.Count != n || !u.First.Equal(s.Now()) || !strings.Contains(u.Seen, "1 session from 10.0.4.17") || len(v.Labels) != 2 {
			t.Errorf("it remembers %+v in %q", u, label)
		}
	}
	if !r.saw.Proof.Equal(midday) || !r.saw.Now.Equal(s.Now()) || !r.saw.Accepted.IsZero() {
		t.Errorf("the witness is %+v", r.saw)
	}
	s.give(s.h.TimedLabel(history.Sessions, s.Now(), id("b")), id("b")) // of another version
	if err := s.job(r).Advance(t.Context(), a); err != nil || len(r.retired) > 0 {
		t.Fatalf("accepted for another version: %v, retired %v", err, r.retired)
	}
	s.give(s.h.TimedLabel(history.Sessions, s.Now(), id("a")), id("a"))
	if err := s.job(r).Advance(t.Context(), a); err != nil || len(r.retired) != 1 {
		t.Fatalf("accepted: %v, retired %v", err, r.retired)
	}
}

func TestAUseThatCannotBeRememberedIsAnError(t *testing.T) {
	s := newSecrets(t, map[string]rotate.Values{"a": user("ann"), "b": user("ben")}, "a LIVE", "b LIVE AWSCURRENT")
	for n := range history.MaxLabels - 3 {
		s.give(strings.Repeat("X", n+1), id("b"))
	}
	err := s.job(&witnessed{session: true}).Advance(t.Context(), advance("a", "b"))
	if _, is := errors.AsType[*rotate.InUse](err); !is || !strings.Contains(err.Error(), "retire version aaaaaaaa of x: its target sees it used") {
		t.Errorf("error is %v", err)
	}
}
