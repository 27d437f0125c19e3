package history

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const day = 24 * time.Hour

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestALabelCarriesTheShortestStartThatNoOtherVersionShares(t *testing.T) {
	uuid := "0a1b2c3d-1111-4111-8111-111111111111"
	versions := func(v ...Version) History { return History{Versions: v} }
	for _, tt := range []struct {
		name string
		h    History
		id   string
		want string
	}{
		{"eight characters where nothing collides", versions(Version{ID: uuid}), uuid, "LIVE-0a1b2c3d"},
		{"a version that is not there yet", versions(), uuid, "LIVE-0a1b2c3d"},
		{"more where another id starts alike", versions(Version{ID: uuid}, Version{ID: "0a1b2c3d-1112-4111-8111-111111111111"}), uuid, "LIVE-0a1b2c3d-1111"},
		{"more where an id that is not there yet starts alike", versions(Version{ID: "0a1b2c3d-1112-4111-8111-111111111111"}), uuid, "LIVE-0a1b2c3d-1111"},
		{"more where another version has the label", versions(Version{ID: uuid}, Version{ID: "ffff", Labels: []string{"LIVE-0a1b2c3d", "LIVE-0a1b2c3d-"}}), uuid, "LIVE-0a1b2c3d-1"},
		{"a label of another kind is no collision", versions(Version{ID: uuid}, Version{ID: "ffff", Labels: []string{"HELD-0a1b2c3d"}}), uuid, "LIVE-0a1b2c3d"},
		{"the one it has, whatever came since", versions(Version{ID: uuid, Labels: []string{"LIVE-0a1b2c3d"}}, Version{ID: "0a1b2c3d-1112"}), uuid, "LIVE-0a1b2c3d"},
		{"buckets share the start that says their rules", versions(Version{ID: "0123456789abcdef-01"}, Version{ID: "0123456789abcdef-02"}), "0123456789abcdef-03", "LIVE-0123456789abcdef-03"},
		{"an id that is short", versions(), "abc", "LIVE-abc"},
	} {
		if got := tt.h.LabelFor(Live, tt.id); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestLabelsAreUniqueAndStayWithTheirVersions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringMatching("[ab]{3}-[ab]{9}"), 1, 12, rapid.ID[string]).Draw(t, "ids")
		var h History
		given := map[string]string{}
		for _, id := range ids {
			label := h.LabelFor(Held, id) // as a Write does, before the version is there
			if !strings.HasPrefix(id, strings.TrimPrefix(label, Held)) {
				t.Fatalf("%s is no start of %s", label, id)
			}
			h.Versions = append(h.Versions, Version{ID: id, Labels: []string{label}})
			given[id] = label
		}
		taken := map[string]string{}
		for _, v := range h.Versions {
			label := h.LabelFor(Held, v.ID)
			if label != given[v.ID] {
				t.Fatalf("the label of %s was %s, and is %s", v.ID, given[v.ID], label)
			}
			if other, twice := taken[label]; twice {
				t.Fatalf("%s and %s share %s", other, v.ID, label)
			}
			taken[label] = v.ID
		}
	})
}

func TestOnlyVersionsInDoubtAreRead(t *testing.T) {
	h := History{Versions: []Version{
		{ID: "1"}, {ID: "2", Labels: []string{"LIVE-2", Seen}}, {ID: "3"}, {ID: "4", Labels: []string{"LIVE-4"}},
		{ID: "5", Labels: []string{AWSPrevious}}, {ID: "6", Labels: []string{AWSCurrent}}, {ID: "7", Labels: []string{AWSPending}},
	}}
	for i := range h.Versions {
		h.Versions[i].Created = noon.Add(time.Duration(i) * time.Hour)
	}
	if diff := cmp.Diff([]string{"3", "7"}, h.Doubtful()); diff != "" {
		t.Errorf("the versions in doubt (-want +got):\n%s", diff)
	}
}

func TestAVersionIsOwedSinceTheNextOneWasMade(t *testing.T) {
	h := History{Changed: noon, Versions: []Version{
		{ID: "1", Created: noon.Add(-9 * day)}, {ID: "2", Created: noon.Add(-8 * day), Empty: true}, {ID: "3", Created: noon.Add(-7 * day), Labels: []string{AWSPending}},
		{ID: "4", Created: noon.Add(-6 * day)},
	}}
	if got := h.OwedSince(h.Versions[0]); !got.Equal(noon.Add(-6 * day)) {
		t.Errorf("since %v", got)
	}
	if got := h.OwedSince(h.Versions[3]); !got.Equal(noon) { // somebody went back to an older one
		t.Errorf("the newest version is owed since %v", got)
	}
}
