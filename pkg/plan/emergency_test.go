package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// urgent is owing with an emergency's label on the current version.
func urgent(until time.Time) State {
	s := owing()
	label(s.db(), 1, history.DeadlineLabel(until, sid(2)))
	return s
}

func TestAfterAnEmergencysDeadlineOnlyTheVetoesKeepAVersion(t *testing.T) {
	for _, g := range shutting {
		t.Run(g.name, func(t *testing.T) {
			s := urgent(noon)
			g.shut(&s)
			veto := slices.Contains([]Reason{Mode, Retained, Frozen, Shared, ByHand}, g.reason)
			advances := Make(s).Advances
			if retired := slices.ContainsFunc(advances, func(a Advance) bool { return a.Version == sid(1) && a.Forced }); retired == veto {
				t.Errorf("advances are %+v", advances)
			}
		})
	}
}

func TestBeforeAnEmergencysDeadlineEveryGateIsAsked(t *testing.T) {
	for _, g := range shutting {
		t.Run(g.name, func(t *testing.T) {
			s := urgent(noon.Add(time.Second))
			g.shut(&s)
			p := Make(s)
			if len(p.Advances) > 0 {
				t.Errorf("it is retired: %+v", p.Advances)
			}
			if last := p.Waits[len(p.Waits)-1]; last.Until.IsZero() || last.Until.After(noon.Add(time.Second)) {
				t.Errorf("the next look is at %v, want the deadline at the latest", last.Until)
			}
		})
	}
}

func TestAnEmergencyWithoutADeadlineForcesNothing(t *testing.T) {
	s := urgent(time.Time{})
	if diff := cmp.Diff([]Advance{{Source: "db", Version: sid(1), Current: sid(2), Proof: noon.Add(-time.Hour)}}, Make(s).Advances); diff != "" {
		t.Errorf("advances (-want +got):\n%s", diff)
	}
	s.web().InPlay = append(s.web().InPlay, bid(present, 1))
	if advances := Make(s).Advances; len(advances) > 0 {
		t.Errorf("it is retired although a consumer may use it: %+v", advances)
	}
}

func TestADeadlineIsForWhatIsOlderThanTheVersionThatCarriesIt(t *testing.T) {
	s := owing()
	s.db().set(sv(1, values("URL", "a"), live(1)), sv(2, values("URL", "b"), live(2), history.DeadlineLabel(noon, sid(2))), sv(3, values("URL", "new"), live(3), history.AWSCurrent, history.Seen))
	s.web().Settled = false
	if diff := cmp.Diff([]Advance{{Source: "db", Version: sid(1), Current: sid(3), Forced: true}}, Make(s).Advances); diff != "" {
		t.Errorf("advances (-want +got):\n%s", diff)
	}
}

func TestEverythingThatIsOverdueDiesInOnePass(t *testing.T) {
	s := owing()
	s.db().set(sv(1, values("URL", "a"), live(1)), sv(2, values("URL", "b"), live(2)), sv(3, values("URL", "new"), live(3), history.AWSCurrent, history.Seen, history.DeadlineLabel(noon, sid(3))))
	want := []Advance{{Source: "db", Version: sid(1), Current: sid(3), Forced: true}, {Source: "db", Version: sid(2), Current: sid(3), Forced: true}}
	if diff := cmp.Diff(want, Make(s).Advances); diff != "" {
		t.Errorf("advances (-want +got):\n%s", diff)
	}
}

func TestOfTwoDeadlinesTheFirstCounts(t *testing.T) {
	s := owing()
	label(s.db(), 1, history.DeadlineLabel(noon.Add(time.Hour), sid(2)))
	label(s.db(), 1, history.DeadlineLabel(noon.Add(time.Minute), sid(9)))
	if at, some := s.db().Dies(s.db().Versions[0]); !some || !at.Equal(noon.Add(time.Minute)) {
		t.Errorf("it dies at %v (%v)", at, some)
	}
}

func TestAnEmergencysLabelComesOffWhenNothingIsLeftOfIt(t *testing.T) {
	base := func() State {
		s := converged()
		label(s.db(), len(s.db().Versions)-1, history.DeadlineLabel(noon, sid(2)))
		return s
	}
	s := base()
	p := Make(s)
	if len(p.Drops) != 1 || p.Drops[0].Label != history.DeadlineLabel(noon, sid(2)) || p.Drops[0].From != sid(2) {
		t.Errorf("drops are %+v", p.Drops)
	}
	for name, change := range map[string]func(s *State){
		"a retirement is owed":       func(s *State) { *s = urgent(time.Time{}) },
		"something changed just now": func(s *State) { s.db().Changed = s.Now },
		"its rotation is only beginning": func(s *State) {
			s.db().add(version{Version: history.Version{ID: sid(3), Created: noon, Empty: true, Labels: []string{history.AWSPending}}})
		},
		"the mode writes nothing": func(s *State) { s.Mode = manifest.Observe },
	} {
		s := base()
		change(&s)
		if p := Make(s); len(p.Drops) > 0 {
			t.Errorf("while %s: drops are %+v", name, p.Drops)
		}
	}
}

func TestAnEmergencyThatCameToNothingLosesItsLabelAtOnce(t *testing.T) {
	urgent := history.DeadlineLabel(noon, sid(3))
	state := func(versions ...version) State {
		s := converged()
		s.db().set(versions...)
		s.db().Changed = s.Now
		return s
	}
	undone := []Mark{{Secret: "source/dev/db", Label: urgent, From: sid(3)}}
	for name, c := range map[string]struct {
		state State
		marks []Mark
	}{
		"somebody went back from it":      {state(sv(2, values("URL", "b"), live(2), history.AWSCurrent), sv(3, values("URL", "c"), live(3), urgent, history.Seen, pastSource(3, noon))), undone},
		"its rotation is under way":       {state(sv(2, values("URL", "b"), live(2), history.AWSCurrent), sv(3, values("URL", "c"), live(3), urgent, history.AWSPending, history.Seen)), nil},
		"it has not begun":                {state(sv(2, values("URL", "b"), live(2), history.AWSCurrent, urgent, history.Seen)), nil},
		"something newer has replaced it": {state(sv(3, values("URL", "c"), live(3), urgent, pastSource(3, noon)), sv(4, values("URL", "d"), live(4), history.AWSCurrent, history.Seen)), nil},
	} {
		p := Make(c.state)
		if diff := cmp.Diff(c.marks, p.Marks); diff != "" {
			t.Errorf("%s: marks (-want +got):\n%s", name, diff)
		}
		if len(p.Drops) > 0 {
			t.Errorf("%s: drops are %+v", name, p.Drops)
		}
	}
}

func TestAnEmergencyIsFoundByTheVersionThatItMakes(t *testing.T) {
	h := history.History{Versions: []history.Version{
		{ID: "aaaaaaaa-1", Labels: []string{history.AWSCurrent, history.DeadlineLabel(time.Time{}, "bbbbbbbb-2"), history.Deadline + "nonsense", history.Deadline + "12"}},
	}}
	if e, is := h.EmergencyOf("bbbbbbbb-2"); !is || !e.Until.IsZero() || e.On.ID != "aaaaaaaa-1" {
		t.Errorf("of the version it is for: %+v, %v", e, is)
	}
	for _, id := range []string{"aaaaaaaa-1", "cccccccc-3", ""} {
		if e, is := h.EmergencyOf(id); is {
			t.Errorf("version %q has the emergency %+v", id, e)
		}
	}
}

func TestASourceThatAWSRotatesGetsNoLabel(t *testing.T) {
	s := converged()
	s.db().Manifest.Rotate = manifest.RotateWith(manifest.Managed)
	for i := range s.db().Versions {
		s.db().Versions[i].Labels = slices.DeleteFunc(s.db().Versions[i].Labels, func(l string) bool { return l != history.AWSCurrent && l != history.AWSPrevious })
	}
	p := Make(s)
	if len(p.Marks) > 0 || !Describe(s, p).Converged {
		t.Errorf("marks %+v, waits %+v", p.Marks, p.Waits)
	}
}

// What an emergency has made is confirmed each minute, until nothing can land any more.
func TestWhatAnEmergencyHasMadeIsConfirmedWhereNothingFencesIt(t *testing.T) {
	for name, c := range map[string]struct {
		age       time.Duration
		confirmed bool
		label     string
		want      bool
	}{
		"just made":                      {confirmed: true, label: history.DeadlineLabel(time.Time{}, sid(2)), want: true},
		"just after the last can land":   {age: history.Outlast + time.Minute, confirmed: true, label: history.DeadlineLabel(time.Time{}, sid(2)), want: true},
		"long after":                     {age: 2 * history.Outlast, confirmed: true, label: history.DeadlineLabel(time.Time{}, sid(2))},
		"its target fences what is late": {label: history.DeadlineLabel(time.Time{}, sid(2))},
		"no emergency has made it":       {confirmed: true, label: history.DeadlineLabel(time.Time{}, sid(1))},
	} {
		t.Run(name, func(t *testing.T) {
			s := owing()
			label(s.db(), 1, c.label)
			if s.db().Versions[1].Created = s.Now.Add(-c.age); c.confirmed {
				s.db().Manifest.Rotate = manifest.RotateWith(manifest.MySQL)
			}
			s.db().Versions[0].Created = s.db().Versions[1].Created.Add(-time.Hour)
			p := Make(s)
			confirms := slices.Equal(p.Confirms, []Confirm{{"db", sid(2)}})
			waits := slices.ContainsFunc(p.Waits, func(w Wait) bool { return w.Reason == Confirming && w.Until.Equal(s.Now.Add(time.Minute)) })
			if confirms != c.want || waits != c.want || c.want && p.Empty() {
				t.Errorf("it confirms %+v, and waits for %+v", p.Confirms, p.Waits)
			}
		})
	}
}

// An emergency that joined a rotation left its label on the version before: it goes over to what that rotation made.
func TestTheLabelOfAnEmergencyGoesOverToWhatItMade(t *testing.T) {
	for name, c := range map[string]struct {
		on   int // the label is on the version of this index
		of   string
		want []Mark
	}{
		"it joined":           {of: sid(2), want: []Mark{{Secret: "source/dev/db", Label: history.DeadlineLabel(noon, sid(2)), To: sid(2), From: sid(1)}}},
		"it is there":         {on: 1, of: sid(2)},
		"it has made nothing": {of: sid(9)},
	} {
		t.Run(name, func(t *testing.T) {
			s := owing()
			label(s.db(), c.on, history.DeadlineLabel(noon, c.of))
			if len(c.want) > 0 {
				c.want[0].Secret = s.db().Secret
			}
			var moved []Mark
			for _, m := range Make(s).Marks {
				if strings.HasPrefix(m.Label, history.Deadline) {
					moved = append(moved, m)
				}
			}
			if diff := cmp.Diff(c.want, moved); diff != "" {
				t.Errorf("marks (-want +got):\n%s", diff)
			}
		})
	}
}
