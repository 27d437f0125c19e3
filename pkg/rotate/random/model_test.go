package random_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// pair is the content of two places, as letters.
type pair struct{ first, second int }

// version is one of the source's.
type version struct {
	pair
	live bool
}

// reader is a consumer of a source's keys. One that verifies holds both places.
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

func (m *model) pairHeldBy(i int, v pair) pair {
	if !m.readers[i].holds {
		v.second = -1
	}
	return v
}

// firstMoment returns the moment in which everybody runs the only version there is.
func (m *model) firstMoment(changes int) moment {
	w := moment{versions: []version{{pair{0, 0}, true}}, changes: changes}
	for i := range m.readers {
		w.places = append(w.places, []place{{m.pairHeldBy(i, pair{0, 0}), true}})
	}
	return w
}

// encodeKey returns w in few bytes.
func (w moment) encodeKey() string {
	b := append(w.encodeSource(), byte(w.changes), byte(w.want), flagByte(w.restless))
	for _, places := range w.places {
		b = append(b, '|')
		for _, p := range places {
			b = append(b, byte(p.first), byte(p.second), flagByte(p.running))
		}
	}
	return string(b)
}

// encodeSource returns the source's part of w.
func (w moment) encodeSource() []byte {
	b := []byte{byte(w.current)}
	for _, v := range w.versions {
		b = append(b, byte(v.first), byte(v.second), flagByte(v.live))
	}
	return b
}

func flagByte(on bool) byte {
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

func (w moment) currentPair() pair { return w.versions[w.current].pair }

// nextLetter returns one that nobody has seen yet.
func (w moment) nextLetter() int {
	last := 0
	for _, v := range w.versions {
		last = max(last, v.first, v.second)
	}
	return last + 1
}

func (w moment) owedVersions() (all []int) {
	for i, v := range w.versions {
		if v.live && i != w.current {
			all = append(all, i)
		}
	}
	return all
}

// putCurrent makes v current. At the end, both places are to hold the letter want.
func (w moment) putCurrent(v pair, want int) moment {
	w = w.clone()
	w.versions = append(w.versions, version{v, true})
	w.current, w.want = len(w.versions)-1, want
	return w
}

// goBackTo makes an owed version current again.
func (w moment) goBackTo(owed int) moment {
	w = w.clone()
	w.current, w.want, w.restless = owed, -1, true
	return w
}

// nextMoments returns all moments that can come next.
func (m *model) nextMoments(w moment) (all []moment) {
	all = append(all, m.afterDeployments(w)...)
	for _, owed := range w.owedVersions() {
		if m.gatesOpen(w, owed) {
			all = append(all, m.retireOwed(w, owed))
		}
	}
	if w.changes == 0 {
		return all
	}
	for _, changed := range m.afterPeople(w) {
		changed.changes--
		all = append(all, changed)
	}
	return all
}

// afterDeployments returns the moments after a task starts, a task ends, or a version cannot be deployed any more.
func (m *model) afterDeployments(w moment) (all []moment) {
	for i, places := range w.places {
		current := m.pairHeldBy(i, w.currentPair())
		if !slices.ContainsFunc(places, func(p place) bool { return p.pair == current }) {
			all = append(all, w.withPlaces(i, append(slices.Clone(places), place{current, true})))
		}
		for j, p := range places {
			others := slices.Delete(slices.Clone(places), j, j+1)
			somebody := slices.ContainsFunc(others, func(p place) bool { return p.running })
			if !p.running || somebody {
				all = append(all, w.withPlaces(i, append(slices.Clone(others), place{p.pair, !p.running})))
			}
			if !p.running && p.pair != current {
				all = append(all, w.withPlaces(i, others))
			}
		}
	}
	return all
}

func (w moment) withPlaces(consumer int, places []place) moment {
	w = w.clone()
	slices.SortFunc(places, func(a, b place) int { return 100*(a.first-b.first) + a.second - b.second })
	w.places[consumer] = places
	return w
}

// afterPeople returns the moments after a rotation, a put of this or another key, a rollback, and a change in the
// console.
func (m *model) afterPeople(w moment) (all []moment) {
	now, letter := w.currentPair(), w.nextLetter()
	if len(w.owedVersions()) == 0 && now.first == now.second {
		all = append(all, w.putCurrent(m.askCreate(w, false), letter))
	}
	for put := range letter + 1 { // rotary put: through the second place
		if now.first == now.second && put != now.first && (put == letter || !w.restless) {
			all = append(all, w.putCurrent(pair{now.first, put}, put))
		}
	}
	all = append(all, w.putCurrent(now, w.want))
	for _, owed := range w.owedVersions() {
		all = append(all, w.goBackTo(owed))
	}
	if m.urgent {
		all = append(all, w.putCurrent(m.askCreate(w, true), letter))
	}
	if m.console {
		all = append(all, w.afterCarelessPuts()...)
	}
	return all
}

// afterCarelessPuts returns the moments after any two values are put at once.
func (w moment) afterCarelessPuts() (all []moment) {
	letter := w.nextLetter()
	for first := range letter + 1 {
		for second := range letter + 2 {
			put := w.putCurrent(pair{first, second}, -1)
			put.restless = true
			all = append(all, put)
		}
	}
	return all
}

// gatesOpen reports whether an owed version may be retired.
func (m *model) gatesOpen(w moment, owed int) bool {
	old, now := w.versions[owed], w.currentPair()
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

// retireOwed retires an owed version as rotate.Job does: only the last of those owed makes another version.
func (m *model) retireOwed(w moment, owed int) moment {
	last := len(w.owedVersions()) == 1
	after := w.clone()
	after.versions[owed].live = false
	if v, some := m.askRetire(w, owed); some && last {
		return after.putCurrent(v, w.want)
	}
	return after
}

// askRetire returns the answer of the rotator, and remembers it.
func (m *model) askRetire(w moment, owed int) (pair, bool) {
	key := string(w.encodeSource())
	answer, known := m.known[key]
	if !known {
		var rest []values
		for i, v := range w.versions {
			if i != w.current {
				rest = append(rest, m.kit.makeVersion(v.first, v.second))
			}
		}
		old, now := w.versions[owed], w.currentPair()
		v, err := m.kit.rotator.Retire(m.t.Context(), rotate.End{
			Owed: m.kit.makeVersion(old.first, old.second), Current: m.kit.makeVersion(now.first, now.second), Others: othersOf(rest...),
		})
		answer = pair{-1, -1}
		if err != nil {
			m.t.Fatal(err)
		}
		if v != nil {
			answer.first, answer.second = m.kit.readLetters(m.t, v)
		}
		m.known[key] = answer
	}
	return answer, answer.first >= 0
}

// askCreate returns what the rotator creates, with the next letter.
func (m *model) askCreate(w moment, emergency bool) pair {
	now := w.currentPair()
	made := mustCreate(m.t, m.kit.rotator, rotate.Start{Current: m.kit.makeVersion(now.first, now.second), Emergency: emergency})
	if err := m.kit.rotator.Test(m.t.Context(), made); err != nil {
		m.t.Fatal(err)
	}
	letter := w.nextLetter()
	for i, key := range m.kit.second {
		for known := range letters {
			if made[key].Equal(secret.New(m.kit.of(known)[i])) {
				m.t.Fatal("a new credential is an old one")
			}
		}
	}
	for i, key := range m.kit.second {
		made = m.kit.withValue(made, key, m.kit.of(letter)[i])
	}
	first, second := m.kit.readLetters(m.t, made)
	return pair{first, second}
}

// findRefusal describes a sender whom a verifier refuses; "" where there is none.
func (m *model) findRefusal(w moment) string {
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

// wantGoodEnd checks that w ends as wanted, whichever of the owed versions is retired first.
func (m *model) wantGoodEnd(w moment) {
	for _, newest := range []bool{false, true} {
		end := m.settleAll(w, newest).currentPair()
		if end.first != end.second || w.want >= 0 && end.first != w.want {
			m.t.Errorf("%s: %v ends with %v, want %d", m.kit.name, w, end, w.want)
		}
	}
}

// settleAll lets everybody follow, at once, until nothing is owed.
func (m *model) settleAll(w moment, newest bool) moment {
	for range 30 {
		w = w.clone()
		for i := range w.places {
			w.places[i] = []place{{m.pairHeldBy(i, w.currentPair()), true}}
		}
		owed := w.owedVersions()
		if len(owed) == 0 {
			return w
		}
		if newest {
			slices.Reverse(owed)
		}
		if !m.gatesOpen(w, owed[0]) {
			m.t.Fatalf("the gates stay shut: %v", w)
		}
		before := w.currentPair()
		w = m.retireOwed(w, owed[0])
		if after := w.currentPair(); before.first != after.first && (before.first != after.second || before.second != after.first) {
			m.t.Errorf("%s: %v follows %v", m.kit.name, after, before)
		}
	}
	m.t.Fatalf("it never comes to an end: %v", w)
	return w
}

// exploreFrom visits every moment that can come to be, and returns how many there are.
func (m *model) exploreFrom(from moment, check func(w moment)) int {
	seen, queue := map[string]moment{from.encodeKey(): from}, []moment{from}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		check(w)
		for _, n := range m.nextMoments(w) {
			if _, known := seen[n.encodeKey()]; !known {
				seen[n.encodeKey()] = n
				queue = append(queue, n)
			}
		}
		if m.t.Failed() {
			break
		}
	}
	return len(seen)
}
