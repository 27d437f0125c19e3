package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
)

const twoSessions = "2 sessions from 10.0.4.17 (shop), the oldest since 2026-03-01 09:12 UTC"

// used notes a use on the first version of the source.
func used(s *State, u Use) { label(s.db(), 0, u.Label(s.db().History, s.db().Versions[0])) }

func TestAUseIsReadAgainFromItsLabel(t *testing.T) {
	s := owing()
	for _, ends := range []time.Time{{}, noon.Add(history.SessionsLinger)} {
		u := Use{}.After(noon, ends, "x").After(noon.Add(time.Minute), ends, twoSessions)
		s.db().Versions[0].Labels = []string{u.Label(s.db().History, s.db().Versions[0])}
		read, label := UseOf(s.db().Versions[0])
		want := Use{Count: 2, First: noon, Last: noon.Add(time.Minute), Ends: ends, Seen: twoSessions}
		if diff := cmp.Diff(want, read); diff != "" || len(label) > longestLabel || !strings.HasPrefix(label, history.Used+"2-") {
			t.Errorf("%q (-want +read):\n%s", label, diff)
		}
	}
	long := Use{Count: 1, First: noon, Last: noon, Seen: strings.Repeat("ü", 300)}.Label(s.db().History, s.db().Versions[0])
	if read, _ := UseOf(history.Version{Labels: []string{long}}); len(long) > longestLabel || !strings.HasPrefix(read.Seen, "üü") {
		t.Errorf("a long description gives %q", long)
	}
	for _, text := range []string{"", "x", "1", "1-", "-1--", "1-2-3-4-5-6-7", "9999999999999999999-1-1-a-b-=Z"} {
		_, _ = UseOf(history.Version{Labels: []string{history.Used + text}})
	}
}

// The target is asked again after a while, at the latest when nothing vetoes by itself any more, and at once where a
// person has accepted what it saw.
func TestAUsedCredentialIsAskedAboutAgain(t *testing.T) {
	for _, c := range []struct {
		use      Use
		accepted time.Time
		again    time.Time
	}{
		{use: Use{Count: 1, Last: noon}, again: noon.Add(time.Minute)},
		{use: Use{Count: 2, Last: noon}, again: noon.Add(5 * time.Minute)},
		{use: Use{Count: 3, Last: noon}, again: noon.Add(15 * time.Minute)},
		{use: Use{Count: 90, Last: noon}, again: noon.Add(15 * time.Minute)},
		{use: Use{Count: 9, Last: noon, Ends: noon.Add(2 * time.Minute)}, again: noon.Add(2 * time.Minute)},
		{use: Use{Count: 9, Last: noon, Ends: noon.Add(time.Hour)}, again: noon.Add(15 * time.Minute)},
		{use: Use{Count: 9, Last: noon}, accepted: noon.Add(-time.Minute), again: noon.Add(15 * time.Minute)},
		{use: Use{Count: 9, Last: noon}, accepted: noon.Add(2 * time.Second), again: noon.Add(2 * time.Second)},
	} {
		s := owing()
		c.use.First, c.use.Seen = noon.Add(-time.Hour), twoSessions
		used(&s, c.use)
		if !c.accepted.IsZero() {
			label(s.db(), 0, s.db().TimedLabel(history.Sessions, c.accepted, sid(1)))
		}
		if s.Now = c.again.Add(-time.Second); c.accepted.After(noon) {
			s.Now = noon
			s.db().Versions[0].Labels = s.db().Versions[0].Labels[:len(s.db().Versions[0].Labels)-1]
		}
		p := Make(s)
		waits := slices.DeleteFunc(slices.Clone(p.Waits), func(w Wait) bool { return w.Reason != Witness })
		if len(p.Advances) > 0 || len(waits) != 1 || !strings.HasPrefix(waits[0].Detail, twoSessions) || !strings.Contains(waits[0].Detail, "rotary accept dev db --sessions") {
			t.Errorf("%+v: too early: %q, %+v", c, lines(p), p.Waits)
		}
		if !c.accepted.IsZero() && c.accepted.After(noon) {
			label(s.db(), 0, s.db().TimedLabel(history.Sessions, c.accepted, sid(1)))
		}
		s.Now = c.again
		if p := Make(s); len(p.Advances) != 1 {
			t.Errorf("%+v: it is not asked again: %q, %+v", c, lines(p), p.Waits)
		}
		r := Describe(s, Make(s)).Source("db").Owed[0]
		if r.Used == nil || r.Used.Seen != twoSessions || !r.Used.Accepted.Equal(c.accepted) {
			t.Errorf("%+v: the report has %+v", c, r.Used)
		}
	}
}

func TestAnEmergencysDeadlineOpensTheGateOfTheWitness(t *testing.T) {
	s := urgent(noon.Add(-time.Minute))
	used(&s, Use{Count: 1, First: noon, Last: noon, Seen: twoSessions})
	if p := Make(s); len(p.Advances) != 1 || !p.Advances[0].Forced || !p.Advances[0].Proof.IsZero() {
		t.Errorf("the plan is %+v", p.Advances)
	}
}

// Who uses a credential after everybody was seen without it is somebody else: the proof is the latest of what shows that.
func TestTheProofIsTheLatestOfWhatShowsThatEverybodyLeft(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*State)
		want   time.Time
	}{
		"a bucket version was withdrawn":     {func(s *State) { s.api().Versions[0].Labels = []string{gone(1, noon.Add(-30*time.Minute))} }, noon.Add(-30 * time.Minute)},
		"a deployment away from it ended":    {func(s *State) { s.web().Moves = []Move{{Version: bid(present, 1), At: noon.Add(-20 * time.Minute)}} }, noon.Add(-20 * time.Minute)},
		"a deployment of another one ended":  {func(s *State) { s.web().Moves = []Move{{Version: bid(present, 2), At: noon.Add(-20 * time.Minute)}} }, noon.Add(-time.Hour)},
		"the version was seen to be current": {func(*State) {}, noon.Add(-time.Hour)},
	} {
		s := owing()
		c.change(&s)
		if p := Make(s); len(p.Advances) != 1 || !p.Advances[0].Proof.Equal(c.want) {
			t.Errorf("%s: %+v, want the proof at %s", name, p.Advances, c.want)
		}
	}
}

func TestWhatIsNotOwedAnyMoreForgetsItsUses(t *testing.T) {
	s := converged()
	used(&s, Use{Count: 1, First: noon, Last: noon})
	label(s.db(), 0, s.db().TimedLabel(history.Sessions, noon, sid(1)))
	p := Make(s)
	if len(p.Drops) != 2 || !strings.HasPrefix(p.Drops[0].Label, history.Used) || !strings.HasPrefix(p.Drops[1].Label, history.Sessions) || p.Drops[0].To+p.Drops[1].To != "" {
		t.Errorf("the plan is %q", lines(p))
	}
}

// Sessions from before the proof explain a day; what does not end by itself explains nothing.
func TestSessionsThatLingerExplainThatAVersionIsOwed(t *testing.T) {
	for _, c := range []struct {
		ends, now time.Time
		alarms    bool
	}{
		{noon.Add(24 * time.Hour), noon.Add(24 * time.Hour), false},
		{noon.Add(24 * time.Hour), noon.Add(25 * time.Hour), false},
		{noon.Add(24 * time.Hour), noon.Add(25*time.Hour + time.Second), true},
		{time.Time{}, noon.Add(24 * time.Hour), true},
	} {
		s := owing()
		used(&s, Use{Count: 7, First: noon, Last: c.now, Ends: c.ends, Seen: twoSessions})
		s.Now = c.now
		if got := slices.Contains(s.namesOfAlarms(*s.db(), s.db().Versions[0]), RetirementOwed); got != c.alarms {
			t.Errorf("%+v: it alarms: %v", c, got)
		}
	}
}
