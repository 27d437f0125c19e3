package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

var fromElsewhere = []Elsewhere{{Name: "OTHER", From: "environment"}}

// A name that nobody has adopted is not in what is rolled, and a person is told; the rest follows.
func TestWhatAConsumerHasFromElsewhereIsLeftAlone(t *testing.T) {
	s := edited()
	s.api().Want.Values["OTHER"] = secret.New("x")
	s.api().Entries = append(s.api().Entries, entry("OTHER", "URL"))
	s.web().Left = fromElsewhere
	p := Make(s)
	if len(p.Rolls) != 1 || !slices.Equal(p.Rolls[0].Bucket.Names(), []string{"DB"}) || !slices.Equal(p.Writes[0].Bucket.Names(), []string{"DB", "OTHER"}) {
		t.Fatalf("it does %s: %+v", strings.Join(lines(p), "; "), p.Rolls)
	}
	i := slices.IndexFunc(p.Waits, func(w Wait) bool { return w.Subject == "web" })
	if i < 0 || p.Waits[i].Reason != NotRolled || p.Waits[i].Detail != "it has OTHER from elsewhere: rotary adopt dev web" {
		t.Errorf("it waits for %+v", p.Waits)
	}
	if c := Describe(s, p).Consumer("web"); !slices.Equal(c.Left, fromElsewhere) {
		t.Errorf("the report has %v", c.Left)
	}
}

// Who has all of it but what is left runs the version.
func TestAConsumerWithTheRestOfTheBucketIsNotRolledAgain(t *testing.T) {
	s := converged()
	current, _ := s.api().Current()
	content := s.api().Contents[current.ID]
	content.Values["OTHER"], s.api().Want.Values["OTHER"] = secret.New("x"), secret.New("x")
	s.web().Left, s.web().Names = fromElsewhere, []string{"DB"}
	if p := Make(s); len(p.Rolls) > 0 || len(p.Writes) > 0 || len(p.Waits) != 1 {
		t.Errorf("it does %s", strings.Join(lines(p), "; "))
	}
}

// What a consumer has from elsewhere may be the credential: it lives, although every version of the bucket is clean.
func TestACredentialThatAConsumerMayHaveFromElsewhereIsNotRetired(t *testing.T) {
	s := owing()
	if p := Make(s); len(p.Advances) != 1 {
		t.Fatalf("it does %s", strings.Join(lines(p), "; "))
	}
	s.web().Left = fromElsewhere
	p := Make(s)
	if len(p.Advances) > 0 || !slices.Contains(lines(p), "wait db not-rolled") {
		t.Errorf("it does %s", strings.Join(lines(p), "; "))
	}
}

func TestWhatAPersonDisownsIsGivenBack(t *testing.T) {
	for name, tt := range map[string]struct {
		asked   map[string][]string
		adopted []string
		want    []string
	}{
		"all of it":          {map[string][]string{"web": nil}, []string{"DB", "OTHER"}, []string{"DB", "OTHER"}},
		"one name":           {map[string][]string{"web": {"DB"}}, []string{"DB", "OTHER"}, []string{"DB"}},
		"nothing is adopted": {map[string][]string{"web": nil}, nil, nil},
		"of somebody else":   {map[string][]string{"other": nil}, []string{"DB"}, nil},
		"nobody has asked":   {nil, []string{"DB"}, nil},
	} {
		s := converged()
		s.Disown, s.web().Adopted = tt.asked, tt.adopted
		p := Make(s)
		var got []string
		if len(p.Rolls) > 0 {
			got = p.Rolls[0].Disown
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || len(p.Rolls) > 0 != (tt.want != nil) {
			t.Errorf("%s: %+v (-want +got):\n%s", name, p.Rolls, diff)
		}
	}
	s := converged()
	s.Disown, s.web().Adopted = map[string][]string{"web": nil}, []string{"DB"}
	s.web().Settled, s.web().RollingTo, s.web().Running = false, bid(present, 2), ""
	if p := Make(s); len(p.Rolls) > 0 {
		t.Errorf("in the middle of a rollout: %+v", p.Rolls)
	}
}
