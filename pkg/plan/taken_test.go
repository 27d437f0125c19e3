package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func takenLabel(n int) string { return history.Taken + sid(n)[:8] }
func askLabel(at time.Time, n int) string {
	return fmt.Sprintf("%s%d-%s", history.Ask, at.Unix(), sid(n)[:8])
}
func answers(of ...any) map[string]Outcome { // of pairs: the number of a version, an Answer
	all := map[string]Outcome{}
	for pair := range slices.Chunk(of, 2) {
		all[sid(pair[0].(int))] = Outcome{Answer: pair[1].(Answer)}
	}
	return all
}

// tested is a source of two versions, a day and an instant old; these labels are on the older and on the current one.
func tested(older, current []string) Source {
	s := Source{Name: "db", Tested: true, History: history.History{Secret: "source/dev/db", Versions: []history.Version{
		{ID: sid(1), Created: noon.Add(-day), Labels: append([]string{live(1)}, older...)},
		{ID: sid(2), Created: noon, Labels: append([]string{live(2), history.AWSCurrent}, current...)},
	}}}
	return s
}

var some = func(labels ...string) []string { return labels }

// TestWhatIsTaken plays the tables above NextTest and Take.
func TestWhatIsTaken(t *testing.T) {
	due, early := askLabel(noon, 2), askLabel(noon.Add(time.Second), 2)
	again := func(d time.Duration) string { return "ASK on 2 in " + d.String() }
	for _, tt := range []struct {
		name           string
		older, current []string
		carried        bool
		answers        map[string]Outcome // known already
		next           int                // the version that is asked about next; 0: none
		taken          int
		marks          []string
	}{
		{"the current one is taken", nil, some(takenLabel(2)), false, nil, 0, 2, nil},
		{"another one is taken", some(takenLabel(1)), nil, false, nil, 2, 1, nil},
		{"it is accepted", some(takenLabel(1)), nil, false, answers(2, Accepted), 0, 2, some("TAKEN on 2", "TAKEN off 1")},
		{"it is refused", some(takenLabel(1)), nil, false, answers(2, Refused), 0, 1, some(again(firstAsk))},
		{"nobody knows yet", some(takenLabel(1)), nil, false, answers(2, Unknown), 1, 1, some(again(firstAsk))},
		{"the other one is accepted", some(takenLabel(1)), nil, false, answers(2, Unknown, 1, Accepted), 0, 1, some(again(firstAsk))},
		{"nobody knows about either", some(takenLabel(1)), nil, false, answers(2, Unknown, 1, Unknown), 0, 1, some(again(firstAsk))},
		{"the other one is refused", some(takenLabel(1)), nil, false, answers(2, Unknown, 1, Refused), 0, 2, some("TAKEN on 2", "TAKEN off 1", again(firstAsk))},
		{"there was no time", some(takenLabel(1)), nil, false, answers(2, Deferred), 0, 1, nil},
		{"it is asked again later", some(takenLabel(1)), some(early), false, nil, 0, 1, nil},
		{"it is asked again now", some(takenLabel(1)), some(due), false, nil, 2, 1, nil},
		{"it is refused again", some(takenLabel(1)), some(due), false, answers(2, Refused), 0, 1, some("ASK off 2", again(secondAsk))},
		{"it is accepted at last", some(takenLabel(1)), some(due), false, answers(2, Accepted), 0, 2, some("TAKEN on 2", "TAKEN off 1", "ASK off 2")},
		{"a value was put over one that is asked about", some(takenLabel(1), askLabel(noon, 1)), some(takenLabel(2)), false, nil, 0, 2, some("TAKEN off 1", "ASK off 1")},
		{"taken without proof, asked again now", nil, some(takenLabel(2), due), false, nil, 2, 2, nil},
		{"taken without proof, and proven", nil, some(takenLabel(2), due), false, answers(2, Accepted), 0, 2, some("ASK off 2")},
		{"taken without proof, and refused", nil, some(takenLabel(2), due), false, answers(2, Refused), 0, 2, some("ASK off 2", again(secondAsk))},

		{"of the version before, and carried", nil, nil, true, nil, 0, 2, some("TAKEN on 2")},
		{"nothing was ever taken", nil, nil, false, nil, 2, 2, nil},
		{"nothing was, and it is accepted", nil, nil, false, answers(2, Accepted), 0, 2, some("TAKEN on 2")},
		{"nothing was, and nobody knows", nil, nil, false, answers(2, Unknown), 0, 2, some("TAKEN on 2")},
		{"nothing was, and it is refused", nil, nil, false, answers(2, Refused), 0, 0, some(again(firstAsk))},
		{"nothing was, and there was no time", nil, nil, false, answers(2, Deferred), 0, 0, nil},
		{"nothing was, and it is asked again later", nil, some(early), false, nil, 0, 0, nil},
		{"what is carried is refused since", nil, some(early), true, nil, 0, 0, nil},
		{"nothing was, and it is asked again now", nil, some(due), false, nil, 2, 0, nil},

		{"what is pending has it beforehand", some(takenLabel(1), history.AWSPending), some(takenLabel(2)), false, nil, 0, 2, nil},
		{"what is pending is not taken", some(takenLabel(1), history.AWSPending), nil, false, answers(2, Refused), 0, 0, some(again(firstAsk))},
	} {
		s := tested(tt.older, tt.current)
		s.Carried, s.Outcomes = tt.carried, tt.answers
		next, _ := s.NextTest(noon)
		taken, _ := s.Take()
		marks := describeMarks(s.marksToTake(noon))
		if number(next.Version) != tt.next || number(taken.ID) != tt.taken || !slices.Equal(marks, tt.marks) {
			t.Errorf("%s: asked about %d, taken %d, marks %q; want %d, %d, %q",
				tt.name, number(next.Version), number(taken.ID), marks, tt.next, tt.taken, tt.marks)
		}
	}
}

// number is n of sid(n), 0 of nothing.
func number(id string) (n int) {
	_, _ = fmt.Sscanf(id, "%08d", &n)
	return n
}

func describeMarks(marks []Mark) (lines []string) {
	for _, m := range marks {
		kind, rest, _ := strings.Cut(m.Label, "-")
		switch unix := int64(0); {
		case m.To == "":
			lines = append(lines, fmt.Sprintf("%s off %d", kind, number(m.From)))
		case kind == "ASK":
			_, _ = fmt.Sscanf(rest, "%d-", &unix)
			lines = append(lines, fmt.Sprintf("ASK on %d in %s", number(m.To), time.Unix(unix, 0).Sub(noon)))
		default:
			lines = append(lines, fmt.Sprintf("%s on %d", kind, number(m.To)))
		}
	}
	return lines
}

// TestARefusedVersionIsAskedAboutLessAndLess: targets lock accounts that are tried too often.
func TestARefusedVersionIsAskedAboutLessAndLess(t *testing.T) {
	s := tested(some(takenLabel(1)), nil)
	s.Outcomes = answers(2, Refused)
	now, waits := noon, []time.Duration{}
	for range 6 {
		at := s.nextAsk(now)
		waits, now = append(waits, at.Sub(now)), at
		s.Versions[1].Labels = []string{live(2), history.AWSCurrent, askLabel(at, 2)}
	}
	want := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour, time.Hour}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Errorf("asked again after (-want +got):\n%s", diff)
	}
}

func TestASourceThatNobodyCanBeAskedAboutCarriesNoLabel(t *testing.T) {
	s := tested(nil, nil)
	s.Tested = false
	if _, due := s.NextTest(noon); due {
		t.Error("somebody is asked")
	}
	if p := Make(State{Now: noon, Mode: manifest.Retire, Sources: []Source{s}}); slices.ContainsFunc(p.Marks, func(m Mark) bool {
		return strings.HasPrefix(m.Label, history.Taken)
	}) {
		t.Errorf("marks are %v", p.Marks)
	}
}

// TestWhatIsTakenIsNotOwed: consumers run on it.
func TestWhatIsTakenIsNotOwed(t *testing.T) {
	s := owing()
	s.db().Tested = true
	label(s.db(), 0, takenLabel(1))
	s.db().Outcomes = answers(2, Refused)
	p := Make(s)
	if len(p.Advances) > 0 || len(s.db().Owed()) > 0 {
		t.Errorf("it is retired: %q", lines(p))
	}
	r := Describe(s, p)
	got := r.Source("db")
	if got.Taken != sid(1) || !got.AskedAgain.Equal(noon.Add(firstAsk)) || r.Converged {
		t.Errorf("the report has %+v", got)
	}
	if len(r.Alarms) != 1 || r.Alarms[0].Name != ValueNotAccepted || !strings.Contains(r.Alarms[0].Detail, "its target refuses it; buckets stay on version "+history.Short(sid(1))) {
		t.Errorf("alarms are %+v", r.Alarms)
	}
}

// TestTakingFindsNoRoom: a label that is not put must not stop the pass.
func TestTakingFindsNoRoom(t *testing.T) {
	s := tested(some(takenLabel(1)), nil)
	for i := range history.MaxLabels - 5 {
		s.Versions[0].Labels = append(s.Versions[0].Labels, fmt.Sprintf("MAKING-%d", i))
	}
	s.Outcomes = answers(2, Accepted)
	var p Plan
	p.takeVersion(State{Now: noon}, s)
	if len(p.Marks) != 2 || len(p.Waits) != 0 {
		t.Errorf("with room for one: marks %v, waits %v", p.Marks, p.Waits)
	}
	s.Versions[0].Labels = append(s.Versions[0].Labels, "MAKING-x")
	p = Plan{}
	p.takeVersion(State{Now: noon}, s)
	if len(p.Marks) != 0 || len(p.Waits) != 1 || p.Waits[0].Reason != LabelsFull {
		t.Errorf("without room: marks %v, waits %v", p.Marks, p.Waits)
	}
}

func TestWhetherBucketsCarryASource(t *testing.T) {
	entries := manifest.Entries{{Name: "A", Source: "db", Key: "URL"}, {Name: "B", Source: "db", Key: "MORE"}, {Name: "C", Source: "other", Key: "URL"}}
	held := values
	for _, tt := range []struct {
		name          string
		held          map[string]secret.Value
		source        string
		values        map[string]secret.Value
		carries, some bool
	}{
		{"all of it", held("A", "x", "B", "y"), "db", values("URL", "x", "MORE", "y"), true, true},
		{"one name has another value", held("A", "x", "B", "z"), "db", values("URL", "x", "MORE", "y"), false, true},
		{"one name is missing", held("A", "x"), "db", values("URL", "x", "MORE", "y"), false, true},
		{"a key without a value gives no name", held("A", "x"), "db", values("URL", "x"), true, true},
		{"another source's names do not count", held("A", "x", "B", "y"), "other", values("URL", "x"), false, true},
		{"a source that gives nothing", held("A", "x"), "nobody", values("URL", "x"), false, false},
		{"a bucket that is not there", nil, "db", values("URL", "x"), false, true},
	} {
		if carries, gives := CarriesSource(entries, tt.held, tt.source, tt.values); carries != tt.carries || gives != tt.some {
			t.Errorf("%s: %v, %v", tt.name, carries, gives)
		}
	}
}

// TestTakingComesToAnEnd: whatever carries which label and whatever targets answer, a pass leaves at most one TAKEN on
// what is not pending, and the second one asks for nothing and marks nothing.
func TestTakingComesToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawTested(t)
		before := s
		s = s.afterPass(t)
		taken, marked := before.Take()
		if now, _ := s.Take(); marked && now.ID != taken.ID {
			t.Fatalf("%s is taken, and %s after the pass", taken.ID, now.ID)
		}
		if n := len(s.Placements(history.Taken)); n > 1 {
			t.Fatalf("TAKEN is on %v", s.Placements(history.Taken))
		}
		s.Outcomes = nil
		if next, due := s.NextTest(noon); due {
			t.Fatalf("%s is asked about again at once", next.Version)
		}
		if marks := s.marksToTake(noon); len(marks) > 0 {
			t.Fatalf("the second pass marks %q", describeMarks(marks))
		}
	})
}

// drawTested draws a source of three versions with labels and answers, of which the last was not deferred.
func drawTested(t *rapid.T) Source {
	s := tested(nil, nil)
	s.Versions = append(s.Versions, history.Version{ID: sid(3), Created: noon, Labels: []string{live(3)}})
	current := rapid.IntRange(1, 3).Draw(t, "current")
	s.Carried, s.Outcomes = rapid.Bool().Draw(t, "carried"), map[string]Outcome{}
	for i := range s.Versions {
		n := i + 1
		s.Versions[i].Labels = []string{live(n)}
		if n == current {
			s.Versions[i].Labels = append(s.Versions[i].Labels, history.AWSCurrent)
		}
		if rapid.Bool().Draw(t, "taken") {
			s.Versions[i].Labels = append(s.Versions[i].Labels, takenLabel(n))
		}
		if rapid.Bool().Draw(t, "asked") {
			at := noon.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "at")) * time.Minute)
			s.Versions[i].Labels = append(s.Versions[i].Labels, askLabel(at, n))
		}
	}
	for next, due := s.NextTest(noon); due; next, due = s.NextTest(noon) {
		s.Outcomes[next.Version] = Outcome{Answer: rapid.SampledFrom([]Answer{Accepted, Refused, Unknown}).Draw(t, "answer")}
	}
	return s
}

// afterPass returns the source with its labels moved.
func (s Source) afterPass(t *rapid.T) Source {
	w := world{State{Now: noon, Sources: []Source{s}}}
	for _, m := range s.marksToTake(noon) {
		w.move(t, m.Secret, m.Label, m.To, m.From)
	}
	return w.Sources[0]
}
