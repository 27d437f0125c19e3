package random_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// pair is what two places hold, as letters.
type pair struct{ first, second int }

// version is one of the source's.
type version struct {
	pair
	live bool
}

// reader is what a consumer does with a source's keys. Whoever verifies holds both places.
type reader struct {
	name                   string
	sends, verifies, holds bool // holds: the second place too
}

// place is a version of a bucket as its reader sees it: what the second place holds, it may not have.
type place struct {
	pair
	running bool // some task has it; otherwise somebody could deploy it
}

// moment is a source and its consumers at one time. Letters are given out in order, so that what differs in names
// alone is one world.
type moment struct {
	versions []version // oldest first
	current  int
	places   [][]place // of each consumer, sorted
	changes  int       // that people still make
	want     int       // the letter that is to be in both places at the end; -1 where people have left that open
	restless bool      // somebody has gone back, or put what only the console lets in
}

// model plays the rotator's own Create and Retire among consumers.
//
// A task may start on any version of a bucket that is current or HELD, and end when its consumer has another; HELD
// goes where nothing runs. What is owed is retired only where no consumer runs, or could be deployed on, what only the
// owed version explains: that is what the gates ask (pkg/plan), and it is put in three lines here.
type model struct {
	t       *testing.T
	kit     kit
	readers []reader
	urgent  bool            // people may rotate in emergencies
	console bool            // and put what rotary put refuses
	known   map[string]pair // what Retire has answered
}

func (m *model) holds(i int, v pair) pair {
	if !m.readers[i].holds {
		v.second = -1
	}
	return v
}

// begin is where everybody runs the only version there is.
func (m *model) begin(changes int) moment {
	w := moment{versions: []version{{pair{0, 0}, true}}, changes: changes}
	for i := range m.readers {
		w.places = append(w.places, []place{{m.holds(i, pair{0, 0}), true}})
	}
	return w
}

// key is w in few bytes.
func (w moment) key() string {
	b := append(w.source(), byte(w.changes), byte(w.want), flag(w.restless))
	for _, places := range w.places {
		b = append(b, '|')
		for _, p := range places {
			b = append(b, byte(p.first), byte(p.second), flag(p.running))
		}
	}
	return string(b)
}

// source is the source's part of w.
func (w moment) source() []byte {
	b := []byte{byte(w.current)}
	for _, v := range w.versions {
		b = append(b, byte(v.first), byte(v.second), flag(v.live))
	}
	return b
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// clone is for changing.
func (w moment) clone() moment {
	w.versions, w.places = slices.Clone(w.versions), slices.Clone(w.places)
	return w
}

func (w moment) now() pair { return w.versions[w.current].pair }

// letter is one that nobody has seen yet.
func (w moment) letter() int {
	last := 0
	for _, v := range w.versions {
		last = max(last, v.first, v.second)
	}
	return last + 1
}

func (w moment) owed() (all []int) {
	for i, v := range w.versions {
		if v.live && i != w.current {
			all = append(all, i)
		}
	}
	return all
}

// put makes v current. At the end, both places are to hold the letter that is wanted.
func (w moment) put(v pair, want int) moment {
	w = w.clone()
	w.versions = append(w.versions, version{v, true})
	w.current, w.want = len(w.versions)-1, want
	return w
}

// back makes an owed version current again.
func (w moment) back(owed int) moment {
	w = w.clone()
	w.current, w.want, w.restless = owed, -1, true
	return w
}

// next are all the worlds that can come next.
func (m *model) next(w moment) (all []moment) {
	all = append(all, m.deployments(w)...)
	for _, owed := range w.owed() {
		if m.open(w, owed) {
			all = append(all, m.advance(w, owed))
		}
	}
	if w.changes == 0 {
		return all
	}
	for _, changed := range m.people(w) {
		changed.changes--
		all = append(all, changed)
	}
	return all
}

// deployments are a task that starts, a task that ends, and a version that nobody can be deployed on any more.
func (m *model) deployments(w moment) (all []moment) {
	for i, places := range w.places {
		current := m.holds(i, w.now())
		if !slices.ContainsFunc(places, func(p place) bool { return p.pair == current }) {
			all = append(all, w.placed(i, append(slices.Clone(places), place{current, true})))
		}
		for j, p := range places {
			others := slices.Delete(slices.Clone(places), j, j+1)
			somebody := slices.ContainsFunc(others, func(p place) bool { return p.running })
			if !p.running || somebody {
				all = append(all, w.placed(i, append(slices.Clone(others), place{p.pair, !p.running})))
			}
			if !p.running && p.pair != current {
				all = append(all, w.placed(i, others))
			}
		}
	}
	return all
}

func (w moment) placed(consumer int, places []place) moment {
	w = w.clone()
	slices.SortFunc(places, func(a, b place) int { return 100*(a.first-b.first) + a.second - b.second })
	w.places[consumer] = places
	return w
}

// people are a rotation, a value by hand, another key of the source, and a way back; and what only the console does.
func (m *model) people(w moment) (all []moment) {
	now, letter := w.now(), w.letter()
	if len(w.owed()) == 0 && now.first == now.second {
		all = append(all, w.put(m.create(w, false), letter))
	}
	for put := range letter + 1 { // rotary put: through the second place
		if now.first == now.second && put != now.first && (put == letter || !w.restless) {
			all = append(all, w.put(pair{now.first, put}, put))
		}
	}
	all = append(all, w.put(now, w.want))
	for _, owed := range w.owed() {
		all = append(all, w.back(owed))
	}
	if m.urgent {
		all = append(all, w.put(m.create(w, true), letter))
	}
	if m.console {
		all = append(all, w.careless()...)
	}
	return all
}

// careless are any two values, put at once.
func (w moment) careless() (all []moment) {
	letter := w.letter()
	for first := range letter + 1 {
		for second := range letter + 2 {
			put := w.put(pair{first, second}, -1)
			put.restless = true
			all = append(all, put)
		}
	}
	return all
}

// open says whether the gates are.
func (m *model) open(w moment, owed int) bool {
	old, now := w.versions[owed], w.now()
	for i, places := range w.places {
		for _, p := range places {
			first := old.first != now.first && p.first == old.first
			second := old.second != now.second && m.readers[i].holds && p.second == old.second
			if first || second {
				return false
			}
		}
	}
	return true
}

// advance is rotate.Job's: only the last of what is owed makes another version.
func (m *model) advance(w moment, owed int) moment {
	last := len(w.owed()) == 1
	after := w.clone()
	after.versions[owed].live = false
	if v, some := m.retire(w, owed); some && last {
		return after.put(v, w.want)
	}
	return after
}

// retire asks the rotator.
func (m *model) retire(w moment, owed int) (pair, bool) {
	key := string(w.source())
	answer, known := m.known[key]
	if !known {
		var rest []values
		for i, v := range w.versions {
			if i != w.current {
				rest = append(rest, m.kit.make(v.first, v.second))
			}
		}
		old, now := w.versions[owed], w.now()
		v, err := m.kit.rotator.Retire(m.t.Context(), rotate.End{
			Owed: m.kit.make(old.first, old.second), Current: m.kit.make(now.first, now.second), Others: others(rest...),
		})
		answer = pair{-1, -1}
		if err != nil {
			m.t.Fatal(err)
		}
		if v != nil {
			answer.first, answer.second = m.kit.read(m.t, v)
		}
		m.known[key] = answer
	}
	return answer, answer.first >= 0
}

// create asks the rotator. What it makes gets the next letter.
func (m *model) create(w moment, emergency bool) pair {
	now := w.now()
	made := create(m.t, m.kit.rotator, rotate.Start{Current: m.kit.make(now.first, now.second), Emergency: emergency})
	if err := m.kit.rotator.Test(m.t.Context(), made); err != nil {
		m.t.Fatal(err)
	}
	letter := w.letter()
	for i, key := range m.kit.second {
		for known := range letters {
			if made[key].Equal(secret.New(m.kit.of(known)[i])) {
				m.t.Fatal("a new credential is an old one")
			}
		}
	}
	for i, key := range m.kit.second {
		made = m.kit.with(made, key, m.kit.of(letter)[i])
	}
	first, second := m.kit.read(m.t, made)
	return pair{first, second}
}

// refusal tells whom a verifier refuses, or "".
func (m *model) refusal(w moment) string {
	for i, senders := range w.places {
		for j, verifiers := range w.places {
			for _, s := range senders {
				for _, v := range verifiers {
					if m.readers[i].sends && m.readers[j].verifies && s.running && v.running && s.first != v.first && s.first != v.second {
						return fmt.Sprintf("%s on %v refuses %s on %v", m.readers[j].name, v.pair, m.readers[i].name, s.pair)
					}
				}
			}
		}
	}
	return ""
}

// ends checks that everything comes to the end that is wanted, whichever of what is owed is retired first.
func (m *model) ends(w moment) {
	for _, newest := range []bool{false, true} {
		end := m.settle(w, newest).now()
		if end.first != end.second || w.want >= 0 && end.first != w.want {
			m.t.Errorf("%s: %v ends with %v, want %d", m.kit.name, w, end, w.want)
		}
	}
}

// settle lets everybody follow, at once, until nothing is owed.
func (m *model) settle(w moment, newest bool) moment {
	for range 30 {
		w = w.clone()
		for i := range w.places {
			w.places[i] = []place{{m.holds(i, w.now()), true}}
		}
		owed := w.owed()
		if len(owed) == 0 {
			return w
		}
		if newest {
			slices.Reverse(owed)
		}
		if !m.open(w, owed[0]) {
			m.t.Fatalf("the gates stay shut: %v", w)
		}
		before := w.now()
		w = m.advance(w, owed[0])
		if after := w.now(); before.first != after.first && (before.first != after.second || before.second != after.first) {
			m.t.Errorf("%s: %v follows %v", m.kit.name, after, before)
		}
	}
	m.t.Fatalf("it never comes to an end: %v", w)
	return w
}

// explore visits every world that can come to be, and returns how many there are.
func (m *model) explore(from moment, check func(w moment)) int {
	seen, queue := map[string]moment{from.key(): from}, []moment{from}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		check(w)
		for _, n := range m.next(w) {
			if _, known := seen[n.key()]; !known {
				seen[n.key()] = n
				queue = append(queue, n)
			}
		}
		if m.t.Failed() {
			break
		}
	}
	return len(seen)
}
