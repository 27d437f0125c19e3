package simulation

import (
	"flag"
	"slices"
	"strings"
	"testing"
)

var redeployed = flag.Int("redeployed", 13, "of the calls at which somebody deploys an old revision, play each of this number; 1 plays all")

// moving returns the two kinds of credentials that move in three versions, and their consumers.
func moving() []moved {
	change := func(name, manifest, source string) Scenario {
		return Scenario{Name: name, Manifest: manifest, Schedule: MustParse("rotate " + source + "\nsettle")}
	}
	return []moved{
		{change("a symmetric secret", "symmetric", "handshake"), "handshake", []string{"api", "worker", "sender"}},
		{change("a key pair", "pairs", "signing"), "signing", []string{"signer", "verifier", "both"}},
	}
}

type moved struct {
	scenario  Scenario
	source    string
	consumers []string
}

// TestAnyConsumerMayBeDeployedAgainAtAnyCall lets a person deploy an old revision of any consumer, of which one only
// sends, at each call of a whole change. Whatever they deploy at which point, nobody is refused, and everything ends;
// and at each call of every run, whoever could be deployed again would be understood: see understood.
func TestAnyConsumerMayBeDeployedAgainAtAnyCall(t *testing.T) {
	for _, m := range moving() {
		t.Run(m.scenario.Name, func(t *testing.T) {
			var acts []string
			for _, consumer := range m.consumers {
				acts = append(acts, "redeploy "+consumer)
			}
			m.play(t, acts, *redeployed**every)
		})
	}
}

// TestWhateverOthersDoMeanwhileAChangeInThreeVersionsEndsWell lets others act at each call of a whole change.
func TestWhateverOthersDoMeanwhileAChangeInThreeVersionsEndsWell(t *testing.T) {
	for _, m := range moving() {
		t.Run(m.scenario.Name, func(t *testing.T) {
			acts := []string{"pass", "wait 3m"}
			for _, do := range []string{"enter", "back", "move", "begin", "rotate"} {
				acts = append(acts, do+" "+m.source)
			}
			for _, do := range []string{"release", "restart", "break"} {
				acts = append(acts, do+" "+m.consumers[0], do+" "+m.consumers[1])
			}
			m.play(t, acts, *besides**every)
		})
	}
}

// play plays every nth of the schedules with one action at one call.
func (m moved) play(t *testing.T, acts []string, n int) {
	t.Helper()
	all := m.scenario.beside(t, acts)
	t.Logf("each %d. of %d schedules, of %d actions at any call", n, count(all), len(acts))
	try(t, m.scenario, each(all, n), 0)
}

// TestOneFaultInAChangeOfAKeyPairChangesNothingInTheEnd is TestOneFaultAnywhereChangesNothingInTheEnd for fewer of the
// faults: a key pair makes the calls of a symmetric secret, which is played there.
func TestOneFaultInAChangeOfAKeyPairChangesNothingInTheEnd(t *testing.T) {
	s := moving()[1].scenario
	for _, change := range []string{"rotate signing", "enter signing"} {
		s := s.withSchedule(MustParse(change + "\nsettle"))
		all, points, err := s.Singles(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: each %d. of %d faults", change, *besides**every, points)
		try(t, s, each(all, *besides**every), 0)
	}
}

// TestAChangeInOneVersionIsNoticed puts another credential into both places at once: the check that the tests above
// lean on sees that what could be deployed does not understand each other.
func TestAChangeInOneVersionIsNoticed(t *testing.T) {
	for _, m := range moving() {
		w, err := m.scenario.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s, _ := w.Env.Source(m.source)
		if err := w.putSource(s, w.firstValues(s)); err != nil {
			t.Fatal(err)
		}
		w.Step(Step{Do: "pass"})
		noticed := func(v string) bool { return ruleOf(v) == "S2" && strings.Contains(v, "would refuse") }
		if !slices.ContainsFunc(w.Violations, noticed) {
			t.Errorf("%s: nobody notices: %q", m.scenario.Name, w.Violations)
		}
	}
}
