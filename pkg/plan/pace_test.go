package plan

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestThePaceOfAChangeIsMadeFromWhatTheGatesWaitFor(t *testing.T) {
	web := func(s *State) *Consumer { return &s.api().Consumers[0] }
	for name, c := range map[string]struct {
		change         func(s *State)
		follow, settle time.Duration
	}{
		"nothing to deregister":        {func(*State) {}, usualRollout, history.LateWrite},
		"tasks":                        {func(s *State) { web(s).RunsTasks = true }, usualRollout, history.Deregistered},
		"a slow pipeline":              {func(s *State) { web(s).RunsTasks, web(s).DeploysTake = true, time.Hour }, usualRollout, time.Hour},
		"readers":                      {func(s *State) { web(s).Drain = 2 * time.Hour }, nextPass, 2*time.Hour - nextPass + history.LateWrite},
		"readers of the source itself": {func(s *State) { s.db().Consumers = []Consumer{{Drain: 26 * time.Hour}} }, usualRollout, 26*time.Hour - usualRollout},
		"in no bucket":                 {func(s *State) { s.api().Entries = nil }, nextPass, history.LateWrite - nextPass},
		"nobody retires":               {func(s *State) { s.Mode = manifest.Propagate }, usualRollout, 0},
		"AWS retires":                  {func(s *State) { s.db().Manifest.Rotate = manifest.RotateWith(manifest.Managed) }, usualRollout, 0},
	} {
		s := converged()
		c.change(&s)
		got := Describe(s, Make(s)).Source("db").Pace
		if got.Follow.Std() != c.follow || got.Settle.Std() != c.settle || got.Steps != 1 || got.Total() != c.follow+c.settle {
			t.Errorf("%s: %v and %v, want %v and %v", name, got.Follow, got.Settle, c.follow, c.settle)
		}
	}
}

// What is told in the last minute is what the gate itself says: when the last thing was withdrawn, the pace is over
// exactly when the gate opens.
func TestThePaceEndsWhenTheGateOpens(t *testing.T) {
	s := owing()
	pace := s.measurePace(*s.db())
	for i, v := range s.api().Versions {
		if !v.Has(history.AWSCurrent) {
			s.api().Versions[i].Labels = []string{history.GoneLabel(s.Now, s.api().TimedLabel(history.Past, s.Now, v.ID))}
		}
	}
	d := s.listDebts()[0]
	if got := d.settlesAt(s).Sub(s.Now); got > pace.Settle.Std() {
		t.Errorf("the gate opens in %v, and people are told %v", got, pace.Settle)
	}
}

func TestTheStepsOfACredentialThatMovesInThree(t *testing.T) {
	const none = ""
	for name, c := range map[string]struct {
		owed, current [2]string
		step          int
	}{
		"the new one waits":      {[2]string{"a", "a"}, [2]string{"a", "b"}, 1},
		"it is sent":             {[2]string{"a", "b"}, [2]string{"b", "a"}, 2},
		"the old one is dropped": {[2]string{"b", "a"}, [2]string{"b", "b"}, 3},
		"a person put one":       {[2]string{"a", none}, [2]string{"a", "b"}, 1},
	} {
		s := owing()
		s.db().Manifest = manifest.Source{Name: "db", Secret: s.db().Secret, Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Key: "K", Also: "ALSO"}}, Keys: manifest.Keys{Names: []string{"K", "ALSO"}}}
		current, _ := s.db().Current()
		values := func(v [2]string) Content {
			return Content{Values: map[string]secret.Value{"K": secret.New(v[0]), "ALSO": secret.New(v[1])}}
		}
		s.db().Contents = Contents{current.ID: values(c.current), s.db().Owed()[0].ID: values(c.owed)}
		if got := s.findStep(*s.db()); got != c.step {
			t.Errorf("%s: step %d, want %d", name, got, c.step)
		}
	}
	p := Pace{Steps: 3, Follow: 3 * 60e9, Settle: 11 * 60e9}
	if p.Total() != 44*time.Minute || p.After(1) != 30*time.Minute || p.After(3) != 0 {
		t.Errorf("three steps take %v, two %v, none %v", p.Total(), p.After(1), p.After(3))
	}
}
