package reader

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func TestReadersKeepEveryLabelledVersionInPlayUntilDrained(t *testing.T) {
	changed := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h := history.History{Changed: changed, Versions: []history.Version{
		{ID: "old", Labels: []string{history.AWSPrevious}},
		{ID: "new", Labels: []string{history.AWSCurrent}},
	}}
	c := manifest.Consumer{Name: "laptops", Reader: &manifest.Reader{Drain: manifest.Duration(24 * time.Hour)}}
	for _, tt := range []struct {
		after   time.Duration
		settled bool
		inPlay  []string
	}{
		{0, false, []string{"old", "new"}},
		{24*time.Hour - time.Second, false, []string{"old", "new"}},
		{24 * time.Hour, true, []string{"new"}},
	} {
		seen, err := New(c, h, changed.Add(tt.after)).Status(t.Context())
		if err != nil || seen.Settled != tt.settled || seen.Running != "new" {
			t.Errorf("after %v: settled %v, running %q, error %v", tt.after, seen.Settled, seen.Running, err)
		}
		if diff := cmp.Diff(tt.inPlay, seen.InPlay); diff != "" {
			t.Errorf("after %v: in play (-want +got):\n%s", tt.after, diff)
		}
	}
}

func TestNothingIsInPlayBeforeTheBucketHoldsAValue(t *testing.T) {
	c := manifest.Consumer{Name: "laptops", Reader: &manifest.Reader{Drain: manifest.Duration(24 * time.Hour)}}
	seen, err := New(c, history.History{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Status(t.Context())
	if err != nil || !seen.Settled || len(seen.InPlay) > 0 || seen.Running != "" {
		t.Errorf("an empty bucket: settled %v, running %q, in play %q, error %v", seen.Settled, seen.Running, seen.InPlay, err)
	}
}

func TestTheFirstVersionOfABucketHasNothingToDrain(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h := history.History{Changed: now, Versions: []history.Version{{ID: "first", Labels: []string{history.AWSCurrent}}}}
	seen, err := New(manifest.Consumer{Name: "laptops", Reader: &manifest.Reader{Drain: manifest.Duration(24 * time.Hour)}}, h, now).Status(t.Context())
	if err != nil || !seen.Settled || seen.Running != "first" {
		t.Errorf("settled %v, running %q, error %v", seen.Settled, seen.Running, err)
	}
}
