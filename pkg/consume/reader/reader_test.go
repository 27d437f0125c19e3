package reader

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// A version that readers have got is in play for their drain time, whatever its label has become since.
func TestReadersOfABucketKeepWhatTheyReadInPlayUntilDrained(t *testing.T) {
	past, changed := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	c := manifest.Consumer{Name: "laptops", Reader: &manifest.Reader{Drain: manifest.Duration(24 * time.Hour)}}
	for name, label := range map[string]string{
		"past": history.PastLabel(past, "old"), "gone": history.GoneLabel(past.Add(time.Hour), history.History{}.TimedLabel(history.Past, past, "old")), "held": history.Held + "old",
	} {
		h := history.History{Changed: changed, Versions: []history.Version{
			{ID: "dropped", Labels: []string{history.AWSPrevious}}, {ID: "old", Labels: []string{label}},
			{ID: "new", Labels: []string{history.AWSCurrent, history.Held + "new"}},
		}}
		since := past
		if name == "held" { // nobody has seen yet that it is not current
			since = changed
		}
		for _, tt := range []struct {
			after   time.Duration
			settled bool
			inPlay  []string
		}{
			{0, false, []string{"new", "old"}},
			{24*time.Hour - time.Second, false, []string{"new", "old"}},
			{24 * time.Hour, true, []string{"new"}},
		} {
			seen, err := New(c, h, since.Add(tt.after)).Status(t.Context())
			if err != nil || seen.Settled != tt.settled || seen.Running != "new" || !tt.settled && !seen.WaitTill.Equal(since.Add(24*time.Hour)) {
				t.Errorf("%s, after %v: settled %v, running %q, until %v, error %v", name, tt.after, seen.Settled, seen.Running, seen.WaitTill, err)
			}
			if diff := cmp.Diff(tt.inPlay, seen.InPlay); diff != "" {
				t.Errorf("%s, after %v: in play (-want +got):\n%s", name, tt.after, diff)
			}
		}
	}
}

// Each version has its own time: what was replaced today does not keep what was replaced the day before.
func TestReadersOfABucketKeepEachVersionForItsOwnTime(t *testing.T) {
	now := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	label := func(h history.History, ago time.Duration, id string) string {
		return h.TimedLabel(history.Past, now.Add(-ago), id)
	}
	h := history.History{Changed: now, Versions: []history.Version{{ID: "dropped", Labels: []string{history.AWSPrevious}}}}
	h.Versions = append(h.Versions,
		history.Version{ID: "drained", Labels: []string{label(h, 24*time.Hour, "drained")}},
		history.Version{ID: "past", Labels: []string{label(h, 24*time.Hour-time.Second, "past")}},
		history.Version{ID: "gone", Labels: []string{history.GoneLabel(now, h.TimedLabel(history.Past, now.Add(-time.Hour), "gone"))}},
		history.Version{ID: "gone-and-drained", Labels: []string{history.GoneLabel(now, h.TimedLabel(history.Past, now.Add(-25*time.Hour), "gone-and-drained"))}},
		history.Version{ID: "new", Labels: []string{history.AWSCurrent, history.Held + "new"}},
	)
	c := manifest.Consumer{Name: "laptops", Reader: &manifest.Reader{Drain: manifest.Duration(24 * time.Hour)}}
	seen, err := New(c, h, now).Status(t.Context())
	if diff := cmp.Diff([]string{"new", "gone", "past"}, seen.InPlay); diff != "" || err != nil || seen.Settled || !seen.WaitTill.Equal(now.Add(23*time.Hour)) {
		t.Errorf("settled %v until %v, error %v; in play (-want +got):\n%s", seen.Settled, seen.WaitTill, err, diff)
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

// What is dead, or was never current, is used by nobody.
func TestReadersOfASourceKeepWhatIsOwedInPlayUntilDrained(t *testing.T) {
	changed := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h := history.History{Changed: changed, Versions: []history.Version{
		{ID: "dead", Labels: []string{}}, {ID: "owed", Labels: []string{history.AWSPrevious, history.Live + "owed"}},
		{ID: "new", Labels: []string{history.AWSCurrent, history.Live + "new"}}, {ID: "next", Labels: []string{history.AWSPending, history.Live + "next"}},
	}}
	c := manifest.Consumer{Name: "nightly", Source: "db", Reader: &manifest.Reader{Drain: manifest.Duration(26 * time.Hour)}}
	for _, tt := range []struct {
		after   time.Duration
		settled bool
		inPlay  []string
	}{
		{0, false, []string{"new", "owed"}},
		{26*time.Hour - time.Second, false, []string{"new", "owed"}},
		{26 * time.Hour, true, []string{"new"}},
	} {
		seen, err := New(c, h, changed.Add(tt.after)).Status(t.Context())
		if err != nil || seen.Settled != tt.settled || seen.Running != "new" || !tt.settled && !seen.WaitTill.Equal(changed.Add(26*time.Hour)) {
			t.Errorf("after %v: settled %v, running %q, until %v, error %v", tt.after, seen.Settled, seen.Running, seen.WaitTill, err)
		}
		if diff := cmp.Diff(tt.inPlay, seen.InPlay); diff != "" {
			t.Errorf("after %v: in play (-want +got):\n%s", tt.after, diff)
		}
	}
	h.Versions[1].Labels = append(h.Versions[1].Labels, history.PastLabel(changed.Add(-25*time.Hour), "owed"))
	if seen, err := New(c, h, changed.Add(time.Hour)).Status(t.Context()); err != nil || !seen.Settled {
		t.Errorf("another label moved: settled %v, waiting %q, error %v", seen.Settled, seen.Waiting, err)
	}
	h.Versions[1].Labels = []string{history.AWSPrevious} // retired: its own label coming off is no wait for anybody
	if seen, err := New(c, h, changed).Status(t.Context()); err != nil || !seen.Settled {
		t.Errorf("nothing is owed: settled %v, waiting %q, error %v", seen.Settled, seen.Waiting, err)
	}
}
