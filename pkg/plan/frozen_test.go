package plan

import (
	"slices"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestWhatIsFrozenStopsItself(t *testing.T) {
	check(t, []row{
		{"a source that would be marked: Wait", converged, func(s State) {
			s.db().Versions[1].Labels = []string{history.AWSCurrent}
			s.db().Frozen = "it is denied"
		}, []string{"wait db frozen"}},
		{"a source with an emergency that is over: its label stays", converged, func(s State) {
			label(s.db(), 1, history.DeadlineLabel(noon.Add(-2*24*3600e9), sid(2)))
			s.db().Frozen = "it is denied"
		}, []string{"wait db frozen"}},
		{"a bucket that would be written: Wait, its consumers stay on what is current", edited, func(s State) {
			s.api().ARN, s.api().Frozen, s.api().Want.Values = "arn", "it is too large", nil
		}, []string{"wait api frozen", "wait db in-use"}},
		{"a bucket that can be read: its consumers are brought onto what is current", converged, func(s State) {
			s.api().ARN, s.api().Frozen, s.api().Want.Values = "arn", "it is too large", nil
			s.web().Running, s.web().InPlay = "", nil
		}, []string{"roll web 00000002", "wait api frozen"}},
		{"a bucket that cannot be read: nobody is rolled", converged, func(s State) {
			s.api().ARN, s.api().Frozen, s.api().Want.Values, s.api().Contents = "arn", "its key is disabled", nil, nil
			s.web().Running, s.web().InPlay = "", nil
		}, []string{"wait api frozen"}},
		{"a bucket of which nothing is known: nobody is rolled", converged, func(s State) {
			s.api().History, s.api().Frozen, s.api().Want.Values = history.History{}, "it is in the bin", nil
			s.web().Running, s.web().InPlay = "", nil
		}, []string{"wait api frozen"}},
	})
}

// A bucket that cannot be read may hold what feeds it, and nothing else. An emergency's deadline does not wait for it; it
// does for the source itself.
func TestAFrozenBucketHoldsUpWhatFeedsItAlone(t *testing.T) {
	s := owing()
	gone := s.addBucket("gone")
	gone.History, gone.Contents, gone.Frozen = history.History{}, nil, "it is in the bin"
	gone.Entries = []manifest.Entry{{Name: "X", Source: "other", Key: "X"}}
	if got := objections(s); slices.Contains(got, FrozenBucket) {
		t.Errorf("a source that does not feed it: %q", got)
	}
	gone.Entries = s.api().Entries
	if got := objections(s); !slices.Contains(got, FrozenBucket) {
		t.Errorf("a source that feeds it: %q", got)
	}
	label(s.db(), 1, history.DeadlineLabel(noon.Add(-3600e9), sid(2)))
	if got := objections(s); slices.Contains(got, FrozenBucket) {
		t.Errorf("the deadline has passed: %q", got)
	}
	s.db().Frozen = "its key is disabled"
	if got := objections(s); !slices.Contains(got, Frozen) {
		t.Errorf("the deadline has passed, and the source is frozen: %q", got)
	}
}

// The value of an owed version was asked for, and cannot be read: nobody knows who holds it.
func TestAnOwedVersionWhoseValueCannotBeReadStays(t *testing.T) {
	s := owing()
	s.Buckets = nil
	if got := objections(s); len(got) > 0 {
		t.Fatalf("objections %q", got)
	}
	s.db().Contents[sid(1)] = Content{}
	if got := objections(s); !slices.Equal(got, []Reason{Frozen}) {
		t.Errorf("objections %q", got)
	}
}

func TestWhatIsFrozenIsReportedAndAlarmed(t *testing.T) {
	s := converged()
	s.db().Frozen, s.api().Frozen = "it is denied", "it is too large"
	s.db().Undeclared = 0
	r := Describe(s, Make(s))
	if r.Source("db").Frozen != "it is denied" || r.Buckets[0].Frozen != "it is too large" || r.Converged {
		t.Errorf("the report is %+v", r)
	}
	var names []string
	for _, a := range r.Alarms {
		names = append(names, a.Name+" "+a.Subject)
	}
	for _, want := range []string{FrozenSecret + " db", FrozenSecret + " api"} {
		if !slices.Contains(names, want) {
			t.Errorf("no alarm %q: %q", want, names)
		}
	}
}

// While a source that feeds a bucket is frozen, no name is taken away from it.
func TestAFrozenFeedPullsTheBrake(t *testing.T) {
	s := edited()
	s.api().holdValues(1, values("DB", "new", "FORMER", "x"))
	plans(t, s, "write api 00000003", "roll web 00000003", "wait db pending-work")
	s.db().Frozen = "it is denied"
	plans(t, s, "wait db frozen", "wait api brake", "wait db frozen")
	if !secret.IsShown("FORMER") {
		t.Error("the name is not shown")
	}
}
