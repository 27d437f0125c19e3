package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// bucketSince returns a bucket that has had its version since a time, with one consumer that runs another.
func bucketSince(name string, since time.Time) Bucket {
	values := map[string]secret.Value{"KEY": secret.New("value")}
	past := history.PastLabel(since, name+"-0")
	return Bucket{
		Want: bucket.Bucket{Name: name, Secret: name, ARN: "arn:" + name, Version: name + "-1", Values: values},
		History: history.History{Secret: name, ARN: "arn:" + name, Versions: []history.Version{
			{ID: name + "-0", Labels: []string{past}}, {ID: name + "-1", Labels: []string{history.AWSCurrent}},
		}},
		Entries:   []manifest.Entry{{Name: "KEY", Source: "s"}},
		Contents:  Contents{name + "-1": {Values: values}},
		Consumers: []Consumer{{Name: "of " + name, Seen: Seen{Consumer: "of " + name, Running: name + "-0", Settled: true}}},
	}
}

func TestWhoHasWaitedForLongestIsRolledFirst(t *testing.T) {
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	s := State{Environment: "dev", Now: now, Mode: manifest.Retire, Buckets: []Bucket{
		bucketSince("b", now.Add(-time.Minute)), bucketSince("c", now.Add(-time.Hour)), bucketSince("d", now.Add(-time.Second)),
	}}
	var got []string
	for _, r := range Make(s).Rolls {
		got = append(got, r.Consumer)
	}
	if want := "[of c of b of d]"; fmt.Sprint(got) != want {
		t.Errorf("they are rolled in the order %v, want %s", got, want)
	}
}

func TestWhenItMattersWhatCouldBeDeployed(t *testing.T) {
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	calm := bucketSince("b", now)
	calm.Versions = calm.Versions[1:]
	stale := calm
	stale.Want.Values = map[string]secret.Value{"KEY": secret.New("another")}
	owing := Source{Name: "s", History: history.History{Versions: []history.Version{
		{ID: "v-1", Created: now.Add(-time.Hour), Labels: []string{history.Live + "v-1"}}, {ID: "v-2", Created: now, Labels: []string{history.AWSCurrent}},
	}}}
	if len(owing.Owed()) != 1 {
		t.Fatalf("owed is %v", owing.Owed())
	}
	for name, c := range map[string]struct {
		s    State
		want bool
	}{
		"nothing is owed":                         {State{Buckets: []Bucket{calm}}, false},
		"a version ages":                          {State{Buckets: []Bucket{bucketSince("b", now)}}, true},
		"what is owed is in what will be written": {State{Buckets: []Bucket{stale}, Sources: []Source{owing}}, false},
		"what is owed was replaced":               {State{Buckets: []Bucket{calm}, Sources: []Source{owing}}, true},
		"what is owed is in no bucket":            {State{Sources: []Source{owing}}, true},
	} {
		if got := c.s.NeedsRevisions(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
