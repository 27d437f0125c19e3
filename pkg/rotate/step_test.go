package rotate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func parse(t *testing.T, text secret.Value) rotate.Values {
	t.Helper()
	values, err := bucket.ParseSource("x", []byte(secret.Reveal(text)))
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func step(name, version string) rotate.Event { return rotate.Event{Step: name, Version: id(version)} }

// TestARotatorsOwnRefusalLeavesTheSourceAsItWas: K and ALSO differ, so an earlier change is not finished.
func TestARotatorsOwnRefusalLeavesTheSourceAsItWas(t *testing.T) {
	s := newSecrets(t, map[string]rotate.Values{"a": pair("one", "two")}, "a LIVE AWSCURRENT", "b AWSPENDING")
	s.h.Versions[1].Empty = true
	delete(s.text, id("b"))
	r, err := rotators.Opener(rotators.Reach{})(symmetric())
	if err != nil {
		t.Fatal(err)
	}
	err = s.job(r).Step(t.Context(), step("createSecret", "b"))
	refused, is := errors.AsType[*rotate.Refused](err)
	if !is || refused.Source != "x" || !strings.Contains(refused.Reason, "K and ALSO differ") {
		t.Errorf("error is %v", err)
	}
	if diff := cmp.Diff([]string{"a: AWSCURRENT LIVE"}, s.labels()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

func TestARefusalNamesWhatIsOwed(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben")}
	s := newSecrets(t, contents, "a LIVE", "b LIVE AWSCURRENT", "c AWSPENDING")
	delete(s.text, id("c"))
	err := s.job(&users{}).Step(t.Context(), step("createSecret", "c"))
	if err == nil || !strings.Contains(err.Error(), "rotation of x refused: version "+history.Short(id("a"))+" is not retired yet") {
		t.Errorf("error is %v", err)
	}
}

// TestAnEmergencyOfAnotherVersionIsRefused: whom it breaks was said of the version that was current when it was begun.
func TestAnEmergencyOfAnotherVersionIsRefused(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben")}
	label := history.DeadlineLabel(time.Time{}, id("c"))
	s := newSecrets(t, contents, "a LIVE AWSCURRENT", "b LIVE "+label, "c AWSPENDING")
	delete(s.text, id("c"))
	err := s.job(&users{}).Step(t.Context(), step("createSecret", "c"))
	if _, refused := errors.AsType[*rotate.Refused](err); !refused || !strings.Contains(err.Error(), "version "+history.Short(id("a"))+" has become current") {
		t.Errorf("error is %v", err)
	}
	if diff := cmp.Diff([]string{"a: AWSCURRENT LIVE", "b: " + label + " LIVE"}, s.labels()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

func TestAFailingRotatorIsNamedWithWhatItDid(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben")}
	for name, want := range map[string]string{
		"createSecret": "create the next credential of x", "setSecret": "make the target accept version " + history.Short(id("b")) + " of x",
		"testSecret": "test version " + history.Short(id("b")) + " of x",
	} {
		s := newSecrets(t, contents, "a LIVE AWSCURRENT", "b LIVE AWSPENDING")
		if name == "createSecret" {
			delete(s.text, id("b"))
		}
		before, down := s.labels(), errors.New("the target is down")
		err := s.job(&users{fail: down}).Step(t.Context(), step(name, "b"))
		if !errors.Is(err, down) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", name, err, want)
		}
		if _, refused := errors.AsType[*rotate.Refused](err); refused {
			t.Errorf("%s: a failure looks like a refusal", name)
		}
		if diff := cmp.Diff(before, s.labels()); diff != "" {
			t.Errorf("%s moved labels (-before +after):\n%s", name, diff)
		}
	}
}

// TestARotationThatAPersonHasOvertakenIsRefused: the version that it started from is owed, or has been retired since.
func TestARotationThatAPersonHasOvertakenIsRefused(t *testing.T) {
	contents := map[string]rotate.Values{"a": user("ann"), "b": user("ben"), "h": user("hand")}
	for _, versions := range [][]string{
		{"a LIVE AWSPREVIOUS", "b LIVE AWSPENDING", "h LIVE AWSCURRENT"},
		{"a AWSPREVIOUS", "b LIVE AWSPENDING", "h LIVE AWSCURRENT"},
		{"h LIVE AWSCURRENT", "a LIVE AWSPREVIOUS", "b LIVE AWSPENDING"},
	} {
		for _, name := range []string{"setSecret", "testSecret", "finishSecret"} {
			s := newSecrets(t, contents, versions...)
			for i := range s.h.Versions {
				s.h.Versions[i].Created = time.Date(2026, 1, 5, 9, i, 0, 0, time.UTC)
			}
			err := s.job(&users{fail: errors.New("the target was asked")}).Step(t.Context(), step(name, "b"))
			if refused, is := errors.AsType[*rotate.Refused](err); !is || !strings.Contains(refused.Reason, "became current") {
				t.Errorf("%s: error is %v", name, err)
			}
			if got := s.labels(); !slices.Contains(got, "b: LIVE") || !slices.Contains(got, "h: AWSCURRENT LIVE") {
				t.Errorf("%s: labels are %v", name, got)
			}
		}
	}
}

// dying is a store whose writer dies before it moves AWSCURRENT.
type dying struct{ *secrets }

func (d dying) Move(ctx context.Context, name, label, to, from string) error {
	if label == history.AWSCurrent {
		return errors.New("killed")
	}
	return d.secrets.Move(ctx, name, label, to, from)
}

// TestSecretsManagerMayFinishWhatAnAdvanceBegan: its next version stands under AWSPENDING beside the owed one.
func TestSecretsManagerMayFinishWhatAnAdvanceBegan(t *testing.T) {
	s := newSecrets(t, map[string]rotate.Values{"a": pair("old", "old"), "b": pair("old", "new")}, "a LIVE", "b LIVE AWSCURRENT")
	r := random.New(symmetric())
	job := s.job(r)
	job.Store = dying{s}
	if err := job.Advance(t.Context(), advance("a", "b")); err == nil {
		t.Fatal("the Advance survived")
	}
	next, _ := s.h.Labelled(history.AWSPending)
	for _, name := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		if err := s.job(r).Step(t.Context(), rotate.Event{Step: name, Version: next.ID}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	s.holds(t, pair("new", "old"))
}

func TestAnUnknownStepIsAnError(t *testing.T) {
	s := newSecrets(t, map[string]rotate.Values{"a": user("ann"), "b": user("ben")}, "a LIVE AWSCURRENT", "b LIVE AWSPENDING")
	if err := s.job(&users{}).Step(t.Context(), step("danceSecret", "b")); err == nil || !strings.Contains(err.Error(), `unknown step "danceSecret"`) {
		t.Errorf("error is %v", err)
	}
}

func TestOpenHasARotatorForEveryNameOrSaysWhyNot(t *testing.T) {
	for with, refusal := range map[string]string{
		manifest.Random: "", manifest.Manual: "put by a person", manifest.Never: "destroy data", manifest.Managed: "AWS rotates it",
	} {
		r, err := rotators.Opener(rotators.Reach{})(manifest.Source{Name: "x", Keys: manifest.KeysOf("K"), Rotate: manifest.RotateWith(with)})
		if err != nil {
			t.Errorf("%s: %v", with, err)
			continue
		}
		s := newSecrets(t, map[string]rotate.Values{"a": user("ann")}, "a LIVE AWSCURRENT", "b AWSPENDING")
		delete(s.text, id("b"))
		err = s.job(r).Step(t.Context(), step("createSecret", "b"))
		refused, is := errors.AsType[*rotate.Refused](err)
		if is != (refusal != "") || is && (refused.Source != "x" || !strings.Contains(refused.Reason, refusal)) {
			t.Errorf("%s: createSecret answers %v", with, err)
		}
		if refusal == "" {
			continue
		}
		if _, err := r.Retire(t.Context(), rotate.End{Owed: user("ann"), Current: user("ben")}); err == nil {
			t.Errorf("%s: it retires what only a person, or AWS, can", with)
		}
	}
}

func TestEveryKindOfTheManifestHasARotator(t *testing.T) {
	env := &manifest.Environment{Name: "dev", Account: "111111111111", Region: "us-east-1"}
	for _, kind := range manifest.Rotators() {
		source := manifest.Source{Name: "x", Rotate: manifest.RotateWith(kind)}
		if source.Rotate.HTTP != nil {
			source.Rotate.HTTP.Calls = &vendorapi.API{}
		}
		if r, err := rotators.Opener(rotators.Reach{Environment: env})(source); err != nil || r == nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
