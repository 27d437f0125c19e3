package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
)

func TestLabelsOfVersionsThatAreMarkedTogetherDiffer(t *testing.T) {
	s := edited()
	s.api().set(bv(1, values("DB", "old")), bv(2, values("DB", "new"), history.AWSCurrent))
	s.web().InPlay = []string{bid(present, 1), bid(present, 2)}
	p := Make(s)
	labels := map[string]bool{}
	for _, m := range p.Marks {
		labels[m.Label] = true
	}
	labels[p.Writes[0].Held] = true
	if len(labels) != 3 {
		t.Errorf("the labels of two marks and a write: %v", labels)
	}
}

func TestWhatHasToBeMarkedAndHowFarSeenMoves(t *testing.T) {
	none := []string{}
	v := func(n int, labels ...string) history.Version { return sv(n, values("URL", "x"), labels...).Version }
	empty := func(n int, labels ...string) history.Version { return sv(n, nil, labels...).Version }
	seen := func(n int, labels ...string) history.Version { return v(n, append(labels, live(n), history.Seen)...) }
	old := func(v history.Version) history.Version {
		v.Created = v.Created.Add(-48 * time.Hour)
		return v
	}
	long := func(n int, last ...history.Version) []history.Version {
		var out []history.Version
		for i := range n {
			out = append(out, v(i+1))
		}
		return append(out, last...)
	}
	for _, tt := range []struct {
		name     string
		versions []history.Version
		marks    []string
	}{
		{"first adoption of one version", []history.Version{v(1, history.AWSCurrent)}, []string{"+LIVE 1", "+SEEN 1"}},
		{"first adoption of a long history looks eight back", long(20, v(21, history.AWSCurrent)), []string{"+LIVE 14", "+LIVE 15", "+LIVE 16", "+LIVE 17", "+LIVE 18", "+LIVE 19", "+LIVE 20", "+LIVE 21", "+SEEN 21"}},
		{"first adoption where the current one is older than that", append([]history.Version{v(1, history.AWSCurrent)}, long(20)[1:]...), []string{"+LIVE 1", "+LIVE 13", "+LIVE 14", "+LIVE 15", "+LIVE 16", "+LIVE 17", "+LIVE 18", "+LIVE 19", "+LIVE 20", "+SEEN 20"}},
		{"first adoption leaves alone what was replaced more than a day before", []history.Version{old(v(1)), v(2, history.AWSCurrent)}, []string{"+LIVE 2", "+SEEN 2"}},
		{"first adoption marks what carries a label, however old", []history.Version{old(v(1, history.AWSPrevious)), v(2, history.AWSCurrent)}, []string{"+LIVE 1", "+LIVE 2", "+SEEN 2"}},
		{"nothing new", []history.Version{seen(1, history.AWSCurrent)}, none},
		{"a put by hand", []history.Version{seen(1, history.AWSPrevious), v(2, history.AWSCurrent)}, []string{"+LIVE 2", "SEEN 1→2", "+PAST 1"}},
		{"two puts by hand in a row", []history.Version{seen(1), v(2, history.AWSPrevious), v(3, history.AWSCurrent)}, []string{"+LIVE 2", "+LIVE 3", "SEEN 1→3", "+PAST 1"}},
		{"three puts by hand in a row: one has no label left", []history.Version{seen(1), v(2), v(3, history.AWSPrevious), v(4, history.AWSCurrent)}, []string{"+LIVE 2", "+LIVE 3", "+LIVE 4", "SEEN 1→4", "+PAST 1"}},
		{"put by hand, and the label moved back at once", []history.Version{seen(1, history.AWSCurrent), v(2, history.AWSPrevious)}, []string{"+LIVE 2", "SEEN 1→2"}},
		{"the label moved back to one that was retired: SEEN stays", []history.Version{v(1, history.AWSCurrent), seen(2, history.AWSPrevious)}, []string{"+LIVE 1", "+PAST 2"}},
		{"a retired version made pending by hand: SEEN stays", []history.Version{v(1, history.AWSCurrent, live(1)), v(2, history.AWSPending, history.Seen)}, none},
		{"a rotation that has not begun to create", []history.Version{seen(1, history.AWSCurrent), empty(2, history.AWSPending)}, none},
		{"a rotation that was given up before it created", []history.Version{seen(1, history.AWSCurrent), empty(2)}, none},
		{"a rotation of rotary's: SEEN follows its LIVE", []history.Version{seen(1, history.AWSCurrent), v(2, history.AWSPending, live(2))}, []string{"SEEN 1→2"}},
		{"a copy that Secrets Manager tests with", []history.Version{seen(1, history.AWSCurrent), v(2, history.AWSPending)}, none},
		{"AWSPENDING left on what is current", []history.Version{seen(1, history.AWSPrevious), v(2, history.AWSPending, history.AWSCurrent)}, []string{"+LIVE 2", "SEEN 1→2", "+PAST 1"}},
		{"older than SEEN: dead, or from before rotary", []history.Version{v(1), seen(2, history.AWSCurrent)}, none},
		{"nothing but an empty version", []history.Version{empty(1, history.AWSPending)}, none},
		{"no version at all", nil, none},
	} {
		s := Source{Name: "db", History: history.History{Secret: "source/dev/db", Versions: tt.versions}}
		marks := []string{}
		for _, m := range Make(State{Sources: []Source{s}}).Marks {
			marks = append(marks, moved(m))
		}
		if diff := cmp.Diff(tt.marks, marks); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// moved returns a mark of a source in short: +LIVE 2 or SEEN 1→2.
func moved(m Mark) string {
	number := func(id string) string { return strings.TrimLeft(history.Short(id), "0") }
	kind, _, _ := strings.Cut(m.Label, "-")
	if m.From == "" {
		return "+" + kind + " " + number(m.To)
	}
	return kind + " " + number(m.From) + "→" + number(m.To)
}

func TestVersionsMadeInTheSameInstantAreNotMissedAndNotMarkedAgainOnceTheyAreRetired(t *testing.T) {
	twin := func(n int, labels ...string) history.Version {
		v := sv(n, values("URL", "x"), labels...).Version
		v.Created = noon
		return v
	}
	for changed, want := range map[time.Duration]int{0: 1, history.LateWrite - time.Second: 1, history.LateWrite: 0} {
		s := Source{Name: "db", History: history.History{
			Secret: "source/dev/db", Changed: noon.Add(changed),
			Versions: []history.Version{twin(1), twin(2, history.AWSCurrent, live(2), history.Seen)},
		}}
		plan := Make(State{Sources: []Source{s}})
		if len(plan.Marks) != want || want == 1 && plan.Marks[0].To != sid(1) {
			t.Errorf("the secret changed %v later: the marks are %+v", changed, plan.Marks)
		}
	}
}
