package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// A retirement that fails is remembered in one label, with its count, the first time and the last, and the error.
func TestAFailureIsReadAgainFromItsLabel(t *testing.T) {
	s := owing()
	h, v := s.db().History, s.db().Versions[0]
	cause := errors.New("rotary-dev-rotate failed: Failed: retire version 00000001 of db: permission denied for user \"x\" (SQLSTATE 42501)")
	f := Failure{}.After(noon, cause).After(noon.Add(time.Minute), cause)
	text := f.Label(h, v)
	if len(text) > 256 || !strings.HasPrefix(text, history.Failed+"2-") || strings.ContainsAny(text, `" ():`) {
		t.Errorf("the label is %q", text)
	}
	label(s.db(), 0, text)
	read, has := FailureOf(s.db().Versions[0])
	if diff := cmp.Diff(f, read); diff != "" || has != text {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if !read.First.Equal(noon) || !read.Last.Equal(noon.Add(time.Minute)) || !strings.HasSuffix(read.Error, "SQLSTATE 42501") {
		t.Errorf("it reads %+v", read)
	}
	long := Failure{}.After(noon, errors.New(strings.Repeat("words ", 100)+pasted+" the end")).Label(h, v)
	if len(long) > 256 || strings.Contains(long, "16C7e42F") || !strings.HasSuffix(long, "the-end") {
		t.Errorf("a long error gives %q", long)
	}
}

func TestAnyTextAfterFailedIsReadWithoutAPanic(_ *testing.T) {
	for _, text := range []string{"", "x", "1", "1-", "-1--", "1-2-3-4-5-6", "9999999999999999999-1-1-a-b"} {
		_, _ = FailureOf(history.Version{Labels: []string{history.Failed + text}})
	}
}

func TestAFailedRetirementIsTriedAgainLaterAndLater(t *testing.T) {
	for count, wait := range map[int]time.Duration{1: time.Minute, 2: 5 * time.Minute, 3: 15 * time.Minute, 4: time.Hour, 5: time.Hour, 50: time.Hour} {
		s := owing()
		failure := Failure{Count: count, First: noon.Add(-time.Hour), Last: noon, Error: "refused"}
		label(s.db(), 0, failure.Label(s.db().History, s.db().Versions[0]))
		s.Now = noon.Add(wait - time.Second)
		p := Make(s)
		if len(p.Advances) > 0 || len(p.Waits) != 1 || p.Waits[0].Reason != RetryLater || !p.Waits[0].Until.Equal(noon.Add(wait)) {
			t.Errorf("%d failures, %s later: the plan is %q, the waits %+v", count, wait, lines(p), p.Waits)
		}
		s.Now = noon.Add(wait)
		if p := Make(s); len(p.Advances) != 1 {
			t.Errorf("%d failures: it is not tried again: %q", count, lines(p))
		}
	}
}

func TestWhatIsNotOwedAnyMoreForgetsItsFailures(t *testing.T) {
	s := converged()
	label(s.db(), 0, Failure{Count: 2, First: noon, Last: noon}.Label(s.db().History, s.db().Versions[0]))
	if p := Make(s); len(p.Drops) != 1 || !strings.HasPrefix(p.Drops[0].Label, history.Failed) || p.Drops[0].To != "" {
		t.Errorf("the plan is %q", lines(p))
	}
}

func TestAVetoShowsWhereverItsVersionShows(t *testing.T) {
	s := owing()
	label(s.db(), 0, history.Rollback)
	label(s.db(), 1, history.Retain)
	label(s.db(), 0, Failure{Count: 2, First: noon, Last: noon, Error: "refused"}.Label(s.db().History, s.db().Versions[0]))
	r := Describe(s, Make(s)).Source("db")
	if !slices.Equal(r.Kept, []string{history.Retain}) || !slices.Equal(r.Owed[0].Kept, []string{history.Rollback}) || r.Owed[0].Failed == nil || r.Owed[0].Failed.Count != 2 {
		t.Errorf("the report is %+v", r)
	}
}

// A hint that a person copies names the version where several are owed.
func TestTheHintForWhatIsOwedNamesTheVersion(t *testing.T) {
	s := owing()
	if got := s.db().retireCommand("dev", s.db().Versions[0]); got != "rotary retire dev db --revoked" {
		t.Errorf("for one: %q", got)
	}
	s.db().add(sv(0, values("URL", "first"), live(0)))
	if got := s.db().retireCommand("dev", s.db().Versions[0]); got != "rotary retire dev db --revoked --version "+history.Short(sid(1)) {
		t.Errorf("for one of two: %q", got)
	}
}

// An emergency's deadline retires nothing where a bucket that the source feeds has no room to be written.
func TestADeadlineWaitsForRoomInABucket(t *testing.T) {
	s := urgent(noon.Add(-time.Hour))
	second := s.addBucket("second")
	second.Want.Version, second.Want.Values = bid(present, 3), values("DB", "next")
	if p := Make(s); len(p.Advances) != 1 {
		t.Fatalf("with room: %q", lines(p))
	}
	second = &s.Buckets[len(s.Buckets)-1]
	second.Versions = slices.Clone(second.Versions)
	for n := range second.Versions {
		second.Versions[n].Labels = slices.Clone(second.Versions[n].Labels)
	}
	second.Versions[0].Labels = append(second.Versions[0].Labels, customs(17)...)
	p := Make(s)
	if len(p.Advances) != 0 || !slices.Contains(objections(s), LabelsFull) {
		t.Errorf("without room: %q, %q", lines(p), objections(s))
	}
}
