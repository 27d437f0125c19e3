package history

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestANoteAboutARetentionIsReadBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		by := rapid.StringN(0, longestCaller, longestCaller).Draw(t, "by")
		at := noon.Add(time.Duration(rapid.IntRange(0, 1e9).Draw(t, "later")) * time.Second)
		ids := rapid.SliceOfNDistinct(rapid.StringMatching("[ab]{8}-[ab]{4}"), 1, 6, rapid.ID[string]).Draw(t, "ids")
		var h History
		for _, id := range ids {
			h.Versions = append(h.Versions, Version{ID: id, Labels: []string{Retain}})
		}
		label := h.RetainedLabel(at, ids[0], by)
		h.Versions[0].Labels = append(h.Versions[0].Labels, label)
		if got, since := h.RetainedBy(h.Versions[0]); got != by || !since.Equal(at) || len(label) > 256 {
			t.Fatalf("%q since %v, want %q since %v, from a label of %d characters", got, since, by, at, len(label))
		}
	})
}

func TestARetentionWithoutANoteIsKnownAlone(t *testing.T) {
	for _, label := range []string{Retain, "RETAINED-", "RETAINED-1", "RETAINED-1-x", "RETAINED-soon-x-0a1b2c3d"} {
		if by, since := (History{}).RetainedBy(Version{Labels: []string{label}}); by != "" && label != "RETAINED-soon-x-0a1b2c3d" || !since.IsZero() {
			t.Errorf("%s: %q since %v", label, by, since)
		}
	}
}
