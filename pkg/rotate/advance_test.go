package rotate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// users is a rotator whose credentials belong to users, and that notes whom it retires.
type users struct {
	retired []string
	next    rotate.Values
	fail    error
}

func (u *users) Create(context.Context, rotate.Start) (rotate.Values, error) { return nil, u.fail }
func (u *users) Set(context.Context, rotate.Change) error                    { return u.fail }
func (u *users) Test(context.Context, rotate.Values) error                   { return u.fail }
func (u *users) Identity(v rotate.Values) string                             { return secret.Reveal(v["USER"]) }
func (u *users) Same(a, b rotate.Values) bool                                { return a["PASSWORD"].Equal(b["PASSWORD"]) }
func (u *users) Retire(_ context.Context, e rotate.End) (rotate.Values, error) {
	owed := e.Owed
	u.retired = append(u.retired, u.Identity(owed))
	return u.next, u.fail
}

func user(name string) rotate.Values { return rotate.Values{"USER": secret.New(name)} }

func advance(version, current string) plan.Advance {
	return plan.Advance{Source: "x", Version: id(version), Current: id(current)}
}

func TestAnIdentityThatAnotherVersionHoldsIsNotRetired(t *testing.T) {
	for _, c := range []struct {
		name     string
		versions []string
		users    map[string]string
		retired  []string
	}{
		{"nobody else has it", []string{"a LIVE", "b LIVE AWSCURRENT"}, map[string]string{"a": "ann", "b": "ben"}, []string{"ann"}},
		{"the current version has it", []string{"a LIVE", "b LIVE AWSCURRENT"}, map[string]string{"a": "ann", "b": "ann"}, nil},
		{"a current version that is not marked has it", []string{"a LIVE", "b AWSCURRENT"}, map[string]string{"a": "ann", "b": "ann"}, nil},
		{"another owed version has the very same", []string{"a LIVE", "c LIVE", "b LIVE AWSCURRENT"}, map[string]string{"a": "ann", "b": "ben", "c": "ann"}, nil},
		{"a retained version has the very same", []string{"a LIVE", "c LIVE RETAIN", "b LIVE AWSCURRENT"}, map[string]string{"a": "ann", "b": "ben", "c": "ann"}, nil},
		{"another owed version has another credential of it", []string{"a LIVE", "c LIVE", "b LIVE AWSCURRENT"}, map[string]string{"a": "ann", "b": "ben", "c": "ann again"}, []string{"ann"}},
		{"a dead version has it", []string{"c AWSPREVIOUS", "a LIVE", "b LIVE AWSCURRENT"}, map[string]string{"a": "ann", "b": "ben", "c": "ann"}, []string{"ann"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			contents := map[string]rotate.Values{}
			for version, name := range c.users {
				name, password, _ := strings.Cut(name, " ")
				contents[version] = user(name)
				contents[version]["PASSWORD"] = secret.New(password)
			}
			s, r := newSecrets(t, contents, c.versions...), &users{}
			var told, tell []string
			if len(c.retired) > 0 {
				tell = []string{id("a")}
			}
			job := s.job(r)
			job.Retired = func(version string) { told = append(told, version) }
			for range 2 { // the second time nothing is owed any more
				if err := job.Advance(t.Context(), advance("a", "b")); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.retired, r.retired); diff != "" {
				t.Errorf("retired (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tell, told); diff != "" {
				t.Errorf("told that it is retired (-want +got):\n%s", diff)
			}
			if v, _ := s.h.Version(id("a")); len(v.Labels) > 0 {
				t.Errorf("the version still carries %v", v.Labels)
			}
		})
	}
}

func TestNothingIsRetiredWhileARotationMakesAnotherCredentialOfItsIdentity(t *testing.T) {
	s, r := newSecrets(t, map[string]rotate.Values{"a": user("ann"), "b": user("ben"), "c": user("ann")}, "a LIVE", "b LIVE AWSCURRENT", "c LIVE AWSPENDING"), &users{}
	before := s.labels()
	if err := s.job(r).Advance(t.Context(), advance("a", "b")); err == nil || len(r.retired) > 0 {
		t.Errorf("Advance: %v, retired %v", err, r.retired)
	}
	if diff := cmp.Diff(before, s.labels()); diff != "" {
		t.Errorf("labels moved (-before +after):\n%s", diff)
	}
}

// The gates were checked at a look, and people act after it.
func TestNothingIsRetiredWhereLabelsHaveChangedSinceTheGatesWereChecked(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben"), "c": user("cleo")}
	for versions, want := range map[string]string{
		"a LIVE, b LIVE AWSCURRENT, c LIVE":          "",
		"a LIVE, b LIVE, c LIVE AWSCURRENT":          "AWSCURRENT has moved",
		"a LIVE RETAIN, b LIVE AWSCURRENT, c LIVE":   "it is retained",
		"a LIVE ROLLBACK, b LIVE AWSCURRENT, c LIVE": "it is retained",
	} {
		s, r := newSecrets(t, contents, strings.Split(versions, ", ")...), &users{}
		err := s.job(r).Advance(t.Context(), advance("a", "b"))
		if want == "" && (err != nil || len(r.retired) != 1) {
			t.Errorf("%s: %v, retired %v", versions, err, r.retired)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) || len(r.retired) > 0) {
			t.Errorf("%s: the error is %v, not that %s; retired %v", versions, err, want, r.retired)
		}
	}
}

func TestAVersionThatIsPendingAndHasNoValueYetHoldsNoIdentity(t *testing.T) {
	s, r := newSecrets(t, map[string]rotate.Values{"a": user("ann"), "b": user("ben")}, "a LIVE", "b LIVE AWSCURRENT", "c AWSPENDING"), &users{}
	s.h.Versions[2].Empty = true
	delete(s.text, id("c"))
	if err := s.job(r).Advance(t.Context(), advance("a", "b")); err != nil || len(r.retired) != 1 {
		t.Errorf("Advance: %v, retired %v", err, r.retired)
	}
}

func TestTheNextVersionIsPutOnlyWhenNothingElseIsOwed(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben"), "c": user("cleo")}
	s, r := newSecrets(t, contents, "a LIVE", "c LIVE", "b LIVE AWSCURRENT"), &users{next: user("dora")}
	if err := s.job(r).Advance(t.Context(), advance("a", "b")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"c: LIVE", "b: AWSCURRENT LIVE"}, s.labels()); diff != "" {
		t.Errorf("another version is owed (-want +got):\n%s", diff)
	}
	if err := s.job(r).Advance(t.Context(), advance("c", "b")); err != nil {
		t.Fatal(err)
	}
	if n := len(s.h.Versions); n != 4 || !s.h.Versions[3].Has(history.AWSCurrent) {
		t.Errorf("the last one that was owed brought %d versions, labels %v", n-3, s.labels())
	}
}

func TestTheNextVersionIsNotPutIntoARotation(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben"), "c": user("cleo")}
	s, r := newSecrets(t, contents, "a LIVE", "b LIVE AWSCURRENT", "c LIVE AWSPENDING"), &users{next: user("dora")}
	before := s.labels()
	if err := s.job(r).Advance(t.Context(), advance("a", "b")); err == nil || !strings.Contains(err.Error(), "in progress") {
		t.Errorf("error is %v", err)
	}
	if diff := cmp.Diff(before, s.labels()); diff != "" {
		t.Errorf("labels (-before +after):\n%s", diff)
	}
}

func TestWhatCannotBeRetiredStaysOwed(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben")}
	s, r := newSecrets(t, contents, "a LIVE", "b LIVE AWSCURRENT"), &users{fail: errors.New("the database is down")}
	job := s.job(r)
	job.Retired = func(version string) { t.Errorf("told that %s is retired", version) }
	err := job.Advance(t.Context(), advance("a", "b"))
	if !errors.Is(err, r.fail) || !strings.Contains(err.Error(), "retire version "+history.Short(id("a"))+" of x") {
		t.Errorf("error is %v", err)
	}
	if len(s.h.Owed()) != 1 {
		t.Errorf("labels are %v", s.labels())
	}
}

// TestAReaderThatLagsBehindKeepsAPutFromBeingSent: a rotation is overtaken by a person who lets another value in
// through ALSO, and one reader still runs the first version, which does not accept that value. The rotation's version
// can be retired, because nobody runs it; but K may not change before the reader has moved.
func TestAReaderThatLagsBehindKeepsAPutFromBeingSent(t *testing.T) {
	contents := map[string]rotate.Values{"a": pair("old", "old"), "p": pair("old", "new"), "h": pair("old", "hand")}
	s := newSecrets(t, contents, "a LIVE", "p LIVE AWSPREVIOUS", "h LIVE AWSCURRENT")
	r := random.New(symmetric())
	if err := s.job(r).Advance(t.Context(), advance("p", "h")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a: LIVE", "p: AWSPREVIOUS", "h: AWSCURRENT LIVE"}, s.labels()); diff != "" {
		t.Fatalf("the reader still runs a (-want +got):\n%s", diff)
	}
	for _, want := range []rotate.Values{pair("hand", "old"), pair("hand", "hand")} {
		current, _ := s.h.Current()
		if err := s.job(r).Advance(t.Context(), plan.Advance{Source: "x", Version: s.h.Owed()[0].ID, Current: current.ID}); err != nil {
			t.Fatal(err)
		}
		s.holds(t, want)
	}
}

// TestAnAdvanceThatWasCutOffAfterItsSwapIsFinished: two versions are owed then, in either order.
func TestAnAdvanceThatWasCutOffAfterItsSwapIsFinished(t *testing.T) {
	contents := map[string]rotate.Values{"a": pair("old", "old"), "p": pair("old", "new"), "n": pair("new", "old")}
	for _, order := range []string{"ap", "pa"} {
		s := newSecrets(t, contents, "a LIVE", "p LIVE AWSPREVIOUS", "n LIVE AWSPENDING AWSCURRENT")
		for _, owed := range order {
			if err := s.job(random.New(symmetric())).Advance(t.Context(), advance(string(owed), "n")); err != nil {
				t.Fatal(err)
			}
		}
		s.holds(t, pair("new", "new"))
	}
}

func (s *secrets) holds(t *testing.T, want rotate.Values) {
	t.Helper()
	current, _ := s.h.Current()
	got := parse(t, s.text[current.ID])
	if !got["K"].Equal(want["K"]) || !got["ALSO"].Equal(want["ALSO"]) {
		t.Errorf("AWSCURRENT does not hold what it should; labels are %v", s.labels())
	}
	if _, pending := s.h.Labelled(history.AWSPending); pending {
		t.Errorf("AWSPENDING is left over; labels are %v", s.labels())
	}
}

func symmetric() manifest.Source {
	return manifest.Source{Name: "x", Keys: manifest.KeysOf("K", "ALSO"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Also: "ALSO"}}}
}

func pair(k, also string) rotate.Values {
	return rotate.Values{"K": secret.New(k), "ALSO": secret.New(also)}
}

// TestNoErrorHoldsAValue asks for everything that can fail over versions that hold what cannot be read.
func TestNoErrorHoldsAValue(t *testing.T) {
	const canary = "canary-5d2f"
	for name, text := range map[string]string{
		"no JSON": canary, "a list": `["` + canary + `"]`, "a value for a key": `{"` + canary + ` x": 1, "K": {"` + canary + `": null}}`,
		"cut off": `{"K": "` + canary, "twice": `{"K": "` + canary + `", "K": "` + canary + `"}`,
	} {
		s := newSecrets(t, nil, "a LIVE", "b LIVE AWSCURRENT", "c LIVE AWSPENDING")
		for version := range s.text {
			s.text[version] = secret.New(text)
		}
		job := s.job(random.New(symmetric()))
		job.Source.Keys = symmetric().Keys
		errs := []error{job.Advance(t.Context(), advance("a", "b"))}
		for _, step := range []string{"setSecret", "testSecret"} {
			errs = append(errs, job.Step(t.Context(), rotate.Event{Step: step, Version: id("c")}))
		}
		for i, err := range errs {
			if err == nil || !strings.Contains(err.Error(), "x") {
				t.Errorf("%s: error %d is missing, or does not name the source", name, i)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) {
				t.Errorf("%s: error %d quotes the value", name, i)
			}
		}
	}
}
