package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/history"
)

// Whoever blocks a retirement is named, each consumer and not only the one that the first gate finds.
func TestWhoHoldsAnOwedVersionIsNamed(t *testing.T) {
	on := func(name, running string) Consumer {
		return Consumer{Name: name, Seen: Seen{Consumer: name, Running: running, InPlay: []string{running}, Settled: true}}
	}
	unseen := Consumer{Name: "unseen", Seen: Seen{Unknown: "a partial answer"}}
	for _, tt := range []struct {
		what string
		with func(s State) State
		want []string
	}{
		{"nobody", func(s State) State { return s }, nil},
		{"two that run it, and one that does not", func(s State) State {
			s.api().Consumers = []Consumer{on("late", bid(present, 1)), on("slow", bid(present, 1)), on("web", bid(present, 2))}
			return s
		}, []string{"late", "slow"}},
		{"one that could start on it", func(s State) State {
			s.web().Deployable = []string{bid(present, 1)}
			return s
		}, []string{"web"}},
		{"one that is not seen", func(s State) State {
			s.api().Consumers = append(s.api().Consumers, unseen)
			return s
		}, []string{"unseen"}},
		{"one that runs nothing and is not rolled", func(s State) State {
			s.web().Running, s.web().InPlay, s.web().NotRolled = "", nil, "its pipeline deploys"
			return s
		}, []string{"web"}},
		{"a stranger", func(s State) State {
			s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 1))}
			return s
		}, []string{canary}},
		{"a stranger on what is current", func(s State) State {
			s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 2))}
			return s
		}, nil},
		{"a reader of the source", func(s State) State {
			s.db().Consumers = []Consumer{{Name: "nightly", Drain: time.Hour, Seen: Seen{Running: sid(2), InPlay: []string{sid(1), sid(2)}}}}
			return s
		}, []string{"nightly"}},
	} {
		s := tt.with(owing())
		r := Describe(s, Make(s)).Sources[0]
		if len(r.Owed) != 1 || !slices.Equal(r.Owed[0].HeldBy, tt.want) {
			t.Errorf("%s: %+v, want it held by %v", tt.what, r.Owed, tt.want)
		}
	}
}

func TestAReportTellsWhenASourceIsRotatedAndWhenItIsTooOld(t *testing.T) {
	made, next := noon.Add(-22*time.Hour), noon.Add(5*24*time.Hour)
	days := func(n int) duration.Duration { return duration.Duration(time.Duration(n) * 24 * time.Hour) }
	for _, tt := range []struct {
		what string
		with func(s *Source)
		want SourceTimes
	}{
		{"neither", func(*Source) {}, SourceTimes{}},
		{"a schedule", func(s *Source) { s.NextRotation, s.Manifest.Rotate.Every = next, days(30) }, SourceTimes{next, made.Add(32 * 24 * time.Hour)}},
		{"max_age", func(s *Source) { s.Manifest.MaxAge = days(90) }, SourceTimes{Due: made.Add(90 * 24 * time.Hour)}},
		{"both", func(s *Source) { s.Manifest.MaxAge, s.Manifest.Rotate.Every = days(90), days(30) }, SourceTimes{Due: made.Add(32 * 24 * time.Hour)}},
	} {
		s := converged()
		tt.with(s.db())
		got := Describe(s, Make(s))
		if diff := cmp.Diff(tt.want, got.Sources[0].SourceTimes); diff != "" {
			t.Errorf("%s: %s", tt.what, diff)
		}
		if late := got.At.After(tt.want.Due) && !tt.want.Due.IsZero(); late != slices.ContainsFunc(got.Alarms, func(a Alarm) bool { return a.Name == RotationDue }) {
			t.Errorf("%s: alarms %v where it is too old since %v", tt.what, got.Alarms, tt.want.Due)
		}
	}
}

func TestAReportTellsWhoRetainsAVersionSinceWhen(t *testing.T) {
	s := owing()
	owed := s.db().Versions[0].ID
	label(s.db(), 0, history.Retain)
	label(s.db(), 0, s.db().RetainedLabel(noon.Add(-time.Hour), owed, "role/platform"))
	got := Describe(s, Make(s)).Sources[0].Owed[0].Retained
	if diff := cmp.Diff(&Veto{By: "role/platform", Since: noon.Add(-time.Hour)}, got); diff != "" {
		t.Error(diff)
	}
	s = owing()
	label(s.db(), 0, s.db().RetainedLabel(noon, owed, "role/platform")) // RETAIN came off by hand
	if got := Describe(s, Make(s)).Sources[0].Owed[0]; got.Retained != nil || len(got.Blocked) > 0 {
		t.Errorf("a note without RETAIN counts: %+v", got)
	}
}

func TestAReportTellsSinceWhenAConsumerRunsWhatAndHowItsRolloutFailed(t *testing.T) {
	s := converged()
	web := s.web()
	web.Kind, web.Since, web.RollingSince = "ecs", noon.Add(-3*time.Hour), noon.Add(-time.Minute)
	web.Failed = &Failed{Version: bid(present, 1), Rest: "image:1", Reason: "no image", At: noon.Add(-time.Hour)}
	got := Describe(s, Make(s)).Consumers[0]
	want := RolloutFailure{Version: bid(present, 1), Reason: "no image", At: noon.Add(-time.Hour)}
	if got.Kind != "ecs" || !got.Since.Equal(web.Since) || !got.RollingSince.Equal(web.RollingSince) || got.Failed == nil || *got.Failed != want {
		t.Errorf("%+v", got)
	}
}

func TestAReportTellsWhoRunsOnWhichVersionOfASource(t *testing.T) {
	s := owing()
	s.api().Consumers = append(s.api().Consumers, Consumer{Name: "late", Seen: Seen{Running: bid(present, 1), InPlay: []string{bid(present, 1)}, Settled: true}})
	runs := map[string][]string{}
	for _, v := range Describe(s, Make(s)).Sources[0].Versions {
		runs[v.Version] = v.RunBy
	}
	if diff := cmp.Diff(map[string][]string{sid(1): {"late"}, sid(2): {"web"}}, runs); diff != "" {
		t.Error(diff)
	}
	s = edited() // the bucket is not made from the current version yet
	for _, v := range Describe(s, Make(s)).Sources[0].Versions {
		if slices.Contains(v.Labels, history.AWSCurrent) && len(v.RunBy) > 0 {
			t.Errorf("%v run on a version that is in no bucket", v.RunBy)
		}
	}
}
