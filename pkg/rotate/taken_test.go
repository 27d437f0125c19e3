package rotate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// targeted is a rotator whose target answers Test, and which notes what else it is asked with.
type targeted struct {
	answer error // of Test
	start  rotate.Start
	others []string
	change rotate.Change
	end    rotate.End
}

func (r *targeted) Create(ctx context.Context, s rotate.Start) (rotate.Values, error) {
	r.start = s
	others, err := s.Others(ctx)
	for _, o := range others {
		r.others = append(r.others, secret.Reveal(o.Values["K"]))
	}
	return values("new"), err
}
func (r *targeted) Set(_ context.Context, c rotate.Change) error { r.change = c; return nil }
func (r *targeted) Test(context.Context, rotate.Values) error    { return r.answer }
func (r *targeted) Retire(_ context.Context, e rotate.End) (rotate.Values, error) {
	r.end = e
	return nil, nil
}

func values(text string) rotate.Values { return rotate.Values{"K": secret.New(text)} }

func taken(version string) string { return history.Taken + id(version)[:8] }

// openTested is a source whose target is asked: it runs on a, and b, which is current, was refused.
func openTested(t *testing.T, versions ...string) (*secrets, *targeted, rotate.Job) {
	s := newSecrets(t, map[string]rotate.Values{"a": values("a"), "b": values("b"), "c": values("c"), "o": values("o")}, versions...)
	for i := range s.h.Versions {
		s.h.Versions[i].Created = time.Unix(int64(i), 0)
	}
	r := &targeted{}
	j := s.job(r)
	j.Source.Rotate = manifest.RotateWith(manifest.Postgres)
	return s, r, j
}

// refused is such a source, with what is pending.
func openRefused(t *testing.T, more ...string) (*secrets, *targeted, rotate.Job) {
	versions := append([]string{"a AWSPREVIOUS LIVE " + taken("a"), "b AWSCURRENT LIVE SEEN"}, more...)
	return openTested(t, versions...)
}

func TestATestAnswers(t *testing.T) {
	for _, tt := range []struct {
		answer error
		want   plan.Answer
	}{
		{nil, plan.Accepted}, {fmt.Errorf("log in: %w", rotate.ErrNotAccepted), plan.Refused}, {errors.New("it is down"), plan.Unknown},
	} {
		s, r, j := openRefused(t)
		r.answer = tt.answer
		before := s.labels()
		got, err := j.Test(t.Context(), plan.Test{Source: "x", Version: id("b")})
		if err != nil || got.Answer != tt.want || tt.answer != nil && got.Why != tt.answer.Error() {
			t.Errorf("%v: %+v, %v", tt.answer, got, err)
		}
		if !slices.Equal(before, s.labels()) {
			t.Error("it changes something")
		}
	}
	s, _, j := openRefused(t)
	s.text[id("b")] = secret.New("not an object")
	if got, err := j.Test(t.Context(), plan.Test{Source: "x", Version: id("b")}); err != nil || got.Answer != plan.Refused {
		t.Errorf("what cannot be read: %+v, %v", got, err)
	}
	j.Source.Rotate = manifest.Rotate{}
	if _, err := j.Test(t.Context(), plan.Test{Source: "x", Version: id("b")}); err == nil {
		t.Error("a rotator without a test answers")
	}
}

// TestARotationTakesWhatItHasTested: no pass meets AWSCURRENT without TAKEN.
func TestARotationTakesWhatItHasTested(t *testing.T) {
	for _, tt := range []struct {
		kind string
		want string
	}{
		{manifest.Postgres, "c: AWSCURRENT LIVE " + taken("c")}, {manifest.Random, "c: AWSCURRENT LIVE"},
	} {

		s, _, j := openTested(t, "a AWSCURRENT LIVE SEEN", "c AWSPENDING LIVE")
		j.Source.Rotate = manifest.RotateWith(tt.kind)
		if err := j.Step(t.Context(), rotate.Event{Step: "finishSecret", Version: id("c")}); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(s.labels(), tt.want) {
			t.Errorf("%s: labels are %q", tt.kind, s.labels())
		}
	}
}

func TestARollbackTakesWhatItHasTested(t *testing.T) {
	s, _, j := openRefused(t)
	b := rotate.Back{Source: "x", Version: id("a"), From: id("b")}
	for range 3 {
		if _, err := j.Rollback(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.labels()[0]; got != "a: AWSCURRENT LIVE "+taken("a") {
		t.Errorf("what was gone back to carries %s", got)
	}
}

func TestNoScheduleRotatesWhatItsTargetHasNotAccepted(t *testing.T) {
	s, r, j := openRefused(t, "c AWSPENDING")
	delete(s.text, id("c"))
	err := j.Step(t.Context(), rotate.Event{Step: "createSecret", Version: id("c")})
	if refused, is := errors.AsType[*rotate.Refused](err); !is || !strings.Contains(refused.Reason, "its target has not accepted version "+history.Short(id("b"))) {
		t.Errorf("error is %v", err)
	}
	if r.start.Current != nil {
		t.Error("the rotator was asked")
	}
}

// TestAnEmergencyStartsFromWhatConsumersHave.
func TestAnEmergencyStartsFromWhatConsumersHave(t *testing.T) {
	s, r, j := openRefused(t, "c AWSPENDING")
	delete(s.text, id("c"))
	s.give(history.DeadlineLabel(time.Time{}, id("c")), id("b"))
	for _, step := range []string{"createSecret", "setSecret"} {
		if err := j.Step(t.Context(), rotate.Event{Step: step, Version: id("c")}); err != nil {
			t.Fatal(err)
		}
	}
	if !r.start.Current["K"].Equal(secret.New("a")) || !r.change.Current["K"].Equal(secret.New("a")) || !slices.Equal(r.others, []string{"b"}) {
		t.Errorf("it starts from another version; others are %q", r.others)
	}
}

func TestNothingIsRetiredWhileTheTargetHasNotAcceptedWhatIsCurrent(t *testing.T) {
	_, r, j := openTested(t, "o LIVE", "a AWSPREVIOUS LIVE "+taken("a"), "b AWSCURRENT LIVE SEEN")
	ask := plan.Advance{Source: "x", Version: id("o"), Current: id("b")}
	if err := j.Advance(t.Context(), ask); err == nil || r.end.Owed != nil {
		t.Errorf("it is retired: %v", err)
	}
	if err := j.Advance(t.Context(), plan.Advance{Source: "x", Version: id("a"), Current: id("b")}); err != nil || r.end.Owed != nil {
		t.Errorf("what is taken is retired: %v", err)
	}
}

// TestADeadlineSparesWhatConsumersHave: the rotator is told that this stays, and not the refused one.
func TestADeadlineSparesWhatConsumersHave(t *testing.T) {
	s, r, j := openTested(t, "o LIVE", "a AWSPREVIOUS LIVE "+taken("a"), "b AWSCURRENT LIVE SEEN")
	s.give(history.DeadlineLabel(time.Unix(1, 0), id("a")), id("a"))
	s.h.Changed = time.Unix(10, 0)
	if err := j.Advance(t.Context(), plan.Advance{Source: "x", Version: id("o"), Current: id("b"), Forced: true}); err != nil {
		t.Fatal(err)
	}
	if !r.end.Current["K"].Equal(secret.New("a")) || !r.end.Owed["K"].Equal(secret.New("o")) {
		t.Error("another version stays, or another one is ended")
	}
}
