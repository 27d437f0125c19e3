package simulation

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// patienceOfTimes is when a measurement gives up.
const patienceOfTimes = 3 * time.Hour

// phases returns the moments, in minutes from the rotation, at which a busy world's first deployments come: each that
// there is. A calm world has one.
func phases(busy bool) []int {
	if !busy {
		return []int{0}
	}
	return []int{0, 1, 2, 3, 4}
}

// measurement is a world in which minutes are counted from a rotation, with a pass each minute.
type measurement struct {
	*World
	source manifest.Source
	newest string // the value that the rotation made, of a symmetric secret
	start  time.Time
	reach  map[string]time.Duration // when something was first true, and has been since
	pace   plan.Pace                // that the first report told
}

// measure rotates a source in a world of slow services, and returns when each of these has become true for good.
func measure(t *testing.T, name, source string, busy bool, phase int, goals map[string]func(m *measurement) bool) *measurement {
	t.Helper()
	w, err := Scenario{Manifest: name, Slow: true}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if busy { // a phase of 0 is a deployment in the minute of the rotation
		w.Step(Step{Do: "busy"})
		w.Advance(time.Hour + busyEvery - time.Duration(phase)*time.Minute)
	}
	s, _ := w.Env.Source(source)
	w.Step(Step{Do: "rotate " + source})
	newest := secret.Reveal(w.readSource(s)[s.Symmetric()]) // it is accepted first
	m := &measurement{w, s, newest, w.Clock.Now(), map[string]time.Duration{}, plan.Pace{}}
	for w.Clock.Now().Sub(m.start) < patienceOfTimes {
		w.Step(Step{Do: "pass"})
		if m.pace == (plan.Pace{}) {
			m.pace = w.last.Source(source).Pace
		}
		for goal, is := range goals {
			_, was := m.reach[goal]
			switch reached := is(m); {
			case !reached:
				delete(m.reach, goal)
			case !was:
				m.reach[goal] = w.Clock.Now().Sub(m.start)
			}
		}
		if len(m.reach) == len(goals) {
			break
		}
		w.Advance(time.Minute)
	}
	w.Finish()
	for _, v := range w.Violations {
		t.Errorf("%s, busy %v, phase %d: %s", name, busy, phase, v)
	}
	if err := w.World.Close(); err != nil {
		t.Error(err)
	}
	return m
}

// isDead reports whether no version of the source but the current one carries LIVE.
func (m *measurement) isDead() bool { return !m.isOwing(m.source) && len(m.last.Sources) > 0 }

// isCurrentEverywhere reports whether no running task has a value in these keys but the newest one of the source.
func (m *measurement) isCurrentEverywhere(keys ...string) bool {
	for _, env := range m.region().ECS.Environments("app") {
		for _, c := range m.Env.Consumers {
			for _, key := range keys {
				for _, name := range stage.BucketNames(m.Env, c, key) {
					if value, has := env[name]; has && value != m.newest {
						return false
					}
				}
			}
		}
	}
	return true
}

// TestACredentialIsDeadInTime measures the minutes from a rotation to the end of what it replaced, calm and busy.
func TestACredentialIsDeadInTime(t *testing.T) {
	for _, c := range []struct {
		manifest, source string
		goals            map[string]func(m *measurement) bool
		within           map[string]time.Duration
		busy             map[string]time.Duration // where that is more
		end              string                   // the goal with which the rotation is over
	}{
		{"twins", "db", map[string]func(m *measurement) bool{"dead": (*measurement).isDead}, map[string]time.Duration{"dead": 16 * time.Minute}, nil, "dead"},
		{"main", "db", map[string]func(m *measurement) bool{"dead": (*measurement).isDead}, map[string]time.Duration{"dead": 16 * time.Minute}, nil, "dead"},
		{"symmetric", "handshake", map[string]func(m *measurement) bool{
			"nobody sends it":   func(m *measurement) bool { return m.isCurrentEverywhere("HANDSHAKE") },
			"nobody accepts it": func(m *measurement) bool { return m.isCurrentEverywhere("HANDSHAKE", "HANDSHAKE_ALSO") },
			"done":              (*measurement).isDead,
		}, map[string]time.Duration{"nobody sends it": 20 * time.Minute, "nobody accepts it": 33 * time.Minute, "done": 45 * time.Minute},
			map[string]time.Duration{"nobody accepts it": 35 * time.Minute, "done": 48 * time.Minute}, "done"}, // three steps of 16
	} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, busy %v", c.manifest, busy), func(t *testing.T) {
				t.Parallel()
				worst := map[string]time.Duration{}
				var pace plan.Pace
				for _, phase := range phases(busy) {
					m := measure(t, c.manifest, c.source, busy, phase, c.goals)
					reached := m.reach
					pace = m.pace
					for goal := range c.goals {
						took, ever := reached[goal]
						if !ever {
							took = patienceOfTimes
						}
						worst[goal] = max(worst[goal], took)
					}
				}
				for _, goal := range slices.Sorted(maps.Keys(c.within)) {
					most := c.within[goal]
					if busy {
						most = max(most, c.busy[goal])
					}
					t.Logf("%s: %v, at most %v", goal, worst[goal], most)
					if worst[goal] > most {
						t.Errorf("%s only after %v, at most %v are promised", goal, worst[goal], most)
					}
				}
				checkEstimate(t, pace, worst[c.end], busy)
			})
		}
	}
}

// checkEstimate checks what people are told at the beginning against the time that it took: the same to a minute in a
// calm world, and no more than that in a busy one.
func checkEstimate(t *testing.T, pace plan.Pace, took time.Duration, busy bool) {
	t.Helper()
	told := pace.Total()
	t.Logf("told: about %v", told)
	if off := (took - told).Abs(); !busy && off > time.Minute {
		t.Errorf("people are told %v, and it took %v", told, took)
	}
	if busy && (told > took || took-told > time.Duration(pace.Steps)*2*time.Minute) {
		t.Errorf("people are told %v, and it took %v in a busy world: more than two minutes a step beyond that", told, took)
	}
}
