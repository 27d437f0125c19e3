package rotate_test

import (
	"testing"

	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
)

// TestASymmetricSecretGoesOnFromWhereItIs: what is owed last, and so asks for the next version, says nothing of the way
// that the secret is on.
func TestASymmetricSecretGoesOnFromWhereItIs(t *testing.T) {
	contents := map[string]rotate.Values{
		"a": pair("old", "new"), "b": pair("new", "old"), // a change
		"c": pair("new", "old"), // another key of the source was put
		"e": pair("new", "hot"), // an emergency
	}
	for name, c := range map[string]struct {
		versions []string
		want     []rotate.Values
	}{
		"beside another key": {[]string{"a LIVE", "b LIVE", "c LIVE AWSCURRENT"}, []rotate.Values{pair("new", "new")}},
		"in an emergency":    {[]string{"a LIVE", "b LIVE", "e LIVE AWSCURRENT"}, []rotate.Values{pair("hot", "new"), pair("hot", "hot")}},
	} {
		for _, order := range []string{"ab", "ba"} {
			s := newSecrets(t, contents, c.versions...)
			for _, owed := range order {
				current, _ := s.h.Current()
				if err := s.job(random.New(symmetric())).Advance(t.Context(), plan.Advance{Source: "x", Version: id(string(owed)), Current: current.ID}); err != nil {
					t.Fatal(err)
				}
			}
			for i, want := range c.want {
				if s.holds(t, want); t.Failed() {
					t.Fatalf("%s, retired in the order %s, %d. version", name, order, i+1)
				}
				current, _ := s.h.Current()
				if err := s.job(random.New(symmetric())).Advance(t.Context(), plan.Advance{Source: "x", Version: s.h.Owed()[0].ID, Current: current.ID}); err != nil {
					t.Fatal(err)
				}
			}
			if len(s.h.Owed()) > 0 {
				t.Errorf("%s: something is still owed: %v", name, s.labels())
			}
		}
	}
}
