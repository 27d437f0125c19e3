package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// pasted is a credential in the place of a name.
const pasted = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"

func TestWhatComesWhatChangesAndWhatGoesIsToldApart(t *testing.T) {
	n := CompareNames(values("SAME", "1", "NEXT", "1", "GONE", "1", "ALSO", "1", pasted, "1", "no name", "1"), values("SAME", "1", "NEXT", "2", "NEW", "1"))
	want := NameChanges{Added: []string{"NEW"}, Changed: []string{"NEXT"}, Removed: []string{"ALSO", "GONE"}, Unshown: 2}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	step := Step{Do: "write", Subject: "api", NameChanges: n}
	if got := step.String(); got != "write   api: +NEW, ~NEXT, -ALSO, -GONE, -2 not shown" {
		t.Errorf("it prints %q", got)
	}
	if got := step.Line(2); got != "write   api: +NEW, ~NEXT, 3 more names" {
		t.Errorf("it prints %q", got)
	}
}

// foreign is a bucket that somebody else has written, with more names than the manifest gives.
func foreign() State {
	s := edited()
	for i := range s.api().Versions {
		v := &s.api().Versions[i]
		v.Labels = slices.DeleteFunc(v.Labels, func(l string) bool { return strings.HasPrefix(l, history.Held) })
	}
	s.api().holdValues(1, values("DB", "old", "THEIRS", "1", "OTHERS", "2"))
	return s
}

// The first pass over a bucket that others have written takes no name away without a person's word.
func TestABucketThatRotaryHasNeverWrittenLosesNoName(t *testing.T) {
	for name, tt := range map[string]struct {
		accept []string
		more   string
		want   string
	}{
		"nothing is accepted": {nil, "", "it would lose OTHERS, THEIRS that the manifest does not give it, and rotary has never written this bucket; " +
			"if that is meant: rotary apply dev --accept-removals OTHERS,THEIRS"},
		"one of two is accepted": {[]string{"THEIRS"}, "", "it would lose OTHERS that the manifest does not give it, and rotary has never written this bucket; " +
			"if that is meant: rotary apply dev --accept-removals OTHERS"},
		"a token in the place of a name": {[]string{"THEIRS"}, pasted, "it would lose OTHERS, 1 more that may be values and are not shown that the manifest does not give it, " +
			"and rotary has never written this bucket; if that is meant: rotary apply dev --accept-removals '*'"},
		"both are accepted":       {[]string{"THEIRS", "OTHERS"}, "", ""},
		"every name is accepted":  {[]string{EveryName}, pasted, ""},
		"the token alone is left": {[]string{"THEIRS", "OTHERS", pasted}, pasted, ""},
	} {
		s := foreign()
		s.AcceptRemovals = tt.accept
		if tt.more != "" {
			s.api().holdValues(1, values("DB", "old", "THEIRS", "1", "OTHERS", "2", tt.more, "3"))
		}
		p := Make(s)
		wait := Wait{}
		for _, w := range p.Waits {
			if w.Reason == Brake {
				wait = w
			}
		}
		if wait.Detail != tt.want || (len(p.Writes) == 0) != (tt.want != "") || strings.Contains(wait.Detail, pasted) {
			t.Errorf("%s: the wait is %q, the plan %q", name, wait.Detail, lines(p))
		}
	}
}
