package plan

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// TestTheTableOfChanges starts from a change that was made three hours into the day before and that every consumer has
// followed, with the version before still HELD.
func TestTheTableOfChanges(t *testing.T) {
	const never = time.Duration(-1)
	made := sv(3, nil).Created
	for _, tt := range []struct {
		name   string
		with   func(s State)
		open   bool
		follow time.Duration // after it was made
	}{
		{"followed, and the version before is HELD", nil, true, 10 * time.Minute},
		{"nothing is left", func(s State) { s.api().Versions[0].Labels = []string{history.AWSPrevious} }, false, never},
		{"nothing is owed", func(s State) { s.db().Versions[1].Labels = []string{history.AWSPrevious} }, false, never},
		{"the bucket is not written", func(s State) { swap(s.api()) }, true, never},
		{"a consumer runs the version before", func(s State) { runs(s.web(), 2) }, true, never},
		{"a consumer runs it, and it is no longer HELD", func(s State) {
			runs(s.web(), 2)
			s.api().Versions[0].Labels = nil
		}, true, never},
		{"a consumer is on its way", func(s State) {
			runs(s.web(), 2)
			s.web().RollingTo, s.web().Settled, s.web().InPlay = bid(present, 3), false, []string{bid(present, 2), bid(present, 3)}
		}, true, never},
		{"a consumer is there, and tasks of before are still stopping", func(s State) {
			s.web().Settled, s.web().InPlay = false, []string{bid(present, 2), bid(present, 3)}
		}, true, never},
		{"a consumer is there, and could go back", func(s State) { s.web().InPlay = []string{bid(present, 2), bid(present, 3)} }, true, 10 * time.Minute},
		{"a consumer cannot be read", func(s State) { s.web().Seen = Seen{Unread: true} }, true, never},
		{"a consumer is seen in part", func(s State) { s.web().Unknown = "no task proves it" }, true, never},
		{"a consumer lags behind another source's change", func(s State) { behindOther(s) }, true, 10 * time.Minute},
		{"readers drain", func(s State) {
			s.api().Consumers = append(s.api().Consumers, Consumer{Name: "laptops", Drain: day, Seen: Seen{
				Running: bid(present, 3), InPlay: []string{bid(present, 2), bid(present, 3)}, Changed: noon,
			}})
		}, true, 10 * time.Minute},
		{"another consumer came last", func(s State) {
			late := on("late", 3)
			late.Changed = made.Add(20 * time.Minute)
			s.api().Consumers = append(s.api().Consumers, late)
		}, true, 20 * time.Minute},
		{"nobody runs on it", func(s State) { s.api().Consumers = nil }, true, 0},
		{"the consumers' clock is behind", func(s State) { s.web().Changed = made.Add(-time.Second) }, true, 0},
	} {
		s := followed(made.Add(10 * time.Minute))
		if tt.with != nil {
			tt.with(s)
		}
		got := Describe(s, Make(s)).Sources[0]
		if tt.open != got.Changed.Equal(made) || got.Changed.IsZero() == tt.open {
			t.Errorf("%s: made at %v, want open %v", tt.name, got.Changed, tt.open)
		}
		if tt.follow == never != got.Followed.IsZero() || tt.follow != never && !got.Followed.Equal(made.Add(tt.follow)) {
			t.Errorf("%s: followed at %v, made at %v, want %v later", tt.name, got.Followed, made, tt.follow)
		}
	}
}

// followed is a state in which web has followed a change from version 2 to version 3 of db at that time.
func followed(at time.Time) State {
	s := edited()
	s.api().set(bv(2, values("DB", "new"), history.AWSPrevious, held(2)), bv(3, values("DB", "newer"), history.AWSCurrent, held(3)))
	runs(s.web(), 3)
	s.web().Changed = at
	return s
}

func runs(c *Consumer, n int) {
	c.Running, c.InPlay, c.RollingTo, c.Settled = bid(present, n), []string{bid(present, n)}, "", true
}

// swap makes the version before the bucket's current one, as it is until the first pass after a change has written.
func swap(b *Bucket) {
	b.Versions[1].Labels, b.Versions[0].Labels = []string{held(3)}, []string{history.AWSCurrent, held(2)}
}

// behindOther makes web run a version that lacks another source's newest value, but not db's.
func behindOther(s State) {
	s.api().add(bv(4, values("DB", "newer", "OTHER", "x"), history.AWSCurrent, held(4)))
	s.api().Versions[1].Labels = []string{held(3)}
	s.api().Want.Version, s.api().Want.Values = bid(present, 4), values("DB", "newer", "OTHER", "x")
}

func TestAChangeNobodyFollowsCountsFromTheFirst(t *testing.T) {
	s := followed(noon)
	runs(s.web(), 2)
	s.db().Versions[2].Labels = []string{live(3), history.AWSPrevious}
	s.db().add(sv(4, values("URL", "newest"), history.AWSCurrent, live(4), history.Seen))
	if got, want := Describe(s, Make(s)).Sources[0], sv(3, nil).Created; !got.Changed.Equal(want) || !got.Followed.IsZero() {
		t.Errorf("made %v, followed %v; the first change was made at %v", got.Changed, got.Followed, want)
	}
}

func TestGoingBackIsAChangeOfTheMomentTheLabelsMoved(t *testing.T) {
	s := followed(noon)
	s.db().Versions[1].Labels, s.db().Versions[2].Labels = []string{history.AWSCurrent, live(2)}, []string{history.AWSPrevious, live(3), history.Seen}
	s.db().Changed = noon.Add(-5 * time.Minute)
	if got := Describe(s, Make(s)).Sources[0]; !got.Changed.Equal(s.db().Changed) || !got.Followed.IsZero() {
		t.Errorf("made %v, followed %v; the labels moved at %v", got.Changed, got.Followed, s.db().Changed)
	}
}
