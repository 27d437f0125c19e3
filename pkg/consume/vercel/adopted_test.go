package vercel

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	standin "github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// permit lets the manifest adopt A and nobody asks.
func permit(v *manifest.Vercel, _ *manifest.Environment) { v.Adopt = []string{"A"} }

func TestAVariableIsLeftAloneUntilAPersonAdoptsItAndKeepsItsValueWhenItIsGivenUp(t *testing.T) {
	b := newBench(t, []string{production}, permit)
	b.SetByHand("dashboard", "A", production, "theirs")
	b.adopting = nil
	s := b.mustSee()
	if diff := cmp.Diff([]plan.Elsewhere{{Name: "A", From: "a variable for production"}}, s.Left); diff != "" || !strings.Contains(s.NotRolled, "rotary adopt production dashboard") {
		t.Fatalf("not rolled: %q (-want +got):\n%s", s.NotRolled, diff)
	}
	b.wantRefusal(newVersion("v1", "A=a", "B=b"), "variable A", "adopt")
	b.adopting = []string{"A"}
	b.rollAndBuild(newVersion("v1", "A=a", "B=b"))
	b.adopting = nil
	if s = b.mustSee(); s.Running != "v1" || len(s.Left) > 0 || s.NotRolled != "" || !slices.Equal(s.Adopted, []string{"A"}) {
		t.Fatalf("adopted: %+v", s)
	}
	b.rollAndBuild(newVersion("v2", "A=a2", "B=b"))
	for range 2 {
		if err := b.Disown(t.Context(), []string{"A"}); err != nil {
			t.Fatal(err)
		}
	}
	s = b.mustSee()
	if _, value := b.readLive("A"); value != "a2" || len(s.Left) != 1 || len(s.Adopted) > 0 || !slices.Equal(s.Names, []string{"B"}) {
		t.Errorf("given up: %+v", s)
	}
	b.rollAndBuild(newVersion("v3", "B=b3"))
	if diff := cmp.Diff([]string{"A production sensitive", "B production sensitive"}, b.listVariables()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// One variable for several targets is left to those that are not rotary's, with the value that nobody has read.
func TestAnAdoptedVariableForSeveralTargetsIsSplitInPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		own, target, want []string
	}{
		"for all, production is rotary's": {[]string{production}, []string{production, preview, development}, []string{"A development+preview encrypted", "A production sensitive"}},
		"both targets are rotary's":       {[]string{preview, production}, []string{production, preview}, []string{"A preview sensitive", "A production sensitive"}},
	} {
		b := newBench(t, tt.own, permit)
		b.AddByHand("dashboard", standin.Variable{Key: "A", Value: "theirs", Target: tt.target})
		b.rollAndBuild(newVersion("v1", "A=a"))
		b.adopting = nil
		listed := b.listVariables()
		if s := b.mustSee(); s.Running != "v1" || len(s.Left) > 0 {
			t.Errorf("%s: %+v", name, s)
		}
		if diff := cmp.Diff(tt.want, listed); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		b.mustRoll(newVersion("v1", "A=a"))
	}
}

// A build that somebody starts while the variable is split has no value for it: it is found, and another one follows.
func TestABuildBetweenTheTwoCallsOfASplitIsFound(t *testing.T) {
	b := newBench(t, []string{production}, permit)
	b.AddByHand("dashboard", standin.Variable{Key: "A", Value: "theirs", Target: []string{production, preview}})
	state, err := b.readState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v1 := newVersion("v1", "A=a")
	if err := b.splitVariables(t.Context(), b.findSplits(v1, state)); err != nil {
		t.Fatal(err)
	}
	b.adopting = nil // the request that asked is gone
	b.Push("dashboard", "c2")
	b.clock.Advance(time.Second)
	for range 3 {
		if s := b.mustSee(); s.Foreign == "" {
			b.mustRoll(v1)
		}
		b.clock.Advance(standin.BuildTime)
	}
	if _, value := b.readLive("A"); value != "a" {
		t.Error("what is live has not the variable")
	}
	if s := b.mustSee(); s.Running != "v1" || !s.Settled {
		t.Errorf("%+v", s)
	}
}
