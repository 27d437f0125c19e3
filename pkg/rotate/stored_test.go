package rotate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// TestWhatTheSourceDoesNotDeclareIsCarriedOver: by createSecret, and by the version that Advance puts.
func TestWhatTheSourceDoesNotDeclareIsCarriedOver(t *testing.T) {
	source := symmetric()
	source.Existing, source.Keys.Stored = true, map[string]string{"K": "/keys/now", "ALSO": "also.accepted"}
	const held = "{ \"engine\": \"x\", \"port\": 5432,\n \"keys\": {\"other\": null, \"now\": \"one\"}, \"also.accepted\": \"one\", \"z\": 1e5 }\n"
	s := newSecrets(t, map[string]rotate.Values{"a": nil}, "a LIVE AWSCURRENT", "b AWSPENDING")
	s.text[id("a")], s.h.Versions[1].Empty = secret.New(held), true
	delete(s.text, id("b"))
	job := s.job(random.New(source))
	job.Source.Existing, job.Source.Keys = true, source.Keys
	for _, name := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		if err := job.Step(t.Context(), step(name, "b")); err != nil {
			t.Fatal(err)
		}
	}
	s.carries(t, job.Source, held)
	if err := job.Advance(t.Context(), advance("a", "b")); err != nil {
		t.Fatal(err)
	}
	s.carries(t, job.Source, held)
	if current, _ := s.h.Current(); current.ID == id("b") || len(s.h.Versions) != 3 {
		t.Errorf("Advance has put no version: %v", s.labels())
	}
}

// carries holds the current version to a text in which it has replaced the two values, and nothing else.
func (s *secrets) carries(t *testing.T, source manifest.Source, before string) {
	t.Helper()
	current, _ := s.h.Current()
	values, undeclared, err := bucket.ReadSource(source, s.text[current.ID])
	if err != nil || undeclared != 4 {
		t.Fatalf("%d undeclared keys, %v", undeclared, err)
	}
	want := strings.Replace(before, `"now": "one"`, `"now": "`+secret.Reveal(values["K"])+`"`, 1)
	want = strings.Replace(want, `"also.accepted": "one"`, `"also.accepted": "`+secret.Reveal(values["ALSO"])+`"`, 1)
	if diff := cmp.Diff(want, secret.Reveal(s.text[current.ID])); diff != "" || values["ALSO"].Equal(values["K"]) {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAPlainTextIsRotatedAsAWhole: what is there looks like JSON, and is none of ours.
func TestAPlainTextIsRotatedAsAWhole(t *testing.T) {
	source := manifest.Source{Name: "x", Text: "K", Existing: true,
		Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Key: "K"}}}
	s := newSecrets(t, map[string]rotate.Values{"a": nil}, "a LIVE AWSCURRENT", "b AWSPENDING")
	s.text[id("a")], s.h.Versions[1].Empty = secret.New(`{"K": "one"}`), true
	delete(s.text, id("b"))
	job := s.job(random.New(source))
	job.Source.Keys, job.Source.Text = manifest.Keys{}, "K"
	if err := job.Step(t.Context(), step("createSecret", "b")); err != nil {
		t.Fatal(err)
	}
	if text := secret.Reveal(s.text[id("b")]); len(text) < 16 || strings.ContainsAny(text, `{"`) {
		t.Errorf("the new value is not the whole text: %d bytes", len(text))
	}
}
