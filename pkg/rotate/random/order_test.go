package random_test

import "testing"

// TestInNoOrderOfReadersAnybodyIsRefused goes through everything that can happen to three consumers: they follow in any
// order, a task at a time, and at any point anybody deploys whatever is not withdrawn yet, while people rotate, put
// values, change another key and go back. Whoever runs is accepted by whoever verifies, and everything ends.
func TestInNoOrderOfReadersAnybodyIsRefused(t *testing.T) {
	sender, holder := reader{"a sender", true, false, false}, reader{"a sender that holds everything", true, false, true}
	verifier, both := reader{"a verifier", false, true, true}, reader{"one that does both", true, true, true}
	for _, c := range []struct {
		changes int
		readers []reader
	}{
		{3, []reader{sender, verifier, both}},
		{2, []reader{sender, holder, verifier, both}},
		{3, []reader{both, both}},
	} {
		for _, k := range newKits(t) {
			m := &model{t: t, kit: k, readers: c.readers, known: map[string]pair{}}
			n := m.exploreFrom(m.firstMoment(c.changes), func(w moment) {
				if why := m.findRefusal(w); why != "" {
					t.Errorf("%s: %s in %v", k.name, why, w)
				}
				m.wantGoodEnd(w)
			})
			t.Logf("%s, %d consumers, %d changes: %d worlds", k.name, len(c.readers), c.changes, n)
		}
	}
}

// TestEveryChangeComesToAnEnd goes through what can happen to a source of which nobody knows who reads it: people
// rotate, in emergencies too, put anything by hand in any way, and go back, at any point and while anything is owed; what
// is owed is retired in any order. It always ends with one value in both places, and where somebody has brought a new
// one in since anything else, with that one. What rotary makes follow never cuts off who sends what stood first.
func TestEveryChangeComesToAnEnd(t *testing.T) {
	symmetric, pairs := newKits(t)[0], newKits(t)[1]
	for _, c := range []struct {
		kit     kit
		changes int
		console bool
	}{{symmetric, 4, false}, {symmetric, 3, true}, {pairs, 3, false}, {pairs, 2, true}} {
		m := &model{t: t, kit: c.kit, urgent: true, console: c.console, known: map[string]pair{}}
		n := m.exploreFrom(m.firstMoment(c.changes), m.wantGoodEnd)
		t.Logf("%s, %d changes, anything put: %v: %d sources", c.kit.name, c.changes, c.console, n)
	}
}
